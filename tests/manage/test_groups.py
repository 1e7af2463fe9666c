"""Groups: a factor on prices, and a name that others refer to."""

import asyncio

import pytest
from tests.manage.installed import Manage

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_group_is_made_changed_and_removed(manage: Manage) -> None:
    made = await manage.post("/groups", name=" vip ", factor="0.850000", description="15 % off")
    assert made == {
        "name": "vip",
        "factor": "0.85",
        "account_factors": {},
        "description": "15 % off",
        "created_at": "2026-05-28T20:26:40.000Z",
        **dict.fromkeys(("rpm", "tpm", "concurrency", "body_bytes")),
    }
    assert await manage.get("/groups/vip") == made
    assert made in await manage.items("/groups")
    before = manage.gateway.loader.snapshot.revision
    assert (await manage.patch("/groups/vip", factor="1.000001"))["factor"] == "1.000001"
    assert manage.gateway.loader.snapshot.revision > before
    assert (await manage.patch("/groups/vip", description=""))["description"] == ""
    await manage.delete("/groups/vip")
    for method in ("GET", "PATCH", "DELETE"):
        body = {"factor": "1"} if method == "PATCH" else None
        assert "GET /manage/v1/groups" in (await manage.refused(404, method, "/groups/vip", body))["message"]


async def test_two_groups_cannot_share_a_name(manage: Manage) -> None:
    error = await manage.refused(409, "POST", "/groups", {"name": "default"})
    assert error["param"] == "name"


@pytest.mark.parametrize(
    "factor", ["-1", "NaN", "1e2", "", "0.0000001", "1000.000001", "x", 1, 0.5, None], ids=repr
)
async def test_a_factor_is_a_decimal_with_a_bound(manage: Manage, factor: object) -> None:
    for method, path, body in (
        ("POST", "/groups", {"name": "odd", "factor": factor}),
        ("PATCH", "/groups/default", {"factor": factor}),
    ):
        error = await manage.refused(400, method, path, body)
        assert error["param"] == "factor"
        assert error["message"].startswith("factor")
        assert error["message"].count("factor") == 1, "named once"


@pytest.mark.parametrize("name", ["", " ", "a/b", "a,b", "a*", "a\tb", "x" * 201], ids=repr)
async def test_a_name_has_nothing_that_lists_and_patterns_need(manage: Manage, name: str) -> None:
    error = await manage.refused(400, "POST", "/groups", {"name": name})
    assert error["param"] == "name"


async def test_a_group_in_use_says_by_what(manage: Manage) -> None:
    await manage.post("/groups", name="used")
    account = (await manage.post("/accounts", name="x", group="used"))["id"]
    key = (await manage.post("/keys", account_id=account, name="x", mode="live", group="used"))["id"]
    channel = await manage.post("/channels", name="x", vendor="openai", models=["m"], groups=["used"])
    message = (await manage.refused(409, "DELETE", "/groups/used"))["message"]
    assert "1 accounts, 1 keys, 1 channels" in message
    await manage.patch(f"/accounts/{account}", group="default")
    await manage.patch(f"/keys/{key}", group=None)
    await manage.patch(f"/channels/{channel['id']}", groups=["default"])
    await manage.delete("/groups/used")


async def test_the_default_group_stays(manage: Manage) -> None:
    await manage.refused(409, "DELETE", "/groups/default")


async def test_of_many_that_make_one_group_at_once_one_does(manage: Manage) -> None:
    answers = await asyncio.gather(*(manage.call("POST", "/groups", {"name": "race"}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


def factor_of(manage: Manage, key: str) -> int:
    grants = manage.gateway.loader.snapshot.grants.values()
    return next(grant.factor_ppm for grant in grants if grant.key_id == key)


async def test_accounts_of_one_group_pay_another_factor_in_another_group(manage: Manage) -> None:
    await manage.post("/groups", name="gold", factor="0.5")
    pool = await manage.post("/groups", name="pool", factor="1.5", account_factors={"gold": "0.700"})
    assert pool["account_factors"] == {"gold": "0.7"}
    keys = {}
    for group in ("default", "gold", "pool"):
        account = (await manage.post("/accounts", name=group, group=group))["id"]
        for used in ("pool", None):
            made = await manage.post("/keys", account_id=account, name="k", mode="live", group=used)
            keys[group, used] = made["id"]
    assert {pair: factor_of(manage, key) for pair, key in keys.items()} == {
        ("default", "pool"): 1_500_000,
        ("default", None): 1_000_000,
        ("gold", "pool"): 700_000,
        ("gold", None): 500_000,
        ("pool", "pool"): 1_500_000,
        ("pool", None): 1_500_000,
    }
    await manage.patch("/groups/pool", account_factors={"gold": "0.8", "pool": "1.2"})
    found = {pair: factor_of(manage, key) for pair, key in keys.items()}
    assert (found["gold", "pool"], found["pool", None], found["default", "pool"]) == (
        800_000,
        1_200_000,
        1_500_000,
    )
    await manage.patch("/groups/pool", factor="2")
    assert (await manage.get("/groups/pool"))["account_factors"] == {"gold": "0.8", "pool": "1.2"}
    message = (await manage.refused(409, "DELETE", "/groups/gold"))["message"]
    assert "1 account factors" in message
    await manage.patch("/groups/pool", account_factors={})
    assert factor_of(manage, keys["gold", "pool"]) == 2_000_000


@pytest.mark.parametrize(
    ("factors", "param"),
    [
        ({"nobody": "1"}, "account_factors"),
        ({"default": "-1"}, "account_factors.default"),
        ({"default": "1000.1"}, "account_factors.default"),
        ({"default": 1}, "account_factors"),
        (None, "account_factors"),
    ],
    ids=repr,
)
async def test_an_account_factor_that_makes_no_sense_changes_nothing(
    manage: Manage, factors: object, param: str
) -> None:
    await manage.call("POST", "/groups", {"name": "kept"})
    error = await manage.refused(400, "PATCH", "/groups/kept", {"factor": "3", "account_factors": factors})
    assert str(error["param"]).startswith(param)
    assert (await manage.get("/groups/kept"))["factor"] == "1"
    await manage.refused(400, "POST", "/groups", {"name": "other", "account_factors": factors})
    await manage.refused(404, "GET", "/groups/other")
