"""Server-sent events as bytes: cut a stream into whole events without changing a byte of it.

Lines may end in LF, CRLF or CR, and bytes may come split at any place.
Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import re

# Two line ends in a row; a CR counts once it is known that no LF follows it.
_BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r(?=[^\n]))")
_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """One event is larger than the reader's limit."""


class Splitter:
    """Feed bytes in, get whole raw events out; what is not whole yet waits inside."""

    def __init__(self, limit: int = 16 * 1024 * 1024) -> None:
        self._rest = b""
        self._limit = limit

    @property
    def has_rest(self) -> bool:
        """An event has begun that is not whole yet."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The events completed by `data`, each with its blank line. Raises `EventTooLarge`."""
        if self._rest:
            data = self._rest + data
        if b"\r" in data:
            return self._feed_mixed(data)
        end = data.rfind(b"\n\n")
        if end == len(data) - 2 >= 0 and data.find(b"\n\n") == end <= self._limit:
            self._rest = b""
            return [data]  # one event and no more, as most reads are
        if end < 0:
            self._keep(data)
            return []
        self._keep(data[end + 2 :])
        return [event + b"\n\n" for event in data[:end].split(b"\n\n")]

    def _feed_mixed(self, data: bytes) -> list[bytes]:
        events = []
        start = 0
        for blank in _BLANK_LINE.finditer(data):
            events.append(data[start : blank.end()])
            start = blank.end()
        self._keep(data[start:])
        return events

    def _keep(self, rest: bytes) -> None:
        if len(rest) > self._limit:
            raise EventTooLarge(f"an event of the stream is larger than {self._limit} bytes")
        self._rest = rest

    def end(self) -> bytes:
        """What is left when the stream ends: empty, blank, or an event that was cut."""
        rest, self._rest = self._rest, b""
        return rest


def data_of(event: bytes) -> bytes | None:
    """The payload of one raw event, its `data` lines joined by LF; None for a comment or a ping."""
    if event.startswith(b"data: ") and event.find(b"\n") >= len(event) - 2 and b"\r" not in event:
        return event[6:].rstrip(b"\n")
    lines = []
    for line in event.removeprefix(_BOM).splitlines():
        if line.startswith(b"data:"):
            lines.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line == b"data":
            lines.append(b"")
    return b"\n".join(lines) if lines else None
