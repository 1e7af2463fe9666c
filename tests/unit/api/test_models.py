"""GET /v1/models: one route, three shapes, and only what the key may use."""

from typing import Any, cast

import msgspec
import pytest
from tests.unit.routing.making import channel, grant, model, snapshot

from pronghorn.api import models
from pronghorn.api.reply import Reply
from pronghorn.errors import ModelNotFound
from pronghorn.routing import Grant

NAMES = ["gpt-4o", "org/model:free", "emb-1", "painter", "voice", "unknown"]
KNOWN = snapshot(
    model(
        "gpt-4o",
        capabilities=["chat"],
        context_tokens=128_000,
        max_output_tokens=16_384,
        display_name="GPT-4o",
        created_s=1_780_000_000,
    ),
    model("org/model:free", capabilities=["chat"]),
    model("emb-1", capabilities=["embeddings"]),
    model("painter", capabilities=["chat_images"]),
    model("voice", capabilities=["speech"]),
    model("unknown"),
    model("unserved"),
    channels=[channel("a", NAMES)],
)


class Taken:
    status = 0
    body: Any = None

    async def whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        assert dict(headers)[b"content-type"] == b"application/json"
        self.status, self.body = status, msgspec.json.decode(body)


async def ask(
    name: str | None = None, *, key: Grant | None = None, query: bytes = b"", **headers: bytes
) -> Any:
    taken = Taken()
    pairs = [(header.replace("_", "-").encode(), value) for header, value in headers.items()]
    scope = {"headers": pairs, "query_string": query}
    await models.serve(scope, cast(Reply, taken), KNOWN, key or grant(), name)
    assert taken.status == 200
    return taken.body


async def test_openais_shape() -> None:
    body = await ask()
    assert body["object"] == "list"
    assert [entry["id"] for entry in body["data"]] == NAMES
    assert body["data"][0] == {
        "id": "gpt-4o",
        "object": "model",
        "created": 1_780_000_000,
        "owned_by": "openai",
        "name": "GPT-4o",
        "context_length": 128_000,
    }
    for entry in body["data"]:
        assert isinstance(entry["created"], int)
        assert entry["name"]  # Open WebUI deletes a null one


async def test_anthropics_shape() -> None:
    body = await ask(anthropic_version=b"2023-06-01")
    assert (body["has_more"], body["first_id"], body["last_id"]) == (False, "gpt-4o", "unknown")
    assert body["data"][0] == {
        "type": "model",
        "id": "gpt-4o",
        "display_name": "GPT-4o",
        "created_at": "2026-05-28T20:26:40.000Z",
    }


async def test_geminis_shape() -> None:
    body = await ask(x_goog_api_key=b"sk-x")
    assert [entry["name"] for entry in body["models"]] == [f"models/{name}" for name in NAMES]
    assert body["models"][0]["inputTokenLimit"] == 128_000
    assert body["models"][0]["outputTokenLimit"] == 16_384
    generates = ["generateContent", "countTokens"]
    methods = [entry["supportedGenerationMethods"] for entry in body["models"]]
    assert methods == [generates, generates, ["embedContent"], generates, [], generates]


@pytest.mark.parametrize(
    ("headers", "query", "member"),
    [
        ({}, b"", "data"),
        ({}, b"limit=1000&alt=json", "data"),
        ({}, b"key=sk-x", "models"),
        ({"x_goog_api_key": b"k", "anthropic_version": b"v"}, b"", "models"),
        ({"anthropic_version": b"v"}, b"key=sk-x", "models"),
        ({"anthropic_version": b"v"}, b"", "has_more"),
        ({"x_api_key": b"k", "authorization": b"k"}, b"", "object"),
    ],
)
async def test_the_order_in_which_the_shape_is_chosen(
    headers: dict[str, Any], query: bytes, member: str
) -> None:
    """U5."""
    assert member in await ask(query=query, **headers)


@pytest.mark.parametrize("name", NAMES)
async def test_one_model_by_its_name(name: str) -> None:
    assert (await ask(name))["id"] == name
    assert (await ask(name, anthropic_version=b"v"))["id"] == name
    assert (await ask(f"models/{name}", x_goog_api_key=b"k"))["name"] == f"models/{name}"


async def test_what_is_not_there_comes_with_the_closest_names() -> None:
    with pytest.raises(ModelNotFound, match="did you mean gpt-4o"):
        await ask("gpt-4")
    with pytest.raises(ModelNotFound):
        await ask("unserved")
    with pytest.raises(ModelNotFound) as refused:
        await ask("gpt-4o", key=grant(models=["emb-1"]))
    assert "did you mean" not in refused.value.message


async def test_a_key_that_may_use_nothing_sees_empty_lists() -> None:
    nobody = grant(models=[])
    assert await ask(key=nobody) == {"object": "list", "data": []}
    assert await ask(key=nobody, anthropic_version=b"v") == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }
    assert await ask(key=nobody, x_goog_api_key=b"k") == {"models": []}


async def test_a_test_key_sees_what_no_channel_serves() -> None:
    body = await ask(key=grant(mode="test"))
    assert [entry["id"] for entry in body["data"]] == [*NAMES, "unserved"]
