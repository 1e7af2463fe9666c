"""Amazon's frames: the published samples, cut at every place, and damage of every kind."""

import struct
from binascii import crc32

import pytest

from pronghorn.vendors.event_stream import Frame, Frames

EMPTY = bytes.fromhex("00000010 00000000 05c248eb 7d98c8ff")
WITH_HEADER = (
    bytes.fromhex("0000003d 00000020 07fd8396 0c")
    + b"content-type\x07\x00\x10application/json{'foo':'bar'}"
    + bytes.fromhex("8d9c08b1")
)
ONE = Frame({"content-type": "application/json"}, b"{'foo':'bar'}")


def frame(headers: bytes, payload: bytes = b"", *, length: int | None = None) -> bytes:
    total = 16 + len(headers) + len(payload) if length is None else length
    prelude = struct.pack(">II", total, len(headers))
    begun = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return begun + struct.pack(">I", crc32(begun))


@pytest.mark.parametrize("cut", range(len(EMPTY + WITH_HEADER) + 1))
def test_frames_survive_any_cut(cut: int) -> None:
    data = EMPTY + WITH_HEADER
    frames = Frames()
    assert frames.feed(data[:cut]) + frames.feed(data[cut:]) == [Frame({}, b""), ONE]


def test_headers_of_every_type_are_passed_over_and_strings_are_kept() -> None:
    values = [b"\x00", b"\x01", b"\x02a", b"\x03ab", b"\x04abcd", b"\x05abcdefgh", b"\x06\x00\x02ab"]
    values += [b"\x07\x00\x02ok", b"\x08abcdefgh", b"\x09abcdefghijklmnop"]
    headers = b"".join(b"\x01%c%b" % (ord("a") + place, value) for place, value in enumerate(values))
    assert Frames().feed(frame(headers, b"x")) == [Frame({"h": "ok"}, b"x")]


@pytest.mark.parametrize("place", range(len(WITH_HEADER)))
def test_no_damaged_byte_goes_unnoticed(place: int) -> None:
    damaged = bytearray(WITH_HEADER)
    damaged[place] ^= 1
    with pytest.raises(ValueError):
        Frames().feed(bytes(damaged))


@pytest.mark.parametrize(
    "data",
    [
        frame(b"", length=15),
        frame(b"", length=2**31),
        frame(b"\x01a\x0a"),
        frame(b"\x01a\x07\x00\x09short"),
        frame(b"\x09name"),
        frame(b"\x01a\x07\x00\x01\xff"),
    ],
)
def test_frames_that_make_no_sense_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Frames().feed(data)
