"""Logging in: cookies, other sites, wrong passwords, and how everything ends with the password."""

import asyncio
import statistics
import time
from pathlib import Path

import httpx
import pytest
from tests.gateway import running
from tests.portal.stand import HASH, PASSWORD, Site, data, refused

from pronghorn.accounts.passwords import hash_password
from pronghorn.portal.caller import USER_HEADERS
from pronghorn.portal.throttle import Throttle
from pronghorn.store import models as tables

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def try_login(http: httpx.AsyncClient, username: str, password: str) -> httpx.Response:
    return await http.post("/api/user/login", json={"username": username, "password": password})


def tried(logins: Throttle, times: int, name: str) -> None:
    """As if so many wrong passwords had come: each takes a good part of a second."""
    for _ in range(times):
        logins.take(time.monotonic(), name)


async def test_cookies_are_out_of_the_reach_of_scripts_and_other_sites(site: Site) -> None:
    ada = await site.add("ada")
    async with site.http() as http:
        answer = await try_login(http, ada.email.upper(), PASSWORD)
    cookies = answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"session", "new_api_refresh"}
    for cookie in cookies:
        words = {word.strip().lower() for word in cookie.split(";")}
        assert {"httponly", "samesite=lax", "max-age=2592000"} <= words
        assert "secure" not in words
    assert {word.strip() for cookie in cookies for word in cookie.split(";") if "Path" in word} == {
        "Path=/api",
        "Path=/api/user/auth",
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_a_cookie_is_for_tls_alone_where_the_site_has_it(tmp_path: Path) -> None:
    async with running(tmp_path, public_url="https://ai.example.org") as run:
        site = Site(run)
        await site.add("ada")
        run.check_money = site.check_money  # type: ignore[method-assign]
        async with site.http() as http:
            answer = await try_login(http, "ada", PASSWORD)
            assert all("secure" in cookie.lower() for cookie in answer.headers.get_list("set-cookie"))
            headers = {"origin": "https://ai.example.org", "cookie": f"session={answer.cookies['session']}"}
            assert (await data(http, "/api/user/self", headers=headers))["username"] == "ada"


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
async def test_a_page_of_another_site_cannot_use_the_cookie(site: Site, headers: dict[str, str]) -> None:
    browser = await site.session(site.people["ada"])
    for method, path in (("GET", "/api/user/token"), ("PUT", "/api/user/self"), ("GET", "/api/user/logout")):
        assert "another site" in await refused(browser, method, path, 403, headers=headers)
    assert (await data(browser, "/api/user/self"))["username"] == "ada"
    await data(browser, "/api/user/self", headers={"sec-fetch-site": "same-origin", "origin": site.url})


async def test_wrong_names_and_wrong_passwords_have_one_answer(site: Site) -> None:
    await site.add("gone")
    await site.add("mute")
    await site.set(tables.User, "usr_gone", is_disabled=True)
    await site.set(tables.User, "usr_mute", password_hash="")
    async with site.http() as http:
        tries = (("ada", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("mute", ""), ("", ""))
        answers = [(await try_login(http, *each)).json() for each in tries]
    assert {(answer["success"], answer["message"]) for answer in answers} == {
        (False, "wrong user name or password, or this user is disabled")
    }


async def test_they_take_the_same_time(site: Site) -> None:
    """An argon2 check takes tens of milliseconds: skipping it for unknown names would be seen at once."""

    async def took_s(username: str) -> float:
        site.gateway_desk.logins.clear("from 127.0.0.1")
        begin = time.perf_counter()
        await try_login(http, username, "wrong")
        return time.perf_counter() - begin

    async with site.http() as http:
        await took_s("nobody")
        known = statistics.median([await took_s("ada") for _ in range(3)])
        unknown = statistics.median([await took_s(f"nobody{at}") for at in range(3)])
    assert 0.3 < unknown / known < 3


async def test_wrong_passwords_are_counted_by_user(site: Site) -> None:
    eve = await site.add("eve")
    logins = site.gateway_desk.logins
    logins.clear("from 127.0.0.1")
    tried(logins, 18, f"for {eve.name}")
    async with site.http() as http:
        for _ in range(2):
            assert (await try_login(http, "EVE", "wrong")).status_code == 200
        answer = await try_login(http, "eve", PASSWORD)
        assert answer.status_code == 429 and 0 < int(answer.headers["retry-after"]) <= 1200
        assert answer.json()["success"] is False
        assert (await try_login(http, "ada", PASSWORD)).json()["success"]
        logins.clear(f"for {eve.name}")
        assert (await try_login(http, "eve", PASSWORD)).json()["success"]


async def test_wrong_passwords_are_counted_by_address_also_when_they_come_at_once(site: Site) -> None:
    logins = site.gateway_desk.logins
    logins.clear("from 127.0.0.1")
    tried(logins, 17, "from 127.0.0.1")
    async with site.http() as http:
        tries = [try_login(http, f"guess{at}", "wrong") for at in range(8)]
        statuses = [answer.status_code for answer in await asyncio.gather(*tries)]
        assert (statuses.count(200), statuses.count(429)) == (3, 5)
        assert (await try_login(http, "ada", PASSWORD)).status_code == 429
    site.gateway_desk.logins.clear("from 127.0.0.1")


@pytest.mark.parametrize("name", USER_HEADERS)
async def test_another_users_number_is_refused_by_every_name_of_the_header(site: Site, name: str) -> None:
    browser = await site.session(site.people["ada"])
    number = (await data(browser, "/api/user/self"))["id"]
    assert (await data(browser, "/api/user/self", headers={name: str(number)}))["id"] == number
    for wrong in (str(number + 1), "x", "-1", f"{number}.0"):
        await refused(browser, "GET", "/api/user/self", 401, headers={name: wrong})


async def test_a_token_is_taken_with_and_without_its_scheme(site: Site) -> None:
    browser = await site.session(site.people["ada"])
    token = await data(browser, "/api/user/token")
    async with site.http() as http:
        for value in (token, f"Bearer {token}", f"bearer  {token}"):
            assert (await data(http, "/api/user/self", headers={"authorization": value}))["username"] == "ada"
        for value in ("Bearer", token[:-1], token + "x", "Basic YWRhOng=", site.people["ada"].key):
            await refused(http, "GET", "/api/user/self", 401, headers={"authorization": value})
    # Whoever sends a wrong token is not let in by a cookie beside it.
    await refused(browser, "GET", "/api/user/self", 401, headers={"authorization": "wrong"})


async def test_a_disabled_user_is_out_at_once(site: Site) -> None:
    await site.add("dan")
    browser = await site.session(site.people["dan"])
    await site.set(tables.User, "usr_dan", is_disabled=True)
    assert "disabled" in await refused(browser, "GET", "/api/user/self", 403)


async def test_a_new_password_needs_the_old_one_and_ends_everything_else(site: Site) -> None:
    await site.add("fay")
    one, other = await site.session(site.people["fay"]), await site.session(site.people["fay"])
    token = await data(other, "/api/user/token")
    change = {"password": "another password", "original_password": "wrong"}
    assert "original_password" in await refused(one, "PUT", "/api/user/self", json=change)
    assert "8 to 200" in await refused(one, "PUT", "/api/user/self", json={"password": "short"})
    await data(one, "/api/user/self", "PUT", json={**change, "original_password": PASSWORD})
    assert (await data(one, "/api/user/self"))["username"] == "fay"
    await refused(other, "GET", "/api/user/self", 401)
    async with site.http(authorization=token) as http:
        await refused(http, "GET", "/api/user/self", 401)
        assert (await try_login(http, "fay", "another password")).json()["success"]


async def test_what_the_operator_sets_ends_them_too(site: Site) -> None:
    gus = await site.add("gus")
    browser = await site.session(gus)
    refresh = browser.cookies["new_api_refresh"]
    await site.set(tables.User, gus.user_id, password_hash=hash_password("set by the operator"))
    await refused(browser, "GET", "/api/user/self", 401)
    async with site.http(cookie=f"new_api_refresh={refresh}") as http:
        await refused(http, "POST", "/api/user/auth/refresh", 401)
    await site.set(tables.User, gus.user_id, password_hash=HASH)


async def test_logging_out_ends_the_session_and_takes_the_cookies_away(site: Site) -> None:
    browser = await site.session(site.people["ada"])
    kept = browser.cookies["session"]
    answer = await browser.get("/api/user/logout")
    assert {cookie.partition("=")[0] for cookie in answer.headers.get_list("set-cookie")} == {
        "session",
        "new_api_refresh",
    }
    assert "session" not in browser.cookies
    async with site.http(cookie=f"session={kept}") as http:
        await refused(http, "GET", "/api/user/self", 401)
        assert (await http.post("/api/user/auth/logout")).json()["success"]


async def test_a_new_password_is_never_in_the_audit(site: Site) -> None:
    rows = (await site.manage("/audit?limit=1000"))["items"]
    assert {row["action"] for row in rows} >= {"user.change", "access_token.create"}
    assert "another password" not in str(rows) and "argon2" not in str(rows)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "expected `object`"),
        (b'{"username": 5}', "username"),
        (b'{"username": "\\u0000"}', "U+0000"),
        (b"\xff", "JSON"),
    ],
)
async def test_a_broken_body_is_refused_in_words(site: Site, body: bytes, says: str) -> None:
    site.gateway_desk.logins.clear("from 127.0.0.1")
    async with site.http() as http:
        assert says in await refused(http, "POST", "/api/user/login", content=body)


async def test_what_is_no_route_keeps_its_status(site: Site) -> None:
    async with site.http() as http:
        assert "no such route" in await refused(http, "GET", "/api/nothing", 404)
        await refused(http, "DELETE", "/api/status", 405)
        await refused(http, "POST", "/api/user/login", 413, content=b" " * (1024 * 1024 + 1))


async def test_people_register_and_are_at_home(site: Site) -> None:
    inviter = await site.session(site.people["ada"])
    code = await data(inviter, "/api/user/aff")
    new = {"username": "hal", "password": "open the doors", "email": "Hal@example.org", "aff_code": code}
    greedy = {**new, "role": 100, "quota": 10**9, "group": "vip", "remain_quota": 1}
    async with site.http() as http:
        await data(http, "/api/user/register", "POST", json=greedy)
        for again in (new, {**new, "email": "other@example.org"}, {**new, "username": "other"}):
            assert await refused(http, "POST", "/api/user/register", json=again)
        assert (await try_login(http, "hal@example.org", "open the doors")).json()["success"]
        me = await data(http, "/api/user/self")
        assert (me["role"], me["quota"], me["group"], me["email"]) == (1, 0, "default", "hal@example.org")
        made = await data(http, "/api/token/", "POST", json={"name": "first", "unlimited_quota": True})
        assert made["key"].startswith("sk-live")
    assert (await data(inviter, "/api/user/self"))["aff_count"] == 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"password": "seven77"}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": "two@at@signs"}, "email"),
        ({"username": " "}, "username"),
        ({"username": "a\nb"}, "username"),
        ({"username": "ada"}, "another user"),
        ({"username": "ada@example.org"}, "another user"),
        ({"aff_code": "NOBODYS"}, "invite_code"),
    ],
)
async def test_a_bad_registration_leaves_nothing_behind(
    site: Site, changed: dict[str, str], says: str
) -> None:
    site.gateway_desk.sign_ups.clear("127.0.0.1")
    before = len((await site.manage("/users?limit=1000"))["items"])
    new = {"username": "ivy", "password": "long enough", "email": "ivy@example.org"} | changed
    async with site.http() as http:
        assert says in await refused(http, "POST", "/api/user/register", json=new)
    assert len((await site.manage("/users?limit=1000"))["items"]) == before


async def test_registrations_are_counted_by_address(site: Site) -> None:
    site.gateway_desk.sign_ups.clear("127.0.0.1")
    async with site.http() as http:
        statuses = [(await http.post("/api/user/register", json={})).status_code for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    site.gateway_desk.sign_ups.clear("127.0.0.1")


async def test_nobody_registers_where_it_is_off(tmp_path: Path) -> None:
    async with running(tmp_path) as run, httpx.AsyncClient(base_url=run.url) as http:
        new = {"username": "ivy", "password": "long enough", "email": "ivy@example.org"}
        await refused(http, "POST", "/api/user/register", 403, json=new)
        await refused(http, "GET", "/api/ratio_config", 403)
