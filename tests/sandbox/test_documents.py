"""Every answer and event of the sandbox is what OpenAI's document says, asked directly and through the gateway."""

import base64
import io
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image
from tests.openapi_schema import document, validate, validate_answer
from tests.process import Installation

from pronghorn.kit import sse
from pronghorn.relay.endpoints import ENDPOINTS
from pronghorn.sandbox import modem, soundfile

Shape = dict[str, Any]

PROVEN_ELSEWHERE = ("responses", "conversations", "realtime")
"""Roots of the paths whose answers depend on one another, so that their tests tell stories."""


class Case(NamedTuple):
    """A request, and how its answer comes: `json`, `events`, `text` or `bytes`."""

    path: str
    body: Shape
    form: bool = False
    comes_as: str = "json"


def chat(prompt: Any, **more: Any) -> Case:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}]} | more
    return Case("chat/completions", body, comes_as="events" if more.get("stream") else "json")


def completion(**more: Any) -> Case:
    body = {"model": "gpt-3.5-turbo-instruct", "prompt": "repeat: one two three"} | more
    return Case("completions", body, comes_as="events" if more.get("stream") else "json")


def embedding(given: Any, **more: Any) -> Case:
    return Case("embeddings", {"model": "text-embedding-3-small", "input": given, "dimensions": 16} | more)


def picture(path: str, *, form: bool = False, **more: Any) -> Case:
    body = {"model": "gpt-image-1", "prompt": "a red fox", "size": "1024x1024", "quality": "low"} | more
    fields = {key: value for key, value in body.items() if value is not None}
    return Case(f"images/{path}", fields, form, "events" if more.get("stream") else "json")


def dall_e(model: str, size: str, **more: Any) -> Case:
    return picture("generations", model=model, size=size, quality=None, **more)


def speech(**more: Any) -> Case:
    body = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hi there"} | more
    return Case("audio/speech", body, comes_as="events" if more.get("stream_format") == "sse" else "bytes")


def heard(path: str, model: str, **more: Any) -> Case:
    kind = "text" if more.get("response_format") in ("text", "srt", "vtt") else "json"
    body = {"model": model, "file": RECORDING} | more
    return Case(f"audio/{path}", body, True, "events" if more.get("stream") else kind)


def png(colour: tuple[int, ...]) -> bytes:
    data = io.BytesIO()
    Image.new("RGBA", (256, 256), colour).save(data, "PNG")
    return data.getvalue()


RECORDING = soundfile.encode(modem.speak("One two three. Four five."), "mp3")
RED, HOLE = png((220, 30, 30, 255)), png((0, 0, 0, 0))
RED_URL = "data:image/png;base64," + base64.b64encode(RED).decode()
LOOK = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": RED_URL}}]
HEARD = {"data": base64.b64encode(RECORDING).decode(), "format": "mp3"}
LISTEN = [{"type": "input_audio", "input_audio": HEARD}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CUSTOM = {"type": "custom", "custom": {"name": "shell", "description": "Runs it."}}
MEAL = {
    "type": "json_schema",
    "json_schema": {"name": "meal", "schema": {"type": "object", "properties": {"name": {"type": "string"}}}},
}
USAGE = {"stream_options": {"include_usage": True}}

CASES: dict[str, Case] = {
    "chat": chat("Hi"),
    "chat, three choices with logprobs": chat("Hi", n=3, logprobs=True, top_logprobs=3),
    "chat, reasoning": chat("Hi", model="o3"),
    "chat, a picture": chat(LOOK),
    "chat, tools": chat("call weather", tools=[TOOL]),
    "chat, a custom tool": chat("call shell", tools=[CUSTOM]),
    "chat, a legacy function": chat("call weather", functions=[TOOL["function"]]),
    "chat, structured": chat("a meal", response_format=MEAL),
    "chat, refused": chat("refuse"),
    "chat, filtered": chat("filter"),
    "chat, cut": chat("say 20 words", max_tokens=5),
    "chat, heard": chat(LISTEN),
    "chat, spoken": chat("Hi", modalities=["text", "audio"], audio={"voice": "alloy", "format": "mp3"}),
    "chat, streamed": chat("Hi", stream=True),
    "chat, streamed with usage": chat("Hi", stream=True, **USAGE),
    "chat, streamed choices with logprobs": chat("Hi", stream=True, n=2, logprobs=True, top_logprobs=2),
    "chat, streamed reasoning": chat("Hi", model="o3", stream=True, **USAGE),
    "chat, streamed tools": chat("call weather", tools=[TOOL], stream=True),
    "chat, a streamed legacy function": chat("call weather", functions=[TOOL["function"]], stream=True),
    "chat, streamed refusal": chat("refuse", stream=True),
    "chat, streamed and spoken": chat(
        "Hi", modalities=["text", "audio"], audio={"voice": "alloy", "format": "pcm16"}, stream=True, **USAGE
    ),
    "completion": completion(),
    "completion, echoed choices with logprobs": completion(n=2, echo=True, logprobs=2),
    "completion, streamed": completion(stream=True),
    "completion, streamed with usage": completion(stream=True, echo=True, **USAGE),
    "embedding": embedding("a cat"),
    "embeddings": embedding(["a cat", "a dog"]),
    "embeddings of tokens": embedding([[1, 2, 3], [4]]),
    "embedding, base64": embedding("a cat", encoding_format="base64"),
    "picture": picture("generations"),
    "pictures": picture("generations", n=2, output_format="webp", background="transparent"),
    "picture of any size": picture("generations", model="gpt-image-2", size="320x160"),
    "picture, dall-e-2": dall_e("dall-e-2", "256x256", response_format="b64_json"),
    "picture, dall-e-3 by address": dall_e("dall-e-3", "1024x1792"),
    "picture, streamed": picture("generations", stream=True, partial_images=2, output_format="jpeg"),
    "picture, streamed at once": picture("generations", stream=True),
    "edit": picture("edits", form=True, image=RED, mask=HOLE),
    "edit of two": picture("edits", form=True, **{"image[]": [RED, HOLE]}),
    "edit as JSON": picture("edits", images=[{"image_url": RED_URL}]),
    "edit, streamed": picture("edits", form=True, image=RED, stream="true", partial_images="2"),
    "variation": picture(
        "variations", form=True, model="dall-e-2", size="256x256", prompt=None, quality=None, image=RED, n="2"
    ),
    "speech": speech(),
    "speech, streamed": speech(stream_format="sse"),
    "transcript": heard("transcriptions", "whisper-1"),
    "transcript, new": heard("transcriptions", "gpt-4o-transcribe", **{"include[]": "logprobs"}),
    "transcript, verbose": heard(
        "transcriptions",
        "whisper-1",
        response_format="verbose_json",
        **{"timestamp_granularities[]": ["word", "segment"]},
    ),
    "transcript, diarized": heard(
        "transcriptions", "gpt-4o-transcribe-diarize", response_format="diarized_json"
    ),
    "transcript, text": heard("transcriptions", "whisper-1", response_format="text"),
    "transcript, srt": heard("transcriptions", "whisper-1", response_format="srt"),
    "transcript, vtt": heard("transcriptions", "whisper-1", response_format="vtt"),
    "transcript, streamed": heard(
        "transcriptions", "gpt-4o-mini-transcribe", stream="true", **{"include[]": "logprobs"}
    ),
    "transcript, streamed and diarized": heard(
        "transcriptions", "gpt-4o-transcribe-diarize", response_format="diarized_json", stream="true"
    ),
    "translation": heard("translations", "whisper-1"),
    "translation, verbose": heard("translations", "whisper-1", response_format="verbose_json"),
    "translation, srt": heard("translations", "whisper-1", response_format="srt"),
    "moderation": Case("moderations", {"input": "I will attack"}),
    "moderations": Case("moderations", {"input": ["peace", "you idiot"], "model": "text-moderation-latest"}),
    "moderation of a picture": Case("moderations", {"input": LOOK}),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("documents")).start()
    yield installation
    installation.close()


@pytest_asyncio.fixture
async def through_gateway(gateway: Installation) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {gateway.first['test_key']}"}
    async with aiohttp.ClientSession(gateway.base_url, headers=headers) as session:
        yield session


@pytest.fixture(params=["client", "through_gateway"], ids=["sandbox", "gateway"])
def session(request: pytest.FixtureRequest) -> aiohttp.ClientSession:
    found: aiohttp.ClientSession = request.getfixturevalue(request.param)
    return found


def form_of(fields: Shape) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, given in fields.items():
        for value in given if isinstance(given, list) else [given]:
            if isinstance(value, bytes):
                form.add_field(name, value, filename="given", content_type="application/octet-stream")
            else:
                form.add_field(name, value)
    return form


def sent(case: Case) -> Shape:
    """How the request is given to aiohttp."""
    return {"data": form_of(case.body)} if case.form else {"json": case.body}


def events_in(data: bytes) -> list[bytes]:
    payloads = (sse.data_of(event) for event in sse.Splitter().feed(data))
    return [payload for payload in payloads if payload is not None]


JSON_BODY = {"content-type": "application/json"}
CONTENT_TYPES = {"json": "application/json", "events": "text/event-stream"}


@pytest.mark.parametrize("name", CASES)
async def test_every_answer_is_what_the_document_says(session: aiohttp.ClientSession, name: str) -> None:
    case = CASES[name]
    async with session.post(f"/v1/{case.path}", **sent(case)) as response:
        data = await response.read()
    assert response.status == 200, data
    if case.comes_as not in CONTENT_TYPES:
        assert data and response.content_type == {"text": "text/plain", "bytes": "audio/mpeg"}[case.comes_as]
        return
    expected = CONTENT_TYPES[case.comes_as]
    assert response.content_type == expected
    payloads = [data] if case.comes_as == "json" else events_in(data)
    answers = [json.loads(payload) for payload in payloads if payload != b"[DONE]"]
    assert answers
    for answer in answers:
        validate_answer("post", f"/{case.path}", expected, answer)


async def test_models_are_what_the_document_says(session: aiohttp.ClientSession) -> None:
    async with session.get("/v1/models") as response:
        listed = await response.json()
    validate_answer("get", "/models", "application/json", listed)
    async with session.get(f"/v1/models/{listed['data'][0]['id']}") as response:
        validate_answer("get", "/models/{model}", "application/json", await response.json())


def test_no_endpoint_of_the_document_is_left_out() -> None:
    shared = {path for path in ENDPOINTS if f"/{path}" in document()["paths"]}
    own = {path for path in shared if path.split("/")[0] not in PROVEN_ELSEWHERE}
    assert own == {case.path for case in CASES.values()}


REFUSED = {
    "a missing field": chat("Hi", messages=None),
    "a wrong number": chat("Hi", temperature=9),
    "an empty list": chat("Hi", messages=[]),
    "an unknown size": picture("generations", size="7x7x"),
    "a refused picture": picture("generations", prompt="refuse"),
    "no picture": picture("edits"),
    "a broken picture": picture("edits", form=True, image=b"GIF, or not"),
    "no recording": Case("audio/transcriptions", {"model": "whisper-1", "file": "text"}, True),
    "a broken recording": Case("audio/translations", {"model": "whisper-1", "file": b"RIFF?"}, True),
    "an unknown format": speech(response_format="midi"),
    "a speed too high": speech(speed=9),
    "no input": Case("moderations", {"input": None}),
    "an empty input": embedding([]),
    "a prompt of another type": completion(prompt={"a": 1}),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_every_refusal_is_what_the_document_says(session: aiohttp.ClientSession, name: str) -> None:
    case = REFUSED[name]
    async with session.post(f"/v1/{case.path}", **sent(case)) as response:
        assert response.status == 400, await response.text()
        validate("ErrorResponse", await response.json())


ODD: list[Any] = [
    *(None, True, -1, 3.5, 10**400, "", "x", "\ud800", [], [None], [[]], [{}], {}, {"a": 1}),
    *({"type": "function"}, {"type": "image_url"}, {"type": "input_audio"}, {"type": "json_schema"}),
    *([{"type": "function", "function": {"name": "f", "parameters": {"type": {}}}}], "data:,?"),
]
OPTIONAL = {
    "chat/completions": "tools functions tool_choice stop n top_logprobs max_tokens thinking audio modalities",
    "completions": "stop n max_tokens logprobs echo stream_options",
    "embeddings": "dimensions encoding_format model",
    "images/generations": "n size quality output_format output_compression partial_images",
    "images/edits": "images mask n size",
    "audio/speech": "voice speed response_format stream_format instructions",
    "moderations": "model input",
}


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*way, key)
        yield from places(item, (*way, key))


def put(value: Any, way: tuple[Any, ...], odd: Any) -> Any:
    """A copy with `odd` at the end of the way."""
    key, *rest = way
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[key] = put(value[key], tuple(rest), odd) if rest else odd
    return changed


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.form])
async def test_odd_values_are_taken_or_refused_as_the_document_says(
    client: aiohttp.ClientSession, name: str
) -> None:
    case, dice = CASES[name], random.Random(name)
    ways = [*places(case.body), *((field,) for field in OPTIONAL[case.path].split())]
    for way in dice.sample(ways, min(len(ways), 12)):
        body = json.dumps(put(case.body, way, dice.choice(ODD)))
        async with client.post(f"/v1/{case.path}", data=body, headers=JSON_BODY) as response:
            data = await response.read()
        assert response.status < 500, (way, body[:1_000], data)
        if response.status >= 400:
            validate("ErrorResponse", json.loads(data))


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
@pytest.mark.parametrize("path", sorted({case.path for case in CASES.values()}))
async def test_every_failure_is_what_the_document_says(
    session: aiohttp.ClientSession, path: str, status: int
) -> None:
    case = next(case for case in CASES.values() if case.path == path)
    headers = {"x-pronghorn-simulate": f"status={status}"}
    async with session.post(f"/v1/{path}", headers=headers, **sent(case)) as response:
        assert response.status >= 400
        validate("ErrorResponse", await response.json())


STREAMS = {case.path: case for case in reversed(CASES.values()) if case.comes_as == "events"}


@pytest.mark.parametrize("simulate", ["cut-after=1", "end-after=1", "malformed=2"])
@pytest.mark.parametrize("path", STREAMS)
async def test_a_stream_that_fails_ends_with_an_error_of_the_document(
    through_gateway: aiohttp.ClientSession, path: str, simulate: str
) -> None:
    case = STREAMS[path]
    headers = {"x-pronghorn-simulate": simulate}
    data = b""
    async with through_gateway.post(f"/v1/{path}", headers=headers, **sent(case)) as response:
        with suppress(aiohttp.ClientPayloadError):  # what was broken off is broken off here too
            async for piece in response.content.iter_any():
                data += piece
    if response.status == 200:  # something of it had already come
        first, *_, last = events_in(data)
        validate_answer("post", f"/{path}", "text/event-stream", json.loads(first))
    else:
        last = data
    validate("ErrorResponse", json.loads(last))


async def test_faults_are_for_test_keys(
    gateway: Installation, through_gateway: aiohttp.ClientSession
) -> None:
    headers = {
        "Authorization": f"Bearer {gateway.first['live_key']}",
        "x-pronghorn-simulate": "status=503",
    }
    async with through_gateway.post("/v1/embeddings", headers=headers, json=embedding("x").body) as response:
        answer = await response.json()
    assert (response.status, answer["error"]["param"]) == (400, "x-pronghorn-simulate")
    validate("ErrorResponse", answer)


async def test_foreign_paths_methods_and_keys_are_refused_as_the_document_says(
    session: aiohttp.ClientSession,
) -> None:
    for method, path, headers, status in (
        ("GET", "/v1/models/nobody", {}, 404),
        ("POST", "/v1/nowhere", {}, 404),
        ("DELETE", "/v1/chat/completions", {}, 405),
        ("GET", "/v1/models", {"Authorization": ""}, 401),
    ):
        async with session.request(method, path, headers=headers) as response:
            assert response.status == status, (path, await response.text())
            validate("ErrorResponse", await response.json())
