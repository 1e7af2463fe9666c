"""What the management API refuses the command line refuses, in the same words; lists are walked page by page."""

import asyncio
import io
from typing import Any
from unittest import mock

import pytest
from tests.cli.commanding import Cli, typed
from tests.manage.installed import opened

LONG, NOTE, HUGE = "x" * 201, "x" * 2001, 10**30


@pytest.fixture(scope="module")
def ids(cli: Cli) -> dict[str, str]:
    account = cli.json("account", "create", "Team A")["id"]
    cli.json("channel", "create", "main", "--vendor", "openai", "--model", "gpt-4o")
    return {
        "ACCOUNT": account,
        "KEY": cli.json("key", "create", "k", "--account", account)["id"],
        "CHANNEL": cli.json("channel", "show", "main")["id"],
        "USER": cli.json("user", "create", "ann@example.com")["id"],
    }


WRONG: list[tuple[list[str], str, str, dict[str, Any]]] = [
    (["account", "create", LONG], "POST", "/accounts", {"name": LONG}),
    (["account", "create", ""], "POST", "/accounts", {"name": ""}),
    (["account", "create", "x", "--rpm", "0"], "POST", "/accounts", {"name": "x", "rpm": 0}),
    (["account", "create", "x", "--tpm", str(HUGE)], "POST", "/accounts", {"name": "x", "tpm": HUGE}),
    (
        ["account", "create", "x", "--body-bytes", str(2**53)],
        *("POST", "/accounts", {"name": "x", "body_bytes": 2**53}),
    ),
    (["account", "change", "ACCOUNT", "--name", LONG], "PATCH", "/accounts/ACCOUNT", {"name": LONG}),
    (["account", "limit", "ACCOUNT", "--rpm", str(HUGE)], "PATCH", "/accounts/ACCOUNT", {"rpm": HUGE}),
    (
        ["account", "adjust", "ACCOUNT", "1", "--note", NOTE],
        *("POST", "/accounts/ACCOUNT/adjust", {"amount_usd": "1", "note": NOTE}),
    ),
    (
        ["account", "adjust", "ACCOUNT", "1", "--reference", ""],
        *("POST", "/accounts/ACCOUNT/adjust", {"amount_usd": "1", "reference": ""}),
    ),
    (
        ["account", "adjust", "ACCOUNT", "9" * 400],
        *("POST", "/accounts/ACCOUNT/adjust", {"amount_usd": "9" * 400}),
    ),
    (
        ["key", "create", LONG, "--account", "ACCOUNT"],
        *("POST", "/keys", {"name": LONG, "account_id": "ACCOUNT", "mode": "live"}),
    ),
    (["key", "change", "KEY", "--group", ""], "PATCH", "/keys/KEY", {"group": ""}),
    (["key", "change", "KEY", "--budget-usd", "0"], "PATCH", "/keys/KEY", {"budget_usd": "0"}),
    (["key", "change", "KEY", "--budget-usd", "9" * 400], "PATCH", "/keys/KEY", {"budget_usd": "9" * 400}),
    (["key", "change", "KEY", "--model", "gpt*4"], "PATCH", "/keys/KEY", {"models": ["gpt*4"]}),
    (["key", "change", "KEY", "--ip", "300.1.1.1"], "PATCH", "/keys/KEY", {"ips": ["300.1.1.1"]}),
    (["channel", "change", "CHANNEL", "--weight", "0"], "PATCH", "/channels/CHANNEL", {"weight": 0}),
    (
        ["channel", "change", "CHANNEL", "--priority", str(HUGE)],
        *("PATCH", "/channels/CHANNEL", {"priority": HUGE}),
    ),
    (["channel", "change", "CHANNEL", "--cost", "1001"], "PATCH", "/channels/CHANNEL", {"cost": "1001"}),
    (["channel", "change", "CHANNEL", "--model", ""], "PATCH", "/channels/CHANNEL", {"models": {"": ""}}),
    (
        ["channel", "create", "x", "--vendor", "openai", "--model", "m", "--group", LONG],
        *("POST", "/channels", {"name": "x", "vendor": "openai", "models": ["m"], "groups": [LONG]}),
    ),
    (["group", "create", "g", "--description", NOTE], "POST", "/groups", {"name": "g", "description": NOTE}),
    (["group", "change", "default", "--factor", "-1"], "PATCH", "/groups/default", {"factor": "-1"}),
    (
        ["group", "change", "default", "--description", NOTE],
        "PATCH",
        "/groups/default",
        {"description": NOTE},
    ),
    (["user", "create", f"{LONG}@x"], "POST", "/users", {"email": f"{LONG}@x"}),
    (["user", "change", "USER", "--name", LONG], "PATCH", "/users/USER", {"name": LONG}),
    (["token", "create", LONG], "POST", "/tokens", {"name": LONG}),
    (
        ["model", "set", "m", "--vendor", "openai", "--context-tokens", str(HUGE)],
        *("PUT", "/models/m", {"vendor": "openai", "context_tokens": HUGE}),
    ),
    (["model", "set", "m", "--vendor", "x" * 41], "PUT", "/models/m", {"vendor": "x" * 41}),
    (
        ["model", "change", "gpt-4o", "--max-output-tokens", "-1"],
        *("PATCH", "/models/gpt-4o", {"max_output_tokens": -1}),
    ),
    (
        ["price", "set", "m", "--input", "1", "--note", NOTE],
        *("PUT", "/prices/m", {"input_usd_per_million": "1", "note": NOTE}),
    ),
]


@pytest.fixture(scope="module")
def messages(cli: Cli, ids: dict[str, str]) -> list[str]:
    """What the management API answers to each of them."""

    async def asked() -> list[str]:
        async with opened(cli.data) as manage:
            return [
                (await manage.refused(400, method, _with(ids, path), _named(ids, body)))["message"]
                for _, method, path, body in WRONG
            ]

    return asyncio.run(asked())


def _with(ids: dict[str, str], path: str) -> str:
    return "/".join(ids.get(part, part) for part in path.split("/"))


def _named(ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    return {name: ids.get(str(value), value) for name, value in body.items()}


@pytest.mark.parametrize("number", range(len(WRONG)), ids=[" ".join(words)[:50] for words, *_ in WRONG])
def test_what_the_management_api_refuses_is_refused_in_its_words(
    cli: Cli, ids: dict[str, str], messages: list[str], number: int
) -> None:
    words = WRONG[number][0]
    assert cli.refused(*(ids.get(word, word) for word in words)) == f"Error: {messages[number]}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["account", "create", "\udcff"],
        ["account", "show", "\udcff"],
        ["account", "list", "--cursor", "\udcff"],
        ["group", "change", "default", "--description", "\udcff"],
        ["key", "change", "key_none", "--model", "\udcff"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_bytes_that_are_no_text_are_refused(cli: Cli, words: list[str]) -> None:
    assert "UTF-8" in cli.refused(*words)


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize(
    "words",
    [["channel", "change", "CHANNEL", "--credentials-stdin"], ["user", "password", "ann@example.com"]],
    ids=" ".join,
)
def test_a_secret_that_is_no_text_is_refused(
    cli: Cli, ids: dict[str, str], words: list[str], errors: str
) -> None:
    """Both ways in which Python opens standard input, by the locale."""
    words = [*(ids.get(word, word) for word in words), "--data", str(cli.data)]
    stdin = io.TextIOWrapper(io.BytesIO(b"sk-long-enough-\xff\xfe\n"), "utf-8", errors)
    with mock.patch("tests.cli.commanding.io.StringIO", side_effect=[io.StringIO(), io.StringIO(), stdin]):
        ended = typed(*words)
    assert (ended.code, ended.out) == (1, "")
    assert "UTF-8" in ended.err


def test_a_list_is_walked_page_by_page(cli: Cli) -> None:
    made = {cli.json("account", "create", f"n {number}")["id"] for number in range(5)}
    seen: list[str] = []
    cursor: list[str] = []
    while True:
        page = cli.json("account", "list", "--limit", "2", *cursor)
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        shown = cli.table("account", "list", "--limit", "2", *cursor)
        assert f"More with --cursor {page['next']}" in shown
        cursor = ["--cursor", page["next"]]
    assert len(seen) == len(set(seen))
    assert made <= set(seen)
    assert "More" not in cli.table("account", "list", "--limit", "1000")
    assert cli.json("account", "list", "--since", "2999-01-01")["items"] == []
    assert cli.json("account", "list", "--until", "1999-01-01")["items"] == []
    assert "ISO 8601" in cli.refused("account", "list", "--since", "soon")
