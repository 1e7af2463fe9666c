"""Budgets over the management API: what is set, what is shown of the period that is on, what is refused by name."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select
from tests.manage.installed import Document, Manage

from pronghorn.ledger import holds
from pronghorn.ledger.credit import Purse
from pronghorn.ledger.pots import Window
from pronghorn.store.models import BudgetLease, BudgetWindow

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = "2026-05-28T20:26:40.000Z"


@pytest_asyncio.fixture(loop_scope="module")
async def account(manage: Manage) -> AsyncIterator[str]:
    """Its budgets are removed afterwards, and its group's."""
    await manage.call("POST", "/groups", {"name": "team"})
    made = await manage.post("/accounts", name="Team A", group="team")
    yield made["id"]
    for budget in await manage.items("/budgets?limit=1000"):
        await manage.delete(f"/budgets/{budget['id']}")


async def key_of(manage: Manage, account: str, **more: Any) -> Document:
    body = {"account_id": account, "name": "k", "mode": "live"} | more
    made: Document = await manage.post("/keys", **body)
    return made


def purses_of(manage: Manage, key_id: str) -> list[Purse]:
    grants = manage.gateway.loader.snapshot.grants.values()
    (grant,) = (grant for grant in grants if grant.key_id == key_id)
    return list(grant.budget_purses(manage.clock.now()))


async def test_a_budget_is_set_shown_changed_and_removed(manage: Manage, account: str) -> None:
    body = {"scope": "account", "subject": account, "amount_usd": "5", "period": "day"}
    made = await manage.post("/budgets", **body, time_zone="Asia/Shanghai")
    assert made == {
        "id": made["id"],
        "scope": "account",
        "subject": account,
        "period": "day",
        "time_zone": "Asia/Shanghai",
        "mode": "live",
        "amount_usd": "5.00",
        "spent_usd": "0.00",
        "held_usd": "0.00",
        "left_usd": "5.00",
        "starts_at": "2026-05-28T16:00:00.000Z",
        "resets_at": "2026-05-29T16:00:00.000Z",
        "created_at": NOW,
    }
    path = f"/budgets/{made['id']}"
    assert await manage.get(path) == made
    assert await manage.items("/budgets") == [made]
    before = manage.gateway.loader.snapshot.revision
    changed = await manage.patch(path, amount_usd="7.50")
    assert changed == made | {"amount_usd": "7.50", "left_usd": "7.50"}
    assert manage.gateway.loader.snapshot.revision > before
    assert await manage.patch(path) == changed
    await manage.delete(path)
    for method in ("GET", "PATCH", "DELETE"):
        refused = await manage.refused(404, method, path, {"amount_usd": "1"} if method == "PATCH" else None)
        assert "GET /manage/v1/budgets" in refused["message"]
    actions = [row["action"] for row in await manage.items(f"/audit?subject={made['id']}")]
    assert actions == ["budget.delete", "budget.change", "budget.create"]


@pytest.mark.parametrize(
    ("period", "starts", "resets"),
    [
        ("hour", "2026-05-28T20:00:00.000Z", "2026-05-28T21:00:00.000Z"),
        ("day", "2026-05-28T00:00:00.000Z", "2026-05-29T00:00:00.000Z"),
        ("week", "2026-05-25T00:00:00.000Z", "2026-06-01T00:00:00.000Z"),
        ("month", "2026-05-01T00:00:00.000Z", "2026-06-01T00:00:00.000Z"),
        ("total", None, None),
    ],
)
async def test_each_period_says_when_it_began_and_begins_anew(
    manage: Manage, account: str, period: str, starts: str | None, resets: str | None
) -> None:
    made = await manage.post("/budgets", scope="group", subject="team", amount_usd="1", period=period)
    assert (made["starts_at"], made["resets_at"]) == (starts, resets)


async def test_lists_are_filtered_by_scope_and_subject(manage: Manage, account: str) -> None:
    key = (await key_of(manage, account))["id"]
    for scope, subject in (("key", key), ("account", account), ("group", "team")):
        await manage.post("/budgets", scope=scope, subject=subject, amount_usd="1", period="hour")
    await manage.post(
        "/budgets", scope="account", subject=account, amount_usd="1", period="hour", mode="test"
    )
    found = await manage.items("/budgets?scope=account")
    assert sorted((each["subject"], each["mode"]) for each in found) == [(account, "live"), (account, "test")]
    assert [each["scope"] for each in await manage.items(f"/budgets?subject={key}")] == ["key"]
    assert await manage.items(f"/budgets?scope=group&subject={key}") == []
    first = await manage.get("/budgets?limit=3")
    rest = await manage.get(f"/budgets?limit=3&cursor={first['next']}")
    assert len({each["id"] for each in first["items"] + rest["items"]}) == 4


async def test_what_is_held_and_spent_shows_in_the_window_of_now(manage: Manage, account: str) -> None:
    key = (await key_of(manage, account))["id"]
    made = await manage.post("/budgets", scope="account", subject=account, amount_usd="1", period="hour")
    (purse,) = purses_of(manage, key)
    await manage.gateway.credit.fill(purse, 10**8)
    purse.take(10**8)
    path = f"/budgets/{made['id']}"
    shown = await manage.get(path)
    assert (shown["spent_usd"], shown["held_usd"], shown["left_usd"]) == ("0.00", "0.10", "0.90")
    purse.settle(10**8, 4 * 10**7)
    shown = await manage.get(path)
    assert (shown["spent_usd"], shown["held_usd"], shown["left_usd"]) == ("0.04", "0.00", "0.96")


@pytest.mark.parametrize("scope", ["key", "account"])
async def test_what_a_task_holds_shows_as_held_and_is_not_left(
    manage: Manage, account: str, scope: str
) -> None:
    key = await key_of(manage, account)
    await manage.post(f"/accounts/{account}/adjust", amount_usd="5")
    subject = {"key": key["id"], "account": account}[scope]
    made = await manage.post("/budgets", scope=scope, subject=subject, amount_usd="0.10", period="day")
    (purse,) = purses_of(manage, key["id"])
    assert isinstance(purse.pot, Window)
    async with manage.gateway.database.write() as tx:
        await holds.place(tx, f"task_{scope}", account, "live", 6 * 10**7, [purse.pot], now_ms=1)
    shown = await manage.get(f"/budgets/{made['id']}")
    assert (shown["spent_usd"], shown["held_usd"], shown["left_usd"]) == ("0.00", "0.06", "0.04")
    asked = await manage.http.get("/api/usage/token", headers={"authorization": f"Bearer {key['key']}"})
    left = asked.json()["data"]["total_available"]
    assert left == (20_000 if scope == "key" else 2_470_000), "a key's own budget, or the account"


async def test_a_lower_amount_holds_at_once_for_what_this_server_had_leased(
    manage: Manage, account: str
) -> None:
    key = (await key_of(manage, account))["id"]
    made = await manage.post("/budgets", scope="account", subject=account, amount_usd="1", period="day")
    path, credit = f"/budgets/{made['id']}", manage.gateway.credit
    (purse,) = purses_of(manage, key)
    await credit.fill(purse, 10**9)
    purse.take(10**8)
    purse.settle(10**8, 10**8)
    shown = await manage.patch(path, amount_usd="0.05")
    assert (shown["spent_usd"], shown["left_usd"]) == ("0.10", "0.00")
    (after,) = purses_of(manage, key)
    assert after is purse and purse.free == 0
    await credit.fill(purse, 1)
    assert purse.free == 0
    assert (await manage.patch(path, amount_usd="0.25"))["left_usd"] == "0.15"
    purses_of(manage, key)
    await credit.fill(purse, 15 * 10**7)
    assert purse.free == 15 * 10**7


async def test_what_is_leased_of_a_budget_that_is_removed_goes_back(manage: Manage, account: str) -> None:
    key = (await key_of(manage, account))["id"]
    made = await manage.post("/budgets", scope="account", subject=account, amount_usd="1", period="day")
    (purse,) = purses_of(manage, key)
    assert isinstance(purse.pot, Window)
    await manage.gateway.credit.fill(purse, 10**8)
    purse.take(10**7)
    await manage.delete(f"/budgets/{made['id']}")
    assert purses_of(manage, key) == []
    assert (purse.free, purse.held) == (0, 10**7)
    purse.settle(10**7, 0)
    await manage.gateway.credit.give_back(purse)
    async with manage.gateway.database.read() as tx:
        leases = select(BudgetLease.amount).where(BudgetLease.budget_id == made["id"])
        assert await tx.scalar(leases) == 0


async def test_there_is_one_budget_for_a_subject_mode_and_period(manage: Manage, account: str) -> None:
    body = {"scope": "account", "subject": account, "amount_usd": "1", "period": "day"}
    made = await manage.post("/budgets", **body)
    refused = await manage.refused(409, "POST", "/budgets", body | {"time_zone": "Asia/Tokyo"})
    assert refused["param"] == "period"
    assert f"PATCH /manage/v1/budgets/{made['id']}" in refused["message"]
    for more in ({"period": "week"}, {"mode": "test"}, {"scope": "group", "subject": "team"}):
        await manage.post("/budgets", **(body | more))
    race = body | {"period": "hour"}
    answers = await asyncio.gather(*(manage.call("POST", "/budgets", race) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


@pytest.mark.parametrize(
    ("more", "param"),
    [
        *[
            ({"amount_usd": text}, "amount_usd")
            for text in ("0", "-1", "NaN", "1e3", "", "0.0000000001", "9" * 20)
        ],
        *[({"amount_usd": value}, "amount_usd") for value in (1, 0.5, None)],
        *[({"time_zone": text}, "time_zone") for text in ("", "Mars/Base", "America", "../UTC", "x" * 61)],
        *[({"period": text}, "period") for text in ("year", "", "Day", None)],
        *[({"scope": text}, "scope") for text in ("user", "", None)],
        *[({"mode": text}, "mode") for text in ("both", None)],
        *[({"subject": text}, "subject") for text in ("acc_none", "", " ", "x" * 201, None)],
        ({"scope": "key", "subject": "key_none"}, "subject"),
        ({"scope": "group", "subject": "nobody"}, "subject"),
        ({"limit": "1"}, "limit"),
    ],
    ids=repr,
)
async def test_what_makes_no_sense_is_refused_by_name_and_changes_nothing(
    manage: Manage, account: str, more: Document, param: str
) -> None:
    body = {"scope": "account", "subject": account, "amount_usd": "1", "period": "day"} | more
    refused = await manage.refused(400, "POST", "/budgets", body)
    assert refused["param"] == param
    assert refused["message"].startswith(param)
    assert await manage.items("/budgets") == []


@pytest.mark.parametrize("missing", ["scope", "subject", "amount_usd", "period"])
async def test_what_is_needed_is_named(manage: Manage, account: str, missing: str) -> None:
    body = {"scope": "account", "subject": account, "amount_usd": "1", "period": "day"}
    del body[missing]
    assert missing in (await manage.refused(400, "POST", "/budgets", body))["message"]


@pytest.mark.parametrize(
    ("patch", "param"),
    [
        ({"amount_usd": "0"}, "amount_usd"),
        ({"amount_usd": "-0.01"}, "amount_usd"),
        ({"amount_usd": None}, "amount_usd"),
        ({"period": "day"}, "period"),
    ],
    ids=repr,
)
async def test_only_the_amount_is_changed(manage: Manage, account: str, patch: Document, param: str) -> None:
    made = await manage.post("/budgets", scope="account", subject=account, amount_usd="1", period="day")
    refused = await manage.refused(400, "PATCH", f"/budgets/{made['id']}", patch)
    assert refused["param"] == param
    assert await manage.get(f"/budgets/{made['id']}") == made


async def test_a_budget_of_a_key_has_the_keys_mode(manage: Manage, account: str) -> None:
    key = (await key_of(manage, account, mode="test"))["id"]
    body = {"scope": "key", "subject": key, "amount_usd": "1", "period": "day"}
    refused = await manage.refused(400, "POST", "/budgets", body)
    assert refused["param"] == "mode" and "'test'" in refused["message"]
    assert (await manage.post("/budgets", **body, mode="test"))["mode"] == "test"


async def test_what_is_removed_takes_its_budgets_along(manage: Manage, account: str) -> None:
    await manage.post("/groups", name="gone")
    key = (await key_of(manage, account))["id"]
    body = {"amount_usd": "1", "period": "day"}
    made = [
        (await manage.post("/budgets", scope=scope, subject=subject, **body))["id"]
        for scope, subject in (("key", key), ("group", "gone"), ("group", "team"))
    ]
    await manage.delete(f"/keys/{key}")
    await manage.delete("/groups/gone")
    assert [each["id"] for each in await manage.items("/budgets")] == made[2:]
    for subject, budget in ((key, made[0]), ("gone", made[1])):
        newest = (await manage.items(f"/audit?subject={subject}"))[0]
        assert newest["detail"]["budgets"] == budget


async def test_a_keys_own_budget_counts_what_it_spent_while_it_had_none(manage: Manage, account: str) -> None:
    """`budget_usd` is for the key's life: taking it away and setting it again begins nothing anew."""
    from sqlalchemy import update

    from pronghorn.store.models import Key

    key = (await key_of(manage, account, budget_usd="1.00"))["id"]
    (purse,) = purses_of(manage, key)
    await manage.gateway.credit.fill(purse, 1)
    await manage.patch(f"/keys/{key}", budget_usd=None)
    async with manage.gateway.database.write() as tx:  # as posting does, of requests that name no window
        await tx.execute(update(Key).where(Key.id == key).values(spent=6 * 10**8))
    await manage.patch(f"/keys/{key}", budget_usd="1.00")
    (purse,) = purses_of(manage, key)
    await manage.gateway.credit.fill(purse, 10**9)
    assert purse.free == 4 * 10**8
    async with manage.gateway.database.read() as tx:
        spent = select(BudgetWindow.spent).where(BudgetWindow.budget_id == key)
        assert await tx.scalar(spent) == 6 * 10**8
