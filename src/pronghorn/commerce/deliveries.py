"""Deliveries: what is to be told by e-mail or webhook, tried again with growing pauses until it arrived.

A delivery is made in the transaction of what it tells, so that none is lost; each attempt is claimed by a guarded
UPDATE, so that of several workers one sends it. A worker that dies in the middle may have sent it: it is sent again,
with the same id.
"""

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import structlog
from sqlalchemy import Row, insert, select, text, update

from pronghorn.commerce.undelivered import Undelivered
from pronghorn.errors import Conflict, NotFound
from pronghorn.kit.clock import iso
from pronghorn.kit.ids import new_id
from pronghorn.kit.later import Later
from pronghorn.store import Tx
from pronghorn.store.models import Account, Delivery, Notice

if TYPE_CHECKING:
    from pronghorn.commerce import mail, webhook
    from pronghorn.commerce.jobs import Services
else:
    mail, webhook = Later("pronghorn.commerce.mail"), Later("pronghorn.commerce.webhook")

log = structlog.get_logger()

WAITING, SENT, FAILED = "waiting", "sent", "failed"
EMAIL, WEBHOOK = "email", "webhook"
PAUSES_S: tuple[float, ...] = (5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 36_000)
"""Between two attempts: ten in all, over 28 hours."""
CLAIM_S = 300.0
"""Longer than any attempt takes."""
AT_ONCE = 8
BATCH = 100


async def queue(tx: Tx, notice: Row[Any], kind: str, data: dict[str, str], now_ms: int) -> None:
    """One for each e-mail address and for the webhook of a `Notice` row."""
    targets = [(EMAIL, email) for email in notice.emails]
    if notice.webhook_url is not None:
        targets.append((WEBHOOK, origin(notice.webhook_url)))
    for way, target in targets:
        await tx.execute(
            insert(Delivery).values(
                id=new_id("msg"),
                account_id=notice.account_id,
                kind=kind,
                way=way,
                target=target,
                data=data,
                status=WAITING,
                next_ms=now_ms,
                created_ms=now_ms,
            )
        )


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def replay(tx: Tx, delivery_id: str, now_ms: int) -> None:
    """Send it again, from the first attempt on. Raises `Conflict` if it is on its way already."""
    known = await tx.scalar(select(Delivery.id).where(Delivery.id == delivery_id))
    if known is None:
        raise NotFound(f"there is no delivery {delivery_id!r}; the list of deliveries has their ids")
    again = {"status": WAITING, "attempts": 0, "next_ms": now_ms, "error": "", "sent_ms": None}
    done = (Delivery.id == delivery_id, Delivery.status != WAITING)
    if not (await tx.execute(update(Delivery).where(*done).values(again))).rowcount:
        raise Conflict("this delivery is on its way already")


async def send_due(services: "Services") -> None:
    # As it stands in the index: a bound value would not lead there.
    due = (text("status = 'waiting'"), Delivery.next_ms <= _now_ms(services))
    async with services.database.read() as tx:
        found = select(Delivery.id, Delivery.attempts).where(*due).order_by(Delivery.next_ms).limit(BATCH)
        rows = (await tx.execute(found)).all()
    gate = asyncio.Semaphore(AT_ONCE)

    async def attempt(delivery_id: str, attempts: int) -> None:
        async with gate:
            await _attempt(services, delivery_id, attempts)

    await asyncio.gather(*(attempt(*row) for row in rows))


async def _attempt(services: "Services", delivery_id: str, attempts: int) -> None:
    row = await _claim(services, delivery_id, attempts)
    if row is None:
        return
    error: Undelivered | None = None
    try:
        await (_mail if row.way == EMAIL else _post)(services, row)
    except Undelivered as undelivered:
        error = undelivered
    except Exception as bug:
        log.warning("delivery.bug", delivery=delivery_id, error=type(bug).__name__)
        error = Undelivered(f"the gateway failed ({type(bug).__name__})")
    values = _after(services, attempts, error)
    mine = (Delivery.id == delivery_id, Delivery.status == WAITING, Delivery.attempts == attempts + 1)
    async with services.database.write() as tx:
        await tx.execute(update(Delivery).where(*mine).values(values))
    log.info("delivery.tried", delivery=delivery_id, status=values["status"], error=values["error"])


async def _claim(services: "Services", delivery_id: str, attempts: int) -> Any:
    """What to send and where; None if somebody else sends it."""
    now_ms = _now_ms(services)
    free = (
        Delivery.id == delivery_id,
        Delivery.status == WAITING,
        Delivery.attempts == attempts,
        Delivery.next_ms <= now_ms,
    )
    claimed = {"attempts": attempts + 1, "next_ms": now_ms + int(CLAIM_S * 1000)}
    async with services.database.write() as tx:
        if not (await tx.execute(update(Delivery).where(*free).values(claimed))).rowcount:
            return None
        details = (
            select(
                Delivery.id,
                Delivery.way,
                Delivery.kind,
                Delivery.target,
                Delivery.data,
                Delivery.created_ms,
                Account.name,
                Notice.webhook_url,
                Notice.webhook_secret,
                Notice.language,
            )
            .join(Account, Account.id == Delivery.account_id)
            .outerjoin(Notice, Notice.account_id == Delivery.account_id)
            .where(Delivery.id == delivery_id)
        )
        return (await tx.execute(details)).one()


async def _mail(services: "Services", row: Row[Any]) -> None:
    settings = services.settings
    if not settings.smtp_host:
        raise Undelivered("no mail server is set: smtp_host", is_final=True)
    try:
        now_s = services.clock.now()
        letter = mail.letter(settings, row.id, row.target, row.name, row.data, row.language or "en", now_s)
    except ValueError as error:
        raise Undelivered("no letter can be addressed to or from such an address", is_final=True) from error
    await mail.send(settings, letter)


async def _post(services: "Services", row: Row[Any]) -> None:
    """To where the webhook is now: a mistake in its address may have been corrected since."""
    if row.webhook_url is None or row.webhook_secret is None:
        raise Undelivered("the account has no webhook any more", is_final=True)
    event = {"type": row.kind, "timestamp": iso(row.created_ms / 1000), "data": row.data}
    await webhook.send(
        row.webhook_url,
        services.vault.open(row.webhook_secret),
        row.id,
        msgspec.json.encode(event).decode(),
        at_s=services.clock.now(),
        allowed=services.settings.fetch_allow,
    )


def _after(services: "Services", attempts: int, error: Undelivered | None) -> dict[str, Any]:
    """What becomes of a delivery that was tried once more after `attempts` attempts."""
    now_ms = _now_ms(services)
    if error is None:
        return {"status": SENT, "sent_ms": now_ms, "error": ""}
    if error.is_final or attempts >= len(PAUSES_S):
        return {"status": FAILED, "error": str(error)}
    return {"status": WAITING, "next_ms": now_ms + int(PAUSES_S[attempts] * 1000), "error": str(error)}


def _now_ms(services: "Services") -> int:
    return int(services.clock.now() * 1000)
