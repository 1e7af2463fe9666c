"""Vendors are found by walking their folder, are whole, and ask as their documents say."""

import re
from pathlib import Path
from typing import Any

import pytest

from pronghorn import vendors
from pronghorn.ledger.catalogue.from_genai_prices import VENDORS as PRICED
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.routing import Channel
from pronghorn.upstream import origin
from pronghorn.vendors import Bearer, ChatVendor

DOCUMENT = Path(__file__).parents[3] / "docs" / "en" / "vendors.md"

# Vendor, a channel's base URL without its host, endpoint, the path that is asked for.
ADDRESSES = [
    ("anthropic", "/v1", "messages", "/v1/messages"),
    ("azure", "", "chat", "/openai/v1/chat/completions"),
    ("azure", "/openai/v1", "responses", "/openai/v1/responses"),
    ("azure", "/openai/v1", "rerank", None),
    ("bedrock", "", "messages", "/model/{model}/invoke"),
    ("bedrock", "", "chat", None),
    ("cohere", "", "chat", "/compatibility/v1/chat/completions"),
    ("cohere", "", "rerank", "/v2/rerank"),
    ("deepseek", "/v1", "chat", "/v1/chat/completions"),
    ("doubao", "/api/v3", "images_generations", "/api/v3/images/generations"),
    ("fireworks", "", "embeddings", "/inference/v1/embeddings"),
    ("gemini", "/v1beta", "embeddings", "/v1beta/openai/embeddings"),
    ("groq", "", "transcriptions", "/openai/v1/audio/transcriptions"),
    ("llamacpp", "", "chat", "/v1/chat/completions"),
    ("meta", "/v1", "chat", "/v1/chat/completions"),
    ("midjourney", "", "chat", None),
    ("midjourney_novicezk", "", "chat", None),
    ("midjourney_trueai", "", "chat", None),
    ("minimax", "/v1", "chat", "/v1/chat/completions"),
    ("mistral", "/v1", "moderations", "/v1/moderations"),
    ("moonshot", "/v1", "chat", "/v1/chat/completions"),
    ("newapi", "", "messages", "/v1/messages"),
    ("newapi", "", "generate", "/v1/models/{model}:generateContent"),
    ("newapi", "", "images_variations", None),
    ("ollama", "", "chat", "/v1/chat/completions"),
    ("openai", "", "chat", "/v1/chat/completions"),
    ("openrouter", "/api/v1", "messages", "/api/v1/messages"),
    ("perplexity", "", "chat", "/chat/completions"),
    ("pronghorn", "", "generate", "/v1/models/{model}:generateContent"),
    ("qwen", "", "chat", "/compatible-mode/v1/chat/completions"),
    ("siliconflow", "/v1", "rerank", "/v1/rerank"),
    ("suno", "", "chat", None),
    ("suno_gcui", "", "chat", None),
    ("suno_sunoapi", "", "chat", None),
    ("together", "/v1", "speech", "/v1/audio/speech"),
    ("udio", "", "chat", None),
    ("udio_proxy", "", "chat", None),
    (
        "vertex",
        "/v1/projects/p/locations/l",
        "generate",
        "/v1/projects/p/locations/l/publishers/google/models/{model}:generateContent",
    ),
    (
        "vertex_claude",
        "/v1/projects/p/locations/l",
        "messages",
        "/v1/projects/p/locations/l/publishers/anthropic/models/{model}:rawPredict",
    ),
    ("vllm", "", "messages", "/v1/messages"),
    ("voyageai", "/v1", "embeddings", "/v1/embeddings"),
    ("xai", "/v1", "responses", "/v1/responses"),
    ("zhipu", "", "chat", "/api/paas/v4/chat/completions"),
]
STREAMED = {
    "bedrock": ("messages", "/model/{model}/invoke-with-response-stream"),
    "gemini": ("generate", "/v1beta/models/{model}:streamGenerateContent?alt=sse"),
    "newapi": ("generate", "/v1/models/{model}:streamGenerateContent?alt=sse"),
    "pronghorn": ("generate", "/v1/models/{model}:streamGenerateContent?alt=sse"),
    "vertex": ("generate", "/v1/publishers/google/models/{model}:streamGenerateContent?alt=sse"),
    "vertex_claude": ("messages", "/v1/publishers/anthropic/models/{model}:streamRawPredict"),
}
KEY_LINES = {
    "anthropic": b"x-api-key: k\r\n",
    "azure": b"api-key: k\r\n",
    "gemini": b"x-goog-api-key: k\r\n",
    "midjourney": b"authorization: Bearer k\r\nmj-api-secret: k\r\n",
    "midjourney_novicezk": b"mj-api-secret: k\r\n",
    "midjourney_trueai": b"mj-api-secret: k\r\n",
    "suno_gcui": b"cookie: k\r\n",
}
BEARER_LINE = b"authorization: Bearer k\r\n"
WITHOUT_ADDRESS = {"azure", "llamacpp", "newapi", "pronghorn", "vertex", "vertex_claude", "vllm"}
WITHOUT_ADDRESS |= {"midjourney", "midjourney_novicezk", "midjourney_trueai"}
WITHOUT_ADDRESS |= {"suno", "suno_gcui", "udio", "udio_proxy"}


@pytest.mark.parametrize("name", sorted(vendors.load()))
def test_a_vendor_is_whole(name: str) -> None:
    vendor = vendors.load()[name]
    assert vendor.name == name == name.lower()
    assert set(vendor.paths) <= set(BY_NAME)
    assert set(vendor.stream_paths) <= set(vendor.paths)
    assert all(path.startswith("/") for path in vendor.paths.values())
    assert not vendor.base_url.endswith("/")
    assert bool(vendor.base_url) == (name not in WITHOUT_ADDRESS)
    assert vendor.base_url.removeprefix("https://").removeprefix("http://").partition("/")[1:] in (
        ("", ""),
        ("/", vendor.root.removeprefix("/")),
    )
    assert name in {row[0] for row in ADDRESSES}


@pytest.mark.parametrize("name", sorted(vendors.load()))
def test_a_vendor_has_its_row_in_the_documents(name: str) -> None:
    row = next(line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| `{name}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == (f"`{vendors.load()[name].base_url}`" if name not in WITHOUT_ADDRESS else "your own")
    assert all(cells)


def test_the_documents_name_no_vendor_that_is_not_there() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)) == set(vendors.load())


def test_all_vendors_of_the_price_list_can_be_asked() -> None:
    assert set(PRICED.values()) <= set(vendors.load())


def test_openai_has_every_endpoint_of_its_dialect() -> None:
    others = {name for name, endpoint in BY_NAME.items() if endpoint.dialect in ("messages", "generate")}
    assert set(vendors.load()["openai"].paths) == set(BY_NAME) - others


def test_another_pronghorn_has_every_endpoint() -> None:
    assert set(vendors.load()["pronghorn"].paths) == set(BY_NAME)


@pytest.mark.parametrize(("name", "base_path", "endpoint", "path"), ADDRESSES)
def test_a_vendor_is_asked_at_its_address(name: str, base_path: str, endpoint: str, path: str | None) -> None:
    assert vendors.load()[name].url_path(base_path, endpoint) == path


@pytest.mark.parametrize("name", sorted(vendors.load()))
def test_streams_are_asked_for_where_they_are(name: str) -> None:
    vendor = vendors.load()[name]
    assert bool(vendor.stream_paths) == (name in STREAMED)
    if name in STREAMED:
        endpoint, path = STREAMED[name]
        assert vendor.stream_url_path("", endpoint) == path


@pytest.mark.parametrize("name", sorted(vendors.load()))
def test_the_credential_is_where_the_vendor_looks_for_it(name: str) -> None:
    assert vendors.load()[name].auth.head("k") == KEY_LINES.get(name, BEARER_LINE)


@pytest.mark.parametrize(
    ("base_path", "endpoint", "path"),
    [
        ("", "chat", "/v1/chat/completions"),
        ("/v1", "chat", "/v1/chat/completions"),
        ("/api/paas/v4", "chat", "/api/paas/v4/chat/completions"),
        ("/v1", "nonsense", None),
    ],
)
def test_paths_lie_below_the_channels_own(base_path: str, endpoint: str, path: str | None) -> None:
    assert ChatVendor(name="x", base_url="").url_path(base_path, endpoint) == path


@pytest.mark.parametrize(
    ("vendor", "host", "model", "responds"),
    [
        ("openai", "api.openai.com", "gpt-5.4-mini", True),
        ("openai", "eu.api.openai.com", "gpt-6.2-sol", True),
        ("openai", "api.openai.com", "gpt-5.3", False),
        ("openai", "api.openai.com", "gpt-4o", False),
        ("openai", "llm.example", "gpt-5.6", False),
        ("azure", "mine.openai.azure.com", "gpt-5.10", True),
        ("groq", "api.groq.com", "gpt-5.6", False),
    ],
)
def test_functions_of_newer_models_of_openai_are_for_responses(
    vendor: str, host: str, model: str, responds: bool
) -> None:
    assert vendors.load()[vendor].responds(host, model) == responds


def test_bearer() -> None:
    assert Bearer().head("sk-1") == b"authorization: Bearer sk-1\r\n"


@pytest.mark.parametrize(
    ("name", "endpoint", "body", "shaped"),
    [
        (
            "mistral",
            "chat",
            {"model": "m", "seed": 1, "max_completion_tokens": 2, "stream_options": {"include_usage": True}},
            {"model": "m", "random_seed": 1, "max_tokens": 2},
        ),
        ("mistral", "embeddings", {"model": "m", "seed": 1}, {"model": "m", "seed": 1}),
        (
            "mistral",
            "chat",
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "aB3456789"}, {"id": "call_1"}, None]},
                    {"role": "tool", "tool_call_id": "aB3456789"},
                    {"role": "tool", "tool_call_id": "call_1"},
                    "text",
                ]
            },
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "aB3456789"}, {"id": "74196fe72"}, None]},
                    {"role": "tool", "tool_call_id": "aB3456789"},
                    {"role": "tool", "tool_call_id": "74196fe72"},
                    "text",
                ]
            },
        ),
        (
            "vertex",
            "generate",
            {"contents": [{"parts": []}, {"role": "model", "parts": []}, "text"]},
            {"contents": [{"role": "user", "parts": []}, {"role": "model", "parts": []}, "text"]},
        ),
        ("vertex", "generate", {"contents": "text"}, {"contents": "text"}),
        (
            "vertex_claude",
            "messages",
            {"model": "m", "stream": True},
            {"stream": True, "anthropic_version": "vertex-2023-10-16"},
        ),
        (
            "vertex_claude",
            "count_tokens",
            {"model": "m"},
            {"model": "m", "anthropic_version": "vertex-2023-10-16"},
        ),
    ],
)
def test_bodies_are_shaped(name: str, endpoint: str, body: dict[str, Any], shaped: dict[str, Any]) -> None:
    shape = vendors.load()[name].shape
    assert shape is not None
    assert shape(endpoint, body, {}) == shaped


def test_a_channel_without_a_credential_shows_none() -> None:
    where, base_path = origin.parse(vendors.load()["ollama"].base_url)
    bare = Channel(
        id="chn_1",
        name="c",
        vendor=vendors.load()["ollama"],
        origin=where,
        base_path=base_path,
        credentials=[],
        models={},
    )
    head = bare.head("chat", "m", 0, is_stream=False)
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"authorization" not in head.lower()
