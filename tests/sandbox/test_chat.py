"""Chat answers of the sandbox: what OpenAI's document says, and what the magic words promise."""

import base64
import io
import json
import re
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import validate as validate_schema
from PIL import Image
from tests.openapi_schema import validate

from pronghorn.kit import sse
from pronghorn.sandbox.openai.schema_sample import Sampler

Shape = dict[str, Any]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["city", "days"],
        },
    },
}


def user(text: Any, **more: Any) -> Shape:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


async def ask(client: aiohttp.ClientSession, body: Shape, **headers: str) -> Shape:
    async with client.post("/v1/chat/completions", json=body, headers=headers) as response:
        answer: Shape = await response.json()
        assert response.status == 200, answer
    validate("CreateChatCompletionResponse", answer)
    return answer


async def stream(client: aiohttp.ClientSession, body: Shape, **headers: str) -> list[Any]:
    async with client.post("/v1/chat/completions", json=body | {"stream": True}, headers=headers) as response:
        splitter = sse.Splitter()
        payloads = [sse.data_of(event) for event in splitter.feed(await response.read())]
    events = [p.decode() if p == b"[DONE]" else json.loads(p) for p in payloads if p is not None]
    for event in events:
        if event != "[DONE]":
            validate("CreateChatCompletionStreamResponse", event)
    return events


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("repeat: 你好, wörld 🎉", "你好, wörld 🎉"),
        ("say 3 words", "word1 word2 word3"),
        ("Hi", "Hello from the sandbox! You said: Hi"),
    ],
)
async def test_magic_words_decide_the_text_whole_and_streamed(
    client: aiohttp.ClientSession, prompt: str, said: str
) -> None:
    whole = await ask(client, user(prompt))
    assert whole["choices"][0]["message"]["content"] == said
    events = await stream(client, user(prompt, stream_options={"include_usage": True}))
    assert "".join(e["choices"][0]["delta"].get("content") or "" for e in events[:-2]) == said
    assert events[-1] == "[DONE]"
    assert events[-2]["choices"] == []
    assert events[-2]["usage"] == whole["usage"]


async def test_a_stream_without_include_usage_has_no_usage(client: aiohttp.ClientSession) -> None:
    events = await stream(client, user("Hi"))
    assert not any("usage" in event for event in events)
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert events[-2]["choices"][0]["finish_reason"] == "stop"


async def test_tools_are_called_with_arguments_that_validate(client: aiohttp.ClientSession) -> None:
    body = user("call get_weather for Oslo, 3 days", tools=[WEATHER])
    message = (await ask(client, body))["choices"][0]["message"]
    arguments = json.loads(message["tool_calls"][0]["function"]["arguments"])
    validate_schema(arguments, WEATHER["function"]["parameters"])  # type: ignore[index]
    assert arguments["days"] == 3
    deltas = [
        call
        for event in (await stream(client, body))[:-1]
        for call in event["choices"][0]["delta"].get("tool_calls") or ()
    ]
    assert [("id" in delta, "name" in delta["function"]) for delta in deltas][:2] == [
        (True, True),
        (False, False),
    ]
    assert json.loads("".join(delta["function"]["arguments"] for delta in deltas)) == arguments


async def test_words_of_the_system_behind_the_users_change_nothing(client: aiohttp.ClientSession) -> None:
    body = user("call get_weather for Oslo, 3 days", tools=[WEATHER])
    body["messages"].append({"role": "system", "content": "The date is unknown."})
    [call] = (await ask(client, body))["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"


async def test_a_tool_result_is_told(client: aiohttp.ClientSession) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    body = user("weather?", tools=[WEATHER])
    body["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "4 degrees"},
    ]
    assert "4 degrees" in (await ask(client, body))["choices"][0]["message"]["content"]


async def test_vision_says_size_and_colour(client: aiohttp.ClientSession) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), (220, 30, 30)).save(picture, "PNG")
    url = "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = await ask(client, user(parts))
    assert answer["choices"][0]["message"]["content"] == "Picture 1 is 64x48 pixels, mostly red."


async def test_limits_reasoning_choices_and_logprobs(client: aiohttp.ClientSession) -> None:
    cut = await ask(client, user("say 50 words", max_tokens=5))
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 5
    thought = await ask(client, user("Hi") | {"model": "o3"})
    assert thought["choices"][0]["message"]["reasoning_content"]
    assert thought["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    several = await ask(client, user("Hi", n=3, logprobs=True, top_logprobs=2))
    assert [choice["index"] for choice in several["choices"]] == [0, 1, 2]
    assert len(several["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2


@pytest.mark.parametrize(
    ("simulate", "last", "count"),
    [("end-after=2", None, 2), ("usage=none", "[DONE]", None), ("speed=2,delay=1ms", "[DONE]", None)],
)
async def test_faults_are_played(
    client: aiohttp.ClientSession, simulate: str, last: str | None, count: int | None
) -> None:
    headers = {"x-pronghorn-simulate": simulate}
    events = await stream(client, user("Hi", stream_options={"include_usage": True}), **headers)
    assert events[-1] == last or last is None
    assert count is None or len(events) == count


async def test_a_cut_breaks_the_connection_and_a_status_fails_so_many_times(
    client: aiohttp.ClientSession,
) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await stream(client, user("say 9 words"), **{"x-pronghorn-simulate": "cut-after=3"})
    statuses = []
    for _ in range(3):
        headers = {"x-pronghorn-simulate": "status=503/2"}
        async with client.post("/v1/chat/completions", json=user("x"), headers=headers) as response:
            statuses.append(response.status)
            validate("ErrorResponse", await response.json()) if response.status != 200 else None
    assert statuses == [503, 503, 200]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "model"),
        ({"model": "m"}, 400, "messages"),
        ({"model": "m", "messages": []}, 400, "messages"),
        (user("x", temperature=3), 400, "temperature"),
        (user("x", n=200), 400, "n"),
        (user("x") | {"model": "sandbox-429"}, 429, None),
    ],
)
async def test_bad_requests_are_refused_as_openai_does(
    client: aiohttp.ClientSession, body: Shape, status: int, param: str | None
) -> None:
    async with client.post("/v1/chat/completions", json=body) as response:
        error = (await response.json())["error"]
    assert (response.status, error["param"]) == (status, param)
    assert set(error) == {"message", "type", "param", "code"}


_LEAVES = st.one_of(
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
        st.integers(-50, 50),
        st.integers(0, 20),
    ),
    st.builds(
        lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span},
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": ["string", "null"]},
            {"enum": ["a", 2]},
            {"const": None},
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            {"type": "integer", "multipleOf": 7, "minimum": 3},
            {"type": "string", "pattern": "^[A-Z]{2}\\d{3}$"},
        ]
    ),
)
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3).map(
            lambda p: {"type": "object", "properties": p, "required": [*p], "additionalProperties": False}
        ),
        st.builds(
            lambda items, n: {"type": "array", "items": items, "minItems": n}, inner, st.integers(0, 3)
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
    ),
    max_leaves=8,
)


@given(_SCHEMAS, st.text(max_size=30))
@settings(max_examples=150)
def test_the_sampler_gives_what_the_schema_accepts(schema: Shape, prompt: str) -> None:
    validate_schema(Sampler(schema, prompt).sample(), schema)


def test_the_sampler_ends_on_a_schema_that_contains_itself() -> None:
    node: Shape = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        },
        "required": ["name", "next"],
    }
    schema = {"$ref": "#/$defs/node", "$defs": {"node": node}}
    validate_schema(Sampler(schema).sample(), schema)


async def test_pictures_come_through_chat_as_an_address(client: aiohttp.ClientSession) -> None:
    answer = await ask(client, user("a red house, 3:2", model="gpt-4o-image"))
    text = answer["choices"][0]["message"]["content"]
    (address,) = re.findall(r"!\[[^\]]*\]\((http[^)]+\.png)\)", text)
    async with client.get(address) as response:
        assert Image.open(io.BytesIO(await response.read())).size == (1536, 1024)
    refused = await ask(client, user("refuse", model="gpt-4o-image"))
    assert "http" not in refused["choices"][0]["message"]["content"]
