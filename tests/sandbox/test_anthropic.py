"""Anthropic's dialect of the sandbox: what its document says, the order of events, and what Anthropic refuses."""

import base64
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from jsonschema import validate as validate_schema
from PIL import Image
from tests.anthropic_schema import is_valid, validate

from pronghorn.kit import sse
from pronghorn.kit.clock import FakeClock
from pronghorn.sandbox.anthropic.cache import Cache, Piece, Use
from pronghorn.sandbox.anthropic.seal import Seal

Shape = dict[str, Any]

OLD, NEW = "claude-sonnet-4-5", "claude-opus-5-5"
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city", "days"],
    },
}
CLOCK = {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
THINKING = {"type": "enabled", "budget_tokens": 1024}
EPHEMERAL = {"type": "ephemeral"}
LONG = "word " * 1100


@pytest_asyncio.fixture
async def client(sandbox_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"x-api-key": "sandbox", "anthropic-version": "2023-06-01"}
    async with aiohttp.ClientSession(sandbox_url, headers=headers) as session:
        yield session


def user(content: Any, **more: Any) -> Shape:
    return {"model": OLD, "max_tokens": 2048, "messages": [{"role": "user", "content": content}], **more}


def talk(*contents: Any, **more: Any) -> Shape:
    """User and assistant in turn."""
    roles = ("user", "assistant")
    messages = [{"role": roles[place % 2], "content": content} for place, content in enumerate(contents)]
    return user("") | {"messages": messages, **more}


async def ask(client: aiohttp.ClientSession, body: Shape, **headers: str) -> Shape:
    async with client.post("/v1/messages", json=body, headers=headers) as response:
        answer: Shape = await response.json()
        assert response.status == 200, answer
    validate("Message", answer)
    return answer


async def refused(
    client: aiohttp.ClientSession, body: Any, *, path: str = "/v1/messages", **headers: str
) -> tuple[int, str, str]:
    data = io.BytesIO(json.dumps(body).encode())
    async with client.post(path, data=data, headers=headers) as response:
        answer = await response.json()
        assert response.headers["request-id"] == answer["request_id"]
    validate("ErrorResponse", answer)
    return response.status, answer["error"]["type"], answer["error"]["message"]


async def stream(client: aiohttp.ClientSession, body: Shape, **headers: str) -> list[Shape]:
    async with client.post("/v1/messages", json=body | {"stream": True}, headers=headers) as response:
        data = await response.read()
        assert response.status == 200, data
        assert response.content_type == "text/event-stream"
        assert response.headers["request-id"].startswith("req_")
    names = re.findall(rb"^event: (.*)$", data, re.MULTILINE)
    events = [json.loads(sse.data_of(event) or b"") for event in sse.Splitter().feed(data)]
    assert [event["type"] for event in events] == [name.decode() for name in names]
    for event in events:
        validate("StreamEvent", event)
    return events


def gathered(events: list[Shape]) -> Shape:
    """The message that the events tell; checks their order as it goes."""
    assert events[0]["type"] == "message_start"
    message: Shape = events[0]["message"]
    assert message["content"] == [] and message["stop_reason"] is None
    is_open = False
    partial = ""
    for event in events[1:]:
        kind = event["type"]
        if kind == "content_block_start":
            assert not is_open and event["index"] == len(message["content"])
            message["content"].append(event["content_block"])
            is_open, partial = True, ""
        elif kind == "content_block_delta":
            assert is_open and event["index"] == len(message["content"]) - 1
            partial = _grown(message["content"][-1], event["delta"], partial)
        elif kind == "content_block_stop":
            assert is_open
            is_open = False
            if message["content"][-1]["type"] in ("tool_use", "server_tool_use"):
                message["content"][-1]["input"] = json.loads(partial or "{}")
        elif kind == "message_delta":
            assert not is_open
            message |= event["delta"]
            message["usage"] |= event["usage"]
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    return message


def _grown(block: Shape, delta: Shape, partial: str) -> str:
    kind = delta["type"]
    if kind == "input_json_delta":
        return partial + str(delta["partial_json"])
    if kind == "text_delta":
        block["text"] += delta["text"]
    elif kind == "thinking_delta":
        block["thinking"] += delta["thinking"]
    elif kind == "signature_delta":
        block["signature"] = delta["signature"]
    else:
        block["citations"].append(delta["citation"])
    return partial


def without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_ids(v) for k, v in value.items() if k not in ("id", "tool_use_id")}
    return [without_ids(item) for item in value] if isinstance(value, list) else value


async def both(client: aiohttp.ClientSession, body: Shape, **headers: str) -> Shape:
    """The answer, having seen that the stream tells the same."""
    if "anthropic-beta" not in headers:
        validate("CreateMessageParams", body)
    whole = await ask(client, body, **headers)
    events = await stream(client, body, **headers)
    assert without_ids(gathered(events)) == without_ids(whole)
    return whole


def texts(message: Shape) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


def kinds(message: Shape) -> list[str]:
    return [block["type"] for block in message["content"]]


def picture(size: tuple[int, int] = (64, 48)) -> str:
    data = io.BytesIO()
    Image.new("RGB", size, (220, 30, 30)).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def image(data: str, media_type: str = "image/png") -> Shape:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def document(data: str) -> Shape:
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    return {"type": "document", "source": source}


def pdf(words: str, pages: int = 1) -> str:
    content = zlib.compress(f"BT ({words}) Tj ET".encode())
    data = b"%PDF-1.4\n" + b"<< /Type /Page >>\n" * pages + b"<< /Type /Pages >>\n"
    return base64.b64encode(data + b"stream\n" + content + b"\nendstream\n%%EOF").decode()


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
    message = await both(client, user(prompt))
    assert (texts(message), message["stop_reason"]) == (said, "end_turn")
    assert message["content"][0]["citations"] is None


async def test_events_of_a_text_come_in_anthropics_order(client: aiohttp.ClientSession) -> None:
    events = await stream(client, user("repeat: one"))
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["usage"]["output_tokens"] == 1
    assert events[5]["usage"]["output_tokens"] == 1


async def test_key_is_taken_from_either_header_and_missed_in_neither(sandbox_url: str) -> None:
    version = {"anthropic-version": "2026-10-21"}
    async with aiohttp.ClientSession(sandbox_url, headers=version) as keyless:
        body = user("Hi", model=NEW)
        assert texts(await ask(keyless, body, Authorization="Bearer k"))
        assert texts(await ask(keyless, body, **{"x-api-key": "k"}))
        assert await refused(keyless, body) == (
            401,
            "authentication_error",
            "x-api-key header is required",
        )


async def test_version_is_required_and_known(sandbox_url: str) -> None:
    async with aiohttp.ClientSession(sandbox_url, headers={"x-api-key": "k"}) as client:
        status, _, message = await refused(client, user("Hi"))
        assert (status, message) == (400, "anthropic-version: header is required")
        _, _, message = await refused(client, user("Hi"), **{"anthropic-version": "2020-01-01"})
        assert message == 'anthropic-version: "2020-01-01" is not a valid version'


async def test_thinking_is_shown_signed_and_streamed(client: aiohttp.ClientSession) -> None:
    message = await both(client, user("Hi", thinking=THINKING))
    assert kinds(message) == ["thinking", "text"]
    block = message["content"][0]
    assert block["signature"] == Seal("sandbox", OLD).sign("thinking", block["thinking"])
    assert (
        0 < message["usage"]["output_tokens_details"]["thinking_tokens"] < message["usage"]["output_tokens"]
    )
    events = await stream(client, user("Hi", thinking=THINKING))
    deltas = [e["delta"]["type"] for e in events if e["type"] == "content_block_delta"]
    assert deltas.index("signature_delta") == deltas.count("thinking_delta") > 1
    assert kinds(await both(client, user("Hi", thinking={"type": "disabled"}))) == ["text"]


async def test_adaptive_thinking_can_be_hidden_and_still_counts(client: aiohttp.ClientSession) -> None:
    body = user("Hi", model=NEW, thinking={"type": "adaptive", "display": "omitted"})
    message = await both(client, body)
    assert message["content"][0]["thinking"] == ""
    assert message["content"][0]["signature"]
    assert message["usage"]["output_tokens_details"]["thinking_tokens"] > 0
    events = await stream(client, body)
    of_thinking = [e["delta"]["type"] for e in events if e.get("index") == 0 and "delta" in e]
    assert of_thinking == ["signature_delta"]
    assert texts(await both(client, talk("Hi", message["content"], "repeat: ok", model=NEW))) == "ok"


async def test_redacted_thinking_comes_whole_and_is_known_again(client: aiohttp.ClientSession) -> None:
    body = user("redact this", thinking=THINKING)
    message = await both(client, body)
    assert kinds(message) == ["redacted_thinking", "text"]
    follow_up = talk("Hi", message["content"], "repeat: ok")
    assert texts(await both(client, follow_up)) == "ok"
    message["content"][0]["data"] = "AAAA" + message["content"][0]["data"][4:]
    _, _, complaint = await refused(client, talk("Hi", message["content"], "repeat: ok"))
    assert complaint == "messages.1.content.0: Invalid `data` in `redacted_thinking` block"


async def test_changed_thinking_and_other_models_signatures_are_refused(
    client: aiohttp.ClientSession,
) -> None:
    content = (await ask(client, user("Hi", thinking=THINKING)))["content"]
    assert texts(await both(client, talk("Hi", content, "repeat: ok"))) == "ok"
    words = "messages.1.content.0: Invalid `signature` in `thinking` block"
    other = talk("Hi", content, "repeat: ok", model="claude-haiku-4-5")
    assert (await refused(client, other))[2] == words
    assert (await refused(client, talk("Hi", content, "Hi"), **{"x-api-key": "another"}))[2] == words
    for change in ({"thinking": "I never thought that."}, {"signature": "größer"}, {"signature": ""}):
        changed = [content[0] | change, *content[1:]]
        status, kind, message = await refused(client, talk("Hi", changed, "repeat: ok"))
        assert (status, kind, message) == (400, "invalid_request_error", words)


async def test_tools_are_called_with_input_that_validates(client: aiohttp.ClientSession) -> None:
    message = await both(client, user("call get_weather for Oslo, 3 days", tools=[WEATHER, CLOCK]))
    assert kinds(message) == ["text", "tool_use"]
    assert message["stop_reason"] == "tool_use"
    called = message["content"][1]
    validate_schema(called["input"], WEATHER["input_schema"])  # type: ignore[arg-type]
    assert called["input"]["days"] == 3
    assert called["id"].startswith("toolu_")
    events = await stream(client, user("call get_time", tools=[CLOCK]))
    parts = [
        e["delta"]["partial_json"] for e in events if e.get("delta", {}).get("type") == "input_json_delta"
    ]
    assert parts == ["", "{}"]


@pytest.mark.parametrize(
    ("choice", "prompt", "called"),
    [
        ({"type": "auto"}, "get_weather and get_time, please", ["get_weather", "get_time"]),
        ({"type": "auto", "disable_parallel_tool_use": True}, "get_weather and get_time", ["get_weather"]),
        ({"type": "auto"}, "Hi", []),
        ({"type": "any"}, "Hi", ["get_weather"]),
        ({"type": "any", "disable_parallel_tool_use": True}, "get_weather, get_time", ["get_weather"]),
        ({"type": "tool", "name": "get_time"}, "Hi", ["get_time"]),
        ({"type": "none"}, "call get_weather", []),
    ],
)
async def test_tool_choice_is_obeyed(
    client: aiohttp.ClientSession, choice: Shape, prompt: str, called: list[str]
) -> None:
    message = await both(client, user(prompt, tools=[WEATHER, CLOCK], tool_choice=choice))
    assert [b["name"] for b in message["content"] if b["type"] == "tool_use"] == called
    assert message["stop_reason"] == ("tool_use" if called else "end_turn")
    assert (kinds(message)[0] == "text") == (choice["type"] in ("auto", "none"))


async def test_anthropics_own_tools_for_callers_are_called(client: aiohttp.ClientSession) -> None:
    bash = {"type": "bash_20250124", "name": "bash"}
    message = await both(client, user("use the tool", tools=[bash]))
    assert message["content"][1]["input"] == {"command": "ls"}


def result(call: Shape, content: Any, **more: Any) -> Shape:
    return {"type": "tool_result", "tool_use_id": call["id"], "content": content, **more}


async def test_parallel_results_are_told_and_errors_too(client: aiohttp.ClientSession) -> None:
    asked = user("get_weather and get_time", tools=[WEATHER, CLOCK])
    content = (await ask(client, asked))["content"]
    _, weather, clock = content
    results = [
        result(weather, [{"type": "text", "text": "4 degrees"}]),
        result(clock, "broken", is_error=True),
    ]
    body = talk("get_weather and get_time", content, results, tools=[WEATHER, CLOCK])
    message = await both(client, body)
    assert texts(message) == "The tool says: 4 degrees; Error: broken"
    assert message["stop_reason"] == "end_turn"


async def test_a_tool_loop_keeps_its_thinking(client: aiohttp.ClientSession) -> None:
    more = {"tools": [WEATHER], "thinking": THINKING}
    content = (await ask(client, user("call get_weather", **more)))["content"]
    assert [block["type"] for block in content] == ["thinking", "text", "tool_use"]
    results = [result(content[2], "4 degrees")]
    message = await both(client, talk("call get_weather", content, results, **more))
    assert kinds(message) == ["text"]
    beta = {"anthropic-beta": "interleaved-thinking-2025-05-14"}
    message = await both(client, talk("call get_weather", content, results, **more), **beta)
    assert kinds(message) == ["thinking", "text"]
    status, _, complaint = await refused(client, talk("call get_weather", content[1:], results, **more))
    assert status == 400
    assert complaint.startswith(
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`."
    )
    adaptive = more | {"thinking": {"type": "adaptive"}, "model": NEW}
    assert "thinking" in kinds(await both(client, talk("call get_weather", content[1:], results, **adaptive)))
    off = more | {"thinking": {"type": "disabled"}}
    assert kinds(await both(client, talk("call get_weather", content[1:], results, **off))) == ["text"]


async def test_thinking_between_tools_is_left_out_before_them(client: aiohttp.ClientSession) -> None:
    more = {"tools": [CLOCK], "thinking": {"type": "between_tools"}, "model": NEW}
    content = (await ask(client, user("call get_time", **more)))["content"]
    assert [block["type"] for block in content] == ["text", "tool_use"]
    after = await ask(client, talk("call get_time", content, [result(content[1], "noon")], **more))
    assert kinds(after) == ["thinking", "text"]


async def test_web_search_runs_here_and_is_cited(client: aiohttp.ClientSession) -> None:
    body = user("search the web for antelopes", tools=[SEARCH | {"allowed_domains": ["antelopes.example"]}])
    message = await both(client, body)
    assert kinds(message) == ["server_tool_use", "web_search_tool_result", "text"]
    call, found, text = message["content"]
    assert found["tool_use_id"] == call["id"]
    assert [c["url"] for c in text["citations"]] == [r["url"] for r in found["content"]]
    assert found["content"][0]["url"].startswith("https://antelopes.example/")
    assert message["usage"]["server_tool_use"]["web_search_requests"] == 1
    assert message["stop_reason"] == "end_turn"
    follow_up = talk(body["messages"][0]["content"], message["content"], "repeat: ok", tools=[SEARCH])
    assert texts(await ask(client, follow_up)) == "ok"
    found["content"][0]["encrypted_content"] = "made up"
    assert "Invalid `encrypted_content`" in (await refused(client, follow_up))[2]
    assert kinds(await both(client, user("Hi", tools=[SEARCH]))) == ["text"]


async def test_a_paused_turn_goes_on_when_it_is_sent_back(client: aiohttp.ClientSession) -> None:
    paused = await both(client, user("pause_turn", model=NEW, tools=[SEARCH]))
    assert paused["stop_reason"] == "pause_turn"
    assert kinds(paused) == ["text", "server_tool_use"]
    resumed = await both(client, talk("pause_turn", paused["content"], model=NEW, tools=[SEARCH]))
    assert kinds(resumed) == ["web_search_tool_result", "text"]
    assert resumed["content"][0]["tool_use_id"] == paused["content"][1]["id"]
    assert resumed["stop_reason"] == "end_turn"


async def test_structured_output_validates(client: aiohttp.ClientSession) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "schema": schema}
    message = await both(client, user("Ada is 36", output_config={"format": form, "effort": "low"}))
    validate_schema(json.loads(texts(message)), schema)
    assert json.loads(texts(message))["age"] == 36
    beta = {"anthropic-beta": "x, structured-outputs-2025-11-13"}
    older = await both(client, user("Ada is 36", output_format=form), **beta)
    assert texts(older) == texts(message)


async def test_pictures_are_described_by_size_and_colour(client: aiohttp.ClientSession) -> None:
    parts = [image(picture()), {"type": "text", "text": "What is it?"}]
    assert texts(await both(client, user(parts))) == "Picture 1 is 64x48 pixels, mostly red."
    remote = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    assert "does not open" in texts(await both(client, user([remote])))


async def test_documents_are_told_and_cited(client: aiohttp.ClientSession) -> None:
    def cited_document(source: Shape, title: str) -> Shape:
        return {"type": "document", "source": source, "title": title, "citations": {"enabled": True}}

    parts = [
        cited_document({"type": "text", "media_type": "text/plain", "data": "Grass is green."}, "Text"),
        cited_document(
            {"type": "base64", "media_type": "application/pdf", "data": pdf("Snow is white", 2)}, "Pdf"
        ),
        cited_document({"type": "content", "content": [{"type": "text", "text": "Blood is red."}]}, "Parts"),
        {
            "type": "search_result",
            "source": "https://example.com/",
            "title": "Found",
            "content": [{"type": "text", "text": "The sky is blue."}],
            "citations": {"enabled": True},
        },
    ]
    message = await both(client, user([*parts, {"type": "text", "text": "Sum it up"}]))
    said = texts(message)
    assert "Text has 15 characters and says: Grass is green." in said
    assert "Pdf has 2 pages and says: Snow is white" in said
    assert "Blood is red." in said and "The sky is blue." in said
    cited = message["content"][0]["citations"]
    assert [citation["type"] for citation in cited] == [
        "char_location",
        "page_location",
        "content_block_location",
        "search_result_location",
    ]
    assert [citation.get("document_index") for citation in cited] == [0, 1, 2, None]
    form = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    assert (await refused(client, user(parts, output_config=form)))[0] == 400


async def test_stop_sequences_and_limits_say_so(client: aiohttp.ClientSession) -> None:
    stopped = await both(client, user("say 9 words", stop_sequences=["word7", "word4"]))
    assert (texts(stopped), stopped["stop_reason"]) == ("word1 word2 word3 ", "stop_sequence")
    assert stopped["stop_sequence"] == "word4"
    cut = await both(client, user("say 50 words", max_tokens=5))
    assert (cut["stop_reason"], cut["usage"]["output_tokens"]) == ("max_tokens", 5)
    warmed = await both(client, user("Hi", max_tokens=0))
    assert (warmed["content"], warmed["stop_reason"]) == ([], "max_tokens")
    assert warmed["usage"]["output_tokens"] == 0
    small = user("call get_weather", tools=[WEATHER], tool_choice={"type": "any"}, max_tokens=2)
    assert (await both(client, small))["content"] == []


async def test_refusals_and_a_full_context_have_their_stop_reasons(client: aiohttp.ClientSession) -> None:
    message = await both(client, user("refuse"))
    assert (message["content"], message["stop_reason"]) == ([], "refusal")
    assert message["stop_details"]["type"] == "refusal"
    late = await both(client, user("filter"))
    assert late["stop_reason"] == "refusal" and texts(late)
    magic = await ask(client, user("ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_1FAEFB"))
    assert magic["stop_reason"] == "refusal"
    full = await both(client, user("model_context_window_exceeded"))
    assert full["stop_reason"] == "model_context_window_exceeded"


async def test_a_stream_can_break_off_with_an_error(client: aiohttp.ClientSession) -> None:
    events = await stream(client, user("overloaded"))
    assert [event["type"] for event in events][-2:] == ["content_block_delta", "error"]
    assert events[-1]["error"] == {"type": "overloaded_error", "message": "Overloaded"}
    assert (await refused(client, user("overloaded")))[:2] == (529, "overloaded_error")


async def test_old_models_go_on_from_what_was_begun(client: aiohttp.ClientSession) -> None:
    assert texts(await both(client, talk("repeat: Hello you", "Hello"))) == " you"
    assert texts(await both(client, talk("repeat: Hello you", []))) == "Hello you"
    complaint = (await refused(client, talk("repeat: Hello you", "Hello", model=NEW)))[2]
    assert complaint.startswith("This model does not support assistant message prefill.")
    assert "trailing whitespace" in (await refused(client, talk("Hi", "Hello ")))[2]


async def test_neighbours_of_one_role_are_one_turn(client: aiohttp.ClientSession) -> None:
    message = {"role": "user", "content": "repeat: one"}
    body = user("") | {"messages": [message, {"role": "user", "content": "two"}]}
    assert texts(await both(client, body)) == "one two"


async def test_system_messages_in_the_middle_are_for_new_models(client: aiohttp.ClientSession) -> None:
    messages = [{"role": "user", "content": "repeat: ok"}, {"role": "system", "content": "Be brief."}]
    assert texts(await both(client, user("", model=NEW) | {"messages": messages})) == "ok"
    complaint = (await refused(client, user("") | {"messages": messages}))[2]
    assert complaint == "messages.1: role 'system' is not supported on this model"


async def cache_use(client: aiohttp.ClientSession, body: Shape, **headers: str) -> tuple[int, int, int]:
    usage = (await ask(client, body, **headers))["usage"]
    written = usage["cache_creation"]
    assert usage["cache_creation_input_tokens"] == sum(written.values())
    return usage["input_tokens"], usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]


async def test_what_was_marked_is_read_the_next_time(client: aiohttp.ClientSession) -> None:
    mine = {"x-api-key": "cache-one"}
    system = [{"type": "text", "text": LONG, "cache_control": EPHEMERAL}]
    body = user("Hi", system=system)
    plain, written, read = await cache_use(client, body, **mine)
    assert written > 1024 and read == 0 and plain > 0
    assert await cache_use(client, user("Hi", system=system), **mine) == (plain, 0, written)
    assert await cache_use(client, body, **{"x-api-key": "cache-two"}) == (plain, written, 0)
    events = await stream(client, body, **mine)
    assert events[0]["message"]["usage"]["cache_read_input_tokens"] == written
    assert gathered(events)["usage"]["cache_read_input_tokens"] == written
    async with client.post(
        "/v1/messages/count_tokens", json={k: body[k] for k in ("model", "messages", "system")}
    ) as r:
        counted = await r.json()
    validate("CountMessageTokensResponse", counted)
    assert counted == {"input_tokens": plain + written}
    short = [{"type": "text", "text": "short", "cache_control": EPHEMERAL}]
    assert (await cache_use(client, user("Hi", system=short), **mine))[1:] == (0, 0)


async def test_a_growing_talk_reads_its_past_and_writes_its_end(client: aiohttp.ClientSession) -> None:
    mine = {"x-api-key": "cache-three"}
    first = await cache_use(client, user(LONG, cache_control=EPHEMERAL), **mine)
    assert first[0] == first[2] == 0
    hour = {"type": "ephemeral", "ttl": "1h"}
    grown = talk(LONG, "Yes", [{"type": "text", "text": "More", "cache_control": hour}])
    usage = (await ask(client, grown, **mine))["usage"]
    assert usage["cache_read_input_tokens"] == first[1]
    assert usage["cache_creation"]["ephemeral_1h_input_tokens"] > 0
    assert usage["cache_creation"]["ephemeral_5m_input_tokens"] == usage["input_tokens"] == 0


def test_kept_beginnings_are_forgotten_in_time_and_found_only_near_a_mark() -> None:
    clock = FakeClock()
    cache, seal = Cache(clock), Seal("key", OLD)
    long = Piece("long", 2000, "5m")
    assert cache.use([long], seal) == Use(written_5m=2000)
    clock.advance(299)
    assert cache.use([long], seal) == Use(read=2000)
    clock.advance(299)
    assert cache.use([long], seal) == Use(read=2000)
    clock.advance(301)
    assert cache.use([long], seal) == Use(written_5m=2000)
    near = [long, *(Piece(f"{number}", 1) for number in range(19)), Piece("end", 1, "1h")]
    far = [Piece("long", 2000), *(Piece(f"{number}", 1) for number in range(50)), Piece("end", 1, "1h")]
    assert cache.use(near, seal) == Use(read=2000, written_1h=20)
    assert cache.use([Piece("long", 2000), Piece("x", 3)], seal) == Use(plain=2003)
    assert Cache(clock).use(far, seal).read == 0
    assert cache.use(far, seal) == Use(written_1h=2051)


async def test_count_tokens_counts_tools_and_pictures(client: aiohttp.ClientSession) -> None:
    async def count(**more: Any) -> int:
        body = {"model": OLD, "messages": [{"role": "user", "content": "Hi"}], **more}
        async with client.post("/v1/messages/count_tokens?beta=true", json=body) as response:
            answer = await response.json()
        validate("CountMessageTokensResponse", answer)
        return int(answer["input_tokens"])

    bare = await count()
    assert bare < await count(tools=[WEATHER]) < await count(tools=[WEATHER], system="Be brief.")
    seen = [{"role": "user", "content": [{"type": "text", "text": "Hi"}, image(picture())]}]
    assert await count(messages=seen) == bare + 5
    path = "/v1/messages/count_tokens"
    assert (await refused(client, user("Hi"), path=path))[2] == "max_tokens: Extra inputs are not permitted"


CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_time", "input": {}}
DONE = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}
SAID = {"type": "text", "text": "Hi"}

UNSHAPED: list[tuple[Shape, str]] = [
    (user("Hi") | {"messages": [SAID]}, "messages.0.role: Field required"),
    ({"model": OLD, "messages": [{"role": "user", "content": "Hi"}]}, "max_tokens: Field required"),
    ({"messages": [], "max_tokens": 1}, "model: Field required"),
    ({"model": OLD, "max_tokens": 1}, "messages: Field required"),
    (user("Hi", max_tokens="1"), "max_tokens: Input should be a valid integer"),
    (user("Hi", max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
    (user("Hi", temperature=1.5), "temperature: Input should be less than or equal to 1"),
    (user("Hi", top_p=-0.1), "top_p: Input should be greater than or equal to 0"),
    (user("Hi", seed=1), "seed: Extra inputs are not permitted"),
    (user("Hi", stream="yes"), "stream: Input should be a valid boolean"),
    (user("Hi", stop_sequences="x"), "stop_sequences: Input should be a valid list"),
    (user("Hi", service_tier="flex"), "service_tier: Input should be 'auto' or 'standard_only'"),
    (
        user("Hi", metadata={"user_id": "x" * 513}),
        "metadata.user_id: String should have at most 512 characters",
    ),
    (user(None), "messages.0.content: Input should be a valid list"),
    (user([{"type": "text"}]), "messages.0.content.0.text.text: Field required"),
    (user([SAID | {"name": "x"}]), "messages.0.content.0.text.name: Extra inputs are not permitted"),
    (user([{"text": "Hi"}]), "messages.0.content.0.type: Field required"),
    (user([{"type": "text", "text": ""}]), "messages: text content blocks must be non-empty"),
    (
        user("Hi", tools=[SEARCH | {"allowed_domains": 5}]),
        "tools.0.web_search_20250305.allowed_domains: Input should be a valid list",
    ),
    (user("Hi", tools=[{"name": "f"}]), "tools.0.custom.input_schema: Field required"),
    (
        user("Hi", tools=[{"name": "f", "input_schema": {}}]),
        "tools.0.custom.input_schema.type: Field required",
    ),
    (
        user("Hi", tools=[CLOCK | {"name": "a b"}]),
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    (
        user("Hi", thinking={"type": "enabled", "budget_tokens": 100}),
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (
        user([SAID | {"cache_control": {"type": "ephemeral", "ttl": "2h"}}]),
        "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
    ),
    (
        talk("Hi", [CALL | {"id": "a b"}], [DONE]),
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
]


@pytest.mark.parametrize(("body", "complaint"), UNSHAPED, ids=[complaint for _, complaint in UNSHAPED])
async def test_unshaped_requests_are_refused_as_the_document_does(
    client: aiohttp.ClientSession, body: Shape, complaint: str
) -> None:
    assert not is_valid("CreateMessageParams", body)
    assert await refused(client, body) == (400, "invalid_request_error", complaint)


def marked(count: int, ttl: str = "5m") -> list[Shape]:
    return [SAID | {"cache_control": {"type": "ephemeral", "ttl": ttl}} for _ in range(count)]


SENSELESS: list[tuple[Shape, str]] = [
    (user("") | {"messages": []}, "messages: at least one message is required"),
    (
        user("") | {"messages": [{"role": "assistant", "content": "Hi"}]},
        'messages: first message must use the "user" role',
    ),
    (user(""), "messages.0: all messages must have non-empty content"),
    (talk("Hi", [CALL], "And?"), "messages.1: `tool_use` ids were found without `tool_result` blocks"),
    (talk("Hi", [CALL]), "messages.1: `tool_use` ids were found without `tool_result` blocks"),
    (talk("Hi", [CALL], [SAID, DONE]), "messages.1: `tool_use` ids were found without `tool_result` blocks"),
    (talk("Hi", [CALL, CALL], [DONE]), "messages.1: `tool_use` ids must be unique"),
    (talk([DONE]), "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
    (talk("Hi", "Yes", [DONE]), "messages.2.content.0: unexpected `tool_use_id`"),
    (talk("Hi", [CALL], [DONE, DONE]), "messages.2.content.0: each tool_use must have a single result."),
    (talk("Hi", [DONE], "And?"), "messages.1.content.0: `tool_result` blocks are not allowed in `assistant`"),
    (talk([CALL]), "messages.0.content.0: `tool_use` blocks are not allowed in `user` messages"),
    (user(marked(5)), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    (user([*marked(1), *marked(1, "1h")]), "a ttl='1h' cache_control block must not come after a ttl='5m'"),
    (user("Hi", tools=[CLOCK, CLOCK]), "tools: Tool names must be unique."),
    (user("Hi", tool_choice={"type": "auto"}), "tool_choice: tool_choice may only be specified while"),
    (user("Hi", tools=[CLOCK], tool_choice={"type": "tool", "name": "x"}), "Tool 'x' not found"),
    (user("Hi", thinking=THINKING, max_tokens=1024), "`max_tokens` must be greater than"),
    (user("Hi", thinking=THINKING, temperature=0.5), "`temperature` may only be set to 1 when thinking"),
    (user("Hi", thinking=THINKING, top_k=5), "`top_k` must be unset when thinking"),
    (user("Hi", thinking=THINKING, top_p=0.5), "`top_p` must be greater than or equal to 0.95"),
    (
        user("Hi", thinking=THINKING, tools=[CLOCK], tool_choice={"type": "any"}),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    (user("Hi", thinking={"type": "adaptive"}), "adaptive thinking is not supported on this model"),
    (user("Hi", temperature=0.5, top_p=0.5), "`temperature` and `top_p` cannot both be specified"),
    (user("Hi", model=NEW, temperature=0.5), "`temperature` is deprecated for this model."),
    (user("Hi", model=NEW, top_p=0.9), "`top_p` is deprecated for this model."),
    (user("Hi", model=NEW, top_k=1), "`top_k` is deprecated for this model."),
    (user("Hi", max_tokens=64_001), "max_tokens: 64001 > 64000, which is the maximum allowed number"),
    (user("Hi", stop_sequences=[" "]), "stop_sequences.0: each stop sequence must contain non-whitespace"),
    (user("a " * 200_001), "prompt is too long: 200005 tokens > 200000 maximum"),
    (user([image("no base64!")]), "messages.0.content.0.image.source.base64.data: Invalid base64 data"),
    (user([image("AAAA")]), "messages.0.content.0.image.source.base64: Could not process image"),
    (user([image(picture()[:80])]), "messages: Could not process image"),
    (
        user([image(picture(), "image/jpeg")]),
        "messages.0.content.0.image.source.base64: The image was specified using the image/jpeg media type, "
        "but the image appears to be a image/png image",
    ),
    (user([image("A" * 7_000_000)]), "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum"),
    (
        user([image(picture(size=(8001, 1)))]),
        "messages.0.content.0.image.source.base64: At least one of the image dimensions exceed max allowed size",
    ),
    (
        user([document(pdf("x", 601))]),
        "messages.0.content.0.document.source.base64.data: A maximum of 600 PDF",
    ),
    (user([document("AAAA")]), "messages.0.content.0.document.source.base64.data: The PDF specified was not"),
    (user([image(picture())] * 101), "messages: too many images: 101 > 100"),
]


@pytest.mark.parametrize(("body", "complaint"), SENSELESS, ids=[complaint for _, complaint in SENSELESS])
async def test_senseless_requests_are_refused_in_anthropics_words(
    client: aiohttp.ClientSession, body: Shape, complaint: str
) -> None:
    validate("CreateMessageParams", body)
    status, kind, message = await refused(client, body)
    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith(complaint)


SERVER_CALL = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
CITED = SAID | {
    "citations": [
        {
            "type": "char_location",
            "cited_text": "x",
            "document_index": 0,
            "document_title": None,
            "start_char_index": 0,
            "end_char_index": 1,
        }
    ]
}


async def test_server_tools_are_answered_in_their_own_turn(client: aiohttp.ClientSession) -> None:
    lost = talk("Hi", [SERVER_CALL], "And?")
    assert "without a corresponding `web_search_tool_result` block" in (await refused(client, lost))[2]
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    assert texts(await ask(client, talk("Hi", [SERVER_CALL, found], "repeat: ok"))) == "ok"
    assert "unexpected `tool_use_id`" in (await refused(client, talk("Hi", [found], "And?")))[2]


async def test_each_api_version_has_its_rules(client: aiohttp.ClientSession) -> None:
    newer = {"anthropic-version": "2026-10-21"}
    for name, value in (("temperature", 1), ("top_p", 1), ("top_k", 5)):
        body = user("Hi", **{name: value})
        assert texts(await ask(client, body))
        assert (await refused(client, body, **newer))[2] == f"{name}: Extra inputs are not permitted"
    for body in (talk("Hi", [DOCUMENT, SAID], "And?"), user([CITED])):
        assert texts(await ask(client, body))
        assert (await refused(client, body, **newer))[0] == 400
    assert texts(await ask(client, talk([DOCUMENT, SAID], [CITED], "And?"), **newer))


async def test_fields_of_a_beta_need_its_header(client: aiohttp.ClientSession) -> None:
    body = user("repeat: ok", context_management={"edits": []})
    assert (await refused(client, body))[2] == "context_management: Extra inputs are not permitted"
    assert texts(await ask(client, body, **{"anthropic-beta": "a,context-management-2025-06-27"})) == "ok"


async def test_models_are_listed_by_pages_to_those_who_send_a_version(
    client: aiohttp.ClientSession, sandbox_url: str
) -> None:
    async def page(query: str) -> Shape:
        async with client.get(f"/v1/models{query}") as response:
            assert response.status == 200
            listed: Shape = await response.json()
        validate("ListResponse_ModelInfo_", listed)
        return listed

    whole = await page("?limit=1000")
    names = [model["id"] for model in whole["data"]]
    first = await page("?limit=2")
    second = await page(f"?limit=2&after_id={first['last_id']}")
    back = await page(f"?limit=2&before_id={second['first_id']}")
    assert [model["id"] for model in first["data"] + second["data"]] == names[:4]
    assert back["data"] == first["data"] and not back["has_more"]
    assert (first["has_more"], whole["has_more"]) == (True, False)
    async with client.get(f"/v1/models/{NEW}") as response:
        one = await response.json()
    validate("ModelInfo", one)
    assert one["display_name"] == "Claude Opus 5.5"
    for path in ("/v1/models/claude-none", "/v1/models?limit=0", "/v1/models?after_id=x"):
        async with client.get(path) as response:
            validate("ErrorResponse", await response.json())
            assert response.status == (404 if "none" in path else 400)
    async with aiohttp.ClientSession(sandbox_url, headers={"Authorization": "Bearer k"}) as other:
        async with other.get("/v1/models") as response:
            assert (await response.json())["object"] == "list"
        async with other.get("/v1/models/gpt-4o") as response:
            assert (await response.json())["object"] == "model"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
async def test_simulated_failures_have_anthropics_types(
    client: aiohttp.ClientSession, status: int, kind: str
) -> None:
    simulated = {"x-pronghorn-simulate": f"status={status}"}
    assert (await refused(client, user("Hi"), **simulated))[:2] == (status, kind)
    assert (await refused(client, user("Hi", model=f"sandbox-{status}")))[:2] == (status, kind)


async def test_unknown_paths_and_methods_fail_in_this_dialect(client: aiohttp.ClientSession) -> None:
    assert (await refused(client, {"prompt": "Hi"}, path="/v1/complete"))[:2] == (404, "not_found_error")
    assert (await refused(client, {}, path="/v1/messages/none"))[:2] == (404, "not_found_error")
    assert (await refused(client, [1]))[:2] == (400, "invalid_request_error")
    async with client.get("/v1/messages") as response:
        validate("ErrorResponse", await response.json())
        assert response.status == 405


async def test_streams_suffer_the_faults_that_were_asked_for(client: aiohttp.ClientSession) -> None:
    ended = await stream(client, user("Hi"), **{"x-pronghorn-simulate": "end-after=3"})
    assert [event["type"] for event in ended] == ["message_start", "content_block_start", "ping"]
    body = user("Hi") | {"stream": True}
    async with client.post(
        "/v1/messages", json=body, headers={"x-pronghorn-simulate": "usage=none"}
    ) as response:
        assert b'"usage"' not in await response.read()
    async with client.post(
        "/v1/messages", json=user("Hi"), headers={"x-pronghorn-simulate": "malformed=1"}
    ) as r:
        with pytest.raises(ValueError):
            await r.json()


async def test_bodies_above_32_megabytes_are_too_large(client: aiohttp.ClientSession) -> None:
    assert (await refused(client, user("x" * 33 * 1024 * 1024)))[:2] == (413, "request_too_large")


def damaged(value: Any) -> Iterator[Any]:
    """The value with one thing changed: a field gone, added or of another kind."""
    if isinstance(value, dict):
        yield value | {"surprise": 1}
        for key in value:
            yield {name: field for name, field in value.items() if name != key}
            for inner in damaged(value[key]):
                yield value | {key: inner}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for inner in damaged(item):
                yield [*value[:index], inner, *value[index + 1 :]]
    others: tuple[Any, ...] = ({}, [], "", "other", -1, 0.5, True)
    for other in others:
        if other != value:
            yield other


FULL = talk(
    [
        SAID | {"cache_control": {"type": "ephemeral", "ttl": "5m"}},
        image(picture()),
        DOCUMENT | {"title": "T", "context": "C", "citations": {"enabled": False}},
        {"type": "search_result", "source": "s", "title": "t", "content": [SAID]},
    ],
    [SAID, CALL],
    [DONE | {"content": [SAID], "is_error": True}, SAID],
    [SERVER_CALL, {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}],
    "Hi",
    system=[SAID],
    tools=[CLOCK | {"description": "d", "strict": True}],
    tool_choice={"type": "auto", "disable_parallel_tool_use": True},
    thinking={"type": "disabled"},
    output_config={"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    metadata={"user_id": "u"},
    stop_sequences=["x"],
    temperature=1,
    stream=False,
)
SCHEMAS = {
    "system": "RequestTextBlock",
    "tools": "Tool",
    "tool_choice": "ToolChoice",
    "thinking": "ThinkingConfigParam",
    "output_config": "OutputConfig",
    "metadata": "Metadata",
}


def damaged_requests() -> Iterator[tuple[Shape, bool]]:
    """Requests with one thing changed, and whether the document allows them; it is asked about the part alone."""
    for place, message in enumerate(FULL["messages"][:-1]):
        for index, block in enumerate(message["content"]):
            for other in damaged(block):
                content = [*message["content"][:index], other, *message["content"][index + 1 :]]
                messages = [
                    *FULL["messages"][:place],
                    message | {"content": content},
                    *FULL["messages"][place + 1 :],
                ]
                yield FULL | {"messages": messages}, is_valid("InputContentBlock", other)
    for name, schema in SCHEMAS.items():
        part = FULL[name][0] if isinstance(FULL[name], list) else FULL[name]
        for other in damaged(part):
            yield FULL | {name: [other] if isinstance(FULL[name], list) else other}, is_valid(schema, other)
    for body in damaged(user("Hi", stop_sequences=["x"], temperature=1, stream=False, service_tier="auto")):
        if isinstance(body, dict):
            yield body, is_valid("CreateMessageParams", body)


async def test_what_the_document_forbids_is_refused_and_nothing_breaks(client: aiohttp.ClientSession) -> None:
    assert await ask(client, FULL)
    statuses = Counter[tuple[bool, int]]()
    for body, is_allowed in damaged_requests():
        async with client.post("/v1/messages", json=body) as response:
            statuses[is_allowed, response.status] += 1
            assert response.status in ((200, 400) if is_allowed else (400,)), body
            if response.status == 200 and not body.get("stream"):
                validate("Message", await response.json())
    assert statuses[True, 200] > 50 and statuses[False, 400] > 200


@pytest.mark.parametrize(
    "schema",
    [{"properties": {"x": 5}}, {"enum": 5}, {"items": {"minimum": "1"}}, {"anyOf": []}, {"required": [1]}],
)
async def test_schemas_that_are_none_are_refused(client: aiohttp.ClientSession, schema: Shape) -> None:
    tool = {"name": "f", "input_schema": {"type": "object", "properties": {"x": schema}}}
    complaint = "JSON schema is invalid. It must match JSON Schema draft 2020-12"
    message = (await refused(client, user("call f", tools=[tool])))[2]
    assert message == f"tools.0.custom.input_schema: {complaint}"
    form = {"format": {"type": "json_schema", "schema": schema}}
    message = (await refused(client, user("Hi", output_config=form)))[2]
    assert message == f"output_config.format.json_schema.schema: {complaint}"


async def test_text_that_no_encoding_carries_is_answered(client: aiohttp.ClientSession) -> None:
    data = json.dumps(user("repeat: a \ud800 b", stop_sequences=["\ud801"], system="\ud802", tools=[SEARCH]))
    async with client.post("/v1/messages", data=data) as response:
        assert texts(await response.json()) == "a ? b"


async def test_deep_nesting_is_refused_or_read(client: aiohttp.ClientSession) -> None:
    for depth in (100, 400, 700, 960, 5000):
        nested = "[" * depth + "]" * depth
        body = json.dumps(talk("Hi", [CALL | {"input": {"x": "NESTED"}}], [DONE]))
        data = body.replace('"NESTED"', nested)
        async with client.post("/v1/messages", data=data) as response:
            assert response.status in ((200,) if depth < 200 else (200, 400))
