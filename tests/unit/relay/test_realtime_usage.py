"""Usage of realtime: each token in one part only, nothing absurd, and bounds that hold."""

from typing import Any

import msgspec
import pytest

from pronghorn.relay import realtime_usage as usages
from pronghorn.relay.realtime_usage import Said
from pronghorn.wire.realtime import Format
from pronghorn.wire.usage import Usage


def read(found: Any) -> Usage | None:
    return usages.read(msgspec.Raw(msgspec.json.encode(found)))


def test_cached_sound_is_counted_once() -> None:
    into = {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 5,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 50, "audio_tokens": 10, "image_tokens": 4},
    }
    out = {"text_tokens": 30, "audio_tokens": 91}
    found = read(
        {"input_tokens": 137, "output_tokens": 121, "input_token_details": into, "output_token_details": out}
    )
    assert found == Usage(input=137, output=121, cache_read=64, audio_input=3, image_input=1, audio_output=91)


def test_without_the_split_of_what_was_cached_the_parts_still_fit_into_the_whole() -> None:
    into = {"text_tokens": 20, "audio_tokens": 80, "cached_tokens": 90}
    found = read({"input_tokens": 100, "output_tokens": 1, "input_token_details": into})
    assert found == Usage(input=100, output=1, cache_read=90, audio_input=10)


def test_a_transcript_may_be_counted_in_seconds() -> None:
    assert read({"type": "duration", "seconds": 2.1}) == Usage(seconds=3)


@pytest.mark.parametrize(
    "found",
    [
        None,
        {},
        [],
        {"input_tokens": "many"},
        {"input_tokens": -1, "output_tokens": 5},
        {"input_tokens": 10**13},
        {"input_tokens": 5, "input_token_details": {"cached_tokens": -3}},
        {"seconds": -1},
        {"seconds": 1e30},
    ],
)
def test_what_cannot_be_believed_is_no_usage(found: Any) -> None:
    assert read(found) is None


def test_no_usage_at_all_is_none() -> None:
    assert usages.read(msgspec.Raw(b"")) is None


@pytest.mark.parametrize(
    ("form", "rate"), [(None, 48_000), ("audio/pcm", 48_000), ("audio/pcmu", 8_000), ("audio/pcma", 8_000)]
)
def test_sound_has_the_length_that_its_format_says(form: str | None, rate: int) -> None:
    found = usages.bytes_per_s(None if form is None else Format(form))
    assert found == rate
    text = msgspec.Raw(b'"' + b"A" * (rate * 4 // 3) + b'"')
    assert usages.seconds_of(text, found) == pytest.approx(1.0, abs=0.001)


def test_what_was_said_is_bounded_by_bytes_and_estimated_by_less() -> None:
    said = Said(text_bytes=400, sound_s=2.05, pictures=1)
    assert said.most_tokens() == 400 + 21 + 7_000
    assert said.estimate() == Usage(input=100 + 21 + 7_000, audio_input=21, image_input=7_000)


@pytest.mark.parametrize("item", [b"[]", b'{"content":"text"}', b'{"content":[1]}', b"{"])
def test_an_odd_item_is_all_text(item: bytes) -> None:
    assert usages.item_of(100, msgspec.Raw(item), 48_000) == Said(text_bytes=100)
