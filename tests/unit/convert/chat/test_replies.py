"""Whole chat answers, read and written: golden pairs, and the words for why they ended."""

import copy
from typing import Any

import pytest
from tests import openapi_schema

from pronghorn.convert.chat import dialect
from pronghorn.convert.opaque import wrap
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Finish,
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


def read(message: dict[str, Any], finish: Any = "stop", **others: Any) -> Choice:
    return dialect.read_reply({"choices": [{"message": message, "finish_reason": finish} | others]}).choices[
        0
    ]


def write(*parts: Part, finish: Finish = "stop") -> dict[str, Any]:
    body = dialect.write_reply(Reply("msg_1", "m", [Choice(list(parts), finish)], created_s=5), Turn())
    judged = copy.deepcopy(body)
    for name in ("reasoning_details", "extra_content", "images"):
        judged["choices"][0]["message"].pop(name, None)
    for call in judged["choices"][0]["message"].get("tool_calls", ()):
        call.pop("extra_content", None)
    openapi_schema.validate("CreateChatCompletionResponse", judged)
    choice: dict[str, Any] = body["choices"][0]
    return choice


def test_openais_answer_is_read_whole() -> None:
    reply = dialect.read_reply(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1780000000,
            "model": "m",
            "service_tier": "default",
            "system_fingerprint": "fp",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "logprobs": {
                        "content": [
                            {
                                "token": "4",
                                "logprob": -0.5,
                                "bytes": [52],
                                "top_logprobs": [{"token": "5", "logprob": -1, "bytes": None}],
                            }
                        ],
                        "refusal": None,
                    },
                    "message": {"role": "assistant", "content": "4", "refusal": None, "annotations": []},
                },
                {"index": 1, "finish_reason": "length", "message": {"content": "fo"}, "oddity": 1},
            ],
            "usage": {
                "prompt_tokens": 21,
                "completion_tokens": "90",
                "total_tokens": 111,
                "prompt_tokens_details": {"cached_tokens": 5},
                "completion_tokens_details": {"reasoning_tokens": 64},
            },
            "provider": "X",
        }
    )
    assert reply == Reply(
        "chatcmpl-1",
        "m",
        [
            Choice([Text("4")], "stop", logprobs=[Logprob("4", -0.5, [52], [Logprob("5", -1)])]),
            Choice([Text("fo")], "length"),
        ],
        Usage(input=21, output=90, cache_read=5, reasoning=64),
        1780000000,
        "default",
        ["$.provider", "$.choices[1].oddity"],
    )


MESSAGES: list[tuple[dict[str, Any], list[Part]]] = [
    ({"content": None}, []),
    ({"content": [{"type": "text", "text": "a"}]}, [Text("a")]),
    (
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": "a"},
            ]
        },
        [Thinking("hm"), Text("a")],
    ),
    ({"content": "a", "reasoning_content": "hm"}, [Thinking("hm"), Text("a")]),
    ({"content": "a", "reasoning": "hm", "reasoning_content": None}, [Thinking("hm"), Text("a")]),
    (
        {
            "content": "a",
            "reasoning": "hm",
            "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0}],
        },
        [Thinking("hm", Signature("chat", "s")), Text("a")],
    ),
    ({"content": "", "refusal": "No."}, [Refusal("No.")]),
    (
        {
            "content": "a",
            "images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}],
        },
        [Text("a"), Media("image", "image/png", PNG)],
    ),
    (
        {
            "content": None,
            "audio": {"id": "audio_1", "data": "UklGRg==", "transcript": "Hi", "expires_at": 1},
        },
        [Media("audio", "audio/wav", "UklGRg==", transcript="Hi")],
    ),
    (
        {
            "content": "abc",
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"url": "https://x", "title": "X", "start_index": 1, "end_index": 2},
                },
                {"type": "file_citation"},
            ],
        },
        [Text("abc", [Citation("https://x", "X", "", 1, 2)])],
    ),
    (
        {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]},
        [ToolCall("c", "f", '{"a":1}')],
    ),
    (
        {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
        [ToolCall("c", "f", "x", True)],
    ),
    (
        {
            "tool_calls": [
                {
                    "id": "c",
                    "function": {"name": "f", "arguments": None},
                    "extra_content": {"google": {"thought_signature": "g"}},
                }
            ]
        },
        [ToolCall("c", "f", "", signature=Signature("chat", "g"))],
    ),
]


@pytest.mark.parametrize(("message", "parts"), MESSAGES, ids=[str(row[0])[:70] for row in MESSAGES])
def test_every_form_of_a_message_is_read(message: dict[str, Any], parts: list[Part]) -> None:
    assert read(message).parts == parts


def test_calls_without_ids_are_given_some() -> None:
    first, second = read({"tool_calls": [{"function": {"name": "f"}}, {"function": {"name": "g"}}]}).parts
    legacy = read({"function_call": {"name": "h", "arguments": "{}"}}, "function_call")
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id.startswith("call_")
    assert first.id != second.id
    assert [part.name for part in legacy.parts if isinstance(part, ToolCall)] == ["h"]
    assert legacy.finish == "tool_calls"


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("MAX_TOKENS", "length"),
        ("error", "error"),
        ("insufficient_system_resource", "error"),
        ("network_error", "error"),
        ("eos", "stop"),
        (None, "stop"),
        ("tool_calls", "stop"),
    ],
)
def test_finish_words_without_a_call(word: Any, finish: Finish) -> None:
    assert read({"content": "a"}, word).finish == finish


def test_a_call_is_the_reason_whatever_the_vendor_says() -> None:
    message = {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    assert read(message, "stop").finish == "tool_calls"
    assert read(message, "length").finish == "length"  # the call is not whole


def test_a_refusal_in_words_is_a_refusal() -> None:
    assert read({"content": None, "refusal": "No."}).finish == "refusal"


def test_addresses_beside_the_choices_are_citations() -> None:
    reply = dialect.read_reply({"choices": [{"message": {"content": "a"}}], "citations": ["https://x"]})
    assert reply.choices[0].parts == [Text("a", [Citation("https://x")])]


def test_a_detail_that_makes_no_sense_takes_no_total_with_it() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2.0, "prompt_tokens_details": []}
    assert dialect.read_reply({"choices": [], "usage": usage}).usage == Usage(input=3, output=2)


@pytest.mark.parametrize(
    "body", [{}, {"choices": "x"}, {"choices": [1]}, {"choices": [{}], "usage": {"total_tokens": "x"}}]
)
def test_nonsense_is_read_as_nothing(body: dict[str, Any]) -> None:
    reply = dialect.read_reply(body)
    assert [choice.parts for choice in reply.choices] in ([], [[]])
    assert reply.usage is None


def test_text_is_written_as_openai_would() -> None:
    assert write(Text("Four"), Text(".")) == {
        "index": 0,
        "message": {"role": "assistant", "content": "Four.", "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }


def test_calls_are_written_without_content() -> None:
    choice = write(
        ToolCall("a", "f", "", signature=GOOGLE), ToolCall("b", "g", "x", True), finish="tool_calls"
    )
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {
            "id": "a",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "g=="}},
        },
        {"id": "b", "type": "custom", "custom": {"name": "g", "input": "x"}},
    ]
    assert choice["finish_reason"] == "tool_calls"


def test_thinking_is_written_plain_and_with_what_proves_it() -> None:
    message = write(Thinking("hm", ANTHROPIC), Thinking("", ANTHROPIC, True), Text("a"))["message"]
    assert message["reasoning_content"] == "hm"
    assert message["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": "hm",
            "index": 0,
            "signature": wrap(ANTHROPIC, "chat"),
            "format": "anthropic-claude-v1",
        },
        {
            "type": "reasoning.encrypted",
            "data": wrap(ANTHROPIC, "chat"),
            "index": 1,
            "format": "anthropic-claude-v1",
        },
    ]
    assert "reasoning_details" not in write(Thinking("hm"), Text("a"))["message"]


def test_citations_are_counted_from_the_beginning_of_the_content() -> None:
    message = write(Text("ab"), Text("cd", [Citation("https://x", "X"), Citation("", quote="q")]))["message"]
    assert message["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"start_index": 2, "end_index": 4, "url": "https://x", "title": "X"},
        }
    ]


def test_pictures_and_sounds_are_written() -> None:
    message = write(Media("image", "image/png", PNG), Media("audio", "audio/wav", "UklG", transcript="Hi"))[
        "message"
    ]
    assert message["images"] == [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    assert message["audio"] == {"id": "audio_msg_1", "data": "UklG", "transcript": "Hi", "expires_at": 3605}


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("refusal", "content_filter"),
        ("pause", "stop"),
        ("truncated", "length"),
        ("error", "length"),
    ],
)
def test_finish_words_are_openais(finish: Finish, word: str) -> None:
    assert write(Text("a"), finish=finish)["finish_reason"] == word


def test_a_refusal_in_words_ends_as_usual() -> None:
    choice = write(Refusal("No."), finish="refusal")
    assert (choice["message"]["refusal"], choice["finish_reason"]) == ("No.", "stop")


def test_ids_and_usage_look_like_chats() -> None:
    body = dialect.write_reply(Reply("msg_1", "m", [], Usage(input=3, output=2, cache_read=1)), Turn())
    assert body["id"] == "chatcmpl-msg_1"
    assert body["usage"]["total_tokens"] == 5
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 1


def test_a_routers_entry_of_reasoning_comes_back_as_it_was() -> None:
    entry = {
        "type": "reasoning.text",
        "text": "hm",
        "signature": "s",
        "format": "anthropic-claude-v1",
        "index": 0,
    }
    secret = {
        "type": "reasoning.encrypted",
        "data": "d",
        "id": "rs_1",
        "format": "openai-responses-v1",
        "index": 1,
    }
    reply = dialect.read_reply(
        {"choices": [{"message": {"content": "a", "reasoning_details": [entry, secret]}}]}
    )
    again = dialect.write_reply(reply, Turn())["choices"][0]["message"]["reasoning_details"]
    assert again == [entry, secret]
