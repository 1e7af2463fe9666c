"""Bedrock's side of the sandbox: signatures that must be right, streams in binary frames, errors in Amazon's shape."""

import base64
import json
import time
from typing import Any

import aiohttp
import pytest
from tests.anthropic_schema import validate
from yarl import URL

from pronghorn.sandbox.bedrock.signature import ACCESS_KEY, SECRET_KEY
from pronghorn.vendors import Unsigned, signature_v4
from pronghorn.vendors.event_stream import Frame, Frames
from pronghorn.vendors.signature_v4 import Keys

Shape = dict[str, Any]

KEYS = Keys(ACCESS_KEY, SECRET_KEY)
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
BODY = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello"}],
}
API_KEY = {"authorization": "Bearer ABSKexample"}


def signed(
    url: str,
    path: str,
    body: bytes,
    keys: Keys = KEYS,
    *,
    now_s: float | None = None,
    service: str = "bedrock",
) -> dict[str, str]:
    request = Unsigned("POST", url.removeprefix("http://"), path, body, now_s or time.time())
    lines = signature_v4.head(request, keys, region="us-east-1", service=service).decode().split("\r\n")
    return dict(line.split(": ", 1) for line in lines if line)


async def post(
    url: str, verb: str, body: Shape, headers: dict[str, str] | None = None, *, simulate: str = ""
) -> tuple[aiohttp.ClientResponse, bytes]:
    path = f"/model/{MODEL}/{verb}"
    data = json.dumps(body).encode()
    headers = signed(url, path, data) if headers is None else headers
    if simulate:
        headers["x-pronghorn-simulate"] = simulate
    async with (
        aiohttp.ClientSession() as session,
        session.post(URL(url + path, encoded=True), data=data, headers=headers) as response,
    ):
        return response, await response.read()


async def frames(url: str, body: Shape, *, simulate: str = "") -> list[Frame]:
    response, data = await post(url, "invoke-with-response-stream", body, simulate=simulate)
    assert response.status == 200
    assert response.content_type == "application/vnd.amazon.eventstream"
    return Frames().feed(data)


def events(found: list[Frame]) -> list[Shape]:
    assert {frame.headers[":event-type"] for frame in found} == {"chunk"}
    return [json.loads(base64.b64decode(json.loads(frame.payload)["bytes"])) for frame in found]


@pytest.mark.parametrize("keys", [KEYS, KEYS._replace(session_token="lent/for=a+while")])
async def test_a_signed_request_is_answered(sandbox_url: str, keys: Keys) -> None:
    path, data = f"/model/{MODEL}/invoke", json.dumps(BODY).encode()
    response, answer = await post(sandbox_url, "invoke", BODY, signed(sandbox_url, path, data, keys))
    message = json.loads(answer)
    assert response.status == 200, message
    validate("Message", message)
    assert message["model"] == "claude-sonnet-4-5-20250929"


async def test_an_api_key_is_enough(sandbox_url: str) -> None:
    response, _ = await post(sandbox_url, "invoke", BODY, API_KEY)
    assert response.status == 200


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"keys": KEYS._replace(secret_key="wrong")}, "InvalidSignatureException"),
        ({"keys": KEYS._replace(access_key="AKIAOTHER")}, "UnrecognizedClientException"),
        ({"now_s": 1_700_000_000.0}, "InvalidSignatureException"),
        ({"service": "iam"}, "InvalidSignatureException"),
        ({"body": b"{}"}, "InvalidSignatureException"),
        ({"path": "/model/other/invoke"}, "InvalidSignatureException"),
    ],
)
async def test_a_wrong_signature_is_refused(sandbox_url: str, change: Shape, name: str) -> None:
    right: Shape = {"path": f"/model/{MODEL}/invoke", "body": json.dumps(BODY).encode()}
    response, answer = await post(sandbox_url, "invoke", BODY, signed(sandbox_url, **(right | change)))
    assert response.status == 403
    assert response.headers["x-amzn-errortype"] == name
    assert list(json.loads(answer)) == ["message"]


async def test_nobody_is_answered_without_a_credential(sandbox_url: str) -> None:
    response, answer = await post(sandbox_url, "invoke", BODY, {})
    assert response.status == 403
    assert json.loads(answer) == {"message": "Missing Authentication Token"}


async def test_a_stream_tells_what_the_whole_answer_does(sandbox_url: str) -> None:
    _, answer = await post(sandbox_url, "invoke", BODY)
    told = events(await frames(sandbox_url, BODY))
    assert [event["type"] for event in told[:3]] == ["message_start", "content_block_start", "ping"]
    text = "".join(event["delta"].get("text", "") for event in told if event["type"] == "content_block_delta")
    assert text == json.loads(answer)["content"][0]["text"]
    assert told[-1]["type"] == "message_stop"
    assert "amazon-bedrock-invocationMetrics" in told[-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "claude"}, "model: Extra inputs"),
        ({"stream": True}, "stream: Extra inputs"),
        ({"anthropic_version": "2023-06-01"}, "anthropic_version"),
        ({"anthropic_beta": "one"}, "anthropic_beta"),
        ({"max_tokens": None}, "max_tokens"),
    ],
)
async def test_bodies_that_bedrock_refuses_are_refused(sandbox_url: str, change: Shape, words: str) -> None:
    response, answer = await post(sandbox_url, "invoke", BODY | change)
    assert response.status == 400
    assert response.headers["x-amzn-errortype"] == "ValidationException"
    assert words in json.loads(answer)["message"]


async def test_betas_stand_in_the_body(sandbox_url: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body = BODY | {"max_tokens": 2048, "thinking": thinking}
    body |= {"anthropic_beta": ["interleaved-thinking-2025-05-14"]}
    response, answer = await post(sandbox_url, "invoke", body)
    assert response.status == 200, answer
    assert json.loads(answer)["content"][0]["type"] == "thinking"


async def test_an_overloaded_model_ends_its_stream_with_an_exception(sandbox_url: str) -> None:
    body = BODY | {"messages": [{"role": "user", "content": "overloaded"}]}
    *told, last = await frames(sandbox_url, body)
    assert told
    assert last.headers[":message-type"] == "exception"
    assert last.headers[":exception-type"] == "serviceUnavailableException"
    assert json.loads(last.payload) == {"message": "Overloaded"}


async def test_faults_play_in_frames_too(sandbox_url: str) -> None:
    ended = await frames(sandbox_url, BODY, simulate="end-after=3")
    assert len(events(ended)) == 3
    broken = await frames(sandbox_url, BODY, simulate="malformed=2")
    with pytest.raises(json.JSONDecodeError):
        events(broken[1:2])
    response, answer = await post(sandbox_url, "invoke", BODY, simulate="status=429")
    assert (response.status, response.headers["x-amzn-errortype"]) == (429, "ThrottlingException")
    assert "Simulated" in json.loads(answer)["message"]
