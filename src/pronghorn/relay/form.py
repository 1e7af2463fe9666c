"""Multipart bodies: found out about while they stream through, never held whole.

The parts are scanned as they come. As soon as enough is known the vendor's call may begin: what has come by
then is replayed, the rest follows as it arrives. If a large file comes before that, it waits on disk.
"""

import re
import tempfile
from collections.abc import AsyncIterator
from typing import BinaryIO, cast

from pronghorn.errors import BadRequest, UnsupportedMediaType

MAX_PARTS = 1_000
MAX_EMPTY_BYTES = 16
MAX_PART_HEAD = 16 * 1024
MAX_FIELD = 64 * 1024
MEMORY_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024
FIELDS = frozenset(("model", "n", "size", "quality", "stream", "response_format", "partial_images"))

_BOUNDARY = re.compile(rb'boundary=(?:"([^"\r\n]{1,200})"|([^;\s"]{1,200}))', re.IGNORECASE)
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))\s*', re.DOTALL)


class Scanner:
    """Feed it the body; it keeps the small fields that matter and where the model's value lies."""

    def __init__(self, content_type: bytes) -> None:
        match = _BOUNDARY.search(content_type)
        if match is None:
            raise UnsupportedMediaType("the multipart body has no boundary in its Content-Type header")
        self.boundary = match[1] or match[2]
        self._delimiter = b"\r\n--" + self.boundary
        self._buffer = b"\r\n"
        self._offset = -2
        """Position in the body of the buffer's first byte."""
        self._step = self._between
        self._name = b""
        self._value: list[bytes] | None = None
        self._value_start = self._value_size = 0
        self._parts = 0
        self.fields: dict[str, str] = {}
        self.begins_at = 0
        """Where the first boundary is."""
        self.model_at: tuple[int, int] | None = None
        self.is_ended = False

    def feed(self, data: bytes) -> None:
        """Raises `BadRequest` for a body that is not multipart, or tries to be clever."""
        if self.is_ended:
            return  # an epilogue, which nobody reads
        self._buffer += data
        while not self.is_ended and self._step():
            pass

    def finish(self) -> None:
        if not self.is_ended:
            raise BadRequest("the multipart body ends without its last boundary")

    def _drop(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._offset += count

    def _between(self) -> bool:
        """Before the first boundary, or inside a part: look for the next boundary."""
        if self._parts == 0:
            self._skip_empty_lines()
        end = self._buffer.find(self._delimiter)
        if self._parts == 0 and (end > 0 or (end < 0 and len(self._buffer) > len(self._delimiter))):
            raise BadRequest("the multipart body does not begin with its boundary")
        if end < 0:
            keep = len(self._delimiter) - 1
            if len(self._buffer) > keep:
                self._take_value(self._buffer[:-keep])
                self._drop(len(self._buffer) - keep)
            return False
        self._take_value(self._buffer[:end])
        self._end_value(self._offset + end)
        self._drop(end + len(self._delimiter))
        self._step = self._after_boundary
        return True

    def _skip_empty_lines(self) -> None:
        """Before the first boundary, as clients write that put a line's end before each; more of a preamble is odd."""
        while self._buffer.startswith(b"\r\n\r\n") and self.begins_at < MAX_EMPTY_BYTES:
            self._drop(2)
            self.begins_at += 2

    def _after_boundary(self) -> bool:
        if len(self._buffer) < 2:
            return False
        if self._buffer.startswith(b"--"):
            self.is_ended = True
            return False
        line_end = self._buffer.find(b"\r\n", 0, 128)
        if line_end < 0 and len(self._buffer) < 128:
            return False
        if line_end < 0 or self._buffer[:line_end].strip(b" \t"):
            raise BadRequest("the multipart body has a damaged boundary")
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BadRequest(f"the multipart body has more than {MAX_PARTS} parts")
        self._drop(line_end)  # the CRLF stays: a part without headers begins with an empty line
        self._step = self._in_head
        return True

    def _in_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_PART_HEAD:
                raise BadRequest("a part of the multipart body has too large headers")
            return False
        self._name = _part_name(self._buffer[:end])
        self._drop(end + 4)
        self._value = [] if self._name.decode("latin-1") in FIELDS else None
        self._value_start, self._value_size = self._offset, 0
        # The value may be empty, with its boundary at once: give the search the line end it needs.
        self._buffer = b"\r\n" + self._buffer
        self._offset -= 2
        self._step = self._at_value
        return True

    def _at_value(self) -> bool:
        if len(self._buffer) < len(self._delimiter):
            return False
        if not self._buffer.startswith(self._delimiter):
            self._drop(2)
        self._step = self._between
        return True

    def _take_value(self, data: bytes) -> None:
        if self._value is not None and data:
            self._value_size += len(data)
            if self._value_size > MAX_FIELD:
                raise BadRequest(f"the field {self._name.decode('latin-1')!r} is too large")
            self._value.append(data)

    def _end_value(self, end: int) -> None:
        if self._value is None:
            return
        name = self._name.decode("latin-1")
        if name in self.fields:
            raise BadRequest(f"the field {name!r} is there twice", param=name)
        self.fields[name] = b"".join(self._value).decode("utf-8", "replace").strip()
        if name == "model":
            self.model_at = (self._value_start, end)
        self._value = None


def _part_name(head: bytes) -> bytes:
    """The name in a part's one Content-Disposition header. Raises `BadRequest` where parsers could disagree."""
    found = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition:")]
    if len(found) != 1:
        raise BadRequest("each part of the multipart body needs exactly one Content-Disposition header")
    _, mark, parameters = found[0].partition(b";")
    names, position, text = [], 0, mark + parameters
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            raise BadRequest("a Content-Disposition header of the multipart body is damaged")
        if match[1].lower() in (b"name", b"name*"):
            names.append((match[1], match[2] if match[2] is not None else match[3]))
        position = match.end()
    if len(names) > 1 or any(key.endswith(b"*") or b"\\" in name for key, name in names):
        raise BadRequest("a part of the multipart body has no plain name")
    return names[0][1] if names else b""


class Form:
    """A multipart body under way: its fields so far, and a stream of it for the vendor."""

    def __init__(self, content_type: bytes, upload: AsyncIterator[bytes], length: int | None) -> None:
        self._scanner = Scanner(content_type)
        self._upload = upload
        self._length = length
        self._came = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES))  # noqa: SIM115
        self.is_sent = False
        """Once streaming has begun the body cannot be sent again."""
        self.came_bytes = 0
        """Of the body, as its caller sent it."""

    @property
    def fields(self) -> dict[str, str]:
        return self._scanner.fields

    async def read_ahead(self, *, to_end: bool = False) -> None:
        """Read until the model is known, or to the end: if the body has none, or what is behind its files matters."""
        while (to_end or self._scanner.model_at is None) and not self._scanner.is_ended:
            try:
                data = await anext(self._upload)
            except StopAsyncIteration:
                self._scanner.finish()
                return
            self._feed(data)
            self._came.write(data)

    def length(self, model: str) -> int | None:
        return (
            None if self._length is None else self._length + len(self._replacement(model)) - self._replaced()
        )

    async def stream(self, model: str) -> AsyncIterator[bytes]:
        """The body with `model` in its place, as it comes. Raises `BadRequest` where it is damaged."""
        self.is_sent = True
        begin = self._scanner.begins_at
        start, end = self._scanner.model_at or (begin, begin)
        self._came.seek(0)
        if start:
            yield self._came.read(start)
        yield self._replacement(model)
        self._came.seek(end)
        while data := self._came.read(READ_BYTES):
            yield data
        async for data in self._upload:
            self._feed(data)
            yield data
        self._scanner.finish()

    def _feed(self, data: bytes) -> None:
        self.came_bytes += len(data)
        self._scanner.feed(data)

    def _replaced(self) -> int:
        start, end = self._scanner.model_at or (0, 0)
        return end - start

    def _replacement(self, model: str) -> bytes:
        if self._scanner.model_at is not None:
            return model.encode()
        return b'--%b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n' % (
            self._scanner.boundary,
            model.encode(),
        )

    def close(self) -> None:
        self._came.close()
