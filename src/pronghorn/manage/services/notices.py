"""Notices: who is told what of an account, and how. A webhook's secret is shown once, when it is made."""

import base64
import binascii
import secrets as random_source
from collections.abc import Iterable
from email.errors import MessageError
from email.headerregistry import Address
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field
from sqlalchemy import delete, insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import targets
from pronghorn.commerce.deliveries import BALANCE_LOW, Event
from pronghorn.errors import BadRequest, NotFound
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Time, Usd
from pronghorn.manage.services import accounts
from pronghorn.store import Tx
from pronghorn.store import models as table

Language = Literal["en", "zh"]
Email = Annotated[str, Meta(min_length=3, max_length=200)]

SECRET_PREFIX = "whsec_"  # noqa: S105 - not one, but how each begins
SECRET_BYTES = range(24, 65)


class NewNotice(Struct, forbid_unknown_fields=True):
    threshold_usd: Usd | None = None
    """Of `balance.low`, which nothing but that needs."""
    emails: Annotated[list[Email], Meta(max_length=10)] = field(default_factory=list)
    """Told of `balance.low`, whatever the webhook is told."""
    webhook_url: Annotated[str, Meta(max_length=400)] | None = None
    webhook_secret: Annotated[str, Meta(max_length=100)] | None = None
    """`whsec_...`, which signs; null keeps the one that there is, or makes one."""
    events: Annotated[list[Event], Meta(min_length=1)] = field(default_factory=lambda: [BALANCE_LOW])
    """What the webhook is told; `task.*` is every end of a task."""
    language: Language = "en"
    """Of the letters."""


class Notice(Struct, omit_defaults=True):
    account_id: str
    threshold_usd: Usd | None
    emails: list[str]
    webhook_url: str | None
    events: list[str]
    """What the webhook is told."""
    language: Language
    low: bool
    """The balance is under the threshold, and that was told."""
    changed_at: Time
    webhook_secret: str | UnsetType = UNSET
    """Shown this once, when it was made."""


def view(row: Any) -> Notice:
    return Notice(
        account_id=row.account_id,
        threshold_usd=None if row.threshold is None else format_usd(row.threshold),
        emails=row.emails,
        webhook_url=row.webhook_url,
        events=row.events or [BALANCE_LOW],
        language=row.language,
        low=row.is_low,
        changed_at=fields.time_text(row.changed_ms),
    )


async def put(
    tx: Tx, act: Act, secrets: Secrets, fetch_allow: Iterable[str], account_id: str, new: NewNotice
) -> Notice:
    await accounts.get(tx, account_id)
    values = _columns(new, fetch_allow)
    this = table.Notice.account_id == account_id
    known = (await tx.execute(select(table.Notice).where(this).with_for_update())).one_or_none()
    made = None
    if new.webhook_url is not None:
        if new.webhook_secret is not None:
            values["webhook_secret"] = secrets.seal(_secret(new.webhook_secret))
        elif known is None or known.webhook_secret is None:
            made = SECRET_PREFIX + base64.b64encode(random_source.token_bytes(32)).decode()
            values["webhook_secret"] = secrets.seal(made)
        else:
            del values["webhook_secret"]
    if values["threshold"] is None:
        values["is_low"] = False
    values["changed_ms"] = act.now_ms
    if known is None:
        await tx.execute(insert(table.Notice).values(account_id=account_id, **values))
    else:
        await tx.execute(update(table.Notice).where(this).values(values))
    await act.record(
        tx,
        "notice.set",
        account_id,
        threshold_usd=new.threshold_usd,
        emails=values["emails"],
        webhook=None if new.webhook_url is None else targets.origin(new.webhook_url),
        events=values["events"],
        language=new.language,
    )
    found = await get(tx, account_id)
    found.webhook_secret = made or UNSET
    return found


async def get(tx: Tx, account_id: str) -> Notice:
    await accounts.get(tx, account_id)
    row = (await tx.execute(select(table.Notice).where(table.Notice.account_id == account_id))).one_or_none()
    if row is None:
        raise NotFound(f"nobody is told of {account_id!r}; PUT says who is to be")
    return view(row)


async def remove(tx: Tx, act: Act, account_id: str) -> None:
    await get(tx, account_id)
    await tx.execute(delete(table.Notice).where(table.Notice.account_id == account_id))
    await act.record(tx, "notice.delete", account_id)


def _columns(new: NewNotice, fetch_allow: Iterable[str]) -> dict[str, Any]:
    """Raises `BadRequest` that names the field."""
    if not new.emails and new.webhook_url is None:
        raise BadRequest("give at least one of emails and webhook_url; DELETE turns notices off")
    if new.webhook_url is None:
        _check_no_webhook(new)
    else:
        targets.check_url(new.webhook_url, fetch_allow, "webhook_url")
    return {
        "threshold": _threshold(new),
        "emails": list(dict.fromkeys(_email(text) for text in new.emails)),
        "webhook_url": new.webhook_url,
        "webhook_secret": None,
        "events": list(dict.fromkeys(new.events)),
        "language": new.language,
    }


def _check_no_webhook(new: NewNotice) -> None:
    if new.webhook_secret is not None:
        raise BadRequest("webhook_secret needs a webhook_url", param="webhook_secret")
    if new.events != [BALANCE_LOW]:
        raise BadRequest(
            f"events needs a webhook_url: emails are told of {BALANCE_LOW} alone", param="events"
        )


def _threshold(new: NewNotice) -> int | None:
    """Given if and only if somebody is told of it."""
    is_told = bool(new.emails) or BALANCE_LOW in new.events
    if new.threshold_usd is None:
        if is_told:
            raise BadRequest(
                f"threshold_usd is needed for {BALANCE_LOW}; for a webhook of tasks alone, leave that out of events",
                param="threshold_usd",
            )
        return None
    threshold = fields.amount(new.threshold_usd, "threshold_usd")
    if threshold <= 0:
        raise BadRequest("threshold_usd must be more than 0", param="threshold_usd")
    if not is_told:
        raise BadRequest(
            f"nobody is told of threshold_usd: leave it out, or add {BALANCE_LOW} to events",
            param="threshold_usd",
        )
    return threshold


def _email(text: str) -> str:
    """As `fields.email`, and one that a letter can be addressed to."""
    email = fields.email(text, "emails")
    try:
        if Address(addr_spec=email).addr_spec != email or not email.isascii():
            raise ValueError
    except (ValueError, MessageError, IndexError) as error:
        raise BadRequest("emails must look like name@host, in ASCII", param="emails") from error
    return email


def _secret(text: str) -> str:
    try:
        if not text.startswith(SECRET_PREFIX):
            raise ValueError
        if len(base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)) not in SECRET_BYTES:
            raise ValueError
    except (ValueError, binascii.Error) as error:
        raise BadRequest(
            "webhook_secret must be whsec_ and 24 to 64 bytes in base64; leave it out to have one made",
            param="webhook_secret",
        ) from error
    return text
