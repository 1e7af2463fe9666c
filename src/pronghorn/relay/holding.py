"""Holding money: set aside the most that a request can cost, or less of it when the balance is low.

The quick way needs no pause: the purse has enough in memory. The slow way asks the database for more, counts
the input instead of guessing it, waits in line for open holds, and at last buys as much output as there is money.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pronghorn.errors import BadRequest, NoCredit
from pronghorn.kit.money import format_usd
from pronghorn.ledger.credit import Credit, Purse
from pronghorn.ledger.pots import Window
from pronghorn.ledger.prices import FREE
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.relay import bounds
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.unwritten import NOTHING_UNWRITTEN, unwritten
from pronghorn.settings import Settings
from pronghorn.store.answering import answering
from pronghorn.wire.openai import Peek
from pronghorn.wire.usage import Usage

MIN_OUTPUT_TOKENS = 16
"""Less output than this is of no use to anybody: refused instead."""


class Holder:
    def __init__(self, credit: Credit, tokenizer: Tokenizer, settings: Settings) -> None:
        self._credit = credit
        self._tokenizer = tokenizer
        self._settings = settings

    def hold_at_once(self, exchange: Exchange, peek: Peek, body_bytes: int) -> Usage | None:
        """The quick way. None: it is done. Otherwise the upper bound that `hold` has to find money for."""
        assert exchange.model is not None
        grant, price, measure = exchange.grant, exchange.price, exchange.endpoint.measure
        grant.purse.used_at = exchange.started_s
        if measure in ("chat", "tokens"):
            beside = unwritten(exchange.endpoint, peek, exchange.incoming.body, exchange.model)
            if beside is not NOTHING_UNWRITTEN:
                body_bytes += sum(beside)
        if measure == "chat":
            tokens_out = bounds.output_limit(peek, exchange.model) * bounds.choices(peek)
            if take(exchange, price.bound_tokens(body_bytes, tokens_out, grant.factor_ppm)):
                return None
        most = bounds.bound(exchange.endpoint, peek, body_bytes, exchange.model)
        return None if take(exchange, price.bound(most, grant.factor_ppm)) else most

    async def hold(self, exchange: Exchange, peek: Peek, most: Usage) -> None:
        """Raises `NoCredit`. May set `exchange.adjusted_limit`, the output limit that the money buys."""
        grant = exchange.grant
        purses = (grant.purse, *grant.budget_purses(exchange.incoming.received_s))
        need = exchange.price.bound(most, grant.factor_ppm)
        await gather(self._credit, purses, need, 0)
        if take(exchange, need):
            return
        if exchange.endpoint.measure in ("chat", "tokens") and exchange.incoming.upload is None:
            assert exchange.model is not None
            named = unwritten(exchange.endpoint, peek, exchange.incoming.body, exchange.model).named
            counted = await bounds.counted_bound(exchange.incoming.body, self._tokenizer)
            most.input = min(most.input, counted + named)
            need = exchange.price.bound(most, grant.factor_ppm)
        until_s = time.monotonic() + self._settings.credit_wait_s
        await gather(self._credit, purses, need, self._settings.credit_wait_s)
        if take(exchange, need) or self._take_less(exchange, purses, peek, most):
            return
        if any(purse.held for purse in purses):
            # There is less than that in all, and others hold it: a part of it may still come.
            await gather(self._credit, purses, self._least(exchange, peek, most), until_s - time.monotonic())
        if not self._take_less(exchange, purses, peek, most):
            short = shortest(purses)
            refused = await refusal(self._credit, exchange, short, need)
            await _leave(self._credit, short)
            raise refused

    def _take_less(self, exchange: Exchange, purses: Sequence[Purse], peek: Peek, most: Usage) -> bool:
        """Hold what there is, and lower the output limit to what it buys."""
        available = min(purse.free for purse in purses)
        if not self._is_adjustable(exchange, most):
            return False
        without_output, million = _parts(exchange, most)
        buys = (available - without_output) * 1_000_000 // million // bounds.choices(peek)
        if buys < MIN_OUTPUT_TOKENS:
            return False
        exchange.adjusted_limit = buys
        exchange.take_hold(available, purses[1:])
        return True

    def _least(self, exchange: Exchange, peek: Peek, most: Usage) -> int:
        """What `_take_less` needs; 0 where less is of no use."""
        if not self._is_adjustable(exchange, most):
            return 0
        without_output, million = _parts(exchange, most)
        return without_output - (-MIN_OUTPUT_TOKENS * bounds.choices(peek) * million // 1_000_000)

    def _is_adjustable(self, exchange: Exchange, most: Usage) -> bool:
        is_chat = exchange.endpoint.measure == "chat" and self._settings.low_balance == "adjust"
        return is_chat and bool(most.output and exchange.price.dearest_output)


def take_more(exchange: Exchange, peek: Peek, tokens: int) -> int:
    """Hold so many more output tokens of each choice, which the caller's own limit does not have in it.

    Gives how many are held, which is none where they are not free at once.
    """
    if tokens > exchange.more_output:
        more = (tokens - exchange.more_output) * bounds.choices(peek)
        need = exchange.price.bound(Usage(output=more), exchange.grant.factor_ppm)
        if all(purse.free >= need for purse in (exchange.grant.purse, *exchange.budgets)):
            exchange.take_hold(need, exchange.budgets)
            exchange.more_output = tokens
    return exchange.more_output


def take(exchange: Exchange, need: int) -> bool:
    """Hold `need`, if every purse has it free."""
    grant = exchange.grant
    if need and grant.purse.free < need:
        return False
    budgets: Sequence[Purse] = ()
    if grant.budgets:
        budgets = grant.budget_purses(exchange.incoming.received_s)
        if need and min(purse.free for purse in budgets) < need:
            return False
    exchange.take_hold(need, budgets)
    return True


def _parts(exchange: Exchange, most: Usage) -> tuple[int, int]:
    """What the request costs without output, and a million tokens of it."""
    price, factor_ppm = exchange.price, exchange.grant.factor_ppm
    without_output = price.bound(Usage(input=most.input, calls=most.calls), factor_ppm)
    return without_output, price.bound(Usage(output=1_000_000), factor_ppm)


async def gather(credit: Credit, purses: Sequence[Purse], need: int, wait_s: float) -> None:
    """Do what can be done for `need` to be free in each of `purses`: lease more, then wait in line for open holds."""
    now_s = time.monotonic()
    for purse in reversed(purses):  # the account last: nothing is leased for what a budget does not allow
        purse.used_at = now_s
        if purse.free < need:
            with _leasing():
                await credit.fill(purse, need)
        if need and not (purse.free or purse.held):
            return
    # While one was waited for, what was free of another may have been taken.
    while wait_s and (purse := shortest(purses)).free < need:
        if not await credit.wait_for_settlement(purse, need, now_s + wait_s - time.monotonic()):
            return


def shortest(purses: Sequence[Purse]) -> Purse:
    """The one with the least: of several with nothing a budget's, since then nothing was leased of the account."""
    return min(reversed(purses), key=lambda purse: purse.free)


async def refusal(credit: Credit, exchange: Exchange, short: Purse, need: int) -> NoCredit:
    """Names what has too little, the account or one of the budgets."""
    now_s = exchange.incoming.received_s
    for budget in exchange.grant.budgets:
        if isinstance(short.pot, Window) and budget.id == short.pot.budget_id:
            with _leasing():
                standing = await credit.standing_of(short.pot)
            return budget.refusal(standing, need, short.free, now_s)
    return NoCredit(
        f"this request can cost up to {format_usd(need)} USD and {format_usd(short.free)} USD of the "
        "account's balance is free; lower max_tokens, shorten the input, or top up",
        detail={"scope": "account", "needed_usd": format_usd(need), "free_usd": format_usd(short.free)},
    )


async def _leave(credit: Credit, purse: Purse) -> None:
    """What is too little here may be enough on another server. What somebody here waits to add to, stays."""
    if purse.free and not (purse.held or purse.waiters):
        with _leasing():
            await credit.give_back(purse)


@contextmanager
def _leasing() -> Iterator[None]:
    with answering("what may be spent without it is used up, nothing was sent or charged; try again shortly"):
        yield


def check_priced(exchange: Exchange, *, allow_unpriced: bool) -> None:
    """A model without a price is refused on live keys: nothing is served that could not be billed."""
    assert exchange.model is not None
    exchange.price = exchange.model.price or FREE
    if exchange.model.price is None and not (exchange.grant.is_test or allow_unpriced):
        raise BadRequest(
            f"the model {exchange.model.name!r} has no price yet, so it cannot be sold; the operator sets one "
            f"with PUT /manage/v1/prices/{exchange.model.name} or `pronghorn price set`",
            param="model",
            code="model_price_missing",
        )
