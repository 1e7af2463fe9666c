"""A test key reaches every model of the catalogue, for test money, and a live key never the sandbox."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.process import Installation

Shape = dict[str, Any]
Body = Callable[[str], Shape]

MODEL = "gpt-4o-mini"
ASKED: dict[str, tuple[str, Body]] = {
    "chat": ("/v1/chat/completions", lambda m: {"model": m, "messages": [{"role": "user", "content": "Hi"}]}),
    "completions": ("/v1/completions", lambda m: {"model": m, "prompt": "Hi"}),
    "embeddings": ("/v1/embeddings", lambda m: {"model": m, "input": "Hi"}),
    "images": ("/v1/images/generations", lambda m: {"model": m, "prompt": "Hi"}),
    "speech": ("/v1/audio/speech", lambda m: {"model": m, "input": "Hi", "voice": "alloy"}),
    "moderations": ("/v1/moderations", lambda m: {"model": m, "input": "Hi"}),
    "rerank": ("/v1/rerank", lambda m: {"model": m, "query": "Hi", "documents": ["a", "b"]}),
}
PROVEN_ELSEWHERE = {"transcription", "realtime", "chat_images", "midjourney", "suno", "udio"}
"""What takes a file or a socket, is only another way to chat, or is a long job."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("running")).start()
    yield installation
    installation.close()


def post(running: Installation, path: str, body: Shape, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and bytes of an answer to the first test key."""
    sent = {"authorization": f"Bearer {running.first['test_key']}", "content-type": "application/json"}
    asked = urllib.request.Request(running.base_url + path, json.dumps(body).encode(), sent | headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.status, answer.headers, answer.read()


def money(running: Installation, mode: str) -> Shape:
    (account,) = running.manage("GET", "/accounts")["items"]
    found: Shape = running.manage("GET", f"/accounts/{account['id']}?mode={mode}")
    return found


def test_a_test_key_reaches_every_model_of_the_catalogue_for_test_money(running: Installation) -> None:
    models = running.manage("GET", "/models?limit=1000")["items"]
    assert len(models) > 500
    before, live = money(running, "test"), money(running, "live")
    ids, cost = [], Decimal(0)
    for model in models:
        assert set(model["capabilities"]) <= set(ASKED) | PROVEN_ELSEWHERE, model
        for capability in set(model["capabilities"]) & set(ASKED):
            path, body = ASKED[capability]
            status, headers, data = post(running, path, body(model["name"]))
            assert status == 200 and data, (model["name"], capability)
            ids.append(headers["x-request-id"])
            cost += Decimal(headers["x-pronghorn-cost"] or 0)
    for row_id in ids[-1:]:
        running.request_row(row_id)
    rows = {row["id"]: row for row in running.all_requests(mode="test")}
    assert set(ids) <= set(rows)
    assert {rows[row_id]["channel"] for row_id in ids} == {"sandbox"}
    after = money(running, "test")
    spent = sum(Decimal(rows[row_id]["cost_usd"]) for row_id in ids)
    assert spent >= cost > 0
    assert Decimal(after["spent_usd"]) - Decimal(before["spent_usd"]) == spent
    assert Decimal(before["balance_usd"]) - Decimal(after["balance_usd"]) == spent
    assert money(running, "live") == live


def test_a_live_key_never_reaches_the_sandbox(running: Installation) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
    status, answer = running.call("POST", "/v1/chat/completions", body, running.first["live_key"])
    assert (status, answer["error"]["code"]) == (503, "no_channel")
