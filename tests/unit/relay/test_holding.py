"""Holding money: at once when there is enough, less of it when the balance is low, never more than there is."""

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.relay.making import exchange, peek
from tests.unit.relay.test_bounds import WORDS
from tests.unit.routing.making import budget, grant, model

from pronghorn.errors import BadRequest, NoCredit
from pronghorn.ledger.credit import Credit, Purse, Standing
from pronghorn.ledger.pots import Window
from pronghorn.ledger.prices import FREE, Price, PriceDocument
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.holding import Holder, check_priced
from pronghorn.settings import Settings
from pronghorn.wire.usage import Usage

# 1,000 nano-dollars for each token in, 2,000 for each out.
PRICE = Price(PriceDocument(input_usd_per_million="1", output_usd_per_million="2"))


class Bank:
    """A credit without a database: leases from `balance`, and lets `settles` come free when somebody waits."""

    def __init__(self, balance: int = 0, settles: int = 0) -> None:
        self.balance = balance
        self.settles = settles
        self.calls: list[str] = []

    async def fill(self, purse: Purse, need: int) -> None:
        if isinstance(purse.pot, Window):
            return  # its budget has no more
        self.calls.append("fill")
        taken = max(0, min(self.balance, need - purse.free))
        self.balance -= taken
        purse.free += taken

    async def wait_for_settlement(self, purse: Purse, need: int, timeout_s: float) -> bool:
        if not purse.may_come(need):
            return False
        self.calls.append("wait")
        purse.free, self.settles = purse.free + self.settles, 0
        return purse.free >= need

    async def give_back(self, purse: Purse) -> None:
        self.calls.append("give back")

    async def standing_of(self, window: Window) -> Standing:
        return Standing(0, 0, window.limit, 0)


async def hold(made: Exchange, bank: Bank, *, low_balance: str = "adjust") -> None:
    holder = Holder(cast(Credit, bank), WORDS, Settings(low_balance=low_balance))
    known = peek(made.incoming.body)
    most = holder.hold_at_once(made, known, len(made.incoming.body))
    if most is not None:
        await holder.hold(made, known, most)


def chat(
    limit: int = 100, words: int = 10, *, key: Any = None, price: Price = PRICE, **fields: Any
) -> Exchange:
    content = "longerword " * words
    body = {"model": "m", "max_tokens": limit, "messages": [{"role": "user", "content": content}], **fields}
    return exchange(body, key=key or grant(), price=price)


def whole_bound(made: Exchange, limit: int = 100) -> int:
    return len(made.incoming.body) * 1_000 + limit * 2_000


async def test_enough_in_memory_needs_nobody() -> None:
    key, bank = grant(free=10**9), Bank()
    made = chat(key=key)
    await hold(made, bank)
    assert bank.calls == []
    assert made.hold == whole_bound(made)
    assert (key.purse.free, key.purse.held) == (10**9 - made.hold, made.hold)
    assert made.adjusted_limit == 0


async def test_exactly_enough_is_enough() -> None:
    made = chat(key=(key := grant()))
    key.purse.free = whole_bound(made)
    await hold(made, bank := Bank())
    assert (bank.calls, key.purse.free) == ([], 0)


async def test_the_database_is_asked_when_memory_has_too_little() -> None:
    made = chat()
    await hold(made, bank := Bank(balance=10**9))
    assert bank.calls == ["fill"]
    assert made.hold == whole_bound(made)


async def test_the_input_is_counted_when_its_bytes_are_too_dear() -> None:
    made = chat(words=100)
    counted = int(102 * 1.1) + 64
    await hold(made, bank := Bank(balance=counted * 1_000 + 100 * 2_000 + 5_000))
    assert bank.calls == ["fill"]
    assert made.adjusted_limit == 0
    assert made.hold <= counted * 1_000 + 100 * 2_000 < whole_bound(made)


async def test_open_holds_are_waited_for() -> None:
    made = chat()
    made.grant.purse.held = 10**9
    await hold(made, bank := Bank(settles=10**9))
    assert bank.calls[-1] == "wait"
    assert made.adjusted_limit == 0
    assert made.hold < whole_bound(made)


INPUT = (int(11 * 1.1) + 64) * 1_000  # ten words, `user` or not, with the margin


@pytest.mark.parametrize(("free", "n"), [(200_000, 1), (150_000, 1), (200_000, 2), (250_000, 3)])
async def test_a_low_balance_buys_less_output(free: int, n: int) -> None:
    key = grant(free=free)
    made = chat(limit=1_000, key=key, n=n)
    await hold(made, Bank())
    assert 16 <= made.adjusted_limit < 1_000
    assert (made.hold, key.purse.free) == (free, 0)
    dearest = PRICE.bound(Usage(input=75, output=made.adjusted_limit * n), 1_000_000)
    assert dearest <= free < dearest + 2_000 * (n + 2)


@pytest.mark.parametrize(("tokens", "is_sold"), [(15, False), (16, True)])
@pytest.mark.parametrize("n", [1, 4])
async def test_under_16_tokens_for_each_choice_is_of_no_use(tokens: int, is_sold: bool, n: int) -> None:
    probe = chat(limit=1_000, n=n, key=grant(free=10**8))
    counted = int(11 * 1.1) + 64
    key = grant(free=counted * 1_000 + tokens * n * 2_000)
    made = chat(limit=1_000, n=n, key=key)
    assert probe.incoming.body == made.incoming.body
    if is_sold:
        await hold(made, Bank())
        assert made.adjusted_limit >= 16
    else:
        with pytest.raises(NoCredit) as refused:
            await hold(made, Bank())
        assert key.purse.free == counted * 1_000 + tokens * n * 2_000
        assert key.purse.held == made.hold == 0
        assert refused.value.detail["scope"] == "account"


async def test_refuse_means_refuse() -> None:
    with pytest.raises(NoCredit, match="top up"):
        await hold(chat(limit=1_000, key=grant(free=200_000)), Bank(), low_balance="refuse")


async def test_only_chats_are_adjusted() -> None:
    made = exchange(
        {"model": "m", "input": "x " * 500}, endpoint="embeddings", key=grant(free=1_000), price=PRICE
    )
    with pytest.raises(NoCredit):
        await hold(made, Bank())


async def test_an_empty_account_is_refused_with_its_numbers() -> None:
    with pytest.raises(NoCredit) as refused:
        await hold(chat(), Bank())
    assert refused.value.detail["free_usd"] == "0.00"
    assert refused.value.status == 402


async def test_a_used_up_budget_is_refused_at_once() -> None:
    for spent in (500, 600):
        key = grant(free=10**9, budgets=[budget(500, spent)])
        with pytest.raises(NoCredit, match="budget") as refused:
            await hold(chat(key=key), bank := Bank())
        assert refused.value.detail["scope"] == "key"
        assert bank.calls == []
        assert key.purse.held == 0


async def test_a_budget_smaller_than_the_balance_is_what_can_be_held() -> None:
    key = grant(free=10**9, budgets=[budget(200_000, 50_000)])
    made = chat(limit=1_000, key=key)
    await hold(made, Bank())
    assert made.hold == 150_000
    assert made.adjusted_limit >= 16
    assert key.purse.free == 10**9 - 150_000


async def test_a_budget_that_buys_too_little_is_named() -> None:
    with pytest.raises(NoCredit, match="budget"):
        await hold(chat(limit=1_000, key=grant(free=10**9, budgets=[budget(50_000)])), Bank())


async def test_holds_of_the_same_key_count_against_its_budget() -> None:
    key = grant(free=10**9, budgets=[budget(500_000)])
    first = chat(key=key)
    await hold(first, Bank())
    second = chat(key=key)
    await hold(second, Bank())
    assert first.hold + second.hold <= 500_000


@pytest.mark.parametrize("factor_ppm", [1_000_000, 0])
@pytest.mark.parametrize(("amount", "spent"), [(None, 0), (500, 0), (500, 500), (500, 600)])
async def test_free_models_need_no_money(factor_ppm: int, amount: int | None, spent: int) -> None:
    """Also in a group whose factor is 0, and when the budget was lowered below what was spent."""
    key = grant(budgets=[] if amount is None else [budget(amount, spent)], factor_ppm=factor_ppm)
    made = chat(key=key, price=FREE if factor_ppm else PRICE)
    await hold(made, bank := Bank())
    assert (bank.calls, made.hold, made.adjusted_limit) == ([], 0, 0)


async def test_the_groups_factor_counts() -> None:
    key = grant(free=10**9, factor_ppm=850_000)
    made = chat(key=key)
    await hold(made, Bank())
    assert made.hold == whole_bound(made) * 85 // 100


@given(
    free=st.integers(0, 3_000_000),
    balance=st.integers(0, 1_000_000),
    amounts=st.lists(st.integers(0, 2_000_000), max_size=3),
    limit=st.integers(1, 2_000),
    n=st.integers(1, 4),
    factor_ppm=st.sampled_from([1, 333_333, 850_000, 1_000_000, 7_000_000]),
)
@settings(max_examples=150)
def test_whatever_is_held_is_there_and_pays_for_the_most(
    free: int, balance: int, amounts: list[int], limit: int, n: int, factor_ppm: int
) -> None:
    budgets = [budget(amount, id=f"bud_{place}") for place, amount in enumerate(amounts)]
    key = grant(free=free, budgets=budgets, factor_ppm=factor_ppm)
    made = chat(limit=limit, key=key, n=n)
    bank = Bank(balance=balance)
    task = hold(made, bank)
    try:
        task.send(None)
    except StopIteration:
        output = (made.adjusted_limit or limit) * n
        counted = PRICE.bound(Usage(input=75, output=output), factor_ppm)
        assert made.hold >= counted
        assert made.adjusted_limit == 0 or 16 <= made.adjusted_limit <= limit
        assert made.hold <= min(amounts, default=made.hold)
    except NoCredit:
        assert made.hold == 0
    else:
        raise AssertionError("it waited for something")
    assert key.purse.free >= 0
    assert key.purse.free + key.purse.held + bank.balance == free + balance
    assert key.purse.held == made.hold
    assert {purse.held for purse in made.budgets} <= {made.hold}


@pytest.mark.parametrize(
    ("price", "mode", "allow_unpriced", "is_served"),
    [
        (PriceDocument(), "live", False, True),
        (None, "live", False, False),
        (None, "live", True, True),
        (None, "test", False, True),
    ],
)
def test_a_model_without_a_price_is_not_sold(
    price: PriceDocument | None, mode: str, allow_unpriced: bool, is_served: bool
) -> None:
    made = exchange(key=grant(mode=mode), known=model(price=price))
    if is_served:
        check_priced(made, allow_unpriced=allow_unpriced)
        return
    with pytest.raises(BadRequest) as refused:
        check_priced(made, allow_unpriced=allow_unpriced)
    assert (refused.value.code_word, refused.value.param) == ("model_price_missing", "model")


def test_a_model_without_a_price_that_stands_in_is_not_charged_at_the_price_of_the_other() -> None:
    made = exchange(known=model("dear", PriceDocument(input_usd_per_million="9")))
    check_priced(made, allow_unpriced=True)
    assert made.price.dearest_input == 9_000_000
    made.model = model("free")
    check_priced(made, allow_unpriced=True)
    assert made.price.dearest_input == 0


async def test_whoever_needs_more_than_there_is_waits_for_a_part_of_what_others_hold() -> None:
    key = grant()
    key.purse.held = 200_000
    made = chat(limit=1_000, key=key)
    await hold(made, bank := Bank(settles=200_000))
    assert bank.calls[-1] == "wait"
    assert 16 <= made.adjusted_limit < 1_000
    assert made.hold == 200_000


async def test_of_purses_with_nothing_the_budgets_is_named() -> None:
    """Nothing was leased of the account, since the budget has nothing: that says nothing about the account."""
    for scope in ("key", "account", "group"):
        key = grant(free=0, budgets=[budget(500, 500, scope=scope)])
        with pytest.raises(NoCredit) as refused:
            await hold(chat(key=key), Bank(balance=10**9))
        assert refused.value.detail["scope"] == scope
        assert (key.purse.free, key.purse.held) == (0, 0)
