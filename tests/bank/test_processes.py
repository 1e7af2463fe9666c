"""The bank in four processes, with the system's own SIGKILL and SIGSTOP, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest
from tests.bank.process import REPEAT, Bank
from tests.store.databases import Databases

DAILY = 3
NIGHTLY = 150


async def play(databases: Databases, folder: Path, seed: int, kind: str) -> None:
    print(REPEAT.format(seed=seed, kind=kind))
    async with databases.migrated() as database:
        bank = Bank(database, folder, seed)
        await bank.run()
        assert bank.looks


@pytest.mark.timeout(150)
@pytest.mark.parametrize("seed", range(DAILY))
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_money_adds_up_over_four_processes(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, seed: int
) -> None:
    await play(request.getfixturevalue(kind), tmp_path, seed, kind)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(DAILY, DAILY + NIGHTLY))
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_money_adds_up_over_four_processes_again_and_again(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, seed: int
) -> None:
    await play(request.getfixturevalue(kind), tmp_path, seed, kind)
