"""Plans and subscriptions over the management API: what is shown, what is refused, and that nothing changes then."""

import asyncio

import pytest
from tests.manage.installed import Manage

from pronghorn.commerce import plans as commerce
from pronghorn.commerce.jobs import Services

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_S = 86_400


async def job(manage: Manage) -> None:
    gateway = manage.gateway
    await commerce.run(Services(gateway.database, gateway.secrets, gateway.settings, manage.clock))


async def test_a_plan_is_made_changed_listed_and_removed(manage: Manage) -> None:
    made = await manage.post("/plans", name=" team ", allowance_usd="50.00", price_usd="40", description="x")
    assert made == {
        "name": "team",
        "allowance_usd": "50.00",
        "period": "month",
        "price_usd": "40.00",
        "description": "x",
        "active": True,
        "created_at": "2026-05-28T20:26:40.000Z",
    }
    assert await manage.get("/plans/team") == made
    assert made in await manage.items("/plans")
    changed = await manage.patch("/plans/team", allowance_usd="60.000000001", active=False)
    assert changed == made | {"allowance_usd": "60.000000001", "active": False}
    assert (await manage.refused(409, "POST", "/plans", {"name": "team", "allowance_usd": "1"}))[
        "param"
    ] == "name"
    await manage.delete("/plans/team")
    for method, body in (("GET", None), ("PATCH", {"active": True}), ("DELETE", None)):
        assert "GET /manage/v1/plans" in (await manage.refused(404, method, "/plans/team", body))["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("allowance_usd", wrong)
            for wrong in ("0", "-1", "NaN", "1e3", "", "0.0000000001", "9" * 13, 5, None)
        ),
        *(("price_usd", wrong) for wrong in ("-0.01", "x", "inf", 1)),
        *(("name", wrong) for wrong in ("", " ", "a/b", "a\r\nb", "x" * 201)),
        *(("period", wrong) for wrong in ("year", "", None)),
        ("color", "red"),
    ],
    ids=repr,
)
async def test_a_wrong_field_of_a_plan_is_named(manage: Manage, field: str, value: object) -> None:
    body = {"name": "odd", "allowance_usd": "1.00"} | {field: value}
    assert (await manage.refused(400, "POST", "/plans", body))["param"] == field
    await manage.refused(404, "GET", "/plans/odd")


async def test_a_subscription_shows_what_is_left_and_the_wallet_has_it(manage: Manage) -> None:
    await manage.post("/plans", name="basic", allowance_usd="10.00")
    account = await manage.account(usd="3.00")
    made = await manage.post("/subscriptions", account_id=account, plan="basic", time_zone="Asia/Shanghai")
    assert made | {"id": "", "account_id": ""} == {
        "id": "",
        "account_id": "",
        "plan": "basic",
        "status": "active",
        "time_zone": "Asia/Shanghai",
        "started_at": "2026-05-28T20:26:40.000Z",
        "period_start": "2026-05-28T20:26:40.000Z",
        "period_end": "2026-06-28T20:26:40.000Z",
        "allowance_usd": "10.00",
        "left_usd": "10.00",
        "cancelled_at": None,
    }
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "13.00"
    assert await manage.get(f"/subscriptions/{made['id']}") == made
    await manage.post(f"/accounts/{account}/adjust", amount_usd="-4.00")
    assert (await manage.get(f"/subscriptions/{made['id']}"))["left_usd"] == "6.00"
    entries = await manage.items(f"/entries?account_id={account}&kind=allowance")
    assert [(entry["debit"], entry["amount_usd"], entry["note"]) for entry in entries] == [
        ("promotion", "10.00", "basic")
    ]
    audit = (await manage.items("/audit"))[1]
    assert (audit["action"], audit["subject"]) == ("subscription.create", made["id"])


async def test_subscriptions_are_listed_by_account_plan_and_status(manage: Manage) -> None:
    await manage.post("/plans", name="listed", allowance_usd="1.00", period="day")
    account, other = await manage.account(), await manage.account()
    first = await manage.post("/subscriptions", account_id=account, plan="listed")
    second = await manage.post("/subscriptions", account_id=account, plan="listed")
    third = await manage.post("/subscriptions", account_id=other, plan="listed")
    await manage.post(f"/subscriptions/{second['id']}/cancel", when="now")

    async def ids(query: str) -> set[str]:
        return {one["id"] for one in await manage.items(f"/subscriptions?plan=listed{query}")}

    assert await ids("") == {first["id"], second["id"], third["id"]}
    assert await ids(f"&account_id={account}") == {first["id"], second["id"]}
    assert await ids("&status=ended") == {second["id"]}
    assert await ids("&status=active&limit=1") < {first["id"], third["id"]}
    await manage.refused(400, "GET", "/subscriptions?status=odd")


async def test_cancelling_and_the_end_of_a_period(manage: Manage) -> None:
    await manage.post("/plans", name="short", allowance_usd="2.00", period="day")
    account = await manage.account(usd="1.00")
    made = await manage.post("/subscriptions", account_id=account, plan="short")
    cancelled = await manage.post(f"/subscriptions/{made['id']}/cancel")
    assert (cancelled["status"], cancelled["left_usd"]) == ("ending", "2.00")
    assert cancelled["cancelled_at"] == "2026-05-28T20:26:40.000Z"
    manage.clock.advance(DAY_S)
    await job(manage)
    ended = await manage.get(f"/subscriptions/{made['id']}")
    assert (ended["status"], ended["left_usd"]) == ("ended", "0.00")
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "1.00"
    assert (
        "ended already"
        in (await manage.refused(409, "POST", f"/subscriptions/{made['id']}/cancel", {"when": "now"}))[
            "message"
        ]
    )
    await manage.refused(404, "POST", "/subscriptions/sub_nothing/cancel", {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_id", "acc_nothing"),
        ("plan", "nothing"),
        ("plan", "closed"),
        *(("time_zone", wrong) for wrong in ("", "Mars/Base", "America", "../../etc/passwd", "x" * 61)),
    ],
)
async def test_a_wrong_field_of_a_subscription_is_named(manage: Manage, field: str, value: str) -> None:
    await manage.call("POST", "/plans", {"name": "open", "allowance_usd": "1.00"})
    await manage.call("POST", "/plans", {"name": "closed", "allowance_usd": "1.00"})
    await manage.patch("/plans/closed", active=False)
    account = await manage.account()
    body = {"account_id": account, "plan": "open"} | {field: value}
    assert (await manage.refused(400, "POST", "/subscriptions", body))["param"] == field
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "0.00"


async def test_a_plan_that_somebody_had_stays(manage: Manage) -> None:
    await manage.post("/plans", name="kept", allowance_usd="1.00")
    account = await manage.account()
    await manage.post("/subscriptions", account_id=account, plan="kept")
    assert "active" in (await manage.refused(409, "DELETE", "/plans/kept"))["message"]


async def test_of_many_that_cancel_at_once_all_have_one_effect(manage: Manage) -> None:
    await manage.post("/plans", name="raced", allowance_usd="5.00")
    account = await manage.account(usd="1.00")
    made = await manage.post("/subscriptions", account_id=account, plan="raced")
    path = f"/subscriptions/{made['id']}/cancel"
    answers = await asyncio.gather(*(manage.call("POST", path, {"when": "now"}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    await asyncio.gather(*(job(manage) for _ in range(4)))
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "1.00"
