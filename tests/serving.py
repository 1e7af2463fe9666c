"""Servers of a test's own process: the gateway with the settings that it is always served with, and the sandbox."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn

from pronghorn import sandbox
from pronghorn.app import Gateway
from pronghorn.cli.serving import uvicorn_config

DRAIN_S = 10


def listen() -> tuple[socket.socket, str]:
    """And the URL of whoever will serve it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.asynccontextmanager
async def serving(
    gateway: Gateway, listener: socket.socket, *, drain_s: int = DRAIN_S
) -> AsyncIterator[uvicorn.Server]:
    config = uvicorn_config(gateway)
    config.timeout_graceful_shutdown = drain_s
    server = uvicorn.Server(config)
    # Without the signals, which are pytest's.
    task = asyncio.ensure_future(server._serve(sockets=[listener]))
    try:
        yield server
    finally:
        server.should_exit = True
        await task
        listener.close()


@contextlib.asynccontextmanager
async def playing() -> AsyncIterator[str]:
    """The sandbox; gives its URL."""
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    until = asyncio.Event()
    task = asyncio.create_task(sandbox.run("127.0.0.1", 0, ready.set_result, until))
    await asyncio.wait((ready, task), return_when=asyncio.FIRST_COMPLETED)
    try:
        yield f"http://127.0.0.1:{ready.result()}"
    finally:
        until.set()
        await task
