"""Answers of the sandbox: whole or as events, with the request's faults applied, so that no handler knows of them."""

import asyncio
import json
from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import REQUEST_ID
from pronghorn.sandbox.faults import FAULTS, Faults

EVENTS_PER_S = 50.0
"""The pace that `speed=1` asks for; without `speed` events follow each other at once."""
CHUNK_BYTES = 16 * 1024
DRIPS_PER_S = 20.0
ABSURD_COUNT = 10**15
USAGES = ("usage", "usageMetadata")
ENVELOPES = ("message", "response")
"""Where events of some dialects keep the answer that has the usage."""


async def reply_json(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    faults = request[FAULTS]
    data = _encoded(with_usage(body, faults))
    if faults.malformed:
        data = data[: len(data) // 2] + b'"'
    return await reply_bytes(request, data, "application/json")


async def reply_bytes(
    request: web.Request, data: bytes, content_type: str, *, is_chunked: bool = False
) -> web.StreamResponse:
    """A whole body; cut in its middle, stalling, too short or dripping if the request asks for that."""
    faults = request[FAULTS]
    half = data[: len(data) // 2]
    if faults.end_after:
        data = half
    # Anthropic's clients read the second name.
    ids = dict.fromkeys(("x-request-id", "request-id"), request[REQUEST_ID])
    response = web.StreamResponse(headers={"content-type": content_type} | ids)
    if is_chunked and not faults.has_wrong_length:
        response.enable_chunked_encoding()
    else:
        response.content_length = len(data) + 100 if faults.has_wrong_length else len(data)
    await response.prepare(request)
    await _write(response, half, faults)
    if faults.stall_after:
        await asyncio.sleep(faults.stall_s)
    if not faults.cut_after:
        await _write(response, data[len(half) :], faults)
    if faults.cut_after or faults.has_wrong_length:
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
        if self._faults.has_wrong_length:
            self.response.content_length = 2**31
        else:
            self.response.enable_chunked_encoding()
        await self.response.prepare(self._request)

    async def send(self, payload: dict[str, Any] | str, *, event: str | None = None) -> None:
        """One event; a text is sent as it is. After a simulated end nothing is sent any more."""
        faults = self._faults
        if self._is_over:
            return
        if faults.speed and self._count:
            await asyncio.sleep(1.0 / (EVENTS_PER_S * faults.speed))
        self._count += 1
        data = payload.encode() if isinstance(payload, str) else _encoded(with_usage(payload, faults))
        if faults.malformed == self._count:
            data = data[: len(data) // 2] + b'"'
        head = f"event: {event}\n".encode() if event else b""
        await _write(self.response, head + b"data: " + data + b"\n\n", faults)
        if faults.stall_after == self._count:
            await asyncio.sleep(faults.stall_s)
        if faults.cut_after == self._count:
            self._is_over = True
            _break_off(self._request)
        elif faults.end_after == self._count:
            await self.close()

    async def close(self) -> web.StreamResponse:
        if not self._is_over:
            self._is_over = True
            if self._faults.has_wrong_length:
                _break_off(self._request)
            else:
                await self.response.write_eof()
        return self.response


def with_usage(body: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """The body with its usage taken away or made absurd, if that was asked for, wherever its dialect has it."""
    if not faults.usage:
        return body
    changed: dict[str, Any] = {}
    for name, value in body.items():
        if name in ENVELOPES and isinstance(value, dict):
            changed[name] = with_usage(value, faults)
        elif name not in USAGES or not value:
            changed[name] = value
        elif faults.usage == "absurd":
            changed[name] = _absurd(name, value)
    return changed


def _absurd(name: str, value: Any) -> Any:
    """Totals are null, inputs negative, the rest enormous."""
    if isinstance(value, dict):
        return {inner: _absurd(inner, number) for inner, number in value.items()}
    if not isinstance(value, int | float):
        return value
    if name.startswith("total"):
        return None
    return -1 if name.startswith(("prompt", "input")) else ABSURD_COUNT


def _encoded(body: dict[str, Any]) -> bytes:
    """Compact JSON; a lone surrogate, which no UTF-8 can carry, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


async def _write(response: web.StreamResponse, data: bytes, faults: Faults) -> None:
    rate = faults.drip_bytes_per_s
    size = max(1, int(rate / DRIPS_PER_S)) if rate else CHUNK_BYTES
    for position in range(0, len(data), size):
        piece = data[position : position + size]
        await response.write(piece)
        if rate:
            await asyncio.sleep(len(piece) / rate)


def _break_off(request: web.Request) -> None:
    """Close the connection as a crash would: what was sent has arrived, the end has not."""
    if request.transport is not None:
        request.transport.close()
