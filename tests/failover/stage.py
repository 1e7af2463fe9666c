"""Runs: vendors that do what the scenario says, callers who ask once each, and what came of it.

All runs of a scenario share one account, and each has a model of its own: what is set up and counted once is cheap.
"""

import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert
from tests.failover.scenario import Address, Asked, Scenario, Then, Way
from tests.failover.words import WORD
from tests.faults.dialects import DIALECTS, Dialect, ask, vendor_of
from tests.faults.harness import PRICE, Case, Gateway
from tests.faults.raw import CANARY, RawAnswer
from tests.faults.upstream import ScriptedUpstream, Seen, Step, stream, whole

from pronghorn.store import models as tables
from pronghorn.store import revision

POOL = [CANARY, f"{CANARY}-2"]
OTHER_TEXT = "new two"
"""What the channel that is well says, and no other."""


@dataclass
class Run:
    scenario: Scenario
    way: Way
    asked: Asked
    failing: Sequence[ScriptedUpstream]
    good: ScriptedUpstream
    stranger: ScriptedUpstream
    addresses: Sequence[Address]
    """Of its channels, best first."""

    @property
    def door(self) -> str:
        return self.way[0]

    @property
    def is_converted(self) -> bool:
        return self.way[0] != self.way[1]

    async def ask(self, case: Case) -> RawAnswer:
        mine = dataclasses.replace(case, model=self.model_of(case))
        return await mine.call(ask(mine, self.door, is_stream=self.asked.is_stream), on_data=self._watch)

    def model_of(self, case: Case) -> str:
        return "-".join((case.model, *self.way[:2], "stream" if self.asked.is_stream else "whole"))

    def _watch(self, answer: RawAnswer) -> None:
        """The vendor goes on once the caller has got what there is until then."""
        words = self.scenario.words
        if answer.body.count(WORD.strip().encode()) >= words if words else b"two" in answer.body:
            self.asked.passed.set()


@contextlib.asynccontextmanager
async def prepared(scenario: Scenario, way: Way) -> AsyncIterator[Run]:
    """Everybody is in place and knows what to do."""
    async with contextlib.AsyncExitStack() as stack:
        good, stranger, *failing = [
            await stack.enter_async_context(_upstream()) for _ in range(2 + len(scenario.fails))
        ]
        asked = Asked(DIALECTS[way[1]], way[2], stranger.url)
        good.plays(*_well(asked))
        for upstream, script in zip(failing, scenario.fails, strict=True):
            upstream.plays(*script(asked))
        addresses = [await stack.enter_async_context(at()) for at in scenario.unreachable]
        addresses += [Address(upstream.url) for upstream in failing]
        if scenario.then in (Then.POOL, Then.AGAIN):
            failing[0].choose = _one_then_another(failing[0], scenario.fails[0](asked), _well(asked))
        elif scenario.then is not Then.REFUSED:
            addresses.append(Address(good.url))
        yield Run(scenario, way, asked, failing, good, stranger, addresses)


async def open_account(gateway: Gateway, runs: Sequence[Run]) -> Case:
    """Money, a key, and a model with its channels for each run."""
    case = await gateway.case()
    models = [run.model_of(case) for run in runs]
    channels = [
        _channel(gateway, case, run, place, address)
        for run in runs
        for place, address in enumerate(run.addresses)
    ]
    model = {"vendor": "x", "capabilities": ["chat"], "created_ms": 0}
    price = {"source": "operator", "components": dict(PRICE), "updated_ms": 0}
    async with gateway.inner.database.write() as tx:
        await tx.execute(insert(tables.Channel), channels)
        await tx.execute(insert(tables.Model), [{"name": name} | model for name in models])
        await tx.execute(insert(tables.Price), [{"model": name} | price for name in models])
        await revision.bump(tx)
    await gateway.inner.loader.refresh()
    return case


def _channel(gateway: Gateway, case: Case, run: Run, place: int, address: Address) -> dict[str, Any]:
    seal, model = gateway.inner.secrets.seal, run.model_of(case)
    credentials = POOL if run.scenario.then is Then.POOL else POOL[:1]
    return {
        "id": f"chn_{model}_{place}",
        "name": "c",
        "vendor": vendor_of(*run.way[:2]),
        "base_url": address.url,
        "credentials": seal(json.dumps(credentials)),
        "proxy": None if address.proxy is None else seal(address.proxy),
        "models": {model: model},
        "groups": ["default"],
        "priority": -place,
        "created_ms": 0,
    }


def other_events(dialect: Dialect) -> list[bytes]:
    return [_renamed(event) for event in dialect.events]


def other_body(dialect: Dialect) -> bytes:
    return _renamed(json.dumps(dialect.whole).encode())


def _renamed(said: bytes) -> bytes:
    return said.replace(b'"one"', b'"new"').replace(b'"one two"', b'"new two"')


def _well(asked: Asked) -> Sequence[Step]:
    dialect = asked.dialect
    return stream(*other_events(dialect)) if asked.is_stream else whole(other_body(dialect))


@contextlib.asynccontextmanager
async def _upstream() -> AsyncIterator[ScriptedUpstream]:
    upstream = await ScriptedUpstream().start()
    try:
        yield upstream
    finally:
        await upstream.close()


def _one_then_another(
    upstream: ScriptedUpstream, first: Sequence[Step], then: Sequence[Step]
) -> Callable[[Seen], Sequence[Step]]:
    return lambda _: first if len(upstream.seen) == 1 else then
