"""Server-sent events as bytes: cut a stream into whole events without changing a byte of it.

Lines may end in LF, CRLF or CR, and bytes may come split at any place.
Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import re

# Two line ends in a row, from the last byte of the first one on; a CR counts once it is known that no LF follows it.
_BLANK_LINE = re.compile(rb"\n\n|\n\r(?:\n|(?=[^\n]))|\r\r(?:\n|(?=[^\n]))")
BOM = b"\xef\xbb\xbf"
LITTLE = 4096
"""Bytes that cost nothing to search again."""


class EventTooLarge(ValueError):
    """One event is larger than the reader's limit."""


class Splitter:
    """Feed bytes in, get whole raw events out; what is not whole yet waits inside."""

    def __init__(self, limit: int = 16 * 1024 * 1024) -> None:
        self._rest = bytearray()
        self._limit = limit

    @property
    def has_rest(self) -> bool:
        """An event has begun that is not whole yet."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The events completed by `data`, each with its blank line. Raises `EventTooLarge`."""
        start = 0
        if rest := self._rest:
            # A large event comes in very many parts: what has been searched is left alone until it is whole.
            if len(rest) > LITTLE and not _may_have_blank_line(rest[-2:] + data):
                self._keep(data)
                return []
            start = max(len(rest) - 2, 0)
            data = bytes(rest) + data
            rest.clear()
        if b"\r" in data:
            return self._feed_mixed(data, start)
        end = data.rfind(b"\n\n")
        if end == len(data) - 2 >= 0 and data.find(b"\n\n", start) == end:
            return [data]  # one event and no more, as most reads are
        if end < 0:
            self._keep(data)
            return []
        self._keep(data[end + 2 :])
        return [event + b"\n\n" for event in data[:end].split(b"\n\n")]

    def _feed_mixed(self, data: bytes, start: int) -> list[bytes]:
        events = []
        begin = 0
        for blank in _BLANK_LINE.finditer(data, start):
            events.append(data[begin : blank.end()])
            begin = blank.end()
        self._keep(data[begin:])
        return events

    def _keep(self, data: bytes) -> None:
        self._rest += data
        if len(self._rest) > self._limit:
            raise EventTooLarge(f"an event of the stream is larger than {self._limit} bytes")

    def end(self) -> bytes:
        """What is left when the stream ends: empty, blank, or an event that was cut."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest


def _may_have_blank_line(data: bytes | bytearray) -> bool:
    """Many times faster than the pattern, which tells whether a CR at the end is one."""
    return b"\n\n" in data or b"\n\r" in data or b"\r\r" in data


def begins_stream(data: bytes) -> bool:
    """Whether a body whose first words are these is a stream of events, whatever its type is said to be."""
    return data.startswith((b"data:", b"event:", b":"))


def data_of(event: bytes) -> bytes | None:
    """The payload of one raw event, its `data` lines joined by LF; None for a comment or a ping."""
    if event.startswith(b"data: ") and event.find(b"\n") >= len(event) - 2 and b"\r" not in event:
        return event[6:].rstrip(b"\n")
    lines = []
    for line in event.removeprefix(BOM).splitlines():
        if line.startswith(b"data:"):
            lines.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line == b"data":
            lines.append(b"")
    return b"\n".join(lines) if lines else None
