"""Dispatch: deliveries on their way, tried again with growing pauses until they arrived.

Each attempt is claimed by a guarded UPDATE, so that of several workers one sends it. A worker that dies in the middle
may have sent it: it is sent again, with the same id. What is told of one subject goes in order: a delivery waits for
those before it, but the end of a task not for callbacks that were refused before. Nobody waits for others' receivers:
of all attempts at a time, one receiver and one account have few.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import structlog
from sqlalchemy import Row, case, exists, select, text, update
from sqlalchemy.orm import aliased

from pronghorn.commerce.deliveries import CALLBACK, EMAIL, FAILED, SENT, WAITING, make_way, open_callback
from pronghorn.commerce.undelivered import Undelivered
from pronghorn.kit.clock import iso
from pronghorn.kit.later import Later
from pronghorn.store import Tx
from pronghorn.store.models import Account, Delivery, Notice

if TYPE_CHECKING:
    from pronghorn.commerce import mail, webhook
    from pronghorn.commerce.jobs import Services
else:
    mail, webhook = Later("pronghorn.commerce.mail"), Later("pronghorn.commerce.webhook")

log = structlog.get_logger()

EVERY_S = 1.0
PAUSES_S: tuple[float, ...] = (5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 36_000)
"""Between two attempts: ten in all, over 28 hours."""
CLAIM_S = 300.0
"""Longer than any attempt takes."""
AT_ONCE = 32
AT_ONCE_PER_ACCOUNT = 8
AT_ONCE_PER_RECEIVER = 4
BATCH = 100
"""Looked at together; more than `AT_ONCE`, so that each look finds something that is not under way."""

_before = aliased(Delivery)
_IS_FIRST = ~exists().where(
    _before.subject == Delivery.subject,
    _before.way == Delivery.way,
    _before.turn < Delivery.turn,
    _before.status == WAITING,
)
"""Whatever is to be told before it, of the same subject by the same way, is sent or failed."""
_RECEIVER = case((Delivery.way == EMAIL, EMAIL), else_=Delivery.target)
"""An origin; all letters go to one server."""


class Due(NamedTuple):
    id: str
    attempts: int
    account_id: str
    receiver: str


class Slots:
    """Who has how many attempts under way."""

    def __init__(self, under_way: Iterable[Due]) -> None:
        self._ids: set[str] = set()
        self._receivers: Counter[str] = Counter()
        self._accounts: Counter[str] = Counter()
        for due in under_way:
            self._add(due)

    def take(self, due: Due) -> bool:
        """False if it is under way already, or if there is no room for it."""
        has_room = (
            not self.are_full
            and self._receivers[due.receiver] < AT_ONCE_PER_RECEIVER
            and self._accounts[due.account_id] < AT_ONCE_PER_ACCOUNT
        )
        if due.id in self._ids or not has_room:
            return False
        self._add(due)
        return True

    @property
    def are_full(self) -> bool:
        return len(self._ids) >= AT_ONCE

    @property
    def full_receivers(self) -> list[str]:
        return [name for name, count in self._receivers.items() if count >= AT_ONCE_PER_RECEIVER]

    @property
    def full_accounts(self) -> list[str]:
        return [name for name, count in self._accounts.items() if count >= AT_ONCE_PER_ACCOUNT]

    def _add(self, due: Due) -> None:
        self._ids.add(due.id)
        self._receivers[due.receiver] += 1
        self._accounts[due.account_id] += 1


async def send_due(services: "Services") -> None:
    """Until nothing is due any more. What becomes due meanwhile does not wait for what is under way."""
    under_way: dict[asyncio.Task[None], Due] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            for due in await _take(services, under_way.values()):
                under_way[group.create_task(_attempt(services, due))] = due
            if not under_way:
                return
            done, _ = await asyncio.wait(under_way, timeout=EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del under_way[task]


async def _take(services: "Services", under_way: Iterable[Due]) -> list[Due]:
    """What may be tried now beside what is `under_way`, the longest due first."""
    slots = Slots(under_way)
    taken: list[Due] = []
    async with services.database.read() as tx:
        while not slots.are_full:
            found = await _look(tx, slots, _now_ms(services))
            taken += [due for due in found if slots.take(due)]
            if len(found) < BATCH:
                break
    return taken


async def _look(tx: Tx, slots: Slots, now_ms: int) -> list[Due]:
    """The next ones of those who have not as many attempts under way as they may."""
    found = (
        select(Delivery.id, Delivery.attempts, Delivery.account_id, _RECEIVER)
        # As it stands in the index: a bound value would not lead there.
        .where(text("deliveries.status = 'waiting'"), Delivery.next_ms <= now_ms, _IS_FIRST)
        .where(_RECEIVER.not_in(slots.full_receivers), Delivery.account_id.not_in(slots.full_accounts))
        .order_by(Delivery.next_ms)
        .limit(BATCH)
    )
    return [Due(*row) for row in await tx.execute(found)]


async def _attempt(services: "Services", due: Due) -> None:
    try:
        row = await _claim(services, due)
        if row is not None:
            await _note(services, due, row, await _send(services, row))
    except Exception as error:
        # The others go on; this one is tried again when its claim ends.
        log.warning("delivery.left", delivery=due.id, error=type(error).__name__)
        # If it was not even claimed, it is due still.
        await asyncio.sleep(EVERY_S)


async def _claim(services: "Services", due: Due) -> Any:
    """What to send and where; None if somebody else sends it."""
    now_ms = _now_ms(services)
    free = (
        Delivery.id == due.id,
        Delivery.status == WAITING,
        Delivery.attempts == due.attempts,
        Delivery.next_ms <= now_ms,
    )
    claimed = {"attempts": due.attempts + 1, "next_ms": now_ms + int(CLAIM_S * 1000), "error": ""}
    async with services.database.write() as tx:
        if not (await tx.execute(update(Delivery).where(*free).values(claimed))).rowcount:
            return None
        details = (
            select(Delivery, Account.name, Notice.webhook_url, Notice.webhook_secret, Notice.language)
            .join(Account, Account.id == Delivery.account_id)
            .outerjoin(Notice, Notice.account_id == Delivery.account_id)
            .where(Delivery.id == due.id)
        )
        return (await tx.execute(details)).one()


async def _send(services: "Services", row: Row[Any]) -> Undelivered | None:
    """None if it arrived."""
    send = {EMAIL: _mail, CALLBACK: _call_back}.get(row.way, _tell_webhook)
    try:
        await send(services, row)
    except Undelivered as undelivered:
        return undelivered
    except Exception as bug:
        log.warning("delivery.bug", delivery=row.id, error=type(bug).__name__)
        return Undelivered(f"the gateway failed ({type(bug).__name__})")
    return None


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


async def _tell_webhook(services: "Services", row: Row[Any]) -> None:
    """To where the webhook is now: a mistake in its address may have been corrected since."""
    if row.webhook_url is None or row.webhook_secret is None:
        raise Undelivered("the account has no webhook any more", is_final=True)
    event = {"type": row.kind, "timestamp": iso(row.created_ms / 1000), "data": row.data}
    await _post(services, row, row.webhook_url, msgspec.json.encode(event))


async def _call_back(services: "Services", row: Row[Any]) -> None:
    url, body = open_callback(services.vault, row.sealed)
    await _post(services, row, url, body)


async def _post(services: "Services", row: Row[Any], url: str, body: bytes) -> None:
    await webhook.send(
        url,
        None if row.webhook_secret is None else services.vault.open(row.webhook_secret),
        row.id,
        body,
        at_s=services.clock.now(),
        allowed=services.settings.fetch_allow,
    )


async def _note(services: "Services", due: Due, row: Row[Any], error: Undelivered | None) -> None:
    """Write down what came of it, unless its claim ended and somebody else has it."""
    values = _after(services, due.attempts, error)
    mine = (Delivery.id == due.id, Delivery.status == WAITING, Delivery.attempts == due.attempts + 1)
    async with services.database.write() as tx:
        is_mine = bool((await tx.execute(update(Delivery).where(*mine).values(values))).rowcount)
        if is_mine and "next_ms" in values and not (row.way == CALLBACK and await make_way(tx, row.subject)):
            await _keep_behind(tx, row, _now_ms(services), values["next_ms"])
    log.info(
        "delivery.tried",
        delivery=due.id,
        way=row.way,
        subject=row.subject,
        status=values["status"],
        error=values["error"],
    )


async def _keep_behind(tx: Tx, row: Row[Any], now_ms: int, next_ms: int) -> None:
    """Those behind it could not go before it anyway: so each look for what is due is spared them."""
    behind = (
        Delivery.subject == row.subject,
        Delivery.way == row.way,
        Delivery.turn > row.turn,
        Delivery.status == WAITING,
        Delivery.next_ms <= now_ms,
    )
    if row.subject is not None:
        await tx.execute(update(Delivery).where(*behind).values(next_ms=next_ms))


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
