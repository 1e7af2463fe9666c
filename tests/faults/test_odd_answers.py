"""An odd answer of a vendor is passed on byte for byte, or is a 502 that costs nothing; it never breaks us."""

import asyncio
import gzip
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from tests.faults.harness import Case, Gateway
from tests.faults.upstream import (
    DONE,
    EVENTS,
    LAST_CHUNK,
    STREAM_HEAD,
    Step,
    chunk,
    completion,
    stream,
    whole,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = json.dumps(completion()).encode()
CPU_S = 0.25
"""The test's own ends included; a second parse of any of these would take longer than all of it."""


def with_member(text: bytes) -> bytes:
    return GOOD[:-1] + b', "x": ' + text + b"}"


def instead(**members: Any) -> bytes:
    return json.dumps(completion() | members).encode()


def choice(**members: Any) -> bytes:
    plain = {"index": 0, "message": {"role": "assistant", "content": "one"}, "finish_reason": "stop"}
    return instead(choices=[plain | members])


PASSED: dict[str, bytes] = {
    "numbers beyond doubles": with_member(b"[1e400, -1e400, 123456789012345678901234567890, 1E-400]"),
    "members that are there twice": with_member(b'1, "x": 2'),
    "a member of our own twice": GOOD[:-1] + b', "model": "a", "model": "b"}',
    "a prototype": with_member(b'{"__proto__": {"model": "x"}}'),
    "a lone surrogate": with_member(b'"\\ud800"'),
    "an escaped NUL": with_member(b'"\\u0000"'),
    "an array of depth 100": with_member(b"[" * 100 + b"]" * 100),
    "a text of 3 MB": with_member(b'"' + b"a" * 3_000_000 + b'"'),
    "100000 members": with_member(b"{" + b",".join(b'"m%d":1' % n for n in range(100_000)) + b"}"),
    "white space around it": b" \r\n\t" + GOOD + b"\n\n",
    "no usage": instead(usage=None),
    "usage of another type": instead(usage="lots"),
    "usage that is a list": instead(usage=[1]),
    "negative usage": instead(usage={"prompt_tokens": -1, "completion_tokens": -5}),
    "usage in fractions": instead(usage={"prompt_tokens": 1.5, "completion_tokens": 2.5}),
    "usage beyond all bounds": instead(usage={"prompt_tokens": 10**30, "completion_tokens": 10**30}),
    "no finish": choice(finish_reason=None),
    "content in parts": choice(message={"role": "assistant", "content": [{"type": "text", "text": "one"}]}),
    "another role": choice(message={"role": "robot", "content": "one"}),
}

REFUSED: dict[str, bytes] = {
    "NaN": with_member(b"NaN"),
    "Infinity": with_member(b"-Infinity"),
    "an array of depth 10000": with_member(b"[" * 10_000 + b"]" * 10_000),
    "an object of depth 10000": with_member(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "no end": GOOD[:-1],
    "something after its end": GOOD + b"}",
    "two answers": GOOD + GOOD,
    "single quotes": GOOD.replace(b'"', b"'"),
    "UTF-16": GOOD.decode().encode("utf-16"),
    "choices of another type": instead(choices={"0": {}}),
    "a finish of another type": choice(finish_reason=7),
    "choices that are numbers": instead(choices=[1, 2]),
}


@pytest.mark.parametrize("what", PASSED)
async def test_an_odd_answer_passes_byte_for_byte_and_is_charged_within_its_hold(
    case: Case, what: str
) -> None:
    case.gateway.upstream.plays(*whole(PASSED[what]))
    begun = time.process_time()
    answer = await case.chat()
    assert answer.status == 200, answer.body[:200]
    assert answer.body == PASSED[what]
    assert time.process_time() - begun < CPU_S
    row = await case.row()
    assert row.end_reason == "ok"
    assert 0 < row.cost <= row.hold


@pytest.mark.parametrize("what", REFUSED)
async def test_an_answer_that_is_none_is_a_502_and_costs_nothing(case: Case, what: str) -> None:
    case.gateway.upstream.plays(*whole(REFUSED[what]))
    begun = time.process_time()
    answer = await case.chat()
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert time.process_time() - begun < CPU_S
    assert answer.header("x-request-id") in answer.error["message"]
    row = await case.row()
    assert (row.cost, row.end_reason) == (0, "upstream_error")
    case.heal()


@pytest.mark.parametrize(
    "path", ["embeddings", "images/generations", "moderations", "rerank", "completions", "audio/speech"]
)
async def test_no_endpoint_breaks_on_what_is_no_answer(case: Case, path: str) -> None:
    asked = {"model": case.model, "input": "x", "prompt": "x", "query": "x", "documents": ["x"], "voice": "v"}
    for odd in (b"", b"7", b"null", b"[]", b"{}", b"[" * 10_000, b'{"data": 7, "results": 7, "choices": 7}'):
        case.gateway.upstream.plays(*whole(odd))
        answer = await case.call(case.post(f"/v1/{path}", json.dumps(asked).encode()))
        assert answer.status in (200, 502), (path, odd[:20], answer.body)
        assert answer.status == 502 or answer.body == odd
        case.heal()
    assert {row.end_reason for row in await case.rows()} <= {"ok", "upstream_error"}


NAMED = b"content-type: text/event-stream\r\n"
SAID = b"".join(EVENTS)


def called(line: bytes, *bodies: bytes) -> tuple[Step, ...]:
    """A stream under a head with this line in place of the right type."""
    return (STREAM_HEAD.replace(NAMED, line), *map(chunk, bodies or EVENTS), LAST_CHUNK)


STREAMED: dict[str, tuple[Sequence[Step], bytes]] = {
    "called JSON": (called(b"content-type: application/json\r\n"), SAID),
    "called text": (called(b"content-type: text/plain; charset=utf-8\r\n"), SAID),
    "called nothing": (called(b""), SAID),
    "called in capitals": (called(b"Content-Type: Text/Event-Stream\r\n"), SAID),
    "called nothing, with a mark and blanks": (called(b"", b"\xef\xbb\xbf\n\n", *EVENTS), SAID),
    "called nothing, with a comment": (called(b"", b":", b" hi\n\n", *EVENTS), b": hi\n\n" + SAID),
    "called nothing, letter by letter": (called(b"", *(SAID[i : i + 1] for i in range(len(SAID)))), SAID),
    "an end with a blank": (stream(*EVENTS[:-1], b"data: [DONE] \n\n"), SAID[:-2] + b" \n\n"),
    "gzip of two members": (
        called(NAMED + b"content-encoding: gzip\r\n", gzip.compress(SAID[:60]), gzip.compress(SAID[60:])),
        SAID,
    ),
}


@pytest.mark.parametrize("what", STREAMED)
async def test_a_stream_is_one_whatever_it_is_called(case: Case, what: str) -> None:
    steps, said = STREAMED[what]
    case.gateway.upstream.plays(*steps)
    answer = await case.chat(stream=True, stream_options={"include_usage": True})
    assert (answer.status, answer.body.lstrip(b"\xef\xbb\xbf\n")) == (200, said)
    assert answer.header("content-type").startswith("text/event-stream")
    assert len(case.gateway.upstream.seen) == 1
    row = await case.row()
    assert (row.end_reason, row.is_stream, row.usage["output"]) == ("ok", True, 5)


async def test_a_stream_with_another_name_is_not_read_whole_first(case: Case) -> None:
    head, *events, last = called(b"content-type: application/json\r\n")
    answer = await asyncio.wait_for(case.chat_in_two([head, *events[:2]], [*events[2:], last]), 5)
    assert answer.body.endswith(DONE)


async def test_a_stream_that_nobody_asked_for_is_a_502_and_costs_nothing(case: Case) -> None:
    case.gateway.upstream.plays(*stream())
    assert (await case.chat()).status == 502
    assert (await case.row()).cost == 0
    case.heal()


async def test_what_is_json_is_called_so_whatever_its_vendor_calls_it(case: Case) -> None:
    vectors = {"data": [{"index": 0, "embedding": [0.1]}], "usage": {"prompt_tokens": 1}}
    case.gateway.upstream.plays(*whole(vectors, kind="text/plain; charset=utf-8"))
    asked = case.post("/v1/embeddings", json.dumps({"model": case.model, "input": "x"}).encode())
    async with case.open(asked) as connection:
        for _ in range(2):  # the usual way, then the fast lane
            answer = await connection.answer()
            assert (answer.header("content-type"), answer.json()) == ("application/json", vectors)
            case.ids.append(answer.header("x-request-id"))
            await connection.send(asked)
        case.ids.append((await connection.answer()).header("x-request-id"))


async def test_vectors_without_their_places_stand_in_their_order(case: Case) -> None:
    vectors = {"data": [{"embedding": [0.1]}, {"embedding": [0.2]}], "usage": {"prompt_tokens": 1}}
    case.gateway.upstream.plays(*whole(vectors))
    asked = {"requests": [{"content": {"parts": [{"text": text}]}} for text in "ab"]}
    path = f"/v1beta/models/{case.model}:batchEmbedContents"
    answer = await case.call(case.post(path, json.dumps(asked).encode()))
    assert answer.json()["embeddings"] == [{"values": [0.1]}, {"values": [0.2]}]


async def test_speech_is_paid_as_sound(gateway: Gateway) -> None:
    case = await gateway.case(price={"input_usd_per_million": "1", "audio_output_usd_per_million": "12"})
    gateway.upstream.plays(*whole(b"ID3", kind="audio/mpeg"))
    asked = {"model": case.model, "input": "a" * 100, "voice": "v"}
    assert (await case.call(case.post("/v1/audio/speech", json.dumps(asked).encode()))).status == 200
    row = await case.row()
    assert (row.usage["audio_output"], row.cost) == (140, 140 * 12_000 + row.usage["input"] * 1_000)


PICTURES = {"created": 1, "data": [{"b64_json": "AAAA"}, {"b64_json": "BBBB"}]}
UNSTREAMED: dict[str, tuple[str, Any, str]] = {
    "pictures": ("images/generations", PICTURES, "application/json"),
    "sound": ("audio/speech", b"ID3 sound", "audio/mpeg"),
}


@pytest.mark.parametrize("what", UNSTREAMED)
async def test_a_finished_work_is_delivered_though_a_stream_was_asked_for(case: Case, what: str) -> None:
    path, made, kind = UNSTREAMED[what]
    steps = whole(made, kind=kind)
    case.gateway.upstream.plays(*steps)
    asked = {"model": case.model, "prompt": "x", "input": "x", "voice": "v", "stream_format": "sse"}
    answer = await case.call(case.post(f"/v1/{path}", json.dumps(asked | {"stream": True}).encode()))
    assert (answer.status, answer.header("content-type")) == (200, kind)
    assert steps[0].endswith(answer.body)
    row = await case.row()
    assert (row.end_reason, row.is_stream) == ("ok", False)
    assert row.usage["images" if path.startswith("images") else "characters"] > 0


SOUND = bytes(range(256)) * 40


@pytest.mark.parametrize("missing", [1, 20])
async def test_a_compressed_sound_that_ends_too_early_is_no_success(case: Case, missing: int) -> None:
    """Its framing is whole: whatever packed it did not learn that its own source broke off."""
    packed = gzip.compress(SOUND)[:-missing]
    case.gateway.upstream.plays(*whole(packed, kind="audio/mpeg", headers="content-encoding: gzip\r\n"))
    asked = json.dumps({"model": case.model, "input": "x", "voice": "v"}).encode()
    answer = await case.call(case.post("/v1/audio/speech", asked))
    assert not answer.is_whole
    assert (await case.row()).end_reason == "upstream_truncated"


async def test_a_text_that_came_whole_is_a_stream_of_one_event(case: Case) -> None:
    made = {"object": "text_completion", "choices": [{"index": 0, "text": "one", "finish_reason": "stop"}]}
    case.gateway.upstream.plays(*whole(json.dumps(made, indent=1).encode()))
    asked = json.dumps({"model": case.model, "prompt": "x", "stream": True}).encode()
    answer = await case.call(case.post("/v1/completions", asked))
    one, end, rest = answer.body.split(b"\n\n")
    assert (json.loads(one.removeprefix(b"data: ")), end, rest) == (made, b"data: [DONE]", b"")
    assert (await case.row()).cost > 0
