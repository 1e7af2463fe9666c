"""Plans, subscriptions and notices on the command line: as the management API has them."""

import asyncio
from typing import Any

import pytest
from tests.cli.commanding import Cli
from tests.manage.installed import opened

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _api(cli: Cli, path: str) -> Any:
    async def get() -> Any:
        async with opened(cli.data) as manage:
            return await manage.get(path)

    return asyncio.run(get())


def test_a_plan_and_a_subscription_from_beginning_to_end(cli: Cli) -> None:
    made = cli.json("plan", "create", "team", "50.00", "--price-usd", "40", "--period", "week")
    assert made == _api(cli, "/plans/team") == cli.json("plan", "show", "team")
    changed = cli.json("plan", "change", "team", "--allowance-usd", "60", "--inactive")
    assert (changed["allowance_usd"], changed["active"]) == ("60.00", False)
    account = cli.json("account", "create", "Team A")["id"]
    assert "no new subscriptions; `pronghorn plan list`" in cli.refused(
        "subscription", "create", account, "team"
    )
    cli.json("plan", "change", "team", "--active")
    subscription = cli.json("subscription", "create", account, "team", "--time-zone", "Europe/Berlin")
    assert subscription == cli.json("subscription", "show", subscription["id"])
    assert subscription["left_usd"] == "60.00"
    assert cli.json("account", "show", account)["balance_usd"] == "60.00"
    assert account in cli.table("subscription", "list", "--account-id", account, "--status", "active")
    ending = cli.json("subscription", "cancel", subscription["id"])
    assert ending["status"] == "ending"
    assert cli.json("subscription", "cancel", subscription["id"], "--now")["status"] == "ended"
    assert "ended already" in cli.refused("subscription", "cancel", subscription["id"])
    assert "`active`" in cli.refused("plan", "delete", "team")
    cli.json("plan", "create", "spare", "1")
    assert cli.table("plan", "delete", "spare") == "Done.\n"
    assert "`pronghorn plan list`" in cli.refused("plan", "show", "spare")
    assert "`pronghorn subscription list`" in cli.refused("subscription", "show", "sub_nothing")
    assert "team" in cli.table("plan", "list")


def test_a_plan_is_ordered_in_place_of_an_amount(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    epay = {"EPAY_URL": "https://pay.example.cn", "EPAY_PID": "1001", "EPAY_KEY": "canaryMerchantKey"}
    for name, value in {**epay, "PUBLIC_URL": "https://ai.example.com", "TOP_UP_RATES": "CNY=7.3"}.items():
        monkeypatch.setenv(f"PRONGHORN_{name}", value)
    account = cli.json("account", "create", "Buyers")["id"]
    cli.json("plan", "create", "sold", "50", "--price-usd", "40")
    order = cli.json("order", "create", account, "--plan", "sold", "--provider", "epay")
    assert (order["plan"], order["amount_usd"], order["price"]) == ("sold", "40.00", "292.00")
    assert order == cli.json("order", "show", order["id"]) == _api(cli, f"/orders/{order['id']}")
    top_up = cli.json("order", "create", account, "20.00", "--provider", "epay")
    assert (top_up["plan"], top_up["amount_usd"]) == (None, "20.00")
    assert "sold" in cli.table("order", "list", "--account-id", account)
    both = cli.refused("order", "create", account, "20.00", "--plan", "sold", "--provider", "epay")
    assert "exactly one" in both == cli.refused("order", "create", account, "--provider", "epay")
    missing = cli.refused("order", "create", account, "--plan", "nothing", "--provider", "epay")
    assert "no plan 'nothing'; `pronghorn plan list`" in missing


def test_notices_are_set_shown_and_taken_away_and_a_secret_is_typed_nowhere(cli: Cli) -> None:
    account = cli.json("account", "create", "Team B")["id"]
    words = ("notice", "set", account, "5.00", "--webhook-url", "https://hooks.example.com/x")
    made = cli.json(*words, "--webhook-secret-stdin", "--language", "zh", stdin=SECRET + "\n")
    assert made == _api(cli, f"/accounts/{account}/notices") == cli.json("notice", "show", account)
    letters = cli.json("notice", "set", account, "7", "--email", "a@b.example", "--email", "c@d.example")
    assert (letters["emails"], letters["webhook_url"]) == (["a@b.example", "c@d.example"], None)
    assert "threshold_usd" in cli.refused("notice", "set", account, "0", "--email", "a@b.example")
    assert "emails" in cli.refused("notice", "set", account, "5", "--email", "nobody")
    tasks = cli.json("notice", "set", account, *words[4:], "--event", "task.failed", "--event", "task.*")
    assert (tasks["threshold_usd"], tasks["events"]) == (None, ["task.failed", "task.*"])
    assert "events" in cli.refused("notice", "set", account, *words[4:], "--event", "everything")
    assert "threshold_usd" in cli.refused("notice", "set", account, *words[4:])
    assert cli.json("notice", "deliveries", "--subject", "task_1") == {"items": [], "next": None}
    assert "msg_nothing" in cli.refused("notice", "delivery", "msg_nothing")
    assert "msg_nothing" in cli.refused("notice", "replay", "msg_nothing")
    assert cli.table("notice", "delete", account) == "Done.\n"
    cli.refused("notice", "show", account)
    assert SECRET not in "".join(cli.shown)
