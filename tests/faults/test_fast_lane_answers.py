"""Whole answers of a vendor, good, odd and bad: each is met once on either way, and nobody can tell which it was."""

import gzip
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from tests.faults.harness import Case
from tests.faults.test_fast_lane import assert_same, refusal
from tests.faults.test_odd_answers import GOOD, PASSED, REFUSED
from tests.faults.upstream import LAST_CHUNK, STREAM_HEAD, End, Step, chunk, completion, stream, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

LATER = "retry-after: 7\r\n"
ERRORS: dict[str, Sequence[Step]] = {
    **{
        f"{status}": refusal(f"{status} Odd")
        for status in (400, 401, 402, 403, 404, 408, 409, 413, 415, 422, 429)
    },
    **{f"{status}": refusal(f"{status} Odd") for status in (301, 418, 500, 501, 502, 503, 504, 529, 599)},
    **{f"{status} later": refusal(f"{status} Odd", LATER) for status in (408, 429, 500, 503, 529)},
    **{
        f"{status} page": whole(b"<p>", f"{status} Odd", kind="text/html")
        for status in (400, 404, 429, 500, 502)
    },
    **{f"{status} empty": whole(b"", f"{status} Odd") for status in (400, 401, 404, 429, 500)},
    "429 for ever": refusal("429 Odd", "retry-after: 1000000000\r\n"),
    "429 by a date": refusal("429 Odd", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n"),
    "429 nonsense": refusal("429 Odd", "retry-after: soon\r\n"),
    "429 without money": refusal("429 Odd", code="insufficient_quota"),
    "400 about a key": refusal("400 Odd", message="API key not valid"),
    "400 in gzip": whole(
        gzip.compress(b'{"error":{"message":"m"}}'), "400 Odd", headers="content-encoding: gzip\r\n"
    ),
    "304": (b"HTTP/1.1 304 Not Modified\r\n\r\n",),
}


@pytest.mark.parametrize("what", ERRORS)
async def test_an_error_is_the_same_on_both_ways(case: Case, what: str) -> None:
    fast = await assert_same(case, ERRORS[what])
    assert fast.is_handed_over
    assert fast.answer is not None
    assert fast.answer.status >= 400
    assert fast.seen["rows"][0]["cost"] == 0


COUNTED_BY_US = {
    name
    for name in PASSED
    if name.startswith(("no usage", "usage of", "usage that", "usage in", "usage beyond"))
} | {"negative usage"}


@pytest.mark.parametrize("what", PASSED)
async def test_an_odd_answer_is_the_same_on_both_ways(case: Case, what: str) -> None:
    fast = await assert_same(case, whole(PASSED[what]))
    assert fast.answer is not None
    assert fast.answer.body == PASSED[what]
    assert fast.is_handed_over == (what in COUNTED_BY_US)


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_no_answer_is_the_same_on_both_ways(case: Case, what: str) -> None:
    fast = await assert_same(case, whole(REFUSED[what]))
    assert fast.is_handed_over
    assert fast.answer is not None
    assert fast.answer.status == 502


def packed(body: bytes, name: str) -> tuple[bytes]:
    return whole(body, headers=f"content-encoding: {name}\r\n")


def choices(*members: dict[str, Any], **more: Any) -> tuple[bytes]:
    return whole(
        completion() | {"choices": [{"index": 0, "finish_reason": "stop"} | one for one in members]} | more
    )


EMPTY = {"role": "assistant", "content": ""}
HANDED_OVER: dict[str, Sequence[Step]] = {
    "nothing": whole(b""),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "a page": whole(b"<html>", kind="text/html"),
    "an error under 200": whole({"error": {"message": "m"}}),
    "no choices": whole({"choices": [], "usage": {}}),
    "gzip": packed(gzip.compress(GOOD), "gzip"),
    "deflate": packed(zlib.compress(GOOD), "deflate"),
    "gzip of two members": packed(gzip.compress(GOOD[:50]) + gzip.compress(GOOD[50:]), "gzip"),
    "deflate without its head": packed(zlib.compress(GOOD, wbits=-15), "deflate"),
    "damaged gzip": packed(gzip.compress(GOOD)[:-20], "gzip"),
    "no gzip at all": packed(GOOD, "gzip"),
    "brotli": packed(GOOD, "br"),
    "no compression by name": packed(GOOD, "identity"),
    "a stream": stream(),
    "a stream in capitals": (STREAM_HEAD.replace(b"text/event", b"Text/Event"), *stream()[1:]),
    "a whole answer that is called a stream": whole(GOOD, kind="text/event-stream"),
    "a stream with a length": whole(b"data: [DONE]\n\n", kind="text/event-stream"),
}
DELIVERED: dict[str, Sequence[Step]] = {
    "a good one": whole(GOOD),
    "another type": whole(GOOD, kind="text/plain"),
    "no type": (b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(GOOD), GOOD),),
    "two types": whole(GOOD, headers="content-type: text/html\r\n"),
    "201": whole(GOOD, "201 Created"),
    "an id of theirs": whole(GOOD, headers="x-request-id: theirs-1\r\nx-request-id: theirs-2\r\n"),
    "an id that is no text": (whole(GOOD, headers="x-request-id: \xe9\x01\r\n")[0].replace(b"\x01", b""),),
    "an id without an end": whole(GOOD, headers=f"x-request-id: {'a' * 5_000}\r\n"),
    "headers that stay here": whole(GOOD, headers="set-cookie: a=b\r\nx-pronghorn-cost: 7\r\nserver: x\r\n"),
    "cut off by a limit": choices({"message": EMPTY, "finish_reason": "length"}),
    "empty and so for nothing": choices({"message": EMPTY}),
    "a tool call": choices(
        {"message": EMPTY | {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}
    ),
    "two choices": choices(
        {"message": EMPTY}, {"message": EMPTY | {"content": "x"}, "finish_reason": "length"}
    ),
    "a finish of 100 letters": choices({"message": EMPTY | {"content": "x"}, "finish_reason": "f" * 100}),
    "more usage than was held": whole(
        completion(usage={"prompt_tokens": 9_000, "completion_tokens": 9_000_000})
    ),
    "usage of nothing": whole(completion(usage={"prompt_tokens": 0, "completion_tokens": 0})),
    "cached usage": whole(
        completion(
            usage={"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 7}}
        )
    ),
    "in chunks": (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        *(chunk(GOOD[at : at + 7]) for at in range(0, len(GOOD), 7)),
        LAST_CHUNK,
    ),
    "a trailer that says otherwise": (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        chunk(GOOD),
        b"0\r\ncontent-type: text/event-stream\r\n\r\n",
    ),
    "in many pieces": tuple(whole(GOOD)[0][at : at + 9] for at in range(0, len(whole(GOOD)[0]), 9)),
    "the last one of its connection": (*whole(GOOD, headers="connection: close\r\n"), End.CLOSE),
    "up to the close": (b"HTTP/1.1 200 OK\r\n\r\n" + GOOD, End.CLOSE),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + GOOD, End.CLOSE),
    "with a short life": whole(GOOD, headers="keep-alive: timeout=0\r\n"),
    "after one that says wait": (b"HTTP/1.1 100 Continue\r\n\r\n", *whole(GOOD)),
    "after early hints": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 16, *whole(GOOD)),
    "two at once": (whole(GOOD)[0] * 2,),
    "something behind it": (whole(GOOD)[0] + b"x" * 100,),
    "a reset behind it": (*whole(GOOD), End.RESET),
}


@pytest.mark.parametrize("what", HANDED_OVER)
async def test_an_unusual_answer_is_handed_over_and_is_the_same(case: Case, what: str) -> None:
    assert (await assert_same(case, HANDED_OVER[what])).is_handed_over


@pytest.mark.parametrize("what", DELIVERED)
async def test_a_usual_answer_is_delivered_and_is_the_same(case: Case, what: str) -> None:
    fast = await assert_same(case, DELIVERED[what])
    assert not fast.is_handed_over
    assert fast.answer is not None
    assert (fast.answer.status // 100, fast.answer.is_whole) == (2, True)
    assert json.loads(fast.answer.body)["id"] == "c"
