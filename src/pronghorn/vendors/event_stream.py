"""Amazon's event stream: binary frames of headers and a payload, each guarded by two checksums.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
from binascii import crc32
from typing import NamedTuple

MAX_FRAME_BYTES = 24 * 1024 * 1024
_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_SMALLEST = _PRELUDE.size + _CRC.size
_STRING = 7
_SIZED = (6, _STRING)
"""Types of header values whose size stands before them: bytes and strings."""
_FIXED_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Of the other types: two booleans, four sizes of integers, time, UUID."""


class Frame(NamedTuple):
    headers: dict[str, str]
    """Those that are strings; no other kind matters here."""
    payload: bytes


class Frames:
    """Feed bytes in, get whole frames out; what is not whole yet waits inside."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Raises `ValueError` for a frame that is damaged."""
        data, start, found = self._rest + data, 0, []
        while len(data) - start >= _PRELUDE.size:
            length, headers_length, prelude_crc = _PRELUDE.unpack_from(data, start)
            if crc32(data[start : start + 8]) != prelude_crc:
                raise ValueError("the checksum of a frame's beginning is wrong")
            if not _SMALLEST + headers_length <= length <= MAX_FRAME_BYTES:
                raise ValueError("a frame's lengths make no sense")
            if len(data) - start < length:
                break
            found.append(_frame(data[start : start + length], headers_length))
            start += length
        self._rest = data[start:]
        return found


def _frame(data: bytes, headers_length: int) -> Frame:
    body, (crc,) = data[: -_CRC.size], _CRC.unpack(data[-_CRC.size :])
    if crc32(body) != crc:
        raise ValueError("the checksum of a frame is wrong")
    end = _PRELUDE.size + headers_length
    return Frame(_headers(body[_PRELUDE.size : end]), body[end:])


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    place = 0
    try:
        while place < len(data):
            name_end = place + 1 + data[place]
            name, kind = data[place + 1 : name_end].decode(), data[name_end]
            place = name_end + 1
            size = _FIXED_BYTES.get(kind)
            if kind in _SIZED:
                size = int.from_bytes(data[place : place + 2], "big")
                place += 2
            if size is None or place + size > len(data):
                raise ValueError("a frame's headers make no sense")
            if kind == _STRING:
                found[name] = data[place : place + size].decode()
            place += size
    except IndexError as error:
        raise ValueError("a frame's headers end too early") from error
    return found
