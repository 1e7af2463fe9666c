"""Bodies with one thing wrong in them: a request is refused by name or read, an answer is always read."""

import copy
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.convert.targets import target

from pronghorn.convert.chat import dialect
from pronghorn.convert.dialect import Losses
from pronghorn.errors import BadRequest

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
THOUGHT = {"google": {"thought_signature": "g"}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": THOUGHT}
CUSTOM = {"id": "b", "type": "custom", "custom": {"name": "c", "input": "x"}, "index": 1}
MESSAGE: dict[str, Any] = {
    "role": "assistant",
    "content": [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": [{"text": "b"}]}],
    "reasoning_content": "hm",
    "reasoning_details": [
        {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0, "format": "f"}
    ],
    "refusal": "no",
    "annotations": [{"url_citation": {"url": "https://x", "start_index": 0, "end_index": 1, "title": "t"}}],
    "images": [IMAGE | {"extra_content": THOUGHT}],
    "audio": {"id": "audio_1", "data": "UklG", "transcript": "t"},
    "tool_calls": [CALL, CUSTOM],
    "extra_content": THOUGHT,
}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
LOGPROBS = {"content": [{"token": "a", "logprob": -1, "bytes": [1], "top_logprobs": [{"token": "b"}]}]}
CHOICE = {"index": 0, "finish_reason": "stop", "logprobs": LOGPROBS}
REPLY = {"id": "i", "model": "m", "created": 1, "choices": [CHOICE | {"message": MESSAGE}], "usage": USAGE}
CHUNK = {"id": "i", "model": "m", "created": 1, "choices": [CHOICE | {"delta": MESSAGE}], "usage": USAGE}
REQUEST = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                IMAGE,
                {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a"}},
                {"type": "video_url", "video_url": {"url": "https://x"}},
            ],
        },
        MESSAGE | {"content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "x"},
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {}}},
        {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}},
    ],
    "functions": [{"name": "g"}],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"name": "f"}]}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
    "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Oslo"}}},
    "reasoning": {"effort": "low", "max_tokens": 5, "exclude": True, "enabled": True},
    "thinking": {"type": "enabled", "budget_tokens": 5},
    "audio": {"voice": "a", "format": "wav"},
    "modalities": ["text"],
    "metadata": {"a": "b"},
    "stop": ["a"],
}

values: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 1.5, "", "x", "data:,", [], [None], [[]], ["x"], {}, {"type": "x"}, {"x": [1]}]
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to everything inside of `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, below in inner for place in [(*way, key), *places(below, (*way, key))]]


def changed(body: Any, way: tuple[Any, ...], value: Any) -> Any:
    body = copy.deepcopy(body)
    at = body
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = value
    return body


@given(st.sampled_from(places(REQUEST)), values)
@example(("messages", 0, "role"), [])
def test_an_odd_request_is_refused_by_name_or_read(way: tuple[Any, ...], value: Any) -> None:
    try:
        turn = dialect.read_request(changed(REQUEST, way, value))
    except BadRequest as error:
        assert error.param
        return
    for vendor in ("", "openai", "other"):
        assert msgspec.json.encode(dialect.write_request(turn, target("m", vendor=vendor), Losses()))


@given(st.sampled_from(places(REPLY)), values)
def test_an_odd_answer_is_read(way: tuple[Any, ...], value: Any) -> None:
    reply = dialect.read_reply(changed(REPLY, way, value))
    assert msgspec.json.encode(dialect.write_reply(reply, dialect.read_request(REQUEST)))


@given(st.sampled_from(places(CHUNK)), values)
def test_an_odd_chunk_is_read(way: tuple[Any, ...], value: Any) -> None:
    reader, writer = dialect.reader(), dialect.writer(dialect.read_request(REQUEST))
    chunks = [changed(CHUNK, way, value), CHUNK]
    events = [event for chunk in chunks for event in reader.feed(msgspec.json.encode(chunk))]
    assert writer.write(events + reader.end())
