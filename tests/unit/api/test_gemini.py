"""Gemini's routes: model and verb out of the path, and what is theirs though there is nothing."""

import pytest

from pronghorn.api import gemini


@pytest.mark.parametrize("version", ["/v1beta", "/v1", "", "/v1alpha"])
@pytest.mark.parametrize(
    ("verb", "endpoint", "is_stream"),
    [
        ("generateContent", "generate", False),
        ("streamGenerateContent", "generate", True),
        ("countTokens", "count_generate", False),
        ("embedContent", "embed_content", False),
        ("batchEmbedContents", "batch_embed_contents", False),
    ],
)
def test_every_verb_under_every_version(version: str, verb: str, endpoint: str, is_stream: bool) -> None:
    route = gemini.match(f"{version}/models/gemini-3.1-pro:{verb}", b"alt=sse")
    assert route is not None
    assert (route.endpoint.name, route.model, route.is_stream) == (endpoint, "gemini-3.1-pro", is_stream)
    assert not route.is_array


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1beta/models/models/gemini-3:generateContent", "gemini-3"),
        ("/v1beta/tunedModels/mine:generateContent", "mine"),
        ("/v1beta/models/meta/llama:free:generateContent", "meta/llama:free"),
        ("/v1/publishers/google/models/gemini-3:generateContent", "gemini-3"),
    ],
)
def test_odd_names_of_models(path: str, model: str) -> None:
    route = gemini.match(path, b"")
    assert route is not None and route.model == model


@pytest.mark.parametrize(
    ("query", "is_array"), [(b"", True), (b"alt=sse", False), (b"key=x&alt=sse", False), (b"alt=json", True)]
)
def test_a_stream_is_an_array_unless_events_are_asked_for(query: bytes, is_array: bool) -> None:
    route = gemini.match("/v1beta/models/g:streamGenerateContent", query)
    assert route is not None and route.is_array == is_array


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/g",
        "/v1beta/models/g:predict",
        "/v1/models/g",
        "/v1beta/models/:generateContent",
        "/v1",
    ],
)
def test_what_is_no_such_route(path: str) -> None:
    assert gemini.match(path, b"") is None


@pytest.mark.parametrize(
    ("path", "is_geminis"),
    [
        ("/v1beta/nothing", True),
        ("/v1/models/g:predict", False),
        ("/v1beta/models/g:predict", True),
        ("/v1/models/g:countTokens", True),
        ("/v1/models/ft:gpt-4o:x", False),
        ("/models/ft:gpt-4o-mini:acme::abc", False),
        ("/v1/models/llama:free", False),
        ("/models/g:generateContent", True),
        ("/v1beta/openai/chat/completions", False),
        ("/v1/models/org/name", False),
        ("/v1/chat/completions", False),
    ],
)
def test_whose_words_an_error_uses(path: str, is_geminis: bool) -> None:
    assert gemini.owns(path) == is_geminis
