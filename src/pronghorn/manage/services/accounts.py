"""Accounts: who pays. Each has a live and a test wallet; money comes and goes by `adjust` alone."""

import hashlib
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.errors import BadRequest, Conflict, NoCredit, NotFound
from pronghorn.kit.ids import new_id
from pronghorn.kit.money import NANO_PER_USD, format_usd
from pronghorn.ledger import pots, repository
from pronghorn.ledger.credit import Standing
from pronghorn.manage import fields
from pronghorn.manage.fields import Mode, Name, Note, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch
from pronghorn.manage.services import groups, limits
from pronghorn.manage.services.limits import Limits, LimitsChange, NewLimits
from pronghorn.store import Tx, revision
from pronghorn.store import models as table

TEST_MONEY = 1_000 * NANO_PER_USD
MODES: tuple[Literal["live"], Literal["test"]] = ("live", "test")
MAX_REFERENCE = 255
Reference = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_REFERENCE,
        description="Your own name for it: sent again with the same one, it is done once.",
    ),
]


class NewAccount(NewLimits, forbid_unknown_fields=True):
    name: Name
    group: Name = groups.DEFAULT


class AccountChange(LimitsChange, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    group: Name | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class Adjustment(Struct, forbid_unknown_fields=True):
    amount_usd: Annotated[
        str, Meta(description="US dollars as a decimal string; negative takes out.", examples=["5.00"])
    ]
    note: Note = ""
    mode: Mode = "live"
    reference: Reference | None = None


class Lease(Struct):
    """A slice of the balance that one server may spend from memory."""

    server: str
    epoch: int
    amount_usd: Usd


class Account(Limits, omit_defaults=True):
    id: str
    name: str
    group: str
    disabled: bool
    mode: Mode
    balance_usd: Usd
    """What can still be spent."""
    held_usd: Usd
    """Set aside for requests that are running."""
    spent_usd: Usd
    created_at: Time
    leases: list[Lease] | UnsetType = UNSET
    """Only with `detail=1`."""


def view(row: Any, mode: Mode, standing: Standing) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        group=row.group_name,
        disabled=row.is_disabled,
        mode=mode,
        balance_usd=format_usd(standing.balance),
        held_usd=format_usd(standing.held),
        spent_usd=format_usd(standing.spent),
        created_at=fields.time_text(row.created_ms),
        **limits.view(row),
    )


async def create(tx: Tx, act: Act, new: NewAccount) -> str:
    """Gives the new account's id."""
    name = fields.clean(new.name, "name")
    await groups.check(tx, [new.group], "group")
    account_id = new_id("acc")
    given = limits.of(new)
    await tx.execute(
        insert(table.Account).values(
            id=account_id, name=name, group_name=new.group, is_disabled=False, created_ms=act.now_ms, **given
        )
    )
    for mode in MODES:
        await repository.open_wallet(tx, account_id, mode)
    await repository.adjust(tx, account_id, "test", TEST_MONEY, note="test money", now_ms=act.now_ms)
    await act.record(tx, "account.create", account_id, name=name, group=new.group, **given)
    await revision.bump(tx)
    return account_id


async def get(tx: Tx, account_id: str) -> Any:
    """The stored row; `view` makes it an answer."""
    row = (await tx.execute(select(table.Account).where(table.Account.id == account_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no account {account_id!r}; GET /manage/v1/accounts lists them")
    return row


async def page(tx: Tx, part: Window) -> Page[Any]:
    return await fetch(
        tx, select(table.Account), table.Account.created_ms, table.Account.id, part, lambda row: row
    )


async def leases(tx: Tx, account_id: str, mode: Mode) -> list[Lease]:
    rows = await tx.execute(
        select(table.Lease.server, table.Lease.epoch, table.Lease.amount)
        .where(table.Lease.account_id == account_id, table.Lease.mode == mode)
        .order_by(table.Lease.server, table.Lease.epoch)
    )
    return [Lease(server, epoch, format_usd(amount)) for server, epoch, amount in rows]


async def change(tx: Tx, act: Act, account_id: str, patch: AccountChange) -> None:
    await get(tx, account_id)
    detail = fields.given(patch)
    values = limits.among(detail)
    if "name" in detail:
        values["name"] = fields.clean(detail["name"], "name")
    if "group" in detail:
        await groups.check(tx, [detail["group"]], "group")
        values["group_name"] = detail["group"]
    if "disabled" in detail:
        values["is_disabled"] = detail["disabled"]
    if values:
        await tx.execute(update(table.Account).where(table.Account.id == account_id).values(values))
        await act.record(tx, "account.change", account_id, **detail)
        await revision.bump(tx)


def adjustment_nano(adjustment: Adjustment) -> int:
    """Raises `BadRequest` for what is no amount, and for zero."""
    nano = fields.amount(adjustment.amount_usd, "amount_usd")
    if nano == 0:
        raise BadRequest("amount_usd must not be 0: positive pays in, negative takes out", param="amount_usd")
    return nano


async def adjust(tx: Tx, act: Act, account_id: str, adjustment: Adjustment) -> None:
    """Once for each `reference`. Raises `Conflict` if that was used for another adjustment of this account.

    Raises `NoCredit` when less than that is free here: what servers have leased is not.
    """
    await get(tx, account_id)
    nano, mode, note = adjustment_nano(adjustment), adjustment.mode, adjustment.note
    reference = None if adjustment.reference is None else _booked_as(account_id, adjustment.reference)
    try:
        is_new = await repository.adjust(
            tx, account_id, mode, nano, note=note, now_ms=act.now_ms, reference=reference
        )
    except NoCredit as error:
        found = (await pots.account_amounts(tx, [account_id], mode))[account_id]
        leased = f"; servers hold another {format_usd(found.leased)} USD" if found.leased else ""
        raise NoCredit(
            f"only {format_usd(found.balance)} USD can be taken out of this account's {mode} wallet{leased}",
            param="amount_usd",
        ) from error
    except Conflict as error:
        raise Conflict(f"amount_usd: {error.message}", param="amount_usd") from error
    if not is_new:
        await _check_repeated(tx, reference, (nano, mode, note))
        return
    named = {} if reference is None else {"reference": adjustment.reference}
    await act.record(
        tx, "account.adjust", account_id, amount_usd=format_usd(nano), mode=mode, note=note, **named
    )


def _booked_as(account_id: str, reference: str) -> str:
    """Of a length that the ledger holds, and nobody else's: two accounts may be given the same reference."""
    return f"adjust:{hashlib.sha256(f'{account_id}:{reference}'.encode()).hexdigest()}"


async def _check_repeated(tx: Tx, reference: str | None, asked: tuple[int, Mode, str]) -> None:
    entry = (await tx.execute(select(table.Entry).where(table.Entry.reference == reference))).one()
    nano = entry.amount if entry.kind == "deposit" else -entry.amount
    if asked != (nano, entry.mode, entry.note):
        raise Conflict(
            f"reference: it was used for {format_usd(nano)} USD of {entry.mode} money, or with another note (entry "
            f"{entry.id}); send the same again, or use a reference of its own",
            param="reference",
        )
