"""Request bodies: bounded before, while and after they come; unpacked without loss, bombs refused."""

import gzip
import zlib
from collections.abc import Iterable
from typing import Any

import pytest

from pronghorn.api import body
from pronghorn.api.reply import Receive
from pronghorn.errors import BadRequest, CallerGone, TooLarge, UnsupportedMediaType

LIMIT = 2_000
PLAIN = b'{"model":"m","messages":[]}' * 20
PACKED = gzip.compress(PLAIN, mtime=0)
"""The same at any time, since tests are named after it."""


def receiving(*parts: bytes, is_cut: bool = False) -> Receive:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    if is_cut:
        messages.append({"type": "http.disconnect"})
    else:
        messages[-1]["more_body"] = False
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    return receive


def chunks(data: bytes, size: int) -> Iterable[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 1_000])
async def test_a_body_comes_together_whatever_its_pieces(size: int) -> None:
    assert await body.read(receiving(*chunks(PLAIN, size)), LIMIT) == PLAIN
    assert [part async for part in body.stream(receiving(*chunks(PLAIN, size)), LIMIT)] == chunks(PLAIN, size)


async def test_empty_pieces_mean_nothing() -> None:
    assert await body.read(receiving(b"", b"a", b"", b"b", b""), LIMIT) == b"ab"
    assert [part async for part in body.stream(receiving(b"", b"a", b""), LIMIT)] == [b"a"]
    assert await body.read(receiving(b""), LIMIT) == b""


async def test_a_body_too_large_is_refused_as_soon_as_it_is() -> None:
    seen = 0
    with pytest.raises(TooLarge) as refused:
        async for part in body.stream(receiving(*[b"x" * 100] * 50), LIMIT):
            seen += len(part)
    assert seen == LIMIT
    assert refused.value.status == 413
    with pytest.raises(TooLarge):
        await body.read(receiving(*[b"x" * 100] * 50), LIMIT)
    assert len(await body.read(receiving(*[b"x" * 100] * 20), LIMIT)) == LIMIT


@pytest.mark.parametrize("parts", [[], [b"a"], [b"a", b"b"]])
async def test_a_caller_who_hangs_up_sent_no_body(parts: list[bytes]) -> None:
    with pytest.raises(CallerGone):
        await body.read(receiving(*parts, is_cut=True), LIMIT)


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [({}, True), ({b"content-length": b"2000"}, True), ({b"content-length": b"2001"}, False)],
)
def test_the_announced_length_is_looked_at_first(headers: dict[bytes, bytes], is_taken: bool) -> None:
    if is_taken:
        body.check_length(headers, LIMIT)
    else:
        with pytest.raises(TooLarge):
            body.check_length(headers, LIMIT)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        (None, PLAIN),
        (b"", PLAIN),
        (b"identity", PLAIN),
        (b"gzip", PACKED),
        (b" GZIP ", PACKED),
        (b"x-gzip", PACKED),
        (b"deflate", zlib.compress(PLAIN)),
    ],
)
def test_what_is_packed_is_unpacked(encoding: bytes | None, packed: bytes) -> None:
    headers = {} if encoding is None else {b"content-encoding": encoding}
    assert body.unpack(packed, headers, LIMIT) == PLAIN


def test_exactly_the_limit_is_taken_packed_or_not() -> None:
    for size, is_taken in ((LIMIT, True), (LIMIT + 1, False)):
        for data, headers in (
            (b"x" * size, {}),
            (gzip.compress(b"x" * size), {b"content-encoding": b"gzip"}),
        ):
            if is_taken:
                assert body.unpack(data, headers, LIMIT) == b"x" * size
            else:
                with pytest.raises(TooLarge):
                    body.unpack(data, headers, LIMIT)


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(TooLarge):
        body.unpack(bomb, {b"content-encoding": b"gzip"}, 100_000)


def test_several_members_are_read_whole_or_refused() -> None:
    """RFC 1952 2.2: a gzip file is a series of members. What follows the first is not dropped silently."""
    packed = gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:])
    try:
        found = body.unpack(packed, {b"content-encoding": b"gzip"}, LIMIT)
    except BadRequest:
        return
    assert found == PLAIN


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"plain text",
        PACKED[:-1],
        PACKED[:20],
        PACKED[:-8] + b"\0" * 8,
    ],
)
def test_damaged_bodies_are_refused(packed: bytes) -> None:
    with pytest.raises(BadRequest):
        body.unpack(packed, {b"content-encoding": b"gzip"}, LIMIT)


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip", b"\xff"])
def test_other_encodings_are_named(encoding: bytes) -> None:
    with pytest.raises(UnsupportedMediaType, match="gzip"):
        body.unpack(PLAIN, {b"content-encoding": encoding}, LIMIT)
