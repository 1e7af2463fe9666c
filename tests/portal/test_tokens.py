"""Keys as tokens: who may do what to them, and what a body can and cannot say."""

from typing import Any

import httpx
import pytest
from sqlalchemy import delete, insert
from tests.portal.stand import Site, data, refused

from pronghorn.kit.money import parse_usd
from pronghorn.store import models as tables

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW_S = 4_000_000_000
"""Some time far ahead."""


async def owner(site: Site, name: str) -> tuple[httpx.AsyncClient, int]:
    """Logged in, with the number of the first key."""
    person = site.people.get(name) or await site.add(name, usd=1)
    browser = await site.session(person)
    (token,) = (await data(browser, "/api/token/"))["items"]
    return browser, token["id"]


async def test_what_is_sent_along_changes_nothing_else(site: Site) -> None:
    """Mass assignment: of role, quota, owner, use, limits and the key itself none is taken."""
    browser, number = await owner(site, "ada")
    greedy = {
        "name": "greedy",
        "unlimited_quota": True,
        "user_id": 999,
        "account_id": "acc_1",
        "key": "sk-mine",
        "hash": "00",
        "used_quota": -5,
        "spent": -5,
        "mode": "test",
        "rpm": 10**6,
        "is_strict": True,
        "role": 100,
        "quota": 10**9,
        "factor_ppm": 0,
        "created_time": 1,
        "status": 4,
    }
    made = await data(browser, "/api/token/", "POST", json=greedy)
    assert made["key"] != "sk-mine" and made["used_quota"] == 0 and made["status"] == 1
    (stored,) = [
        row for row in (await site.manage("/keys?account_id=acc_ada"))["items"] if row["name"] == "greedy"
    ]
    assert (stored["mode"], stored["rpm"], stored["strict"]) == ("live", None, False)
    assert (stored["budget_usd"], stored["spent_usd"], stored["group"]) == (None, "0.00", None)
    await data(browser, "/api/token/", "PUT", json={**greedy, "id": number})
    account = await site.manage("/accounts/acc_ada")
    assert (account["balance_usd"], account["group"]) == ("1.00", "default")
    await data(browser, "/api/user/self", "PUT", json={"role": 100, "group": "vip", "quota": 1, "id": 1})
    me = await data(browser, "/api/user/self")
    assert (me["role"], me["group"], me["quota"]) == (1, "default", 500_000)


async def test_a_cheaper_group_is_the_operators_to_give(site: Site) -> None:
    await site.group("cheap", 1)
    browser, number = await owner(site, "bea")
    body = {"name": "k", "unlimited_quota": True, "group": "cheap"}
    assert "operator" in await refused(browser, "POST", "/api/token/", 403, json=body)
    assert "operator" in await refused(browser, "PUT", "/api/token/", 403, json={**body, "id": number})
    await site.set(tables.Key, "key_bea", group_name="cheap")
    changed = await data(browser, "/api/token/", "PUT", json={**body, "id": number, "name": "kept"})
    assert (changed["name"], changed["group"]) == ("kept", "cheap")
    gone = await data(browser, "/api/token/", "PUT", json={**body, "id": number, "group": ""})
    assert gone["group"] == ""
    assert await refused(browser, "PUT", "/api/token/", 403, json={**body, "id": number})


@pytest.mark.parametrize("role", ["member", "admin", "owner"])
async def test_members_read_and_managers_manage(site: Site, role: str) -> None:
    """Each way to change something, for each role of a membership."""
    if "cat" not in site.people:
        await site.add("cat", usd=1)
    person = await site.add(f"cats{role}", account="acc_cat", role=role)
    browser = await site.session(person)
    listed = (await data(browser, "/api/token/"))["items"]
    number = listed[0]["id"]
    body = {"id": number, "name": "n", "unlimited_quota": True, "status": 1}
    made = body
    for method, path, sent in (
        ("POST", "/api/token/", body),
        ("PUT", "/api/token/", body),
        ("PUT", "/api/token/?status_only=true", body),
        ("DELETE", f"/api/token/{number}", None),
        ("POST", "/api/token/batch", {"ids": [listed[1]["id"]]}),
    ):
        if role == "member":
            assert "members" in await refused(browser, method, path, 403, json=sent)
        else:
            made = await data(browser, path, method, json=sent)
    assert (await data(browser, "/api/log/self"))["total"] == 0
    assert (await data(browser, "/api/user/self"))["quota"] == 500_000
    assert made is not None or role != "member"


async def test_a_user_without_an_account_has_nothing(site: Site) -> None:
    lone = await site.add("lone")
    async with site.gateway.database.write() as tx:
        await tx.execute(delete(tables.Membership).where(tables.Membership.user_id == lone.user_id))
    browser = await site.session(lone)
    me = await data(browser, "/api/user/self")
    assert (me["quota"], me["used_quota"], me["group"]) == (0, 0, "default")
    for path in ("/api/token/", "/api/log/self", "/api/log/self/search", "/api/user/topup/self"):
        assert (await data(browser, path))["total"] == 0
    for path in ("/api/data/self", "/api/data/flow/self"):
        assert await data(browser, path) == []
    assert "no account" in await refused(browser, "POST", "/api/token/", 403, json={"name": "x"})
    assert "no account" in await refused(browser, "POST", "/api/user/topup", 403, json={"key": "x"})


async def test_what_is_left_of_a_key_is_exact_and_stays_so(site: Site) -> None:
    """A client that sends back what it read changes no budget, though quota is coarser than money."""
    browser, number = await owner(site, "eli")
    await site.set(tables.Key, "key_eli", budget=10_000_999, spent=3_001)
    token = await data(browser, f"/api/token/{number}")
    assert (token["remain_quota"], token["used_quota"], token["status"]) == (9_997_998 // 2_000, 2, 1)
    await data(browser, "/api/token/", "PUT", json=token)
    assert parse_usd((await site.manage("/keys/key_eli"))["budget_usd"]) == 10_000_999
    await data(browser, "/api/token/", "PUT", json={**token, "remain_quota": 100})
    assert parse_usd((await site.manage("/keys/key_eli"))["budget_usd"]) == 100 * 2_000 + 3_001
    assert (await data(browser, f"/api/token/{number}"))["remain_quota"] == 100


async def test_a_spent_or_expired_key_is_not_switched_on_before_its_cause_is_gone(site: Site) -> None:
    browser, number = await owner(site, "fin")
    switch = {"id": number, "status": 1}
    for cause, status in (({"budget": 5, "spent": 5}, 4), ({"expires_ms": 1}, 3)):
        await site.set(tables.Key, "key_fin", **cause)
        assert (await data(browser, f"/api/token/{number}"))["status"] == status
        assert "first" in await refused(browser, "PUT", "/api/token/?status_only=true", json=switch)
        await site.set(tables.Key, "key_fin", budget=None, spent=0, expires_ms=None)
    off = await data(browser, "/api/token/?status_only=true", "PUT", json={"id": number, "status": 2})
    assert off["status"] == 2
    async with site.http(authorization=f"Bearer {site.people['fin'].key}") as http:
        assert (await http.get("/v1/models")).status_code == 401
    await data(browser, "/api/token/?status_only=true", "PUT", json=switch)


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 51}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"unlimited_quota": False, "remain_quota": 0}, "remain_quota"),
        ({"unlimited_quota": False, "remain_quota": -1}, "remain_quota"),
        ({"unlimited_quota": False, "remain_quota": 10**18}, "remain_quota"),
        ({"unlimited_quota": False, "remain_quota": 1.5}, "remain_quota"),
        ({"expired_time": 1}, "expired_time"),
        ({"expired_time": 0}, "expired_time"),
        ({"expired_time": 10**15}, "expired_time"),
        ({"expired_time": "never"}, "expired_time"),
        ({"model_limits_enabled": True}, "model_limits"),
        ({"model_limits_enabled": True, "model_limits": "a*b"}, "model_limits"),
        ({"allow_ips": "300.1.1.1"}, "allow_ips"),
        ({"allow_ips": "10.0.0.1/8"}, "allow_ips"),
        ({"id": "5"}, "id"),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_made(
    site: Site, changed: dict[str, Any], param: str
) -> None:
    browser, _ = await owner(site, "gil")
    body = {"name": "k", "unlimited_quota": True} | changed
    assert (await refused(browser, "POST", "/api/token/", json=body)).startswith(param)
    assert (await data(browser, "/api/token/"))["total"] == 1


async def test_what_is_said_of_a_key_holds(site: Site) -> None:
    browser, _ = await owner(site, "hob")
    body = {
        "name": "narrow",
        "remain_quota": 250,
        "expired_time": NOW_S,
        "model_limits_enabled": True,
        "model_limits": "scripted, gpt-*,scripted",
        "allow_ips": "203.0.113.7\n198.51.100.0/24",
    }
    made = await data(browser, "/api/token/", "POST", json=body)
    assert (made["model_limits"], made["allow_ips"]) == ("scripted,gpt-*", "203.0.113.7\n198.51.100.0/24")
    assert (made["remain_quota"], made["expired_time"]) == (250, NOW_S)
    (stored,) = [
        row for row in (await site.manage("/keys?account_id=acc_hob"))["items"] if row["name"] == "narrow"
    ]
    assert (stored["budget_usd"], stored["models"]) == ("0.0005", ["scripted", "gpt-*"])
    assert stored["ips"] == ["203.0.113.7", "198.51.100.0/24"]
    async with site.http(authorization=f"Bearer {made['key']}") as http:
        assert (await http.get("/v1/models")).status_code == 403


async def test_a_made_key_is_in_no_later_answer_and_in_no_audit(site: Site) -> None:
    browser, _ = await owner(site, "ike")
    secret = (await data(browser, "/api/token/", "POST", json={"name": "k", "unlimited_quota": True}))["key"]
    for path in ("/api/token/", "/api/token/search?keyword=k", "/api/user/self"):
        assert secret not in (await browser.get(path)).text
    assert secret not in str(await site.manage("/audit?limit=1000"))
    assert secret[11:-4] not in str(await site.manage("/keys?limit=1000"))


async def test_the_audit_has_each_limit_that_is_lifted_and_each_budget_that_goes(site: Site) -> None:
    browser, number = await owner(site, "kay")
    body = {"id": number, "name": "k", "remain_quota": 500_000}
    await data(browser, "/api/token/", "PUT", json=body)
    await data(browser, "/api/token/", "PUT", json={**body, "unlimited_quota": True})
    async with site.gateway.database.write() as tx:
        budget = {"scope": "key", "subject": "key_kay", "mode": "live", "period": "day", "time_zone": "UTC"}
        await tx.execute(insert(tables.Budget).values(id="bud_kay", amount=1, created_ms=0, **budget))
    await data(browser, f"/api/token/{number}", "DELETE")
    revoked, lifted, *_ = (await site.manage("/audit?subject=key_kay"))["items"]
    assert (lifted["action"], lifted["detail"]) == ("key.change", {"budget": None})
    assert (revoked["action"], revoked["detail"]["budgets"]) == ("key.revoke", "bud_kay")


async def test_several_are_deleted_all_or_none(site: Site) -> None:
    browser, number = await owner(site, "joy")
    assert "no such token" in await refused(
        browser, "POST", "/api/token/batch", json={"ids": [number, 10**9]}
    )
    assert (await data(browser, "/api/token/"))["total"] == 1
    for bad in ([], list(range(1, 102))):
        assert "ids" in await refused(browser, "POST", "/api/token/batch", json={"ids": bad})
    assert await data(browser, "/api/token/batch", "POST", json={"ids": [number, number]}) == 1
    assert (await data(browser, "/api/token/"))["total"] == 0
