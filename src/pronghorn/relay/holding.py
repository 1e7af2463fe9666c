"""Holding money: set aside the most that a request can cost, or less of it when the balance is low.

The quick way needs no pause: the purse has enough in memory. The slow way asks the database for more, counts
the input instead of guessing it, waits in line for open holds, and at last buys as much output as there is money.
"""

from pronghorn.errors import BadRequest, NoCredit
from pronghorn.kit.money import format_usd
from pronghorn.ledger.credit import Credit
from pronghorn.ledger.prices import FREE
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.relay import bounds
from pronghorn.relay.exchange import Exchange
from pronghorn.settings import Settings
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
        grant, price = exchange.grant, exchange.price
        grant.purse.used_at = exchange.started_s
        if exchange.endpoint.measure == "chat":
            tokens_out = bounds.output_limit(peek, exchange.model) * bounds.choices(peek)
            if self._take(exchange, price.bound_tokens(body_bytes, tokens_out, grant.factor_ppm)):
                return None
        most = bounds.bound(exchange.endpoint, peek, body_bytes, exchange.model)
        return None if self._take(exchange, price.bound(most, grant.factor_ppm)) else most

    @staticmethod
    def _take(exchange: Exchange, need: int) -> bool:
        grant = exchange.grant
        left = grant.budget_left()
        if need and (grant.purse.free < need or (left is not None and left < need)):
            return False
        exchange.take_hold(need)
        return True

    async def hold(self, exchange: Exchange, peek: Peek, most: Usage) -> None:
        """Raises `NoCredit`. May set `exchange.adjusted_limit`, the output limit that the money buys."""
        grant = exchange.grant
        need = exchange.price.bound(most, grant.factor_ppm)
        left = grant.budget_left()
        if left is not None and left <= 0 < need:
            raise grant.refuse_budget(need)
        await self._credit.fill(grant.purse, need)
        if self._take(exchange, need):
            return
        if exchange.endpoint.measure in ("chat", "tokens") and exchange.incoming.upload is None:
            most.input = min(most.input, await bounds.counted_bound(exchange.incoming.body, self._tokenizer))
            need = exchange.price.bound(most, grant.factor_ppm)
            await self._credit.fill(grant.purse, need)
            if self._take(exchange, need):
                return
        await self._credit.wait_for_settlement(grant.purse, need, self._settings.credit_wait_s)
        if not self._take(exchange, need):
            self._adjust(exchange, peek, most, need)

    def _adjust(self, exchange: Exchange, peek: Peek, most: Usage, need: int) -> None:
        """Hold what there is, and lower the output limit to what it buys."""
        grant, price = exchange.grant, exchange.price
        left = grant.budget_left()
        available = grant.purse.free if left is None else min(grant.purse.free, max(left, 0))
        is_adjustable = exchange.endpoint.measure == "chat" and self._settings.low_balance == "adjust"
        if is_adjustable and most.output and price.dearest_output:
            without_output = price.bound(Usage(input=most.input, calls=most.calls), grant.factor_ppm)
            one = price.bound(Usage(output=1_000_000), grant.factor_ppm)
            buys = (available - without_output) * 1_000_000 // one // bounds.choices(peek)
            if buys >= MIN_OUTPUT_TOKENS:
                exchange.adjusted_limit = buys
                exchange.take_hold(available)
                return
        if left is not None and left < grant.purse.free:
            raise grant.refuse_budget(need)
        raise NoCredit(
            f"this request can cost up to {format_usd(need)} USD and {format_usd(available)} USD of the "
            "account's balance is free; lower max_tokens, shorten the input, or top up",
            detail={"scope": "account", "needed_usd": format_usd(need), "free_usd": format_usd(available)},
        )


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
