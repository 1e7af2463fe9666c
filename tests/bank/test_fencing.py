"""A server that was only asleep while a newer start took its leases back must not spend them once more."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from tests.bank import audit
from tests.bank.edge import at_once
from tests.bank.memory import Memory
from tests.bank.plan import Step
from tests.bank.promises import Promises
from tests.bank.teller import MODE, Teller, Worker, account_id, open_accounts
from tests.store.databases import PostgreSQL

from pronghorn.app import _begin_epoch, open_gateway
from pronghorn.cli.locking import DataFolderInUse, lock_data_folder
from pronghorn.errors import Conflict
from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import pots
from pronghorn.ledger.pots import AccountPot
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.migrate import migrate

DEPOSIT = 1_000
SERVER = "server1"
ASLEEP = """
import sys, time
from pathlib import Path
from pronghorn.cli.locking import lock_data_folder
with lock_data_folder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
async def memory(template: bytes) -> AsyncIterator[Database]:
    memory = Memory(template)
    yield cast(Database, memory)
    memory.close()


def test_a_second_server_does_not_start_on_the_folder_of_one_that_is_stopped(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ASLEEP, str(tmp_path)], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None and first.stdout.readline() == b"locked\n"
        os.kill(first.pid, signal.SIGSTOP)
        with pytest.raises(DataFolderInUse), lock_data_folder(tmp_path):
            pass
        os.kill(first.pid, signal.SIGKILL)
    with lock_data_folder(tmp_path):
        pass


async def test_no_newer_start_takes_back_what_a_sleeper_can_still_spend(
    memory: Database, tmp_path: Path
) -> None:
    """Even without the lock of the data folder."""
    promises, clock = Promises(), FakeClock()
    await open_accounts(memory, [DEPOSIT], promises)
    old = await Teller.start(memory, tmp_path, SERVER, clock, promises)
    await old.request(Step("request", 0, 900, 0), at_once)
    assert old.purses[account_id(0)].free == 900
    with pytest.raises(Conflict, match="still runs"):
        await Teller.start(memory, tmp_path, SERVER, clock, promises)
    await old.request(Step("request", 0, 900, 900), at_once)
    old.journal.close()  # as the system does at its death
    new = await Teller.start(memory, tmp_path, SERVER, clock, promises)
    await new.request(Step("request", 0, 900, 900), at_once)
    await Worker(memory, tmp_path, clock).post()
    audit.look(await audit.read(memory), promises)
    assert len(promises.settled) == 2


async def test_a_copy_of_a_data_folder_does_not_start_beside_its_original(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    """By one name they would take back each other's leases. Once the original is gone, its copy may go on."""
    async with postgresql.migrated() as database:
        original = Settings(data=tmp_path / "original", database_url=database.url)
        first = await open_gateway(original, FakeClock(), sandbox_url="")
        copy = Settings(data=shutil.copytree(original.data, tmp_path / "copy"), database_url=database.url)
        with pytest.raises(Conflict, match="copy/server-id here"):
            await open_gateway(copy, FakeClock(), sandbox_url="")
        await first.close()
        second = await open_gateway(copy, FakeClock(), sandbox_url="")
        (copy.data / "server-id").write_text("another")
        third = await open_gateway(copy, FakeClock(), sandbox_url="")
        await third.close()
        await second.close()


async def test_a_journal_is_not_posted_to_an_older_state_of_its_database(tmp_path: Path) -> None:
    """A backup that was restored knows nothing of the leases that the journal's money was spent from."""
    settings = Settings(data=tmp_path / "data")
    settings.data.mkdir()
    await migrate(database := Database(settings.resolved_database_url))
    await database.close()
    await _live_once(settings)
    file, backup = settings.data / "pronghorn.db", tmp_path / "backup"
    shutil.copy(file, backup)
    await _live_once(settings)
    shutil.copy(backup, file)
    for _ in range(2):
        with pytest.raises(Conflict, match="a backup was restored"):
            await _live_once(settings)
    (settings.data / "journal").rename(tmp_path / "put away")
    await _live_once(settings)


async def _live_once(settings: Settings) -> None:
    database = Database(settings.resolved_database_url)
    try:
        gateway = await open_gateway(settings, FakeClock(), sandbox_url="", database=database)
        await gateway.close()
    finally:
        await database.close()


async def test_a_lease_that_is_being_taken_is_not_lost_to_a_newer_start(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    """The old server stops between its look at the epoch and its commit; the newer one takes back what it sees."""
    promises, clock, pot = Promises(), FakeClock(), AccountPot(account_id(0), MODE)
    async with postgresql.migrated() as database:
        await open_accounts(database, [DEPOSIT], promises)
        epoch = await _begin_epoch(database, SERVER, clock, tmp_path)
        async with database.write() as tx:
            await pot.lease(tx, SERVER, epoch, need=100, share=DEPOSIT)
        async with database.write() as tx:
            assert await pot.lease(tx, SERVER, epoch, need=200, share=DEPOSIT) == 200
            newer = asyncio.create_task(_take_over(database, clock, tmp_path))
            await asyncio.sleep(0.3)  # it waits for the wallet by now, or is done
        await newer
        async with database.write() as tx:
            await pots.reclaim(tx, SERVER, epoch + 2)
        audit.look_at_the_end(await audit.read(database), promises)


async def _take_over(database: Database, clock: FakeClock, tmp_path: Path) -> None:
    epoch = await _begin_epoch(database, SERVER, clock, tmp_path)
    async with database.write() as tx:
        await pots.reclaim(tx, SERVER, epoch)
