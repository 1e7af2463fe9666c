"""A chat of the sandbox comes in the form that the strictest and the plainest of clients need."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.process import Installation

Shape = dict[str, Any]
MODEL = "gpt-4o-mini"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("running")).start()
    yield installation
    installation.close()


def post(running: Installation, path: str, body: Shape, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and bytes of an answer to the first test key."""
    sent = {"authorization": f"Bearer {running.first['test_key']}", "content-type": "application/json"}
    asked = urllib.request.Request(running.base_url + path, json.dumps(body).encode(), sent | headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.status, answer.headers, answer.read()


def chunks(data: bytes) -> list[Shape]:
    """The events of a stream that even the plainest reader of lines understands."""
    text = data.decode()
    assert "\r" not in text
    assert text.endswith("data: [DONE]\n\n")
    lines = text.removesuffix("data: [DONE]\n\n").split("\n\n")
    assert lines.pop() == ""
    found = []
    for line in lines:
        assert line.startswith("data: {") and "\n" not in line, "no comment, no name, one space, one line"
        found.append(json.loads(line[6:]))
    return found


def streamed(running: Installation, **more: Any) -> list[Shape]:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "say 5 words"}], "stream": True} | more
    _, headers, data = post(running, "/v1/chat/completions", body)
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert headers["content-length"] is headers["content-encoding"] is None
    found = chunks(data)
    for chunk in found:
        assert chunk["object"] == "chat.completion.chunk"
        assert isinstance(chunk["created"], int)
        assert chunk["id"] == found[0]["id"] and chunk["model"] == MODEL
        assert isinstance(chunk["choices"], list)
    return found


def test_a_stream_has_the_form_that_plain_parsers_need(running: Installation) -> None:
    found = streamed(running)
    first, *texts, last = [chunk["choices"][0] for chunk in found]
    assert first["delta"]["role"] == "assistant" and first["delta"]["content"] == ""
    assert [set(choice["delta"]) for choice in texts] == [{"content"}] * len(texts)
    assert len("".join(choice["delta"]["content"] for choice in texts).split()) == 5
    assert (last["delta"], last["finish_reason"]) == ({}, "stop")
    assert [choice["finish_reason"] for choice in (first, *texts)] == [None] * (len(texts) + 1)
    assert not any(chunk.get("usage") for chunk in found), "nobody asked for it"


def test_usage_comes_as_a_chunk_of_its_own_to_those_who_ask(running: Installation) -> None:
    *content, last = streamed(running, stream_options={"include_usage": True})
    assert last["choices"] == []
    assert (
        last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + last["usage"]["completion_tokens"]
    )
    assert all(chunk["choices"] and chunk["usage"] is None for chunk in content)


def test_the_pieces_of_a_tool_call_name_it_once(running: Installation) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
    found = streamed(running, tools=tools, tool_choice="required")
    calls = [
        call
        for chunk in found
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    first, *rest = calls
    assert first["id"] and first["type"] == "function" and first["function"]["name"] == "weather"
    for call in rest:
        assert set(call) == {"index", "function"} and set(call["function"]) == {"arguments"}
    assert {call["index"] for call in calls} == {0}
    assert json.loads("".join(call["function"]["arguments"] for call in calls))["city"]
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_whole_tool_call_has_its_arguments_as_text(running: Installation) -> None:
    tools = [{"type": "function", "function": {"name": "now"}}]
    body = {"model": MODEL, "messages": [{"role": "user", "content": "call now"}], "tools": tools}
    (choice,) = json.loads(post(running, "/v1/chat/completions", body)[2])["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == "{}"
