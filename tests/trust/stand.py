"""What the numbers are taken with: what a process holds, channels side by side, and traffic at a steady pace."""

import asyncio
import itertools
import json
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from sqlalchemy import update
from tests.faults import raw
from tests.faults.harness import Case, Gateway
from tests.faults.raw import CANARY, RawAnswer, request

from pronghorn.routing import Channel
from pronghorn.routing.budget import MOST, SHARE, RetryBudget
from pronghorn.store import models as tables
from pronghorn.store import revision

BACK_S = 30.0
"""How soon everything that a request took is given back."""


@dataclass(frozen=True)
class Held:
    """What this process holds: gateway, vendors and callers together, so nothing of either may stay behind."""

    files: int
    tasks: int
    connections: int

    @classmethod
    def now(cls, gateway: Gateway) -> "Held":
        files, tasks = psutil.Process().num_fds(), len(asyncio.all_tasks())
        return cls(files, tasks, gateway.inner.client.open_connections())

    @classmethod
    async def at_rest(cls, gateway: Gateway) -> "Held":
        empty_pool(gateway)
        await asyncio.sleep(0.05)
        return cls.now(gateway)

    async def is_back(self, gateway: Gateway) -> None:
        """Within 5 %, and the few that any two looks differ by."""
        deadline = time.monotonic() + BACK_S
        while not (now := await Held.at_rest(gateway)).fits(self):
            assert time.monotonic() < deadline, f"{now} is left of what was {self}"

    def fits(self, before: "Held") -> bool:
        return (
            self.files <= before.files * 1.05 + 4
            and self.tasks <= before.tasks * 1.05 + 4
            and self.connections <= before.connections
        )


def empty_pool(gateway: Gateway) -> None:
    """Close what waits in the pool for another use, which is no leak and would end by itself in 20 seconds."""
    client = gateway.inner.client
    for idle in client._idle.values():
        while idle:
            connection = idle.popleft()
            connection.close()
            client._forget(connection)


def budget_of(gateway: Gateway) -> RetryBudget:
    found = gateway.inner.asgi._relay._budget
    assert isinstance(found, RetryBudget)
    return found


def refill(gateway: Gateway) -> None:
    """As much healthy traffic as fills the retry budget."""
    for _ in range(math.ceil(MOST / SHARE)):
        budget_of(gateway).deposit()


async def arrange(case: Case, *, credentials: Sequence[str] = (CANARY,)) -> None:
    """All channels of the case get one priority, and a pool of these credentials each."""
    inner = case.gateway.inner
    sealed = inner.secrets.seal(json.dumps(list(credentials)))
    mine = tables.Channel.id.like(f"chn_{case.account.removeprefix('acc_')}\\_%", escape="\\")
    async with inner.database.write() as tx:
        await tx.execute(update(tables.Channel).where(mine).values(priority=0, credentials=sealed))
        await revision.bump(tx)
    await inner.loader.refresh()


def channels_of(case: Case) -> list[Channel]:
    tiers = case.gateway.inner.loader.snapshot.tiers(case.model, case.grant.group)
    return sorted((channel for tier in tiers for channel in tier.channels), key=lambda channel: channel.id)


async def say(case: Case, **more: Any) -> RawAnswer:
    """A conversation of its own: requests that begin alike would all go one way."""
    return await case.chat(messages=[{"role": "user", "content": f"Hi {next(_numbers)}"}], **more)


_numbers = itertools.count()


async def assert_ready(gateway: Gateway) -> None:
    answer = await raw.call(gateway.port, request("GET", "/readyz"))
    assert (answer.status, answer.json()["ready"]) == (200, True)


async def in_turn(count: int, at_once: int, ask: Callable[[int], Awaitable[Any]]) -> list[Any]:
    """`ask(number)` for each number, `at_once` at any moment; the answers in order."""
    numbers, found = iter(range(count)), [None] * count

    async def work() -> None:
        for number in numbers:
            found[number] = await ask(number)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return found


async def at_rate(count: int, per_s: float, ask: Callable[[int], Awaitable[Any]]) -> list[Any]:
    """An open loop: each is begun at its moment, whether or not those before have been answered."""
    begun, tasks = time.monotonic(), []
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / per_s - time.monotonic()))
        tasks.append(asyncio.ensure_future(ask(number)))
    return await asyncio.gather(*tasks)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
