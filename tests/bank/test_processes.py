"""The bank in four processes, with the system's own SIGKILL and SIGSTOP, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest
from tests.bank.process import Bank, play_all
from tests.bank.runs import assert_none
from tests.store.databases import Databases

DAILY = 12
NIGHTLY = 5_000

each = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@each
@pytest.mark.timeout(240)
async def test_money_adds_up_over_four_processes(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    assert_none(await play_all(request.getfixturevalue(kind), tmp_path, range(DAILY), kind))


class Quick(Bank):
    async def _serve(self, number: int) -> None:
        """All lives are over before anybody has looked."""


async def test_a_bank_does_not_end_before_its_books_were_seen(tmp_path: Path, sqlite: Databases) -> None:
    async with sqlite.migrated() as database:
        bank = Quick(database, tmp_path, seed=0)
        await bank.run()
    assert bank.looks


@each
@pytest.mark.nightly
async def test_money_adds_up_over_four_processes_again_and_again(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    seeds = range(DAILY, DAILY + NIGHTLY)
    assert_none(await play_all(request.getfixturevalue(kind), tmp_path, seeds, kind))
