"""Pots: what credit is leased of, a wallet or the window of a budget. Each function takes an open transaction.

Whoever changes a pot and its leases locks the pot first, wallets before windows, and several of a kind by name as
Python sorts them, which a database's collation may not: in two orders, two servers would deadlock.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, case, delete, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pronghorn.errors import Conflict
from pronghorn.store import Tx
from pronghorn.store.models import (
    Budget,
    BudgetLease,
    BudgetWindow,
    Hold,
    Key,
    Lease,
    Request,
    Server,
    Wallet,
)

NEEDS_IN_A_SLICE = 4
"""A slice is leased ahead only if it is worth so many requests; else each of them asks the database."""
HOLD_EPOCH = 0
"""Of what a hold in the database has of a window, by its own name: it lives once. A server's lives begin at 1."""


class Amounts(NamedTuple):
    """Nano-dollars: `balance + leased + held + spent` is what was ever paid in, or what a budget allows."""

    balance: int
    leased: int
    leased_here: int
    """The part of `leased` that belongs to the server that asks."""
    held: int
    """By holds in the database."""
    spent: int


class Pot(Protocol):
    """Equal pots are one: they are keys of dictionaries."""

    @property
    def name(self) -> str:
        """As records carry it."""

    async def lease(self, tx: Tx, server: str, epoch: int, *, need: int, share: int) -> int:
        """Move a slice to this life of this server: `need`, or a `share`-th of what there is if that is much more.

        Gives what was moved: less than `need` when there is no more, nothing once the server was started anew.
        """

    async def unlease(self, tx: Tx, server: str, epoch: int, amount: int) -> None:
        """Give `amount` of a lease back. Raises `Conflict` if it does not hold that much."""

    def __hash__(self) -> int: ...


class AccountPot(NamedTuple):
    """The wallet of an account in one mode."""

    account_id: str
    mode: str

    @property
    def name(self) -> str:
        return f"{self.account_id}/{self.mode}"

    async def lock(self, tx: Tx) -> int:
        """Gives the balance, of which nobody else takes or leases until the transaction ends."""
        return await tx.scalar(select(Wallet.balance).where(*self._wallet).with_for_update()) or 0

    async def lease(self, tx: Tx, server: str, epoch: int, *, need: int, share: int) -> int:
        balance = await self.lock(tx)
        slice_ = _slice(balance, need, share)
        if slice_ <= 0 or not await is_newest(tx, server, epoch):
            return 0
        await self.pay(tx, -slice_)
        lease = self._lease(server, epoch)
        grown = await tx.execute(update(Lease).where(*lease).values(amount=Lease.amount + slice_))
        if not grown.rowcount:
            values = {**self._asdict(), "server": server, "epoch": epoch, "amount": slice_}
            await tx.execute(insert(Lease).values(values))
        return slice_

    async def unlease(self, tx: Tx, server: str, epoch: int, amount: int) -> None:
        await self.pay(tx, amount)
        await _shrink(tx, Lease, self._lease(server, epoch), amount)

    async def spend(self, tx: Tx, server: str, epoch: int, charge: int) -> None:
        """Of what was leased to this life of this server, `charge` is gone."""
        await tx.execute(update(Wallet).where(*self._wallet).values(spent=Wallet.spent + charge))
        lease = self._lease(server, epoch)
        await tx.execute(update(Lease).where(*lease).values(amount=Lease.amount - charge))

    async def pay(self, tx: Tx, amount: int) -> None:
        """Into what nobody has leased; out of it if `amount` is negative: the row must be locked and have it."""
        await tx.execute(update(Wallet).where(*self._wallet).values(balance=Wallet.balance + amount))

    @property
    def _wallet(self) -> tuple[ColumnElement[bool], ...]:
        return (Wallet.account_id == self.account_id, Wallet.mode == self.mode)

    def _lease(self, server: str, epoch: int) -> tuple[ColumnElement[bool], ...]:
        return (
            Lease.account_id == self.account_id,
            Lease.mode == self.mode,
            Lease.server == server,
            Lease.epoch == epoch,
        )


@dataclass(frozen=True, slots=True)
class Window:
    """One period of a budget. Its row comes into being with its first lease."""

    budget_id: str
    scope: str
    """`key`, `account` or `group`: whose requests it counts."""
    subject: str
    mode: str
    start_ms: int
    limit: int = field(compare=False)
    """Nano-dollars; the operator may change it while the window is open."""

    @property
    def name(self) -> str:
        return f"{self.budget_id}@{self.start_ms}"

    async def lease(self, tx: Tx, server: str, epoch: int, *, need: int, share: int) -> int:
        found = await self._locked(tx)
        slice_ = _slice(found.balance, need, share)
        if slice_ <= 0 or not await is_newest(tx, server, epoch):
            return 0
        lease = window_lease(self.budget_id, self.start_ms, server, epoch)
        grown = await tx.execute(update(BudgetLease).where(*lease).values(amount=BudgetLease.amount + slice_))
        if not grown.rowcount:
            await tx.execute(
                insert(BudgetLease).values(
                    budget_id=self.budget_id,
                    start_ms=self.start_ms,
                    server=server,
                    epoch=epoch,
                    amount=slice_,
                )
            )
        return slice_

    async def unlease(self, tx: Tx, server: str, epoch: int, amount: int) -> None:
        await self._lock(tx)
        lease = window_lease(self.budget_id, self.start_ms, server, epoch)
        await _shrink(tx, BudgetLease, lease, amount)

    async def amounts(self, tx: Tx, server: str = "", epoch: int = 0) -> Amounts:
        """Before its first lease: what the usage log has."""
        spent = await tx.scalar(select(BudgetWindow.spent).where(*self._row))
        if spent is None:
            spent = await self._spent_before(tx)
        is_here = (BudgetLease.server == server) & (BudgetLease.epoch == epoch)
        is_held = BudgetLease.epoch == HOLD_EPOCH
        sums = [
            func.coalesce(func.sum(case((which, BudgetLease.amount), else_=0)), 0)
            for which in (~is_held, is_here, is_held)
        ]
        of_it = (BudgetLease.budget_id == self.budget_id, BudgetLease.start_ms == self.start_ms)
        leased, here, held = map(int, (await tx.execute(select(*sums).where(*of_it))).one())
        return Amounts(self.limit - spent - leased - held, leased, here, held, spent)

    async def _locked(self, tx: Tx) -> Amounts:
        """What there is, with the row locked, which is made if there is none yet."""
        if not await self._lock(tx):
            spent = await self._spent_before(tx)
            values = {"budget_id": self.budget_id, "start_ms": self.start_ms, "spent": spent}
            made = dialect_insert(tx)(BudgetWindow).values(values).on_conflict_do_nothing()
            await tx.execute(made)
            await self._lock(tx)
        return await self.amounts(tx)

    async def _lock(self, tx: Tx) -> bool:
        """False: there is no row yet."""
        row = select(BudgetWindow.spent).where(*self._row).with_for_update()
        return await tx.scalar(row) is not None

    async def _spent_before(self, tx: Tx) -> int:
        """What was spent in this period before anything was held against its window."""
        owner = {"key": Request.key_id, "account": Request.account_id, "group": Request.group_name}
        spent = await tx.scalar(
            select(func.sum(Request.cost)).where(
                owner[self.scope] == self.subject,
                Request.mode == self.mode,
                Request.created_ms >= self.start_ms,
            )
        )
        return int(spent or 0)

    @property
    def _row(self) -> tuple[ColumnElement[bool], ...]:
        return (BudgetWindow.budget_id == self.budget_id, BudgetWindow.start_ms == self.start_ms)


def order(pot: Pot) -> tuple[bool, str]:
    """In which pots are locked."""
    return isinstance(pot, Window), pot.name


def window_lease(budget_id: str, start_ms: int, server: str, epoch: int) -> tuple[ColumnElement[bool], ...]:
    return (
        BudgetLease.budget_id == budget_id,
        BudgetLease.start_ms == start_ms,
        BudgetLease.server == server,
        BudgetLease.epoch == epoch,
    )


async def spend_window(tx: Tx, name: str, server: str, epoch: int, charge: int) -> None:
    """Of what was leased of the window `name` to this life of this server, `charge` is gone."""
    budget_id, _, start_ms = name.rpartition("@")
    row = (BudgetWindow.budget_id == budget_id, BudgetWindow.start_ms == int(start_ms))
    await tx.execute(update(BudgetWindow).where(*row).values(spent=BudgetWindow.spent + charge))
    lease = window_lease(budget_id, int(start_ms), server, epoch)
    await tx.execute(update(BudgetLease).where(*lease).values(amount=BudgetLease.amount - charge))


async def recount(tx: Tx, key_id: str) -> None:
    """Let the window of a key's own budget count all that the key has spent, also while it had no budget."""
    window = BudgetWindow.budget_id == key_id
    # As in posting, the window is locked before the key is looked at: what is posted counts in both, or in neither.
    if await tx.scalar(select(BudgetWindow.start_ms).where(window).with_for_update()) is not None:
        spent = await tx.scalar(select(Key.spent).where(Key.id == key_id))
        await tx.execute(update(BudgetWindow).where(window).values(spent=spent))


async def remove_budgets(tx: Tx, scope: str, subject: str) -> list[str]:
    """Of a key, an account or a group that is removed. Gives their ids; what was leased of them comes back."""
    mine = (Budget.scope == scope, Budget.subject == subject)
    found = (await tx.execute(select(Budget.id).where(*mine).order_by(Budget.id))).scalars().all()
    await tx.execute(delete(Budget).where(*mine))
    return list(found)


async def account_amounts(
    tx: Tx, account_ids: list[str], mode: str, server: str = "", epoch: int = 0
) -> dict[str, Amounts]:
    is_here = (Lease.server == server) & (Lease.epoch == epoch)
    leases = (
        select(
            Lease.account_id,
            func.sum(Lease.amount).label("leased"),
            func.sum(case((is_here, Lease.amount), else_=0)).label("leased_here"),
        )
        .where(Lease.mode == mode, Lease.account_id.in_(account_ids))
        .group_by(Lease.account_id)
        .subquery()
    )
    holds = (
        select(Hold.account_id, func.sum(Hold.amount).label("held"))
        .where(Hold.mode == mode, Hold.state == "pending", Hold.account_id.in_(account_ids))
        .group_by(Hold.account_id)
        .subquery()
    )
    rows = await tx.execute(
        select(
            Wallet.account_id,
            Wallet.balance,
            func.coalesce(leases.c.leased, 0),
            func.coalesce(leases.c.leased_here, 0),
            func.coalesce(holds.c.held, 0),
            Wallet.spent,
        )
        .outerjoin(leases, leases.c.account_id == Wallet.account_id)
        .outerjoin(holds, holds.c.account_id == Wallet.account_id)
        .where(Wallet.mode == mode, Wallet.account_id.in_(account_ids))
    )
    return {account_id: Amounts(*map(int, numbers)) for account_id, *numbers in rows}


async def reclaim(tx: Tx, server: str, before_epoch: int) -> int:
    """Give back what former lives of this server had leased. Their journals must be posted before."""
    dead = (Lease.server == server, Lease.epoch < before_epoch)
    rows = (await tx.execute(select(Lease.account_id, Lease.mode).where(*dead).distinct())).all()
    for pot in sorted(AccountPot(*row) for row in rows):
        # The wallet first: a former life that is just leasing more is waited for, and what it took is seen.
        await pot.lock(tx)
        of_it = (Lease.account_id == pot.account_id, Lease.mode == pot.mode)
        gone = await tx.execute(delete(Lease).where(*dead, *of_it).returning(Lease.amount))
        await pot.pay(tx, sum(gone.scalars()))
    await tx.execute(
        delete(BudgetLease).where(BudgetLease.server == server, BudgetLease.epoch < before_epoch)
    )
    return len(rows)


def _slice(left: int, need: int, share: int) -> int:
    """A part that holds a few of such needs, or near zero just the need: each server's rest would add up to one."""
    part = left // share
    return min(left, part if part >= NEEDS_IN_A_SLICE * need else need)


async def is_newest(tx: Tx, server: str, epoch: int) -> bool:
    """No later life of this server has begun: an older one that was only asleep gets nothing more."""
    later = exists().where(Server.id == server, Server.epoch > epoch)
    return not await tx.scalar(select(later))


def dialect_insert(tx: Tx) -> Any:
    """Both databases know `ON CONFLICT`; SQLAlchemy has it in each one's own `insert`."""
    return sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert


async def _shrink(
    tx: Tx, table: type[Lease | BudgetLease], lease: tuple[ColumnElement[bool], ...], amount: int
) -> None:
    shrunk = await tx.execute(
        update(table).where(*lease, table.amount >= amount).values(amount=table.amount - amount)
    )
    if not shrunk.rowcount:
        raise Conflict("the lease does not hold that much")
