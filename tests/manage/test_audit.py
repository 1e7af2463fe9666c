"""The audit: each change leaves a row that says who, when and what, and never a secret."""

import re

import pytest
from tests.manage.installed import Manage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRETS = ["sk-canary-1a2b3c4d5e", "hunter-canary-6f7a", "a long pass word"]


async def _changes(manage: Manage) -> dict[str, str]:
    """One of every change; gives the ids of what it was made on."""
    credential, proxy_password, password = SECRETS
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
