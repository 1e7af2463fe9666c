"""The real processes: stopped under load without a failed request, and clear about what keeps them from starting."""

import asyncio
import json
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest_asyncio
from tests.faults import raw
from tests.faults.raw import CANARY, RawAnswer, request
from tests.faults.upstream import (
    DONE,
    FINISH,
    LAST_CHUNK,
    ONE,
    ROLE,
    STREAM_HEAD,
    USED,
    ScriptedUpstream,
    Seen,
    Step,
    chunk,
    completion,
    whole,
)
from tests.process import Installation

OPEN = 60
MODEL = "stopping"


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    upstream = await ScriptedUpstream().start()
    yield upstream
    await upstream.close()


def prepare(installation: Installation, url: str) -> tuple[str, str]:
    """An account with money and its key."""
    channel = {"name": "v", "vendor": "openai", "base_url": url, "credentials": [CANARY], "models": [MODEL]}
    installation.manage("POST", "/channels", channel)
    price = {"input_usd_per_million": "1", "output_usd_per_million": "2"}
    installation.manage("PUT", f"/prices/{MODEL}", price)
    account: str = installation.manage("POST", "/accounts", {"name": "a"})["id"]
    installation.manage("POST", f"/accounts/{account}/adjust", {"amount_usd": "10", "note": "n"})
    key = {"account_id": account, "name": "k", "mode": "live"}
    return account, installation.manage("POST", "/keys", key)["key"]


def port_of(installation: Installation) -> int:
    port = urllib.parse.urlsplit(installation.base_url).port
    assert port is not None
    return port


async def test_open_requests_finish_when_the_gateway_is_asked_to_stop(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    installation = Installation(tmp_path, "--no-sandbox")
    release = asyncio.Event()

    def choose(seen: Seen) -> tuple[Step, ...]:
        if not seen.json().get("stream"):
            return (release, *whole(completion()))
        first = (STREAM_HEAD, chunk(ROLE), chunk(ONE), release)
        return (*first, *map(chunk, (FINISH, USED, DONE)), LAST_CHUNK)

    upstream.choose = choose
    try:
        await asyncio.to_thread(installation.start)
        account, key = await asyncio.to_thread(prepare, installation, upstream.url)
        port = port_of(installation)
        async with raw.connect(port) as watching:
            await watching.send(request("GET", "/readyz"))
            assert (await watching.answer()).status == 200
            calls = [asyncio.ensure_future(raw.call(port, chat(key, number))) for number in range(OPEN)]
            await upstream.reached(OPEN)
            stopping = asyncio.ensure_future(asyncio.to_thread(installation.stop))
            await until_refused(port)
            assert not any(call.done() for call in calls)
            release.set()
            answers = await asyncio.gather(*calls)
        assert await stopping == 0
        assert {(answer.status, answer.is_whole) for answer in answers} == {(200, True)}
        assert all(b"[DONE]" in answer.body for answer in answers[::2])
        await asyncio.to_thread(installation.start)
        await asyncio.to_thread(check_books, installation, account, answers)
    finally:
        await asyncio.to_thread(installation.close)
    assert CANARY not in installation.log.read_text()


def chat(key: str, number: int) -> bytes:
    body = {"model": MODEL, "messages": [], "max_tokens": 50, "stream": number % 2 == 0}
    return request(
        "POST", "/v1/chat/completions", {"authorization": f"Bearer {key}"}, json.dumps(body).encode()
    )


async def until_refused(port: int) -> None:
    """New callers are told or refused, never left hanging."""
    async with asyncio.timeout(10):
        while True:
            try:
                answer = await raw.call(port, request("GET", "/readyz"))
                if answer.status == 503:
                    return
            except (ConnectionError, asyncio.IncompleteReadError):
                return
            await asyncio.sleep(0.01)


def check_books(installation: Installation, account: str, answers: list[RawAnswer]) -> None:
    rows: list[dict[str, Any]] = installation.all_requests(account_id=account)
    assert {row["id"] for row in rows} == {answer.header("x-request-id") for answer in answers}
    assert {(row["end_reason"], row["cost_usd"]) for row in rows} == {("ok", "0.00002")}
    standing = installation.manage("GET", f"/accounts/{account}")
    assert Decimal(standing["held_usd"]) == 0
    assert Decimal(standing["balance_usd"]) + Decimal(standing["spent_usd"]) == 10
    assert Decimal(standing["spent_usd"]) == Decimal("0.00002") * OPEN


async def test_a_stop_does_not_wait_for_an_answer_that_never_comes(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    config = tmp_path / "pronghorn.toml"
    config.write_text("drain_s = 1\n")
    installation = Installation(tmp_path, "--no-sandbox", "--config", str(config))
    upstream.plays(asyncio.Event())
    try:
        await asyncio.to_thread(installation.start)
        account, key = await asyncio.to_thread(prepare, installation, upstream.url)
        port = port_of(installation)
        async with raw.connect(port) as connection:
            await connection.send(chat(key, 1))
            await upstream.reached()
            assert await asyncio.wait_for(asyncio.to_thread(installation.stop), 10) == 0
        await asyncio.to_thread(installation.start)
        rows = await asyncio.to_thread(installation.all_requests, account_id=account)
        standing = await asyncio.to_thread(installation.manage, "GET", f"/accounts/{account}")
    finally:
        await asyncio.to_thread(installation.close)
    assert [(row["end_reason"], Decimal(row["cost_usd"])) for row in rows] == [("shutdown", Decimal(0))]
    assert Decimal(standing["balance_usd"]) == 10
    assert Decimal(standing["held_usd"]) == 0


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "pronghorn", "up", "--no-sandbox", "--port", port, "--data"]
        done = subprocess.run(
            [*command, str(tmp_path / "data")], capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode not in (0, -signal.SIGKILL)
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
