"""Upper bounds: the most that a request can consume, for every kind of endpoint."""

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.relay.making import peek
from tests.unit.routing.making import model

from pronghorn.ledger.tokens import Tokenizer
from pronghorn.relay import bounds
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.unwritten import PICTURE_TOKENS
from pronghorn.wire.usage import Usage


class Words:
    """Counts words, so that a test can too."""

    async def count(self, text: str) -> int:
        return len(text.split())


WORDS = cast(Tokenizer, Words())


@pytest.mark.parametrize(
    ("body", "known", "limit"),
    [
        ({"max_tokens": 5}, {}, 5),
        ({"max_completion_tokens": 7}, {}, 7),
        ({"max_tokens": 5, "max_completion_tokens": 7}, {}, 7),
        ({"max_tokens": 9, "max_completion_tokens": 7}, {}, 9),
        ({"max_tokens": 5}, {"max_output_tokens": 3}, 5),
        ({}, {"max_output_tokens": 4_096, "context_tokens": 9}, 4_096),
        ({}, {"context_tokens": 128_000}, 128_000),
        ({}, {}, bounds.DEFAULT_OUTPUT_TOKENS),
        ({"max_tokens": None}, {"max_output_tokens": 8}, 8),
        ({"max_tokens": 0}, {"max_output_tokens": 8}, 8),
    ],
)
def test_the_output_of_a_chat(body: dict[str, Any], known: dict[str, Any], limit: int) -> None:
    assert bounds.output_limit(peek(body), model(**known)) == limit


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "standard/1024x1024"),
        ({"quality": "hd", "size": "1x1\0\n"}, "hd/1x1??"),
        ({"quality": "hd", "size": "x" * 10**6}, "hd/" + "x" * 77),
    ],
)
def test_the_kind_of_a_picture_is_one_that_a_price_could_name_and_any_database_reads(
    body: dict[str, Any], kind: str
) -> None:
    assert bounds.image_kind(peek(body)) == kind


@pytest.mark.parametrize(
    ("body", "count"),
    [({}, 1), ({"n": 3}, 3), ({"best_of": 4}, 4), ({"n": 2, "best_of": 5}, 5), ({"n": None}, 1)],
)
def test_choices(body: dict[str, Any], count: int) -> None:
    assert bounds.choices(peek(body)) == count


@pytest.mark.parametrize(
    ("endpoint", "body", "size", "bound"),
    [
        ("chat", {"max_tokens": 10, "n": 3}, 200, Usage(input=200, output=30, calls=1)),
        ("completions", {"max_tokens": 10, "best_of": 2}, 200, Usage(input=200, output=20, calls=1)),
        ("embeddings", {}, 500, Usage(input=500, calls=1)),
        ("rerank", {}, 500, Usage(input=500, calls=1)),
        ("rerank", {"documents": ["a"] * 101}, 500, Usage(input=500, calls=2)),
        ("rerank", {"documents": ["a" * 40_000] * 10}, 500, Usage(input=500, calls=9)),
        ("rerank", {"documents": "a"}, 500, Usage(input=500, calls=1)),
        (
            "images_generations",
            {"n": 2, "size": "1024x1792", "quality": "hd", "partial_images": 3},
            400,
            Usage(input=400, output=32_300, images=2, image_kind="hd/1024x1792", calls=1),
        ),
        (
            "images_edits",
            {},
            50_000_000,
            Usage(input=144_000, output=16_000, images=1, image_kind="standard/1024x1024", calls=1),
        ),
        (
            "images_edits",
            {},
            0,
            Usage(input=144_000, output=16_000, images=1, image_kind="standard/1024x1024", calls=1),
        ),
        ("speech", {"input": "héllo"}, 99, Usage(input=6, output=220, characters=5, calls=1)),
        ("speech", {"input": 5}, 99, Usage(output=200, calls=1)),
        ("speech", {}, 99, Usage(output=200, calls=1)),
        ("transcriptions", {}, 60_000, Usage(input=1_610, output=1_610, seconds=61, calls=1)),
        ("translations", {}, 0, Usage(input=1_010, output=1_010, seconds=1, calls=1)),
    ],
)
def test_bounds_by_endpoint(endpoint: str, body: dict[str, Any], size: int, bound: Usage) -> None:
    asked = BY_NAME[endpoint].peek(msgspec.json.encode(body))
    assert bounds.bound(BY_NAME[endpoint], asked, size, model()) == bound


@pytest.mark.parametrize("endpoint", sorted(BY_NAME))
def test_every_endpoint_has_a_bound(endpoint: str) -> None:
    found = bounds.bound(BY_NAME[endpoint], peek({"input": "x"}), 100, model())
    is_charged = BY_NAME[endpoint].measure != "free"
    assert found.calls == is_charged
    assert (found.input > 0) == is_charged


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"messages": [{"role": "user", "content": "one two three"}]}, 3),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "one two"}]}]}, 3),
        ({"input": ["one", "two three"]}, 3),
        ({"input": [[1, 2, 3], [4]]}, 4),
        ({"prompt": "a b", "user": "not counted", "model": "m"}, 2),
        ({"query": "a", "documents": ["b c", {"text": "d"}]}, 4),
    ],
)
async def test_the_input_is_counted_by_its_texts(body: dict[str, Any], tokens: int) -> None:
    counted = await bounds.counted_input(msgspec.json.encode(body), WORDS)
    assert tokens <= counted <= tokens + 2


async def test_a_picture_counts_by_table_and_its_bytes_do_not() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A " * 50_000}}
    body = {"messages": [{"role": "user", "content": [picture, picture, {"type": "text", "text": "what"}]}]}
    counted = await bounds.counted_input(msgspec.json.encode(body), WORDS)
    assert 2 * PICTURE_TOKENS < counted < 2 * PICTURE_TOKENS + 20


async def test_tools_are_counted_with_the_names_of_their_fields() -> None:
    tool = {
        "type": "function",
        "function": {"name": "get", "parameters": {"properties": {"city": {"type": "x"}}}},
    }
    counted = await bounds.counted_input(msgspec.json.encode({"messages": [], "tools": [tool]}), WORDS)
    assert counted >= 5


@pytest.mark.parametrize("body", [b"", b"not json", b"[1,2]", b"null", b"[" * 100_000])
async def test_what_cannot_be_counted_breaks_nothing(body: bytes) -> None:
    assert 0 <= await bounds.counted_input(body, WORDS) <= max(len(body), 2)


async def test_the_bound_of_a_count_has_a_margin() -> None:
    assert await bounds.counted_bound(b'{"prompt":"' + b"a " * 100 + b'"}', WORDS) == 110 + 64


@given(st.text(max_size=200))
def test_speech_is_bounded_by_its_characters(text: str) -> None:
    found = bounds.bound(BY_NAME["speech"], peek({"input": text}), 10, model())
    assert (found.characters, found.input) == (len(text), len(text.encode()))
