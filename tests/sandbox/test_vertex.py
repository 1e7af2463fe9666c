"""Claude under Vertex AI's addresses of the sandbox."""

import json
import re
from typing import Any

import aiohttp
import pytest
from tests.anthropic_schema import validate

Shape = dict[str, Any]

PLACE = "/v1/projects/p/locations/us-east5"
MODELS = "/publishers/anthropic/models"
BODY = {
    "anthropic_version": "vertex-2023-10-16",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello"}],
}


@pytest.mark.parametrize("place", [PLACE, "/v1", "/v1beta1"])
async def test_a_message_is_answered(client: aiohttp.ClientSession, place: str) -> None:
    path = f"{place}{MODELS}/claude-sonnet-4-5@20250929:rawPredict"
    async with client.post(path, json=BODY) as response:
        answer = await response.json()
        assert response.status == 200, answer
    validate("Message", answer)
    assert answer["model"] == "claude-sonnet-4-5-20250929"


async def test_a_stream_has_anthropics_events(client: aiohttp.ClientSession) -> None:
    path = f"{PLACE}{MODELS}/claude-sonnet-4-5:streamRawPredict"
    async with client.post(path, json=BODY | {"stream": True}) as response:
        assert response.content_type == "text/event-stream"
        data = await response.text()
    names = re.findall(r"^event: (.*)$", data, re.MULTILINE)
    assert (names[0], names[-1]) == ("message_start", "message_stop")


async def test_tokens_are_counted(client: aiohttp.ClientSession) -> None:
    body = {name: value for name, value in BODY.items() if name != "max_tokens"}
    path = f"{PLACE}{MODELS}/count-tokens:rawPredict"
    async with client.post(path, json=body | {"model": "claude-sonnet-4-5"}) as response:
        answer = await response.json()
    assert response.status == 200, answer
    assert answer["input_tokens"] > 0


@pytest.mark.parametrize(
    ("change", "verb", "status", "words"),
    [
        ({"model": "claude-sonnet-4-5"}, "rawPredict", 400, "model: Extra inputs are not permitted"),
        ({"anthropic_version": None}, "rawPredict", 400, "anthropic_version"),
        ({"messages": []}, "streamRawPredict", 400, "messages"),
        ({}, "generateContent", 404, "does not support generateContent"),
    ],
)
async def test_what_vertex_refuses_is_refused(
    client: aiohttp.ClientSession, change: Shape, verb: str, status: int, words: str
) -> None:
    async with client.post(f"{PLACE}{MODELS}/claude-sonnet-4-5:{verb}", json=BODY | change) as response:
        answer = await response.json()
    assert response.status == status
    validate("ErrorResponse", answer)
    assert words in answer["error"]["message"]


async def test_nobody_is_answered_without_a_token(sandbox_url: str) -> None:
    async with (
        aiohttp.ClientSession(sandbox_url) as session,
        session.post(f"{PLACE}{MODELS}/claude-sonnet-4-5:rawPredict", json=BODY) as response,
    ):
        answer = await response.json()
    assert response.status == 401
    assert answer["error"]["status"] == "UNAUTHENTICATED"


async def test_faults_play_here_too(client: aiohttp.ClientSession) -> None:
    path = f"{PLACE}{MODELS}/claude-sonnet-4-5:streamRawPredict"
    async with client.post(path, json=BODY, headers={"x-pronghorn-simulate": "end-after=2"}) as response:
        events = (await response.text()).split("\n\n")[:-1]
    assert len(events) == 2
    async with client.post(path, json=BODY, headers={"x-pronghorn-simulate": "status=529"}) as response:
        assert response.status == 529
        assert json.loads(await response.text())["error"]["type"] == "overloaded_error"
