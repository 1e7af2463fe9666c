"""The only place that knows everything: settings to store to services to the ASGI application."""

import asyncio
import contextlib
import itertools
import secrets as random_source
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import func, insert, select, text, update

from pronghorn.accounts import secrets
from pronghorn.accounts.secrets import Secrets
from pronghorn.api import Dispatcher
from pronghorn.api.credentials import Doorkeeper
from pronghorn.api.dispatcher import Asgi
from pronghorn.errors import Conflict, Unavailable
from pronghorn.kit.clock import Clock
from pronghorn.kit.later import Later, OnDemand
from pronghorn.ledger import journal as journal_files
from pronghorn.ledger import posting, pots
from pronghorn.ledger.credit import Credit
from pronghorn.ledger.journal import Journal
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.manage import ManageContext, create_app
from pronghorn.observability import Metrics
from pronghorn.portal import PortalContext
from pronghorn.portal import create_app as create_portal
from pronghorn.relay import Keeper, Relay, Responses
from pronghorn.relay.crowd import Crowd
from pronghorn.relay.idempotency import Idempotency
from pronghorn.relay.probe import Prober
from pronghorn.routing import Loader
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.models import JournalCursor, Server
from pronghorn.upstream import Client

if TYPE_CHECKING:
    from pronghorn.api import sockets
    from pronghorn.api import tasks as task_doors
    from pronghorn.relay import realtime, realtime_tab
    from pronghorn.tasks import service as tasks
else:
    # They cost megabytes that a server without WebSockets, or without long jobs, never needs.
    sockets = Later("pronghorn.api.sockets")
    task_doors = Later("pronghorn.api.tasks")
    tasks = Later("pronghorn.tasks.service")
    realtime = Later("pronghorn.relay.realtime")
    realtime_tab = Later("pronghorn.relay.realtime_tab")

HOUSEKEEPING_S = 1.0
DATABASE_WAIT_S = 5.0
CLAIM_TRIES, CLAIM_PAUSE_S = 20, 0.1
FORGETTING_EVERY = 600
"""Rounds of housekeeping between two times that what has expired is deleted."""

log = structlog.get_logger()


@dataclass
class Gateway:
    """A serving process, ready. `asgi` is what a server runs; `close` it in the end."""

    settings: Settings
    database: Database
    secrets: Secrets
    clock: Clock
    credit: Credit
    journal: Journal
    loader: Loader
    client: Client
    tokenizer: Tokenizer
    keeper: Keeper
    responses: Responses
    metrics: Metrics
    asgi: Dispatcher
    tasks: list[asyncio.Task[None]]
    is_stopping: bool = False
    companions: Callable[[], dict[str, str]] = dict

    async def readiness(self) -> dict[str, Any]:
        companions = self.companions()
        try:
            async with asyncio.timeout(2), self.database.read() as tx:
                await tx.execute(text("SELECT 1"))
            database = "ok"
        except Exception as error:
            # Whatever keeps the database from answering is what this page is for.
            database = f"failed: {type(error).__name__}"
        try:
            self.journal.check()
            journal = "ok"
        except Unavailable:
            journal = "blocked" if self.journal.is_blocked else "failed"
        # A dead database or companion does not stop traffic; only what makes requests fail does.
        is_ready = not self.is_stopping and journal == "ok"
        return {"ready": is_ready, "database": database, "journal": journal, "companions": companions}

    async def close(self) -> None:
        """Once no request is open: give leases back, bring the journal to the disk."""
        await self.responses.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        try:
            await self.credit.give_back_all()
        except Exception as error:
            # The next start of this server reclaims what could not be returned now.
            log.warning("credit.not_returned", error=repr(error))
        self.journal.close()
        self.tokenizer.close()
        await self.client.close()
        await self.database.close()


async def open_gateway(
    settings: Settings, clock: Clock, *, sandbox_url: str, database: Database | None = None
) -> Gateway:
    """Replay what a crash left behind, then build everything. The database must be migrated."""
    database = database or Database(settings.resolved_database_url)
    vault = await secrets.of_installation(database, settings.secret, settings.data)
    server = _server_id(settings)
    await _claim(database, server, settings)
    folder = settings.data / "journal"
    epoch = await _begin_epoch(database, server, clock, folder)
    await _clear_up(database, folder, clock, server, epoch)
    journal = Journal(folder, server, epoch, settings.journal_sync_ms)
    credit = Credit(database, server, epoch, clock)
    loader = Loader(database, credit, vault, clock, sandbox_url)
    await loader.refresh()
    metrics, tokenizer, client = Metrics(), Tokenizer(), Client()
    keeper = Keeper(database, vault, clock)
    relay = Relay(
        client=client,
        credit=credit,
        journal=journal,
        loader=loader,
        tokenizer=tokenizer,
        settings=settings,
        clock=clock,
        metrics=metrics,
        keeper=keeper,
    )
    responses = Responses(relay, keeper, clock, life=f"{server}/{epoch}")
    prober = Prober(client, loader, settings, clock)
    context = ManageContext(
        database=database,
        credit=credit,
        secrets=vault,
        clock=clock,
        settings=settings,
        prober=prober,
        on_change=loader.refresh,
        tasks=lambda: task_service(),
    )
    portal = PortalContext(database, clock, loader.refresh, credit, vault, settings, loader)
    idempotency = Idempotency(
        database, keeper, vault, clock, server=server, epoch=epoch, longest_s=settings.total_timeout_s
    )
    doorkeeper = Doorkeeper(vault, settings.trusted_proxies)

    office = OnDemand(lambda: _office(gateway, relay.crowd, doorkeeper, idempotency))

    async def task_service() -> "tasks.Tasks":
        return (await office()).tasks

    asgi = Dispatcher(
        relay=relay,
        responses=responses,
        idempotency=idempotency,
        loader=loader,
        credit=credit,
        doorkeeper=doorkeeper,
        settings=settings,
        clock=clock,
        metrics=metrics,
        manage=OnDemand[Asgi](lambda: create_app(context)),
        portal=OnDemand[Asgi](lambda: create_portal(portal)),
        readiness=lambda: gateway.readiness(),
        sockets=OnDemand(lambda: _sockets(gateway)),
        office=office,
    )
    gateway = Gateway(
        settings,
        database,
        vault,
        clock,
        credit,
        journal,
        loader,
        client,
        tokenizer,
        keeper,
        responses,
        metrics,
        asgi,
        [],
    )
    loops = [journal.sync_forever(), loader.refresh_forever(), _keep_house(gateway)]
    if settings.probe_s:
        loops.append(prober.watch_forever(settings.probe_s))
    gateway.tasks += [asyncio.get_running_loop().create_task(loop) for loop in loops]
    return gateway


def _sockets(gateway: Gateway) -> "sockets.Sockets":
    services = realtime_tab.Services(
        gateway.credit,
        gateway.journal,
        gateway.loader,
        gateway.tokenizer,
        gateway.settings,
        gateway.clock,
        gateway.metrics,
    )
    return sockets.Sockets(
        realtime=realtime.Realtime(services),
        responses=gateway.responses,
        loader=gateway.loader,
        keeper=sockets.SocketKeeper(gateway.secrets, gateway.settings.trusted_proxies, gateway.clock),
        settings=gateway.settings,
        clock=gateway.clock,
    )


def _office(
    gateway: Gateway, crowd: Crowd, doorkeeper: Doorkeeper, idempotency: Idempotency
) -> "task_doors.Office":
    service = tasks.Tasks(
        database=gateway.database,
        credit=gateway.credit,
        vault=gateway.secrets,
        clock=gateway.clock,
        settings=gateway.settings,
        loader=gateway.loader,
        client=gateway.client,
        journal=gateway.journal,
        metrics=gateway.metrics,
    )
    return task_doors.Office(
        tasks=service,
        loader=gateway.loader,
        doorkeeper=doorkeeper,
        idempotency=idempotency,
        settings=gateway.settings,
        clock=gateway.clock,
        crowd=crowd,
        room=gateway.asgi.room,
    )


def _server_id(settings: Settings) -> str:
    """A name for this data folder's server, made once: leases and journals carry it."""
    path = settings.data / "server-id"
    if not path.exists():
        settings.data.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s{random_source.token_hex(6)}")
    return path.read_text().strip()


async def _claim(database: Database, server: str, settings: Settings) -> None:
    """Two copies of one data folder would lease and reclaim by one name: the second is refused."""
    for _ in range(CLAIM_TRIES):
        if await database.claim(server):
            return
        # The database may not have seen yet that the life before was killed.
        await asyncio.sleep(CLAIM_PAUSE_S)
    await database.close()
    raise Conflict(
        f"another server goes by the name of this one, {server}: is {settings.data} a copy of its data folder? "
        f"Delete {settings.data / 'server-id'} here, and this becomes a server of its own"
    )


async def _begin_epoch(database: Database, server: str, clock: Clock, folder: Path) -> int:
    """A number that no former life of this server had: what those left can be told from ours.

    Raises `Conflict` if the journal in `folder` has lives that this database does not know.
    """
    now_ms = int(clock.now() * 1000)
    async with database.write() as tx:
        # One statement: two starts at the same moment must not get the same number.
        mine = update(Server).where(Server.id == server).values(epoch=Server.epoch + 1, started_ms=now_ms)
        epoch = await tx.scalar(mine.returning(Server.epoch))
        if epoch is None:
            epoch = 1
            await tx.execute(insert(Server).values(id=server, epoch=epoch, started_ms=now_ms))
        if epoch <= max(
            (one.epoch for one in journal_files.segments(folder) if one.server == server), default=0
        ):
            raise Conflict(
                f"the journal in {folder} is newer than this database: a backup was restored, or it is another one. "
                "With the right database start again; to go on with this one move that folder away, and what was "
                "served since then is not charged"
            )
    return epoch


async def _clear_up(database: Database, folder: Path, clock: Clock, server: str, epoch: int) -> None:
    """What earlier lives of this server left: requests in the journal, and leases."""
    replayed = await posting.post_dead(database, folder, clock, server, epoch)
    async with database.write() as tx:
        await pots.reclaim(tx, server, epoch)
    if replayed:
        log.info("journal.replayed", records=replayed)


async def _keep_house(gateway: Gateway) -> None:
    """Return idle leases, and stop taking work when the journal's backlog is too long or too old."""
    for second in itertools.count():
        await asyncio.sleep(HOUSEKEEPING_S)
        if second % FORGETTING_EVERY == 0:
            with contextlib.suppress(Exception):  # what is over is not found anyway; this is for the disk
                await gateway.keeper.forget_expired()
        written = await asyncio.to_thread(journal_files.written_bytes, gateway.settings.data / "journal")
        posted = gateway.journal.posted_bytes
        with contextlib.suppress(Exception):  # a dead database is looked at again in a second
            async with asyncio.timeout(DATABASE_WAIT_S):
                await gateway.credit.give_back_idle()
            async with asyncio.timeout(DATABASE_WAIT_S), gateway.database.read() as tx:
                mine = JournalCursor.segment.in_(list(written))
                posted = int(await tx.scalar(select(func.sum(JournalCursor.position)).where(mine)) or 0)
        total = sum(written.values())
        gateway.journal.note_posted(posted, total, gateway.clock.monotonic())
        gateway.metrics.gauges["journal_backlog_bytes"] = max(0, total - posted)
