"""Nobody reaches what belongs to somebody else: every route, with the ids of another customer."""

import re
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select
from tests.portal.stand import Person, Site, data

from pronghorn.store import models as tables

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN = {
    "/api/status",
    "/api/setup",
    "/api/notice",
    "/api/about",
    "/api/home_page_content",
    "/api/user-agreement",
    "/api/privacy-policy",
    "/api/uptime/status",
    "/api/pricing",
    "/api/ratio_config",
    "/api/user/groups",
    "/api/user/login/encryption-key",
    "/api/user/login",
    "/api/user/register",
    "/api/user/logout",
    "/api/user/auth/logout",
}
"""Answered without a login, by what they are for."""
# Leases come and go by themselves, so money is watched by its entries.
WATCHED = (
    tables.Account,
    tables.User,
    tables.Key,
    tables.Session,
    tables.AccessToken,
    tables.Membership,
    tables.Entry,
    tables.Request,
    tables.Invite,
)
_PARAMETER = re.compile(r"\{(\w+):?\w*\}")


class Two:
    """Ada asks; Bob is the other one."""

    def __init__(self, site: Site, ada: Person, bob: Person, asking: httpx.AsyncClient) -> None:
        self.site = site
        self.ada = ada
        self.bob = bob
        self.asking = asking
        self.ids: dict[str, Any] = {}

    async def rows_of_bob(self) -> str:
        """Everything that is his, as text."""
        found = []
        async with self.site.gateway.database.read() as tx:
            for table in WATCHED:
                rows = (await tx.execute(select(*table.__table__.columns))).all()
                found += [str(row) for row in rows if "bob" in str(row)]
        return "\n".join(sorted(found))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(site: Site) -> Two:
    ada, bob = await site.add("ada", usd=1), await site.add("bob", usd=7)
    request_id = await site.chat(bob)
    await site.post()
    theirs = await site.session(bob)
    await data(theirs, "/api/user/token")
    code = await data(theirs, "/api/user/aff")
    two = Two(site, ada, bob, await site.session(ada))
    two.ids = {
        "number": (await data(theirs, "/api/token/"))["items"][0]["id"],
        "user": (await data(theirs, "/api/user/self"))["id"],
        "sid": (await data(theirs, "/api/user/sessions"))[0]["sid"],
        "request_id": request_id,
        "code": code,
    }
    return two


def routes(site: Site) -> list[tuple[str, str]]:
    """Every method and path that the portal has under /api."""
    built: Any = site.gateway.asgi._portal._built
    methods = built.result().route_handler_method_map
    return sorted(
        (method, path)
        for path, handlers in methods.items()
        for method in handlers
        if path.startswith("/api/") and method != "OPTIONS"
    )


def filled(path: str, ids: dict[str, Any]) -> str:
    return _PARAMETER.sub(lambda match: str(ids[match[1]]), path)


async def test_there_are_routes_to_try(two: Two) -> None:
    found = routes(two.site)
    assert len(found) > 45
    assert {"/api/user/self", "/api/token/{number:int}", "/api/log/self"} <= {path for _, path in found}


async def test_without_a_login_nothing_but_what_is_open_is_answered(two: Two) -> None:
    async with two.site.http() as http:
        for method, path in routes(two.site):
            answer = await http.request(method, filled(path, two.ids), json={"ids": [1]})
            if path in OPEN:
                assert answer.status_code != 401, path
            else:
                assert answer.status_code == 401, (method, path, answer.text)
            assert "bob" not in answer.text


async def test_no_route_shows_or_changes_what_is_somebody_elses(two: Two) -> None:
    before = await two.rows_of_bob()
    assert "bobs key" in before and "Session" not in before
    secrets = ("bob", two.ids["sid"], two.ids["code"], two.ids["request_id"], two.bob.key[:15])
    body = {
        "id": two.ids["number"],
        "ids": [two.ids["number"]],
        "status": 2,
        "name": "stolen",
        "unlimited_quota": True,
        "user_id": two.ids["user"],
        "account_id": two.bob.account,
        "display_name": "ada",
        "amount": 1,
    }
    queries = [
        {},
        {"token_name": "bobs key"},
        {"request_id": two.ids["request_id"]},
        {"keyword": "o", "token": "sk"},
        {"keyword": two.ids["request_id"]},
        {"user_id": two.ids["user"], "account_id": two.bob.account, "username": "bob", "key_id": "key_bob"},
        {"start_timestamp": 0, "end_timestamp": 99_999_999_999, "p": 1, "page_size": 100},
        {"status_only": "true"},
    ]
    tried = 0
    for method, path in routes(two.site):
        if path.endswith(("logout", "/user/login", "/user/register")):
            continue
        for query in queries if method != "POST" else queries[:2]:
            answer = await two.asking.request(
                method, filled(path, two.ids), params=query, json=None if method == "GET" else body
            )
            assert answer.status_code < 500, (method, path, answer.text)
            assert not [each for each in secrets if each in answer.text], (method, path, query, answer.text)
            tried += 1
    assert tried > 200
    assert await two.rows_of_bob() == before


async def test_an_account_is_named_only_by_who_belongs_to_it(two: Two) -> None:
    for method, path in (("GET", "/api/user/self"), ("GET", "/api/log/self"), ("POST", "/api/token/")):
        headers = {"x-pronghorn-account": two.bob.account}
        answer = await two.asking.request(method, path, headers=headers, json={"name": "x"})
        assert answer.status_code == 403 and "bob" not in answer.text


async def test_somebody_elses_key_shows_somebody_elses_log_to_nobody(two: Two) -> None:
    async with two.site.http(authorization=two.ada.key) as http:
        assert (await http.get("/api/log/token")).json()["data"] == []
