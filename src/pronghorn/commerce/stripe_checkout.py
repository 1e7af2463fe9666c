"""Stripe Checkout: a session for each order, and the webhook events that say what became of it.

The official package talks to Stripe and checks signatures. It is imported in a thread when it is first needed: that
takes half a second, in which others are served.
"""

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from pronghorn.commerce.checkout import Bill, Checkout, Ended, Paid, public_url, require
from pronghorn.errors import BadRequest, NotFound, Unauthenticated, Unavailable
from pronghorn.kit.later import Later
from pronghorn.settings import Settings

if TYPE_CHECKING:
    import aiohttp
else:
    aiohttp = Later("aiohttp")

NAME = "stripe"
RETURN_PATH = "/pay/stripe/return"
REQUIRED = ("stripe_secret_key", "stripe_webhook_secret")
TOLERANCE_S = 300
"""How far the time of a signature may be from ours."""
TIMEOUT_S = 30.0
RETRIES = 2
"""Stripe gives the same session again: each try has the order's id as its idempotency key."""

_PAID = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_ENDED = ("checkout.session.expired", "checkout.session.async_payment_failed")

log = structlog.get_logger()


class _Session(msgspec.Struct):
    id: str
    payment_status: str = ""
    client_reference_id: str | None = None
    amount_total: int | None = None
    currency: str | None = None


class _Data(msgspec.Struct):
    object: msgspec.Raw


class _Event(msgspec.Struct):
    type: str
    data: _Data


async def _package() -> Any:
    # In a thread, and at its first use: see above.
    return await asyncio.to_thread(importlib.import_module, "stripe")


async def begin(settings: Settings, bill: Bill) -> Checkout:
    """Ask Stripe for a session."""
    require(settings, NAME, *REQUIRED)
    stripe = await _package()
    http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(TIMEOUT_S))
    client = stripe.StripeClient(
        settings.stripe_secret_key,
        base_addresses={"api": settings.stripe_api_base.rstrip("/")},
        max_network_retries=RETRIES,
        http_client=http,
    )
    try:
        session = await client.v1.checkout.sessions.create_async(
            _parameters(settings, bill), {"idempotency_key": bill.order_id}
        )
    except stripe.InvalidRequestError as error:
        raise BadRequest(f"Stripe refused the order: {error.user_message}") from error
    except (stripe.StripeError, aiohttp.ClientError, TimeoutError) as error:
        # Stripe's words may quote a part of the key.
        log.warning("stripe.failed", order=bill.order_id, error=type(error).__name__)
        raise Unavailable(
            f"Stripe did not open a checkout ({type(error).__name__}); try again shortly, "
            "or look at stripe_secret_key"
        ) from error
    finally:
        await http.close_async()
    return Checkout(str(session.url), str(session.id))


def _parameters(settings: Settings, bill: Bill) -> dict[str, Any]:
    named = {"order_id": bill.order_id}
    return {
        "mode": "payment",
        "client_reference_id": bill.order_id,
        "metadata": named,
        "payment_intent_data": {"metadata": named},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": bill.currency.lower(),
                    "unit_amount": bill.price_minor,
                    "product_data": {"name": bill.title},
                },
            }
        ],
        "success_url": public_url(settings, RETURN_PATH),
        "cancel_url": public_url(settings, f"{RETURN_PATH}?cancelled=1"),
    }


async def read_event(settings: Settings, now_s: float, body: bytes, signature: str) -> Paid | Ended | None:
    """What an event says of an order; None: nothing. Raises `BadRequest` of some kind for what Stripe did not sign."""
    if not settings.stripe_webhook_secret.strip():
        raise NotFound("payments by Stripe are off")
    await _check_signature(settings.stripe_webhook_secret, now_s, body, signature)
    try:
        event = msgspec.json.decode(body, type=_Event)
        if event.type in _PAID:
            return _paid(msgspec.json.decode(event.data.object, type=_Session))
        if event.type in _ENDED:
            return _ended(msgspec.json.decode(event.data.object, type=_Session))
    except msgspec.MsgspecError as error:
        raise BadRequest(f"this is no event of Stripe: {error}") from error
    return None


async def _check_signature(secret: str, now_s: float, body: bytes, signature: str) -> None:
    stripe = await _package()
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret)
        (signed_at,) = (part[2:] for part in signature.split(",") if part.startswith("t="))
        is_recent = abs(now_s - int(signed_at)) <= TOLERANCE_S
    except (stripe.SignatureVerificationError, ValueError, TypeError) as error:
        # The package stumbles over what is no text or no ASCII.
        raise Unauthenticated("the signature does not fit", code="invalid_signature") from error
    if not is_recent:
        raise Unauthenticated(
            f"the signature is more than {TOLERANCE_S // 60} minutes from our time", code="invalid_signature"
        )


def _paid(session: _Session) -> Paid | None:
    """None: somebody else's session, or one that a bank has still to say yes to."""
    if session.client_reference_id is None or session.payment_status != "paid":
        return None
    return Paid(
        session.client_reference_id,
        -1 if session.amount_total is None else session.amount_total,
        (session.currency or "").upper(),
        session.id,
    )


def _ended(session: _Session) -> Ended | None:
    if session.client_reference_id is None:
        return None
    return Ended(session.client_reference_id, session.id)
