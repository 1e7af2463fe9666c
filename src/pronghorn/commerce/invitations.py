"""Invitations: who came by whose code, and the rewards for both.

What an invitation is worth is written down at the sign-up; later settings change no promise. Rewards are given at
the invitee's first top-up, or at the sign-up if the operator wants it so: but sign-ups cost nothing, and whoever
signs up a hundred times by a code of their own is paid a hundred times.

Nobody invites themselves, and there are no circles: an account that has invited others cannot be invited any more.
"""

from typing import NamedTuple

import structlog
from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import aliased

from pronghorn.commerce import spelling
from pronghorn.errors import BadRequest, Conflict
from pronghorn.kit.money import parse_usd
from pronghorn.ledger import repository
from pronghorn.ledger.pots import AccountPot, dialect_insert
from pronghorn.settings import Settings
from pronghorn.store import Tx
from pronghorn.store.models import Account, Invitation, Invite, Membership

log = structlog.get_logger()

CODE_LENGTH = 8


class Summary(NamedTuple):
    """What an account's invitations came to. Rewards are balance at once: none waits to be moved."""

    invited: int
    """How many came by its code."""
    rewarded: int
    """For how many of them it was rewarded."""
    reward: int
    """What it got for them, nano-dollars."""
    pending: int
    """What it will get once the others have topped up."""
    inviter_account_id: str | None
    """By whose code it came itself."""


async def code_of(tx: Tx, account_id: str, now_ms: int) -> str:
    """The account's own code: made when it is first asked for, and the same for ever."""
    while True:
        code = await tx.scalar(select(Invite.code).where(Invite.account_id == account_id))
        if code is not None:
            return code
        values = {"account_id": account_id, "code": spelling.random_text(CODE_LENGTH), "created_ms": now_ms}
        # Nothing is written if another one was faster, or if the code is taken: then another one is drawn.
        await _insert_once(tx, Invite, values)


async def accept(tx: Tx, settings: Settings, typed: str, account_id: str, now_ms: int) -> str:
    """Bind a new account to whose invite code it came by; gives that account's id.

    Call it in the transaction of the sign-up, once user, account and membership are there. Raises `BadRequest` with
    `param="invite_code"` for a code that nobody has, `Conflict` for an account that cannot be invited.
    """
    inviter_id = await _inviter(tx, typed)
    await _check_allowed(tx, inviter_id, account_id)
    values = {
        "invitee_account_id": account_id,
        "inviter_account_id": inviter_id,
        "inviter_reward": parse_usd(settings.inviter_reward_usd),
        "invitee_reward": parse_usd(settings.invitee_reward_usd),
        "created_ms": now_ms,
    }
    if not await _insert_once(tx, Invitation, values):
        raise Conflict("this account came by an invitation already", param="invite_code")
    if settings.reward_on == "sign_up":
        await _reward(tx, account_id, now_ms)
    return inviter_id


async def after_top_up(tx: Tx, account_id: str, now_ms: int) -> None:
    """What an account's payment brings to it and to who invited it: once, at the first one.

    Orders that were paid count. Redeem codes and welcome credit do not: they can be given away, so that anybody
    could earn rewards for money that nobody paid. It is part of the paying transaction and never makes that fail.
    On PostgreSQL its place is before the payment's own `pay_in`: it locks the wallets of both accounts by their ids,
    in which order the worker locks them, too.
    """
    await _reward(tx, account_id, now_ms)


async def summary(tx: Tx, account_id: str) -> Summary:
    is_rewarded = Invitation.rewarded_ms.is_not(None)
    row = (
        await tx.execute(
            select(
                func.count(),
                func.count(Invitation.rewarded_ms),
                _sum(case((is_rewarded, Invitation.inviter_reward), else_=0)),
                _sum(case((is_rewarded, 0), else_=Invitation.inviter_reward)),
            ).where(Invitation.inviter_account_id == account_id)
        )
    ).one()
    came_by = select(Invitation.inviter_account_id).where(Invitation.invitee_account_id == account_id)
    invited, rewarded, reward, pending = (int(number) for number in row)  # PostgreSQL's sums are decimals
    return Summary(invited, rewarded, reward, pending, await tx.scalar(came_by))


def _sum(amount: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(amount), 0)


async def _inviter(tx: Tx, typed: str) -> str:
    code = spelling.plain(typed)
    statement = (
        select(Invite.account_id)
        .join(Account, Account.id == Invite.account_id)
        .where(Invite.code == code, Account.is_disabled.is_(False))
    )
    found = await tx.scalar(statement) if set(code) <= set(spelling.ALPHABET) else None
    if found is None:
        raise BadRequest(
            "invite_code: nobody invites by this code; correct it, or sign up without one",
            param="invite_code",
        )
    return found


async def _check_allowed(tx: Tx, inviter_id: str, account_id: str) -> None:
    # Both are locked, so that two at once cannot invite each other.
    await tx.execute(
        select(Account.id)
        .where(Account.id.in_([inviter_id, account_id]))
        .order_by(Account.id)
        .with_for_update(key_share=True)
    )
    theirs, own = aliased(Membership), aliased(Membership)
    same_user = (
        select(own.user_id)
        .join(theirs, theirs.user_id == own.user_id)
        .where(own.account_id == account_id, theirs.account_id == inviter_id)
    )
    if inviter_id == account_id or await tx.scalar(same_user.limit(1)):
        raise Conflict("invite_code: nobody can invite themselves", param="invite_code")
    has_invited = select(Invitation.invitee_account_id).where(Invitation.inviter_account_id == account_id)
    if await tx.scalar(has_invited.limit(1)):
        raise Conflict(
            "invite_code: an account that has invited others cannot be invited", param="invite_code"
        )


async def _reward(tx: Tx, invitee_id: str, now_ms: int) -> None:
    open_ = (Invitation.invitee_account_id == invitee_id, Invitation.rewarded_ms.is_(None))
    found = (await tx.execute(select(Invitation).where(*open_))).one_or_none()
    if found is None:
        return
    try:
        async with tx.begin_nested():
            for account_id in sorted([found.inviter_account_id, invitee_id]):
                await AccountPot(account_id, "live").lock(tx)
            marked = await tx.execute(update(Invitation).where(*open_).values(rewarded_ms=now_ms))
            if marked.rowcount:
                await _pay(tx, found.inviter_account_id, found.inviter_reward, invitee_id, "inviter", now_ms)
                await _pay(tx, invitee_id, found.invitee_reward, invitee_id, "invitee", now_ms)
    except Conflict as error:
        log.warning("invitation.unrewarded", invitee=invitee_id, error=error.message)


async def _pay(tx: Tx, account_id: str, amount: int, invitee_id: str, whose: str, now_ms: int) -> None:
    if amount:
        await repository.pay_in(
            tx,
            account_id,
            amount,
            kind="reward",
            source="promotion",
            reference=f"invite:{invitee_id}:{whose}",
            now_ms=now_ms,
        )


async def _insert_once(tx: Tx, table: type[Invite] | type[Invitation], values: dict[str, object]) -> bool:
    """False: it is there already."""
    written = dialect_insert(tx)(table).values(values).on_conflict_do_nothing()
    return bool((await tx.execute(written)).rowcount)
