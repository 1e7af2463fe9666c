"""The audit: recount the whole ledger from its entries and the usage log, and name each difference.

It looks at one consistent view and changes nothing. What still waits in a journal is in no table: no difference.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    exists,
    func,
    join,
    literal,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import aliased

from pronghorn.ledger.prices import recomputed
from pronghorn.ledger.repository import account_book
from pronghorn.store import Tx
from pronghorn.store.models import (
    Audit,
    BudgetLease,
    BudgetWindow,
    Code,
    CodeBatch,
    Entry,
    Hold,
    Key,
    Lease,
    Order,
    Request,
    Server,
    Task,
    Wallet,
)

PAGE = 5_000


class Difference(NamedTuple):
    """Nano-dollars. `rule` says what should be equal."""

    rule: str
    subject: str
    expected: int
    found: int


class Report(NamedTuple):
    wallets: int
    entries: int
    requests: int
    differences: list[Difference]


async def audit(tx: Tx, seen: Callable[[int], None] = lambda _: None) -> Report:
    """`seen` is told how many requests were recomputed by now: there may be millions."""
    differences: list[Difference] = []
    for rule in _RULES:
        differences += [found async for found in rule(tx)]
    async for found in _requests_recompute(tx, seen):
        differences.append(found)
    wallets, entries, requests = [
        await tx.scalar(select(func.count()).select_from(table)) or 0 for table in (Wallet, Entry, Request)
    ]
    return Report(wallets, entries, requests, differences)


Found = AsyncIterator[Difference]


async def _wallets(tx: Tx) -> Found:
    """Of each wallet: what came in less what went out is balance, leases and open holds; charges are what is spent."""
    sums = {(book, mode): (int(net), int(charged)) for book, mode, net, charged in await tx.execute(_BOOKS)}
    leased = await _sums(tx, select(Lease.account_id, Lease.mode, func.sum(Lease.amount)))
    pending = select(Hold.account_id, Hold.mode, func.sum(Hold.amount)).where(Hold.state == "pending")
    held = await _sums(tx, pending)
    rows = await tx.execute(select(Wallet.account_id, Wallet.mode, Wallet.balance, Wallet.spent))
    for account_id, mode, balance, spent in rows.all():
        wallet = (account_id, mode)
        net, charged = sums.pop((account_book(account_id), mode), (0, 0))
        total = balance + leased.pop(wallet, 0) + held.pop(wallet, 0)
        name = f"{account_id} {mode}"
        if net != total:
            yield Difference("entries = balance + leases + holds", name, net, total)
        if charged != spent:
            yield Difference("charges = spent", name, charged, spent)
        if balance < 0:
            yield Difference("balance is not negative", name, 0, balance)
    for (book, mode), (net, _) in sums.items():
        if book.startswith("account:"):
            yield Difference("entries have a wallet", f"{book} {mode}", 0, net)
    for rest in (leased, held):
        for (account_id, mode), amount in rest.items():
            yield Difference("leases and holds have a wallet", f"{account_id} {mode}", 0, amount)


async def _papers(tx: Tx) -> Found:
    """What was charged or paid has its entry with the same amount, and no entry is without its paper."""
    for paper in _PAPERS:
        booked = (Entry.reference == literal(f"{paper.prefix}:").concat(paper.id)) & paper.is_of_its_account
        unequal = or_(Entry.amount.is_(None), Entry.amount != paper.amount)
        stated = select(paper.id, paper.amount, Entry.amount).select_from(paper.source)
        rows = await tx.execute(stated.outerjoin(Entry, booked).where(paper.amount > 0, paper.where, unequal))
        for id, amount, found in rows:
            yield Difference(f"each {paper.kind} is booked", id, amount, found or 0)
    for kind in sorted({paper.kind for paper in _PAPERS}):
        known = [_has_paper(paper) for paper in _PAPERS if paper.kind == kind]
        rows = await tx.execute(
            select(Entry.reference, Entry.amount).where(Entry.kind == kind, not_(or_(*known)))
        )
        for reference, amount in rows:
            yield Difference(f"each {kind} has its paper", str(reference), 0, amount)


def _has_paper(paper: "Paper") -> ColumnElement[bool]:
    id = func.substr(Entry.reference, len(paper.prefix) + 2)
    is_named = Entry.reference.startswith(f"{paper.prefix}:", autoescape=True)
    found = exists().select_from(paper.source)
    return and_(is_named, found.where(paper.id == id, paper.where, paper.is_of_its_account))


async def _keys(tx: Tx) -> Found:
    """A key has spent what its requests cost."""
    costs = dict(
        (await tx.execute(select(Request.key_id, func.sum(Request.cost)).group_by(Request.key_id))).all()
    )
    for key_id, spent in await tx.execute(select(Key.id, Key.spent)):
        expected = int(costs.get(key_id, 0))
        if expected != spent:
            yield Difference("requests = spent by the key", key_id, expected, spent)


async def _leases(tx: Tx) -> Found:
    """A former life of a server has nothing any more; what it left must be taken back by that server's next start."""
    for table in (Lease, BudgetLease):
        ended = (
            select(table.server, table.epoch, func.sum(table.amount))
            .join(Server, Server.id == table.server)
            .where(table.epoch < Server.epoch)
            .group_by(table.server, table.epoch)
        )
        for server, epoch, amount in await tx.execute(ended):
            yield Difference("no lease of a former life", f"{server} {epoch}", 0, int(amount))


async def _windows(tx: Tx) -> Found:
    """A window of a budget has no lease without a row of its own."""
    orphans = (
        select(BudgetLease.budget_id, BudgetLease.start_ms, BudgetLease.amount)
        .outerjoin(
            BudgetWindow,
            (BudgetWindow.budget_id == BudgetLease.budget_id)
            & (BudgetWindow.start_ms == BudgetLease.start_ms),
        )
        .where(BudgetWindow.budget_id.is_(None))
    )
    for budget_id, start_ms, amount in await tx.execute(orphans):
        yield Difference("leases have a window", f"{budget_id}@{start_ms}", 0, int(amount))


async def _requests_recompute(tx: Tx, seen: Callable[[int], None]) -> Found:
    """Each request costs what its own `explain` comes to, less the shortfall."""
    last, count = "", 0
    columns = (Request.id, Request.cost, Request.shortfall, Request.explain)
    while rows := (
        await tx.execute(select(*columns).where(Request.id > last).order_by(Request.id).limit(PAGE))
    ).all():
        for id, cost, shortfall, explain in rows:
            expected = recomputed(explain)
            if expected != cost + shortfall:
                yield Difference("explain = cost + shortfall", id, expected, cost + shortfall)
        last, count = rows[-1].id, count + len(rows)
        seen(count)


async def _sums(tx: Tx, statement: Any) -> dict[tuple[str, str], int]:
    first, second, _ = statement.selected_columns
    return {(a, b): int(amount) for a, b, amount in await tx.execute(statement.group_by(first, second))}


_sides = union_all(
    select(Entry.credit.label("book"), Entry.mode, Entry.amount.label("net"), literal(0).label("charged")),
    select(
        Entry.debit.label("book"),
        Entry.mode,
        (-Entry.amount).label("net"),
        case((Entry.kind == "charge", Entry.amount), else_=0).label("charged"),
    ),
).subquery()
_BOOKS = select(_sides.c.book, _sides.c.mode, func.sum(_sides.c.net), func.sum(_sides.c.charged)).group_by(
    _sides.c.book, _sides.c.mode
)


class Paper(NamedTuple):
    """What an entry of this kind is made for; its reference is `<prefix>:<id>`."""

    kind: str
    prefix: str
    source: Any
    id: Any
    amount: Any
    where: ColumnElement[bool] = true()
    account_id: Any = None
    """Whose money it moved; None: it does not say, or nobody's."""

    @property
    def is_of_its_account(self) -> ColumnElement[bool]:
        if self.account_id is None:
            return true()
        return literal(account_book("")).concat(self.account_id).in_((Entry.debit, Entry.credit))


_Refund = aliased(Entry)
_is_refunded = exists().where(_Refund.reference == literal("refund:").concat(Task.id))
_PAID_OUTSIDE = Order.provider != "balance"
_IS_PAID = (Order.status == "paid") & _PAID_OUTSIDE
_HAS_BEGUN = Order.subscription_id.is_not(None) & _PAID_OUTSIDE
_PAPERS = (
    Paper("charge", "charge", Request, Request.id, Request.cost, account_id=Request.account_id),
    Paper("charge", "charge", Hold, Hold.id, Hold.posted, Hold.state == "posted", Hold.account_id),
    Paper("shortfall", "shortfall", Request, Request.id, Request.shortfall),
    Paper("refund", "refund", Task, Task.id, Task.cost, _is_refunded, Task.account_id),
    # Tasks are forgotten one day; that somebody gave their cost back is not.
    Paper("refund", "refund", Audit, Audit.subject, literal(0), Audit.action == "task.refund"),
    Paper("top_up", "order", Order, Order.id, Order.amount, _IS_PAID, Order.account_id),
    Paper("plan", "plan", Order, Order.id, Order.amount, _HAS_BEGUN, Order.account_id),
    Paper("plan", "order", Order, Order.id, Order.amount, not_(_PAID_OUTSIDE), Order.account_id),
    Paper(
        "redeem",
        "code",
        join(Code, CodeBatch, Code.batch_id == CodeBatch.id),
        Code.id,
        CodeBatch.amount,
        Code.redeemed_ms.is_not(None),
        Code.redeemed_account_id,
    ),
)
_RULES: tuple[Callable[[Tx], Found], ...] = (_wallets, _papers, _keys, _leases, _windows)
