"""Posting: each record once, whatever fails in between, and the sums agree at every committed moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import func, insert, select
from tests.unit.ledger.test_journal import record as plain_record

from pronghorn.errors import Conflict
from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import journal, posting, pots, repository
from pronghorn.ledger.journal import Attempt, Journal, Record
from pronghorn.ledger.pots import AccountPot
from pronghorn.store import Database, Tx
from pronghorn.store.models import Account, Entry, JournalCursor, Key, Lease, Request, Server, Wallet

CLOCK = FakeClock()
DEPOSIT = 1_000_000
LEASED = 100_000
SERVER = "server-1"


def record(number: int, *, epoch: int = 1, **fields: Any) -> Record:
    made = plain_record(number)
    made.id = f"req_{epoch}_{number}"
    made.charge = number * 10
    made.shortfall = 7 if number % 3 == 0 else 0
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def write(folder: Path, records: list[Record], *, epoch: int = 1) -> None:
    opened = Journal(folder, SERVER, epoch, 50)
    for written in records:
        opened.append(written)
    opened.close()


@pytest.fixture
async def ledger(database: Database) -> Database:
    """One account with a deposit, of which the first and the second life of a server have leased a part."""
    async with database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_1", name="a", group_name="default", created_ms=1))
        values = {"account_id": "acc_1", "name": "k", "mode": "live", "hint": "h", "hash": b"h" * 32}
        await tx.execute(insert(Key).values(id="key_1", created_ms=1, **values))
        await repository.open_wallet(tx, "acc_1", "live")
        await repository.adjust(tx, "acc_1", "live", DEPOSIT, note="", now_ms=1)
        for epoch in (1, 2):
            await AccountPot("acc_1", "live").lease(tx, SERVER, epoch, need=LEASED, share=10**9)
    return database


async def state(database: Database) -> dict[str, Any]:
    async with database.read() as tx:
        requests = (await tx.execute(select(Request.id, Request.cost, Request.shortfall))).all()
        entries = (await tx.execute(select(Entry.reference, Entry.debit, Entry.credit, Entry.amount))).all()
        leases = (await tx.execute(select(Lease.epoch, Lease.amount))).all()
        return {
            "requests": sorted(tuple(row) for row in requests),
            "entries": sorted((str(row[0]), *row[1:]) for row in entries),
            "leases": sorted(tuple(row) for row in leases),
            "wallet": tuple((await tx.execute(select(Wallet.balance, Wallet.spent))).one()),
            "key": await tx.scalar(select(Key.spent)),
        }


async def assert_sums_agree(database: Database) -> None:
    found = await state(database)
    balance, spent = found["wallet"]
    assert balance + sum(amount for _, amount in found["leases"]) + spent == DEPOSIT
    assert spent == found["key"] == sum(cost for _, cost, _ in found["requests"])
    charged = sum(amount for reference, *_, amount in found["entries"] if reference.startswith("charge:"))
    assert charged == spent


async def test_a_life_that_a_restored_database_does_not_know_is_not_posted(
    ledger: Database, tmp_path: Path
) -> None:
    """A worker that stands alone sees its journal also where the server refuses to start."""
    async with ledger.write() as tx:
        await tx.execute(insert(Server).values(id=SERVER, epoch=2, started_ms=1))
    before = await state(ledger)
    write(tmp_path, [record(1, epoch=3)], epoch=3)
    with pytest.raises(Conflict, match="a backup was restored"):
        await posting.post_all(ledger, tmp_path, CLOCK)
    assert await state(ledger) == before


async def test_each_record_is_posted_once_though_posting_runs_again(ledger: Database, tmp_path: Path) -> None:
    records = [record(number) for number in range(12)]
    write(tmp_path, records)
    assert await posting.post_all(ledger, tmp_path, CLOCK) == 12
    first = await state(ledger)
    assert len(first["requests"]) == 12
    assert first["wallet"][1] == sum(written.charge for written in records)
    assert [row for row in first["leases"] if row[0] == 1] == [(1, LEASED - first["wallet"][1])]
    assert await posting.post_all(ledger, tmp_path, CLOCK) == 0
    assert await posting.post_all(ledger, tmp_path, CLOCK, {}) == 0
    assert await state(ledger) == first
    await assert_sums_agree(ledger)


async def test_what_is_appended_later_is_posted_later(ledger: Database, tmp_path: Path) -> None:
    opened = Journal(tmp_path, SERVER, 1, 50)
    positions: posting.Positions = {}
    for number in range(1, 4):
        opened.append(record(number))
        assert await posting.post_all(ledger, tmp_path, CLOCK, positions) == 1
        assert await posting.post_all(ledger, tmp_path, CLOCK, positions) == 0
    opened.close()
    await assert_sums_agree(ledger)


async def test_a_row_says_what_happened(ledger: Database, tmp_path: Path) -> None:
    write(tmp_path, [record(3)])
    await posting.post_all(ledger, tmp_path, CLOCK)
    async with ledger.read() as tx:
        row = (await tx.execute(select(Request.__table__))).one()
    assert row.usage == {"input": 10, "output": 3, "cache_read": 3}
    assert row.explain == [
        {"component": "input", "units": 10, "pico_usd": 2_500_000, "factor_ppm": 850_000},
        {"component": "shortfall", "nano_usd": 7},
    ]
    assert [attempt["status"] for attempt in row.attempts] == [503, 200]
    assert (row.is_stream, row.cost, row.shortfall, row.posted_ms) == (True, 30, 7, int(CLOCK.now() * 1000))


async def test_the_same_request_in_two_segments_is_charged_once(ledger: Database, tmp_path: Path) -> None:
    write(tmp_path, [record(5), record(5), record(6)])
    write(tmp_path, [record(5), record(7)], epoch=2)
    await posting.post_all(ledger, tmp_path, CLOCK)
    found = await state(ledger)
    assert [id for id, *_ in found["requests"]] == ["req_1_5", "req_1_6", "req_1_7"]
    await assert_sums_agree(ledger)


async def test_a_torn_frame_waits_and_is_posted_when_it_is_whole(ledger: Database, tmp_path: Path) -> None:
    write(tmp_path, [record(1), record(2)])
    (segment,) = journal.segments(tmp_path)
    data = segment.path.read_bytes()
    segment.path.write_bytes(data[:-5])
    assert await posting.post_all(ledger, tmp_path, CLOCK) == 1
    segment.path.write_bytes(data)
    assert await posting.post_all(ledger, tmp_path, CLOCK) == 1
    await assert_sums_agree(ledger)


async def test_segments_that_are_done_are_deleted_but_the_last(
    ledger: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 700)
    write(tmp_path, [record(number) for number in range(1, 9)])
    assert len(journal.segments(tmp_path)) > 2
    await posting.post_all(ledger, tmp_path, CLOCK)
    assert len(journal.segments(tmp_path)) == 1
    async with ledger.read() as tx:
        assert await tx.scalar(select(func.count()).select_from(JournalCursor)) == 1
    assert len((await state(ledger))["requests"]) == 8
    await assert_sums_agree(ledger)


class Crash(Exception):
    """The process dies here."""


class Fragile:
    """A database whose `fail_at`-th operation, commits included, does not come back."""

    def __init__(self, database: Database, fail_at: int) -> None:
        self._database = database
        self._left = fail_at
        self.is_spent = False

    def count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.is_spent = True
            raise Crash

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        async with self._database.write() as tx:
            yield cast(Tx, FragileTx(tx, self))
            self.count()  # before the commit
        self.count()  # after it, and before anybody heard of it

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        async with self._database.read() as tx:
            yield cast(Tx, FragileTx(tx, self))


class FragileTx:
    def __init__(self, tx: Tx, database: Fragile) -> None:
        self._tx = tx
        self._database = database
        self.dialect = tx.dialect

    async def execute(self, *args: Any) -> Any:
        self._database.count()
        return await self._tx.execute(*args)

    async def scalar(self, *args: Any) -> Any:
        self._database.count()
        return await self._tx.scalar(*args)

    async def exec_driver_sql(self, *args: Any) -> Any:
        self._database.count()
        return await self._tx.exec_driver_sql(*args)


@pytest.mark.parametrize("keeps_positions", [True, False])
async def test_a_crash_at_every_operation_repeats_and_forgets_nothing(
    ledger: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps_positions: bool
) -> None:
    monkeypatch.setattr(posting, "BATCH", 2)
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 600)  # two segments, the first in one batch
    total = 0
    for fail_at in range(1, 80):
        folder = tmp_path / str(fail_at)
        records = [record(number, id=f"req_{fail_at}_{number}", charge=1 + number) for number in range(3)]
        write(folder, records)
        fragile = Fragile(ledger, fail_at)
        positions: posting.Positions = {}
        with suppress(Crash):
            await posting.post_all(cast(Database, fragile), folder, CLOCK, positions)
        await assert_sums_agree(ledger)
        await posting.post_all(ledger, folder, CLOCK, positions if keeps_positions else {})
        total += sum(written.charge for written in records)
        found = await state(ledger)
        assert found["wallet"][1] == total
        assert len(found["requests"]) == 3 * fail_at
        await assert_sums_agree(ledger)
        async with ledger.write() as tx:
            await tx.execute(JournalCursor.__table__.delete())  # type: ignore[attr-defined]
        if not fragile.is_spent:
            break
    else:
        pytest.fail("posting never came to its end")


async def test_two_posters_at_once_post_each_record_once(
    ledger: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "BATCH", 3)
    records = [record(number) for number in range(1, 31)]
    write(tmp_path, records)
    counts = await asyncio.gather(*(posting.post_all(ledger, tmp_path, CLOCK, {}) for _ in range(2)))
    assert len((await state(ledger))["requests"]) == 30
    assert sum(counts) == 30
    await assert_sums_agree(ledger)


async def test_posting_does_not_deadlock_with_the_server_that_leases(
    ledger: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "BATCH", 1)
    write(tmp_path, [record(number) for number in range(1, 41)])
    posted = asyncio.create_task(posting.post_all(ledger, tmp_path, CLOCK))
    while not posted.done():
        async with ledger.write() as tx:
            taken = await AccountPot("acc_1", "live").lease(tx, SERVER, 1, need=10, share=10**9)
        async with ledger.write() as tx:
            await AccountPot("acc_1", "live").unlease(tx, SERVER, 1, taken)
    assert await posted == 40
    await assert_sums_agree(ledger)


async def test_the_dead_are_posted_and_their_leases_come_back(ledger: Database, tmp_path: Path) -> None:
    write(tmp_path, [record(number) for number in range(1, 5)])
    write(tmp_path, [record(9, epoch=2)], epoch=2)
    (tmp_path / "server-1x-00000001-000001.journal").write_bytes(b"")  # another server's
    assert await posting.post_dead(ledger, tmp_path, CLOCK, SERVER, 2) == 4
    async with ledger.write() as tx:
        assert await pots.reclaim(tx, SERVER, 2) == 1
    found = await state(ledger)
    assert found["leases"] == [(2, LEASED)]
    assert found["wallet"] == (DEPOSIT - LEASED - 100, 100)
    assert [segment.epoch for segment in journal.segments(tmp_path) if segment.server == SERVER] == [2]
    await assert_sums_agree(ledger)
    await posting.post_all(ledger, tmp_path, CLOCK)
    await assert_sums_agree(ledger)


async def test_rubbish_at_the_end_of_a_segment_does_not_stop_the_next(
    ledger: Database, tmp_path: Path
) -> None:
    write(tmp_path, [record(1)])
    (segment,) = journal.segments(tmp_path)
    with segment.path.open("ab") as file:
        file.write(bytes(4096))  # as a power cut leaves it
    write(tmp_path, [record(2, epoch=2)], epoch=2)
    await posting.post_all(ledger, tmp_path, CLOCK)
    assert len((await state(ledger))["requests"]) == 2
    await assert_sums_agree(ledger)


@pytest.mark.parametrize(
    "text", ["a\0b", "é" * 200, "x" * 10_000, "😀" * 100], ids=["nul", "wide", "long", "astral"]
)
async def test_odd_texts_do_not_stop_the_posting(ledger: Database, tmp_path: Path, text: str) -> None:
    """Whatever a caller or a vendor wrote: one record must not hold up everybody's."""
    odd = record(1, model=text, upstream_model=text, finish=text[:20], error=text, client_ip=text)
    odd.upstream_request_id = text
    odd.attempts = [Attempt("chn_1", 503, text, 5)]
    write(tmp_path, [odd, record(2)])
    await posting.post_all(ledger, tmp_path, CLOCK)
    assert len((await state(ledger))["requests"]) == 2
    async with ledger.read() as tx:
        row = (await tx.execute(select(Request.__table__).where(Request.id == odd.id))).one()
    assert row.error == text.replace("\0", "")
    assert row.model == row.upstream_model == row.error[:200]
    assert row.attempts[0]["error"] == text
