"""Responses of the sandbox: as OpenAI's document and its own client have them, whole, streamed and remembered."""

import base64
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pydantic
import pytest
import pytest_asyncio
from jsonschema import validate as validate_schema
from PIL import Image
from tests.openapi_schema import validate

from pronghorn.kit import sse

Shape = dict[str, Any]
WEATHER: Shape = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
}
SHELL: Shape = {"type": "custom", "name": "shell"}
SEARCH: Shape = {"type": "web_search_preview"}
THINK: Shape = {"effort": "low", "summary": "auto"}


def asked(given: Any, **more: Any) -> Shape:
    return {"model": "gpt-4.1-mini", "input": given, **more}


async def ask(client: aiohttp.ClientSession, body: Shape, **headers: str) -> Shape:
    async with client.post("/v1/responses", json=body, headers=headers) as response:
        answer: Shape = await response.json()
        assert response.status == 200, answer
    validate("Response", answer)
    return answer


async def refused(client: aiohttp.ClientSession, body: Shape, path: str = "/v1/responses") -> Shape:
    async with client.post(path, json=body) as response:
        answer: Shape = await response.json()
        assert response.status in (400, 404, 429), answer
    validate("ErrorResponse", answer)
    error: Shape = answer["error"] | {"status": response.status}
    return error


async def fetched(client: aiohttp.ClientSession, path: str, method: str = "GET") -> tuple[int, Shape]:
    async with client.request(method, path) as response:
        return response.status, await response.json()


async def stream(client: aiohttp.ClientSession, body: Shape, **headers: str) -> list[Shape]:
    async with client.post("/v1/responses", json=body | {"stream": True}, headers=headers) as response:
        assert response.status == 200, await response.text()
        return events_of(await response.read())


def events_of(data: bytes) -> list[Shape]:
    """Each event validated, named as its data says, and numbered without a gap."""
    found = []
    for raw in sse.Splitter().feed(data):
        event: Shape = json.loads(sse.data_of(raw) or b"")
        assert f"event: {event['type']}\n".encode() in raw
        validate("ResponseStreamEvent", event)
        found.append(event)
    first = found[0]["sequence_number"] if found else 0
    assert [event["sequence_number"] for event in found] == list(range(first, first + len(found)))
    return found


def kinds(events: list[Shape]) -> list[str]:
    """The types in order, runs of the same one told once."""
    types = [event["type"].removeprefix("response.") for event in events]
    return [kind for kind, before in zip(types, [None, *types], strict=False) if kind != before]


def joined(events: list[Shape], kind: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")


def text(response: Shape) -> str:
    return "".join(
        part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"]
    )


def without_ids(value: Any) -> Any:
    """Ids, times and seals differ from call to call; all the rest must not."""
    if isinstance(value, list):
        return [without_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    fleeting = ("id", "call_id", "created_at", "completed_at", "encrypted_content")
    return {name: without_ids(inner) for name, inner in value.items() if name not in fleeting}


@pytest_asyncio.fixture
async def official(sandbox_url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{sandbox_url}/v1", api_key="sandbox", max_retries=0
    ) as official_client:
        yield official_client


async def test_a_text_streams_in_the_order_that_clients_wait_for(client: aiohttp.ClientSession) -> None:
    body = asked("repeat: 你好, wörld 🎉")
    whole, events = await ask(client, body), await stream(client, body)
    assert text(whole) == joined(events, "output_text") == "你好, wörld 🎉"
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert without_ids(events[-1]["response"]) == without_ids(whole)
    assert events[0]["response"]["output"] == [] and "usage" not in events[0]["response"]
    usage = whole["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@pytest.mark.parametrize(
    ("body", "item_types", "inner"),
    [
        (asked("refuse"), ["message"], ["refusal.delta", "refusal.done"]),
        (
            asked("call get_weather for Oslo, 3 days", tools=[WEATHER]),
            ["function_call"],
            ["function_call_arguments.delta", "function_call_arguments.done"],
        ),
        (
            asked("use the tool", tools=[SHELL]),
            ["custom_tool_call"],
            ["custom_tool_call_input.delta", "custom_tool_call_input.done"],
        ),
        (
            asked("Hi", reasoning=THINK, include=["reasoning.encrypted_content"]),
            ["reasoning", "message"],
            [
                "reasoning_summary_part.added",
                "reasoning_summary_text.delta",
                "reasoning_summary_text.done",
                "reasoning_summary_part.done",
            ],
        ),
        (
            asked("search for frogs", tools=[SEARCH], include=["web_search_call.action.sources"]),
            ["web_search_call", "message"],
            ["web_search_call.in_progress", "web_search_call.searching", "web_search_call.completed"],
        ),
    ],
)
async def test_every_kind_of_item_is_added_filled_and_done(
    client: aiohttp.ClientSession, body: Shape, item_types: list[str], inner: list[str]
) -> None:
    whole, events = await ask(client, body), await stream(client, body)
    assert [item["type"] for item in whole["output"]] == item_types
    assert without_ids(events[-1]["response"]) == without_ids(whole)
    order = [kind for kind in kinds(events) if kind in inner]
    assert order == inner
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == events[-1]["response"]["output"]


async def test_tool_calls_have_valid_arguments_and_their_outputs_are_told(
    client: aiohttp.ClientSession,
) -> None:
    body = asked("call get_weather for Oslo, 3 days", tools=[WEATHER])
    call = (await ask(client, body))["output"][0]
    validate_schema(json.loads(call["arguments"]), WEATHER["parameters"])
    assert json.loads(call["arguments"])["days"] == 3
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "4 degrees"}
    user = {"role": "user", "content": body["input"]}
    told = await ask(client, asked([user, call, output], tools=[WEATHER]))
    assert "4 degrees" in text(told)
    assert "No tool output found" in (await refused(client, asked([user, call])))["message"]
    assert "No tool call found" in (await refused(client, asked([user, output])))["message"]


async def test_a_tool_of_a_namespace_is_called_with_it(client: aiohttp.ClientSession) -> None:
    space = {"type": "namespace", "name": "forecast", "description": "Weather.", "tools": [WEATHER]}
    body = asked("call get_weather for Oslo, 3 days", tools=[space])
    response = await ask(client, body)
    [call] = response["output"]
    assert (call["namespace"], call["name"]) == ("forecast", "get_weather")
    assert response["tools"][0]["name"] == "forecast"
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "4 degrees"}
    user = {"role": "user", "content": body["input"]}
    assert "4 degrees" in text(await ask(client, asked([user, call, output], tools=[space])))


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("auto", []),
        ("required", ["get_weather"]),
        ({"type": "function", "name": "get_weather"}, ["get_weather"]),
        ({"type": "custom", "name": "shell"}, ["shell"]),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "shell"}]},
            ["shell"],
        ),
        ({"type": "web_search_preview"}, ["web_search_call"]),
    ],
)
async def test_a_tool_choice_is_obeyed(client: aiohttp.ClientSession, choice: Any, called: list[str]) -> None:
    answer = await ask(client, asked("Hi", tools=[WEATHER, SHELL, SEARCH], tool_choice=choice))
    found = [item.get("name", item["type"]) for item in answer["output"] if item["type"] != "message"]
    assert found == called


async def test_parallel_calls_can_be_forbidden(client: aiohttp.ClientSession) -> None:
    body = asked("call get_weather and shell", tools=[WEATHER, SHELL])
    assert len((await ask(client, body))["output"]) == 2
    assert len((await ask(client, body | {"parallel_tool_calls": False}))["output"]) == 1


async def test_a_search_cites_the_page_where_the_text_says_so(client: aiohttp.ClientSession) -> None:
    events = await stream(client, asked("search for frogs", tools=[SEARCH]))
    assert "output_text.annotation.added" in kinds(events)
    part = events[-1]["response"]["output"][1]["content"][0]
    cited = part["annotations"][0]
    assert cited["url"] in part["text"][cited["start_index"] : cited["end_index"]]


async def test_json_schema_and_pictures_work_as_in_chat(client: aiohttp.ClientSession) -> None:
    schema = {"type": "json_schema", "name": "weather", "schema": WEATHER["parameters"], "strict": True}
    answer = await ask(client, asked("Oslo, 2 days", text={"format": schema}))
    validate_schema(json.loads(text(answer)), WEATHER["parameters"])
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), (220, 30, 30)).save(picture, "PNG")
    url = "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
    parts = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": url}]
    seen = await ask(client, asked([{"role": "user", "content": parts}]))
    assert text(seen) == "Picture 1 is 64x48 pixels, mostly red."


async def test_a_spoken_question_is_heard(client: aiohttp.ClientSession) -> None:
    speech = {"model": "tts-1", "voice": "alloy", "input": "say 2 words", "response_format": "wav"}
    async with client.post("/v1/audio/speech", json=speech) as response:
        sound = base64.b64encode(await response.read()).decode()
    part = {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}}
    assert text(await ask(client, asked([{"role": "user", "content": [part]}]))) == "word1 word2"


async def test_limits_and_logprobs(client: aiohttp.ClientSession) -> None:
    cut = await ask(client, asked("say 50 words", max_output_tokens=16))
    assert (cut["status"], cut["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert cut["usage"]["output_tokens"] == 16
    assert cut["output"][0]["status"] == "incomplete"
    filtered = await stream(client, asked("filter"))
    assert filtered[-1]["type"] == "response.incomplete"
    assert filtered[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}
    certain = await stream(client, asked("repeat: a b", top_logprobs=2))
    deltas = [event for event in certain if event["type"] == "response.output_text.delta"]
    assert [delta["logprobs"][0]["token"] for delta in deltas] == ["a ", "b"]
    assert len(deltas[0]["logprobs"][0]["top_logprobs"]) == 2


async def test_encrypted_reasoning_comes_back_unchanged_or_is_refused(client: aiohttp.ClientSession) -> None:
    body = asked("Hi", reasoning=THINK, include=["reasoning.encrypted_content"], store=False)
    thought, said = (await ask(client, body))["output"]
    history = [{"role": "user", "content": "Hi"}, thought, said, {"role": "user", "content": "repeat: on"}]
    assert text(await ask(client, asked(history))) == "on"
    token = thought["encrypted_content"]
    for place in (0, len(token) // 2, len(token) - 5):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        history[1] = thought | {"encrypted_content": changed}
        assert (await refused(client, asked(history)))["code"] == "invalid_encrypted_content"
    history[1] = thought | {"id": "rs_another"}
    assert (await refused(client, asked(history)))["code"] == "invalid_encrypted_content"


async def test_a_conversation_goes_on_by_id_and_items_by_reference(client: aiohttp.ClientSession) -> None:
    first = await ask(client, asked("call get_weather", tools=[WEATHER], instructions="Be brief."))
    call = first["output"][0]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "4 degrees"}
    second = await ask(client, asked([output], previous_response_id=first["id"]))
    assert "4 degrees" in text(second)
    third = await ask(client, asked("repeat: more", previous_response_id=second["id"]))
    assert third["usage"]["input_tokens"] > second["usage"]["input_tokens"]
    reference = {"type": "item_reference", "id": call["id"]}
    referred = await ask(client, asked([{"role": "user", "content": "Hi"}, reference, output]))
    assert "4 degrees" in text(referred)
    _, page = await fetched(client, f"/v1/responses/{third['id']}/input_items?limit=2")
    validate("ResponseItemList", page)
    assert page["has_more"] and page["data"][0]["content"][0]["text"] == "repeat: more"
    _, rest = await fetched(
        client, f"/v1/responses/{third['id']}/input_items?after={page['last_id']}&limit=100"
    )
    validate("ResponseItemList", rest)
    assert [item["type"] for item in rest["data"]] == ["function_call_output", "function_call", "message"]
    assert not rest["has_more"]


async def test_a_response_is_kept_for_its_key_until_it_is_deleted(
    client: aiohttp.ClientSession, sandbox_url: str
) -> None:
    made = await ask(client, asked("Hi", metadata={"a": "b"}))
    path = f"/v1/responses/{made['id']}"
    assert await fetched(client, path) == (200, made)
    async with client.get(f"{path}?stream=true&starting_after=2") as response:
        replayed = events_of(await response.read())
    assert replayed[0]["sequence_number"] == 3 and replayed[-1]["response"] == made
    async with aiohttp.ClientSession(sandbox_url, headers={"Authorization": "Bearer other"}) as other:
        assert (await fetched(other, path))[0] == 404
        assert (await refused(other, asked("x", previous_response_id=made["id"])))["status"] == 400
    assert (await fetched(client, f"{path}/cancel", "POST"))[0] == 400
    assert await fetched(client, path, "DELETE") == (
        200,
        {"id": made["id"], "object": "response", "deleted": True},
    )
    assert (await fetched(client, path))[0] == 404
    forgotten = await ask(client, asked("Hi", store=False))
    assert (await fetched(client, f"/v1/responses/{forgotten['id']}"))[0] == 404
    error = await refused(client, asked("x", previous_response_id=forgotten["id"]))
    assert error["code"] == "previous_response_not_found"


async def test_a_background_response_is_queued_then_done_and_can_be_followed(
    client: aiohttp.ClientSession,
) -> None:
    made = await ask(client, asked("say 3 words", background=True))
    assert (made["status"], made["output"]) == ("queued", [])
    async with client.get(f"/v1/responses/{made['id']}?stream=true&starting_after=0") as response:
        events = events_of(await response.read())
    assert kinds(events)[:2] == ["queued", "in_progress"] and events[-1]["type"] == "response.completed"
    status, done = await fetched(client, f"/v1/responses/{made['id']}")
    validate("Response", done)
    assert (status, done["status"], text(done)) == (200, "completed", "word1 word2 word3")


async def test_a_background_response_that_is_stuck_can_be_cancelled(client: aiohttp.ClientSession) -> None:
    headers = {"x-pronghorn-simulate": "task=stuck"}
    made = await ask(client, asked("say 3 words", background=True), **headers)
    status, cancelled = await fetched(client, f"/v1/responses/{made['id']}/cancel", "POST")
    validate("Response", cancelled)
    assert (status, cancelled["status"]) == (200, "cancelled")
    async with client.get(f"/v1/responses/{made['id']}?stream=true") as response:
        assert events_of(await response.read())[-1]["type"] != "response.completed"


@pytest.mark.parametrize(
    ("simulate", "last", "status"),
    [("task=fail", "response.failed", "failed"), ("task=moderated", "error", None)],
)
async def test_failures_are_played(
    client: aiohttp.ClientSession, simulate: str, last: str, status: str | None
) -> None:
    headers = {"x-pronghorn-simulate": simulate}
    events = await stream(client, asked("say 20 words"), **headers)
    assert events[-1]["type"] == last and joined(events, "output_text").startswith("word1 ")
    async with client.post("/v1/responses", json=asked("x"), headers=headers) as response:
        answer = await response.json()
    assert answer.get("status") == status
    assert status or answer["error"]["code"] == "invalid_prompt"


@pytest.mark.parametrize(
    ("simulate", "usage"), [("usage=none", None), ("usage=absurd", -1), ("speed=50,delay=1ms", 12)]
)
async def test_faults_reach_the_usage_whole_and_streamed(
    client: aiohttp.ClientSession, simulate: str, usage: int | None
) -> None:
    headers = {"x-pronghorn-simulate": simulate}
    async with client.post("/v1/responses", json=asked("Hi there. Bye"), headers=headers) as response:
        whole = await response.json()
    body = asked("Hi there. Bye", stream=True)
    async with client.post("/v1/responses", json=body, headers=headers) as response:
        payloads = [sse.data_of(event) for event in sse.Splitter().feed(await response.read())]
    last = json.loads(payloads[-1] or b"")["response"]
    for answer in (whole, last):
        assert (answer.get("usage") or {}).get("input_tokens") == usage


async def test_a_stream_can_be_cut_or_end_too_early(client: aiohttp.ClientSession) -> None:
    events = await stream(client, asked("say 9 words"), **{"x-pronghorn-simulate": "end-after=6"})
    assert len(events) == 6
    with pytest.raises(aiohttp.ClientPayloadError):
        await stream(client, asked("say 9 words"), **{"x-pronghorn-simulate": "cut-after=3"})


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"input": "x"}, "missing_required_parameter", "model"),
        ({"model": "m"}, "missing_required_parameter", "input"),
        (asked(7), "invalid_type", "input"),
        (asked([]), "empty_array", "input"),
        (asked([{"role": "user"}]), "missing_required_parameter", "input[0].content"),
        (asked([{"role": "robot", "content": "x"}]), "invalid_value", "input[0].role"),
        (asked([{"type": "dream"}]), "invalid_value", "input[0].type"),
        (asked([{"role": "user", "content": [{"type": "text"}]}]), "invalid_value", "input[0].content[0]"),
        (asked([{"role": "user", "content": "x", "id": "a1"}]), "invalid_value", "input[0].id"),
        (asked("x", max_output_tokens=5), "integer_below_min_value", "max_output_tokens"),
        (asked("x", temperature=3), "decimal_above_max_value", "temperature"),
        (asked("x", temperature="hot"), "invalid_type", "temperature"),
        (asked("x", stop=["a"]), "unknown_parameter", "stop"),
        (asked("x", max_tokens=50), "unsupported_parameter", "max_tokens"),
        (asked("x", include=["all"]), "invalid_value", "include[0]"),
        (asked("x", reasoning={"effort": "heroic"}), "invalid_value", "reasoning.effort"),
        (
            asked("x", text={"format": {"type": "json_schema"}}),
            "missing_required_parameter",
            "text.format.name",
        ),
        (asked("x", tools=[{"type": "file_search"}]), "unsupported_value", "tools[0].type"),
        (
            asked("x", tools=[{"type": "namespace", "name": "n", "description": "d"}]),
            "missing_required_parameter",
            "tools[0].tools",
        ),
        (asked("x", tool_choice={"type": "function", "name": "f"}), None, "tool_choice"),
        (asked("x", background=True, store=False), None, "background"),
        (asked("x") | {"model": "sandbox-429"}, "rate_limit_exceeded", None),
    ],
)
async def test_bad_requests_are_refused_as_openai_does(
    client: aiohttp.ClientSession, body: Shape, code: str | None, param: str | None
) -> None:
    error = await refused(client, body)
    assert (error["code"], error["param"]) == (code, param)


async def test_input_is_counted_and_compacted(client: aiohttp.ClientSession) -> None:
    made = await ask(client, asked("Hi"))
    async with client.post("/v1/responses/input_tokens", json=asked("Hi")) as response:
        counted = await response.json()
    validate("TokenCountsResource", counted)
    assert counted["input_tokens"] == made["usage"]["input_tokens"]
    body = {"model": "gpt-4.1-mini", "input": "repeat: blue", "previous_response_id": made["id"]}
    async with client.post("/v1/responses/compact", json=body) as response:
        compacted = await response.json()
    validate("CompactResource", compacted)
    item = compacted["output"][-1]
    assert item["type"] == "compaction"
    going_on = await ask(client, asked([*compacted["output"], {"role": "user", "content": "repeat: on"}]))
    assert text(going_on) == "on"
    forged = item | {"encrypted_content": item["encrypted_content"][::-1]}
    assert (await refused(client, asked([forged])))["code"] == "invalid_encrypted_content"


async def test_the_official_client_creates_streams_parses_and_goes_on(official: openai.AsyncOpenAI) -> None:
    first = await official.responses.create(model="gpt-4.1-mini", input="repeat: one")
    assert first.output_text == "one" and first.usage
    second = await official.responses.create(
        model="gpt-4.1-mini", input="repeat: two", previous_response_id=first.id
    )
    assert second.output_text == "two"
    items = [item async for item in official.responses.input_items.list(second.id, limit=1)]
    assert len(items) == 3
    async with official.responses.stream(model="gpt-4.1-mini", input="say 3 words") as events:
        pieces = [event.delta async for event in events if event.type == "response.output_text.delta"]
        final = await events.get_final_response()
    assert "".join(pieces) == final.output_text == "word1 word2 word3"
    parsed = await official.responses.parse(model="gpt-4.1-mini", input="Oslo", text_format=_Place)
    assert isinstance(parsed.output_parsed, _Place)


class _Place(pydantic.BaseModel):
    city: str
    days: int


async def test_the_official_client_works_in_the_background(official: openai.AsyncOpenAI) -> None:
    events = await official.responses.create(
        model="o3", input="repeat: later", background=True, stream=True, reasoning={"summary": "auto"}
    )
    seen = []
    async for event in events:
        seen.append(event)
        if event.type == "response.in_progress":
            break
    response_id = getattr(seen[0], "response").id  # noqa: B009
    rest = [
        event
        async for event in await official.responses.retrieve(
            response_id, stream=True, starting_after=seen[-1].sequence_number
        )
    ]
    assert rest[-1].type == "response.completed" and rest[-1].response.output_text == "later"
    await official.responses.delete(response_id)
    with pytest.raises(openai.NotFoundError):
        await official.responses.retrieve(response_id)
    made = await official.responses.create(
        model="gpt-4.1-mini",
        input="Hi",
        background=True,
        extra_headers={"x-pronghorn-simulate": "task=stuck"},
    )
    assert (await official.responses.cancel(made.id)).status == "cancelled"


async def test_the_official_client_sees_typed_errors(official: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="not found"):
        await official.responses.create(model="m", input="x", previous_response_id="resp_gone")
    with pytest.raises(openai.RateLimitError):
        await official.responses.create(model="sandbox-429", input="x")


async def test_a_websocket_answers_one_response_after_the_other(client: aiohttp.ClientSession) -> None:
    async with client.ws_connect("/v1/responses") as socket:

        async def say(frame: Any) -> list[Shape]:
            await socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))
            events: list[Shape] = []
            while not events or events[-1]["type"] not in ("response.completed", "error"):
                events.append(await socket.receive_json())
                validate("ResponsesServerEvent", events[-1])
            return events

        first = await say(
            {"type": "response.create", **asked("call get_weather", tools=[WEATHER], store=False)}
        )
        made = first[-1]["response"]
        output = {
            "type": "function_call_output",
            "call_id": made["output"][0]["call_id"],
            "output": "4 degrees",
        }
        following = asked([output], previous_response_id=made["id"])
        second = await say({"type": "response.create", **following})
        assert "4 degrees" in text(second[-1]["response"])
        assert (await say("{"))[-1]["code"] == "invalid_json"
        assert (await say({"type": "response.dance"}))[-1]["code"] == "invalid_value"
        assert (await say({"type": "response.create"}))[-1]["param"] == "model"
    error = await refused_upgrade(client)
    assert error["type"] == "invalid_request_error"


async def refused_upgrade(client: aiohttp.ClientSession) -> Shape:
    async with client.get("/v1/responses") as response:
        assert response.status == 426
        error: Shape = (await response.json())["error"]
        return error
