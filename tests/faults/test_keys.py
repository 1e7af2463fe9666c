"""What is said of keys holds on a gateway that runs: ends, lists, limits, and how soon a change is seen."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cli.commanding import Cli
from tests.process import Installation

CHAT = "/v1/chat/completions"
MODEL = "gpt-4o-mini"
PROMISED_S = 2.0
SLACK_S = 1.0
"""For a machine on which other tests run."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("running")).start()
    yield installation
    installation.close()


@pytest.fixture(scope="module")
def cli(running: Installation) -> Cli:
    return Cli(running.folder / "data")


@pytest.fixture(scope="module")
def account(running: Installation) -> str:
    found: str = running.manage("POST", "/accounts", {"name": "of the keys"})["id"]
    return found


def make(running: Installation, account: str, **limits: Any) -> Any:
    return running.manage("POST", "/keys", {"account_id": account, "name": "k", "mode": "test"} | limits)


def chat(running: Installation, key: str, model: str = MODEL, **more: Any) -> tuple[int, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": "repeat: x"}], "max_tokens": 20}
    return running.call("POST", CHAT, body | more, key)


def seconds_until(running: Installation, key: str, status: int) -> float:
    begun = time.monotonic()
    while running.call("GET", "/v1/models", None, key)[0] != status:
        assert time.monotonic() - begun < 10
        time.sleep(0.02)
    return time.monotonic() - begun


def test_a_key_that_another_process_revokes_is_refused_within_two_seconds(
    running: Installation, cli: Cli, account: str
) -> None:
    made = make(running, account)
    assert chat(running, made["key"])[0] == 200
    cli.table("key", "revoke", made["id"])
    assert seconds_until(running, made["key"], 401) < PROMISED_S + SLACK_S
    assert chat(running, made["key"])[1]["error"]["code"] == "invalid_api_key"


def test_a_key_that_another_process_makes_works_within_two_seconds(
    running: Installation, cli: Cli, account: str
) -> None:
    made = cli.json("key", "create", "new", "--account", account, "--test")
    assert seconds_until(running, made["key"], 200) < PROMISED_S + SLACK_S


def test_a_key_that_is_revoked_here_is_refused_with_the_answer(running: Installation, account: str) -> None:
    made = make(running, account)
    assert chat(running, made["key"])[0] == 200
    running.manage("DELETE", f"/keys/{made['id']}")
    assert chat(running, made["key"])[0] == 401


def test_a_key_ends_at_its_time_without_anybody_doing_anything(running: Installation, account: str) -> None:
    end_s = time.time() + 1.5
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(end_s)) + f".{int(end_s % 1 * 1000):03}Z"
    made = make(running, account, expires_at=stamp)
    assert running.call("GET", "/v1/models", None, made["key"])[0] == 200
    seconds_until(running, made["key"], 401)
    assert end_s - 0.1 < time.time() < end_s + SLACK_S
    assert "expired" in chat(running, made["key"])[1]["error"]["message"]


@pytest.mark.parametrize(
    ("ips", "status"),
    [(["127.0.0.0/8"], 200), (["127.0.0.1"], 200), (["10.0.0.0/8", "::/0"], 403), (["203.0.113.7"], 403)],
)
def test_a_key_is_bound_to_its_addresses_on_every_route(
    running: Installation, account: str, ips: list[str], status: int
) -> None:
    key = make(running, account, ips=ips)["key"]
    assert chat(running, key)[0] == status
    for path in ("/v1/models", "/v1/dashboard/billing/usage", "/api/usage/token"):
        found, answer = running.call("GET", path, None, key)
        assert found == status
        assert status == 200 or answer["error"]["code"] == "access_denied"


def test_an_address_in_a_header_is_not_believed(running: Installation, account: str) -> None:
    key = make(running, account, ips=["203.0.113.7"])["key"]
    headers = {"authorization": f"Bearer {key}", "x-forwarded-for": "203.0.113.7", "x-real-ip": "203.0.113.7"}
    asked = urllib.request.Request(f"{running.base_url}/v1/models", headers=headers)
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(asked, timeout=10)
    refused.value.close()


def test_a_key_sees_and_uses_the_models_of_its_patterns(running: Installation, account: str) -> None:
    key = make(running, account, models=["gpt-4o*", "text-embedding-3-small"])["key"]
    names = [model["id"] for model in running.call("GET", "/v1/models", None, key)[1]["data"]]
    assert MODEL in names and "text-embedding-3-small" in names
    assert all(name.startswith("gpt-4o") or name == "text-embedding-3-small" for name in names)
    assert chat(running, key)[0] == 200
    for model in ("o3", "text-embedding-3-large"):
        status, answer = chat(running, key, model)
        assert (status, answer["error"]["code"], answer["error"]["param"]) == (403, "access_denied", "model")
        assert running.call("GET", f"/v1/models/{model}", None, key)[0] == 404
    for misspelt in ("gpt-4o-minii", "o3-minii", "text-embedding-3-largee"):
        status, answer = chat(running, key, misspelt)
        assert status == 404
        similar = re.findall(r"did you mean (.+?)\?", answer["error"]["message"])
        shown = similar[0].split(" or ") if similar else []
        assert set(shown) <= set(names), "no name that this key may not use"
        assert MODEL in shown or misspelt != "gpt-4o-minii"


def test_an_exhausted_budget_says_which_and_how_much(running: Installation, account: str) -> None:
    made = make(running, account, budget_usd="0.000001")
    status, answer = chat(running, made["key"])
    assert status == 402
    error = answer["error"]
    assert (error["type"], error["code"], error["scope"]) == (
        "insufficient_quota",
        "insufficient_quota",
        "key",
    )
    assert error["limit_usd"] == "0.000001"
    assert "req_" in error["message"]
    assert running.manage("GET", f"/keys/{made['id']}")["spent_usd"] == "0.00"
    running.manage("PATCH", f"/keys/{made['id']}", {"budget_usd": "1"})
    assert chat(running, made["key"])[0] == 200


def test_an_empty_account_is_a_402_of_the_dialect(running: Installation, account: str) -> None:
    live = make(running, account, mode="live")["key"]
    running.manage(
        "POST",
        "/channels",
        {
            "name": "c",
            "vendor": "openai",
            "base_url": "http://127.0.0.1:9",
            "credentials": [],
            "models": [MODEL],
        },
    )
    status, answer = chat(running, live)
    assert (status, answer["error"]["code"]) == (402, "insufficient_quota")
    status, answer = running.call(
        "POST",
        "/v1/messages",
        {"model": MODEL, "max_tokens": 20, "messages": [{"role": "user", "content": "x"}]},
        live,
    )
    assert (status, answer["error"]["type"]) == (402, "billing_error")


def test_no_list_and_no_page_shows_a_secret(running: Installation, cli: Cli, account: str) -> None:
    made = make(running, account)
    credential = "sk-proj-0f9e8d7c6b5a-canary"
    channel = {"name": "secret", "vendor": "openai", "models": ["m-1"], "credentials": [credential]}
    running.manage("POST", "/channels", channel)
    token = cli.json("token", "create", "for-the-list")["token"]
    secrets = [made["key"], credential, token, running.first["test_key"], running.first["live_key"]]
    shown = []
    for word in ("account", "key", "group", "channel", "model", "price", "user", "token", "request"):
        shown += [cli.table(word, "list"), str(cli.json(word, "list", "--limit", "1000"))]
        shown.append(str(running.manage("GET", f"/{word}s?limit=1000")))
    shown += [str(running.manage("GET", path)) for path in ("/audit?limit=1000", "/entries?limit=1000")]
    for path in ("/", "/healthz", "/readyz", "/metrics", "/manage/openapi.json"):
        shown.append(_page(running.base_url + path))
    shown.append(running.log.read_text().replace(_box(running), ""))
    for text in shown:
        for secret in secrets:
            assert secret not in text
            assert secret[12:-6] not in text


def _page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def _box(running: Installation) -> str:
    """What the first start prints, once and on purpose."""
    text = running.log.read_text()
    return text[: text.index("Stop it with Ctrl-C")]
