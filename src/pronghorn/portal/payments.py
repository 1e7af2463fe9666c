"""Payments: where payment providers report, and where payers come back to. Nobody logs in here: signatures count."""

from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qsl

import structlog
from litestar import Request, Response, get, post, route
from litestar.enums import HttpMethod
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pronghorn.commerce import epay, orders, stripe_checkout
from pronghorn.commerce.checkout import Ended, Paid
from pronghorn.commerce.orders import Outcome
from pronghorn.errors import Conflict, NotFound, PronghornError, Unavailable
from pronghorn.portal.context import PortalContext

AnyRequest = Request[Any, Any, Any]

log = structlog.get_logger()

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<body style="font: 1.1em/1.6 system-ui, sans-serif; max-width: 34em; margin: 20vh auto; padding: 0 1em">
<h1>{title}</h1><p>{english}</p><p lang="zh">{chinese}</p></body></html>
"""
_THANKS = _PAGE.format(
    title="Thank you",
    english="The balance grows as soon as the payment is confirmed, usually within a minute. "
    "You may close this page.",
    chinese="支付确认后余额会自动到账，通常在一分钟之内。您可以关闭此页面。",
)
_CANCELLED = _PAGE.format(
    title="Not paid",
    english="The payment was not made, and nothing was charged. You may close this page.",
    chinese="支付未完成，没有产生任何扣款。您可以关闭此页面。",
)


@post("/pay/stripe/webhook", status_code=200)
async def stripe_webhook(request: AnyRequest) -> Response[str]:
    context: PortalContext = request.app.state.context
    signature = request.headers.get("stripe-signature", "")

    async def take() -> Outcome:
        event = await stripe_checkout.read_event(
            context.settings, context.clock.now(), await request.body(), signature
        )
        outcome = await _apply(context, stripe_checkout.NAME, event)
        if outcome == "refused":
            raise Conflict("this payment does not fit its order; the audit says why")
        return outcome

    status, text = await _answered(take(), stripe_checkout.NAME)
    return _text(text, status)


@route("/pay/epay/notify", http_method=[HttpMethod.GET, HttpMethod.POST], status_code=200)
async def epay_notify(request: AnyRequest) -> Response[str]:
    """The gateway repeats a notice until it reads `success`."""
    context: PortalContext = request.app.state.context

    async def take() -> Outcome:
        query = request.scope["query_string"] + b"&" + await request.body()
        pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True)
        outcome = await _apply(context, epay.NAME, epay.read_notice(context.settings, pairs))
        if outcome == "unknown":
            raise NotFound("there is no such order")
        if outcome == "refused":
            raise Conflict("this payment does not fit its order; the audit says why")
        return outcome

    status, _ = await _answered(take(), epay.NAME)
    return _text("success" if status == 200 else "fail", status)


@get(stripe_checkout.RETURN_PATH)
async def stripe_return(request: AnyRequest) -> Response[str]:
    return _page(_CANCELLED if "cancelled" in request.query_params else _THANKS)


@get(epay.RETURN_PATH)
async def epay_return() -> Response[str]:
    """What the payer's browser brings is not believed: only the notice counts."""
    return _page(_THANKS)


async def _apply(context: PortalContext, provider: str, notice: Paid | Ended | None) -> Outcome:
    try:
        async with context.database.write() as tx:
            outcome = await orders.apply(tx, provider, notice, context.now_ms)
    except (DBAPIError, PoolTimeout, OSError) as error:
        # The provider comes again. Of two notices at one moment the loser may end here.
        log.warning("payment.not_booked", provider=provider, error=type(error).__name__)
        raise Unavailable("the database did not take it; send it again") from error
    log.info("payment.notice", provider=provider, outcome=outcome, order=getattr(notice, "order_id", None))
    return outcome


async def _answered(taking: Awaitable[Outcome], provider: str) -> tuple[int, str]:
    """A status that the provider understands, and a word that its pages show to the operator."""
    try:
        return 200, await taking
    except PronghornError as error:
        log.info("payment.notice_refused", provider=provider, status=error.status, reason=error.message)
        return error.status, error.message


def _text(text: str, status: int) -> Response[str]:
    return Response(text, status_code=status, media_type="text/plain", headers={"cache-control": "no-store"})


def _page(html: str) -> Response[str]:
    headers = {
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
        "referrer-policy": "no-referrer",  # the address holds what a provider has signed
    }
    return Response(html, media_type="text/html", headers=headers)


handlers = [stripe_webhook, epay_notify, stripe_return, epay_return]
