"""An Anthropic request as a canonical turn: every block and field is understood, or named as unknown."""

import base64
from typing import Any

import msgspec
import pytest

from pronghorn.convert import opaque
from pronghorn.convert.messages import dialect
from pronghorn.convert.turn import (
    Foreign,
    HostedTool,
    Media,
    Message,
    OutputFormat,
    Reasoning,
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

Json = dict[str, Any]
HELLO = [{"role": "user", "content": "Hello"}]


def read(**fields: Any) -> Turn:
    return dialect.read_request({"model": "m", "messages": HELLO} | fields)


def parts_of(content: Any, role: str = "user") -> Any:
    return read(messages=[{"role": role, "content": content}]).messages[0].parts


def test_the_smallest_request() -> None:
    assert read(max_tokens=9) == Turn(
        model="m",
        messages=[
            Message("user", [Text("Hello", at="$.messages[0].content")], at="$.messages[0]"),
        ],
        max_output_tokens=9,
        at={"max_output_tokens": "$.max_tokens"},
    )


FIELDS: list[tuple[Json, Json, Json]] = [
    ({"temperature": 0.5}, {"temperature": 0.5}, {"temperature": "$.temperature"}),
    ({"top_p": 1}, {"top_p": 1}, {"top_p": "$.top_p"}),
    ({"top_k": 40}, {"top_k": 40}, {"top_k": "$.top_k"}),
    ({"stop_sequences": ["a"]}, {"stop": ["a"]}, {"stop": "$.stop_sequences"}),
    ({"stream": True}, {"is_stream": True}, {}),
    ({"metadata": {"user_id": "u"}}, {"user": "u"}, {"user": "$.metadata.user_id"}),
    ({"service_tier": "auto"}, {"service_tier": "auto"}, {"service_tier": "$.service_tier"}),
    ({"service_tier": "standard_only"}, {"service_tier": "default"}, {"service_tier": "$.service_tier"}),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        {"output_format": OutputFormat("json_schema", schema={"type": "object"})},
        {"output_format": "$.output_config.format"},
    ),
    (
        {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
        {"output_format": OutputFormat("json_schema", schema={"type": "object"})},
        {"output_format": "$.output_format"},
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"reasoning": Reasoning(budget=2000, is_shown=True)},
        {"reasoning": "$.thinking"},
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}},
        {"reasoning": Reasoning(budget=2000, is_shown=False)},
        {"reasoning": "$.thinking"},
    ),
    (
        {"thinking": {"type": "adaptive"}},
        {"reasoning": Reasoning(budget=-1, is_shown=True)},
        {"reasoning": "$.thinking"},
    ),
    (
        {"thinking": {"type": "between_tools"}},
        {"reasoning": Reasoning(budget=-1, is_shown=True)},
        {"reasoning": "$.thinking"},
    ),
    (
        {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "xhigh"}},
        {"reasoning": Reasoning(effort="xhigh", is_shown=True)},
        {"reasoning": "$.thinking"},
    ),
    (
        {"output_config": {"effort": "low"}},
        {"reasoning": Reasoning(effort="low")},
        {"reasoning": "$.output_config.effort"},
    ),
    (
        {"thinking": {"type": "disabled"}},
        {"reasoning": Reasoning(effort="none")},
        {"reasoning": "$.thinking"},
    ),
    (
        {"tool_choice": {"type": "any"}},
        {"tool_choice": ToolChoice("required")},
        {"tool_choice": "$.tool_choice"},
    ),
    (
        {"tool_choice": {"type": "none"}},
        {"tool_choice": ToolChoice("none")},
        {"tool_choice": "$.tool_choice"},
    ),
    (
        {"tool_choice": {"type": "tool", "name": "f"}},
        {"tool_choice": ToolChoice("required", ["f"])},
        {"tool_choice": "$.tool_choice"},
    ),
    (
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        {"tool_choice": ToolChoice("auto"), "parallel_tool_calls": False},
        {
            "tool_choice": "$.tool_choice",
            "parallel_tool_calls": "$.tool_choice.disable_parallel_tool_use",
        },
    ),
]


@pytest.mark.parametrize(("given", "wanted", "at"), FIELDS)
def test_a_field_is_read_with_its_place(given: Json, wanted: Json, at: Json) -> None:
    plain = read()
    assert read(**given) == msgspec.structs.replace(plain, at=at, **wanted)


def test_what_claude_code_sends_is_no_error_and_named() -> None:
    turn = read(
        system=[
            {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
            {
                "type": "text",
                "text": "Rules",
                "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"},
            },
        ],
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        metadata={"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
        output_config={"effort": "high", "task_budget": {"type": "tokens"}},
        thinking={"type": "adaptive", "display": "omitted"},
        diagnostics={"previous_message_id": None},
        container=None,
        tools=[{"name": "Read", "input_schema": {"type": "object"}, "eager_input_streaming": True}],
    )
    assert turn.messages[0] == Message(
        "system",
        [
            Text("You are Claude Code.", cache="5m", at="$.system[0]"),
            Text("Rules", cache="1h", at="$.system[1]"),
        ],
        at="$.system",
    )
    assert turn.user is None
    assert sorted(turn.unknown) == [
        "$.context_management",
        "$.diagnostics",
        "$.metadata.user_id",
        "$.output_config.task_budget",
        "$.system[1].cache_control.scope",
        "$.tools[0].eager_input_streaming",
    ]


def test_an_old_claude_code_user_stays_with_anthropic() -> None:
    assert read(metadata={"user_id": "user_ab12_account__session_cd"}).unknown == ["$.metadata.user_id"]


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        ({"type": "text", "text": "a"}, Text("a")),
        ("a", Text("a")),
        (
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "-_8"},
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
            Media("image", "image/png", "+/8=", cache="1h"),
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aa\nbb"}},
            Media("image", "image/png", "aabb"),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
            Media("image", url="https://a/b.png"),
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            Media("image", file_id="file_1"),
        ),
        (
            {
                "type": "document",
                "title": "T",
                "citations": {"enabled": True},
                "source": {"type": "base64", "media_type": "application/pdf", "data": "aaaa"},
            },
            Media("document", "application/pdf", "aaaa", name="T", wants_citations=True),
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
            Media("document", "text/plain", base64.b64encode("é".encode()).decode()),
        ),
        (
            {
                "type": "document",
                "source": {
                    "type": "content",
                    "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                },
            },
            Media("document", "text/plain", base64.b64encode(b"a\nb").decode()),
        ),
        (
            {
                "type": "search_result",
                "title": "T",
                "source": "https://s",
                "content": [{"type": "text", "text": "body"}],
            },
            Text("T\nhttps://s\n\nbody"),
        ),
    ],
)
def test_a_users_block(block: Any, wanted: Any) -> None:
    wanted.at = "$.messages[0].content[0]"
    assert parts_of([block]) == [wanted]


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        ({"type": "thinking", "thinking": "t", "signature": "s"}, Thinking("t", Signature("messages", "s"))),
        ({"type": "thinking", "thinking": "t", "signature": ""}, Thinking("t")),
        (
            {"type": "redacted_thinking", "data": "d"},
            Thinking(signature=Signature("messages", "d"), is_redacted=True),
        ),
        (
            {"type": "redacted_thinking", "data": opaque.wrap(Signature("responses", "e"), "messages")},
            Thinking(signature=Signature("responses", "e"), is_redacted=True),
        ),
        (
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"n": 12345678901234567890}},
            ToolCall("toolu_1", "f", '{"n":12345678901234567890}'),
        ),
        (
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}, "caller": {"type": "direct"}},
            ToolCall("toolu_1", "f", "{}"),
        ),
        (
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": '{"a": 1}'},
            ToolCall("toolu_1", "f", '{"a": 1}'),
        ),
        (
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            Foreign(
                "messages",
                {
                    "type": "server_tool_use",
                    "id": "srvtoolu_1",
                    "name": "web_search",
                    "input": {"query": "q"},
                },
            ),
        ),
        ({"type": "of_tomorrow", "x": 1}, Foreign("messages", {"type": "of_tomorrow", "x": 1})),
    ],
)
def test_an_assistants_block(block: Any, wanted: Any) -> None:
    wanted.at = "$.messages[0].content[0]"
    assert parts_of([block], "assistant") == [wanted]


def test_results_stand_before_what_the_user_says() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aaaa"}}
    turn = read(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "and"},
                    {"type": "tool_result", "tool_use_id": "a", "content": "1", "is_error": True},
                    {
                        "type": "tool_result",
                        "tool_use_id": "b",
                        "content": [image, {"type": "tool_reference", "tool_name": "t"}],
                    },
                    {"type": "tool_result", "tool_use_id": "c"},
                ],
            }
        ]
    )
    at = "$.messages[0].content"
    assert turn.messages == [
        Message(
            "tool",
            [
                ToolResult("a", [Text("1", at=f"{at}[1].content")], is_error=True, at=f"{at}[1]"),
                ToolResult(
                    "b", [Media("image", "image/png", "aaaa", at=f"{at}[2].content[0]")], at=f"{at}[2]"
                ),
                ToolResult("c", at=f"{at}[3]"),
            ],
            at="$.messages[0]",
        ),
        Message("user", [Text("and", at=f"{at}[0]")], at="$.messages[0]"),
    ]
    assert turn.unknown == [f"{at}[2].content[1]"]


def test_the_system_in_the_middle_keeps_its_place() -> None:
    inside = {"type": "mid_conv_system", "content": [{"type": "text", "text": "s2"}]}
    turn = read(
        system="s0",
        messages=[
            {"role": "user", "content": "a"},
            {"role": "system", "content": "s1"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "b"}, inside, {"type": "text", "text": "c"}],
            },
        ],
    )
    said = [
        (message.role, [getattr(part, "text", None) for part in message.parts]) for message in turn.messages
    ]
    assert said == [
        ("system", ["s0"]),
        ("user", ["a"]),
        ("system", ["s1"]),
        ("user", ["b"]),
        ("system", ["s2"]),
        ("user", ["c"]),
    ]


def test_tools_of_the_caller_and_of_the_vendor() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    bash = {"type": "bash_20250124", "name": "bash"}
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    custom = {
        "type": "custom",
        "name": "f",
        "description": "d",
        "input_schema": schema,
        "strict": True,
        "cache_control": {"type": "ephemeral"},
        "input_examples": [{"a": "b"}],
    }
    turn = read(tools=[custom, search, bash])
    assert turn.tools == [
        Tool("f", "d", schema, True, cache="5m", at="$.tools[0]"),
        HostedTool("web_search", "messages", search, "$.tools[1]"),
        HostedTool("other", "messages", bash, "$.tools[2]"),
    ]
    assert turn.unknown == ["$.tools[0].input_examples"]


def test_a_foreign_signature_goes_back_to_its_call_and_its_text() -> None:
    def carrier(data: str) -> Json:
        return {
            "type": "thinking",
            "thinking": "",
            "signature": opaque.wrap(Signature("generate", data), "messages"),
        }

    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    text = {"type": "text", "text": "t"}
    parts = parts_of([text, carrier("1"), call, call, carrier("2"), text, text, carrier("3")], "assistant")
    signatures = [part.signature and part.signature.data for part in parts]
    assert [type(part) for part in parts] == [Text, ToolCall, ToolCall, Text, Text]
    assert signatures == [None, "1", None, "2", "3"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [{"content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
            "messages[0].content[0].tool_use_id",
        ),
        ({"system": [{"type": "thinking", "thinking": "a"}]}, "system[0]"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        (
            {"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "2h"}}]},
            "system[0].cache_control.ttl",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(fields: Json, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(**fields)
    assert refused.value.param == param
