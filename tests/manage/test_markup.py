"""Mark-up on list prices: who it is for, what it leaves alone, and that a running server charges it at once."""

import asyncio
import time
from typing import Any

import pytest
import pytest_asyncio
from tests.manage.installed import Manage

from pronghorn.accounts.act import Act
from pronghorn.ledger import prices as ledger_prices
from pronghorn.ledger.prices import Price
from pronghorn.manage.services import markups
from pronghorn.manage.services.markups import MarkupChange
from pronghorn.wire.usage import Usage

pytestmark = pytest.mark.asyncio(loop_scope="module")

NONE = {"factor": "1", "vendors": {}}
TOKENS = Usage(input=1_000_000)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def without(manage: Manage) -> None:
    """Each test begins without a mark-up."""
    named = (await manage.get("/markup"))["vendors"]
    await manage.patch("/markup", factor=None, vendors=dict.fromkeys(named))


def price_of(manage: Manage, model: str) -> Price:
    price = manage.gateway.loader.snapshot.models[model].price
    assert price is not None
    return price


def charged(manage: Manage, model: str) -> int:
    return price_of(manage, model).charge(TOKENS, ledger_prices.PPM).nano


async def test_the_mark_up_is_set_changed_and_taken_away(manage: Manage) -> None:
    found = await manage.get("/markup")
    assert {name: found[name] for name in NONE} == NONE
    made = await manage.patch("/markup", factor="1.20", vendors={"openai": "1.1", "groq": "0.95"})
    vendors = {"groq": "0.95", "openai": "1.1"}
    assert made == {"factor": "1.2", "vendors": vendors, "updated_at": "2026-05-28T20:26:40.000Z"}
    assert await manage.get("/markup") == made
    made = await manage.patch("/markup", vendors={"groq": None})
    assert (made["factor"], made["vendors"]) == ("1.2", {"openai": "1.1"})
    made = await manage.patch("/markup", factor=None)
    assert (made["factor"], made["vendors"]) == ("1", {"openai": "1.1"})
    assert await manage.patch("/markup") == made


async def test_a_price_shows_list_mark_up_and_what_comes_of_them(manage: Manage) -> None:
    before = await manage.get("/prices/gpt-4o")
    assert (before["markup"], before["effective"]) == ("1", before["list"])
    await manage.patch("/markup", factor="1.2")
    after = await manage.get("/prices/gpt-4o")
    assert after["list"] == before["list"]
    assert after["markup"] == "1.2"
    assert after["effective"] == {
        "input_usd_per_million": "3",
        "output_usd_per_million": "12",
        "cache_read_usd_per_million": "1.5",
    }
    assert (await manage.get("/models/gpt-4o"))["price"] == after["effective"]
    listed = {price["model"]: price for price in await manage.items("/prices?limit=1000")}
    assert listed["gpt-4o"] == after


async def test_it_is_charged_by_the_running_server(manage: Manage) -> None:
    assert charged(manage, "gpt-4o") == 2_500_000_000
    await manage.patch("/markup", factor="1.2")
    assert charged(manage, "gpt-4o") == 3_000_000_000
    assert charged(manage, "claude-sonnet-4-6") == 3_600_000_000
    await manage.patch("/markup", vendors={"anthropic": "2"})
    assert charged(manage, "gpt-4o") == 3_000_000_000
    assert charged(manage, "claude-sonnet-4-6") == 6_000_000_000
    await manage.patch("/markup", factor=None, vendors={"anthropic": None})
    assert charged(manage, "gpt-4o") == 2_500_000_000


async def test_a_change_by_another_process_is_charged_within_two_seconds(manage: Manage) -> None:
    """The command line writes into the database and tells nobody."""
    begun = time.monotonic()
    async with manage.gateway.database.write() as tx:
        await markups.change(tx, Act("cli", 0), MarkupChange(factor="1.5"))
    while charged(manage, "gpt-4o") != 3_750_000_000:
        assert time.monotonic() - begun < 2, "not yet"
        await asyncio.sleep(0.02)


async def test_what_a_charge_is_made_of_says_the_mark_up(manage: Manage) -> None:
    await manage.patch("/markup", factor="1.2")
    charge = price_of(manage, "gpt-4o").charge(Usage(input=1000, output=10), 850_000)
    lines = ledger_prices.explain(charge.lines, 850_000)
    assert {line["markup"] for line in lines} == {"1.2"}
    assert [line["pico_usd"] for line in lines] == [3_000_000, 12_000_000]
    assert charge.nano == (1000 * 3_000 + 10 * 12_000) * 85 // 100


async def test_a_request_keeps_the_price_that_it_began_with(manage: Manage) -> None:
    """T44: what is frozen is the price itself; nothing reaches into it afterwards."""
    begun = price_of(manage, "gpt-4o")
    await manage.patch("/markup", factor="3")
    assert begun.charge(TOKENS, ledger_prices.PPM).nano == 2_500_000_000


async def test_the_operator_s_own_price_is_left_alone(manage: Manage) -> None:
    await manage.put("/prices/gpt-4o-mini", input_usd_per_million="1")
    await manage.patch("/markup", factor="1.2")
    shown = await manage.get("/prices/gpt-4o-mini")
    assert (shown["source"], shown["effective"]) == ("operator", {"input_usd_per_million": "1"})
    assert charged(manage, "gpt-4o-mini") == 1_000_000_000
    await manage.delete("/prices/gpt-4o-mini")
    assert charged(manage, "gpt-4o-mini") == 180_000_000


@pytest.mark.parametrize("factor", ["0", "-1", "NaN", "1e2", "", "1.0000001", "1000.000001", "x"], ids=repr)
async def test_a_bad_mark_up_is_refused_and_changes_nothing(manage: Manage, factor: str) -> None:
    for body, param in (
        ({"factor": factor, "vendors": {"openai": "2"}}, "factor"),
        ({"factor": "2", "vendors": {"openai": factor}}, "vendors.openai"),
    ):
        error = await manage.refused(400, "PATCH", "/markup", body)
        assert error["param"] == param
        assert error["message"].startswith(param)
    found = await manage.get("/markup")
    assert {name: found[name] for name in NONE} == NONE


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"vendors": {"opnai": "1.2"}}, "vendors"),
        ({"vendors": {"": "1.2"}}, "vendors"),
        ({"vendors": ["openai"]}, "vendors"),
        ({"factor": 1.2}, "factor"),
        ({"markup": "1.2"}, "markup"),
    ],
)
async def test_what_is_no_mark_up_is_named(manage: Manage, body: dict[str, Any], param: str) -> None:
    assert (await manage.refused(400, "PATCH", "/markup", body))["param"] == param


async def test_a_change_is_audited(manage: Manage) -> None:
    await manage.patch("/markup", factor="1.3", vendors={"openai": None})
    newest = (await manage.items("/audit?limit=1"))[0]
    assert newest["action"] == "markup.change"
    assert newest["detail"] == {"factor": "1.3", "vendors": {"openai": None}}


async def test_prices_by_kind_are_set_and_named_where_they_are_wrong(manage: Manage) -> None:
    await manage.put(
        "/models/my-film", vendor="openai", capabilities=["images"], display_name="A film by the second"
    )
    given = {
        "per_second_usd": {"720p": "0.10", "1080p": "0.2"},
        "per_call_usd": {"imagine/fast": "0.06", "default": "0.03"},
    }
    made = await manage.put("/prices/my-film", **given)
    assert made["effective"] == given
    price = price_of(manage, "my-film")
    assert price.charge(Usage(seconds=5, kind="720p/audio"), ledger_prices.PPM).nano == 500_000_000
    for bad, param, message in (
        ({"per_second_usd": {}}, "per_second_usd", "at least one price"),
        ({"per_call_usd": {"": "1"}}, "per_call_usd", "a kind has"),
        ({"per_call_usd": {"a/": "1"}}, "per_call_usd", "a kind has"),
        ({"per_call_usd": {"x" * 81: "1"}}, "per_call_usd", "a kind has"),
        ({"per_second_usd": {"720p": "-1"}}, "per_second_usd", "per_second_usd.720p"),
    ):
        error = await manage.refused(400, "PUT", "/prices/my-film", bad)
        assert error["param"] == param
        assert message in error["message"]
    assert (await manage.get("/prices/my-film"))["effective"] == given
