"""Numbers: users, keys and orders have ids such as `usr_...` here; clients of the dashboard API want whole numbers.

A number is given when it is first asked for, and stays. It opens nothing: whoever looks up by number still has to
own what it names.
"""

from collections.abc import Iterable

from sqlalchemy import select

from pronghorn.ledger.pots import dialect_insert
from pronghorn.portal.context import PortalContext
from pronghorn.store import Tx
from pronghorn.store.models import Number

MAX_REMEMBERED = 100_000
MAX_NUMBER = 2**53 - 1
"""The largest that every JSON reader keeps exact."""


class Numbers:
    """Remembers what it has seen: a number never changes."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    async def of(self, context: PortalContext, subjects: Iterable[str]) -> dict[str, int]:
        wanted = set(subjects)
        found = {subject: self._known[subject] for subject in wanted if subject in self._known}
        missing = sorted(wanted - found.keys())
        if missing:
            async with context.read() as tx:
                found |= await _stored(tx, missing)
            missing = [subject for subject in missing if subject not in found]
        if missing:
            async with context.write() as tx:
                found |= await _given(tx, missing)
        if len(self._known) > MAX_REMEMBERED:
            self._known.clear()
        self._known |= found
        return found


async def subject_of(tx: Tx, number: int) -> str | None:
    """The id that `number` stands for."""
    if not 0 < number <= MAX_NUMBER:
        return None
    subject: str | None = await tx.scalar(select(Number.subject).where(Number.number == number))
    return subject


async def _stored(tx: Tx, subjects: list[str]) -> dict[str, int]:
    rows = await tx.execute(select(Number.subject, Number.number).where(Number.subject.in_(subjects)))
    return {row.subject: row.number for row in rows}


async def _given(tx: Tx, subjects: list[str]) -> dict[str, int]:
    """Two at the same moment meet at the unique subject: the number of the first holds."""
    rows = [{"subject": subject} for subject in subjects]
    await tx.execute(dialect_insert(tx)(Number).values(rows).on_conflict_do_nothing())
    return await _stored(tx, subjects)
