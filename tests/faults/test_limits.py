"""Limits of every scope, told as each dialect's clients read them; a channel at its limit is passed over."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import insert, update
from tests.faults.harness import Case, Gateway
from tests.faults.upstream import ScriptedUpstream, completion, whole

from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def limit(gateway: Gateway, case: Case, scope: str, **limits: Any) -> None:
    number = case.account.removeprefix("acc_")
    async with gateway.inner.database.write() as tx:
        if scope == "group":
            name = f"group-{number}"
            await tx.execute(insert(tables.Group).values(name=name, created_ms=0, **limits))
            mine = tables.Account.id == case.account
            await tx.execute(update(tables.Account).where(mine).values(group_name=name))
            channel = tables.Channel.id == f"chn_{number}_0"
            await tx.execute(update(tables.Channel).where(channel).values(groups=[name]))
        else:
            table, row_id = {
                "key": (tables.Key, f"key_{number}"),
                "account": (tables.Account, case.account),
                "channel": (tables.Channel, f"chn_{number}_0"),
            }[scope]
            await tx.execute(update(table).where(table.id == row_id).values(**limits))  # type: ignore[attr-defined]
        await revision.bump(tx)
    await gateway.inner.loader.refresh()


@pytest.mark.parametrize("scope", ["key", "account", "group", "channel"])
@pytest.mark.parametrize(
    ("limits", "used"), [({"rpm": 1}, 1), ({"tpm": 15}, 15), ({"concurrency": 0}, 0), ({"body_bytes": 10}, 0)]
)
async def test_each_limit_of_each_scope_is_kept_and_named(
    gateway: Gateway, scope: str, limits: dict[str, int], used: int
) -> None:
    case = await gateway.case()
    gateway.upstream.plays(*whole(completion()))
    await limit(gateway, case, scope, **limits)
    ((kind, most),) = limits.items()
    if kind in ("rpm", "tpm"):
        assert (await case.chat()).status == 200
    calls = len(gateway.upstream.seen)
    refused = await case.chat()
    assert refused.status == 429, refused.body
    error = refused.error
    assert (error["code"], error["scope"], error["limit"]) == ("rate_limit_exceeded", scope, most)
    assert error["used"] >= used
    assert error["reset_s"] > 0
    assert int(refused.header("retry-after")) >= 1
    assert len(gateway.upstream.seen) == calls
    rows = await case.rows()
    assert rows[-1].end_reason == "limited"
    await case.assert_invariants()


async def test_a_channel_at_its_limit_is_passed_over(gateway: Gateway) -> None:
    other = await ScriptedUpstream().start()
    case = await gateway.case(gateway.upstream.url, other.url)
    await limit(gateway, case, "channel", concurrency=1)
    goes_on = asyncio.Event()
    gateway.upstream.plays(goes_on, *whole(completion()))
    other.plays(*whole(completion()))
    first = asyncio.ensure_future(case.chat())
    await gateway.upstream.reached()
    assert (await case.chat()).status == 200
    assert len(other.seen) == 1
    goes_on.set()
    assert (await first).status == 200
    assert (await case.chat()).status == 200
    assert (len(gateway.upstream.seen), len(other.seen)) == (2, 1)
    await case.assert_invariants()
    await other.close()


async def test_what_is_left_is_told_in_the_words_of_the_dialect(gateway: Gateway) -> None:
    case = await gateway.case()
    gateway.upstream.plays(*whole(completion()))
    await limit(gateway, case, "account", rpm=100, tpm=60)
    await limit(gateway, case, "key", rpm=5)
    answer = await case.chat()
    found = {name: value for name, value in answer.headers if name.startswith("x-ratelimit-")}
    assert found["x-ratelimit-limit-requests"] == "5"
    assert found["x-ratelimit-remaining-requests"] == "4"
    assert found["x-ratelimit-limit-tokens"] == "60"
    assert 45 <= int(found["x-ratelimit-remaining-tokens"]) < 60  # one comes back each second
    assert found["x-ratelimit-reset-requests"].endswith("ms")
    body = {"model": case.model, "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
    answer = await case.call(case.post("/v1/messages", json.dumps(body).encode()))
    names = {name: value for name, value in answer.headers if "ratelimit" in name}
    assert names["anthropic-ratelimit-requests-limit"] == "5"
    assert names["anthropic-ratelimit-requests-remaining"] == "3"
    assert names["anthropic-ratelimit-tokens-limit"] == "60"
    assert names["anthropic-ratelimit-tokens-reset"].endswith("Z")
    assert all(name.startswith("anthropic-") for name in names)
    await case.assert_invariants()
