"""Bad input: refused in OpenAI's shape, with a way out and a request id, before anything is asked or charged."""

import asyncio
import gzip
import json
import random
import string
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.gateway import MODEL, Running, answer_json, running
from yarl import URL

CHAT = "/v1/chat/completions"
HANDSHAKE = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
GOOD = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
JSON = {"content-type": "application/json"}

BODIES: list[tuple[bytes, str]] = [
    (b"", "byte 0"),
    (b"{", "byte 1"),
    (b'{"model": "scripted", "messages": [}', "byte 35"),
    (b'{"model": NaN}', "byte 10"),
    (b"[1]", "object"),
    (b'{"model": 7}', "model"),
    (b'{"messages": []}', "model"),
    (b'{"model": "scripted", "max_tokens": 1000000000000}', "max_tokens"),
    (b'{"model": "scripted", "max_tokens": -1}', "max_tokens"),
    (b'{"model": "scripted", "n": 1000000}', "n"),
    (b'{"model": "scripted", "stream": "yes"}', "stream"),
    (b'{"model": "scripted", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
]


async def _post(run: Running, path: str, data: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    async with run.session.post(path, data=data, headers=JSON | headers) as response:
        assert response.headers["x-request-id"].startswith("req_")
        assert response.headers["access-control-allow-origin"] == "*"
        error = (await response.json())["error"]
        assert set(error) >= {"message", "type", "param", "code"}
        return response.status, error


async def test_broken_bodies_are_named_and_cost_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        for body, named in BODIES:
            status, error = await _post(run, CHAT, body)
            assert status == 400, body[:60]
            assert named in error["message"] or error["param"] == named, (body[:60], error)
        assert run.vendor.seen == []
        assert {row.cost for row in await run.rows()} == {0}


async def test_too_large_compressed_and_foreign_bodies(tmp_path: Path) -> None:
    bomb = gzip.compress(b"{" + b" " * 50_000_000 + b"}")
    async with running(tmp_path, max_body_bytes=1_000_000) as run:
        assert (await _post(run, CHAT, b"x" * 1_000_001))[0] == 413
        assert (await _post(run, CHAT, bomb, **{"content-encoding": "gzip"}))[0] == 413
        assert (await _post(run, CHAT, b"damaged", **{"content-encoding": "gzip"}))[0] == 400
        assert (await _post(run, CHAT, b"x", **{"content-encoding": "br"}))[0] == 415
        assert (await _post(run, CHAT, b"x", **{"content-type": "text/plain"}))[0] == 415
        assert (await _post(run, "/v1/audio/transcriptions", b"{}"))[0] == 415
        assert run.vendor.seen == []


async def test_an_endless_body_is_refused_before_it_ends(tmp_path: Path) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 65_536

    async with running(tmp_path, max_body_bytes=1_000_000) as run:
        try:
            status, _ = await asyncio.wait_for(_post(run, CHAT, endless()), 5)
            assert status == 413
        except aiohttp.ClientConnectionError:
            pass  # refused while still sending: the answer can be lost on its way


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/chatt", 404),
        ("POST", "/v1/chat/completions/chat/completions", 404),
        ("GET", "/v1/chat/completions", 405),
        ("GET", "/v1/models/no-such-model", 404),
        ("DELETE", "/v1/models", 405),
    ],
)
async def test_wrong_routes_say_the_way_out(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with running(tmp_path) as run, run.session.request(method, path) as response:
        assert response.status == status
        assert len((await response.json())["error"]["message"]) > 20


@pytest.mark.parametrize(
    "path",
    [
        CHAT,
        "/chat/completions",
        "//v1//chat/completions",
        "/v1/v1/chat/completions",
        CHAT + "/",
        CHAT + "?beta=true",
        f"/openai/deployments/{MODEL}/chat/completions?api-version=1",
    ],
)
async def test_every_spelling_of_the_path_is_answered_in_place(tmp_path: Path, path: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    body = {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    async with running(tmp_path) as run, aiohttp.ClientSession() as client:
        run.vendor.script = answer_json(body)
        url = URL(run.url + path, encoded=True)
        headers = {"authorization": f"Bearer {run.key}"}
        async with client.post(url, json=GOOD, headers=headers, allow_redirects=False) as response:
            assert response.status == 200


async def test_browsers_may_ask_first_and_see_errors(tmp_path: Path) -> None:
    async with running(tmp_path) as run, aiohttp.ClientSession(run.url) as stranger:
        asked = {
            "access-control-request-headers": "authorization,x-stainless-os",
            "origin": "https://example.com",
        }
        async with stranger.options(CHAT, headers=asked) as response:
            assert response.status == 204
            assert response.headers["access-control-allow-headers"] == "authorization,x-stainless-os"
        async with stranger.post(CHAT, json=GOOD) as response:
            assert response.status == 401
            assert response.headers["access-control-allow-origin"] == "*"
        async with stranger.head("/") as response:
            assert response.status == 200
        for path, status in (("/v1/responses", 401), ("/v1/models", 426)):
            async with stranger.get(path, headers=HANDSHAKE) as response:
                assert response.status == status


async def test_whatever_stands_in_the_key_the_answer_is_the_same(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    letters = string.ascii_letters + string.digits + string.punctuation + " äß漢"
    payloads = [
        "' OR 1=1 --",
        "Bearer Bearer x",
        "Bearer",
        "sk-live" + "a" * 44,
        "%00",
        "Basic eDp5",
        "Bearer " + "x" * 9_000,
    ]
    payloads += ["".join(chance.choices(letters, k=chance.randrange(1, 90))) for _ in range(500)]
    async with running(tmp_path) as run, aiohttp.ClientSession(run.url) as stranger:
        bodies = set()
        for payload in payloads:
            headers = {"authorization": payload.encode().decode("latin-1", "replace").strip() or "x"}
            async with stranger.post(CHAT, json=GOOD, headers=headers) as response:
                assert response.status == 401, payload
                body = await response.json()
                bodies.add(json.dumps(body).replace(response.headers["x-request-id"], "ID"))
        assert len(bodies) == 1
        assert await run.rows() == []
