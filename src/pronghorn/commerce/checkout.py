"""Checkout: what the gateway and a payment provider say to each other about an order, whoever the provider is."""

from dataclasses import dataclass, field
from typing import NamedTuple

from pronghorn.commerce.plans import Offer
from pronghorn.errors import BadRequest
from pronghorn.kit.money import format_usd
from pronghorn.settings import Settings

MAX_TITLE = 40
"""Characters; 120 bytes where each takes three."""


class Bill(NamedTuple):
    """What a provider is to ask the payer for."""

    order_id: str
    amount: int
    """Nano-dollars for the wallet, or the price of a plan."""
    price_minor: int
    currency: str
    method: str
    plan: Offer | None = None
    """What is bought; None: a top-up."""

    @property
    def title(self) -> str:
        """What the payer reads."""
        if self.plan is not None:
            # Gateways cut a long title, and then sign another one than was sent.
            return f"Plan {self.plan.name}"[:MAX_TITLE]
        return f"Top-up {format_usd(self.amount)} USD"


@dataclass(frozen=True)
class Checkout:
    """Where the payer goes."""

    url: str
    """Opened as it is, with GET."""
    reference: str | None
    """The provider's own id, if it gave one by now."""
    form_action: str = ""
    form: dict[str, str] = field(default_factory=dict)
    """The same as a form to post to `form_action`, from providers that take one."""


class Paid(NamedTuple):
    """A provider's word, its signature checked, that money has come."""

    order_id: str
    paid_minor: int
    currency: str
    reference: str


class Ended(NamedTuple):
    """A provider's word, its signature checked, that an order was not paid in time."""

    order_id: str
    reference: str


def require(settings: Settings, provider: str, *names: str) -> None:
    """All settings without which a payment could not be asked for, or would never be noticed."""
    missing = [name for name in (*names, "public_url") if not getattr(settings, name)]
    if missing:
        raise BadRequest(
            f"provider: {provider} is not switched on here; the operator sets {', '.join(missing)}",
            param="provider",
        )


def public_url(settings: Settings, path: str) -> str:
    return settings.public_url.rstrip("/") + path
