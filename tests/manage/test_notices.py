"""Notices over the management API: secrets are shown once, and an address that must not be reached is refused."""

import pytest
import standardwebhooks
from sqlalchemy import select
from tests.commerce.receivers import hooked
from tests.manage.installed import Manage

from pronghorn.commerce import deliveries, dispatch
from pronghorn.commerce import notices as commerce
from pronghorn.commerce.jobs import Services
from pronghorn.settings import Settings
from pronghorn.store.models import Notice

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = "https://hooks.example.com/balance"


async def tell(services: Services) -> None:
    await commerce.run(services)
    await dispatch.send_due(services)


async def test_a_webhook_gets_a_secret_that_is_shown_once_and_sealed(manage: Manage) -> None:
    account = await manage.account()
    path = f"/accounts/{account}/notices"
    await manage.refused(404, "GET", path)
    made = await manage.put(path, threshold_usd="5", webhook_url=URL, emails=["Ann@Example.com"])
    secret = made.pop("webhook_secret")
    standardwebhooks.Webhook(secret)
    assert made == {
        "account_id": account,
        "threshold_usd": "5.00",
        "emails": ["ann@example.com"],
        "webhook_url": URL,
        "events": ["balance.low"],
        "language": "en",
        "low": False,
        "changed_at": "2026-05-28T20:26:40.000Z",
    }
    assert await manage.get(path) == made
    again = await manage.put(path, threshold_usd="6", webhook_url=URL + "?a=b", language="zh")
    assert "webhook_secret" not in again, "it is kept"
    assert (again["emails"], again["language"]) == ([], "zh")
    async with manage.gateway.database.read() as tx:
        sealed = await tx.scalar(select(Notice.webhook_secret).where(Notice.account_id == account))
    assert sealed is not None and secret not in sealed
    assert manage.gateway.secrets.open(sealed) == secret
    assert secret not in str(await manage.items("/audit")) and "?a=b" not in str(await manage.items("/audit"))
    await manage.delete(path)
    await manage.refused(404, "GET", path)
    await manage.refused(404, "DELETE", path)


async def test_a_secret_of_ones_own_is_taken_and_never_given_back(manage: Manage) -> None:
    account = await manage.account()
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    path = f"/accounts/{account}/notices"
    made = await manage.put(path, threshold_usd="5", webhook_url=URL, webhook_secret=secret)
    assert "webhook_secret" not in made
    without = await manage.put(path, threshold_usd="5", emails=["a@b.example"])
    assert without["webhook_url"] is None
    anew = await manage.put(path, threshold_usd="5", webhook_url=URL)
    assert anew["webhook_secret"] not in ("", secret), "without a webhook the old one was forgotten"


@pytest.mark.parametrize(
    ("param", "more"),
    [
        *(
            ("threshold_usd", {"threshold_usd": wrong})
            for wrong in ("0", "-1", "NaN", "1e9", "0.0000000001", 5)
        ),
        *(
            ("emails", {"emails": [wrong]})
            for wrong in (
                "ann",
                "a b@c.example",
                "a@b\r\nBcc: x@y",
                "a,b@c.example",
                "<a@b>",
                "ä@b.example",
                "a@",
            )
        ),
        ("emails", {"emails": ["a@b.example"] * 11}),
        *(
            ("webhook_url", {"webhook_url": wrong})
            for wrong in (
                *(
                    "ftp://a.example/",
                    "https://",
                    "https://u:p@a.example/",
                    "https://a.example/#x",
                    "a.example",
                ),
                *(
                    "https://a.example/x y",
                    "https://a.example/?x y",
                    "http://127.0.0.1:8400/",
                    "http://[::1]/",
                ),
                *(
                    "http://169.254.169.254/",
                    "http://10.0.0.1/",
                    "http://[::ffff:127.0.0.1]/",
                    "http://0.0.0.0/",
                ),
            )
        ),
        *(
            ("webhook_secret", {"webhook_secret": wrong})
            for wrong in ("whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!", "")
        ),
        ("threshold_usd", {"threshold_usd": None}),
        ("threshold_usd", {"threshold_usd": None, "events": ["task.*", "balance.low"]}),
        ("threshold_usd", {"threshold_usd": None, "events": ["task.*"], "emails": ["a@b.example"]}),
        ("threshold_usd", {"events": ["task.*"]}),
        *(
            ("events", {"events": wrong})
            for wrong in ([], ["task"], ["*"], ["balance.*"], ["task.done"], None)
        ),
        ("events", {"webhook_url": None, "emails": ["a@b.example"], "events": ["task.*"]}),
        ("language", {"language": "fr"}),
        (None, {"webhook_url": None}),
        (
            "webhook_secret",
            {"webhook_url": None, "emails": ["a@b.example"], "webhook_secret": "whsec_" + "A" * 32},
        ),
    ],
    ids=repr,
)
async def test_a_wrong_field_is_named_and_nothing_is_kept(
    manage: Manage, param: str | None, more: dict[str, object]
) -> None:
    account = await manage.account()
    body = {"threshold_usd": "5", "webhook_url": URL} | more
    error = await manage.refused(400, "PUT", f"/accounts/{account}/notices", body)
    assert (error["param"] or "").partition("[")[0] == (param or "")
    await manage.refused(404, "GET", f"/accounts/{account}/notices")
    await manage.refused(
        404, "PUT", "/accounts/acc_nothing/notices", {"threshold_usd": "5", "webhook_url": URL}
    )


async def test_a_webhook_of_tasks_needs_no_threshold(manage: Manage) -> None:
    account = await manage.account(usd="4.00")
    path = f"/accounts/{account}/notices"
    await manage.put(path, threshold_usd="5", emails=["a@b.example"])
    await commerce.run(Services(manage.gateway.database, manage.gateway.secrets, Settings(), manage.clock))
    assert (await manage.get(path))["low"]
    made = await manage.put(path, webhook_url=URL, events=["task.failed", "task.*", "task.failed"])
    assert (made["threshold_usd"], made["events"], made["low"]) == (None, ["task.failed", "task.*"], False)
    assert made["webhook_secret"].startswith("whsec_")
    both = await manage.put(
        path, threshold_usd="5", webhook_url=URL, events=["task.*"], emails=["a@b.example"]
    )
    assert (both["threshold_usd"], both["events"]) == ("5.00", ["task.*"])
    assert (await manage.put(path, threshold_usd="5", webhook_url=URL))["events"] == ["balance.low"]
    audited = await manage.items("/audit?action=notice.set")
    assert "task.*" in str(audited)


async def test_callbacks_are_listed_shown_and_replayed_by_their_task_and_never_with_what_was_sealed(
    manage: Manage,
) -> None:
    account = await manage.account()
    async with hooked() as hook:
        settings = Settings(data=manage.gateway.settings.data, fetch_allow=("127.0.0.0/8",))
        services = Services(manage.gateway.database, manage.gateway.secrets, settings, manage.clock)
        for subject in ("task_1", "task_2"):
            async with manage.gateway.database.write() as tx:
                await deliveries.queue_callback(
                    tx,
                    manage.gateway.secrets,
                    account_id=account,
                    subject=subject,
                    kind="task.failed",
                    url=hook.url + "/C4N4RY",
                    body=b'{"why":"C4N4RY"}',
                    now_ms=int(manage.clock.now() * 1000),
                )
        hook.answers = [500]
        await tell(services)
        hook.answers = [200]
        manage.clock.advance(60)
        await tell(services)
        (one,) = await manage.items("/deliveries?subject=task_1")
        assert one == await manage.get(f"/deliveries/{one['id']}")
        assert (one["way"], one["kind"], one["subject"]) == ("callback", "task.failed", "task_1")
        assert (one["target"], one["data"]) == (hook.url.removesuffix("/hook"), {})
        assert (one["status"], one["attempts"], one["error"]) == ("sent", 2, "")
        assert one["sent_at"] > one["created_at"]
        await manage.post(f"/deliveries/{one['id']}/replay")
        await tell(services)
        assert hook.ids.count(one["id"]) == 3
        assert {body for _, body in hook.got} == {b'{"why":"C4N4RY"}'}
    assert await manage.items("/deliveries?subject=task_3") == []
    assert "C4N4RY" not in str(await manage.items("/deliveries")) + str(await manage.items("/audit"))
    assert not any("C4N4RY" in answer for answer in manage.answers)
    await manage.refused(404, "GET", "/deliveries/msg_nothing")


async def test_deliveries_are_listed_and_replayed(manage: Manage) -> None:
    account = await manage.account(usd="4.00")
    async with hooked() as hook:
        url = hook.url.replace("127.0.0.1", "localhost") + "/T0K3N"
        made = await manage.put(f"/accounts/{account}/notices", threshold_usd="5", webhook_url=url)
        settings = Settings(data=manage.gateway.settings.data, fetch_allow=("127.0.0.0/8", "::1/128"))
        services = Services(manage.gateway.database, manage.gateway.secrets, settings, manage.clock)
        hook.answers = [500]
        await tell(services)
        assert (await manage.get(f"/accounts/{account}/notices"))["low"]
        (waiting,) = await manage.items(f"/deliveries?account_id={account}&status=waiting")
        assert waiting["data"]["balance_usd"] == "4.00"
        assert (waiting["attempts"], waiting["error"], waiting["sent_at"]) == (1, "answered 500", None)
        assert waiting["target"] == url.removesuffix("/hook/T0K3N")
        await manage.refused(409, "POST", f"/deliveries/{waiting['id']}/replay")
        hook.answers = [200]
        manage.clock.advance(60)
        await tell(services)
        (sent,) = await manage.items(f"/deliveries?account_id={account}")
        assert (sent["status"], sent["next_at"]) == ("sent", None)
        again = await manage.post(f"/deliveries/{sent['id']}/replay")
        assert (again["status"], again["attempts"]) == ("waiting", 0)
        await tell(services)
        assert hook.ids == [sent["id"]] * 3
    assert "T0K3N" not in str(await manage.items("/deliveries"))
    assert made["webhook_secret"] not in str(await manage.items("/deliveries"))
    await manage.refused(404, "POST", "/deliveries/msg_nothing/replay")
    await manage.refused(400, "GET", "/deliveries?status=odd")
