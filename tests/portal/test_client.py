"""`newapi-python`, a client of other gateways' dashboards, unchanged: what it reads is what the ledger says."""

from datetime import UTC, datetime
from decimal import Decimal

import newapi
import pytest
import pytest_asyncio
from tests.gateway import MODEL
from tests.portal.stand import PASSWORD, Person, Site, call

from pronghorn.kit.money import parse_usd

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUOTA = 2_000
"""Nano-dollars of one."""
COST = 5 * 1_000 + 57 * 2_000
"""Of one call, nano-dollars: 1 USD a million in, 2 USD a million out."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(site: Site) -> Person:
    """Three calls that went well and one that did not."""
    ada = await site.add("ada", usd=5)
    for _ in range(3):
        await site.chat(ada)
    await site.post()
    return ada


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(site: Site, ada: Person) -> newapi.NewAPI:
    return await site.logged_in(ada)


async def test_login_gives_the_user_and_a_session(site: Site, ada: Person) -> None:
    client = site.client()
    user = await call(client.login, "ada", PASSWORD)
    assert client.is_authenticated and client.session.refresh_token
    assert (user.username, user.email, user.role, user.status) == ("ada", ada.email, 1, 1)
    assert isinstance(user.id, int) and client.session.user_id == user.id
    assert client.session.expires_in is not None and 3500 < client.session.expires_in <= 3600


async def test_the_balance_is_what_the_ledger_says_to_the_quota_unit(
    site: Site, ada: Person, client: newapi.NewAPI
) -> None:
    account = await site.manage(f"/accounts/{ada.account}")
    left, spent = parse_usd(account["balance_usd"]), parse_usd(account["spent_usd"])
    assert (left, spent) == (5 * 10**9 - 3 * COST, 3 * COST)
    balance = await call(client.balance)
    assert (balance.quota, balance.used_quota) == (left // QUOTA, -(-spent // QUOTA))
    assert balance.quota + balance.used_quota == 5 * 500_000
    assert balance.amount + balance.used_amount == Decimal(5)
    assert (await call(client.me)).request_count == 3


async def test_what_can_be_read_is_read(client: newapi.NewAPI, ada: Person) -> None:
    assert (await call(client.status)).quota_per_unit == 500_000
    assert await call(client.notice) == await call(client.about) == ""
    assert {name: group.ratio for name, group in (await call(client.groups)).items()} == {"default": 1}
    assert set(await call(client.account.models)) == {MODEL, "alias"}
    assert await call(client.account.models, group="vip") == ()
    assert len(await call(client.account.aff_code)) == 8
    assert await call(client.account.aff_code) == await call(client.account.aff_code)
    assert (await call(client.account.checkin_status)).enabled is False
    assert (await call(client.tokens.auto_groups)).to_dict() == {"groups": [], "max_count": 0}
    assert (await call(client.topup.info)).enable_stripe_topup is False
    assert (await call(client.topup.orders)).total == 0
    assert await call(client.subscriptions.plans) == ()
    assert await call(client.subscriptions.active) == ()
    assert (await call(client.subscriptions.self)).billing_preference == "subscription_first"


async def test_the_log_has_each_call_with_its_cost(site: Site, client: newapi.NewAPI, ada: Person) -> None:
    page = await call(client.logs, log_type="consume", model_name=MODEL)
    assert (page.total, len(page)) == (3, 3)
    log = page.items[0]
    assert (log.type, log.model_name, log.token_name, log.group) == (2, MODEL, "adas key", "default")
    assert (log.prompt_tokens, log.completion_tokens, log.quota) == (5, 57, -(-COST // QUOTA))
    row = await site.manage(f"/requests/{log.request_id}")
    assert log.quota == -(-parse_usd(row["cost_usd"]) // QUOTA)
    assert (log.username, log.is_stream, log.channel) == ("ada", False, 0)
    assert await call(client.logs.all, page_size=2) == tuple(await call(client.logs))
    assert (await call(client.logs, request_id=log.request_id)).total == 1
    assert (await call(client.logs, token_name="adas key")).total == 3
    assert (await call(client.logs, token_name="nobodys")).total == 0
    assert (await call(client.logs, log_type="error")).total == 0
    assert (await call(client.logs, group="vip")).total == 0
    tomorrow = int(datetime.now(UTC).timestamp()) + 86_400
    assert (await call(client.logs, start_timestamp=tomorrow)).total == 0
    assert (await call(client.logs, end_timestamp=tomorrow)).total == 3


async def test_money_that_came_in_is_a_top_up(client: newapi.NewAPI) -> None:
    (log,) = (await call(client.logs, log_type="topup")).items
    assert (log.type, log.quota, log.content) == (1, 5 * 500_000, "deposit: $5.00")


async def test_sums_are_those_of_the_rows(site: Site, client: newapi.NewAPI) -> None:
    used = -(-3 * COST // QUOTA)
    stat = await call(client.logs.stat, log_type="consume")
    assert (stat.quota, stat.rpm, stat.tpm) == (used, 3, 3 * 62)
    (hour,) = await call(client.dashboard.quota_data)
    assert (hour.model_name, hour["count"], hour.token_used, hour.quota) == (MODEL, 3, 3 * 62, used)
    assert hour.created_at % 3600 == 0
    now = int(datetime.now(UTC).timestamp())
    (flow,) = await call(client.dashboard.flow_data, start_timestamp=now - 3600, end_timestamp=now)
    assert (flow.token_name, flow.use_group, flow.quota) == ("adas key", "default", used)
    (key,) = await call(client.tokens)
    stored = await site.manage("/keys/key_ada")
    assert key.used_quota == -(-parse_usd(stored["spent_usd"]) // QUOTA)
    assert (flow.token_id, key.used_quota) == (key.id, used)


async def test_keys_are_made_changed_and_ended(site: Site, ada: Person, client: newapi.NewAPI) -> None:
    await call(client.tokens.create, "robot", unlimited_quota=False, remain_quota=1_000, model_limits="")
    robot = (await call(client.tokens.search, keyword="ROBOT")).items[0]
    assert (robot.status, robot.remain_quota, robot.unlimited_quota) == (1, 1_000, False)
    changed = await call(client.tokens.update, robot.id, name="nightly", allow_ips=["203.0.113.0/24"])
    assert (changed.name, changed.remain_quota, changed.allow_ips) == ("nightly", 1_000, "203.0.113.0/24")
    assert (await call(client.tokens.disable, robot.id)).status == 2
    assert (await call(client.tokens.enable, robot.id)).status == 1
    with pytest.raises(newapi.APIError, match="shown once"):
        await call(client.tokens.reveal, robot.id)
    with pytest.raises(newapi.APIError, match="shown once"):
        await call(client.tokens.reveal_batch, [robot.id])
    await call(client.tokens.delete, robot.id)
    with pytest.raises(newapi.APIError, match="no such token"):
        await call(client.tokens.get, robot.id)
    assert [token.name for token in await call(client.tokens.all)] == ["adas key"]


async def test_a_key_made_here_works_and_its_answer_carries_it(site: Site, client: newapi.NewAPI) -> None:
    made = await call(client.request, "POST", "token/", json={"name": "works", "unlimited_quota": True})
    assert made["key"].startswith("sk-live") and len(made["key"]) == 51
    person = Person("works", "", made["key"], "")
    await site.chat(person)
    assert await call(client.tokens.delete_batch, [made["id"]]) == 1


async def test_an_access_token_does_what_the_session_does_and_a_new_one_ends_it(
    site: Site, client: newapi.NewAPI
) -> None:
    token, number = await call(client.account.generate_access_token), client.session.user_id
    assert len(token) == 32
    script = site.client(access_token=token, user_id=number)
    assert (await call(script.me)).username == "ada"
    with pytest.raises(newapi.PermissionDeniedError, match="needs a login"):
        await call(script.account.sessions)
    with pytest.raises(newapi.AuthenticationError, match="another user"):
        await call(site.client(access_token=token, user_id=number + 1).me)  # type: ignore[operator]
    await call(client.account.generate_access_token)
    with pytest.raises(newapi.AuthenticationError):
        await call(script.me)


async def test_a_session_is_refreshed_listed_and_ended(site: Site) -> None:
    eve = await site.add("eve")
    one, other = await site.logged_in(eve), await site.logged_in(eve)
    before = one.session.access_token
    await call(one.refresh)
    assert one.session.session_id and one.session.access_token and before
    listed = await call(one.account.sessions)
    assert [each.sid for each in listed if each.current] == [one.session.session_id]
    assert other.session.session_id in {each.sid for each in listed}
    await call(one.account.revoke_session, other.session.session_id)
    with pytest.raises(newapi.AuthenticationError):
        await call(other.me)
    third = await site.logged_in(eve)
    assert await call(third.account.revoke_other_sessions) == 1
    with pytest.raises(newapi.AuthenticationError):
        await call(one.me)
    await call(third.logout)
    assert not third.is_authenticated


async def test_a_browsers_cookie_alone_does(site: Site, ada: Person) -> None:
    browser = await site.session(ada)
    cookie = browser.cookies["session"]
    await browser.aclose()
    number = (await call((await site.logged_in(ada)).me)).id
    client = site.client(session_token=cookie, user_id=number)
    assert (await call(client.me)).username == "ada"
    await call(client.logout)
    with pytest.raises(newapi.AuthenticationError):
        await call(site.client(session_token=cookie, user_id=number).me)


async def test_the_profile_can_be_changed(site: Site) -> None:
    await site.add("bob")
    client = await site.logged_in(site.people["bob"])
    await call(client.account.update_self, {"display_name": "Robert", "role": 100, "quota": 10**9})
    me = await call(client.me)
    assert (me.display_name, me.role, me.quota) == ("Robert", 1, 0)
    with pytest.raises(newapi.APIError, match="another user has this name"):
        await call(client.account.update_self, {"display_name": "ada"})


async def test_what_is_not_offered_is_refused_in_words(client: newapi.NewAPI) -> None:
    with pytest.raises(newapi.APIError, match="no daily check-in"):
        await call(client.account.checkin)
    with pytest.raises(newapi.APIError, match="not switched on"):
        await call(client.payment.epay_pay, 10, "alipay")
    with pytest.raises(newapi.APIError, match="no such route"):
        await call(client.account.transfer_aff_quota, 5)
