"""What is left on a key, in the shapes that client apps ask for. Their numbers are floats; ours stay integers.

A key with a budget shows the budget, as far as the account can pay it; a key without shows the account.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from pronghorn.api.reply import Reply
from pronghorn.convert.errors import JSON_HEADER
from pronghorn.kit import quota
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger.credit import Credit
from pronghorn.routing import Grant


class Funds(NamedTuple):
    """Nano-dollars."""

    available: int
    used: int


async def funds(credit: Credit, grant: Grant, now_s: float) -> Funds:
    standing = (await credit.standing([grant.account_id], grant.mode))[grant.account_id]
    own = [budget for budget in grant.budgets if budget.scope == "key"]
    if not own:
        return Funds(standing.balance, standing.spent + standing.held)
    windows = [await credit.standing_of(budget.window(now_s)) for budget in own]
    tightest = min(windows, key=lambda window: window.balance)
    return Funds(max(0, min(tightest.balance, standing.balance)), tightest.spent + tightest.held)


def subscription(found: Funds, grant: Grant) -> object:
    limit = _usd(found.available + found.used)
    return {
        "object": "billing_subscription",
        "has_payment_method": True,
        "soft_limit_usd": limit,
        "hard_limit_usd": limit,
        "system_hard_limit_usd": limit,
        "access_until": int(grant.expires_s or 0),
    }


def usage(found: Funds, grant: Grant) -> object:
    return {"object": "list", "total_usage": found.used * 100 / NANO_PER_USD}


def credit_grants(found: Funds, grant: Grant) -> object:
    return {
        "object": "credit_summary",
        "total_granted": _usd(found.available + found.used),
        "total_used": _usd(found.used),
        "total_available": _usd(found.available),
        "grants": {"object": "list", "data": []},
    }


def token_usage(found: Funds, grant: Grant) -> object:
    listed = grant.listed_models()
    return {
        "code": True,
        "message": "ok",
        "data": {
            "object": "token_usage",
            "name": grant.name,
            "total_granted": quota.left(found.available) + quota.used(found.used),
            "total_used": quota.used(found.used),
            "total_available": quota.left(found.available),
            "unlimited_quota": False,
            "model_limits": dict.fromkeys(listed or (), True),
            "model_limits_enabled": listed is not None,
            "expires_at": int(grant.expires_s or 0),
        },
    }


Query = Callable[[Funds, Grant], object]

QUERIES: dict[str, Query] = {
    "/v1/dashboard/billing/subscription": subscription,
    "/v1/dashboard/billing/usage": usage,
    "/v1/dashboard/billing/credit_grants": credit_grants,
    "/api/usage/token": token_usage,
}


async def serve(query: Query, credit: Credit, grant: Grant, now_s: float, reply: Reply) -> None:
    found = await funds(credit, grant, now_s)
    await reply.whole(200, [JSON_HEADER], msgspec.json.encode(query(found, grant)))


def _usd(nano: int) -> float:
    return nano / NANO_PER_USD
