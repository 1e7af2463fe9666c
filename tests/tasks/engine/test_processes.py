"""`kill -9` of the worker, again and again, and of the server: what was submitted is seen to its end, and paid once."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import psutil
from tests.process import Installation
from tests.tasks.engine.house import CREDENTIAL, Studio

TASKS = 30
SONG = [{"id": "clip", "status": "complete", "audio_url": "https://cdn.example/1.mp3"}]
WAIT_S = 60.0


def kill_worker(installation: Installation) -> None:
    for child in psutil.Process(installation.pid).children():
        if "worker" in child.cmdline():
            os.kill(child.pid, signal.SIGKILL)


def open_shop(installation: Installation, url: str) -> dict[str, Any]:
    """A channel to the studio, and a key with money."""
    installation.manage(
        "POST",
        "/channels",
        {
            "name": "studio",
            "vendor": "suno",
            "base_url": url,
            "credentials": [CREDENTIAL],
            "models": ["suno"],
        },
    )
    account = installation.manage("POST", "/accounts", {"name": "band"})
    installation.manage("POST", f"/accounts/{account['id']}/adjust", {"amount_usd": "10", "note": "n"})
    made = installation.manage("POST", "/keys", {"account_id": account["id"], "name": "k", "mode": "live"})
    return {"account": account["id"], "key": made["key"]}


def submit(installation: Installation, key: str) -> str:
    body = {"prompt": "[Verse]\nla", "tags": "pop", "title": "t", "mv": "chirp-v4"}
    status, answer = installation.call("POST", "/suno/submit/music", body, key)
    assert status == 200, answer
    return str(answer["data"])


def statuses(installation: Installation, key: str, ids: list[str]) -> list[str]:
    status, answer = installation.call("POST", "/suno/fetch", {"ids": ids}, key)
    assert status == 200, answer
    return [task["status"] for task in answer["data"]]


async def wait_for(installation: Installation, key: str, ids: list[str], wanted: set[str]) -> list[str]:
    async with asyncio.timeout(WAIT_S):
        while True:
            found = await asyncio.to_thread(statuses, installation, key, ids)
            if len(found) == len(ids) and set(found) <= wanted:
                return found
            await asyncio.sleep(0.25)


async def test_whoever_dies_each_task_ends_once(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    try:
        async with Studio().running() as studio:
            await asyncio.to_thread(installation.start)
            shop = await asyncio.to_thread(open_shop, installation, studio.url)
            key = shop["key"]
            ids = [await asyncio.to_thread(submit, installation, key) for _ in range(TASKS)]
            studio.say_all("IN_PROGRESS", progress="50%")
            kill_worker(installation)
            await wait_for(installation, key, ids, {"IN_PROGRESS"})
            await asyncio.to_thread(installation.kill)
            await asyncio.to_thread(installation.start)
            for number, upstream_id in enumerate(studio.jobs):
                has_failed = number % 3 == 0
                said = {"status": "FAILURE"} if has_failed else {"status": "SUCCESS", "data": SONG}
                studio.say(upstream_id, **said)
            for _ in range(3):
                await asyncio.sleep(1)
                kill_worker(installation)
            ended = await wait_for(installation, key, ids, {"SUCCESS", "FAILURE"})
            assert (ended.count("SUCCESS"), ended.count("FAILURE")) == (20, 10)
            assert studio.submissions == TASKS
            account = await asyncio.to_thread(installation.manage, "GET", f"/accounts/{shop['account']}")
            assert (account["spent_usd"], account["held_usd"], account["balance_usd"]) == (
                "2.00",
                "0.00",
                "8.00",
            )
            report = await asyncio.to_thread(installation.manage, "GET", "/ledger/audit")
            assert report["differences"] == []
            rows = await asyncio.to_thread(installation.all_requests, account_id=shop["account"])
            assert len({row["id"] for row in rows}) == len(rows) == TASKS
    finally:
        await asyncio.to_thread(installation.close)
    assert CREDENTIAL.encode() not in installation.log.read_bytes()
