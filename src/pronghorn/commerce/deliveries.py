"""Deliveries: what is to be told by e-mail, webhook or callback, and kept until a month after.

A delivery is made in the transaction of what it tells, so that none is lost; `dispatch` sends it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from sqlalchemy import Row, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce.targets import origin
from pronghorn.errors import Conflict, NotFound
from pronghorn.kit.ids import new_id
from pronghorn.store import Tx
from pronghorn.store.models import Delivery, Notice

if TYPE_CHECKING:
    from pronghorn.commerce.jobs import Services

WAITING, SENT, FAILED = "waiting", "sent", "failed"
EMAIL, WEBHOOK, CALLBACK = "email", "webhook", "callback"
BALANCE_LOW: Final = "balance.low"
Event = Literal["balance.low", "task.*", "task.succeeded", "task.failed", "task.cancelled"]
"""What a webhook can be told; `task.*` is every one of a task."""
LAST: Final = ("task.succeeded", "task.failed", "task.cancelled")
"""How a task ended: what must arrive, while the callbacks before it need not."""
SUPERSEDED: Final = "the task has ended since, and that is told instead"
KEPT_MS = 30 * 86_400_000
"""From when it was made, once it is sent or failed."""
BATCH = 1000
"""Deleted in one transaction."""

_before = aliased(Delivery)
_LAST_TURN = select(func.coalesce(func.max(_before.turn), 0))
_other = aliased(Delivery)
_OF_THE_SAME = (_other.subject == Delivery.subject, _other.way == Delivery.way)
_STANDS_IN_THE_WAY = (
    Delivery.way == CALLBACK,
    Delivery.status == WAITING,
    # One that is under way arrives or not: then its turn is over.
    or_(Delivery.attempts == 0, Delivery.error != ""),
    exists().where(
        *_OF_THE_SAME, _other.turn > Delivery.turn, _other.kind.in_(LAST), _other.status == WAITING
    ),
    exists().where(*_OF_THE_SAME, _other.kind.not_in(LAST), _other.error != ""),
)
"""A callback of a task that has ended, whose receiver has refused one of those before the last one."""


async def queue(tx: Tx, notice: Row[Any], kind: str, data: dict[str, Any], now_ms: int) -> None:
    """One for each e-mail address of a `Notice` row, and for its webhook if that is told such things."""
    for email in notice.emails:
        await _add(
            tx,
            account_id=notice.account_id,
            kind=kind,
            way=EMAIL,
            target=email,
            data=data,
            now_ms=now_ms,
        )
    await _to_webhook(tx, notice, None, kind, data, now_ms)


async def queue_event(
    tx: Tx, *, account_id: str, subject: str, kind: str, data: dict[str, Any], now_ms: int
) -> None:
    """What happened to a task, `task.<state>`, to the account's webhook if that is told such things."""
    found = select(Notice).where(Notice.account_id == account_id, Notice.webhook_url.is_not(None))
    notice = (await tx.execute(found)).one_or_none()
    if notice is not None:
        await _to_webhook(tx, notice, subject, kind, data, now_ms)


async def queue_callback(
    tx: Tx,
    vault: Secrets,
    *,
    account_id: str,
    subject: str,
    kind: str,
    url: str,
    body: bytes,
    now_ms: int,
) -> None:
    """`body`, as it is, to an address that a task brought with it and that `targets.check_url` has seen."""
    await _add(
        tx,
        account_id=account_id,
        kind=kind,
        way=CALLBACK,
        target=origin(url),
        subject=subject,
        sealed=vault.seal_bytes(msgspec.msgpack.encode((url, body))),
        now_ms=now_ms,
    )
    if kind in LAST:
        await make_way(tx, subject)


async def make_way(tx: Tx, subject: str) -> bool:
    """Give up what keeps the end of a task from being told, once its receiver refused some of it. False: nothing."""
    superseded = {"status": FAILED, "error": SUPERSEDED}
    in_the_way = update(Delivery).where(Delivery.subject == subject, *_STANDS_IN_THE_WAY)
    return bool((await tx.execute(in_the_way.values(superseded))).rowcount)


def open_callback(vault: Secrets, sealed: str) -> tuple[str, bytes]:
    """URL and body. Raises `SecretError`."""
    return msgspec.msgpack.decode(vault.open_bytes(sealed), type=tuple[str, bytes])


def is_wanted(events: Sequence[str] | None, kind: str) -> bool:
    """Is a webhook with these `events` told of `kind`?"""
    chosen = (BALANCE_LOW,) if events is None else events
    return kind in chosen or f"{kind.partition('.')[0]}.*" in chosen


async def replay(tx: Tx, delivery_id: str, now_ms: int) -> None:
    """Send it again, from the first attempt on. Raises `Conflict` if it is on its way already."""
    known = await tx.scalar(select(Delivery.id).where(Delivery.id == delivery_id))
    if known is None:
        raise NotFound(f"there is no delivery {delivery_id!r}; the list of deliveries has their ids")
    again = {"status": WAITING, "attempts": 0, "next_ms": now_ms, "error": "", "sent_ms": None}
    done = (Delivery.id == delivery_id, Delivery.status != WAITING)
    if not (await tx.execute(update(Delivery).where(*done).values(again))).rowcount:
        raise Conflict("this delivery is on its way already")


async def forget_old(services: "Services") -> None:
    """A job: what is done goes, with what was sealed in it. Batch by batch, so that nobody waits for long."""
    before_ms = int(services.clock.now() * 1000) - KEPT_MS
    done = (Delivery.created_ms < before_ms, Delivery.status != WAITING)
    some = select(Delivery.id).where(*done).order_by(Delivery.created_ms).limit(BATCH)
    count = BATCH
    while count == BATCH:
        async with services.database.write() as tx:
            count = (await tx.execute(delete(Delivery).where(Delivery.id.in_(some), *done))).rowcount


async def _to_webhook(
    tx: Tx, notice: Row[Any], subject: str | None, kind: str, data: dict[str, Any], now_ms: int
) -> None:
    if notice.webhook_url is None or not is_wanted(notice.events, kind):
        return
    await _add(
        tx,
        account_id=notice.account_id,
        kind=kind,
        way=WEBHOOK,
        target=origin(notice.webhook_url),
        subject=subject,
        data=data,
        now_ms=now_ms,
    )


async def _add(
    tx: Tx,
    *,
    account_id: str,
    kind: str,
    way: str,
    target: str,
    now_ms: int,
    subject: str | None = None,
    data: dict[str, Any] | None = None,
    sealed: str | None = None,
) -> None:
    last = _LAST_TURN.where(_before.subject == subject, _before.way == way)
    await tx.execute(
        insert(Delivery).values(
            id=new_id("msg"),
            account_id=account_id,
            kind=kind,
            way=way,
            target=target,
            subject=subject,
            turn=0 if subject is None else last.scalar_subquery() + 1,
            data=data or {},
            sealed=sealed,
            status=WAITING,
            next_ms=now_ms,
            created_ms=now_ms,
        )
    )
