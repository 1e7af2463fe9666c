"""Whole answers of Responses, read and written: valid by OpenAI's document, with the settings of their turn."""

from typing import Any

import msgspec
import pytest
from tests import openapi_schema

from pronghorn.convert.opaque import wrap
from pronghorn.convert.responses import dialect
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Finish,
    Foreign,
    Json,
    Logprob,
    Media,
    Part,
    Refusal,
    Reply,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from pronghorn.wire.usage import Usage

PNG = "iVBORw0KGgo="
ANTHROPIC, GOOGLE = Signature("messages", "EqQB"), Signature("generate", "g==")
CITED = {"type": "url_citation", "url": "https://x", "start_index": 0, "end_index": 5, "title": "T"}


def read(*output: Json, **fields: Any) -> Choice:
    return dialect.read_reply(
        {"id": "resp_1", "output": list(output), "status": "completed"} | fields
    ).choices[0]


def message(*content: Json) -> Json:
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": list(content),
    }


def text(words: str, *annotations: Json) -> Json:
    return {"type": "output_text", "text": words, "annotations": list(annotations), "logprobs": []}


def valid(response: Json) -> Json:
    """As JSON says it. The counts of cache writes are newer than the document."""
    found: Json = msgspec.json.decode(msgspec.json.encode(response))
    judged = msgspec.json.decode(msgspec.json.encode(response))
    judged.get("usage", {"input_tokens_details": {}})["input_tokens_details"].pop("cache_write_tokens", None)
    openapi_schema.validate("Response", judged)
    return found


def write(*parts: Part, finish: Finish = "stop", turn: Turn | None = None, **fields: Any) -> Json:
    choice = Choice(list(parts), finish, **fields)
    return valid(dialect.write_reply(Reply("resp_a", "m", [choice], created_s=5), turn or Turn()))


def test_an_answer_is_read_whole() -> None:
    reply = dialect.read_reply(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1780000000.0,
            "model": "gpt-5",
            "status": "completed",
            "service_tier": "flex",
            "output": [
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
                {"type": "reasoning", "id": "rs_2", "summary": []},
                {"type": "web_search_call", "id": "ws_1", "status": "completed"},
                message(text("Hello", CITED), {"type": "refusal", "refusal": "no"}),
                {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PNG},
                {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "g", "input": "free"},
            ],
            "usage": {
                "input_tokens": 9,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
                "output_tokens": "7",
                "output_tokens_details": {"reasoning_tokens": 3},
                "total_tokens": 16,
            },
        }
    )
    assert reply == Reply(
        "resp_1",
        "gpt-5",
        [
            Choice(
                [
                    Thinking("", Signature("responses", "rs_1\ngAAA"), is_redacted=True, id="rs_1"),
                    Foreign("responses", {"type": "web_search_call", "id": "ws_1", "status": "completed"}),
                    Text("Hello", [Citation("https://x", "T", start=0, end=5)]),
                    Refusal("no"),
                    Media("image", "image/png", PNG),
                    ToolCall("c1", "f", "{}"),
                    ToolCall("c2", "g", "free", is_custom=True),
                ],
                "tool_calls",
            )
        ],
        Usage(input=9, output=7, cache_read=4, cache_write_5m=2, reasoning=3),
        1780000000,
        "flex",
    )


def test_open_models_tell_their_reasoning_itself() -> None:
    content = [{"type": "reasoning_text", "text": "hm"}]
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "content": content}
    assert read(item).parts == [Thinking("hm", id="rs_1")]


def test_a_message_may_be_a_plain_text() -> None:
    found = read({"type": "message", "content": "a"})
    assert (found.parts, found.logprobs) == ([Text("a")], None)


def test_log_probabilities_are_read() -> None:
    top = {"token": "b", "logprob": -2, "bytes": None}
    entry = {"token": "a", "logprob": -1.5, "bytes": [97], "top_logprobs": [top]}
    found = read(message(text("a") | {"logprobs": [entry]}))
    assert found.logprobs == [Logprob("a", -1.5, [97], [Logprob("b", -2)])]


def test_counts_that_make_no_sense_are_none() -> None:
    reply = dialect.read_reply({"output": [], "usage": {"input_tokens": "many"}})
    assert (reply.usage, reply.choices[0].finish) == (None, "stop")


def test_a_detail_that_makes_no_sense_takes_no_total_with_it() -> None:
    reply = dialect.read_reply(
        {"output": [], "usage": {"input_tokens": 3, "output_tokens": 2.0, "input_tokens_details": []}}
    )
    assert reply.usage == Usage(input=3, output=2)


@pytest.mark.parametrize(
    ("fields", "output", "finish"),
    [
        ({}, [message(text("a"))], "stop"),
        ({}, [{"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}], "tool_calls"),
        ({}, [message({"type": "refusal", "refusal": "no"})], "refusal"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, [], "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, [], "content_filter"),
        (
            {"status": "incomplete", "incomplete_details": None},
            [{"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a'}],
            "length",
        ),
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, [], "error"),
        ({"status": "odd"}, [], "stop"),
    ],
)
def test_why_it_ended_is_read(fields: Json, output: list[Json], finish: Finish) -> None:
    found = read(*output, **fields)
    assert (found.finish, found.detail) == (finish, fields.get("error"))


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("pause", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("truncated", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("refusal", "incomplete", "content_filter"),
    ],
)
def test_why_it_ended_is_written(finish: Finish, status: str, reason: str | None) -> None:
    for last in (Text("a"), ToolCall("c", "f", '{"a":"b')):
        response = write(last, finish=finish)
        assert response["status"] == status
        assert response["incomplete_details"] == (reason and {"reason": reason})
        assert response["output"][0]["status"] == status
        assert response["error"] is None


def test_a_refusal_in_words_is_an_ordinary_end() -> None:
    assert write(Refusal("no"), finish="refusal")["status"] == "completed"


def test_an_error_is_a_failure_that_says_why() -> None:
    response = write(finish="error", detail={"message": "tired"})
    assert response["status"] == "failed"
    assert response["error"] == {"code": "server_error", "message": "tired"}


def test_parts_become_items_in_their_order() -> None:
    response = write(
        Thinking("hm", ANTHROPIC),
        Thinking("", ANTHROPIC, is_redacted=True),
        Text("Hello", [Citation("https://x", "T"), Citation(quote="nowhere")]),
        Refusal("no"),
        Media("image", "image/png", PNG),
        Media("audio", "audio/wav", "UklGRg==", transcript="hey"),
        Media("image", url="https://x/a.png"),
        ToolCall("c1", "f", signature=GOOGLE),
        ToolCall("c2", "g", "free", is_custom=True),
        Foreign("messages", {"type": "server_tool_use"}),
        logprobs=[Logprob("é", -1.0, None, [Logprob("b", -2.0, [98])])],
    )
    proof = wrap(ANTHROPIC, "responses")
    assert response["output"] == [
        {
            "id": "rs_a_0",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": proof,
        },
        {"id": "rs_a_1", "type": "reasoning", "summary": [], "encrypted_content": proof},
        message(
            text("Hello", CITED)
            | {
                "logprobs": [
                    {
                        "token": "é",
                        "logprob": -1.0,
                        "bytes": [195, 169],
                        "top_logprobs": [{"token": "b", "logprob": -2.0, "bytes": [98]}],
                    }
                ]
            },
            {"type": "refusal", "refusal": "no"},
        )
        | {"id": "msg_a_2"},
        {"id": "ig_a_3", "type": "image_generation_call", "status": "completed", "result": PNG},
        message(text("hey"), text("![image](https://x/a.png)")) | {"id": "msg_a_4"},
        {
            "id": "rs_a_5",
            "type": "reasoning",
            "summary": [],
            "encrypted_content": wrap(Signature("generate+", "g=="), "responses"),
        },
        {
            "id": "fc_a_6",
            "type": "function_call",
            "call_id": "c1",
            "name": "f",
            "arguments": "{}",
            "status": "completed",
        },
        {"id": "ctc_a_7", "type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free"},
    ]


def test_the_answer_tells_the_settings_of_its_turn() -> None:
    asked: Json = {
        "model": "alias",
        "instructions": "Be kind",
        "input": "hi",
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
            {"type": "web_search", "search_context_size": "low"},
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "high", "summary": "auto"},
        "text": {
            "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
            "verbosity": "low",
        },
        "temperature": 0.5,
        "top_p": 0.9,
        "top_logprobs": 2,
        "max_output_tokens": 99,
        "metadata": {"a": "b"},
        "safety_identifier": "u",
        "prompt_cache_key": "k",
    }
    response = write(Text("a"), turn=dialect.read_request(asked))
    told = {name: value for name, value in asked.items() if name not in ("model", "input")}
    assert response | told == response
    assert (
        response
        | {
            "object": "response",
            "created_at": 5,
            "model": "m",
            "background": False,
            "previous_response_id": None,
            "truncation": "disabled",
            "service_tier": "default",
        }
        == response
    )


def test_what_was_not_asked_is_told_as_its_default() -> None:
    response = write(turn=dialect.read_request({"model": "m", "input": "hi"}))
    assert response["instructions"] is None
    assert (response["temperature"], response["top_p"], response["tool_choice"]) == (1.0, 1.0, "auto")
    assert (response["tools"], response["metadata"], response["parallel_tool_calls"]) == ([], {}, True)
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "medium"}
    assert response["reasoning"] == {"effort": None, "summary": None}
    assert "usage" not in response


def test_counts_are_told_in_full() -> None:
    usage = Usage(input=9, output=7, cache_read=4, cache_write_1h=2, reasoning=3)
    reply = Reply("msg_1", "m", [Choice([Text("a")])], usage, service_tier="standard")
    response = valid(dialect.write_reply(reply, Turn()))
    assert response["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 16,
    }
    assert response["service_tier"] == "default"


def test_ids_of_any_vendor_become_ids_of_responses() -> None:
    def ids(reply_id: str) -> tuple[str, str]:
        response = dialect.write_reply(Reply(reply_id, "m", [Choice([Text("a")])]), Turn())
        return response["id"], response["output"][0]["id"]

    assert ids("resp_a") == ("resp_a", "msg_a_0")
    assert ids("chatcmpl-a b") == ("resp_chatcmpl_a_b", "msg_chatcmpl_a_b_0")
    first, second = ids(""), ids("")
    assert first[0].startswith("resp_")
    assert first != second


def test_only_the_first_choice_is_told_and_none_is_an_empty_answer() -> None:
    reply = Reply("a", "m", [Choice([Text("one")]), Choice([Text("two")])])
    output = dialect.write_reply(reply, Turn())["output"]
    assert [item["content"][0]["text"] for item in output] == ["one"]
    assert dialect.write_reply(Reply("a", "m", []), Turn())["output"] == []
