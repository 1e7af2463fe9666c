"""The shapes that tools of this market read, by the examples that are known of them."""

import json
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, update
from tests.gateway import MODEL, answer_json
from tests.portal.stand import Person, Site, data, refused

from pronghorn.kit.money import parse_usd
from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

SELF = {
    "id",
    "username",
    "display_name",
    "role",
    "status",
    "email",
    "group",
    "quota",
    "used_quota",
    "request_count",
    "aff_code",
    "aff_count",
    "aff_quota",
    "aff_history_quota",
    "inviter_id",
    "linux_do_id",
    "setting",
}
TOKEN = {
    "id",
    "user_id",
    "key",
    "status",
    "name",
    "created_time",
    "accessed_time",
    "expired_time",
    "remain_quota",
    "unlimited_quota",
    "used_quota",
    "model_limits_enabled",
    "model_limits",
    "allow_ips",
    "group",
    "cross_group_retry",
    "auto_groups",
}
LOG = {
    "id",
    "user_id",
    "created_at",
    "type",
    "content",
    "username",
    "token_name",
    "model_name",
    "quota",
    "prompt_tokens",
    "completion_tokens",
    "use_time",
    "is_stream",
    "channel",
    "channel_name",
    "token_id",
    "group",
    "ip",
    "other",
    "request_id",
    "upstream_request_id",
}
PRICE = {
    "model_name",
    "vendor_id",
    "description",
    "icon",
    "tags",
    "quota_type",
    "model_ratio",
    "model_price",
    "owner_by",
    "completion_ratio",
    "enable_groups",
    "supported_endpoint_types",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(site: Site) -> Person:
    ada = await site.add("ada", usd=2)
    await site.chat(ada)
    site.run.vendor.script = answer_json({"error": {"message": "the key of acme is bad"}}, b"500 No")
    async with site.http(authorization=f"Bearer {ada.key}") as http:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 10}
        assert (await http.post("/v1/chat/completions", json=body)).status_code == 502
    await site.post()
    return ada


async def test_tools_know_this_site_by_its_status(site: Site) -> None:
    async with site.http() as http:
        answer = (await http.get("/api/status")).json()
    assert (answer["success"], answer["message"]) == (True, "")
    status = answer["data"]
    assert (status["system_name"], status["quota_per_unit"]) == ("Pronghorn", 500_000)
    assert status["version"] and status["start_time"] > 1_700_000_000
    assert (status["quota_display_type"], status["display_in_currency"]) == ("USD", True)
    assert status["register_enabled"] is True and status["enable_stripe_topup"] is False
    assert status["chats"] == status["announcements"] == []


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/api/uptime/status", []),
        ("/api/setup", {"status": True, "root_init": True}),
        ("/api/user/login/encryption-key", {"enabled": False, "kid": "", "public_key": ""}),
        ("/api/user/groups", {"default": {"ratio": 1, "desc": "default"}}),
    ],
)
async def test_pages_without_a_login(site: Site, path: str, wanted: Any) -> None:
    async with site.http() as http:
        for spelling in (path, path + "/"):
            assert await data(http, spelling) == wanted


async def test_texts_are_the_operators_files(site: Site) -> None:
    folder = site.gateway.settings.data / "pages"
    async with site.http() as http:
        assert await data(http, "/api/notice") == ""
        folder.mkdir()
        for name in ("notice", "about", "home", "user-agreement", "privacy-policy"):
            (folder / f"{name}.md").write_text(f"# {name} 说明")
        for path in ("notice", "about", "user-agreement", "privacy-policy"):
            assert await data(http, f"/api/{path}") == f"# {path} 说明"
        assert await data(http, "/api/home_page_content") == "# home 说明"
        assert (await data(http, "/api/status"))["privacy_policy_enabled"] is True


async def test_the_user_has_all_fields_that_clients_read(site: Site, ada: Person) -> None:
    browser = await site.session(ada)
    me = await data(browser, "/api/user/self")
    assert set(me) == SELF
    assert all(isinstance(me[name], int) for name in ("id", "quota", "used_quota", "request_count"))
    assert (me["setting"], me["inviter_id"], me["aff_code"]) == ("{}", 0, "")
    assert me["request_count"] == 2


async def test_pages_are_counted_in_the_newer_and_the_older_way(site: Site, ada: Person) -> None:
    browser = await site.session(ada)
    page = await data(browser, "/api/token/?p=1&page_size=1")
    assert set(page) == {"page", "page_size", "total", "items"}
    assert (page["page"], page["page_size"], page["total"], len(page["items"])) == (1, 1, 1, 1)
    assert set(page["items"][0]) == TOKEN
    assert page["items"][0]["key"].startswith("sk-live") and "…" in page["items"][0]["key"]
    older = await data(browser, "/api/token/?p=0&size=5")
    assert (older["page"], older["page_size"], len(older["items"])) == (1, 5, 1)
    assert (await data(browser, "/api/token/?page_size=100000"))["page_size"] == 100
    assert (await data(browser, "/api/token/?p=7"))["items"] == []
    for bad in ("p=-1", "p=x", "p=1.5", "p=9999999", "page_size=-1", "p=%D9%A3"):
        assert bad.partition("=")[0] in await refused(browser, "GET", f"/api/token/?{bad}")


async def test_a_log_line_says_how_its_cost_came_about(site: Site, ada: Person) -> None:
    browser = await site.session(ada)
    (fine,) = (await data(browser, "/api/log/self?type=2"))["items"]
    assert set(fine) == LOG
    other = json.loads(fine["other"])
    assert (other["model_ratio"], other["completion_ratio"], other["group_ratio"]) == (0.5, 2, 1)
    row = await site.manage(f"/requests/{fine['request_id']}")
    assert other["cost_usd"] == row["cost_usd"] and parse_usd(row["cost_usd"]) == 119_000
    assert other["frt"] >= 0 and other["status_code"] == 200


async def test_an_error_line_tells_nothing_of_the_operators_business(site: Site, ada: Person) -> None:
    browser = await site.session(ada)
    (bad,) = (await data(browser, "/api/log/self?type=5"))["items"]
    assert set(bad) == LOG
    assert (bad["quota"], bad["content"]) == (0, "status 502: upstream_error")
    assert "acme" not in json.dumps(bad) and "chn_1" not in json.dumps(bad)
    assert json.loads(bad["other"])["error_code"] == "upstream_error"


async def test_what_does_not_exist_here_is_empty_in_its_shape(site: Site, ada: Person) -> None:
    browser = await site.session(ada)
    for path in ("/api/mj/self", "/api/task/self", "/api/log/self?type=7", "/api/user/topup/self"):
        page = await data(browser, path)
        assert (page["total"], page["items"]) == (0, [])


async def test_prices_are_those_that_are_charged(site: Site, ada: Person) -> None:
    async with site.http() as http:
        answer = await http.get("/api/pricing")
    listed = answer.json()
    assert listed["success"] is True and "max-age=60" in answer.headers["cache-control"]
    assert (listed["group_ratio"], listed["usable_group"]) == ({"default": 1}, {"default": "default"})
    price = next(item for item in listed["data"] if item["model_name"] == MODEL)
    assert set(price) >= PRICE
    assert (price["model_ratio"], price["completion_ratio"], price["quota_type"]) == (0.5, 2, 0)
    assert price["price_usd"] == {"input_usd_per_million": "1", "output_usd_per_million": "2"}
    assert price["enable_groups"] == ["default"]
    assert price["supported_endpoint_types"] == ["openai", "openai-response", "anthropic", "gemini"]
    assert listed["supported_endpoint"]["openai"] == {"path": "/v1/chat/completions", "method": "POST"}
    assert {vendor["id"]: vendor["name"] for vendor in listed["vendors"]}[price["vendor_id"]] == "x"
    # What the family would compute from it is what was charged.
    quota = (5 + 57 * price["completion_ratio"]) * price["model_ratio"] * listed["group_ratio"]["default"]
    assert quota * 2_000 == 119_000


async def test_only_what_a_channel_serves_the_callers_group_is_listed(site: Site) -> None:
    await site.group("vip", 900_000, "for friends")
    async with site.gateway.database.write() as tx:
        values = {"vendor": "openai", "base_url": "http://127.0.0.1:9", "created_ms": 0}
        sealed = site.gateway.secrets.seal('["sk-canary-5b1d9e"]')
        channel = {"id": "chn_2", "name": "c2", "credentials": sealed, "groups": ["vip"]}
        await tx.execute(insert(tables.Channel).values(models={"secret-model": "s"}, **channel, **values))
        for name in ("secret-model", "unserved"):
            await tx.execute(
                insert(tables.Model).values(name=name, vendor="y", capabilities=["chat"], created_ms=0)
            )
            await tx.execute(
                insert(tables.Price).values(
                    model=name, source="operator", components={"per_call_usd": "0.1"}, updated_ms=0
                )
            )
        await revision.bump(tx)
    await site.gateway.loader.refresh()
    vip = await site.add("vip", usd=1)
    await site.set(tables.Account, vip.account, group_name="vip")
    browser = await site.session(vip)
    listed = (await browser.get("/api/pricing")).json()
    assert [item["model_name"] for item in listed["data"]] == ["secret-model"]
    assert (listed["data"][0]["quota_type"], listed["data"][0]["model_price"]) == (1, 0.1)
    assert (listed["group_ratio"], listed["usable_group"]) == ({"vip": 0.9}, {"vip": "for friends"})
    assert await data(browser, "/api/user/models") == ["secret-model"]
    assert await data(browser, "/api/models") == {"1": ["secret-model"]}
    assert await data(browser, "/api/user/self/groups") == {"vip": {"ratio": 0.9, "desc": "for friends"}}
    async with site.http() as http:
        names = {item["model_name"] for item in (await http.get("/api/pricing")).json()["data"]}
        assert names == {MODEL, "alias"}


async def test_a_changed_price_is_listed_at_once(site: Site) -> None:
    async with site.http() as http:
        before = (await http.get("/api/pricing")).json()
        async with site.gateway.database.write() as tx:
            await tx.execute(
                update(tables.Price)
                .where(tables.Price.model == "alias")
                .values(components={"per_call_usd": "0.002"})
            )
            await revision.bump(tx)
        await site.gateway.loader.refresh()
        after = (await http.get("/api/pricing")).json()
    found = next(item for item in after["data"] if item["model_name"] == "alias")
    assert (found["quota_type"], found["model_price"]) == (1, 0.002)
    assert before["pricing_version"] != after["pricing_version"]


async def test_ratios_can_be_copied_where_the_operator_wants_it(site: Site) -> None:
    async with site.http() as http:
        config = await data(http, "/api/ratio_config")
    assert config["model_ratio"][MODEL] == 0.5 and config["completion_ratio"][MODEL] == 2
    assert config["model_price"] == {"alias": 0.002}


async def test_the_log_of_a_key_is_read_by_the_key(site: Site, ada: Person) -> None:
    async with site.http() as http:
        for way in ({"headers": {"authorization": f"Bearer {ada.key}"}}, {"params": {"key": ada.key}}):
            answer = await http.get("/api/log/token", **way)  # type: ignore[arg-type]
            assert answer.headers["access-control-allow-origin"] == "*"
            lines = answer.json()["data"]
            assert [set(line) == LOG for line in lines] == [True, True]
            assert {line["token_name"] for line in lines} == {"adas key"}
        bare = await data(http, "/api/log/token", headers={"authorization": ada.key})
        assert len(bare) == 2
        wrong = await http.get("/api/log/token", headers={"authorization": "Bearer sk-wrong"})
        assert wrong.status_code == 401 and wrong.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-origin" not in (await http.get("/api/user/self")).headers
        await refused(http, "GET", "/api/log/token", 401)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"expires_ms": 1}, 200),
        ({"budget": 1, "spent": 2}, 200),
        ({"is_disabled": True}, 403),
        ({"ips": ["203.0.113.0/24"]}, 403),
        ({"ips": ["127.0.0.0/8"]}, 200),
    ],
    ids=["expired", "exhausted", "disabled", "from elsewhere", "from here"],
)
async def test_who_may_read_the_log_of_a_key(site: Site, changed: dict[str, Any], status: int) -> None:
    name = f"kay{changed}".translate({ord(each): None for each in " {}[]'\":,./"})[:20].lower()
    kay = await site.add(name)
    await site.set(tables.Key, kay.key_id, **changed)
    async with site.http(authorization=kay.key) as http:
        assert (await http.get("/api/log/token")).status_code == status


async def test_a_key_of_a_disabled_account_reads_nothing(site: Site) -> None:
    lou = await site.add("lou")
    await site.set(tables.Account, lou.account, is_disabled=True)
    async with site.http(authorization=lou.key) as http:
        await refused(http, "GET", "/api/log/token", 403)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("start_timestamp=1&end_timestamp=9999999", "start_timestamp"),
        ("start_timestamp=5&end_timestamp=4", "end_timestamp"),
        ("start_timestamp=-5", "start_timestamp"),
        ("start_timestamp=999999999999999", "start_timestamp"),
        ("end_timestamp=1e3", "end_timestamp"),
    ],
)
async def test_a_span_is_a_month_at_most_and_the_right_way_round(
    site: Site, ada: Person, query: str, param: str
) -> None:
    browser = await site.session(ada)
    for path in ("/api/data/self", "/api/data/flow/self"):
        assert param in await refused(browser, "GET", f"{path}?{query}")
