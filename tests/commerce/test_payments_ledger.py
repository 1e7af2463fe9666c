"""The ledger behind orders: moved once for each, whatever providers say, how often, and to how many servers."""

import asyncio

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import DBAPIError

from pronghorn.accounts.act import Act
from pronghorn.commerce import orders
from pronghorn.commerce.checkout import Ended, Paid
from pronghorn.errors import Conflict
from pronghorn.kit.ids import new_id
from pronghorn.kit.money import MAX_NANO
from pronghorn.ledger import repository
from pronghorn.store import Database
from pronghorn.store.models import Account, Audit, Entry, Invitation, Order, Wallet

NOW = Act("system", 1)
AMOUNT = {"epay": 20_000_000_000, "stripe": 7_000_000_000}
PRICE = {"epay": (14_600, "CNY"), "stripe": (700, "USD")}
PROVIDERS = ("epay", "epay", "stripe")
"""Of the three orders in each story."""


async def _written_down(database: Database) -> tuple[str, list[str]]:
    """A new account with three open orders."""
    account, ids = new_id("acc"), [new_id("ord") for _ in PROVIDERS]
    async with database.write() as tx:
        await tx.execute(insert(Account).values(id=account, name="a", created_ms=1))
        await repository.open_wallet(tx, account, "live")
        for order, provider in zip(ids, PROVIDERS, strict=True):
            price, currency = PRICE[provider]
            values = {
                "id": order,
                "account_id": account,
                "provider": provider,
                "amount": AMOUNT[provider],
                "price_minor": price,
                "currency": currency,
                "reference": f"cs_{order}" if provider == "stripe" else None,
                "pay_url": "",
                "created_ms": 1,
            }
            await tx.execute(insert(Order).values(values))
    return account, ids


async def _standing(database: Database, account: str) -> tuple[int, int, int]:
    """Balance, the sum of entries, and how many."""
    async with database.read() as tx:
        balance = await tx.scalar(select(Wallet.balance).where(Wallet.account_id == account))
        sums = select(func.coalesce(func.sum(Entry.amount), 0), func.count()).where(
            Entry.credit == repository.account_book(account)
        )
        total, count = (await tx.execute(sums)).one()
    return int(balance or 0), int(total), int(count)


WRONG = ("wrong price", "wrong currency", "wrong provider", "unknown")
NOTICES = st.lists(
    st.tuples(
        st.integers(0, len(PROVIDERS) - 1),
        st.sampled_from([*["paid"] * 5, *["ended"] * 2, *WRONG]),
        st.sampled_from(["own", "common"]),
    ),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=NOTICES)
@example([(0, "paid", "common"), (1, "paid", "common"), (2, "ended", "own"), (2, "paid", "own")])
async def test_whatever_is_told_each_order_is_paid_in_once_at_most(
    database: Database, told: list[tuple[int, str, str]]
) -> None:
    """Beside a model of a few lines: the first notice that fits pays, and its reference is used up."""
    account, ids = await _written_down(database)
    paid: dict[int, str] = {}
    expired: set[int] = set()
    for number, kind, word in told:
        provider, order = PROVIDERS[number], ids[number]
        own = f"cs_{order}" if provider == "stripe" else f"trade_{order}"
        reference = own if word == "own" else f"{word}_{account}"
        price, currency = PRICE[provider]
        notice: Paid | Ended = Paid(
            order if kind != "unknown" else "ord_unknown",
            price + (kind == "wrong price"),
            "EUR" if kind == "wrong currency" else currency,
            reference,
        )
        if kind == "ended":
            notice = Ended(order, reference)
        if kind == "wrong provider":
            provider = "stripe" if provider == "epay" else "epay"
        async with database.write() as tx:
            outcome = await orders.apply(tx, provider, notice, 1)
        bound = paid.get(number, own if provider == "stripe" else reference)
        taken = [paid[other] for other in paid if other != number and PROVIDERS[other] == provider]
        fits = kind == "paid" and reference == bound and reference not in taken
        expected = ("repeated" if number in paid else "paid") if fits else "refused"
        if kind.startswith(("paid", "wrong price", "wrong currency")):
            assert outcome == expected
        else:
            assert outcome not in ("paid", "refused")
        if outcome == "paid":
            paid[number] = reference
        if kind == "ended" and provider == "stripe" and word == "own":
            expired.add(number)
    worth = sum(AMOUNT[PROVIDERS[number]] for number in paid)
    assert await _standing(database, account) == (worth, worth, len(paid))
    async with database.read() as tx:
        rows = await tx.execute(select(Order.id, Order.status).where(Order.account_id == account))
        statuses = {row.id: row.status for row in rows}
    for number, order in enumerate(ids):
        assert statuses[order] == ("paid" if number in paid else "expired" if number in expired else "open")


async def test_what_comes_with_a_payment_comes_once_too(database: Database) -> None:
    """The rewards of an invitation, in the transaction of the first order that is paid."""
    account, (first, second, _) = await _written_down(database)
    inviter, _ = await _written_down(database)
    promised = {"inviter_account_id": inviter, "invitee_account_id": account, "created_ms": 1}
    async with database.write() as tx:
        await tx.execute(insert(Invitation).values(**promised, inviter_reward=2, invitee_reward=1))

    async def tell(order: str) -> str:
        async with database.write() as tx:
            return await orders.apply(tx, "epay", Paid(order, 14_600, "CNY", f"trade_{order}"), 1)

    outcomes = await asyncio.gather(*(tell(order) for order in [first, second] * 5))
    assert outcomes.count("paid") == 2
    worth = 2 * AMOUNT["epay"] + 1
    assert await _standing(database, account) == (worth, worth, 3)
    assert await _standing(database, inviter) == (2, 2, 1)


async def test_servers_at_once_pay_an_order_in_once(database: Database) -> None:
    """Each with connections of its own, as processes have them."""
    account, (order, *_) = await _written_down(database)
    servers = [Database(database.url) for _ in range(8)]

    async def tell(server: Database) -> str:
        async with server.write() as tx:
            return await orders.apply(tx, "epay", Paid(order, 14_600, "CNY", "trade_1"), 1)

    outcomes = await asyncio.gather(*(tell(server) for server in servers * 5))
    for server in servers:
        await server.close()
    assert sorted(outcomes) == ["paid", *["repeated"] * 39]
    assert await _standing(database, account) == (AMOUNT["epay"], AMOUNT["epay"], 1)


async def test_servers_at_once_take_a_payment_for_one_order_only(database: Database) -> None:
    account, (first, second, _) = await _written_down(database)
    servers = [Database(database.url) for _ in range(6)]

    async def tell(server: Database, order: str) -> str:
        try:
            async with server.write() as tx:
                return await orders.apply(tx, "epay", Paid(order, 14_600, "CNY", "trade_1"), 1)
        except DBAPIError:
            return "again"  # the database itself refused the second one

    tellings = [tell(server, order) for server in servers for order in (first, second)]
    outcomes = await asyncio.gather(*tellings)
    for server in servers:
        await server.close()
    assert outcomes.count("paid") == 1
    assert await _standing(database, account) == (AMOUNT["epay"], AMOUNT["epay"], 1)


async def test_what_a_wallet_cannot_hold_leaves_the_order_open(database: Database) -> None:
    account, (order, *_) = await _written_down(database)
    async with database.write() as tx:
        await tx.execute(update(Wallet).where(Wallet.account_id == account).values(balance=MAX_NANO))
    with pytest.raises(Conflict):
        async with database.write() as tx:
            await orders.settle(tx, NOW, "epay", Paid(order, 14_600, "CNY", "trade_1"))
    async with database.read() as tx:
        assert await tx.scalar(select(Order.status).where(Order.id == order)) == "open"
        assert not await tx.scalar(select(func.count()).select_from(Audit))


async def test_the_database_itself_keeps_a_reference_for_one_order(database: Database) -> None:
    _, (first, second, third) = await _written_down(database)
    for order in (first, third):  # another provider may use the same word
        async with database.write() as tx:
            await tx.execute(update(Order).where(Order.id == order).values(reference="trade_1"))
    with pytest.raises(DBAPIError):
        async with database.write() as tx:
            await tx.execute(update(Order).where(Order.id == second).values(reference="trade_1"))
