"""`python -m bench.ledger`: what holding and settling adds to a request, and what one account for all servers costs.

The second figure runs four processes on a real PostgreSQL, each a server with its leases, its journal and its worker.
"""

import asyncio
import itertools
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import insert
from tests.store import postgresql

from bench import chat
from bench.plan import best_us, shown
from pronghorn.kit.clock import SystemClock
from pronghorn.kit.ids import request_id
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger import posting, repository
from pronghorn.ledger.budgets import Budget
from pronghorn.ledger.credit import Credit
from pronghorn.ledger.journal import Journal, Record, frame
from pronghorn.ledger.prices import Price, PriceDocument
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.observability import Metrics
from pronghorn.relay import ENDPOINTS, Incoming
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.holding import Holder
from pronghorn.routing import Grant, Meter, Model
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.migrate import migrate
from pronghorn.store.models import Account
from pronghorn.wire.usage import Usage

LIMIT_US = 8.0
MOST_LOST = 0.10
TELLERS = 4
ROUNDS = 5
ROUND_S = 2.0
BATCH = 250
"""Requests between two postings of a process."""
TIMES = 400
HOLD, CHARGE = 10_000_000, 145_500
_PRICE = Price(PriceDocument(input_usd_per_million="0.15", output_usd_per_million="0.6"))
_USAGE = Usage(input=250, output=180)


def request_us(folder: Path, budgets: int, *, is_written: bool) -> float:
    """Hold and settle one chat of 1 KB; or also write it down, of many that end in one turn of the loop."""
    database, clock = Database(f"sqlite+aiosqlite:///{folder}/none.db"), SystemClock()
    credit = Credit(database, "server-1", 1, clock)
    journal = Journal(folder / f"journal-{budgets}-{is_written}", "server-1", 1, 50)
    holder, endpoint, metrics = (
        Holder(credit, Tokenizer(), Settings()),
        ENDPOINTS["chat/completions"],
        Metrics(),
    )
    grant = Grant(
        key_id="key_1",
        name="k",
        account_id="acc_1",
        mode="live",
        group="default",
        factor_ppm=1_000_000,
        purse=credit.purse("acc_1", "live"),
        meter=Meter(),
        budgets=[
            Budget(
                credit, id=f"bud_{n}", scope="key", subject="key_1", mode="live", amount=10**15, period="day"
            )
            for n in range(budgets)
        ],
    )
    now_s = clock.now()
    for purse in (grant.purse, *grant.budget_purses(now_s)):
        purse.free = 10**15
    body = chat.request_body("m", 1024, stream=False)
    peek, model = endpoint.peek(body), Model(name="m", vendor="openai", price=_PRICE)
    incoming = Incoming("req_1", {}, body, None, "203.0.113.7", now_s)
    exchanges = []
    for _ in range(TIMES):
        exchange = Exchange(incoming, grant, endpoint, journal, metrics)
        exchange.model, exchange.model_name, exchange.price = model, "m", _PRICE
        exchanges.append(exchange)
    waiting = itertools.cycle(exchanges)

    def once() -> None:
        exchange = next(waiting)
        exchange.hold = 0
        holder.hold_at_once(exchange, peek, len(body))
        record = exchange.draw_up(200, "ok", _USAGE, finish="stop")
        exchange.close("ok", _USAGE, record.charge)
        if is_written:
            frames.append(frame(record))
        if len(frames) == 16:
            journal.append_frames(b"".join(frames))
            frames.clear()

    frames: list[bytes] = []
    found = best_us(once, TIMES)
    journal.close()
    return found


def teller(
    url: str, number: int, account_id: str, folder: Path, ready: Barrier, counts: "Queue[int]"
) -> None:
    """One server with its worker, as a process."""
    asyncio.run(_tell(url, number, account_id, folder, ready, counts))


async def _tell(
    url: str, number: int, account_id: str, folder: Path, ready: Barrier, counts: "Queue[int]"
) -> None:
    """Hold, settle, write down and post as fast as it goes; counts what was posted within the round."""
    database, clock, server = Database(url), SystemClock(), f"server-{number}"
    credit, journal = Credit(database, server, 1, clock), Journal(folder, server, 1, 50)
    purse, count = credit.purse(account_id, "live"), 0
    positions: posting.Positions = {}
    await credit.fill(purse, HOLD)
    ready.wait()
    end_s = time.monotonic() + ROUND_S
    while time.monotonic() < end_s:
        for _ in range(BATCH):
            if purse.free < HOLD:
                await credit.fill(purse, HOLD)
            purse.take(HOLD)
            journal.append(_record(account_id))
            purse.settle(HOLD, CHARGE)
        count += await posting.post_all(database, folder, clock, positions)
    await credit.give_back_all()
    journal.close()
    await database.close()
    counts.put(count)


def _record(account_id: str) -> Record:
    return Record(
        id=request_id(),
        created_ms=int(time.time() * 1000),
        mode="live",
        account_id=account_id,
        key_id="key_1",
        group_name="default",
        endpoint="chat",
        model="m",
        upstream_model="m",
        channel_id="chn_1",
        is_stream=False,
        status=200,
        end_reason="ok",
        finish="stop",
        error="",
        usage=_USAGE,
        hold=HOLD,
        charge=CHARGE,
        shortfall=0,
        lines=[("input", 250, 150_000), ("output", 180, 600_000)],
        factor_ppm=1_000_000,
        first_byte_ms=300,
        duration_ms=900,
        upstream_request_id="",
        client_ip="203.0.113.7",
        attempts=[],
    )


def posted_per_s(url: str, accounts: int, folder: Path) -> float:
    """By all tellers together, on so many accounts."""
    context = multiprocessing.get_context("spawn")
    counts: Queue[int] = context.Queue()
    ready = context.Barrier(TELLERS)
    journals = Path(tempfile.mkdtemp(dir=folder))
    processes = [
        context.Process(target=teller, args=(url, n, f"acc_{n % accounts}", journals / str(n), ready, counts))
        for n in range(TELLERS)
    ]
    for process in processes:
        process.start()
    found = sum(counts.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    return found / ROUND_S


async def furnish(url: str) -> None:
    database = Database(url)
    await migrate(database)
    async with database.write() as tx:
        for number in range(TELLERS):
            account_id = f"acc_{number}"
            values = {"id": account_id, "name": "a", "group_name": "default", "created_ms": 1}
            await tx.execute(insert(Account).values(values))
            await repository.open_wallet(tx, account_id, "live")
            await repository.adjust(tx, account_id, "live", 10**6 * NANO_PER_USD, note="", now_ms=1)
    await database.close()


def hot_account(folder: Path) -> tuple[float, float]:
    """Medians of requests a second: four accounts, one account."""
    with postgresql.running() as socket:
        url = f"postgresql+asyncpg://postgres@/postgres?host={socket}"
        asyncio.run(furnish(url))
        rounds: dict[int, list[float]] = {TELLERS: [], 1: []}
        for _ in track(range(ROUNDS), "Four processes on one PostgreSQL", console=Console(stderr=True)):
            for accounts, found in rounds.items():
                found.append(posted_per_s(url, accounts, folder))
    return statistics.median(rounds[TELLERS]), statistics.median(rounds[1])


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pronghorn-bench-") as name:
        folder = Path(name)
        heads = ("budgets", "hold and settle, µs", "with its record in the journal, µs")
        table = Table(*heads, title="What billing adds to a request")
        for budgets in (0, 3):
            settled = request_us(folder, budgets, is_written=False)
            written = request_us(folder, budgets, is_written=True)
            table.add_row(str(budgets), shown(settled, LIMIT_US), f"{written:.1f}")
        Console().print(table)
        apart, together = hot_account(folder)
    lost = 1 - together / apart
    table = Table("accounts", "requests a second, posted", title="Four servers and their workers")
    table.add_row("four", f"{apart:,.0f}")
    table.add_row("one", f"{together:,.0f} ({shown(lost * 100, MOST_LOST * 100)} % less)")
    Console().print(table)


if __name__ == "__main__":
    main()
