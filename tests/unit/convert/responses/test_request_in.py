"""Requests for Responses, read: each form that clients send, and the names of what has no place in a turn."""

from typing import Any

import msgspec
import pytest

from pronghorn.convert.opaque import wrap
from pronghorn.convert.responses import dialect
from pronghorn.convert.turn import (
    Citation,
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

PNG = "iVBORw0KGgo="
GOOGLE = Signature("generate", "g==")


def read(items: Any = "hi", **fields: Any) -> Turn:
    return dialect.read_request({"model": "m", "input": items} | fields)


def messages(*items: Any) -> list[Message]:
    """Without the paths, which have tests of their own."""
    found = read(list(items)).messages
    plain = msgspec.to_builtins(found)
    return msgspec.convert(_without_paths(plain), list[Message])


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items() if key != "at"}
    return [_without_paths(inner) for inner in value] if isinstance(value, list) else value


def test_a_string_is_what_the_user_says_and_instructions_come_first() -> None:
    turn = read("hi", instructions="Be kind")
    assert turn.messages == [
        Message("system", [Text("Be kind", at="$.instructions")], at="$.instructions"),
        Message("user", [Text("hi", at="$.input")], at="$.input"),
    ]
    assert turn.unknown == []


def test_codex_asks_and_nothing_is_lost() -> None:
    turn = dialect.read_request(
        {
            "model": "gpt-5-codex",
            "instructions": "You are Codex.",
            "input": [
                {
                    "type": "message",
                    "role": "developer",
                    "content": [{"type": "input_text", "text": "rules"}],
                },
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "ls"}]},
                {
                    "type": "reasoning",
                    "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
                    "content": None,
                    "encrypted_content": wrap(Signature("messages", "EqQB"), "responses"),
                },
                {"type": "function_call", "name": "shell", "arguments": '{"c":1}', "call_id": "c1"},
                {
                    "type": "custom_tool_call",
                    "status": "completed",
                    "call_id": "c2",
                    "name": "apply_patch",
                    "input": "*** Begin",
                },
                {"type": "function_call_output", "call_id": "c1", "output": "files"},
                {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
            ],
            "tools": [
                {
                    "type": "function",
                    "name": "shell",
                    "description": "Runs",
                    "strict": False,
                    "parameters": {},
                },
                {
                    "type": "custom",
                    "name": "apply_patch",
                    "description": "Patches",
                    "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
                },
                {"type": "web_search", "external_web_access": False},
            ],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "reasoning": {"effort": "high", "summary": "auto"},
            "store": False,
            "stream": True,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "k",
            "text": {"verbosity": "low"},
        }
    )
    assert turn.unknown == []
    assert [message.role for message in turn.messages] == [
        "system",
        "developer",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    said, results = turn.messages[3], turn.messages[4]
    assert said.at == "$.input[2]"
    assert said.parts == [
        Thinking("a\n\nb", Signature("messages", "EqQB"), at="$.input[2]"),
        ToolCall("c1", "shell", '{"c":1}', at="$.input[3]"),
        ToolCall("c2", "apply_patch", "*** Begin", is_custom=True, at="$.input[4]"),
    ]
    assert results.parts == [
        ToolResult("c1", [Text("files", at="$.input[5].output")], at="$.input[5]"),
        ToolResult("c2", [Text("done", at="$.input[6].output")], is_custom=True, at="$.input[6]"),
    ]
    assert turn.tools == [
        Tool("shell", "Runs", {}, False, at="$.tools[0]"),
        Tool(
            "apply_patch",
            "Patches",
            is_custom=True,
            format={"type": "grammar", "syntax": "lark", "definition": "start: x"},
            at="$.tools[1]",
        ),
        HostedTool(
            "web_search", "responses", {"type": "web_search", "external_web_access": False}, "$.tools[2]"
        ),
    ]
    assert turn.is_stream
    assert turn.tool_choice == ToolChoice("auto")
    assert turn.reasoning == Reasoning("high", is_shown=True)
    assert (turn.cache_key, turn.verbosity, turn.parallel_tool_calls) == ("k", "low", True)
    assert turn.at["verbosity"] == "$.text.verbosity"
    assert turn.at["cache_key"] == "$.prompt_cache_key"


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ({"type": "input_text", "text": "a"}, Text("a")),
        (
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "high"},
            Media("image", "image/png", PNG, detail="high"),
        ),
        (
            {"type": "input_image", "image_url": "https://x/a.png", "detail": "auto"},
            Media("image", url="https://x/a.png"),
        ),
        ({"type": "input_image", "image_url": {"url": "https://x/a"}}, Media("image", url="https://x/a")),
        ({"type": "input_image", "file_id": "file-1", "image_url": None}, Media("image", file_id="file-1")),
        (
            {"type": "input_image", "image_url": "data:image/jpg;base64,/9j_"},
            Media("image", "image/jpeg", "/9j/"),
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"},
            Media("document", "application/pdf", "JVBERi0x", name="a.pdf"),
        ),
        (
            {"type": "input_file", "filename": "a.csv", "file_data": "YSxi"},
            Media("document", "text/csv", "YSxi", name="a.csv"),
        ),
        ({"type": "input_file", "file_data": PNG}, Media("image", "image/png", PNG)),
        ({"type": "input_file", "file_url": "https://x/a.pdf"}, Media("document", url="https://x/a.pdf")),
        ({"type": "input_file", "file_id": "file-2"}, Media("document", file_id="file-2")),
        (
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            Media("audio", "audio/wav", "UklGRg=="),
        ),
    ],
)
def test_each_part_of_what_a_user_says_is_read(part: dict[str, Any], wanted: Any) -> None:
    assert messages({"role": "user", "content": [part]}) == [Message("user", [wanted])]


def test_what_the_assistant_said_keeps_its_citations_and_refusals() -> None:
    annotation = {"type": "url_citation", "url": "https://x", "title": "T", "start_index": 0, "end_index": 2}
    of_file = {"type": "file_citation", "file_id": "f", "filename": "a.txt", "index": 1}
    content = [
        {"type": "output_text", "text": "ab", "annotations": [annotation, of_file], "logprobs": []},
        {"type": "refusal", "refusal": "no"},
    ]
    assert messages({"role": "assistant", "id": "msg_1", "status": "completed", "content": content}) == [
        Message(
            "assistant",
            [
                Text(
                    "ab",
                    [
                        Citation("https://x", "T", start=0, end=2),
                        Citation(title="a.txt", origin="responses", raw=of_file),
                    ],
                ),
                Refusal("no"),
            ],
        )
    ]


def test_results_may_be_pictures() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    output = [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "https://x/a"}]
    found = messages(call, {"type": "function_call_output", "call_id": "c", "output": output})
    assert found[1] == Message("tool", [ToolResult("c", [Text("see"), Media("image", url="https://x/a")])])


def test_own_reasoning_keeps_the_id_of_its_item_with_its_proof() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    assert messages(item)[0].parts == [
        Thinking("", Signature("responses", "rs_1\ngAAA"), is_redacted=True, id="rs_1")
    ]


def test_a_signature_in_an_item_of_its_own_goes_to_the_call_after_it() -> None:
    proof = {"type": "reasoning", "summary": [], "encrypted_content": wrap(GOOGLE, "responses")}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    text = {"role": "assistant", "content": "hm"}
    assert messages(proof, call)[0].parts == [ToolCall("c", "f", "{}", signature=GOOGLE)]
    assert messages(proof, text, call)[0].parts == [
        Text("hm", signature=GOOGLE),
        ToolCall("c", "f", "{}"),
    ]
    assert messages(call, proof)[0].parts == [
        ToolCall("c", "f", "{}"),
        Text("", signature=GOOGLE),
    ]


def test_a_signature_that_came_late_goes_to_the_text_before_it() -> None:
    late = wrap(Signature("generate-", "g=="), "responses")
    proof = {"type": "reasoning", "summary": [], "encrypted_content": late}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    assert messages({"role": "assistant", "content": "hm"}, proof, call)[0].parts == [
        Text("hm", signature=GOOGLE),
        ToolCall("c", "f", "{}"),
    ]


def test_empty_thinking_and_redacted_thinking_are_told_apart() -> None:
    proof = wrap(Signature("messages", "s"), "responses")
    empty = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": ""}],
        "encrypted_content": proof,
    }
    assert messages(empty)[0].parts == [Thinking("", Signature("messages", "s"))]
    assert messages(empty | {"summary": []})[0].parts == [
        Thinking("", Signature("messages", "s"), is_redacted=True)
    ]


def test_hosted_tools_at_work_are_foreign_and_references_unknown() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    output = {"type": "local_shell_call_output", "id": "x", "output": "{}"}
    picture = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PNG}
    turn = read([search, picture, output, {"type": "item_reference", "id": "msg_1"}, {"id": "rs_2"}])
    assert turn.messages == [
        Message(
            "assistant",
            [
                Foreign("responses", search, "$.input[0]"),
                Media("image", "image/png", PNG, at="$.input[1]"),
            ],
            at="$.input[0]",
        ),
        Message("user", [Foreign("responses", output, "$.input[2]")], at="$.input[2]"),
    ]
    assert turn.unknown == ["$.input[3]", "$.input[4]"]


def test_reasoning_of_which_only_its_maker_knows_is_named() -> None:
    turn = read([{"type": "reasoning", "id": "rs_1", "summary": []}, {"role": "user", "content": "hi"}])
    assert turn.unknown == ["$.input[0]"]
    assert [message.role for message in turn.messages] == ["user"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("required", ["f"])),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("required", ["f"])),
        ({"type": "custom", "name": "c"}, ToolChoice("required", ["c"])),
        (
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}],
            },
            ToolChoice("auto", ["f", "c"]),
        ),
    ],
)
def test_each_form_of_the_choice_of_tools_is_read(given: Any, wanted: ToolChoice) -> None:
    turn = read(tool_choice=given)
    assert (turn.tool_choice, turn.unknown) == (wanted, [])


def test_choices_of_hosted_tools_are_named() -> None:
    assert read(tool_choice={"type": "web_search_preview"}).unknown == ["$.tool_choice"]
    tools = [{"type": "mcp", "server_label": "s"}, {"type": "function", "name": "f"}]
    turn = read(tool_choice={"type": "allowed_tools", "mode": "required", "tools": tools})
    assert turn.unknown == ["$.tool_choice.tools[0]"]
    assert turn.tool_choice == ToolChoice("required", ["f"])


@pytest.mark.parametrize(
    ("fields", "name", "wanted"),
    [
        ({"reasoning": {"effort": "low"}}, "reasoning", Reasoning("low")),
        ({"reasoning": {"generate_summary": "concise"}}, "reasoning", Reasoning(is_shown=True)),
        ({"reasoning": {"effort": None, "summary": None}}, "reasoning", None),
        ({"top_logprobs": 3}, "logprobs", True),
        ({"top_logprobs": 3}, "top_logprobs", 3),
        ({"include": ["message.output_text.logprobs"]}, "logprobs", True),
        ({"top_logprobs": 0}, "logprobs", None),
        ({"text": {"format": {"type": "json_object"}}}, "output_format", OutputFormat("json_object")),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True}}},
            "output_format",
            OutputFormat("json_schema", "n", "", {"a": 1}, True, "$.text.format"),
        ),
        ({"safety_identifier": "u"}, "user", "u"),
        ({"user": "v"}, "user", "v"),
        ({"metadata": {"a": "b"}}, "metadata", {"a": "b"}),
        ({"service_tier": "priority"}, "service_tier", "priority"),
        ({"max_output_tokens": 20.0}, "max_output_tokens", 20),
        ({"temperature": 1.7}, "temperature", 1.7),
    ],
)
def test_fields_are_read(fields: dict[str, Any], name: str, wanted: Any) -> None:
    turn = read(**fields)
    assert getattr(turn, name) == wanted
    assert turn.unknown == []


def test_what_the_gateway_does_itself_is_not_unknown() -> None:
    turn = read(
        store=True,
        previous_response_id="resp_1",
        background=True,
        include=["web_search_call.results"],
        truncation="disabled",
        stream_options={"include_obfuscation": False},
    )
    assert turn.unknown == []


def test_what_has_no_place_is_named_by_its_path() -> None:
    turn = read(
        [
            {"role": "user", "phase": "x", "content": [{"type": "input_text", "text": "a", "odd": 1}]},
            {"role": "user", "content": [{"type": "hologram"}, {"type": "input_text", "text": "b"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "colour": "n"},
        ],
        truncation="auto",
        max_tool_calls=3,
        prompt={"id": "p"},
        conversation="conv_1",
        context_management=[{"type": "compaction"}],
        service_tier="scale",
        reasoning={"effort": "huge", "mode": "pro"},
        text={"format": {"type": "xml"}, "tone": "kind"},
        user="a",
        safety_identifier="b",
        tools=[{"type": "function", "name": "f", "defer_loading": True}],
    )
    assert sorted(turn.unknown) == [
        "$.context_management",
        "$.conversation",
        "$.input[0].content[0].odd",
        "$.input[0].phase",
        "$.input[1].content[0]",
        "$.input[2].colour",
        "$.max_tool_calls",
        "$.prompt",
        "$.reasoning.effort",
        "$.reasoning.mode",
        "$.safety_identifier",
        "$.service_tier",
        "$.text.format",
        "$.text.tone",
        "$.tools[0].defer_loading",
        "$.truncation",
    ]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"type": "function_call", "call_id": "c", "arguments": "{}"}]}, "input[0].name"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"temperature": "hot"}, "temperature"),
        ({"metadata": {"a": 1}}, "metadata"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(
            **{"items": "hi"}
            | {("items" if name == "input" else name): value for name, value in fields.items()}
        )
    assert caught.value.param == param
