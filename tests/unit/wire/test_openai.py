"""What is read of an OpenAI body: what we need, typed; null is as good as absent; the rest does not matter."""

from typing import Any

import msgspec
import pytest

from pronghorn.wire import openai

NAMES = openai.Peek.__struct_fields__
RAW = ("input", "models", "provider", "web_search_options")
"""Kept as they came."""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in RAW])
def test_null_is_as_good_as_absent(name: str) -> None:
    found = openai.peek_decoder.decode(msgspec.json.encode({name: None}))
    assert getattr(found, name) is None


def test_unknown_fields_do_not_matter() -> None:
    body: dict[str, Any] = {"model": "m", "verbosity": {"a": [1]}, "stream": True, "usage": {"include": True}}
    found = openai.peek_decoder.decode(msgspec.json.encode(body))
    assert (found.model, found.stream) == ("m", True)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":5}',
        b'{"stream":"yes"}',
        b'{"max_tokens":-1}',
        b'{"max_tokens":10000001}',
        b'{"max_tokens":1e400}',
        b'{"max_completion_tokens":"16"}',
        b'{"n":0}',
        b'{"n":129}',
        b'{"best_of":1000}',
        b'{"partial_images":-1}',
        b"[]",
        b"null",
        b'"text"',
    ],
)
def test_what_cannot_be_meant_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        openai.peek_decoder.decode(body)


@pytest.mark.parametrize(
    ("body", "is_present"), [(b'{"input":null}', False), (b"{}", False), (b'{"input":""}', True)]
)
def test_presence(body: bytes, is_present: bool) -> None:
    assert openai.is_present(openai.peek_decoder.decode(body).input) is is_present


def test_the_last_of_two_members_is_read() -> None:
    assert openai.peek_decoder.decode(b'{"model":"a","model":"b"}').model == "b"
    assert openai.peek_decoder.decode(b'{"model":"a","mod\\u0065l":"b"}').model == "b"
    assert bytes(openai.members_decoder.decode(b'{"n":1,"n":2}')["n"]) == b"2"
