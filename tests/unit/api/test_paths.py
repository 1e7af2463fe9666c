"""Paths in all the spellings of clients lead to one door, in place and without a redirect."""

import time
from typing import Any, cast

import msgspec
import pytest
from tests.unit.api.test_credentials import MINE, SECRETS, snapshot

from pronghorn.api.credentials import Doorkeeper
from pronghorn.api.dispatcher import Dispatcher
from pronghorn.api.paths import normalise
from pronghorn.kit.clock import FakeClock
from pronghorn.relay import Endpoint, Incoming
from pronghorn.relay.crowd import Crowd
from pronghorn.relay.endpoints import MULTIPART
from pronghorn.settings import Settings


class Relay:
    """Remembers which door was opened."""

    def __init__(self) -> None:
        self.crowd = Crowd(10)
        self.came: list[tuple[str, str | None]] = []

    async def serve(self, incoming: Incoming, _grant: object, endpoint: Endpoint, sink: Any) -> None:
        self.came.append((endpoint.name, incoming.model))
        await sink.whole(200, [], b"{}")


class Office:
    @staticmethod
    def own_path(path: str) -> str | None:
        return None


async def office() -> Office:
    return Office()


class Loaded:
    snapshot = snapshot()


async def call(method: str, path: str, *, is_form: bool = False) -> tuple[int, dict[str, Any], Relay]:
    relay, sent = Relay(), cast(list[dict[str, Any]], [])
    rest: dict[str, Any] = dict.fromkeys(
        ("credit", "metrics", "manage", "portal", "readiness", "responses", "idempotency", "sockets")
    )
    app = Dispatcher(
        relay=cast(Any, relay),
        loader=cast(Any, Loaded),
        doorkeeper=Doorkeeper(SECRETS, ()),
        settings=Settings(),
        clock=FakeClock(),
        office=cast(Any, office),
        **rest,
    )
    kind = MULTIPART + b"; boundary=x" if is_form else b"application/json"
    headers = [(b"authorization", f"Bearer {MINE}".encode()), (b"content-type", kind)]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"beta=true", "headers": headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], msgspec.json.decode(body) if body else {}, relay


ROUTES = {
    "chat/completions": "chat",
    "completions": "completions",
    "embeddings": "embeddings",
    "images/generations": "images_generations",
    "images/edits": "images_edits",
    "audio/speech": "speech",
    "audio/transcriptions": "transcriptions",
    "audio/translations": "translations",
    "moderations": "moderations",
    "rerank": "rerank",
}


@pytest.mark.parametrize(
    "prefix",
    ["/v1/", "/", "//v1/", "/v1//", "/v1/v1/", "//v1/v1/v1//", "///"],
    ids=lambda prefix: str(prefix),
)
@pytest.mark.parametrize(("path", "endpoint"), ROUTES.items())
async def test_every_route_with_and_without_v1_doubled_and_with_slashes(
    prefix: str, path: str, endpoint: str
) -> None:
    """U1, U2."""
    for spelled in (prefix + path, prefix + path + "/"):
        status, _, relay = await call("POST", spelled, is_form=path.startswith("audio/tra"))
        assert (status, relay.came) == (200, [(endpoint, None)])


@pytest.mark.parametrize(
    ("path", "endpoint", "model"),
    [
        ("/openai/deployments/my-gpt/chat/completions", "chat", "my-gpt"),
        ("/openai/deployments/my-gpt/embeddings", "embeddings", "my-gpt"),
        ("/v1/openai/deployments/my-gpt/completions", "completions", "my-gpt"),
        ("//openai/deployments/my-gpt/images/generations/", "images_generations", "my-gpt"),
        ("/openai/deployments/org%2Fmodel/chat/completions", "chat", "org/model"),
        ("/openai/deployments/org/model:free@1/chat/completions", "chat", "org/model:free@1"),
        ("/v1/engines/ada/embeddings", "embeddings", "ada"),
        ("/engines/ada/embeddings", "embeddings", "ada"),
        ("/v2/rerank", "rerank", None),
        ("/v1/reranks", "rerank", None),
        ("/v1beta/openai/chat/completions", "chat", None),
        ("/v1beta/openai/embeddings", "embeddings", None),
        ("/cursor/v1/chat/completions", "chat", None),
        ("/v1beta/openai/images/generations", "images_generations", None),
        ("/openai/v1/chat/completions", "chat", None),
        ("/openai/v1/audio/speech", "speech", None),
        ("/v1/openai/v1/embeddings", "embeddings", None),
        ("//openai//v1/chat/completions/", "chat", None),
        ("/openai/chat/completions", "chat", None),
    ],
)
async def test_other_spellings(path: str, endpoint: str, model: str | None) -> None:
    """U7, and the aliases of `wire/openai.md`."""
    status, _, relay = await call("POST", path)
    assert (status, relay.came) == (200, [(endpoint, model)])


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions/chat/completions",
        "/v1/chat/completions/models",
        "/chat/completions/chat/completions",
        "/v1/chat/completions/v1/chat/completions",
        "/v1/chat/completions/embeddings",
    ],
)
async def test_a_full_url_as_base_is_explained(path: str) -> None:
    """U3."""
    for method in ("POST", "GET"):
        status, body, relay = await call(method, path)
        assert (status, relay.came) == (404, [])
        assert "base URL must end in /v1" in body["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/v1/nonsense", "/nonsense", "/v1/chat", "/v1/chat/completions.json", "/v2/models"]
)
async def test_what_is_nowhere_is_a_404_in_json(path: str) -> None:
    status, body, _ = await call("POST", path)
    assert (status, body["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models",
        "/models",
        "//v1/models/",
        "/v1/v1/models",
        "/v1beta/openai/models",
        "/openai/models",
        "/openai/v1/models",
    ],
)
async def test_models_are_listed_under_every_spelling(path: str) -> None:
    status, body, _ = await call("GET", path)
    assert (status, body["object"]) == (200, "list")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1beta", "/api/hello", "/v1/v1", "//v1"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_clients_knock_at_answers(method: str, path: str) -> None:
    """U10."""
    assert (await call(method, path))[0] in (200, 204)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/embeddings"])
async def test_another_method_is_405(path: str) -> None:
    assert (await call("GET", path))[0] == 405


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/v1beta/models/gemini-3:generateContent", "/v1beta/models/gemini-3:generateContent"),
        ("//v1beta//models/gemini-3:streamGenerateContent", "/v1beta/models/gemini-3:streamGenerateContent"),
        ("/v1/v1/models/gemini-3:countTokens", "/v1/models/gemini-3:countTokens"),
        ("/models/gemini-3:generateContent", "/models/gemini-3:generateContent"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/openai/responses", "/v1/responses"),
        ("/openai/v1/responses/resp_1/cancel", "/v1/responses/resp_1/cancel"),
        ("/openai/v1", "/v1"),
        ("/openai", "/v1"),
        ("/openaiv1/models", "/openaiv1/models"),
        ("/v1beta/models/openai:generateContent", "/v1beta/models/openai:generateContent"),
        ("/", "/"),
        ("//", "/"),
    ],
)
def test_paths_of_other_dialects_lose_only_what_is_doubled(path: str, normal: str) -> None:
    """U2, U4."""
    assert normalise(path) == (normal, None)


@pytest.mark.parametrize(
    ("path", "endpoint", "model"),
    [
        ("/v1/messages", "messages", None),
        ("/v1/v1/messages", "messages", None),
        ("/messages", "messages", None),
        ("/v1/messages/count_tokens", "count_tokens", None),
        ("/v1beta/models/gemini-3:generateContent", "generate", "gemini-3"),
        ("/v1/models/gemini-3:streamGenerateContent", "generate", "gemini-3"),
        ("//v1beta/models/gemini-3:countTokens", "count_generate", "gemini-3"),
        ("/models/gemini-3:embedContent", "embed_content", "gemini-3"),
    ],
)
async def test_the_other_dialects_under_every_spelling(path: str, endpoint: str, model: str | None) -> None:
    """U1, U6."""
    status, _, relay = await call("POST", path)
    assert (status, relay.came) == (200, [(endpoint, model)])


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/messages/nonsense", {"type", "error", "request_id"}),
        ("/v1beta/nonsense", {"error"}),
        ("/v1/chat/nonsense", {"error"}),
    ],
)
async def test_what_is_nowhere_is_said_in_the_words_of_its_place(path: str, shape: set[str]) -> None:
    status, body, _ = await call("POST", path)
    assert (status, set(body)) == (404, shape)
    assert ("status" in body["error"]) == path.startswith("/v1beta")


async def test_a_fine_tuned_model_that_is_not_there_is_missed_in_openais_words() -> None:
    status, body, _ = await call("GET", "/v1/models/ft:gpt-4o:x")
    assert (status, body["error"]["code"], body["error"]["type"]) == (
        404,
        "model_not_found",
        "invalid_request_error",
    )


def test_no_path_takes_long_to_read() -> None:
    """Whoever sends it needs no key, and all others wait meanwhile."""
    path = "/openai/deployments/a" * 780
    begun_s = time.process_time()
    for _ in range(10):
        assert normalise(path).model is None
    assert time.process_time() - begun_s < 0.5
    assert normalise(f"{path}/chat/completions").path == "/v1/chat/completions"
