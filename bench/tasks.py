"""`python -m bench.tasks`: what 10,000 tasks in flight cost one worker, with 100,000 ended ones in the table.

The vendor is a process of its own, which moves each task a little between two looks. Late is what is due and not yet
taken.
"""

import asyncio
import multiprocessing
import os
import random
import tempfile
import time
import uuid
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import psutil
from aiohttp import web
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import func, insert, select, text

from pronghorn.accounts.secrets import Secrets
from pronghorn.kit.clock import SystemClock
from pronghorn.ledger import repository
from pronghorn.settings import Settings
from pronghorn.store import Database, revision
from pronghorn.store import models as tables
from pronghorn.store.migrate import migrate
from pronghorn.tasks.engine import Engine
from pronghorn.tasks.job import Bill, Job
from pronghorn.tasks.view import sealed
from pronghorn.upstream import Client

OPEN, ENDED = 10_000, 100_000
SECONDS = 60.0
WARM_UP_S = 30.0
CPU_LIMIT, RSS_LIMIT_MB, LATE_LIMIT_S = 0.25, 250.0, 2.0
SAMPLE_S = 0.2
SECRETS = Secrets(["the-secret-of-this-benchmark"])
_CLIP = {
    "title": "Night Train",
    "status": "streaming",
    "audio_url": "https://cdn.example/audio/night-train.mp3",
    "image_url": "https://cdn.example/image/night-train.jpeg",
    "metadata": {
        "tags": "synthpop, female vocals",
        "prompt": "[Verse]\nRails are humming in the rain\n" * 20,
    },
}


def play_vendor(told: Connection) -> None:
    """Suno's list of tasks: each look finds some more progress."""
    begun_s = time.monotonic()

    async def fetch(request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read())
        percent = int(time.monotonic() - begun_s) % 90
        found = [
            {
                "task_id": id,
                "status": "IN_PROGRESS",
                "progress": f"{percent}%",
                "data": [{"id": f"{id}-{n}", "seen": percent} | _CLIP for n in (1, 2)],
            }
            for id in asked["ids"]
        ]
        body = msgspec.json.encode({"code": "success", "message": "", "data": found})
        return web.Response(body=body, content_type="application/json")

    async def serve() -> None:
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/suno/fetch", fetch)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


async def fill(database: Database, url: str) -> None:
    await migrate(database)
    now_ms = int(time.time() * 1000)
    async with database.write() as tx:
        await tx.execute(
            insert(tables.Account).values(id="acc_1", name="a", group_name="default", created_ms=1)
        )
        await repository.open_wallet(tx, "acc_1", "live")
        channel = {
            "name": "c",
            "vendor": "suno",
            "base_url": url,
            "models": {"suno": "suno"},
            "groups": ["default"],
        }
        secret = SECRETS.seal('["sk-of-the-benchmark"]')
        await tx.execute(
            insert(tables.Channel).values(id="chn_1", credentials=secret, created_ms=1, **channel)
        )
        await revision.bump(tx)
    bill = Bill(
        charge=0, lines=[], factor_ppm=0, kind="music", group="", endpoint="", upstream_model="", client_ip=""
    )
    request = sealed(Job({"prompt": "p" * 300}, bill), SECRETS)
    for start in track(range(0, OPEN + ENDED, 5_000), "Writing tasks"):
        rows = [_row(number, now_ms, request) for number in range(start, min(start + 5_000, OPEN + ENDED))]
        async with database.write() as tx:
            await tx.execute(insert(tables.Task), rows)


def _row(number: int, now_ms: int, request: str) -> dict[str, Any]:
    is_open = number < OPEN
    created_ms = now_ms - random.randrange(60_000) - (0 if is_open else 86_400_000)
    return {
        "id": str(uuid.uuid4()),
        "family": "suno",
        "action": "music",
        "account_id": "acc_1",
        "mode": "live",
        "key_id": "key_1",
        "model": "suno",
        "request_id": f"req_{number}",
        "channel_id": "chn_1",
        "credential": "",
        "upstream_id": f"up-{number}",
        "state": "running" if is_open else "succeeded",
        "request": request,
        "data": "" if is_open else request,
        "has_callback": False,
        "created_ms": created_ms,
        "started_ms": created_ms,
        "finished_ms": None if is_open else created_ms + 60_000,
        "deadline_ms": now_ms + 3_600_000,
        # As if they had been looked at all along.
        "due_ms": now_ms + random.randrange(int(OPEN / 500 * 1000)),
        "attempts": [],
    }


def work(url: str, told: Connection) -> None:
    """The worker, and what it is seen to need."""

    async def look() -> None:
        database, client, clock = Database(url), Client(), SystemClock()
        engine = Engine(database, SECRETS, Settings(data=Path("unused")), clock, client)
        running = asyncio.create_task(engine.run_forever())
        await asyncio.sleep(WARM_UP_S)
        process = psutil.Process()
        cpu, begun_s, late_s, rss = time.process_time(), time.monotonic(), 0.0, 0
        looks = await _looks(database)
        while time.monotonic() < begun_s + SECONDS:
            await asyncio.sleep(SAMPLE_S)
            async with database.read() as tx:
                oldest = await tx.scalar(
                    select(func.min(tables.Task.due_ms)).where(text("finished_ms IS NULL"))
                )
            late_s = max(late_s, clock.now() - (oldest or 0) / 1000)
            rss = max(rss, process.memory_info().rss)
        spent = (time.process_time() - cpu) / (time.monotonic() - begun_s)
        told.send((spent, rss / 2**20, late_s, (await _looks(database) - looks) / SECONDS))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await client.close()
        await database.close()

    asyncio.run(look())


async def _looks(database: Database) -> int:
    async with database.read() as tx:
        return int(
            await tx.scalar(select(func.sum(tables.Task.polls)).where(text("finished_ms IS NULL"))) or 0
        )


def main() -> None:
    context = multiprocessing.get_context("spawn")
    vendor_told, vendor_tells = context.Pipe()
    vendor = context.Process(target=play_vendor, args=(vendor_tells,), daemon=True)
    vendor.start()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/tasks.db"

        async def prepare() -> None:
            database = Database(url)
            await fill(database, f"http://127.0.0.1:{vendor_told.recv()}")
            await database.close()

        asyncio.run(prepare())
        worker_told, worker_tells = context.Pipe()
        worker = context.Process(target=work, args=(url, worker_tells), daemon=True)
        worker.start()
        for _ in track(range(int(WARM_UP_S + SECONDS)), "Looking at tasks"):
            time.sleep(1)
        cpu, rss_mb, late_s, looks = worker_told.recv()
        worker.join()
    vendor.kill()
    table = Table(
        "", "measured", "limit", title=f"{OPEN:,} tasks in flight, {ENDED:,} ended, {os.cpu_count()} cores"
    )
    table.add_row("looks a second", f"{looks:.0f}", "")
    table.add_row("CPU of a core", f"{cpu:.1%}", f"{CPU_LIMIT:.0%}")
    table.add_row("resident memory", f"{rss_mb:.0f} MB", f"{RSS_LIMIT_MB:.0f} MB")
    table.add_row("latest task", f"{late_s:.2f} s", f"{LATE_LIMIT_S:.0f} s")
    Console().print(table)
    if cpu > CPU_LIMIT or rss_mb > RSS_LIMIT_MB or late_s > LATE_LIMIT_S:
        raise SystemExit("a limit is not kept")


if __name__ == "__main__":
    main()
