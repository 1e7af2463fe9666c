"""`pronghorn task`: on the data folder alone, and beside the gateway that the song was made by."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert
from tests.cli.commanding import Cli
from tests.process import Installation

from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.models import Task


def _add(cli: Cli, task_id: str, account: str, **more: Any) -> None:
    words = {"family": "suno", "action": "music", "mode": "live", "model": "suno", "state": "queued"}
    whose = {"account_id": account, "key_id": "key_1", "request_id": f"req_{task_id}", "channel_id": "chn_1"}
    values = {
        "credential": "c",
        "request": "sealed",
        "cost": 0,
        "attempts": [],
        "due_ms": 9,
        "deadline_ms": 9,
    }

    async def write() -> None:
        database = Database(Settings(data=cli.data).resolved_database_url)
        async with database.write() as tx:
            await tx.execute(insert(Task).values(id=task_id, **words | whose | values | more))
        await database.close()

    asyncio.run(write())


@pytest.fixture(scope="module")
def account(cli: Cli) -> str:
    """With an open task and one that was charged."""
    account: str = cli.json("account", "create", "singers")["id"]
    _add(cli, "tsk_open", account, created_ms=1_000)
    _add(cli, "tsk_done", account, created_ms=2_000, state="succeeded", cost=100_000_000, finished_ms=3_000)
    return account


def test_tasks_are_listed_and_filtered(cli: Cli, account: str) -> None:
    def found(*words: str) -> list[str]:
        return [task["id"] for task in cli.json("task", "list", "--account-id", account, *words)["items"]]

    assert found() == ["tsk_done", "tsk_open"]
    assert found("--status", "queued", "--vendor", "suno", "--action", "music") == ["tsk_open"]
    assert found("--mode", "test") == found("--channel", "chn_2") == found("--parent-id", "tsk_done") == []
    assert found("--since", "1970-01-01T00:00:02Z") == ["tsk_done"]
    assert found("--key-id", "key_1", "--limit", "1") == ["tsk_done"]
    table = cli.table("task", "list", "--account-id", account)
    assert all(word in table for word in ("tsk_done", "succeeded", "0.10", "chn_1"))


def test_a_task_is_shown_without_what_is_sealed(cli: Cli, account: str) -> None:
    shown = cli.json("task", "show", "tsk_done")
    assert (shown["account_id"], shown["cost_usd"], shown["explain"]) == (account, "0.10", [])
    assert not {"request", "data"} & shown.keys()
    assert "`pronghorn task list`" in cli.refused("task", "show", "tsk_none")


def test_a_cost_is_given_back_once(cli: Cli, account: str) -> None:
    for note in ("silent", "again"):
        assert cli.json("task", "refund", "tsk_done", "--note", note)["refunded_usd"] == "0.10"
    assert cli.json("account", "show", account)["balance_usd"] == "0.10"
    (entry,) = cli.json("account", "entries", account, "--kind", "refund")["items"]
    assert (entry["amount_usd"], entry["note"]) == ("0.10", "silent")
    (row,) = [row for row in cli.json("audit", "list")["items"] if row["action"] == "task.refund"]
    assert (row["actor"], row["subject"]) == ("cli", "tsk_done")
    assert cli.run("ledger", "audit").code == 0
    assert "not ended" in cli.refused("task", "refund", "tsk_open")


def test_only_a_server_can_ask_the_vendor_to_stop(cli: Cli, account: str) -> None:
    assert "start it with `pronghorn up" in cli.refused("task", "cancel", "tsk_open")
    assert "no task 'tsk_none'" in cli.refused("task", "cancel", "tsk_none")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("tasks")).start()
    yield installation
    installation.close()


def test_beside_a_running_gateway_a_song_is_shown_cancelled_in_vain_and_given_back(
    installation: Installation,
) -> None:
    cli = Cli(installation.folder / "data")
    task_id = _sing(installation)
    _wait(cli, task_id, "succeeded")
    shown = cli.json("task", "show", task_id)
    assert (shown["cost_usd"], shown["hold_usd"], shown["channel"]) == ("0.10", "0.10", "sandbox")
    assert shown["explain"]
    assert cli.json("task", "cancel", task_id) == shown
    stuck = _sing(installation, "stuck")
    assert "cannot be cancelled" in cli.refused("task", "cancel", stuck)
    assert cli.json("task", "refund", task_id)["refunded_usd"] == "0.10"
    assert cli.run("ledger", "audit").code == 0


def _sing(installation: Installation, prompt: str = "a song") -> str:
    body = {"prompt": prompt, "mv": "chirp-v4"}
    status, answer = installation.call("POST", "/suno/submit/music", body, installation.first["test_key"])
    assert status == 200, answer
    return str(answer["data"])


def _wait(cli: Cli, task_id: str, state: str) -> None:
    deadline = time.monotonic() + 20
    while cli.json("task", "show", task_id)["status"] != state:
        assert time.monotonic() < deadline
        time.sleep(0.2)
