"""The audit: each change leaves a row that says who, when and what, and never a secret."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import insert
from tests.manage.installed import Manage, opened

from pronghorn.store.models import Delivery, Task

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRETS = ["sk-canary-1a2b3c4d5e", "hunter-canary-6f7a", "a long pass word", "epay-canary-9c8d"]
EPAY = {
    "epay_url": "https://pay.example",
    "epay_pid": "1001",
    "epay_key": SECRETS[3],
    "top_up_rates": ("CNY=7.30",),
}
HOOK = "https://hooks.example/canary-path"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def manage(template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Manage]:
    """With a payment provider, so that every route does something."""
    data = shutil.copytree(template, tmp_path_factory.mktemp("audit") / "data")
    async with opened(data, public_url="https://gateway.example", **EPAY) as manage:
        yield manage


async def _changes(manage: Manage) -> dict[str, str]:
    """One of every change; gives the ids of what it was made on."""
    credential, proxy_password, password, _ = SECRETS
    proxy = f"http://ann:{proxy_password}@proxy.example:3128"
    account = (await manage.post("/accounts", name="a"))["id"]
    user = (await manage.post("/users", email="eve@example.com", password=password))["id"]
    key = (await manage.post("/keys", account_id=account, name="k", mode="test", rpm=5))["id"]
    nowhere = {"vendor": "openai", "base_url": "http://127.0.0.1:9"}
    channel = await manage.post(
        "/channels", name="c", models=["m"], credentials=[credential], proxy=proxy, **nowhere
    )
    await manage.patch(f"/accounts/{account}", disabled=False)
    await manage.post(f"/accounts/{account}/adjust", amount_usd="1.5", note="gift")
    await manage.post(f"/accounts/{account}/members", user_id=user)
    await manage.delete(f"/accounts/{account}/members/{user}")
    await manage.patch(f"/keys/{key}", rpm=None)
    await manage.delete(f"/keys/{key}")
    await manage.patch(f"/channels/{channel['id']}", credentials=[credential, "x"], proxy=None)
    await manage.post(f"/channels/{channel['id']}/test")
    await manage.post(f"/channels/{channel['id']}/reset")
    await manage.delete(f"/channels/{channel['id']}")
    await manage.put("/models/m", vendor="house")
    await manage.patch("/models/m", retired=True)
    await manage.put("/prices/m", per_call_usd="1")
    await manage.delete("/prices/m")
    await manage.put("/routes/fast", models=["m"])
    await manage.delete("/routes/fast")
    await manage.post("/groups", name="g")
    await manage.patch("/groups/g", factor="2")
    await manage.delete("/groups/g")
    await manage.patch(f"/users/{user}", password=f"{password} 2", role="admin")
    token = await manage.post("/tokens", name="t", user_id=user)
    await manage.delete(f"/tokens/{token['id']}")
    await manage.delete(f"/users/{user}")
    return {"account": account, "user": user, "key": key, "channel": channel["id"], "token": token["id"]}


async def _business(manage: Manage, account: str) -> list[tuple[str, str]]:
    """One of every change of what brings money in or bounds it; gives the rows that it must leave."""
    budget = await manage.post(
        "/budgets", scope="account", subject=account, amount_usd="5", period="day", time_zone="Asia/Shanghai"
    )
    await manage.patch(f"/budgets/{budget['id']}", amount_usd="6")
    await manage.delete(f"/budgets/{budget['id']}")
    await manage.patch("/markup", factor="1.2")
    await manage.patch("/markup", factor=None)
    order = await manage.post("/orders", account_id=account, amount_usd="10", provider="epay")
    await manage.post("/plans", name="sold", allowance_usd="3", price_usd="2")
    bought = await manage.post("/orders", account_id=account, plan="sold", provider="epay")
    made = await manage.post("/code-batches", name="spring", amount_usd="1", count=2)
    batch, (first, second) = made["id"], made["codes"]
    await manage.post("/codes/redeem", code=first["code"], account_id=account)
    await manage.patch(f"/codes/{second['id']}", disabled=True)
    await manage.patch(f"/code-batches/{batch}", disabled=True)
    SECRETS.extend([first["code"], second["code"]])
    await manage.post("/plans", name="pro", allowance_usd="3")
    await manage.patch("/plans/pro", active=True)
    subscription = (await manage.post("/subscriptions", account_id=account, plan="pro"))["id"]
    await manage.post(f"/subscriptions/{subscription}/cancel", when="now")
    await manage.post("/plans", name="free", allowance_usd="1")
    await manage.delete("/plans/free")
    notice = await manage.put(f"/accounts/{account}/notices", threshold_usd="1", webhook_url=HOOK)
    SECRETS.append(notice["webhook_secret"])
    await manage.delete(f"/accounts/{account}/notices")
    values = {
        "account_id": account,
        "kind": "balance.low",
        "way": "webhook",
        "target": "https://hooks.example",
    }
    async with manage.gateway.database.write() as tx:
        await tx.execute(
            insert(Delivery).values(**values, id="dlv_1", data={}, status="failed", next_ms=1, created_ms=1)
        )
    await manage.post("/deliveries/dlv_1/replay")
    await _add_task(manage, account)
    await manage.post("/tasks/tsk_1/refund", note="silent")
    await manage.post("/tasks/tsk_1/cancel")  # it has ended, so nothing changes
    return [
        ("budget.create", budget["id"]),
        ("budget.change", budget["id"]),
        ("budget.delete", budget["id"]),
        ("markup.change", "list prices"),
        ("markup.change", "list prices"),
        ("order.create", order["id"]),
        ("plan.create", "sold"),
        ("order.create", bought["id"]),
        ("code.create", batch),
        ("code.redeem", first["id"]),
        ("code.change", second["id"]),
        ("code_batch.change", batch),
        ("plan.create", "pro"),
        ("plan.change", "pro"),
        ("subscription.create", subscription),
        ("subscription.cancel", subscription),
        ("plan.create", "free"),
        ("plan.delete", "free"),
        ("notice.set", account),
        ("notice.delete", account),
        ("delivery.replay", "dlv_1"),
        ("task.refund", "tsk_1"),
    ]


async def _add_task(manage: Manage, account: str) -> None:
    """One that was made and charged."""
    words = {"family": "suno", "action": "music", "mode": "test", "model": "suno", "state": "succeeded"}
    whose = {"account_id": account, "key_id": "key_1", "request_id": "req_1", "channel_id": "chn_1"}
    moments = {"created_ms": 1, "finished_ms": 2, "deadline_ms": 3, "due_ms": 3}
    more = {"credential": "c", "request": "sealed", "cost": 5, "attempts": []}
    async with manage.gateway.database.write() as tx:
        await tx.execute(insert(Task).values(id="tsk_1", **words, **whose, **moments, **more))


async def _changing_routes_without(manage: Manage, calls: list[str]) -> list[str]:
    """Routes of the OpenAPI document that none of the calls went to."""
    document = (await manage.http.get("/manage/openapi.json")).json()
    routes = [
        f"{method.upper()} {path.removeprefix('/manage/v1')}"
        for path, item in document["paths"].items()
        for method in item
        if method != "get"
    ]
    patterns = {route: re.sub(r"\{\w+\}", "[^/]+", route) for route in routes}
    return [route for route in routes if not any(re.fullmatch(patterns[route], call) for call in calls)]


async def test_every_change_leaves_one_row_without_a_secret(manage: Manage) -> None:
    before, calls = len(await manage.items("/audit?limit=1000")), len(manage.calls)
    ids = await _changes(manage)
    business = await _business(manage, ids["account"])
    assert await _changing_routes_without(manage, manage.calls[calls:]) == []
    rows = (await manage.items("/audit?limit=1000"))[::-1][before:]
    (token, *_) = await manage.items("/tokens")
    assert {row["actor"] for row in rows} == {f"user:{token['user_id']}"}
    assert [(row["action"], row["subject"]) for row in rows] == [
        ("account.create", ids["account"]),
        ("user.create", ids["user"]),
        ("key.create", ids["key"]),
        ("channel.create", ids["channel"]),
        ("account.change", ids["account"]),
        ("account.adjust", ids["account"]),
        ("member.put", ids["account"]),
        ("member.delete", ids["account"]),
        ("key.change", ids["key"]),
        ("key.revoke", ids["key"]),
        ("channel.change", ids["channel"]),
        ("channel.test", ids["channel"]),
        ("channel.reset", ids["channel"]),
        ("channel.delete", ids["channel"]),
        ("model.put", "m"),
        ("model.change", "m"),
        ("price.set", "m"),
        ("price.delete", "m"),
        ("route.set", "fast"),
        ("route.delete", "fast"),
        ("group.create", "g"),
        ("group.change", "g"),
        ("group.delete", "g"),
        ("user.change", ids["user"]),
        ("token.create", ids["token"]),
        ("token.delete", ids["token"]),
        ("user.delete", ids["user"]),
        *business,
    ]
    assert all(secret not in str(rows) for secret in SECRETS)
    details = {row["action"]: row["detail"] for row in rows}
    assert details["account.adjust"] == {"amount_usd": "1.50", "mode": "live", "note": "gift"}
    assert details["key.change"] == {"rpm": None}
    assert details["channel.change"] == {"credential_count": 2, "proxy": None}
    assert details["channel.create"]["proxy"] == "http://***@proxy.example:3128"
    assert details["user.change"] == {"password": "changed", "role": "admin"}


async def test_what_was_refused_or_changed_nothing_leaves_no_row(manage: Manage) -> None:
    account = await manage.account()
    before = await manage.items("/audit?limit=1000")
    await manage.refused(402, "POST", f"/accounts/{account}/adjust", {"amount_usd": "-1"})
    await manage.refused(400, "POST", "/channels", {"name": "x", "vendor": "openai", "models": []})
    await manage.patch(f"/accounts/{account}")
    assert await manage.items("/audit?limit=1000") == before


async def test_the_audit_filters_by_actor_action_and_subject(manage: Manage) -> None:
    account = await manage.account()
    (made,) = await manage.items(f"/audit?subject={account}")
    assert made in await manage.items("/audit?action=account.create")
    assert made in await manage.items(f"/audit?actor={made['actor']}")
    assert await manage.items(f"/audit?subject={account}&actor=cli") == []
    assert {row["action"] for row in await manage.items("/audit?actor=system")} >= {"token.create"}
