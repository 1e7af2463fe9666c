"""Whole answers as vendors give them: usage in our shape, how they ended, whether they delivered anything."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.errors import UpstreamError
from pronghorn.relay import reading
from pronghorn.wire.usage import TOKEN_CAP, Usage

JSON = b"application/json"


def read(usage: Any) -> Usage | None:
    return reading.usage(msgspec.Raw(msgspec.json.encode(usage)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 0, "text_tokens": 100},
                "completion_tokens_details": {
                    "reasoning_tokens": 30,
                    "audio_tokens": 5,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            },
            Usage(input=100, output=50, cache_read=40, reasoning=30, audio_output=5),
            id="openai chat",
        ),
        pytest.param(
            {
                "prompt_tokens": 2_000,
                "completion_tokens": 1,
                "prompt_tokens_details": {
                    "cached_tokens": 0,
                    "cache_write_tokens": 1_500,
                    "image_tokens": 85,
                },
            },
            Usage(input=2_000, output=1, cache_write_5m=1_500, image_input=85),
            id="openai 2026 cache write",
        ),
        pytest.param(
            {
                "prompt_tokens": 9,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_creation_tokens": 4},
            },
            Usage(input=9, output=1, cache_write_5m=4),
            id="new-api's name of a cache write",
        ),
        pytest.param(
            {
                "prompt_tokens": 120,
                "completion_tokens": 7,
                "total_tokens": 127,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 56,
            },
            Usage(input=120, output=7, cache_read=64),
            id="deepseek",
        ),
        pytest.param(
            {
                "prompt_tokens": 120,
                "completion_tokens": 7,
                "prompt_cache_hit_tokens": 64,
                "prompt_tokens_details": {"cached_tokens": 64},
            },
            Usage(input=120, output=7, cache_read=64),
            id="deepseek, both ways",
        ),
        pytest.param(
            {
                "prompt_tokens": 120,
                "completion_tokens": 7,
                "prompt_cache_hit_tokens": 64,
                "prompt_tokens_details": {"audio_tokens": 0},
            },
            Usage(input=120, output=7, cache_read=64),
            id="deepseek's counts beside details without any",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "completion_tokens_details": {"reasoning_tokens": 200},
                "cost_in_usd_ticks": 12,
                "num_sources_used": 0,
            },
            Usage(input=10, output=5, reasoning=200),
            id="xai",
        ),
        pytest.param({"prompt_tokens": 5, "total_tokens": 5}, Usage(input=5), id="embeddings"),
        pytest.param({"total_tokens": 88}, Usage(input=88), id="only a total"),
        pytest.param(
            {
                "total_tokens": 1120,
                "input_tokens": 64,
                "output_tokens": 1056,
                "input_tokens_details": {"text_tokens": 14, "image_tokens": 50},
                "output_tokens_details": {"image_tokens": 1056, "text_tokens": 0},
            },
            Usage(input=64, output=1056, image_input=50, image_output=1056),
            id="images",
        ),
        pytest.param({"type": "duration", "seconds": 9}, Usage(seconds=9), id="whisper"),
        pytest.param({"type": "duration", "seconds": 9.01}, Usage(seconds=10), id="rounded up"),
        pytest.param(
            {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
                "output_tokens": 45,
                "total_tokens": 59,
            },
            Usage(input=14, output=45, audio_input=14),
            id="gpt-4o-transcribe",
        ),
        pytest.param(
            {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": None, "cost": 0.01},
            Usage(input=7, output=3),
            id="openrouter with nulls",
        ),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0}, Usage(), id="zero is a count"),
        pytest.param({"prompt_tokens": 3, "completion_tokens": None}, Usage(input=3), id="null output"),
    ],
)
def test_golden_usage(given: dict[str, Any], expected: Usage) -> None:
    assert read(given) == expected


@pytest.mark.parametrize(
    "absurd",
    [
        None,
        {},
        [],
        "many",
        5,
        {"prompt_tokens": -1, "completion_tokens": 3},
        {"prompt_tokens": 3, "completion_tokens": -1},
        {"prompt_tokens": TOKEN_CAP, "completion_tokens": 3},
        {"prompt_tokens": 3, "completion_tokens": 2**70},
        {"prompt_tokens": "3", "completion_tokens": 3},
        {"prompt_tokens": 3.5, "completion_tokens": 3},
        {"completion_tokens": 3},
        {"completion_tokens": 3, "total_tokens": 2},
        {"type": "duration", "seconds": -1},
        {"type": "duration", "seconds": 1e300},
    ],
)
def test_absurd_usage_is_no_usage(absurd: Any) -> None:
    assert read(absurd) is None
    answer = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": absurd}
    found = reading.completion(msgspec.json.encode(answer), JSON)
    assert (found.usage, found.text, found.is_empty) == (None, "hi", False)


numbers = st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.booleans()
objects = st.dictionaries(
    st.sampled_from(
        [
            "prompt_tokens",
            "completion_tokens",
            "input_tokens",
            "output_tokens",
            "total_tokens",
            "seconds",
            "prompt_cache_hit_tokens",
        ]
    ),
    numbers,
) | st.recursive(numbers, lambda inner: st.dictionaries(st.just("prompt_tokens_details"), inner))


@given(objects)
def test_whatever_a_vendor_counts_nothing_negative_or_endless_comes_out(given: Any) -> None:
    found = read(given)
    if found is not None:
        for count in (found.input, found.output, found.cache_read, found.seconds):
            assert 0 <= count <= TOKEN_CAP


TOTALS = {"prompt_tokens": 100, "completion_tokens": 50}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"prompt_tokens": 100.0, "completion_tokens": 50.0}, Usage(input=100, output=50)),
        (TOTALS | {"prompt_tokens_details": []}, Usage(input=100, output=50)),
        (TOTALS | {"prompt_tokens_details": "odd"}, Usage(input=100, output=50)),
        (
            TOTALS | {"prompt_tokens_details": {"cached_tokens": 40.0, "audio_tokens": "odd"}},
            Usage(input=100, output=50, cache_read=40),
        ),
        (
            TOTALS | {"prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens_details": [1]},
            Usage(input=100, output=50, cache_read=40),
        ),
        (TOTALS | {"prompt_tokens_details": {"cached_tokens": -5}}, Usage(input=100, output=50)),
        (TOTALS | {"prompt_tokens_details": {"cached_tokens": 2**60}}, Usage(input=100, output=50)),
        (TOTALS | {"completion_tokens_details": {"reasoning_tokens": -1}}, Usage(input=100, output=50)),
        (TOTALS | {"prompt_cache_hit_tokens": -1}, Usage(input=100, output=50)),
        ({"prompt_tokens": 10, "total_tokens": 510}, Usage(input=10, output=500)),
        ({"prompt_tokens": 10, "total_tokens": 0}, Usage(input=10)),
        ({"completion_tokens": 5, "total_tokens": 15}, Usage(input=10, output=5)),
    ],
)
def test_totals_outlive_what_is_wrong_beside_them(given: dict[str, Any], expected: Usage) -> None:
    assert read(given) == expected
    assert completion({"content": "hi"}, usage=given).usage == expected
    assert reading.usage_of_choice(given) == expected


def completion(message: dict[str, Any], finish: str | None = "stop", **fields: Any) -> reading.Reading:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return reading.completion(msgspec.json.encode({"choices": [choice], **fields}), JSON)


CALL = {"id": "c1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("message", "text", "is_empty"),
    [
        ({"role": "assistant", "content": "hi"}, "hi", False),
        ({"content": ""}, "", True),
        ({"content": None}, "", True),
        ({"content": None, "refusal": None, "tool_calls": []}, "", True),
        ({}, "", True),
        ({"content": None, "tool_calls": [CALL]}, "get_time{}", False),
        ({"content": None, "tool_calls": [{"function": {"name": "", "arguments": None}}]}, "", False),
        ({"content": "", "function_call": {"name": "f", "arguments": "{}"}}, "", False),
        ({"content": "", "reasoning_content": "thinking"}, "thinking", False),
        ({"content": None, "reasoning": "thinking"}, "thinking", False),
        ({"content": "yes", "reasoning_content": "hm "}, "hm yes", False),
        ({"content": None, "refusal": "I cannot"}, "I cannot", False),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab", False),
        ({"content": None, "audio": {"id": "a", "data": "UklGRg=="}}, "", False),
        ({"content": "", "images": [{"image_url": {"url": "data:"}}]}, "![]()", False),
        ({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, "hm", False),
        ({"content": "", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}, "", False),
        ({"content": "", "reasoning_details": []}, "", True),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, "hm", False),
        ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]}, "hma", False),
        ({"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": ""}]}, "", True),
        ({"content": [{"type": "image_url", "image_url": {"url": "data:"}}]}, "![]()", False),
        ({"content": [{"type": []}]}, "", False),
        ({"content": ["odd"]}, "", True),
        (
            {"content": "", "custom": 1, "tool_calls": ["odd", {"custom": {"name": "c", "input": "i"}}]},
            "ci",
            False,
        ),
    ],
)
def test_what_a_message_delivers(message: dict[str, Any], text: str, is_empty: bool) -> None:
    found = completion(message)
    assert (found.text, found.is_empty, found.finish) == (text, is_empty, "stop")


@pytest.mark.parametrize(
    ("item", "text", "is_empty"),
    [
        ({"type": "message", "content": [{"type": "output_text", "text": "hi"}]}, "hi", False),
        ({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}, "no", False),
        ({"type": "message", "content": []}, "", True),
        ({"type": "message", "content": "hi"}, "hi", False),
        ({"type": "message", "content": ""}, "", True),
        ({"type": "message", "content": [{"type": "output_text", "text": {"a": 1}}]}, '{"a": 1}', False),
        ({"type": "reasoning", "summary": "hm"}, "hm", False),
        ({"type": "reasoning", "summary": [], "encrypted_content": "x"}, "", True),
        ({"type": "tool_search_call", "arguments": {"goal": "x"}}, '{"goal": "x"}', False),
        ({"type": "tool_search_call", "arguments": {}}, "", False),
        ({"type": "something_new", "name": 7, "input": ["x"]}, '7["x"]', False),
    ],
)
def test_whatever_an_item_of_a_response_is_it_passes(item: Any, text: str, is_empty: bool) -> None:
    found = reading.response(msgspec.json.encode({"status": "completed", "output": [item]}), JSON)
    assert (found.text, found.is_empty) == (text, is_empty)


def test_several_choices_are_read_together() -> None:
    choices = [
        {"message": {"content": ""}, "finish_reason": None},
        {"message": {"content": "b"}, "finish_reason": "length"},
    ]
    found = reading.completion(msgspec.json.encode({"choices": choices}), JSON)
    assert (found.text, found.finish, found.is_empty) == ("b", "length", False)


@pytest.mark.parametrize(
    "word", ["error", "network_error", "insufficient_system_resource", "INSUFFICIENT_SYSTEM_RESOURCE"]
)
@pytest.mark.parametrize("others", [[], [{"message": {"content": "a"}, "finish_reason": "stop"}]])
def test_an_answer_that_the_vendor_could_not_finish_is_none(word: str, others: list[Any]) -> None:
    choices = [*others, {"message": {"content": "half"}, "finish_reason": word}]
    with pytest.raises(UpstreamError):
        reading.completion(msgspec.json.encode({"choices": choices}), JSON)


def test_a_legacy_completion() -> None:
    answer = {"choices": [{"text": "once", "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}
    found = reading.completion(msgspec.json.encode(answer), JSON)
    assert (found.text, found.usage) == ("once", Usage(input=1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":null}',
        b'{"choices":{"a":1}}',
        b'{"error":{"message":"quota"}}',
        b'{"error":"quota","choices":[{"message":{"content":"x"}}]}',
        b'{"error":{"message":"quota"},"usage":"odd"}',
        b'{"choices":[' + b"[" * 100_000,
        b'{"choices":[{"message":{"content":' + b"[" * 100_000 + b"]" * 100_000 + b"}}]}",
        b'{"choices":[{"message":{"content":"cut',
    ],
)
def test_a_200_is_not_yet_a_success(body: bytes) -> None:
    with pytest.raises(UpstreamError):
        reading.completion(body, JSON)


@pytest.mark.parametrize("read_", [reading.listing, reading.images, reading.transcript])
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"<html>", b'{"error":{"message":"x"},"data":[1],"text":"t"}', b'{"data":3}']
)
def test_other_answers_have_to_be_what_they_promise(read_: reading.Reader, body: bytes) -> None:
    with pytest.raises(UpstreamError):
        read_(body, JSON)


@pytest.mark.parametrize("read_", [reading.binary, reading.transcript])
def test_a_web_page_is_neither_sound_nor_a_transcript(read_: reading.Reader) -> None:
    with pytest.raises(UpstreamError):
        read_(b"<html>", b"text/html; charset=utf-8")


def test_sound() -> None:
    assert reading.binary(b"ID3", b"audio/mpeg") == reading.Reading(None, "stop", False)
    assert reading.binary(b"", b"audio/mpeg").is_empty
    assert not reading.binary(b"ID3", b"text/plain").is_empty  # from servers that know no type of sound


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"error":{}}', JSON),
        (b'{"error":{}}', b"Application/JSON; charset=utf-8"),
        (b'{"title":"no"}', b"application/problem+json"),
        (b' \n{"error":{"message":"no such', b"text/plain; charset=utf-8"),
        (b"<!DOCTYPE html>", b"text/plain"),
    ],
)
def test_an_error_is_no_sound_whatever_its_type(body: bytes, content_type: bytes) -> None:
    with pytest.raises(UpstreamError):
        reading.binary(body, content_type)


@pytest.mark.parametrize(
    ("body", "usage", "is_empty"),
    [
        ({"data": [{"embedding": "AAAA"}], "usage": {"prompt_tokens": 5}}, Usage(input=5), False),
        ({"results": [{"flagged": False}]}, None, False),
        ({"results": [], "usage": {"total_tokens": 3}}, Usage(input=3), True),
        ({"data": [], "error": None}, None, True),
    ],
)
def test_listings(body: dict[str, Any], usage: Usage | None, is_empty: bool) -> None:
    found = reading.listing(msgspec.json.encode(body), JSON)
    assert (found.usage, found.is_empty) == (usage, is_empty)


@pytest.mark.parametrize(
    ("meta", "calls"),
    [
        ({"billed_units": {"search_units": 3}}, 3),
        ({"billed_units": {"input_tokens": 3}}, 0),
        ({"billed_units": {"search_units": -1}}, 0),
        ("odd", 0),
        (None, 0),
    ],
)
def test_searches_are_as_many_as_the_vendor_says(meta: Any, calls: int) -> None:
    body = {"results": [{"index": 0}], "meta": meta}
    assert reading.listing(msgspec.json.encode(body), JSON).calls == calls


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage(images=2)),
        (
            {"input_tokens": 64, "output_tokens": 1056, "input_tokens_details": {"image_tokens": 50}},
            Usage(input=64, output=1056, image_input=50, image_output=1056, images=2),
        ),
        (
            {"input_tokens": 4, "output_tokens": 100, "output_tokens_details": {"image_tokens": 90}},
            Usage(input=4, output=100, image_output=90, images=2),
        ),
        ({"input_tokens": -4}, Usage(images=2)),
    ],
)
def test_pictures_are_counted_and_their_tokens_are_image_tokens(usage: Any, expected: Usage) -> None:
    body = {"created": 1, "data": [{"b64_json": "iVBO"}, {"url": "https://x.example/y"}], "usage": usage}
    assert reading.images(msgspec.json.encode(body), JSON).usage == expected


def test_a_picture_that_failed_is_none() -> None:
    pictures = [
        {"url": "u"},
        {"error": {"code": "OutputImageSensitiveContentDetected"}},
        {"url": "v", "error": None},
    ]
    found = reading.images(msgspec.json.encode({"data": pictures}), JSON)
    assert (found.usage, found.is_empty) == (Usage(images=2), False)
    assert reading.images(msgspec.json.encode({"data": pictures[1:2]}), JSON).is_empty


@pytest.mark.parametrize(
    ("body", "content_type", "usage", "text"),
    [
        (b'{"text":"hi","usage":{"type":"duration","seconds":9}}', JSON, Usage(seconds=9), "hi"),
        (b'{"text":"hi","duration":"8.2"}', JSON, Usage(seconds=9), "hi"),
        (b'{"text":"hi","duration":8.470000267028809,"segments":[]}', JSON, Usage(seconds=9), "hi"),
        (b'{"text":"hi","duration":"long"}', JSON, None, "hi"),
        (b'{"text":"hi"}', b"application/json; charset=utf-8", None, "hi"),
        (b'{"text":"hi","duration":"8.47s"}', JSON, Usage(seconds=9), "hi"),
        (b'{"text":"hi","usage":{"type":"duration","seconds":2}}', b"text/plain", Usage(seconds=2), "hi"),
        (b' {"text":"hi","duration":2}', b"Application/JSON", Usage(seconds=2), "hi"),
        (b'{"text":"hi","duration":2}', b"", Usage(seconds=2), "hi"),
        (b"{laughs} hi", b"text/plain", None, "{laughs} hi"),
        (b"hi there", b"text/plain; charset=utf-8", None, "hi there"),
        (b"WEBVTT\n\n00:00 --> 00:01\nhi", b"text/vtt", None, "WEBVTT\n\n00:00 --> 00:01\nhi"),
    ],
)
def test_transcripts(body: bytes, content_type: bytes, usage: Usage | None, text: str) -> None:
    found = reading.transcript(body, content_type)
    assert (found.usage, found.text, found.is_empty) == (usage, text, False)


@pytest.mark.parametrize("content_type", [JSON, b"text/plain", b"text/vtt", b""])
def test_an_error_in_place_of_a_transcript_is_one_whatever_its_type(content_type: bytes) -> None:
    with pytest.raises(UpstreamError):
        reading.transcript(b'{"error":{"message":"quota"}}', content_type)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1\n00:00:00,000 --> 00:00:09,500\nhello world\n\n", 10),
        ("1\n00:00:00,000 --> 00:00:04,000\none\n\n2\n00:00:04,000 --> 01:01:02,000\ntwo\n", 3662),
        ("WEBVTT\n\n00:00.000 --> 00:01.001 align:start\nhi", 2),
        ("WEBVTT\n\n100:00:00.000 --> 100:00:01.000\nhi", 360_001),
        ("an arrow --> and 00:01:00", 0),
        ("", 0),
    ],
)
def test_subtitles_say_how_long_their_sound_was(text: str, seconds: int) -> None:
    assert reading.subtitled_s(text) == seconds


@pytest.mark.parametrize(("body", "content_type"), [(b'{"text":""}', JSON), (b" \n", b"text/plain")])
def test_a_transcript_of_nothing_is_empty_in_every_format(body: bytes, content_type: bytes) -> None:
    assert reading.transcript(body, content_type).is_empty
