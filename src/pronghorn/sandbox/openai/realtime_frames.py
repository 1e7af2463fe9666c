"""Events as JSON text frames of a WebSocket, with the faults of the request that opened it.

Events count over the whole connection; cutting it, ending it and dripping mean the same as in a stream.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import WSMsgType, web

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.faults import FAULTS
from pronghorn.sandbox.reply import EVENTS_PER_S, with_usage

Shape = dict[str, Any]

MAX_FRAME_BYTES = 16 * 1024 * 1024


class Frames:
    """`open`, then iterate over what the client says, and `send` to it."""

    def __init__(self, request: web.Request, protocols: tuple[str, ...] = ()) -> None:
        self._request = request
        self._faults = request[FAULTS]
        self._count = 0
        self._is_over = False
        # Compression would cost much and gain nothing on base64 sound.
        self.socket = web.WebSocketResponse(
            protocols=protocols, max_msg_size=MAX_FRAME_BYTES, compress=False, timeout=1.0
        )

    async def open(self) -> None:
        """Raises `SandboxError` if the client did not ask for a WebSocket."""
        if not self.socket.can_prepare(self._request).ok:
            raise SandboxError("Here a WebSocket is served: send an Upgrade header.", status=426)
        await self.socket.prepare(self._request)

    async def events(self) -> AsyncIterator[Shape | SandboxError]:
        """Each event of the client, or what is wrong with a frame that is none."""
        async for message in self.socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            try:
                event = json.loads(message.data)
            except (ValueError, RecursionError):
                event = None
            if isinstance(event, dict) and isinstance(event.get("type"), str):
                yield event
            else:
                yield SandboxError(
                    "Could not parse the event: expected a JSON object with a type.", code="invalid_json"
                )

    async def send(self, event: Shape) -> None:
        faults = self._faults
        if self._is_over or self.socket.closed:
            return
        if faults.speed and self._count:
            await asyncio.sleep(1.0 / (EVENTS_PER_S * faults.speed))
        self._count += 1
        if "response" in event:
            event = event | {"response": with_usage(event["response"], faults)}
        text = json.dumps(event, separators=(",", ":"))
        if faults.malformed == self._count:
            text = text[: len(text) // 2] + '"'
        if faults.drip_bytes_per_s:
            await asyncio.sleep(len(text) / faults.drip_bytes_per_s)
        await self._deliver(text)
        if faults.stall_after == self._count:
            await asyncio.sleep(faults.stall_s)
        if faults.cut_after == self._count and self._request.transport is not None:
            self._is_over = True
            self._request.transport.close()
        elif faults.end_after == self._count:
            await self.close()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._is_over = True
        await self.socket.close(code=code, message=reason.encode())

    async def _deliver(self, text: str) -> None:
        try:
            await self.socket.send_str(text)
        except ConnectionError:
            self._is_over = True  # the client has gone, which it may
