"""Codes: what is printed on cards or given away, and becomes balance once.

Of a code only its keyed hash is kept, so a stolen database redeems nothing. Guessing is hopeless without counting
tries: see `spelling`. What is wrong with a code is told to whoever has it: they could not have it otherwise.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, case, func, insert, or_, select, update

from pronghorn.accounts import account
from pronghorn.accounts.act import Act
from pronghorn.accounts.keys import keyed_hash
from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import spelling
from pronghorn.errors import BadRequest, Conflict, NotFound, PronghornError
from pronghorn.kit.clock import iso
from pronghorn.kit.ids import new_id
from pronghorn.kit.money import MAX_NANO, format_usd
from pronghorn.ledger import repository
from pronghorn.store import Tx
from pronghorn.store.models import Code, CodeBatch

Status = Literal["unused", "used", "disabled", "expired"]
MAX_CODES = 1_000
MAX_NAME = 200


class MadeCode(NamedTuple):
    id: str
    code: str
    """Shown this once."""

    def __repr__(self) -> str:
        return f"MadeCode({self.id})"


class Redeemed(NamedTuple):
    code_id: str
    batch_id: str
    amount: int
    """Nano-dollars."""


def status_at(now_ms: int) -> ColumnElement[str]:
    """The status of a code, for statements that have `codes` joined with `code_batches`."""
    return case(
        (Code.redeemed_ms.is_not(None), "used"),
        (or_(Code.is_disabled, CodeBatch.is_disabled), "disabled"),
        (CodeBatch.expires_ms <= now_ms, "expired"),
        else_="unused",
    )


def listed(now_ms: int) -> Select[Any]:
    """Codes, each with its batch's name, amount and expiry, and its `status`."""
    of_batch = CodeBatch.name, CodeBatch.amount, CodeBatch.expires_ms
    columns: tuple[Any, ...] = (Code, *of_batch, status_at(now_ms).label("status"))
    return select(*columns).join(CodeBatch, CodeBatch.id == Code.batch_id)


async def create(
    tx: Tx, act: Act, secrets: Secrets, *, name: str, count: int, amount: int, expires_ms: int | None = None
) -> tuple[str, list[MadeCode]]:
    """Make a batch of `count` codes of `amount` nano-dollars each. Gives its id, and the codes this once."""
    _check_batch(act, name, count, amount, expires_ms)
    batch_id = new_id("cdb")
    made = [MadeCode(new_id("cod"), spelling.new_code()) for _ in range(count)]
    await tx.execute(
        insert(CodeBatch).values(
            id=batch_id,
            name=name,
            amount=amount,
            count=count,
            expires_ms=expires_ms,
            is_disabled=False,
            created_ms=act.now_ms,
        )
    )
    await tx.execute(insert(Code), [_row(act, secrets, batch_id, each) for each in made])
    detail = {} if expires_ms is None else {"expires_at": iso(expires_ms / 1000)}
    await act.record(
        tx, "code.create", batch_id, name=name, count=count, amount_usd=format_usd(amount), **detail
    )
    return batch_id, made


def _row(act: Act, secrets: Secrets, batch_id: str, made: MadeCode) -> dict[str, Any]:
    return {
        "id": made.id,
        "batch_id": batch_id,
        "hint": spelling.hint(made.code),
        "hash": keyed_hash(secrets.hash_key, made.code),
        "is_disabled": False,
        "created_ms": act.now_ms,
    }


def _check_batch(act: Act, name: str, count: int, amount: int, expires_ms: int | None) -> None:
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
        raise BadRequest(f"name must be one line of 1 to {MAX_NAME} printable characters", param="name")
    if not 1 <= count <= MAX_CODES:
        raise BadRequest(
            f"count must be between 1 and {MAX_CODES}; make several batches for more", param="count"
        )
    if not 0 < amount <= MAX_NANO:
        raise BadRequest("amount_usd must be more than 0", param="amount_usd")
    if expires_ms is not None and expires_ms <= act.now_ms:
        raise BadRequest("expires_at must lie in the future", param="expires_at")


async def redeem(
    tx: Tx, act: Act, secrets: Secrets, typed: str, account_id: str, *, user_id: str | None = None
) -> Redeemed:
    """Pay a code's amount into an account. `user_id`: who does it, None for an operator.

    The code is marked and the money is paid in one transaction. Of any number at the same moment one is first: the
    others find it marked, and raise what they would a day later.
    """
    code = spelling.read_code(typed)
    await account.check(tx, account_id)
    found = await _find(tx, secrets, code, act.now_ms)
    if found is None:
        raise NotFound(
            "code: there is no such code; look whether it belongs to this site",
            param="code",
            code="code_unknown",
        )
    if found.status != "unused" or not await _mark(tx, act, found.id, account_id, user_id):
        raise _refusal(await _find(tx, secrets, code, act.now_ms), account_id)
    await repository.pay_in(
        tx,
        account_id,
        found.amount,
        kind="redeem",
        source="promotion",
        reference=f"code:{found.id}",
        note=found.name,
        now_ms=act.now_ms,
    )
    amount_usd = format_usd(found.amount)
    await act.record(tx, "code.redeem", found.id, account_id=account_id, amount_usd=amount_usd)
    return Redeemed(found.id, found.batch_id, found.amount)


async def _find(tx: Tx, secrets: Secrets, code: str, now_ms: int) -> Any:
    """None: there is no such code. Codes from before a change of the secret are known by the old one."""
    hashes = [keyed_hash(key, code) for key in secrets.hash_keys]
    return (await tx.execute(listed(now_ms).where(Code.hash.in_(hashes)))).one_or_none()


async def _mark(tx: Tx, act: Act, code_id: str, account_id: str, user_id: str | None) -> bool:
    """False: somebody was faster, or it was disabled meanwhile."""
    is_open = or_(CodeBatch.expires_ms.is_(None), CodeBatch.expires_ms > act.now_ms)
    batches = select(CodeBatch.id).where(CodeBatch.is_disabled.is_(False), is_open)
    marked = await tx.execute(
        update(Code)
        .where(Code.id == code_id, Code.redeemed_ms.is_(None), Code.is_disabled.is_(False))
        .where(Code.batch_id.in_(batches))
        .values(redeemed_ms=act.now_ms, redeemed_account_id=account_id, redeemed_user_id=user_id)
    )
    return bool(marked.rowcount)


def _refusal(found: Any, account_id: str) -> PronghornError:
    word = found.status
    if word == "used":
        whose = "by this account " if found.redeemed_account_id == account_id else ""
        message = f"this code was redeemed {whose}already, at {iso(found.redeemed_ms / 1000)}"
    elif word == "expired":
        message = f"this code expired at {iso(found.expires_ms / 1000)}; ask whoever gave it to you"
    else:  # or it was, a moment ago
        word, message = "disabled", "this code was disabled; ask whoever gave it to you"
    return Conflict(f"code: {message}", param="code", code=f"code_{word}")


async def set_batch_disabled(tx: Tx, act: Act, batch_id: str, *, disabled: bool) -> None:
    """What was redeemed stays redeemed."""
    changed = await tx.execute(update(CodeBatch).where(CodeBatch.id == batch_id).values(is_disabled=disabled))
    if not changed.rowcount:
        raise no_batch(batch_id)
    await act.record(tx, "code_batch.change", batch_id, disabled=disabled)


async def set_disabled(tx: Tx, act: Act, code_id: str, *, disabled: bool) -> None:
    """Raises `Conflict` for a code that was redeemed: to disable it would change nothing."""
    changed = await tx.execute(
        update(Code).where(Code.id == code_id, Code.redeemed_ms.is_(None)).values(is_disabled=disabled)
    )
    if not changed.rowcount:
        if await tx.scalar(select(Code.id).where(Code.id == code_id)):
            raise Conflict(f"code {code_id!r} was redeemed already, which cannot be undone", code="code_used")
        raise no_code(code_id)
    await act.record(tx, "code.change", code_id, disabled=disabled)


def no_batch(batch_id: str) -> NotFound:
    return NotFound(f"there is no batch {batch_id!r}; GET /manage/v1/code-batches lists them")


def no_code(code_id: str) -> NotFound:
    return NotFound(f"there is no code {code_id!r}; GET /manage/v1/codes lists them")


async def used(tx: Tx, batch_ids: Sequence[str]) -> dict[str, int]:
    """How many codes of each batch were redeemed."""
    rows = await tx.execute(
        select(Code.batch_id, func.count().label("used"))
        .where(Code.batch_id.in_(batch_ids), Code.redeemed_ms.is_not(None))
        .group_by(Code.batch_id)
    )
    return {row.batch_id: row.used for row in rows}
