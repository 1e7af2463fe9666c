"""What is left on a key, as client apps ask for it."""

from typing import Any, cast

import msgspec
import pytest
from tests.unit.routing.making import budget, grant

from pronghorn.api import billing
from pronghorn.api.reply import Reply
from pronghorn.ledger.credit import Credit, Standing
from pronghorn.ledger.pots import Window
from pronghorn.routing import Grant

USD = 1_000_000_000


class Bank:
    """8 USD can be spent, 0.5 are held, 1.5 are spent: 10 were paid in."""

    async def standing(self, account_ids: list[str], _mode: str) -> dict[str, Standing]:
        return dict.fromkeys(account_ids, Standing(8 * USD, USD // 2, USD * 3 // 2, 0))

    async def standing_of(self, window: Window) -> Standing:
        """A dollar of each budget is spent, of those of one dollar two are."""
        spent = USD if window.limit > USD else 2 * USD
        return Standing(window.limit - spent, 0, spent, 0)


class Taken:
    async def whole(self, status: int, headers: object, body: bytes) -> None:
        assert status == 200
        self.body = msgspec.json.decode(body)


async def ask(path: str, key: Grant) -> dict[str, Any]:
    taken = Taken()
    await billing.serve(billing.QUERIES[path], cast(Credit, Bank()), key, 0.0, cast(Reply, taken))
    found: dict[str, Any] = taken.body
    return found


def limited(amount: int, **fields: Any) -> Grant:
    return grant(budgets=[budget(10**15, scope="group"), budget(amount)], **fields)


@pytest.mark.parametrize(
    ("key", "limit_usd", "used_usd"),
    [
        (grant(), 10.0, 2.0),
        (limited(5 * USD), 5.0, 1.0),
        (limited(100 * USD), 9.0, 1.0),  # the account can pay 8 more, whatever the budget says
        (limited(USD), 2.0, 2.0),
    ],
)
async def test_nextchats_balance_button(key: Grant, limit_usd: float, used_usd: float) -> None:
    """U11: dollars in one answer, cents in the other."""
    subscription = await ask("/v1/dashboard/billing/subscription", key)
    assert subscription["hard_limit_usd"] == subscription["system_hard_limit_usd"] == limit_usd
    usage = await ask("/v1/dashboard/billing/usage", key)
    assert usage["total_usage"] == used_usd * 100
    grants = await ask("/v1/dashboard/billing/credit_grants", key)
    assert grants["total_available"] == limit_usd - used_usd
    assert grants["total_granted"] == grants["total_used"] + grants["total_available"]


async def test_the_quota_of_a_token() -> None:
    data = (await ask("/api/usage/token", limited(5 * USD, models=["b", "a*"], expires_s=99.0)))["data"]
    assert (data["total_granted"], data["total_used"], data["total_available"]) == (
        2_500_000,
        500_000,
        2_000_000,
    )
    assert (data["model_limits"], data["model_limits_enabled"]) == ({"a*": True, "b": True}, True)
    assert (data["expires_at"], data["name"]) == (99, "mine")
    assert not (await ask("/api/usage/token", grant()))["data"]["model_limits_enabled"]


async def test_when_the_access_ends() -> None:
    path = "/v1/dashboard/billing/subscription"
    assert (await ask(path, grant(expires_s=123.5)))["access_until"] == 123
    assert (await ask(path, grant()))["access_until"] == 0
