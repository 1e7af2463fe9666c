"""The worker of a gateway in the test's own process, and what its books say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from sqlalchemy import select

from pronghorn.app import Gateway
from pronghorn.kit.money import parse_usd
from pronghorn.ledger import audit, posting
from pronghorn.store import models as tables
from pronghorn.tasks.engine import Engine
from pronghorn.upstream import Client


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
