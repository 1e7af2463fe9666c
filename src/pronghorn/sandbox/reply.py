"""Answers of the sandbox: whole or as events, with the request's faults applied, so that no handler knows of them."""

import asyncio
import json
from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import REQUEST_ID
from pronghorn.sandbox.faults import FAULTS, Faults

ABSURD_USAGE = {"prompt_tokens": -1, "completion_tokens": 10**15, "total_tokens": None}


async def reply_json(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    faults = request[FAULTS]
    data = json.dumps(with_usage(body, faults), ensure_ascii=False, separators=(",", ":")).encode()
    if faults.malformed:
        data = data[: len(data) // 2] + b'"'
    return await reply_bytes(request, data, "application/json")


async def reply_bytes(request: web.Request, data: bytes, content_type: str) -> web.StreamResponse:
    """A whole body; broken off in its middle, too short or dripping if the request asks for that."""
    faults = request[FAULTS]
    length = len(data) + 100 if faults.has_wrong_length else len(data)
    response = web.StreamResponse(
        headers={
            "content-type": content_type,
            "content-length": str(length),
            "x-request-id": request[REQUEST_ID],
        }
    )
    await response.prepare(request)
    is_cut = faults.cut_after > 0 or faults.end_after > 0
    await _write(response, data[: len(data) // 2] if is_cut else data, faults)
    if is_cut or faults.has_wrong_length:
        _break_off(request)
    else:
        await response.write_eof()
    return response


class Events:
    """A stream of server-sent events: `open`, then `send` as often as needed, then `close`."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._faults = request[FAULTS]
        self._count = 0
        self._is_over = False
        self.response = web.StreamResponse(
            headers={
                "content-type": "text/event-stream; charset=utf-8",
                "cache-control": "no-cache",
                "x-request-id": request[REQUEST_ID],
            }
        )

    async def open(self) -> None:
        self.response.enable_chunked_encoding()
        await self.response.prepare(self._request)

    async def send(self, payload: dict[str, Any] | str, *, event: str | None = None) -> None:
        """One event; a text is sent as it is. After a simulated end nothing is sent any more."""
        faults = self._faults
        if self._is_over:
            return
        self._count += 1
        if isinstance(payload, str):
            data = payload
        else:
            data = json.dumps(with_usage(payload, faults), ensure_ascii=False, separators=(",", ":"))
        if faults.malformed == self._count:
            data = data[: len(data) // 2]
        head = f"event: {event}\n" if event else ""
        await _write(self.response, f"{head}data: {data}\n\n".encode(), faults)
        if faults.stall_after == self._count:
            await asyncio.sleep(faults.stall_s)
        if faults.cut_after == self._count:
            self._is_over = True
            _break_off(self._request)
        elif faults.end_after == self._count:
            self._is_over = True
            await self.response.write_eof()

    async def close(self) -> web.StreamResponse:
        if not self._is_over:
            self._is_over = True
            await self.response.write_eof()
        return self.response


def with_usage(body: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """The body with its usage taken away or made absurd, if that was asked for."""
    if not faults.usage or not body.get("usage"):
        return body
    if faults.usage == "none":
        return {key: value for key, value in body.items() if key != "usage"}
    return body | {"usage": ABSURD_USAGE}


async def _write(response: web.StreamResponse, data: bytes, faults: Faults) -> None:
    if not faults.drip_bytes_per_s:
        await response.write(data)
        return
    for position in range(len(data)):
        await response.write(data[position : position + 1])
        await asyncio.sleep(1.0 / faults.drip_bytes_per_s)


def _break_off(request: web.Request) -> None:
    """Close the connection as a crash would: what was sent has arrived, the end has not."""
    if request.transport is not None:
        request.transport.close()
