"""The four dialects as the tests know them: what a caller asks, what a vendor says, and how its answers are read.

Written from the vendors' own pages; it shares no code with the gateway, whose reading it is there to check.
"""

import json
from dataclasses import dataclass
from typing import Any

from tests.faults.harness import Case, Gateway
from tests.faults.raw import RawAnswer, request
from tests.faults.upstream import DONE, FINISH, ONE, ROLE, STREAM_HEAD, TWO, USED, chunk, completion

COST = 10 * 1_000 + 5 * 2_000
"""Nano-dollars of 10 tokens in and 5 out, which is what every vendor here counts."""
TEXT = "one two"


def typed(kind: str, **members: Any) -> bytes:
    """An event of Anthropic's dialect or of OpenAI's Responses."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def bare(document: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(document).encode()


@dataclass(frozen=True)
class Dialect:
    name: str
    vendor: str
    """Whose channel speaks it; of several dialects it prefers this one for callers of another."""
    path: str
    """Where such a vendor is asked."""
    stream_path: str
    opening: tuple[bytes, ...]
    """Events of a stream before there is any content."""
    content: tuple[bytes, ...]
    """Two events, whose texts make `TEXT`."""
    ending: tuple[bytes, ...]
    """What follows; the last one is the dialect's own end."""
    whole: Any
    limit: tuple[str, ...]
    """Where the request has its output limit."""

    @property
    def events(self) -> tuple[bytes, ...]:
        return (*self.opening, *self.content, *self.ending)


CHAT = Dialect(
    name="chat",
    vendor="openai",
    path="/v1/chat/completions",
    stream_path="/v1/chat/completions",
    opening=(ROLE,),
    content=(ONE, TWO),
    ending=(FINISH, USED, DONE),
    whole=completion(TEXT),
    limit=("max_tokens",),
)


def _message(content: list[Any], stop: str | None, output: int) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "theirs", "content": content}
    counts = {"input_tokens": 10, "output_tokens": output}
    return head | {"stop_reason": stop, "stop_sequence": None, "usage": counts}


def text_delta(text: str) -> bytes:
    return typed("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


MESSAGES = Dialect(
    name="messages",
    vendor="anthropic",
    path="/v1/messages",
    stream_path="/v1/messages",
    opening=(
        typed("message_start", message=_message([], None, 1)),
        typed("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        typed("ping"),
    ),
    content=(text_delta("one"), text_delta(" two")),
    ending=(
        typed("content_block_stop", index=0),
        typed("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
        typed("message_stop"),
    ),
    whole=_message([{"type": "text", "text": TEXT}], "end_turn", 5),
    limit=("max_tokens",),
)

_PART: dict[str, Any] = {"type": "output_text", "text": TEXT, "annotations": []}
_ITEM: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant"}
_PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def response(status: str, output: list[Any], **more: Any) -> dict[str, Any]:
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "theirs", "status": status}
    return head | {"output": output, "error": None, "incomplete_details": None} | more


_DONE_ITEM = _ITEM | {"status": "completed", "content": [_PART]}
_RESPONSE = response(
    "completed", [_DONE_ITEM], usage={"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
)


def output_delta(text: str, number: int) -> bytes:
    return typed("response.output_text.delta", **_PLACE, delta=text, sequence_number=number)


RESPONSES = Dialect(
    name="responses",
    vendor="openai",
    path="/v1/responses",
    stream_path="/v1/responses",
    opening=(
        typed("response.created", response=response("in_progress", []), sequence_number=0),
        typed("response.in_progress", response=response("in_progress", []), sequence_number=1),
        typed(
            "response.output_item.added",
            output_index=0,
            item=_ITEM | {"status": "in_progress", "content": []},
            sequence_number=2,
        ),
        typed("response.content_part.added", **_PLACE, part=_PART | {"text": ""}, sequence_number=3),
    ),
    content=(output_delta("one", 4), output_delta(" two", 5)),
    ending=(
        typed("response.output_text.done", **_PLACE, text=TEXT, sequence_number=6),
        typed("response.content_part.done", **_PLACE, part=_PART, sequence_number=7),
        typed("response.output_item.done", output_index=0, item=_DONE_ITEM, sequence_number=8),
        typed("response.completed", response=_RESPONSE, sequence_number=9),
    ),
    whole=_RESPONSE,
    limit=("max_output_tokens",),
)


def generated(text: str | None, **more: Any) -> bytes:
    return b"data: %b\r\n\r\n" % json.dumps(generated_whole(text, **more)).encode()


def generated_whole(text: str | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    parts = [] if text is None else [{"text": text}]
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "theirs", "responseId": "r1"} | more


METADATA = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
GENERATE = Dialect(
    name="generate",
    vendor="gemini",
    path="/v1beta/models/MODEL:generateContent",
    stream_path="/v1beta/models/MODEL:streamGenerateContent?alt=sse",
    opening=(generated(None),),
    content=(generated("one"), generated(" two")),
    ending=(generated("", finish="STOP", usageMetadata=METADATA),),
    whole=generated_whole(TEXT, "STOP", usageMetadata=METADATA),
    limit=("generationConfig", "maxOutputTokens"),
)

DIALECTS = {dialect.name: dialect for dialect in (CHAT, MESSAGES, RESPONSES, GENERATE)}
SAME = [(name, name) for name in DIALECTS]
CONVERTED = [
    (door, vendor)
    for door in DIALECTS
    for vendor in DIALECTS
    if door != vendor and vendor != "responses"  # nobody speaks that one alone
]
PAIRS = [*SAME, *CONVERTED]


def vendor_of(door: str, vendor: str) -> str:
    """OpenAI itself speaks Responses too, so that a caller of those is not converted there."""
    return "moonshot" if (door, vendor) == ("responses", "chat") else DIALECTS[vendor].vendor


async def open_case(gateway: Gateway, door: str, vendor: str, *urls: str, **more: Any) -> Case:
    """A model whose vendors at `urls` speak one dialect, for callers of another."""
    return await gateway.case(*urls, vendor=vendor_of(door, vendor), **more)


# The caller's side


def body_of(door: str, model: str, *, is_stream: bool, limit: int | None = 100) -> dict[str, Any]:
    """What is asked: `Hi`, with at most `limit` tokens as the answer."""
    said = [{"role": "user", "content": "Hi"}]
    if door == "generate":
        config = {} if limit is None else {"generationConfig": {"maxOutputTokens": limit}}
        return {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]} | config
    body: dict[str, Any] = {"model": model}
    body |= {"input": said, "store": False} if door == "responses" else {"messages": said}
    if limit is not None:
        body[DIALECTS[door].limit[0]] = limit
    return body | ({"stream": True} if is_stream else {})


def path_of(door: str, model: str, *, is_stream: bool) -> str:
    dialect = DIALECTS[door]
    return (dialect.stream_path if is_stream else dialect.path).replace("MODEL", model)


KEY_HEADERS = {"messages": "x-api-key", "generate": "x-goog-api-key"}


def ask(
    case: Case,
    door: str,
    *,
    is_stream: bool,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> bytes:
    """The request as this dialect's own clients put it; `more` are members of its body."""
    if body is None:
        body = json.dumps(body_of(door, case.model, is_stream=is_stream) | more).encode()
    name = KEY_HEADERS.get(door)
    key = {"authorization": f"Bearer {case.key}"} if name is None else {name: case.key}
    found = key | {"content-type": "application/json"} | (headers or {})
    return request("POST", path_of(door, case.model, is_stream=is_stream), found, body)


def data_of(body: bytes) -> list[Any]:
    """The documents of a stream's events; `[DONE]` as it is."""
    lines = [line.removeprefix(b"data:").strip() for line in body.splitlines() if line.startswith(b"data:")]
    return [line.decode() if line == b"[DONE]" else json.loads(line) for line in lines if line]


def is_terminal(door: str, event: Any) -> bool:
    """Would a client take the answer for complete after this event?"""
    if door == "chat":
        return bool(event == "[DONE]")
    if not isinstance(event, dict):
        return False
    if door == "generate":
        return any(candidate.get("finishReason") for candidate in event.get("candidates", ()))
    ends = {"messages": ("message_stop",), "responses": ("response.completed", "response.incomplete")}
    return event["type"] in ends[door]


def text_of(door: str, event: Any) -> str:
    """What an event adds to the answer."""
    if not isinstance(event, dict):
        return ""
    if door == "chat":
        return "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ()))
    if door == "generate":
        found = event.get("candidates", ())
        return "".join(part.get("text", "") for one in found for part in one["content"]["parts"])
    if door == "messages":
        return str(event.get("delta", {}).get("text", "")) if event["type"] == "content_block_delta" else ""
    return event["delta"] if event["type"] == "response.output_text.delta" else ""


def streamed_text(door: str, body: bytes) -> str:
    return "".join(text_of(door, event) for event in data_of(body))


def whole_text(door: str, document: Any) -> str:
    if door == "chat":
        return str(document["choices"][0]["message"]["content"])
    if door == "messages":
        return "".join(block["text"] for block in document["content"])
    if door == "responses":
        return "".join(part["text"] for item in document["output"] for part in item["content"])
    return "".join(part["text"] for part in document["candidates"][0]["content"]["parts"])


def assert_complete(door: str, answer: RawAnswer, *, is_stream: bool, text: str = TEXT) -> None:
    """A proper answer of this dialect, with its end at its end."""
    assert (answer.status, answer.is_whole) == (200, True), answer.body
    if not is_stream:
        assert whole_text(door, answer.json()) == text
        return
    assert answer.header("content-type").startswith("text/event-stream")
    events = data_of(answer.body)
    assert [is_terminal(door, event) for event in events] == [False] * (len(events) - 1) + [True]
    assert streamed_text(door, answer.body) == text


Words = tuple[int, str]
ERRORS: dict[str, dict[str, Words]] = {
    "vendor failed": {
        "chat": (502, "upstream_error"),
        "messages": (502, "api_error"),
        "generate": (502, "INTERNAL"),
    },
    "vendor slow": {
        "chat": (504, "upstream_timeout"),
        "messages": (504, "timeout_error"),
        "generate": (504, "DEADLINE_EXCEEDED"),
    },
    "vendor limited": {
        "chat": (429, "rate_limit_exceeded"),
        "messages": (429, "rate_limit_error"),
        "generate": (429, "RESOURCE_EXHAUSTED"),
    },
    "bad key": {
        "chat": (401, "invalid_api_key"),
        "messages": (401, "authentication_error"),
        "generate": (401, "UNAUTHENTICATED"),
    },
    "no credit": {
        "chat": (402, "insufficient_quota"),
        "messages": (402, "billing_error"),
        "generate": (403, "PERMISSION_DENIED"),
    },
    "not allowed": {
        "chat": (403, "access_denied"),
        "messages": (403, "permission_error"),
        "generate": (403, "PERMISSION_DENIED"),
    },
    "unknown model": {
        "chat": (404, "model_not_found"),
        "messages": (404, "not_found_error"),
        "generate": (404, "NOT_FOUND"),
    },
    "no channel": {
        "chat": (503, "no_channel"),
        "messages": (529, "overloaded_error"),
        "generate": (503, "UNAVAILABLE"),
    },
    "bad request": {
        "chat": (400, "invalid_request_error"),
        "messages": (400, "invalid_request_error"),
        "generate": (400, "INVALID_ARGUMENT"),
    },
    "too large": {
        "chat": (413, "request_too_large"),
        "messages": (413, "request_too_large"),
        "generate": (413, "INVALID_ARGUMENT"),
    },
    "limited": {
        "chat": (429, "rate_limit_exceeded"),
        "messages": (429, "rate_limit_error"),
        "generate": (429, "RESOURCE_EXHAUSTED"),
    },
}


def words_of(kind: str, door: str) -> Words:
    return ERRORS[kind]["chat" if door == "responses" else door]


def read_error(door: str, document: Any) -> tuple[str, str]:
    """(word, message) of an error body; it must have this dialect's very shape."""
    inner = document["error"]
    if door == "messages":
        assert set(document) == {"type", "error", "request_id"}
        assert document["type"] == "error"
        assert set(inner) == {"type", "message"}
        return inner["type"], inner["message"]
    assert set(document) == {"error"}
    if door == "generate":
        assert set(inner) == {"code", "message", "status"}
        assert isinstance(inner["code"], int)
        return inner["status"], inner["message"]
    assert {"message", "type", "param", "code"} <= set(inner)
    return inner["code"], inner["message"]


def assert_refused(door: str, answer: RawAnswer, kind: str) -> str:
    """An error of that kind in this dialect's words. Gives its message."""
    status, word = words_of(kind, door)
    assert (answer.status, answer.is_whole) == (status, True), answer.body
    found, message = read_error(door, answer.json())
    assert found == word
    assert answer.header("content-type") == "application/json"
    assert answer.header("x-request-id") in message
    if door == "messages":
        assert answer.header("request-id") == answer.header("x-request-id")
        assert answer.json()["request_id"] == answer.header("x-request-id")
    if door == "generate":
        assert answer.json()["error"]["code"] == status
    return message


def assert_broken_off(door: str, answer: RawAnswer, kind: str, reason: str, text: str) -> None:
    """`text` came, then this dialect's error event, and nothing that looks like an end."""
    assert (answer.status, answer.is_whole) == (200, False)
    *events, last = data_of(answer.body)
    assert not any(is_terminal(door, event) for event in events)
    assert "".join(text_of(door, event) for event in events) == text
    status, word = words_of(kind, door)
    if door == "responses":
        assert answer.body.rstrip().splitlines()[-2] == b"event: error"
        assert set(last) == {"type", "code", "message", "param", "sequence_number"}
        assert (last["type"], last["code"]) == ("error", reason)
        message = last["message"]
    else:
        if door == "messages":
            assert answer.body.rstrip().splitlines()[-2] == b"event: error"
        found, message = read_error(door, last)
        assert found == (reason if door == "chat" else word)
        if door == "generate":
            assert last["error"]["code"] == status
    assert answer.header("x-request-id") in message


# The vendor's side


def streaming(*events: bytes) -> tuple[bytes, ...]:
    """The head of a stream and its first events, one chunk each, without an end."""
    return (STREAM_HEAD, *map(chunk, events))


def error_body(dialect: str, message: str, status: int = 400) -> dict[str, Any]:
    """What a vendor of this dialect says when it refuses."""
    if dialect == "messages":
        return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    if dialect == "generate":
        return {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}
    inner = {"message": message, "type": "invalid_request_error", "param": "p", "code": "their_code"}
    return {"error": inner}


def error_event(dialect: str) -> bytes:
    """What it says inside a stream."""
    if dialect == "messages":
        return typed("error", error={"type": "overloaded_error", "message": "Overloaded"})
    if dialect == "responses":
        return typed("error", code="server_error", message="oops", param=None, sequence_number=9)
    if dialect == "generate":
        return bare({"error": {"code": 503, "message": "oops", "status": "UNAVAILABLE"}})
    return bare({"error": {"message": "oops", "type": "server_error"}})
