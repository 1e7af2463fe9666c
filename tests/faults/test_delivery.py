"""What a vendor says comes at once, unchanged, and by the name of who said it."""

import asyncio
import hashlib
import itertools
import json
import resource
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.faults.dialects import (
    DIALECTS,
    PAIRS,
    TEXT,
    ask,
    assert_complete,
    data_of,
    generated,
    open_case,
    output_delta,
    streaming,
    text_delta,
    typed,
)
from tests.faults.harness import Case, Gateway
from tests.faults.raw import RawAnswer
from tests.faults.upstream import (
    DONE,
    LAST_CHUNK,
    ROLE,
    USED,
    Seen,
    Step,
    chunk,
    completion,
    delta,
    stream,
    whole,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

all_pairs = pytest.mark.parametrize(("door", "vendor"), PAIRS)
both_ways = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])


# Streams that are real ones

CHUNKS = 200
P99_S = 0.005
ROUNDS = 5
"""The best one counts, and in it what came while no other program had the processor."""


def interruptions() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def piece(vendor: str, number: int) -> bytes:
    text = f"word-{number}."
    if vendor == "responses":
        return output_delta(text, number + 4)
    return {"chat": delta, "messages": text_delta, "generate": generated}[vendor](text)


async def delays(case: Case, door: str, vendor: str) -> list[float]:
    """From sending to receiving, for each chunk; the vendor sends none before the caller has the one before."""
    sent: list[tuple[float, int]] = []
    came: list[tuple[float, int]] = []
    has_come = [asyncio.Event() for _ in range(CHUNKS)]

    def say(number: int) -> Step:
        async def play(writer: asyncio.StreamWriter, _: Seen) -> None:
            sent.append((time.monotonic(), interruptions()))
            writer.write(chunk(piece(vendor, number)))
            await has_come[number].wait()

        return play

    def note(answer: RawAnswer) -> None:
        at, data = answer.arrivals[-1]
        if len(came) < CHUNKS and b"word-%d." % len(came) in data:
            has_come[len(came)].set()
            came.append((at, interruptions()))

    opening, ending = streaming(*DIALECTS[vendor].opening), map(chunk, DIALECTS[vendor].ending)
    case.gateway.upstream.plays(*opening, *map(say, range(CHUNKS)), *ending, LAST_CHUNK)
    answer = await case.call(ask(case, door, is_stream=True), on_data=note)
    assert answer.is_whole
    found = zip(sent, came, strict=True)
    return [late - early for (early, before), (late, after) in found if before == after]


@all_pairs
async def test_a_caller_has_each_chunk_at_once_and_before_the_vendor_sends_the_next(
    gateway: Gateway, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor)
    worst: list[float] = []
    for _ in range(ROUNDS):
        found = await delays(case, door, vendor)
        worst.append(statistics.quantiles(found, n=100)[98])
        if worst[-1] <= P99_S:
            break
    assert min(worst) <= P99_S, worst
    await case.assert_invariants()


# Who was asked, and who answered


def answers(vendor: str, *, is_stream: bool) -> tuple[Step, ...]:
    """By a model that calls itself `theirs`."""
    dialect = DIALECTS[vendor]
    if not is_stream:
        return whole(completion(TEXT, model="theirs") if vendor == "chat" else dialect.whole)
    if vendor != "chat":
        return stream(*dialect.events)
    return stream(*(one.replace(b'{"id": "c",', b'{"id": "c", "model": "theirs",') for one in dialect.events))


def models_in(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield from [value] if name in ("model", "modelVersion") else models_in(value)
    elif isinstance(document, list):
        for item in document:
            yield from models_in(item)


@pytest.mark.parametrize("alias", [None, "their-name"], ids=["own name", "alias"])
@both_ways
@all_pairs
async def test_the_model_that_answered_is_told_by_its_own_name(
    gateway: Gateway, door: str, vendor: str, is_stream: bool, alias: str | None
) -> None:
    case = await open_case(gateway, door, vendor, alias=alias)
    gateway.upstream.plays(*answers(vendor, is_stream=is_stream))
    answer = await case.call(ask(case, door, is_stream=is_stream))
    assert_complete(door, answer, is_stream=is_stream)
    assert set(models_in(data_of(answer.body) if is_stream else answer.json())) == {"theirs"}
    assert answer.header("x-pronghorn-model") == (f"{case.model} -> {alias}" if alias else "")
    row = await case.row()
    assert (row.model, row.upstream_model) == (case.model, alias or case.model)
    (seen,) = gateway.upstream.seen
    in_path = seen.path.partition("/models/")[2].partition(":")[0]
    assert (in_path or seen.json()["model"]) == (alias or case.model)
    await case.assert_invariants()


# Tool calls

ARGUMENTS = (
    '{"url": "https://pypi.org/simple/requests/requests-2.31.0.tar.gz", "run": "pip install requests==2.31.0", '
    '"deep": [1, 1.0, -0.5, 1e-07, 9007199254740993, true, null, {}], '
    '"text": "na\\u00efve \\"quoted\\" \\\\ / \\n\\u2028 日本 😀", "": ""}'
)
CUTS = (0, 1, 9, 40, 111, 160, 240, len(ARGUMENTS))
PIECES = [ARGUMENTS[start:end] for start, end in itertools.pairwise(CUTS)]
CALL = {"id": "call_1", "type": "function", "function": {"name": "install", "arguments": ARGUMENTS}}
ITEM = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "install", "arguments": ARGUMENTS}
USE = {"type": "tool_use", "id": "toolu_1", "name": "install", "input": json.loads(ARGUMENTS)}
CALL_PART = {"functionCall": {"id": "a1", "name": "install", "args": json.loads(ARGUMENTS)}}


def calling(vendor: str) -> bytes:
    """A whole answer that is a call."""
    document = dict(DIALECTS[vendor].whole)
    if vendor == "chat":
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        document["choices"] = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    elif vendor == "responses":
        document["output"] = [ITEM | {"status": "completed"}]
    elif vendor == "messages":
        document |= {"content": [USE], "stop_reason": "tool_use"}
    else:
        content = {"role": "model", "parts": [CALL_PART]}
        document["candidates"] = [{"content": content, "finishReason": "STOP", "index": 0}]
    return json.dumps(document, ensure_ascii=False).encode()


def call_events(vendor: str) -> list[bytes]:
    """A stream that is one, its arguments in pieces where the dialect has them so."""
    if vendor == "chat":
        parts = [{"index": 0, **CALL, "function": {"name": "install", "arguments": ""}}]
        parts += [{"index": 0, "function": {"arguments": text}} for text in PIECES]
        return [ROLE, *(delta(tool_calls=[one]) for one in parts), delta(finish="tool_calls"), USED, DONE]
    if vendor == "generate":
        return [b"data: %b\r\n\r\n" % calling(vendor)]
    if vendor == "messages":
        kind, usage = "input_json_delta", {"output_tokens": 5}
        pieces = [
            typed("content_block_delta", index=0, delta={"type": kind, "partial_json": text})
            for text in PIECES
        ]
        return [
            DIALECTS[vendor].opening[0],
            typed("content_block_start", index=0, content_block=USE | {"input": {}}),
            *pieces,
            typed("content_block_stop", index=0),
            typed("message_delta", delta={"stop_reason": "tool_use"}, usage=usage),
            typed("message_stop"),
        ]
    name, at = "response.function_call_arguments", {"item_id": "fc_1", "output_index": 0}
    return [
        *DIALECTS[vendor].opening[:2],
        typed("response.output_item.added", output_index=0, item=ITEM | {"arguments": ""}),
        *(typed(f"{name}.delta", **at, delta=text) for text in PIECES),
        typed(f"{name}.done", **at, arguments=ARGUMENTS),
        typed("response.output_item.done", output_index=0, item=ITEM),
        typed("response.completed", response=json.loads(calling(vendor))),
    ]


def called(door: str, answer: RawAnswer, *, is_stream: bool) -> str:
    """The arguments that a client puts together."""
    if is_stream and door in ("chat", "messages"):
        documents = [one for one in data_of(answer.body) if isinstance(one, dict)]
        if door == "messages":
            return "".join(one.get("delta", {}).get("partial_json", "") for one in documents)
        deltas = [choice["delta"] for one in documents for choice in one["choices"]]
        return "".join(part["function"]["arguments"] for one in deltas for part in one.get("tool_calls", ()))
    documents = data_of(answer.body) if is_stream else [answer.json()]
    if door == "chat":
        return str(documents[0]["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])
    if door == "messages":
        return json.dumps(documents[0]["content"][0]["input"])
    if door == "generate":
        parts = [part for one in documents for part in one["candidates"][0]["content"]["parts"]]
        (args,) = [part["functionCall"]["args"] for part in parts if "functionCall" in part]
        return json.dumps(args)
    if is_stream:
        pieces = [one["delta"] for one in documents if one["type"].endswith("arguments.delta")]
        documents = [documents[-1]["response"]]
        assert "".join(pieces) == documents[0]["output"][0]["arguments"]
    return str(documents[0]["output"][0]["arguments"])


def exact(arguments: str) -> str:
    """Order, kinds of numbers and all, but for blanks and escapes."""
    return json.dumps(json.loads(arguments))


@both_ways
@all_pairs
async def test_a_tool_call_is_delivered_as_it_was_made(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    events, body = call_events(vendor), calling(vendor)
    gateway.upstream.plays(*(stream(*events) if is_stream else whole(body)))
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if is_stream and door == "chat" else {}
    answer = await case.call(ask(case, door, is_stream=is_stream, **more))
    assert (answer.status, answer.is_whole) == (200, True), answer.body
    assert b'"install"' in answer.body
    assert exact(called(door, answer, is_stream=is_stream)) == exact(ARGUMENTS)
    if door == vendor:
        sent = b"".join(events) if is_stream else body
        assert hashlib.sha256(answer.body).digest() == hashlib.sha256(sent).digest()
    await case.assert_invariants()
