"""Accounts: whether there is one of that id."""

from sqlalchemy import select

from pronghorn.errors import BadRequest
from pronghorn.store import Tx
from pronghorn.store.models import Account


async def check(tx: Tx, account_id: str) -> None:
    """Raises `BadRequest` that names the field `account_id`."""
    if not await tx.scalar(select(Account.id).where(Account.id == account_id)):
        raise BadRequest(
            f"account_id: there is no account {account_id!r}; GET /manage/v1/accounts lists them",
            param="account_id",
        )
