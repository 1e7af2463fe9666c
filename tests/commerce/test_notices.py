"""Notices: told once when a balance falls, by letter and webhook, however often it must be tried."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from sqlalchemy import Row, insert, select, update
from tests.commerce.business import ACCOUNT, SECRET, Business, services
from tests.commerce.receivers import Hook, Mailbox, hooked, mail_server
from tests.faults.vendor_peer import certificate

from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import deliveries, dispatch, notices, webhook
from pronghorn.commerce.jobs import Services
from pronghorn.errors import Conflict, NotFound
from pronghorn.kit.clock import FakeClock
from pronghorn.settings import SettingsError, load
from pronghorn.store import Database
from pronghorn.store.models import Account, Delivery, Notice

USD = 1_000_000_000
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOUR_S = 3_600


async def tell(services: Services) -> None:
    """The jobs of a worker."""
    await notices.run(services)
    await dispatch.send_due(services)


class Told(Business):
    """An account with 10 USD whose owner is told under 5 USD."""

    async def begin(self, **notice: Any) -> "Told":
        await self.open()
        await self.pay(10 * USD)
        sealed = Secrets([SECRET]).seal(WEBHOOK_SECRET)
        values = {"threshold": 5 * USD, "emails": [], "webhook_secret": sealed, "language": "en"} | notice
        async with self.database.write() as tx:
            await tx.execute(insert(Notice).values(account_id=ACCOUNT, changed_ms=1, **values))
        return self

    def set(self, **settings: Any) -> "Told":
        self.services = services(self.database, self.clock, **settings)
        return self

    async def tell(self) -> None:
        await tell(self.services)

    async def fall(self, usd: int = 6) -> None:
        assert await self.pay(-usd * USD)
        await self.tell()

    async def deliveries(self) -> list[Row[Any]]:
        async with self.database.read() as tx:
            return list((await tx.execute(select(Delivery).order_by(Delivery.way))).all())


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with hooked() as hook:
        yield hook


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mail_server() as box:
        yield box


@pytest.fixture
async def told(database: Database, hook: Hook, box: Mailbox) -> Told:
    """By letter and by webhook."""
    business = await Told(database, FakeClock(time.time())).begin(
        emails=["ann@example.com"], webhook_url=hook.url
    )
    return business.set(fetch_allow=("127.0.0.0/8",), **plain(box))


def plain(box: Mailbox) -> dict[str, Any]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": box.port,
        "smtp_security": "none",
        "smtp_from": "Pronghorn <ai@example.com>",
    }


async def test_a_low_balance_is_told_once_by_letter_and_by_a_webhook_that_the_official_library_verifies(
    told: Told, hook: Hook, box: Mailbox
) -> None:
    await told.tell()
    assert (hook.got, box.letters) == ([], [])
    await told.fall()
    await told.tell()
    (event,) = hook.verified(WEBHOOK_SECRET)
    assert set(event) == {"type", "timestamp", "data"}
    assert event["type"] == "balance.low"
    assert event["data"] == {"account_id": ACCOUNT, "balance_usd": "4.00", "threshold_usd": "5.00"}
    assert hook.got[0][0]["Content-Type"] == "application/json"
    (letter,) = box.letters
    assert letter["To"] == "ann@example.com"
    assert letter["Subject"] == "Low balance: Team A has 4.00 USD left"
    assert [row.status for row in await told.deliveries()] == ["sent", "sent"]
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        hook.verified("whsec_" + "A" * 32)


async def test_the_next_notice_comes_only_after_the_balance_was_at_the_threshold_again(
    told: Told, hook: Hook
) -> None:
    await told.fall()
    await told.pay(1 * USD - 1)
    await told.tell()
    await told.fall(1)
    assert len(hook.got) == 1, "it was under the threshold all the time"
    await told.pay(2 * USD)
    await told.tell()
    assert len(hook.got) == 1
    await told.fall(2)
    assert len(hook.got) == 2
    assert len(set(hook.ids)) == 2


async def test_what_servers_have_leased_is_not_gone(told: Told, hook: Hook) -> None:
    await told.lease("a", 6 * USD)
    await told.tell()
    assert hook.got == []
    told.charge("a", 6 * USD)
    await told.post("a")
    await told.tell()
    assert len(hook.got) == 1


async def test_of_many_workers_at_once_one_tells(told: Told, hook: Hook, box: Mailbox) -> None:
    await told.pay(-6 * USD)
    others = [Database(told.database.url) for _ in range(8)]
    settings = {"fetch_allow": ("127.0.0.0/8",), **plain(box)}
    for _ in range(3):
        await asyncio.gather(*(tell(services(other, told.clock, **settings)) for other in others))
    for other in others:
        await other.close()
    assert (len(hook.got), len(box.letters)) == (1, 1)
    assert [row.attempts for row in await told.deliveries()] == [1, 1]


@pytest.mark.parametrize("failure", [500, 404, 429, "silent", "redirect"])
async def test_a_receiver_that_fails_for_an_hour_gets_the_notice_once_when_it_is_back(
    told: Told, hook: Hook, failure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock runs from the past to now, so that the verifier takes the last attempt for fresh."""
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.2)
    told.clock.jump(-sum(dispatch.PAUSES_S[:6]))
    hook.answers = [failure]
    await told.fall()
    began = told.clock.now()
    while told.clock.now() < began + HOUR_S:
        told.clock.advance(60)
        await told.tell()
    failed = len(hook.got)
    assert failed == 6, "with growing pauses"
    assert len(set(hook.ids)) == 1
    hook.got.clear()
    hook.answers = [204]
    while told.clock.now() < began + 24 * HOUR_S and not hook.got:
        told.clock.advance(60)
        await told.tell()
    (event,) = hook.verified(WEBHOOK_SECRET)
    assert event["data"]["balance_usd"] == "4.00"
    for _ in range(20):
        told.clock.advance(HOUR_S)
        await told.tell()
    assert len(hook.got) == 1
    mailed, posted = await told.deliveries()
    assert (posted.status, posted.attempts, posted.error) == ("sent", 7, "")
    assert (mailed.status, mailed.attempts) == ("sent", 1), "the letter did not wait for it"


async def test_one_that_never_answers_is_given_up_and_can_be_replayed(told: Told, hook: Hook) -> None:
    hook.answers = [503]
    await told.fall()
    for _ in range(40):
        told.clock.advance(HOUR_S)
        await told.tell()
    posted = (await told.deliveries())[1]
    assert (posted.status, posted.error) == ("failed", "answered 503")
    assert posted.attempts == len(hook.got) == len(dispatch.PAUSES_S) + 1
    hook.answers = [200]
    async with told.database.write() as tx:
        await deliveries.replay(tx, posted.id, told.now_ms)
    with pytest.raises(Conflict, match="on its way"):
        async with told.database.write() as tx:
            await deliveries.replay(tx, posted.id, told.now_ms)
    await told.tell()
    posted = (await told.deliveries())[1]
    assert (posted.status, posted.attempts) == ("sent", 1)
    assert set(hook.ids) == {posted.id}, "a replay has the id that the receiver knows"
    with pytest.raises(NotFound):
        async with told.database.write() as tx:
            await deliveries.replay(tx, "msg_nothing", told.now_ms)


async def test_what_a_worker_left_in_the_middle_is_taken_up_by_another(told: Told, hook: Hook) -> None:
    await told.pay(-6 * USD)
    hook.answers = ["silent"]
    dying = asyncio.ensure_future(told.tell())
    while not hook.got:
        await asyncio.sleep(0.01)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    hook.answers = [200]
    await told.tell()
    assert len(hook.got) == 1, "it is claimed"
    told.clock.advance(dispatch.CLAIM_S + 1)
    await told.tell()
    assert len(hook.got) == 2
    assert len(set(hook.ids)) == 1
    assert (await told.deliveries())[1].status == "sent"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "017700000001", "[::ffff:127.0.0.1]"],
)
async def test_no_spelling_of_a_private_address_is_reached(told: Told, hook: Hook, host: str) -> None:
    url = hook.url.replace("127.0.0.1", host)
    async with told.database.write() as tx:
        await tx.execute(update(Notice).values(webhook_url=url))
    told.set()
    await told.fall()
    assert hook.got == []
    posted = (await told.deliveries())[1]
    found = (posted.status, posted.error.partition(";")[0])
    assert found in (
        ("waiting", "its address is private"),
        ("failed", "its URL is not one that can be asked"),
    )
    if re.fullmatch(r"127\.0\.0\.1|localhost|\[.*\]", host):
        assert posted.status == "waiting"


async def test_no_redirect_is_followed(told: Told, hook: Hook) -> None:
    hook.answers = ["redirect", 200]
    await told.fall()
    assert len(hook.got) == 1
    assert (await told.deliveries())[1].error == "answered 302"


async def test_an_endless_answer_is_not_read(told: Told, hook: Hook) -> None:
    hook.answers = ["endless"]
    await asyncio.wait_for(told.fall(), 5)
    assert (await told.deliveries())[1].status == "sent"
    written = hook.written
    assert written < 16 * 1024 * 1024, "what buffers of the system took"
    await asyncio.sleep(0.1)
    assert hook.written == written, "the connection is closed"


async def test_neither_the_path_nor_the_secret_of_a_webhook_is_kept_where_it_is_shown(
    told: Told, hook: Hook, capsys: pytest.CaptureFixture[str]
) -> None:
    secret_url = f"{hook.url}/T0K3N?sign=s3cret"
    async with told.database.write() as tx:
        await tx.execute(update(Notice).values(webhook_url=secret_url))
    hook.answers = [500]
    await told.fall()
    async with told.database.write() as tx:
        await tx.execute(update(Notice).values(webhook_url="http://a b/T0K3N"))
    told.clock.advance(HOUR_S)
    await told.tell()
    shown = repr([tuple(row) for row in await told.deliveries()]) + "".join(capsys.readouterr())
    assert "delivery.tried" in shown
    for secret in ("T0K3N", "s3cret", WEBHOOK_SECRET):
        assert secret not in shown


async def test_letters_are_plain_and_html_in_the_language_that_was_asked_for(
    told: Told, box: Mailbox
) -> None:
    async with told.database.write() as tx:
        await tx.execute(update(Notice).values(language="zh", emails=["ann@example.com", "bob@example.com"]))
        await tx.execute(update(Account).values(name="<b>团队</b> & Co"))
    await told.fall()
    assert sorted(letter["To"] for letter in box.letters) == ["ann@example.com", "bob@example.com"]
    letter = box.letters[0]
    assert letter["Subject"] == "余额不足:<b>团队</b> & Co 剩余 4.00 美元"
    text, html = (letter.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and html is not None
    assert "余额为 4.00 美元" in text.get_content() and "<b>团队</b> & Co" in text.get_content()
    assert "&lt;b&gt;团队&lt;/b&gt; &amp; Co" in html.get_content() and "<b>" not in html.get_content()
    assert letter["Content-Language"] == "zh"


@pytest.mark.parametrize(
    "name", ["Team\r\nBcc: eve@example.com", "Team\nX-Evil: 1", "a\r\n\r\nbody", "\u2028x\x00"]
)
async def test_no_name_adds_a_header_or_a_recipient(told: Told, box: Mailbox, name: str) -> None:
    storable = name.replace("\0", "")  # PostgreSQL takes none
    async with told.database.write() as tx:
        await tx.execute(update(Account).values(name=storable))
    await told.fall()
    (letter,) = box.letters
    assert box.envelopes == [("ai@example.com", ["ann@example.com"])]
    assert {key.lower() for key in letter} == {
        *("subject", "from", "to", "date", "message-id", "auto-submitted", "content-language"),
        *("mime-version", "content-type"),
    }
    head = box.raw[0].partition(b"\r\n\r\n")[0]
    assert not re.search(rb"^(bcc|x-evil)", head, re.I | re.M)


async def test_a_letter_goes_over_starttls_with_a_login(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(tmp_path, "mail")
    async with mail_server(made.context) as box:
        secure = plain(box) | {
            "smtp_security": "starttls",
            "smtp_user": "ann",
            "smtp_password": "open sesame",
        }
        told.set(**secure)
        await told.fall()
        mailed = (await told.deliveries())[0]
        assert (mailed.status, box.letters) == ("waiting", []), "a certificate that nobody vouches for"
        assert "certificate" in mailed.error
        monkeypatch.setenv("SSL_CERT_FILE", str(made.path))
        told.clock.advance(60)
        await told.tell()
        assert box.was_encrypted == [True]
        assert box.logins == [(b"ann", b"open sesame")]
        assert (await told.deliveries())[0].status == "sent"


async def test_a_letter_goes_over_tls_from_the_first_byte(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(tmp_path, "mail")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.path))
    async with mail_server(made.context, is_tls_at_once=True) as box:
        told.set(**plain(box) | {"smtp_security": "ssl"})
        await told.fall()
        assert len(box.letters) == 1


async def test_a_wrong_password_is_tried_again_and_never_shown(told: Told, tmp_path: Path) -> None:
    async with mail_server() as box:
        told.set(**plain(box) | {"smtp_user": "ann", "smtp_password": "wr0ng"})
        await told.fall()
    mailed = (await told.deliveries())[0]
    assert mailed.status == "waiting"
    assert "wr0ng" not in mailed.error and mailed.error


async def test_a_mail_server_that_is_away_is_tried_again(told: Told, box: Mailbox, unused: int) -> None:
    settings = plain(box) | {"smtp_port": unused}
    told.set(**settings)
    await told.fall()
    assert (await told.deliveries())[0].status == "waiting"
    async with mail_server(port=unused) as back:
        told.clock.advance(60)
        await told.tell()
        assert len(back.letters) == 1


@pytest.fixture
def unused(unused_tcp_port: int) -> int:
    return unused_tcp_port


@pytest.mark.parametrize(("refusal", "status"), [("550 no such user", "failed"), ("450 later", "waiting")])
async def test_a_recipient_that_does_not_exist_is_not_tried_again(
    told: Told, box: Mailbox, refusal: str, status: str
) -> None:
    box.refusal = refusal
    await told.fall()
    mailed = (await told.deliveries())[0]
    assert (mailed.status, mailed.attempts) == (status, 1)
    assert "refused the recipient" in mailed.error


async def test_without_a_mail_server_the_log_says_so_and_it_can_be_replayed(
    told: Told, hook: Hook, box: Mailbox
) -> None:
    told.set(fetch_allow=("127.0.0.0/8",))
    await told.fall()
    mailed, posted = await told.deliveries()
    assert (mailed.status, mailed.error) == ("failed", "no mail server is set: smtp_host")
    assert posted.status == "sent"
    told.set(**plain(box))
    async with told.database.write() as tx:
        await deliveries.replay(tx, mailed.id, told.now_ms)
    await told.tell()
    assert (len(box.letters), len(hook.got)) == (1, 1)


async def test_a_webhook_that_was_taken_away_gets_nothing_more(told: Told, hook: Hook) -> None:
    hook.answers = [500]
    await told.fall()
    async with told.database.write() as tx:
        await tx.execute(update(Notice).values(webhook_url=None, webhook_secret=None))
    told.clock.advance(60)
    await told.tell()
    posted = (await told.deliveries())[1]
    assert (posted.status, len(hook.got)) == ("failed", 1)


@pytest.mark.parametrize("sender", ["", "nobody", "a@b.example\r\nBcc: eve@example.com"])
def test_a_mail_server_needs_a_sender(sender: str) -> None:
    with pytest.raises(SettingsError, match="smtp_from"):
        load(smtp_host="mail.example.com", smtp_from=sender)
    with pytest.raises(SettingsError, match="smtp_security"):
        load(smtp_security="maybe")
