"""What a whole gateway is made of, all in the test's own process: the sandbox, a server, a worker, and its books."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import uvicorn
from sqlalchemy import select

from pronghorn import sandbox
from pronghorn.api import HttpLimits, protocol_class
from pronghorn.app import Gateway
from pronghorn.kit.money import parse_usd
from pronghorn.ledger import audit, posting
from pronghorn.store import models as tables
from pronghorn.tasks.engine import Engine
from pronghorn.upstream import Client


@contextlib.asynccontextmanager
async def playing() -> AsyncIterator[str]:
    """The sandbox; gives its URL."""
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    until = asyncio.Event()
    task = asyncio.create_task(sandbox.run("127.0.0.1", 0, ready.set_result, until))
    await asyncio.wait((ready, task), return_when=asyncio.FIRST_COMPLETED)
    yield f"http://127.0.0.1:{ready.result()}"
    until.set()
    await task


def listener() -> tuple[socket.socket, str]:
    """And the URL of whoever will serve it."""
    found = socket.create_server(("127.0.0.1", 0), backlog=1024)
    return found, f"http://127.0.0.1:{found.getsockname()[1]}"


@contextlib.asynccontextmanager
async def serving(gateway: Gateway, listener: socket.socket) -> AsyncIterator[uvicorn.Server]:
    config = uvicorn.Config(
        gateway.asgi,
        http=protocol_class(HttpLimits()),
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server._serve(sockets=[listener]))
    try:
        yield server
    finally:
        server.should_exit = True
        await task
        listener.close()


@contextlib.asynccontextmanager
async def working(gateway: Gateway, url: str, *besides: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """The worker's engine, and what else it does again and again."""
    client = Client()
    engine = Engine(gateway.database, gateway.secrets, gateway.settings, gateway.clock, client, base_url=url)
    tasks = asyncio.gather(engine.run_forever(), *besides)
    try:
        yield
    finally:
        tasks.cancel()
        await asyncio.gather(tasks, return_exceptions=True)
        await client.close()


# Money


def nano(*usd: str) -> int:
    return sum(parse_usd(text) for text in usd)


async def post(gateway: Gateway) -> None:
    """What the journal has becomes rows."""
    await posting.post_all(gateway.database, gateway.settings.data / "journal", gateway.clock)


async def rows_of(gateway: Gateway, account: str) -> list[Any]:
    """Of the usage log, oldest first."""
    await post(gateway)
    row = tables.Request
    async with gateway.database.read() as tx:
        found = select(*row.__table__.columns).where(row.account_id == account)
        return list(await tx.execute(found.order_by(row.created_ms)))


async def spent_by(gateway: Gateway, account: str, mode: str) -> int:
    """Nano-dollars; nothing is held any more, and the log says the same."""
    standing = (await gateway.credit.standing([account], mode))[account]
    assert standing.held == 0
    assert standing.spent == sum(row.cost for row in await rows_of(gateway, account))
    return int(standing.spent)


async def check_books(gateway: Gateway) -> None:
    await post(gateway)
    async with gateway.database.read() as tx:
        assert (await audit.audit(tx)).differences == []
