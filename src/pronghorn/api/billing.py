"""What is left on a key, in the shapes that client apps ask for. Their numbers are floats; ours stay integers.

A key with a budget shows the budget, as far as the account can pay it; a key without shows the account.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from pronghorn.api.reply import Reply
from pronghorn.convert.errors import JSON_HEADER
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger.credit import Credit
from pronghorn.routing import Grant

QUOTA_PER_USD = 500_000


class Funds(NamedTuple):
    """Nano-dollars."""

    available: int
    used: int


async def funds(credit: Credit, grant: Grant) -> Funds:
    standing = (await credit.standing([grant.account_id], grant.mode))[grant.account_id]
    left = grant.budget_left()
    if left is None:
        return Funds(standing.balance, standing.spent + standing.held)
    return Funds(max(0, min(left, standing.balance)), grant.meter.spent + grant.meter.held)


async def subscription(credit: Credit, grant: Grant) -> object:
    found = await funds(credit, grant)
    limit = _usd(found.available + found.used)
    return {
        "object": "billing_subscription",
        "has_payment_method": True,
        "soft_limit_usd": limit,
        "hard_limit_usd": limit,
        "system_hard_limit_usd": limit,
        "access_until": int(grant.expires_s or 0),
    }


async def usage(credit: Credit, grant: Grant) -> object:
    found = await funds(credit, grant)
    return {"object": "list", "total_usage": found.used * 100 / NANO_PER_USD}


async def credit_grants(credit: Credit, grant: Grant) -> object:
    found = await funds(credit, grant)
    return {
        "object": "credit_summary",
        "total_granted": _usd(found.available + found.used),
        "total_used": _usd(found.used),
        "total_available": _usd(found.available),
        "grants": {"object": "list", "data": []},
    }


async def token_usage(credit: Credit, grant: Grant) -> object:
    found = await funds(credit, grant)
    listed = grant.listed_models()
    return {
        "code": True,
        "message": "ok",
        "data": {
            "object": "token_usage",
            "name": grant.name,
            "total_granted": _quota(found.available + found.used),
            "total_used": _quota(found.used),
            "total_available": _quota(found.available),
            "unlimited_quota": False,
            "model_limits": dict.fromkeys(listed or (), True),
            "model_limits_enabled": listed is not None,
            "expires_at": int(grant.expires_s or 0),
        },
    }


Query = Callable[[Credit, Grant], Awaitable[object]]

QUERIES: dict[str, Query] = {
    "/v1/dashboard/billing/subscription": subscription,
    "/v1/dashboard/billing/usage": usage,
    "/v1/dashboard/billing/credit_grants": credit_grants,
    "/api/usage/token": token_usage,
}


async def serve(query: Query, credit: Credit, grant: Grant, reply: Reply) -> None:
    await reply.whole(200, [JSON_HEADER], msgspec.json.encode(await query(credit, grant)))


def _usd(nano: int) -> float:
    return nano / NANO_PER_USD


def _quota(nano: int) -> int:
    return nano * QUOTA_PER_USD // NANO_PER_USD
