"""Limits of accounts, groups, channels and keys are set, changed and cleared alike; and what a channel costs."""

from typing import Any, NamedTuple

import pytest
from sqlalchemy import select
from tests.manage.installed import Manage

from pronghorn.store import models as table

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = {"rpm": 600, "tpm": 2**31 - 1, "concurrency": 1, "body_bytes": 2**53 - 1}
NONE = dict.fromkeys(LIMITS)
CHANNEL = {"vendor": "openai", "models": ["gpt-4o"]}


class Kind(NamedTuple):
    path: str
    body: dict[str, Any]
    row: Any
    identity: str = "id"


KINDS = [
    Kind("/accounts", {"name": "a"}, table.Account),
    Kind("/groups", {"name": "g"}, table.Group, "name"),
    Kind("/channels", {"name": "c", **CHANNEL}, table.Channel),
    Kind("/keys", {"name": "k", "mode": "live"}, table.Key),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.path)
each_limit = pytest.mark.parametrize("limit", LIMITS)


async def _body(manage: Manage, kind: Kind) -> dict[str, Any]:
    if kind.path == "/keys":
        return kind.body | {"account_id": await manage.account()}
    if kind.path == "/groups":
        return {"name": f"g{len(await manage.items('/groups?limit=1000'))}"}
    return kind.body


async def _made(manage: Manage, kind: Kind, **limits: Any) -> tuple[dict[str, Any], str]:
    made = await manage.post(kind.path, **(await _body(manage, kind) | limits))
    return made, f"{kind.path}/{made[kind.identity]}"


def _limits(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: shown[name] for name in LIMITS}


async def _stored(manage: Manage, kind: Kind, made: dict[str, Any]) -> dict[str, Any]:
    """What the data plane reads."""
    identity = getattr(kind.row, kind.identity)
    async with manage.gateway.database.read() as tx:
        row = (await tx.execute(select(kind.row).where(identity == made[kind.identity]))).one()
    return {name: getattr(row, name) for name in LIMITS}


@each_kind
async def test_limits_are_set_at_the_beginning_and_shown(manage: Manage, kind: Kind) -> None:
    made, path = await _made(manage, kind, **LIMITS)
    shown = await manage.get(path)
    assert _limits(made) == _limits(shown) == LIMITS == await _stored(manage, kind, made)
    (listed,) = [item for item in await manage.items(kind.path) if item[kind.identity] == made[kind.identity]]
    assert _limits(listed) == LIMITS


@each_kind
async def test_without_limits_there_are_none(manage: Manage, kind: Kind) -> None:
    made, path = await _made(manage, kind)
    assert _limits(made) == _limits(await manage.get(path)) == NONE == await _stored(manage, kind, made)


@each_kind
@each_limit
async def test_one_limit_changes_and_clears_alone(manage: Manage, kind: Kind, limit: str) -> None:
    made, path = await _made(manage, kind, **LIMITS)
    before = manage.gateway.loader.snapshot.revision
    assert _limits(await manage.patch(path, **{limit: 7})) == LIMITS | {limit: 7}
    assert manage.gateway.loader.snapshot.revision > before
    assert _limits(await manage.patch(path, **{limit: None})) == LIMITS | {limit: None}
    assert await _stored(manage, kind, made) == LIMITS | {limit: None}
    cleared, changed, created = await manage.items(f"/audit?subject={made[kind.identity]}")
    assert (changed["detail"], cleared["detail"]) == ({limit: 7}, {limit: None})
    assert _limits(created["detail"]) == LIMITS


@each_kind
@each_limit
async def test_a_wrong_limit_is_refused_by_name(manage: Manage, kind: Kind, limit: str) -> None:
    _, path = await _made(manage, kind, **LIMITS)
    body = await _body(manage, kind)
    count = len(await manage.items(f"{kind.path}?limit=1000"))
    for wrong in (0, -1, 1.5, "60", True, LIMITS["body_bytes"] + 1, 10**30):
        for method, where, given in (("POST", kind.path, body), ("PATCH", path, {})):
            error = await manage.refused(400, method, where, given | {limit: wrong})
            assert error["param"] == limit, wrong
    assert _limits(await manage.get(path)) == LIMITS
    assert len(await manage.items(f"{kind.path}?limit=1000")) == count


@pytest.mark.parametrize(
    ("given", "shown", "ppm"),
    [("1", "1", 1_000_000), ("0.85", "0.85", 850_000), ("0", "0", 0), ("1.000001", "1.000001", 1_000_001)],
)
async def test_what_a_channel_costs_is_a_decimal(manage: Manage, given: str, shown: str, ppm: int) -> None:
    made = await manage.post("/channels", name="c", cost=given, **CHANNEL)
    other = await manage.post("/channels", name="c", **CHANNEL)
    assert other["cost"] == "1"
    changed = await manage.patch(f"/channels/{other['id']}", cost=given)
    assert made["cost"] == changed["cost"] == (await manage.get(f"/channels/{made['id']}"))["cost"] == shown
    async with manage.gateway.database.read() as tx:
        ids = (made["id"], other["id"])
        stored = await tx.execute(select(table.Channel.cost_ppm).where(table.Channel.id.in_(ids)))
    assert list(stored.scalars()) == [ppm, ppm]


@pytest.mark.parametrize(
    "cost", ["-1", "NaN", "1e2", "", "0.0000001", "1000.000001", "x", 1, 0.5, None], ids=repr
)
async def test_a_cost_that_is_none_is_refused(manage: Manage, cost: object) -> None:
    made = await manage.post("/channels", name="c", cost="0.5", **CHANNEL)
    for method, path, body in (
        ("POST", "/channels", {"name": "c", **CHANNEL}),
        ("PATCH", f"/channels/{made['id']}", {}),
    ):
        error = await manage.refused(400, method, path, body | {"cost": cost})
        assert error["param"] == "cost"
    assert (await manage.get(f"/channels/{made['id']}"))["cost"] == "0.5"
