"""Jobs: what the worker does again and again beside posting the journal."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import deliveries, dispatch, notices, orders, plans, rollup
from pronghorn.kit.clock import Clock
from pronghorn.settings import Settings
from pronghorn.store import Database

log = structlog.get_logger()


@dataclass(frozen=True)
class Services:
    """What a job works with."""

    database: Database
    vault: Secrets
    settings: Settings
    clock: Clock


class Job(NamedTuple):
    """`run` is called every `every_s` seconds, and must bear to be run by several workers at the same moment."""

    name: str
    every_s: float
    run: Callable[[Services], Awaitable[None]]


JOBS: list[Job] = [
    Job("usage.roll_up", 10.0, rollup.job),
    Job("orders.expire", 3600.0, orders.expire_old),
    Job("plans.periods", plans.EVERY_S, plans.run),
    Job("notices.queue", notices.EVERY_S, notices.run),
    Job("deliveries.send", dispatch.EVERY_S, dispatch.send_due),
    Job("deliveries.forget", 3600.0, deliveries.forget_old),
]


async def run_forever(services: Services) -> None:
    """Until cancelled. A job that fails is run again at its next time."""
    async with asyncio.TaskGroup() as group:
        for job in JOBS:
            group.create_task(_repeat(job, services))


async def _repeat(job: Job, services: Services) -> None:
    while True:
        try:
            await job.run(services)
        except Exception as error:
            log.warning("job.failed", job=job.name, error=repr(error))
        await asyncio.sleep(job.every_s)
