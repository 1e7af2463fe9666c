"""Reading chat requests: every form that clients send, and the path of what is not understood."""

from typing import Any

import pytest

from pronghorn.convert.chat import dialect
from pronghorn.convert.opaque import wrap
from pronghorn.convert.turn import (
    AudioOutput,
    Foreign,
    HostedTool,
    Media,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from pronghorn.errors import BadRequest

ASK = [{"role": "user", "content": "Hi"}]
PNG = "iVBORw0KGgo="
WEATHER = {"name": "weather", "description": "Now", "parameters": {"type": "object"}}


def read(**fields: Any) -> Turn:
    return dialect.read_request({"model": "m", "messages": ASK} | fields)


def read_message(message: dict[str, Any], *before: dict[str, Any]) -> Message:
    turn = dialect.read_request({"messages": [*before, message]})
    assert turn.unknown == []
    return turn.messages[-1]


FIELDS: list[tuple[dict[str, Any], str, Any]] = [
    ({"max_tokens": 9}, "max_output_tokens", 9),
    ({"max_completion_tokens": 8}, "max_output_tokens", 8),
    ({"temperature": 0.5}, "temperature", 0.5),
    ({"top_p": 1}, "top_p", 1),
    ({"top_k": 40}, "top_k", 40),
    ({"n": 3}, "choices", 3),
    ({"stop": "END"}, "stop", ["END"]),
    ({"stop": ["a", "b"]}, "stop", ["a", "b"]),
    ({"seed": 2**60 + 1}, "seed", 2**60 + 1),
    ({"presence_penalty": -1.5}, "presence_penalty", -1.5),
    ({"frequency_penalty": 1}, "frequency_penalty", 1),
    ({"logprobs": True}, "logprobs", True),
    ({"logprobs": True, "top_logprobs": 4}, "top_logprobs", 4),
    ({"top_logprobs": 4}, "logprobs", True),
    ({"user": "u1"}, "user", "u1"),
    ({"safety_identifier": "u2"}, "user", "u2"),
    ({"prompt_cache_key": "k"}, "cache_key", "k"),
    ({"metadata": {"a": "b"}}, "metadata", {"a": "b"}),
    ({"service_tier": "flex"}, "service_tier", "flex"),
    ({"verbosity": "low"}, "verbosity", "low"),
    ({"modalities": ["text", "audio"]}, "modalities", ["text", "audio"]),
    ({"audio": {"voice": "alloy", "format": "wav"}}, "audio", AudioOutput("alloy", "wav")),
    ({"parallel_tool_calls": False}, "parallel_tool_calls", False),
    ({"response_format": {"type": "text"}}, "output_format", OutputFormat("text")),
    ({"response_format": {"type": "json_object"}}, "output_format", OutputFormat("json_object")),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": {}, "strict": True},
            }
        },
        "output_format",
        OutputFormat("json_schema", "a", "", {}, True, "$.response_format.json_schema"),
    ),
    ({"reasoning_effort": "high"}, "reasoning", Reasoning("high")),
    ({"reasoning": {"effort": "low", "exclude": True}}, "reasoning", Reasoning("low", None, False)),
    ({"reasoning": {"max_tokens": 2000}}, "reasoning", Reasoning(None, 2000)),
    ({"reasoning": {"enabled": True}}, "reasoning", Reasoning(None, -1)),
    ({"reasoning": {"enabled": False}}, "reasoning", Reasoning("none")),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "reasoning", Reasoning(None, 1024)),
    ({"thinking": {"type": "enabled"}}, "reasoning", Reasoning(None, -1)),
    ({"thinking": {"type": "disabled"}}, "reasoning", Reasoning("none")),
    ({"thinking": {"type": "enabled"}, "reasoning_effort": "low"}, "reasoning", Reasoning("low")),
    ({"enable_thinking": True, "thinking_budget": 77}, "reasoning", Reasoning(None, 77)),
    ({"enable_thinking": False}, "reasoning", Reasoning("none")),
    ({"include_reasoning": True}, "reasoning", Reasoning(is_shown=True)),
    ({"tool_choice": "auto"}, "tool_choice", ToolChoice("auto")),
    ({"tool_choice": "none"}, "tool_choice", ToolChoice("none")),
    ({"tool_choice": "required"}, "tool_choice", ToolChoice("required")),
    (
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        "tool_choice",
        ToolChoice("required", ["f"]),
    ),
    (
        {"tool_choice": {"type": "custom", "custom": {"name": "c"}}},
        "tool_choice",
        ToolChoice("required", ["c"]),
    ),
    (
        {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "custom", "name": "c"},
                    ],
                },
            }
        },
        "tool_choice",
        ToolChoice("auto", ["f", "c"]),
    ),
    ({"function_call": {"name": "f"}}, "tool_choice", ToolChoice("required", ["f"])),
]


@pytest.mark.parametrize(("given", "field", "value"), FIELDS, ids=[str(row[0])[:60] for row in FIELDS])
def test_every_field_that_a_turn_can_hold_is_read_with_its_path(
    given: dict[str, Any], field: str, value: Any
) -> None:
    turn = read(**given)
    assert getattr(turn, field) == value
    assert turn.at[field].removeprefix("$.") in given
    assert turn.unknown == []


def test_the_newer_limit_goes_before_the_older() -> None:
    turn = read(max_tokens=5, max_completion_tokens=7)
    assert (turn.max_output_tokens, turn.at["max_output_tokens"]) == (7, "$.max_completion_tokens")


def test_what_is_not_understood_is_named_at_any_depth() -> None:
    turn = dialect.read_request(
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a", "tone": 1}], "mood": "sad"},
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "http://x", "crop": 1}}],
                },
            ],
            "logit_bias": {"1": 2},
            "store": True,
            "service_tier": "scale",
            "reasoning_effort": "extreme",
            "stream_options": {"include_usage": True, "odd": 1},
            "tools": [{"type": "function", "function": {"name": "f", "extra": 1}}],
            "prediction": None,
        }
    )
    assert sorted(turn.unknown) == sorted(
        [
            "$.messages[0].mood",
            "$.messages[0].content[0].tone",
            "$.messages[1].content[0].image_url.crop",
            "$.logit_bias",
            "$.store",
            "$.service_tier",
            "$.reasoning_effort",
            "$.stream_options.odd",
            "$.tools[0].function.extra",
        ]
    )


def test_two_names_of_the_end_user_that_differ_are_not_both_held() -> None:
    turn = read(user="a", safety_identifier="b")
    assert (turn.user, turn.unknown) == ("a", ["$.safety_identifier"])


@pytest.mark.parametrize(
    ("given", "wants"),
    [({}, False), ({"stream_options": {"include_usage": True}}, True), ({"stream_options": {}}, False)],
)
def test_usage_in_a_stream_is_wanted_only_when_asked_for(given: dict[str, Any], wants: bool) -> None:
    turn = read(stream=True, **given)
    assert (turn.is_stream, turn.wants_usage) == (True, wants)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
            "messages[0].content[0].file",
        ),
        ({"messages": [*ASK, 7]}, "messages[1]"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"max_tokens": 1.5}, "max_tokens"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(given: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**given)
    assert caught.value.param == param


PARTS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "text", "text": "a"}, Text("a")),
    ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a", cache="5m")),
    (
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        Text("a", cache="1h"),
    ),
    (
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
        Media("image", "image/png", PNG, detail="low"),
    ),
    ({"type": "image_url", "image_url": "https://x/y.png"}, Media("image", url="https://x/y.png")),
    (
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "auto"}},
        Media("image", url="https://x/y.png"),
    ),
    ({"type": "image_url", "image_url": f"data:;base64,{PNG}"}, Media("image", "image/png", PNG)),
    (
        {"type": "image_url", "image_url": "data:image/png;base64,-_-_aa"},
        Media("image", "image/png", "+/+/aa=="),
    ),
    ({"type": "image_url", "image_url": "data:image/gif,%47IF"}, Media("image", "image/gif", "R0lG")),
    (
        {"type": "input_audio", "input_audio": {"data": "UklGRg", "format": "wav"}},
        Media("audio", "audio/wav", "UklGRg=="),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
        Media("audio", "audio/mp3", "SUQz"),
    ),
    ({"type": "file", "file": {"file_id": "file-1"}}, Media("document", file_id="file-1")),
    (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        Media("document", "application/pdf", "JVBE", name="a.pdf"),
    ),
    ({"type": "file", "file": {"file_data": "JVBERi0x"}}, Media("document", "application/pdf", "JVBERi0x")),
    ({"type": "video_url", "video_url": {"url": "https://x/v.mp4"}}, Media("video", url="https://x/v.mp4")),
    ({"type": "video_url", "video_url": "data:video/mp4;base64,AAAA"}, Media("video", "video/mp4", "AAAA")),
    ({"type": "hologram", "data": 1}, Foreign("chat", {"type": "hologram", "data": 1})),
]


@pytest.mark.parametrize(("part", "expected"), PARTS, ids=[str(row[0])[:70] for row in PARTS])
def test_every_content_part_is_read_with_its_path(part: dict[str, Any], expected: Any) -> None:
    message = read_message({"role": "user", "content": [{"type": "text", "text": ""}, part]})
    expected.at = "$.messages[0].content[1]"
    assert message.parts == [expected]


def test_roles_names_and_plain_contents_are_read() -> None:
    turn = dialect.read_request(
        {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "developer", "content": [{"type": "text", "text": "Be short."}]},
                {"role": "user", "content": "Hi", "name": "ann"},
                {"role": "assistant", "content": "", "refusal": None, "tool_calls": None},
                {"role": "user", "content": "Long", "cache_control": {"type": "ephemeral"}},
            ]
        }
    )
    assert turn.messages == [
        Message("system", [Text("Be kind.", at="$.messages[0].content")], at="$.messages[0]"),
        Message("developer", [Text("Be short.", at="$.messages[1].content[0]")], at="$.messages[1]"),
        Message("user", [Text("Hi", at="$.messages[2].content")], "ann", "$.messages[2]"),
        Message("assistant", [], at="$.messages[3]"),
        Message("user", [Text("Long", cache="5m", at="$.messages[4].content")], at="$.messages[4]"),
    ]


CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"n":12345678901234567890}'},
        },
        {"id": "call_2", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
        {
            "id": "call_3",
            "type": "function",
            "function": {"name": "time", "arguments": {"zone": "UTC"}},
            "extra_content": {"google": {"thought_signature": "sig=="}},
        },
    ],
}


def test_calls_and_their_results_are_read() -> None:
    calling = read_message(CALLING)
    assert calling.parts == [
        ToolCall("call_1", "weather", '{"n":12345678901234567890}', at="$.messages[0].tool_calls[0]"),
        ToolCall("call_2", "shell", "ls", True, at="$.messages[0].tool_calls[1]"),
        ToolCall(
            "call_3",
            "time",
            '{"zone":"UTC"}',
            signature=Signature("generate", "sig=="),
            at="$.messages[0].tool_calls[2]",
        ),
    ]
    answered = read_message({"role": "tool", "tool_call_id": "call_2", "content": "a.txt"}, CALLING)
    assert answered.parts == [
        ToolResult("call_2", [Text("a.txt", at="$.messages[1].content")], is_custom=True, at="$.messages[1]")
    ]


def test_old_functions_become_tools_calls_and_results() -> None:
    turn = dialect.read_request(
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "weather", "arguments": "{}"},
                },
                {"role": "function", "name": "weather", "content": "sunny"},
            ],
            "functions": [WEATHER],
            "function_call": "auto",
        }
    )
    call, result = turn.messages[0].parts[0], turn.messages[1].parts[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert turn.messages[1].role == "tool"
    assert (call.name, call.id, result.name) == ("weather", result.call_id, "weather")
    assert turn.tools == [Tool("weather", "Now", {"type": "object"}, at="$.functions[0]")]
    assert turn.tool_choice == ToolChoice("auto")
    assert turn.unknown == []


def test_results_without_an_id_belong_to_the_next_open_call() -> None:
    first = {"role": "tool", "content": "1"}
    turn = dialect.read_request(
        {"messages": [CALLING, first, {"role": "tool", "name": "time", "content": "3"}]}
    )
    results = [message.parts[0] for message in turn.messages[1:]]
    assert [part.call_id for part in results if isinstance(part, ToolResult)] == ["call_1", "call_3"]


def test_tools_of_every_shape_are_read() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}
    turn = read(
        tools=[
            {
                "type": "function",
                "function": WEATHER | {"strict": True},
                "cache_control": {"type": "ephemeral"},
            },
            {"type": "custom", "custom": {"name": "shell", "description": "Run", "format": grammar}},
            {"type": "function", "name": "flat", "parameters": None},
            {"type": "web_search_preview", "search_context_size": "low"},
            {"type": "code_interpreter"},
        ],
        web_search_options={"search_context_size": "high"},
    )
    assert turn.tools == [
        Tool("weather", "Now", {"type": "object"}, True, cache="5m", at="$.tools[0]"),
        Tool("shell", "Run", is_custom=True, format=grammar, at="$.tools[1]"),
        Tool("flat", at="$.tools[2]"),
        HostedTool(
            "web_search", "chat", {"type": "web_search_preview", "search_context_size": "low"}, "$.tools[3]"
        ),
        HostedTool("other", "chat", {"type": "code_interpreter"}, "$.tools[4]"),
        HostedTool("web_search", "chat", {"search_context_size": "high"}, "$.web_search_options"),
    ]
    assert turn.unknown == []


def test_reasoning_that_a_client_gives_back_is_read_with_its_signature() -> None:
    foreign = Signature("messages", "EqQB")
    message = read_message(
        {
            "role": "assistant",
            "content": "So",
            "reasoning_content": "Hmm. Well.",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "Hmm. ", "signature": wrap(foreign, "chat"), "index": 0},
                {"type": "reasoning.text", "text": "Well.", "index": 1},
                {"type": "reasoning.encrypted", "data": wrap(foreign, "chat"), "index": 2},
                {"type": "reasoning.text", "text": "", "index": 3},
            ],
        }
    )
    assert message.parts[:3] == [
        Thinking("Hmm. ", foreign, at="$.messages[0].reasoning_details"),
        Thinking("Well.", at="$.messages[0].reasoning_content"),
        Thinking("", foreign, True, at="$.messages[0].reasoning_details"),
    ]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_plain_reasoning_has_two_names(name: str) -> None:
    message = read_message({"role": "assistant", "content": "So", name: "Hmm"})
    assert message.parts[0] == Thinking("Hmm", at="$.messages[0].reasoning_content")


def test_what_an_answer_had_beside_its_text_is_taken_back() -> None:
    message = read_message(
        {
            "role": "assistant",
            "content": "Done",
            "refusal": "No more.",
            "annotations": [{"type": "url_citation", "url_citation": {"url": "https://x", "title": "X"}}],
            "images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}],
            "audio": {"id": "audio_1"},
        }
    )
    text, refusal, image, sound = message.parts
    assert isinstance(text, Text)
    assert [citation.url for citation in text.citations] == ["https://x"]
    assert refusal == Refusal("No more.", "$.messages[0].refusal")
    assert image == Media("image", "image/png", PNG, at="$.messages[0].images[0]")
    assert sound == Media("audio", file_id="audio_1", at="$.messages[0].audio")
