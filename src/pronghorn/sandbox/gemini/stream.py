"""The two forms of Google's streams: server-sent events, and one JSON array that grows element by element."""

from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import REQUEST_ID
from pronghorn.sandbox.reply import Events


class Elements(Events):
    """`Events` whose events arrive as elements of an array, so that every fault plays in both forms alike."""

    def __init__(self, request: web.Request) -> None:
        super().__init__(request)
        headers = {"content-type": "application/json; charset=UTF-8", "x-request-id": request[REQUEST_ID]}
        self.response = _Array(headers=headers)


class _Array(web.StreamResponse):
    _rest = b""
    _glue = b"["
    _is_closed = False

    async def write(self, data: Any) -> None:
        """An element is written when its event is whole: compact JSON has no blank line inside."""
        *whole, self._rest = (self._rest + bytes(data)).split(b"\n\n")
        for event in whole:
            glue, self._glue = self._glue, b",\r\n"
            await super().write(glue + event.removeprefix(b"data: "))

    async def write_eof(self, data: bytes = b"") -> None:
        if not self._is_closed:
            self._is_closed = True
            await super().write(b"[]" if self._glue == b"[" else b"]")
        await super().write_eof(data)


def opened(request: web.Request) -> Events:
    return Events(request) if request.query.get("alt") == "sse" else Elements(request)
