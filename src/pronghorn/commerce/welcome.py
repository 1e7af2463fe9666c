"""Welcome: credit that a new account begins with, once, out of what the operator gives away.

Accounts that people open by signing up get it. Those that an operator makes get none unless `welcome_all` is set:
an operator pays in what is due.
"""

from pronghorn.kit.money import parse_usd
from pronghorn.ledger import repository
from pronghorn.settings import Settings
from pronghorn.store import Tx


async def welcome(tx: Tx, settings: Settings, account_id: str, now_ms: int) -> int:
    """Call it in the transaction that makes the account of a sign-up. Gives the nano-dollars that were paid in."""
    amount = parse_usd(settings.welcome_credit_usd)
    if not amount:
        return 0
    is_paid = await repository.pay_in(
        tx,
        account_id,
        amount,
        kind="welcome",
        source="promotion",
        reference=f"welcome:{account_id}",
        now_ms=now_ms,
    )
    return amount if is_paid else 0


async def welcome_by_operator(tx: Tx, settings: Settings, account_id: str, now_ms: int) -> int:
    """Likewise, for an account that an operator makes."""
    return await welcome(tx, settings, account_id, now_ms) if settings.welcome_all else 0
