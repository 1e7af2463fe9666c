"""Routes and limits on the command line: as the management API has them."""

import asyncio
from typing import Any

import pytest
from tests.cli.commanding import Cli
from tests.manage.installed import opened

LIMITS = {"rpm": 60, "tpm": 100_000, "concurrency": 4, "body_bytes": 50_000_000}
OPTIONS = [word for name, value in LIMITS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
NOUNS = ["account", "group", "channel", "key"]


def _api(cli: Cli, path: str) -> Any:
    async def get() -> Any:
        async with opened(cli.data) as manage:
            return await manage.get(path)

    return asyncio.run(get())


def _create(cli: Cli, noun: str, *options: str) -> tuple[str, dict[str, Any]]:
    """What was made, and the name or id by which it is called."""
    needed = {
        "account": ["Team A"],
        "group": [f"group-{len(cli.json('group', 'list')['items'])}"],
        "channel": ["main", "--vendor", "openai", "--model", "gpt-4o"],
        "key": ["laptop", "--account", cli.json("account", "list")["items"][-1]["id"]],
    }[noun]
    made = cli.json(noun, "create", *needed, *options)
    return made.get("id", made["name"]), made


def test_a_route_is_set_shown_listed_and_deleted(cli: Cli) -> None:
    made = cli.json(
        *("route", "set", "org/smart", "--model", "gpt-4o-mini", "--model", "gpt-4o", "--policy", "price"),
        *("--context", "gemini-2.5-flash", "--filter", "gpt-4o", "--unavailable", "gpt-4o"),
        *("--unavailable", "gemini-2.5-flash"),
    )
    assert made == _api(cli, "/routes/org/smart") == cli.json("route", "show", "org/smart")
    assert (made["models"], made["policy"]) == (["gpt-4o-mini", "gpt-4o"], "price")
    assert made["fallbacks"] == {
        "context_too_long": ["gemini-2.5-flash"],
        "content_filter": ["gpt-4o"],
        "unavailable": ["gpt-4o", "gemini-2.5-flash"],
    }
    assert cli.json("route", "list") == _api(cli, "/routes")
    replaced = cli.json("route", "set", "org/smart", "--model", "gpt-4o")
    assert (replaced["policy"], replaced["fallbacks"]["unavailable"]) == (None, [])
    assert cli.table("route", "delete", "org/smart") == "Done.\n"
    assert "`pronghorn route list`" in cli.refused("route", "show", "org/smart")
    assert "`pronghorn route list`" in cli.refused("route", "delete", "org/smart")


def test_a_pattern_is_a_route_too(cli: Cli) -> None:
    made = cli.json("route", "set", "gpt-4*", "--policy", "load")
    assert made == _api(cli, "/routes/gpt-4*")
    assert "gpt-4*" in cli.table("route", "list")


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (["nothing"], "`pronghorn model list`"),
        (["smart", "--model", "gpt-4o-mnii"], "gpt-4o-mini"),
        (["gpt-4o", "--unavailable", "none"], "fallbacks.unavailable"),
        (["gpt-4o", *["--context", "gpt-4o"] * 11], "length <= 10"),
        ([" ", "--model", "gpt-4o"], "name"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_a_wrong_route_is_answered_with_the_way_out(cli: Cli, words: list[str], way_out: str) -> None:
    message = cli.refused("route", "set", *words)
    assert way_out in message
    assert "/manage/v1" not in message


def test_a_policy_is_one_of_four(cli: Cli) -> None:
    ended = cli.run("route", "set", "gpt-4o", "--policy", "fastest")
    assert ended.code == 2
    assert all(policy in ended.err for policy in ("weight", "latency", "price", "load"))


@pytest.mark.parametrize("noun", NOUNS)
def test_limits_are_set_changed_and_cleared(cli: Cli, noun: str) -> None:
    name, made = _create(cli, noun, *OPTIONS)
    assert made.items() >= LIMITS.items()
    changed = cli.json(noun, "limit", name, "--rpm", "7", "--body-bytes", "none")
    assert changed.items() >= (LIMITS | {"rpm": 7, "body_bytes": None}).items()
    assert _api(cli, f"/{noun}s/{name}").items() >= (LIMITS | {"rpm": 7, "body_bytes": None}).items()
    assert "100000" in cli.table(noun, "show", name)
    cleared = cli.json(noun, "limit", name, "--rpm", "none", "--tpm", "none", "--concurrency", "none")
    assert cleared.items() >= dict.fromkeys(LIMITS).items()


@pytest.mark.parametrize("noun", NOUNS)
def test_a_limit_that_is_none_changes_nothing(cli: Cli, noun: str) -> None:
    name, _ = _create(cli, noun, *OPTIONS)
    for wrong, why in (
        ("0", "expected `int` >= 1"),
        ("1.5", "expected a whole number, or `none`"),
        ("lots", "expected a whole number, or `none`"),
        ("9" * 20, f"expected `int` <= {2**53 - 1}"),
    ):
        message = cli.refused(noun, "limit", name, "--rpm", "5", "--body-bytes", wrong)
        assert message == f"Error: body_bytes: {why}\n"
        assert cli.refused(noun, "limit", name, "--rpm", wrong).startswith("Error: rpm: expected")
    assert "--help lists the options" in cli.refused(noun, "limit", name)
    assert cli.json(noun, "show", name).items() >= LIMITS.items()
    assert f"`pronghorn {noun} list`" in cli.refused(noun, "limit", "nobody", "--rpm", "5")


def test_a_channel_says_what_it_costs(cli: Cli) -> None:
    _, made = _create(cli, "channel", "--cost", "0.85")
    assert made["cost"] == _api(cli, f"/channels/{made['id']}")["cost"] == "0.85"
    assert "0.85" in cli.table("channel", "list")
    assert "cost" in cli.refused(
        "channel", "create", "x", "--vendor", "openai", "--model", "m", "--cost", "-1"
    )
