"""Invitations of an account: its invite code, who came by it, and what that brought."""

from msgspec import Struct

from pronghorn.commerce import invitations
from pronghorn.kit.money import format_usd
from pronghorn.manage.fields import Usd
from pronghorn.manage.services import accounts
from pronghorn.store import Tx


class Invitations(Struct):
    account_id: str
    invite_code: str
    invited: int
    """How many accounts came by its code."""
    rewarded: int
    """For how many of them it got its reward."""
    rewarded_usd: Usd
    pending_usd: Usd
    """What it will get once the others have paid their first order."""
    invited_by: str | None
    """The account by whose code it came itself."""


async def get(tx: Tx, account_id: str, now_ms: int) -> Invitations:
    """Needs a transaction that writes: the invite code is made when it is first looked at."""
    await accounts.get(tx, account_id)
    code = await invitations.code_of(tx, account_id, now_ms)
    found = await invitations.summary(tx, account_id)
    return Invitations(
        account_id,
        code,
        found.invited,
        found.rewarded,
        format_usd(found.reward),
        format_usd(found.pending),
        found.inviter_account_id,
    )
