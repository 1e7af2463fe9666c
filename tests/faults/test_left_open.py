"""What is open when somebody goes: the caller after five tokens, the vendor before its end, or we by `kill -9`."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.faults import fleet, raw
from tests.faults import test_realtime as realtime
from tests.faults.dialects import DIALECTS, ask, open_case
from tests.faults.fleet import Fleet
from tests.faults.harness import PRICE, Case, Gateway
from tests.faults.raw import RawConnection
from tests.faults.upstream import (
    ONE,
    ROLE,
    STREAM_HEAD,
    End,
    Seen,
    chunk,
    completion,
    delta,
    stream,
    whole,
)

from pronghorn.ledger.audit import audit
from pronghorn.store import models as tables

pytestmark = pytest.mark.asyncio(loop_scope="module")

STREAMS, HOLDS, FINISHED = 200, 100, 50
RESTARTED_S = 30.0
SEEN_S = 0.5
TOKEN = delta(" tick")
SOUND = {
    "total_tokens": 1_000,
    "input_tokens": 600,
    "output_tokens": 400,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 600, "cached_tokens": 0},
    "output_token_details": {"text_tokens": 0, "audio_tokens": 400},
}


async def assert_books(case: Case) -> None:
    await case.assert_invariants()
    async with case.gateway.inner.database.read() as tx:
        assert (await audit(tx)).differences == []


# The caller


async def tick(writer: asyncio.StreamWriter, seen: Seen) -> None:
    """A token each 100 ms, for ever."""
    while True:
        writer.write(chunk(TOKEN))
        await writer.drain()
        await asyncio.sleep(0.1)


async def test_a_caller_who_leaves_after_five_tokens_pays_for_no_more_than_six(case: Case) -> None:
    """A1."""
    case.gateway.upstream.plays(STREAM_HEAD, chunk(ROLE), tick)
    async with case.open(case.chat_request(stream=True)) as connection:
        seen = await case.gateway.upstream.reached()
        for _ in range(5):
            await connection.reader.readuntil(TOKEN)
        left = time.monotonic()
    await asyncio.wait_for(seen.closed.wait(), 5)
    assert seen.closed_at - left < SEEN_S
    row = await case.row()
    assert row.end_reason == "client_gone"
    assert 5 <= row.usage["output"] <= 6
    assert 0 < row.usage["input"] <= 16  # "Hi" and what surrounds it
    assert row.cost == row.usage["input"] * 1_000 + row.usage["output"] * 2_000
    await assert_books(case)


async def test_a_caller_who_leaves_before_the_first_token_pays_nothing(case: Case) -> None:
    """A1."""
    case.gateway.upstream.plays(STREAM_HEAD, chunk(ROLE), End.SILENT)
    async with case.open(case.chat_request(stream=True)):
        seen = await case.gateway.upstream.reached()
        left = time.monotonic()
    await asyncio.wait_for(seen.closed.wait(), 5)
    assert seen.closed_at - left < SEEN_S
    row = await case.row()
    assert (row.end_reason, row.cost) == ("client_gone", 0)
    await assert_books(case)


# The vendor


@pytest.mark.parametrize("then", [End.CLOSE, End.RESET])
async def test_a_response_that_is_cut_and_asked_again_is_paid_once_each(gateway: Gateway, then: End) -> None:
    """A3: what came before the cut is one entry; asked again it is another request, with one entry of its own."""
    case = await open_case(gateway, "responses", "responses")
    responses, has_some = DIALECTS["responses"], asyncio.Event()
    begun = (STREAM_HEAD, *map(chunk, (*responses.opening, *responses.content)))
    gateway.upstream.plays(*begun, has_some, then)
    request = ask(case, "responses", is_stream=True)
    broken = await case.call(request, on_data=lambda _: has_some.set())
    assert not broken.is_whole
    assert b"response.completed" not in broken.body
    case.heal()
    gateway.upstream.plays(*stream(*responses.opening, *responses.content, *responses.ending))
    assert (await case.call(request)).is_whole
    rows = await case.rows()
    assert [row.end_reason for row in rows] == ["upstream_truncated", "ok"]
    assert all(row.cost > 0 for row in rows)
    assert sorted(await _charges(case)) == sorted(f"charge:{row.id}" for row in rows)
    await assert_books(case)


async def _charges(case: Case) -> list[str]:
    mine = (tables.Entry.kind == "charge", tables.Entry.debit == f"account:{case.account}")
    async with case.gateway.inner.database.read() as tx:
        return [str(reference) for reference in await tx.scalars(select(tables.Entry.reference).where(*mine))]


async def _say_a_thousand(call: realtime.Call) -> None:
    await call.hear("response.create")
    await call.created()
    await call.say("response.output_audio.delta", response_id="resp_1", delta="A" * 64_000)
    await call.done(SOUND)
    await call.done(SOUND)  # told twice it is still the same response


async def test_a_session_of_a_thousand_audio_tokens_costs_exactly_these(gateway: Gateway) -> None:
    """A3: 600 heard at 32 USD a million and 400 spoken at 64; never twice."""
    price = {"input_usd_per_million": "4", "output_usd_per_million": "16"}
    price |= {"audio_input_usd_per_million": "32", "audio_output_usd_per_million": "64"}
    async with realtime.serving() as vendor:
        case = await gateway.case(vendor.url, price=price, alias="vendors-own-name")
        vendor.script = _say_a_thousand
        async with realtime.talking(case) as talk:
            await talk.say("response.create")
            await talk.until("response.done")
        rows = [row for row in await case.rows() if row.cost]
        assert [row.cost for row in rows] == [600 * 32_000 + 400 * 64_000]
        (row,) = rows
        assert (row.usage["audio_input"], row.usage["audio_output"]) == (600, 400)
        assert await _charges(case) == [f"charge:{row.id}"]
        await assert_books(case)


# We


@pytest.mark.timeout(180)
async def test_kill_9_with_two_hundred_streams_and_a_hundred_holds(tmp_path: Path) -> None:
    """T47: who was served is in the books once, everybody else sees that it broke off, and all holds are resolved."""
    async with fleet.running(tmp_path, 1, "") as found:
        await found.prepare(PRICE)
        account, key = await found.account("100")
        found.upstream.plays(*whole(completion()))
        answers = await asyncio.gather(*(found.first.ask(key) for _ in range(FINISHED)))
        assert {answer.status for answer in answers} == {200}
        async with contextlib.AsyncExitStack() as stack:
            found.upstream.plays(STREAM_HEAD, chunk(ROLE), chunk(ONE), End.SILENT)
            streams = [
                await stack.enter_async_context(_asked(found, key, stream=True)) for _ in range(STREAMS)
            ]
            begun = [await connection.head() for connection in streams]
            for connection in streams:
                await connection.reader.readuntil(ONE + b"\r\n")
            found.upstream.plays(End.SILENT)
            held = [await stack.enter_async_context(_asked(found, key)) for _ in range(HOLDS)]
            await found.upstream.reached(HOLDS)
            assert Decimal((await found.first.manage("GET", f"/accounts/{account}"))["held_usd"]) > 0
            found.first.installation.kill()
            assert {answer.status for answer in begun} == {200}
            for connection, answer in zip(streams, begun, strict=True):
                await connection.rest(answer)
            assert not any(answer.is_whole for answer in begun)
            for connection in held:
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await connection.head()
        restarted = time.monotonic()
        await asyncio.to_thread(found.first.installation.start)
        standing = await found.standing(account)
        rows = await found.rows(account, FINISHED)
        assert time.monotonic() - restarted < RESTARTED_S
        assert {row["id"] for row in rows} == {answer.header("x-request-id") for answer in answers}
        assert Decimal(standing["spent_usd"]) == FINISHED * Decimal("0.00002")
        assert Decimal(standing["balance_usd"]) + Decimal(standing["spent_usd"]) == 100
        await found.assert_books()


@contextlib.asynccontextmanager
async def _asked(found: Fleet, key: str, **more: Any) -> AsyncIterator[RawConnection]:
    async with raw.connect(found.first.port) as connection:
        await connection.send(found.first.request(key, **more))
        yield connection
