"""What the dashboard API asks of a database, on SQLite and on PostgreSQL."""

import asyncio
from typing import Any, cast

import pytest
from litestar import Request
from sqlalchemy import delete, func, insert, select, update
from tests.store.conftest import database, databases, postgresql, sqlite

from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import rollup
from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import repository
from pronghorn.portal import log_query, session, usage_data
from pronghorn.portal.answer import Part, Query
from pronghorn.portal.caller import AccountOf, Caller, account_of
from pronghorn.portal.context import PortalContext
from pronghorn.portal.desk import Desk
from pronghorn.portal.log_query import Asked
from pronghorn.portal.me import _request_count
from pronghorn.portal.numbers import Numbers, subject_of
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store import models as tables

__all__ = ["database", "databases", "postgresql", "sqlite"]

SECRETS = Secrets(["a secret of the tests"])
NOW_MS = 1_780_000_000_000
ALL = Asked(0, 0, None, "", "", "", "")
ODD = "50%_off\\"


@pytest.fixture
async def filled(database: Database) -> Database:
    async with database.write() as tx:
        for name in ("ada", "eve"):
            await tx.execute(
                insert(tables.User).values(
                    id=f"usr_{name}", email=f"{name}@x", name=name, password_hash="first", created_ms=0
                )
            )
            await tx.execute(insert(tables.Account).values(id=f"acc_{name}", name=name, created_ms=0))
            await repository.open_wallet(tx, f"acc_{name}", "live")
            await repository.adjust(tx, f"acc_{name}", "live", 10**9, note="", now_ms=NOW_MS)
            await tx.execute(
                insert(tables.Membership).values(
                    user_id=f"usr_{name}", account_id=f"acc_{name}", role="owner", created_ms=0
                )
            )
            await tx.execute(insert(tables.Key).values(key(f"key_{name}", f"acc_{name}", ODD)))
            rows = [request(f"req_{name}{at}", f"acc_{name}", f"key_{name}", at) for at in range(5)]
            await tx.execute(insert(tables.Request), rows)
    return database


def key(key_id: str, account: str, name: str) -> dict[str, Any]:
    return {
        "id": key_id,
        "account_id": account,
        "name": name,
        "mode": "live",
        "hint": "",
        "hash": key_id.encode(),
        "spent": 0,
        "is_strict": False,
        "is_disabled": False,
        "created_ms": 0,
    }


def request(request_id: str, account: str, key_id: str, at: int) -> dict[str, Any]:
    """The last one failed; each is an hour after the one before."""
    return {
        "id": request_id,
        "created_ms": NOW_MS + at * 3_600_000,
        "mode": "live",
        "account_id": account,
        "key_id": key_id,
        "group_name": "default",
        "endpoint": "chat",
        "model": "a_b" if at else "axb",
        "is_stream": False,
        "status": 200,
        "end_reason": "upstream_error" if at == 4 else "ok",
        "error": "",
        "usage": {"input": 3 * 10**9, "output": 7},
        "hold": 0,
        "cost": 1_999,
        "shortfall": 0,
        "duration_ms": 1,
        "client_ip": "",
        "attempts": [],
        "explain": [],
        "posted_ms": 0,
    }


def context_of(database: Database) -> PortalContext:
    unused = cast(Any, None)
    return PortalContext(database, FakeClock(), unused, unused, SECRETS, Settings(), unused)


async def test_numbers_are_given_once_also_to_many_at_the_same_moment(filled: Database) -> None:
    context = context_of(filled)
    several = await asyncio.gather(*(Numbers().of(context, ["usr_ada", "key_ada"]) for _ in range(8)))
    assert all(found == several[0] for found in several)
    assert len(set(several[0].values())) == 2
    async with filled.read() as tx:
        assert await subject_of(tx, several[0]["key_ada"]) == "key_ada"
        assert [await subject_of(tx, number) for number in (0, -1, 999, 2**60)] == [None] * 4
        assert await tx.scalar(select(func.count()).select_from(tables.Number)) == 2


async def test_a_number_is_never_used_again(filled: Database) -> None:
    context = context_of(filled)
    first = (await Numbers().of(context, ["key_ada"]))["key_ada"]
    async with filled.write() as tx:
        await tx.execute(delete(tables.Number))
    assert (await Numbers().of(context, ["key_eve"]))["key_eve"] > first


async def test_sessions_end_with_the_password_by_time_and_by_name(filled: Database) -> None:
    async with filled.write() as tx:
        user = (await tx.execute(select(tables.User).where(tables.User.id == "usr_ada"))).one()
        made = await session.begin(tx, SECRETS, user, NOW_MS, "203.0.113.7", "a\nb" * 200)
        token = await session.new_token(tx, SECRETS, user, NOW_MS)
        again = await session.new_token(tx, SECRETS, user, NOW_MS)
    access = session.access(SECRETS, made.id, made.expires_ms, NOW_MS / 1000)
    async with filled.read() as tx:
        assert (await session.by_secret(tx, SECRETS, made.secret, NOW_MS)).id == "usr_ada"
        assert (await session.by_access(tx, SECRETS, access.token, NOW_MS)).session_id == made.id
        assert (await session.by_token(tx, SECRETS, again)).id == "usr_ada"
        assert await session.by_token(tx, SECRETS, token) is None
        assert await session.by_secret(tx, SECRETS, made.secret, made.expires_ms) is None
        assert await session.by_access(tx, SECRETS, access.token, access.expires_s * 1000) is None
        head, _, signature = access.token.rpartition(".")
        for forged in (f"{head}0.{signature}", f"{head}.{'0' * 64}", head, "", "..", f"{made.id}.x.y"):
            assert await session.by_access(tx, SECRETS, forged, NOW_MS) is None
    async with filled.write() as tx:
        await tx.execute(
            update(tables.User).where(tables.User.id == "usr_ada").values(password_hash="second")
        )
    async with filled.read() as tx:
        assert await session.by_secret(tx, SECRETS, made.secret, NOW_MS) is None
        assert await session.by_access(tx, SECRETS, access.token, NOW_MS) is None
        assert await session.by_token(tx, SECRETS, again) is None


async def test_a_user_has_so_many_sessions_and_the_oldest_ends(filled: Database) -> None:
    async with filled.write() as tx:
        user = (await tx.execute(select(tables.User).where(tables.User.id == "usr_ada"))).one()
        made = [
            await session.begin(tx, SECRETS, user, NOW_MS + at, "", "")
            for at in range(session.MAX_SESSIONS + 2)
        ]
        kept = {row.id for row in await session.mine(tx, "usr_ada", NOW_MS)}
        assert kept == {each.id for each in made[2:]}
        assert not await session.end(tx, made[-1].id, "usr_eve")
        assert await session.end(tx, made[-1].id, "usr_ada")
        assert await session.end_others(tx, "usr_ada", made[-2].id) == session.MAX_SESSIONS - 2


async def test_secrets_are_not_in_the_database(filled: Database) -> None:
    async with filled.write() as tx:
        user = (await tx.execute(select(tables.User).where(tables.User.id == "usr_ada"))).one()
        made = await session.begin(tx, SECRETS, user, NOW_MS, "", "")
        token = await session.new_token(tx, SECRETS, user, NOW_MS)
        stored = str((await tx.execute(select(tables.Session))).all()) + str(
            (await tx.execute(select(tables.AccessToken))).all()
        )
    assert made.secret not in stored and token not in stored and made.secret not in repr(made)


async def test_the_log_is_paged_filtered_and_counted(filled: Database) -> None:
    async with filled.read() as tx:

        async def ids(asked: Asked, page: int = 1, size: int = 100) -> list[str]:
            found, _ = await log_query.rows(tx, "acc_ada", asked, Part(page, size))
            return [row.id for row in found]

        assert await ids(ALL) == [f"req_ada{at}" for at in (4, 3, 2, 1, 0)]
        assert await ids(ALL, 2, 2) == ["req_ada2", "req_ada1"]
        assert (await log_query.rows(tx, "acc_ada", ALL, Part(1, 1)))[1] == 5
        assert await ids(ALL._replace(kind=5)) == ["req_ada4"]
        assert len(await ids(ALL._replace(kind=2))) == 4
        assert await ids(ALL._replace(model="axb")) == ["req_ada0"]
        assert await ids(ALL._replace(model="a%")) == []
        assert len(await ids(ALL._replace(token_name=ODD))) == 5
        assert await ids(ALL._replace(token_name="%")) == []
        assert await ids(ALL._replace(request_id="req_eve1")) == []
        assert await ids(ALL._replace(since_ms=NOW_MS + 1, until_ms=NOW_MS + 3_600_001)) == ["req_ada1"]
        assert await ids(ALL._replace(group="vip")) == []


async def test_a_search_takes_wildcards_as_they_stand(filled: Database) -> None:
    async with filled.read() as tx:

        async def found(keyword: str) -> set[str]:
            rows, total = await log_query.search(tx, "acc_ada", keyword, ALL, Part(1, 100))
            assert total == len(rows)
            return {row.id for row in rows}

        everything = {f"req_ada{at}" for at in range(5)}
        assert await found("a_b") == everything - {"req_ada0"}
        assert await found("A_B") == everything - {"req_ada0"}
        assert await found("x%") == await found("a__") == set()
        assert await found("50%_OFF\\") == await found("%_off") == everything
        assert await found("req_ada3") == {"req_ada3"}
        assert await found("req_eve3") == set()


async def test_sums_are_exact_and_of_one_account(filled: Database) -> None:
    async with filled.read() as tx:
        assert await log_query.stat(tx, "acc_ada", ALL, NOW_MS + 4 * 3_600_000 + 1) == (
            5 * 1_999,
            1,
            3 * 10**9 + 7,
        )
        assert await log_query.stat(tx, "acc_none", ALL, NOW_MS) == (0, 0, 0)


@pytest.mark.parametrize("is_counted", [False, True], ids=["fresh", "counted"])
async def test_hours_are_alike_before_and_after_they_are_counted(filled: Database, is_counted: bool) -> None:
    if is_counted:
        assert await rollup.run(filled) == 10
    async with filled.read() as tx:
        assert await _request_count(tx, "acc_ada", NOW_MS) == 5
    desk = Desk(context_of(filled))
    caller = Caller("usr_ada", 1, "", "ada", "", None, AccountOf("acc_ada", "", "default", "owner", False))
    span = f"start_timestamp={NOW_MS // 1000}&end_timestamp={NOW_MS // 1000 + 4 * 3600}"
    filters = Query(Request(cast(Any, {"type": "http", "query_string": span.encode(), "headers": []})))
    hours = (await usage_data.by_hour.fn(desk, caller, filters)).data
    assert [(row["model_name"], row["count"], row["quota"]) for row in hours] == [("axb", 1, 1)] + [
        ("a_b", 1, 1)
    ] * 4
    assert hours[0]["created_at"] == NOW_MS // 3_600_000 * 3600
    flow = (await usage_data.by_key.fn(desk, caller, filters)).data
    assert {(row["token_name"], row["model_name"]): row["quota"] for row in flow} == {
        (ODD, "axb"): 1,
        (ODD, "a_b"): 4,
    }
    assert sum(row["token_used"] for row in flow) == 5 * (3 * 10**9 + 7)


async def test_money_that_came_and_went_has_its_kinds(filled: Database) -> None:
    async with filled.write() as tx:
        gift = {"kind": "welcome", "source": "promotion", "reference": "welcome:1", "now_ms": NOW_MS}
        await repository.pay_in(tx, "acc_ada", 5_000, **gift)  # type: ignore[arg-type]
        await repository.adjust(tx, "acc_ada", "live", -7_000, note="", now_ms=NOW_MS)

        async def amounts(kind: int) -> list[int]:
            rows, total = await log_query.entries(tx, "acc_ada", ALL._replace(kind=kind), Part(1, 20))
            assert total == len(rows)
            return [row.amount for row in rows]

        assert [await amounts(kind) for kind in (1, 4, 3)] == [[10**9], [5_000], [7_000]]


async def test_a_user_of_several_accounts_is_asked_where_he_may_do_most(filled: Database) -> None:
    async with filled.write() as tx:
        await tx.execute(
            insert(tables.Membership).values(
                user_id="usr_ada", account_id="acc_eve", role="member", created_ms=-1
            )
        )
        usual, named = await account_of(tx, "usr_ada"), await account_of(tx, "usr_ada", "acc_eve")
        assert usual is not None and (usual.id, usual.role) == ("acc_ada", "owner")
        assert named is not None and (named.id, named.role) == ("acc_eve", "member")
        assert await account_of(tx, "usr_none") is None
