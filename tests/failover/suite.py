"""Plays a scenario in all its ways at one time, on a gateway that others have had before it."""

import asyncio
import contextlib
import itertools
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete, update
from tests.failover import verdict
from tests.failover.scenario import Charged, Place, Scenario, Then, Way
from tests.failover.stage import Run, open_account, prepared
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import RawAnswer

from pronghorn.store import models as tables

FAILOVERS = 80
"""On one gateway: with more it would be right to give up, lest a storm of them finish the vendors."""
_HEALTHY = Scenario("is well", Place.END, Then.NEXT)
Answers = Sequence[RawAnswer | BaseException]


class Suite:
    """One gateway at a time; a new one when the settings are others or it has done enough. `close` it in the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._open = contextlib.AsyncExitStack()
        self._gateway: Gateway | None = None
        self._settings: Mapping[str, Any] = {}
        self._failovers = 0
        self._healthy: dict[Way, RawAnswer] = {}

    async def play(self, scenario: Scenario) -> dict[Way, str]:
        """What went wrong in each way; empty where nothing did."""
        if not self._healthy:
            self._healthy = await self._look_at_healthy()
        gateway = await self._gateway_for(scenario)
        async with contextlib.AsyncExitStack() as stack:
            runs = [await stack.enter_async_context(prepared(scenario, way)) for way in scenario.ways()]
            case = await open_account(gateway, runs)
            found = await self._judged(case, runs, await _ask_all(case, runs))
            if scenario.rests is not None and not any(found.values()):
                found = _judged(verdict.judge_rest, runs, await _ask_all(case, runs))
                found = await _counted(case, found)
        await _forget(gateway)
        if any(found.values()):
            with contextlib.suppress(AssertionError):  # a failure is known already, and is this scenario's
                await self.close()
        return found

    async def _judged(self, case: Case, runs: Sequence[Run], answers: Answers) -> dict[Way, str]:
        found = await _counted(case, {run.way: "" for run in runs})
        if any(found.values()):
            return found
        rows = {row.id: row for row in await case.rows()}

        def judge(run: Run, answer: RawAnswer) -> None:
            verdict.judge(run, answer, rows[answer.header("x-request-id")], self._healthy[run.way])

        return _judged(judge, runs, answers)

    async def close(self) -> None:
        """Raises `AssertionError` if the gateway has met a bug of its own or let a credential out."""
        self._gateway = None
        opened, self._open = self._open, contextlib.AsyncExitStack()
        await opened.aclose()

    async def _look_at_healthy(self) -> dict[Way, RawAnswer]:
        gateway = await self._gateway_for(_HEALTHY)
        async with contextlib.AsyncExitStack() as stack:
            runs = [await stack.enter_async_context(prepared(_HEALTHY, way)) for way in _HEALTHY.ways()]
            answers = await _ask_all(await open_account(gateway, runs), runs)
        found = _judged(verdict.judge_healthy, runs, answers)
        assert not any(found.values()), found
        return {
            run.way: answer
            for run, answer in zip(runs, answers, strict=True)
            if isinstance(answer, RawAnswer)
        }

    async def _gateway_for(self, scenario: Scenario) -> Gateway:
        failovers = len(scenario.ways()) * scenario.failovers
        is_spent = self._failovers + failovers > FAILOVERS
        if self._gateway is None or is_spent or scenario.settings != self._settings:
            await self.close()
            folder = self._folder / str(next(self._numbers))
            self._gateway = await self._open.enter_async_context(running(folder, **scenario.settings))
            self._settings, self._failovers = scenario.settings, 0
        if scenario.charged is Charged.OURS:
            await self._gateway.inner.tokenizer.count("its first word takes seconds, and a request must not")
        self._failovers += failovers
        return self._gateway


async def _counted(case: Case, found: dict[Way, str]) -> dict[Way, str]:
    """All runs share one account, so where it does not add up none of them is good."""
    try:
        await case.assert_invariants()
    except AssertionError as error:
        return {way: former or repr(error) for way, former in found.items()}
    return found


async def _ask_all(case: Case, runs: Sequence[Run]) -> Answers:
    return await asyncio.gather(*[run.ask(case) for run in runs], return_exceptions=True)


def _judged(judge: Callable[[Run, RawAnswer], None], runs: Sequence[Run], answers: Answers) -> dict[Way, str]:
    """One way that fails must not hide how the others did."""
    found: dict[Way, str] = {}
    for run, answer in zip(runs, answers, strict=True):
        try:
            if isinstance(answer, BaseException):
                raise answer
            judge(run, answer)
            found[run.way] = ""
        except Exception as error:
            line = traceback.extract_tb(error.__traceback__)[-1].line
            found[run.way] = f"{line}: {error}"
    return found


async def _forget(gateway: Gateway) -> None:
    """What has been judged would only make every change of the configuration slower."""
    async with gateway.inner.database.write() as tx:
        for table in (tables.Channel, tables.Key):
            await tx.execute(update(table).values(is_disabled=True))
        for kind in (tables.Model, tables.Price):
            await tx.execute(delete(kind))
