"""The revision: a counter that each change of configuration moves, so that servers know when to look again."""

from sqlalchemy import BigInteger, String, cast, insert, select, update

from pronghorn.store.database import Tx
from pronghorn.store.models import Meta

_NAME = "revision"


async def current(tx: Tx) -> int:
    return int(await tx.scalar(select(Meta.value).where(Meta.name == _NAME)) or 0)


async def bump(tx: Tx) -> None:
    """Call it in the transaction that changes keys, accounts, groups, channels, models or prices."""
    counted = cast(cast(Meta.value, BigInteger) + 1, String)
    moved = await tx.execute(update(Meta).where(Meta.name == _NAME).values(value=counted))
    if not moved.rowcount:
        await tx.execute(insert(Meta).values(name=_NAME, value="1"))
