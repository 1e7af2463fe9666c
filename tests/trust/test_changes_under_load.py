"""The configuration changes over and over while callers ask: none of them notices, and what is bad changes nothing."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update
from tests.faults.harness import PRICE, Case, Gateway
from tests.faults.raw import RawAnswer
from tests.faults.upstream import (
    DONE,
    FINISH,
    LAST_CHUNK,
    ONE,
    ROLE,
    STREAM_HEAD,
    USED,
    ScriptedUpstream,
    chunk,
    completion,
    stream,
    whole,
)
from tests.trust.live import MODEL, Live, live
from tests.trust.stand import Held, arrange, assert_ready, say

from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS = 6
REVOKED_S = 2.0
SWAPS = [50, pytest.param(1_000, marks=[pytest.mark.nightly, pytest.mark.timeout(300)])]


class Callers:
    """Ask again and again until told to stop; keep when each began and what it got."""

    def __init__(self, ask: Callable[[int], Any]) -> None:
        self._ask = ask
        self.met: list[tuple[float, RawAnswer]] = []
        self._is_over = False

    async def __aenter__(self) -> "Callers":
        self._tasks = [asyncio.ensure_future(self._work(number)) for number in range(CALLERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def _work(self, number: int) -> None:
        while not self._is_over:
            begun = time.monotonic()
            self.met.append((begun, await self._ask(number)))

    async def until(self, count: int) -> None:
        wanted = len(self.met) + count
        async with asyncio.timeout(60):
            while len(self.met) < wanted:
                await asyncio.sleep(0.005)

    def outcomes(self) -> set[tuple[int, bool]]:
        return {(answer.status, answer.is_whole) for _, answer in self.met}


def streamed_or_whole(upstream: ScriptedUpstream) -> None:
    upstream.choose = lambda seen: stream() if seen.json().get("stream") else whole(completion())


async def change(case: Case, **columns: Any) -> None:
    inner = case.gateway.inner
    mine = tables.Channel.id.like(f"chn_{case.account.removeprefix('acc_')}\\_%", escape="\\")
    async with inner.database.write() as tx:
        await tx.execute(update(tables.Channel).where(mine).values(**columns))
        await revision.bump(tx)
    await inner.loader.refresh()


@pytest.mark.parametrize("count", SWAPS)
async def test_no_request_fails_while_the_snapshot_is_swapped(
    gateway: Gateway, second: ScriptedUpstream, count: int
) -> None:
    streamed_or_whole(gateway.upstream)
    streamed_or_whole(second)
    case = await gateway.case(gateway.upstream.url, second.url, usd=1000)
    await arrange(case)
    held, seen = await Held.at_rest(gateway), set()
    async with Callers(lambda number: say(case, stream=number % 2 == 0)) as callers:
        for number in range(count):
            await change(case, weight=1 + number % 5, priority=number % 3, name=f"c{number}")
            seen.add(gateway.inner.loader.snapshot.revision)
        await callers.until(CALLERS)
    print(f"\n{len(callers.met)} requests, {len(seen)} snapshots")
    assert len(seen) == count
    assert callers.outcomes() == {(200, True)}
    rows = await case.rows()
    assert {len(row.attempts) for row in rows} == {1}
    assert len(rows) == len(callers.met)
    await case.assert_invariants()
    await held.is_back(gateway)


async def test_a_stream_goes_on_by_the_snapshot_it_began_with(case: Case) -> None:
    upstream, has_word, goes_on = case.gateway.upstream, asyncio.Event(), asyncio.Event()
    upstream.plays(
        STREAM_HEAD, chunk(ROLE), chunk(ONE), goes_on, *map(chunk, (FINISH, USED, DONE)), LAST_CHUNK
    )
    call = asyncio.ensure_future(case.call(case.chat_request(stream=True), lambda _: has_word.set()))
    await asyncio.wait_for(has_word.wait(), 10)
    await change(case, is_disabled=True)
    refused = await case.chat()
    goes_on.set()
    answer = await call
    assert (refused.status, refused.error["code"]) == (503, "no_channel")
    assert answer.is_whole
    assert answer.body.endswith(DONE)


async def test_a_configuration_that_cannot_be_read_changes_nothing(gateway: Gateway, case: Case) -> None:
    gateway.upstream.plays(*whole(completion()))
    before = gateway.inner.loader.snapshot
    async with Callers(lambda _: say(case)) as callers:
        await price(case, {"input_usd_per_million": {"no": "price"}})
        with pytest.raises(Exception, match="price|input|valid"):
            await gateway.inner.loader.refresh()
        await callers.until(100)
        assert gateway.inner.loader.snapshot is before
        await assert_ready(gateway)
        await price(case, dict(PRICE))
        await gateway.inner.loader.refresh()
        await callers.until(100)
    assert gateway.inner.loader.snapshot.revision > before.revision
    assert callers.outcomes() == {(200, True)}


async def price(case: Case, components: dict[str, Any]) -> None:
    async with case.gateway.inner.database.write() as tx:
        mine = tables.Price.model == case.model
        await tx.execute(update(tables.Price).where(mine).values(components=components))
        await revision.bump(tx)


# By the management API of a gateway in a process of its own


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(Path(tmp_path_factory.mktemp("live"))) as found:
        streamed_or_whole(found.upstream)
        yield found
        await found.check_books()


async def manage(found: Live, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    token = found.installation.first["admin_token"]
    return await asyncio.to_thread(found.installation.call, method, f"/manage/v1{path}", body, token)


async def revoke_here(found: Live, key_id: str) -> None:
    assert (await manage(found, "DELETE", f"/keys/{key_id}"))[0] in (200, 204)


async def revoke_elsewhere(found: Live, key_id: str) -> None:
    """By a command, whose process the server hears nothing of."""
    words = ("key", "revoke", key_id, "--data", str(found.installation.folder / "data"))
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pronghorn", *words, stdout=asyncio.subprocess.DEVNULL
    )
    assert await command.wait() == 0


@pytest.mark.parametrize("revoke", [revoke_here, revoke_elsewhere], ids=["here", "by another process"])
async def test_a_revoked_key_is_refused_within_two_seconds_and_no_other_notices(
    running: Live, revoke: Callable[[Live, str], Awaitable[None]]
) -> None:
    doomed = await asyncio.to_thread(running.new_key)
    async with Callers(lambda _: running.ask()) as others:
        async with Callers(lambda _: running.ask(key=doomed["key"])) as callers:
            await callers.until(30)
            await revoke(running, doomed["id"])
            revoked = time.monotonic()
            while callers.met[-1][1].status != 401:
                assert time.monotonic() - revoked < 10
                await asyncio.sleep(0.005)
            await callers.until(30)
        await others.until(30)
    last = max((begun for begun, answer in callers.met if answer.status == 200), default=revoked)
    print(f"\nthe last request that was let in began {last - revoked:+.3f} s after the revocation")
    assert last - revoked < REVOKED_S
    assert {status for status, _ in callers.outcomes()} == {200, 401}
    assert others.outcomes() == {(200, True)}


BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/channels", {"name": "x", "vendor": "nobody", "credentials": ["a-secret"], "models": [MODEL]}),
    (
        "POST",
        "/channels",
        {"name": "x", "vendor": "openai", "base_url": "ftp://x", "credentials": ["a-secret"]},
    ),
    ("PATCH", "/channels/{channel}", {"weight": "heavy"}),
    ("PATCH", "/channels/{channel}", {"base_url": "not a url"}),
    ("PUT", f"/prices/{MODEL}", {"input_usd_per_million": "-1"}),
    ("PUT", f"/prices/{MODEL}", {"input_usd_per_million": "cheap"}),
]


async def test_what_is_bad_is_refused_with_words_and_the_old_stays(running: Live) -> None:
    async with Callers(lambda number: running.ask(stream=number % 2 == 0)) as callers:
        before = await manage(running, "GET", f"/channels/{running.channel}")
        for method, path, body in BAD:
            status, answer = await manage(running, method, path.format(channel=running.channel), body)
            assert 400 <= status < 500, (method, path, body, answer)
            assert answer["error"]["message"]
        after = await manage(running, "GET", f"/channels/{running.channel}")
        await callers.until(50)
    assert {k: v for k, v in before[1].items() if k != "health"} == {
        k: v for k, v in after[1].items() if k != "health"
    }
    assert callers.outcomes() == {(200, True)}
    assert await running.ready() == 200
