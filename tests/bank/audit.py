"""Audit: do the books agree with themselves and with what was promised? Any committed moment will do for a look."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text
from tests.bank.plan import Limit
from tests.bank.promises import Promises
from tests.bank.teller import Teller, key_id

from pronghorn.ledger.repository import account_book
from pronghorn.store import Database

QUERIES = {
    "wallets": "SELECT account_id, balance, spent FROM wallets",
    "leases": "SELECT account_id, server, epoch, amount FROM leases",
    "entries": "SELECT kind, debit, credit, amount, reference, note FROM entries",
    "requests": "SELECT id, account_id, key_id, hold, cost, shortfall FROM requests",
    "keys": "SELECT id, spent FROM keys",
    "windows": "SELECT budget_id, start_ms, spent FROM budget_windows",
    "budget_leases": "SELECT budget_id, start_ms, server, epoch, amount FROM budget_leases",
    "holds": "SELECT id, account_id, amount, posted, state FROM holds",
    "cursors": "SELECT segment, position FROM journal_cursors",
}
MOVED = {"deposit": "paid", "top_up": "paid", "withdrawal": "taken", "expired": "taken"}


class Books(NamedTuple):
    """The tables about money, as they are in one moment."""

    wallets: list[tuple[str, int, int]]
    leases: list[tuple[str, str, int, int]]
    entries: list[tuple[str, str, str, int, str | None, str]]
    requests: list[tuple[str, str, str, int, int, int]]
    keys: list[tuple[str, int]]
    windows: list[tuple[str, int, int]]
    budget_leases: list[tuple[str, int, str, int, int]]
    holds: list[tuple[str, str, int, int, str]]
    cursors: list[tuple[str, int]]


async def read(database: Database) -> Books:
    async with database.read() as tx:
        if not database.is_sqlite:
            await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        rows = {name: [tuple(row) for row in await tx.execute(text(sql))] for name, sql in QUERIES.items()}
    return Books(**rows)


def look(books: Books, promises: Promises, limits: Sequence[Limit] = ()) -> None:
    """Raises `AssertionError` that says what is wrong. `promises` may be newer than the books, never older."""
    _nothing_is_negative(books)
    _sums_agree(books)
    _each_payment_is_known_and_once(books, promises)
    _each_charge_is_known_and_once(books, promises)
    _each_hold_is_known_and_resolved_once(books, promises)
    if limits:
        _windows_are_kept(books, promises, limits)


def look_from_outside(promises: Promises, limits: Sequence[Limit]) -> None:
    """What callers saw alone. `promises` must be all that there are at one moment."""
    _nobody_spent_more_than_there_was(promises)
    _budgets_are_kept(promises, limits)


def look_at_the_end(books: Books, promises: Promises, limits: Sequence[Limit] = ()) -> None:
    """All servers have ended, and what they left is posted."""
    look(books, promises, limits)
    look_from_outside(promises, limits)
    rows = {id for id, *_ in books.requests}
    assert promises.settled <= rows, f"settled, but not in the ledger: {promises.settled - rows}"
    pending = {id for id, *_, state in books.holds if state == "pending"}
    assert not pending & promises.resolved.keys(), f"resolved, but still pending: {pending}"
    found = _payments(books)
    missing = {reference for reference, amount in promises.done.items() if amount and reference not in found}
    assert not missing, f"acknowledged, but not in the ledger: {missing}"
    left: list[object] = [lease for lease in books.leases if lease[3]]
    left += [lease for lease in books.budget_leases if lease[4] and lease[2] not in pending]
    assert not left, f"leases of servers that are gone: {left}"


def _nothing_is_negative(books: Books) -> None:
    wrong: list[object] = [row for row in books.wallets if row[1] < 0 or row[2] < 0]
    wrong += [row for row in books.leases if row[3] < 0]
    wrong += [row for row in books.budget_leases if row[4] < 0]
    wrong += [row for row in books.requests if row[4] < 0 or row[5] < 0]
    wrong += [row for row in books.entries if row[3] <= 0]
    assert not wrong, f"negative: {wrong}"


def _sums_agree(books: Books) -> None:
    leased: Counter[str] = Counter()
    for account, _, _, amount in books.leases:
        leased[account] += amount
    for _, account, amount, _, state in books.holds:
        leased[account] += amount if state == "pending" else 0
    moved, charged = _sums_of_entries(books)
    costs: dict[int, Counter[str]] = {1: Counter(), 2: Counter()}
    for row in books.requests:
        for column, sums in costs.items():
            sums[str(row[column])] += row[4]
    for _, account, _, posted, _ in books.holds:
        costs[1][account] += posted
    for account, balance, spent in books.wallets:
        paid, used = moved[account_book(account)], charged[account_book(account)]
        assert balance + leased[account] + spent == paid, (
            f"{account}: balance {balance} + leases {leased[account]} + spent {spent} is not {paid}, what was paid in"
        )
        assert spent == used == costs[1][account], (
            f"{account}: spent {spent}, charged by entries {used}, by rows {costs[1][account]}"
        )
        key = key_id(account)
        assert dict(books.keys)[key] == costs[2][key], (
            f"{key}: spent {dict(books.keys)[key]}, {costs[2][key]} by rows"
        )


def _sums_of_entries(books: Books) -> tuple[Counter[str], Counter[str]]:
    """Of each book: what was paid in less what was taken out, and what usage cost."""
    moved: Counter[str] = Counter()
    charged: Counter[str] = Counter()
    for kind, debit, credit, amount, _, _ in books.entries:
        if kind in MOVED:
            moved[credit] += amount
            moved[debit] -= amount
        else:
            charged[debit] += amount
    return moved, charged


class _Payment(NamedTuple):
    kind: str
    book: str
    amount: int


def _payments(books: Books) -> dict[str, list[_Payment]]:
    found = defaultdict(list)
    for kind, debit, credit, amount, reference, note in books.entries:
        if kind in MOVED:
            book = credit if MOVED[kind] == "paid" else debit
            found[reference or note].append(_Payment(MOVED[kind], book, amount))
    return found


def _each_payment_is_known_and_once(books: Books, promises: Promises) -> None:
    for reference, payments in _payments(books).items():
        assert len(payments) == 1, f"{reference} was paid {len(payments)} times"
        assert reference in promises.asked, f"nobody asked for {reference}"
        (payment,), asked = payments, promises.asked[reference]
        assert (payment.kind, payment.book) == (asked.kind, account_book(asked.account)), reference
        said = promises.done.get(reference)
        is_right = payment.amount == said or (said is None and payment.amount <= asked.amount)
        assert is_right, f"{reference}: {payment.amount} moved, {said} acknowledged, {asked.amount} asked for"


def _each_charge_is_known_and_once(books: Books, promises: Promises) -> None:
    entries = Counter((reference, debit, amount) for kind, debit, _, amount, reference, _ in books.entries
                      if kind not in MOVED)  # fmt: skip
    for id, account, key, hold, cost, shortfall in books.requests:
        assert id in promises.settling, f"{id} was charged though its settlement never began"
        assert id not in promises.refused, f"{id} was charged though the caller was told that it was not"
        held = promises.held[id]
        assert (account, key, hold) == (held.account, key_id(held.account), held.amount), id
        assert cost <= hold, f"{id} cost {cost}, more than its hold {hold}"
        assert (cost, cost + shortfall) == (promises.charge(id), promises.settling[id]), (
            f"{id} cost {cost}+{shortfall}"
        )
        for kind, book, amount in (
            ("charge", account_book(account), cost),
            ("shortfall", "shortfall", shortfall),
        ):
            if amount:
                entries[f"{kind}:{id}", book, amount] -= 1
    for id, account, _, posted, _ in books.holds:
        if posted:
            entries[f"charge:{id}", account_book(account), posted] -= 1
    wrong = {entry: count for entry, count in entries.items() if count}
    assert not wrong, f"entries that are not exactly those of the rows: {wrong}"
    ids = Counter(id for id, *_ in books.requests)
    assert all(count == 1 for count in ids.values()), ids


def _each_hold_is_known_and_resolved_once(books: Books, promises: Promises) -> None:
    for id, account, amount, posted, state in books.holds:
        placed = promises.placing[id]
        assert (account, amount) == (placed.account, placed.amount), id
        assert posted <= (amount if state == "posted" else 0), (
            f"{id}, {state}, was charged {posted} of {amount}"
        )
        told = promises.resolved.get(id)
        assert told is None or state == "pending" or told == posted, f"{id}: {posted}, and {told} was told"


def _nobody_spent_more_than_there_was(promises: Promises) -> None:
    """As a caller sees it, without a look at the books."""
    most: Counter[str] = Counter()
    for reference, asked in promises.asked.items():
        if asked.kind == "paid":
            most[asked.account] += asked.amount
        else:
            most[asked.account] -= promises.done.get(reference, 0)
    for id in promises.settled:
        most[promises.held[id].account] -= promises.charge(id)
    for id, charge in promises.resolved.items():
        most[promises.placing[id].account] -= charge
    for hold in promises.open_holds().values():
        most[hold.account] -= hold.amount
    wrong = {account: left for account, left in most.items() if left < 0}
    assert not wrong, f"settled and held exceed what was paid in by: {wrong}"


def _windows_are_kept(books: Books, promises: Promises, limits: Sequence[Limit]) -> None:
    posted = Counter[str]()
    for id, _, _, _, cost, _ in books.requests:
        posted.update(dict.fromkeys(promises.held[id].windows, cost))
    for id, _, _, charge, _ in books.holds:
        posted.update(dict.fromkeys(promises.placing[id].windows, charge))
    for budget, start_ms, spent in books.windows:
        name = f"{budget}@{start_ms}"
        # More than was held against it may be spent: what else the log has of the time since its start.
        is_right = spent >= posted[name] if start_ms else spent == posted[name]
        assert is_right, f"{name}: spent {spent}, and {posted[name]} by rows"
    for budget, start_ms, _, _, amount in books.budget_leases:
        posted[f"{budget}@{start_ms}"] += amount
    _within(posted, limits)


def _budgets_are_kept(promises: Promises, limits: Sequence[Limit]) -> None:
    used = Counter[str]()
    for id in promises.settled:
        used.update(dict.fromkeys(promises.held[id].windows, promises.charge(id)))
    for hold in promises.open_holds().values():
        used.update(dict.fromkeys(hold.windows, hold.amount))
    for id, charge in promises.resolved.items():
        used.update(dict.fromkeys(promises.placing[id].windows, charge))
    _within(used, limits)


def _within(used: Counter[str], limits: Sequence[Limit]) -> None:
    amounts = {limit.name: limit.amount for limit in limits}
    wrong = {name: amount for name, amount in used.items() if amount > amounts[name.split("@")[0]]}
    assert not wrong, f"more than its budget allows is settled, held or leased: {wrong} of {amounts}"


def look_at_purse(books: Books, promises: Promises, teller: Teller, *, exactly: bool = False) -> None:
    """What a server may spend and has spent is within what it leased; `exactly` that where nothing went wrong."""
    here = teller.server, teller.epoch
    used: Counter[str] = Counter()
    for id in promises.settled.difference(row[0] for row in books.requests):
        hold = promises.held[id]
        if (hold.server, hold.epoch) == here:
            used.update(dict.fromkeys(hold.pots, promises.charge(id)))
    for name, purse in teller.purses.items():
        assert purse.free >= 0 and purse.held >= 0, f"{here}, purse of {name}: {purse.free} + {purse.held}"
        used[name] += purse.free + purse.held - teller.moving[name]
    leased = _leased(books, here)
    for name in used | leased:
        assert used[name] <= leased[name], f"{here} has {used[name]} of {name}, and has leased {leased[name]}"
        assert not exactly or used[name] == leased[name], (
            f"{here} has lost {leased[name] - used[name]} of {name}"
        )


def _leased(books: Books, here: tuple[str, int]) -> Counter[str]:
    found = Counter({name: amount for name, server, epoch, amount in books.leases if (server, epoch) == here})
    for budget, start_ms, server, epoch, amount in books.budget_leases:
        if (server, epoch) == here:
            found[f"{budget}@{start_ms}"] = amount
    return found
