"""Turns, written as requests for Responses: valid by OpenAI's document, and loud about what cannot be said."""

from typing import Any

import pytest
from tests import openapi_schema

from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.responses import dialect
from pronghorn.convert.turn import (
    Citation,
    Foreign,
    HostedTool,
    Json,
    Media,
    Message,
    OutputFormat,
    Part,
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

PNG = "iVBORw0KGgo="


def write(*messages: Message, losses: list[str] | None = None, **fields: Any) -> Json:
    lost = Losses()
    turn = Turn(messages=list(messages) or [Message("user", [Text("hi")])], **fields)
    body = dialect.write_request(turn, Target(model="gpt-5"), lost)
    openapi_schema.validate("CreateResponse", body)
    assert lost.paths == (losses or [])
    return body


def items(*parts: Part, role: Any = "assistant", losses: list[str] | None = None) -> list[Json]:
    found: list[Json] = write(Message(role, list(parts)), losses=losses)["input"]
    return found


def test_nothing_is_to_be_kept() -> None:
    assert write() == {
        "model": "gpt-5",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "store": False,
    }


def test_the_systems_first_words_are_instructions_and_later_ones_stay_in_place() -> None:
    body = write(
        Message("system", [Text("a"), Text("b")]),
        Message("developer", [Text("c")]),
        Message("user", [Text("hi")]),
        Message("system", [Text("d")]),
    )
    assert body["instructions"] == "a\n\nb"
    assert body["input"] == [
        {"type": "message", "role": "developer", "content": "c"},
        {"type": "message", "role": "user", "content": "hi"},
        {"type": "message", "role": "system", "content": "d"},
    ]


def test_a_system_that_is_alone_is_the_input() -> None:
    body = write(Message("system", [Text("a")]))
    assert body["input"] == [{"type": "message", "role": "system", "content": "a"}]
    assert "instructions" not in body


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (Text("a"), {"type": "input_text", "text": "a"}),
        (
            Media("image", "image/png", PNG, detail="low"),
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"},
        ),
        (
            Media("image", url="https://x/a"),
            {"type": "input_image", "image_url": "https://x/a", "detail": "auto"},
        ),
        (
            Media("image", file_id="file-1"),
            {"type": "input_image", "file_id": "file-1", "detail": "auto"},
        ),
        (
            Media("document", "application/pdf", "JVBERi0x"),
            {
                "type": "input_file",
                "filename": "document.pdf",
                "file_data": "data:application/pdf;base64,JVBERi0x",
            },
        ),
        (Media("document", url="https://x/a.pdf"), {"type": "input_file", "file_url": "https://x/a.pdf"}),
        (Media("document", file_id="file-2"), {"type": "input_file", "file_id": "file-2"}),
    ],
)
def test_each_part_is_written(part: Part, wanted: Json) -> None:
    (message,) = items(part, Text("b"), role="user")
    assert message["content"] == [wanted, {"type": "input_text", "text": "b"}]


def test_calls_and_results_stand_alone_in_order() -> None:
    body = write(
        Message("user", [Text("hi")]),
        Message("assistant", [Text("ok"), ToolCall("c1", "f"), ToolCall("c2", "g", "free", is_custom=True)]),
        Message(
            "tool",
            [
                ToolResult("c1", [Text("see"), Media("image", "image/png", PNG)]),
                ToolResult("c2", [Text("done")], is_custom=True),
                ToolResult("c3"),
            ],
        ),
    )
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    assert body["input"][1:] == [
        {"type": "message", "role": "assistant", "content": "ok"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [{"type": "input_text", "text": "see"}, picture],
        },
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
        {"type": "function_call_output", "call_id": "c3", "output": ""},
    ]


def test_only_own_proofs_go_back_with_the_id_of_their_item() -> None:
    own = Signature("responses", "rs_1\ngAAA")
    assert items(
        Thinking("hm", own),
        Thinking("", own, is_redacted=True),
        Thinking("x", Signature("messages", "s"), at="$.a"),
        Thinking("y", at="$.b"),
        ToolCall("c", "f", "{}", signature=Signature("generate", "g")),
        losses=["$.a", "$.b"],
    ) == [
        {
            "id": "rs_1",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]


def test_a_proof_whose_item_nobody_knows_goes_without_an_id() -> None:
    lost = Losses()
    turn = Turn(messages=[Message("assistant", [Thinking("hm", Signature("responses", "gAAA"))])])
    (item,) = dialect.write_request(turn, Target(model="m"), lost)["input"]
    assert "id" not in item
    assert item["encrypted_content"] == "gAAA"


def test_refusals_and_citations_of_the_assistant_are_told() -> None:
    found = items(Text("ab", [Citation("https://x", "T", end=2)]), Refusal("no"))
    annotation = {"type": "url_citation", "url": "https://x", "start_index": 0, "end_index": 2, "title": "T"}
    assert [item["content"] for item in found] == [
        [{"type": "output_text", "text": "ab", "annotations": [annotation], "logprobs": []}],
        [{"type": "refusal", "refusal": "no"}],
    ]


def test_what_cannot_be_said_is_named() -> None:
    own = Foreign("responses", {"type": "compaction", "encrypted_content": "gAAA"})
    assert (
        write(
            Message("system", [Text("s", cache="5m", at="$.s")]),
            Message(
                "user",
                [
                    Text("a", cache="1h", at="$.a"),
                    Media("document", file_id="f", wants_citations=True, at="$.d"),
                ],
                name="ann",
                at="$.m",
            ),
            Message(
                "assistant",
                [Media("image", "image/png", PNG, at="$.i"), Text("b", [Citation(quote="q")], at="$.t"), own],
            ),
            Message("tool", [ToolResult("c", [Text("x")], is_error=True, cache="5m", at="$.r")]),
            tools=[Tool("f", cache="5m", at="$.f")],
            choices=2,
            modalities=["text", "audio"],
            at={"choices": "$.n", "modalities": "$.modalities"},
            losses=[
                "$.s.cache_control",
                "$.m.name",
                "$.a.cache_control",
                "$.d.citations",
                "$.i",
                "$.t",
                "$.r.is_error",
                "$.r.cache_control",
                "$.f.cache_control",
                "$.n",
                "$.modalities",
            ],
        )["input"][2]
        == own.raw
    )


def test_tools_say_whether_they_are_strict_because_here_it_is_the_default() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}
    body = write(
        tools=[
            Tool("f", "Does"),
            Tool("g", schema={"type": "object"}, is_strict=True),
            Tool("c", is_custom=True, format=grammar),
        ],
        tool_choice=ToolChoice("required", ["c"]),
        parallel_tool_calls=False,
    )
    assert body["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "Does",
            "parameters": {"type": "object", "properties": {}},
            "strict": False,
        },
        {"type": "function", "name": "g", "parameters": {"type": "object"}, "strict": True},
        {
            "type": "custom",
            "name": "c",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
        },
    ]
    assert body["tool_choice"] == {"type": "custom", "name": "c"}
    assert body["parallel_tool_calls"] is False


def test_several_names_are_a_list_of_allowed_tools() -> None:
    body = write(tools=[Tool("f"), Tool("g")], tool_choice=ToolChoice("auto", ["f", "g"]))
    assert body["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}],
    }


def test_a_demand_for_tools_that_are_not_there_is_named() -> None:
    body = write(
        tool_choice=ToolChoice("required"), at={"tool_choice": "$.tool_choice"}, losses=["$.tool_choice"]
    )
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("origin", "raw", "wanted", "losses"),
    [
        ("responses", {"type": "file_search", "vector_store_ids": ["v"]}, None, []),
        (
            "chat",
            {
                "search_context_size": "low",
                "user_location": {"type": "approximate", "approximate": {"city": "Rome"}},
            },
            {
                "type": "web_search",
                "search_context_size": "low",
                "user_location": {"type": "approximate", "city": "Rome"},
            },
            [],
        ),
        (
            "messages",
            {
                "type": "web_search_20250305",
                "name": "web_search",
                "max_uses": 3,
                "allowed_domains": ["x.org"],
            },
            {"type": "web_search", "filters": {"allowed_domains": ["x.org"]}},
            ["$.t.max_uses"],
        ),
        ("generate", {"googleSearch": {}}, {"type": "web_search"}, []),
    ],
)
def test_searches_of_any_dialect_are_ours(
    origin: str, raw: Json, wanted: Json | None, losses: list[str]
) -> None:
    body = write(tools=[HostedTool("web_search", origin, raw, "$.t")], losses=losses)
    assert body["tools"] == [wanted or raw]


@pytest.mark.parametrize(
    ("reasoning", "wanted", "includes"),
    [
        (Reasoning("high"), {"effort": "high"}, True),
        (Reasoning("low", is_shown=True), {"effort": "low", "summary": "auto"}, True),
        (Reasoning("none"), {"effort": "none"}, False),
        (Reasoning(budget=1024), {"effort": "low"}, True),
        (Reasoning(budget=8000), {"effort": "medium"}, True),
        (Reasoning(budget=30000, is_shown=False), {"effort": "high"}, True),
        (Reasoning(budget=0), {"effort": "none"}, False),
        (Reasoning(budget=-1), None, True),
    ],
)
def test_reasoning_comes_back_with_its_proof(
    reasoning: Reasoning, wanted: Json | None, includes: bool
) -> None:
    body = write(reasoning=reasoning)
    assert body.get("reasoning") == wanted
    assert body.get("include") == (["reasoning.encrypted_content"] if includes else None)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"max_output_tokens": 3}, {"max_output_tokens": 16}),
        ({"max_output_tokens": 300}, {"max_output_tokens": 300}),
        ({"is_stream": True}, {"stream": True}),
        (
            {"logprobs": True, "top_logprobs": 2},
            {"top_logprobs": 2, "include": ["message.output_text.logprobs"]},
        ),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ({"output_format": OutputFormat("json_object")}, {"text": {"format": {"type": "json_object"}}}),
        (
            {"output_format": OutputFormat("json_schema", "", "It", {"type": "object"}, True)},
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "answer",
                        "schema": {"type": "object"},
                        "description": "It",
                        "strict": True,
                    }
                }
            },
        ),
        ({"temperature": 1.7, "top_p": 1}, {"temperature": 1.7, "top_p": 1}),
        (
            {"user": "u", "metadata": {"a": "b"}, "service_tier": "flex", "cache_key": "k"},
            {"user": "u", "metadata": {"a": "b"}, "service_tier": "flex", "prompt_cache_key": "k"},
        ),
        ({"choices": 1, "modalities": ["text"]}, {}),
    ],
)
def test_fields_are_written(fields: dict[str, Any], wanted: Json) -> None:
    body = write(**fields)
    assert {name: value for name, value in body.items() if name not in ("model", "input", "store")} == wanted


def test_openai_fetches_pictures_and_documents() -> None:
    target = Target(model="m")
    assert dialect.takes_url(Media("image", url="https://x/a"), target)
    assert dialect.takes_url(Media("document", url="https://x/a.pdf"), target)
    assert not dialect.takes_url(Media("document", url="gs://bucket/a.pdf"), target)
    assert not dialect.takes_url(Media("video", url="https://x/a.mp4"), target)
