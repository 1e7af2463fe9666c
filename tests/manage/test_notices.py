"""Notices over the management API: secrets are shown once, and an address that must not be reached is refused."""

import pytest
import standardwebhooks
from sqlalchemy import select
from tests.commerce.receivers import hooked
from tests.manage.installed import Manage

from pronghorn.commerce import notices as commerce
from pronghorn.commerce.jobs import Services
from pronghorn.settings import Settings
from pronghorn.store.models import Notice

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = "https://hooks.example.com/balance"


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


async def test_deliveries_are_listed_and_replayed(manage: Manage) -> None:
    account = await manage.account(usd="4.00")
    async with hooked() as hook:
        url = hook.url.replace("127.0.0.1", "localhost") + "/T0K3N"
        made = await manage.put(f"/accounts/{account}/notices", threshold_usd="5", webhook_url=url)
        settings = Settings(data=manage.gateway.settings.data, fetch_allow=("127.0.0.0/8", "::1/128"))
        services = Services(manage.gateway.database, manage.gateway.secrets, settings, manage.clock)
        hook.answers = [500]
        await commerce.run(services)
        assert (await manage.get(f"/accounts/{account}/notices"))["low"]
        (waiting,) = await manage.items(f"/deliveries?account_id={account}&status=waiting")
        assert waiting["data"]["balance_usd"] == "4.00"
        assert (waiting["attempts"], waiting["error"], waiting["sent_at"]) == (1, "answered 500", None)
        assert waiting["target"] == url.removesuffix("/hook/T0K3N")
        await manage.refused(409, "POST", f"/deliveries/{waiting['id']}/replay")
        hook.answers = [200]
        manage.clock.advance(60)
        await commerce.run(services)
        (sent,) = await manage.items(f"/deliveries?account_id={account}")
        assert (sent["status"], sent["next_at"]) == ("sent", None)
        again = await manage.post(f"/deliveries/{sent['id']}/replay")
        assert (again["status"], again["attempts"]) == ("waiting", 0)
        await commerce.run(services)
        assert hook.ids == [sent["id"]] * 3
    assert "T0K3N" not in str(await manage.items("/deliveries"))
    assert made["webhook_secret"] not in str(await manage.items("/deliveries"))
    await manage.refused(404, "POST", "/deliveries/msg_nothing/replay")
    await manage.refused(400, "GET", "/deliveries?status=odd")
