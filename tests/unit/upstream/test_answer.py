"""Compressed answers as vendors send them: in one member or many, with a head or without, cut anywhere."""

import gzip
import zlib

import pytest

from pronghorn.errors import UpstreamError
from pronghorn.upstream import answer

PLAIN = bytes(range(256)) * 4
HALF = len(PLAIN) // 2
PACKED: dict[str, tuple[bool, bytes]] = {
    "gzip": (True, gzip.compress(PLAIN)),
    "two members": (True, gzip.compress(PLAIN[:HALF]) + gzip.compress(PLAIN[HALF:])),
    "a member of nothing": (True, gzip.compress(b"") + gzip.compress(PLAIN)),
    "zeros behind it": (True, gzip.compress(PLAIN) + bytes(20)),
    "deflate": (False, zlib.compress(PLAIN)),
    "deflate without its head": (False, zlib.compress(PLAIN, wbits=-15)),
    "deflate of nothing": (False, zlib.compress(b"", wbits=-15)),
}


@pytest.mark.parametrize("what", PACKED)
def test_every_split_unpacks_to_the_same(what: str) -> None:
    is_gzip, packed = PACKED[what]
    for cut in range(len(packed) + 1):
        unpacker = answer._Unpacker(is_gzip=is_gzip)
        plain = unpacker.feed(packed[:cut], len(PLAIN)) + unpacker.feed(packed[cut:], len(PLAIN))
        assert plain == (b"" if "deflate of" in what else PLAIN)


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(PLAIN + b"x"),
        gzip.compress(PLAIN) + gzip.compress(b"x"),
        gzip.compress(PLAIN)[:-20] + b"damaged" * 9,
        b"no gzip",
        gzip.compress(b"") * (answer.MOST_MEMBERS + 1),
    ],
    ids=["too large", "too large in two members", "damaged", "none", "too many members"],
)
def test_what_is_too_much_or_damaged_is_an_error(packed: bytes) -> None:
    with pytest.raises(UpstreamError):
        answer._Unpacker(is_gzip=True).feed(packed, len(PLAIN))
