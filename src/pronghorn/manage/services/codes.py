"""Codes that become balance: their batches, what became of each, and redeeming one for an account."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import select

from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import codes
from pronghorn.commerce.codes import MAX_CODES, Status
from pronghorn.commerce.spelling import EXAMPLE, MAX_TYPED
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Name, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx
from pronghorn.store import models as table


class NewCodeBatch(Struct, forbid_unknown_fields=True):
    name: Name
    amount_usd: Usd
    """What each code is worth."""
    count: Annotated[int, Meta(ge=1, le=MAX_CODES)] = 1
    expires_at: Time | None = None


class CodeBatchChange(Struct, forbid_unknown_fields=True):
    disabled: bool | UnsetType = UNSET


class CodeChange(Struct, forbid_unknown_fields=True):
    disabled: bool | UnsetType = UNSET


class Redemption(Struct, forbid_unknown_fields=True):
    code: Annotated[
        str,
        Meta(max_length=MAX_TYPED, description="Case and dashes do not matter.", examples=[EXAMPLE]),
    ]
    account_id: str

    def __repr__(self) -> str:
        return "Redemption(***)"


class CodeBatch(Struct, kw_only=True):
    id: str
    name: str
    amount_usd: Usd
    count: int
    used: int
    """How many were redeemed."""
    disabled: bool
    expires_at: Time | None
    created_at: Time


class MadeCode(Struct):
    id: str
    code: str

    def __repr__(self) -> str:
        return f"MadeCode({self.id})"


class CreatedCodeBatch(CodeBatch, kw_only=True):
    codes: list[MadeCode]
    """Shown this once."""


class Code(Struct):
    id: str
    batch: str
    """The batch's id."""
    batch_name: str
    hint: str
    amount_usd: Usd
    status: Status
    expires_at: Time | None
    created_at: Time
    redeemed_at: Time | None
    account_id: str | None
    """Who got the money."""
    user_id: str | None
    """Which user redeemed it; null: an operator, or nobody yet."""


class Redeemed(Struct):
    code_id: str
    batch: str
    account_id: str
    amount_usd: Usd


def view(row: Any) -> Code:
    return Code(
        id=row.id,
        batch=row.batch_id,
        batch_name=row.name,
        hint=row.hint,
        amount_usd=format_usd(row.amount),
        status=row.status,
        expires_at=fields.maybe_time(row.expires_ms),
        created_at=fields.time_text(row.created_ms),
        redeemed_at=fields.maybe_time(row.redeemed_ms),
        account_id=row.redeemed_account_id,
        user_id=row.redeemed_user_id,
    )


def _batch_view(row: Any, used: int) -> CodeBatch:
    return CodeBatch(
        id=row.id,
        name=row.name,
        amount_usd=format_usd(row.amount),
        count=row.count,
        used=used,
        disabled=row.is_disabled,
        expires_at=fields.maybe_time(row.expires_ms),
        created_at=fields.time_text(row.created_ms),
    )


async def create(tx: Tx, act: Act, secrets: Secrets, new: NewCodeBatch) -> CreatedCodeBatch:
    batch_id, made = await codes.create(
        tx,
        act,
        secrets,
        name=fields.clean(new.name, "name"),
        count=new.count,
        amount=fields.amount(new.amount_usd, "amount_usd"),
        expires_ms=fields.future_ms(new.expires_at, "expires_at", act.now_ms),
    )
    shown = [MadeCode(each.id, each.code) for each in made]
    stored = await get_batch(tx, batch_id)
    return CreatedCodeBatch(
        codes=shown, **{name: getattr(stored, name) for name in CodeBatch.__struct_fields__}
    )


async def get_batch(tx: Tx, batch_id: str) -> CodeBatch:
    row = (await tx.execute(select(table.CodeBatch).where(table.CodeBatch.id == batch_id))).one_or_none()
    if row is None:
        raise codes.no_batch(batch_id)
    return _batch_view(row, (await codes.used(tx, [batch_id])).get(batch_id, 0))


async def page_batches(tx: Tx, part: Window) -> Page[CodeBatch]:
    columns = table.CodeBatch.created_ms, table.CodeBatch.id
    found = await fetch(tx, select(table.CodeBatch), *columns, part, lambda row: row)
    used = await codes.used(tx, [row.id for row in found.items])
    return Page([_batch_view(row, used.get(row.id, 0)) for row in found.items], found.next)


async def change_batch(tx: Tx, act: Act, batch_id: str, patch: CodeBatchChange) -> CodeBatch:
    if isinstance(patch.disabled, bool):
        await codes.set_batch_disabled(tx, act, batch_id, disabled=patch.disabled)
    return await get_batch(tx, batch_id)


async def get(tx: Tx, code_id: str, now_ms: int) -> Code:
    row = (await tx.execute(codes.listed(now_ms).where(table.Code.id == code_id))).one_or_none()
    if row is None:
        raise codes.no_code(code_id)
    return view(row)


async def page(tx: Tx, part: Window, batch: str | None, status: Status | None, now_ms: int) -> Page[Code]:
    wanted = (table.Code.batch_id, batch), (codes.status_at(now_ms), status)
    statement = matching(codes.listed(now_ms), *wanted)
    return await fetch(tx, statement, table.Code.created_ms, table.Code.id, part, view)


async def change(tx: Tx, act: Act, code_id: str, patch: CodeChange) -> Code:
    if isinstance(patch.disabled, bool):
        await codes.set_disabled(tx, act, code_id, disabled=patch.disabled)
    return await get(tx, code_id, act.now_ms)


async def redeem(tx: Tx, act: Act, secrets: Secrets, redemption: Redemption) -> Redeemed:
    done = await codes.redeem(tx, act, secrets, redemption.code, redemption.account_id)
    return Redeemed(done.code_id, done.batch_id, redemption.account_id, format_usd(done.amount))
