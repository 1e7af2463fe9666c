"""A canonical turn as an Anthropic request: what the official document allows, and each loss named."""

import base64
from typing import Any

import pytest
from tests.anthropic_schema import validate
from tests.unit.convert.targets import target

from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.messages import dialect
from pronghorn.convert.turn import (
    Citation,
    Foreign,
    HostedTool,
    Media,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Role,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)

Json = dict[str, Any]
SONNET = "claude-sonnet-4-5-20250929"
NEW = "claude-opus-4-8"
DEEP = "[" * 100_000


def say(role: Role, *parts: Part | str) -> Message:
    return Message(role, [Text(part) if isinstance(part, str) else part for part in parts])


def write(
    turn: Turn, model: str = SONNET, limit: int | None = None, is_official: bool = True
) -> tuple[Json, list[str]]:
    lost = Losses()
    body = dialect.write_request(turn, Target(model=model, max_output_tokens=limit), lost)
    if is_official:
        validate("CreateMessageParams", body)
    return body, lost.paths


def asked(model: str = SONNET, **fields: Any) -> tuple[Json, list[str]]:
    """The fields of a request that says hello, without what is always there."""
    at = {name: f"$.{name}" for name in fields}
    body, lost = write(Turn(messages=[say("user", "Hello")], at=at, **fields), model)
    for name in ("model", "messages", "max_tokens"):
        del body[name]
    return body, lost


def content(*messages: Message, model: str = SONNET, is_official: bool = True) -> Any:
    body, lost = write(Turn(messages=list(messages)), model, is_official=is_official)
    assert lost == []
    return [(message["role"], message["content"]) for message in body["messages"]]


def text(words: str) -> Json:
    return {"type": "text", "text": words}


# Fields.


@pytest.mark.parametrize(
    ("wanted", "limit", "written"), [(None, None, 4096), (None, 64000, 64000), (12, 64000, 12), (0, None, 0)]
)
def test_max_tokens_is_always_there(wanted: int | None, limit: int | None, written: int) -> None:
    turn = Turn(messages=[say("user", "a")], max_output_tokens=wanted)
    assert write(turn, limit=limit)[0]["max_tokens"] == written


FIELDS: list[tuple[str, Json, Json, list[str]]] = [
    (SONNET, {"temperature": 0.5}, {"temperature": 0.5}, []),
    (SONNET, {"temperature": 1.7}, {"temperature": 1}, ["$.temperature"]),
    (SONNET, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, ["$.top_p"]),
    (SONNET, {"top_p": 0.9, "top_k": 4}, {"top_p": 0.9, "top_k": 4}, []),
    ("claude-3-5-haiku-latest", {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}, []),
    (NEW, {"temperature": 0.5, "top_p": 0.9, "top_k": 4}, {}, ["$.temperature", "$.top_p", "$.top_k"]),
    (NEW, {"temperature": 1, "top_p": 1}, {}, []),
    ("claude-sonnet-5", {"temperature": 0}, {}, ["$.temperature"]),
    (SONNET, {"stop": ["a", " \n"]}, {"stop_sequences": ["a"]}, ["$.stop"]),
    (SONNET, {"stop": ["\n"]}, {}, ["$.stop"]),
    (SONNET, {"user": "u"}, {"metadata": {"user_id": "u"}}, []),
    (SONNET, {"user": "u" * 513}, {}, ["$.user"]),
    (SONNET, {"service_tier": "auto"}, {"service_tier": "auto"}, []),
    (SONNET, {"service_tier": "default"}, {"service_tier": "standard_only"}, []),
    (SONNET, {"service_tier": "flex"}, {}, ["$.service_tier"]),
    (SONNET, {"choices": 1, "modalities": ["text"]}, {}, []),
    (SONNET, {"choices": 2, "modalities": ["text", "audio"]}, {}, ["$.choices", "$.modalities"]),
    (SONNET, {"is_stream": True}, {"stream": True}, []),
    (SONNET, {"parallel_tool_calls": False}, {}, []),
    (SONNET, {"tool_choice": ToolChoice("required")}, {}, ["$.tool_choice"]),
    (SONNET, {"tool_choice": ToolChoice("auto")}, {}, []),
    (SONNET, {"output_format": OutputFormat("text")}, {}, []),
    (
        SONNET,
        {"output_format": OutputFormat("json_schema", "n", "d", {"type": "object"}, True, "$.f")},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        ["$.f.description"],
    ),
    (
        SONNET,
        {"output_format": OutputFormat("json_object")},
        {"system": "Answer with one JSON object and nothing else: no explanation, no Markdown."},
        [],
    ),
    (
        "claude-3-haiku-20240307",
        {"output_format": OutputFormat("json_schema", "n", "d", {"type": "object"}, True, "$.f")},
        {
            "system": "Answer with one JSON object and nothing else: no explanation, no Markdown."
            ' It must be valid by this JSON Schema:\n{"type":"object"}'
        },
        ["$.f.description", "$.f.strict"],
    ),
]


@pytest.mark.parametrize(("model", "fields", "wanted", "lost"), FIELDS)
def test_a_field_is_written_or_named(model: str, fields: Json, wanted: Json, lost: list[str]) -> None:
    assert asked(model, **fields) == (wanted, lost)


# Thinking.

OFF = {"thinking": {"type": "disabled"}}


def budget(tokens: int) -> Json:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def adaptive(effort: str) -> Json:
    return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}


THINKING: list[tuple[str, Reasoning, Json, list[str]]] = [
    (SONNET, Reasoning("none"), OFF, []),
    (SONNET, Reasoning(budget=0), OFF, []),
    (SONNET, Reasoning("minimal"), budget(1024), []),
    (SONNET, Reasoning("low"), budget(2048), []),
    (SONNET, Reasoning("medium"), budget(8192), []),
    (SONNET, Reasoning("high"), budget(24576), []),
    (SONNET, Reasoning("xhigh"), budget(32768), []),
    (SONNET, Reasoning("max"), budget(32768), []),
    (SONNET, Reasoning(budget=5000), budget(5000), []),
    (SONNET, Reasoning(budget=10), budget(1024), []),
    (SONNET, Reasoning(budget=-1), budget(8192), []),
    (SONNET, Reasoning(is_shown=True), {}, []),
    (
        SONNET,
        Reasoning("low", is_shown=False),
        {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
        [],
    ),
    ("claude-3-7-sonnet-latest", Reasoning("low"), budget(2048), []),
    ("claude-3-5-sonnet-20241022", Reasoning("low"), {}, ["$.reasoning"]),
    ("claude-3-5-sonnet-20241022", Reasoning("none"), {}, []),
    ("deepseek-reasoner", Reasoning("low"), budget(2048), []),
    (NEW, Reasoning("none"), OFF, []),
    (NEW, Reasoning("minimal"), adaptive("low"), []),
    (NEW, Reasoning("medium"), adaptive("medium"), []),
    (NEW, Reasoning("xhigh"), adaptive("xhigh"), []),
    (NEW, Reasoning("max"), adaptive("max"), []),
    ("claude-opus-4-6", Reasoning("xhigh"), adaptive("high"), []),
    (NEW, Reasoning(budget=1500), adaptive("low"), []),
    (NEW, Reasoning(budget=9000), adaptive("medium"), []),
    (NEW, Reasoning(budget=31999), adaptive("high"), []),
    (NEW, Reasoning(budget=-1), {"thinking": {"type": "adaptive"}}, []),
    (NEW, Reasoning(is_shown=True), {"thinking": {"type": "adaptive", "display": "summarized"}}, []),
    ("claude-fable-5-2", Reasoning("none"), {"output_config": {"effort": "low"}}, ["$.reasoning"]),
]


@pytest.mark.parametrize(("model", "reasoning", "wanted", "lost"), THINKING)
def test_thinking_is_asked_for_in_the_words_of_the_model(
    model: str, reasoning: Reasoning, wanted: Json, lost: list[str]
) -> None:
    assert asked(model, reasoning=reasoning) == (wanted, lost)


@pytest.mark.parametrize(
    ("max_tokens", "limit", "written", "thinking"),
    [
        (10000, None, 10000, 2048),
        (2048, None, 4096, 2048),
        (100, None, 2148, 2048),
        (100, 2000, 2000, 1900),
        (1500, 2000, 2000, 1024),
        (1000, 1000, 1000, None),
        (None, 64000, 64000, 2048),
    ],
)
def test_max_tokens_leaves_room_beside_the_budget(
    max_tokens: int | None, limit: int | None, written: int, thinking: int | None
) -> None:
    turn = Turn(
        messages=[say("user", "a")],
        max_output_tokens=max_tokens,
        reasoning=Reasoning("low"),
        at={"reasoning": "$.reasoning_effort"},
    )
    body, lost = write(turn, limit=limit)
    assert body["max_tokens"] == written
    assert body.get("thinking", {}).get("budget_tokens") == thinking
    assert lost == ([] if thinking else ["$.reasoning_effort"])


@pytest.mark.parametrize("model", [SONNET, "claude-opus-4-6"])
def test_with_thinking_there_is_no_temperature(model: str) -> None:
    fields, lost = asked(model, reasoning=Reasoning("low"), temperature=0.2, top_p=0.5, top_k=3)
    assert fields.keys() <= {"thinking", "output_config"}
    assert lost == ["$.temperature", "$.top_p", "$.top_k"]
    assert asked(model, reasoning=Reasoning("low"), temperature=1.0, top_p=0.96)[1] == []


@pytest.mark.parametrize("model", [SONNET, NEW])
def test_thinking_gives_way_to_a_forced_choice(model: str) -> None:
    fields, lost = asked(
        model, reasoning=Reasoning("low"), tools=[Tool("f")], tool_choice=ToolChoice("required", ["f"])
    )
    assert fields["thinking"] == {"type": "disabled"}
    assert fields["tool_choice"] == {"type": "tool", "name": "f"}
    assert lost == ["$.reasoning"]


OURS = Signature("messages", "s")
CALL = ToolCall("a", "f", "{}")
RESULT = say("tool", ToolResult("a", [Text("1")]))


@pytest.mark.parametrize(
    ("messages", "is_on"),
    [
        ([say("user", "q"), say("assistant", Thinking("t", OURS), CALL), RESULT], True),
        (
            [say("user", "q"), say("assistant", Thinking(signature=OURS, is_redacted=True), CALL), RESULT],
            True,
        ),
        ([say("user", "q"), say("assistant", CALL), RESULT], False),
        (
            [say("user", "q"), say("assistant", Thinking("t", Signature("generate", "s")), CALL), RESULT],
            False,
        ),
        ([say("user", "q"), say("assistant", CALL), RESULT, say("user", "and?")], False),
        (
            [say("user", "q"), say("assistant", CALL), RESULT, say("assistant", "1"), say("user", "and?")],
            True,
        ),
        ([say("user", "q"), say("assistant", "So")], False),
        ([say("user", "q"), say("assistant", CALL), RESULT, say("system", "s")], False),
    ],
)
@pytest.mark.parametrize("model", [SONNET, NEW])
def test_thinking_is_off_while_a_loop_of_tools_lacks_it(
    messages: list[Message], is_on: bool, model: str
) -> None:
    turn = Turn(messages=messages, reasoning=Reasoning("low"), at={"reasoning": "$.reasoning_effort"})
    body, lost = write(turn, model)
    assert (body["thinking"] != {"type": "disabled"}) is is_on
    assert ("$.reasoning_effort" in lost) is not is_on


# Messages.


def test_leading_system_messages_are_the_system_prompt() -> None:
    turn = Turn(messages=[say("system", "a"), say("developer", "b"), say("user", "q")])
    body, lost = write(turn)
    assert (body["system"], lost) == ([text("a"), text("b")], [])
    assert body["messages"] == [{"role": "user", "content": [text("q")]}]
    turn.messages.pop(0)
    assert write(turn)[0]["system"] == "b"


@pytest.mark.parametrize(("model", "is_kept"), [(NEW, True), ("claude-sonnet-5-5", True), (SONNET, False)])
def test_the_system_in_the_middle(model: str, is_kept: bool) -> None:
    wrapped = text("<system>\ns\n</system>")
    found = content(
        say("user", "q"),
        say("developer", "s"),
        say("assistant", "a"),
        say("system", "s"),
        say("user", "b"),
        model=model,
    )
    middle = [("user", [text("q")]), ("system", [text("s")])] if is_kept else [("user", [text("q"), wrapped])]
    assert found == [*middle, ("assistant", [text("a")]), ("user", [wrapped, text("b")])]


def test_messages_of_one_role_become_one_with_the_results_first() -> None:
    call = ToolCall("b", "g", '{"n":12345678901234567890}')
    found = content(
        say("user", "q"),
        say("assistant", "I look."),
        say("assistant", CALL, call),
        say("system", "s"),
        RESULT,
        say("tool", ToolResult("b", [Text("2")], is_error=True)),
        say("user", "and?"),
    )
    assert found == [
        ("user", [text("q")]),
        (
            "assistant",
            [
                text("I look."),
                {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                {"type": "tool_use", "id": "b", "name": "g", "input": {"n": 12345678901234567890}},
            ],
        ),
        (
            "user",
            [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {"type": "tool_result", "tool_use_id": "b", "content": "2", "is_error": True},
                text("<system>\ns\n</system>"),
                text("and?"),
            ],
        ),
    ]


@pytest.mark.parametrize(
    ("messages", "wanted"),
    [
        ([], [("user", ["."])]),
        ([say("system", "s")], [("user", ["."])]),
        ([say("user", "", " ")], [("user", ["."])]),
        ([say("assistant", "Hi")], [("user", ["."]), ("assistant", ["Hi"])]),
        (
            [say("user", "a"), say("assistant", ""), say("user", "b")],
            [("user", ["a"]), ("assistant", ["."]), ("user", ["b"])],
        ),
        ([say("user", "a"), say("assistant", "")], [("user", ["a"])]),
        ([say("user", "a"), say("assistant", "So: ")], [("user", ["a"]), ("assistant", ["So:"])]),
        ([say("user", "a"), say("assistant", Refusal("No."))], [("user", ["a"]), ("assistant", ["No."])]),
    ],
)
def test_no_message_is_empty_and_the_first_is_the_users(messages: list[Message], wanted: Any) -> None:
    found = [(role, [block["text"] for block in blocks]) for role, blocks in content(*messages)]
    assert found == wanted


PNG = Media("image", "image/png", "aaaa", cache="1h")


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            PNG,
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "aaaa"},
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
        ),
        (
            Media("image", url="https://a/b"),
            {"type": "image", "source": {"type": "url", "url": "https://a/b"}},
        ),
        (
            Media("document", "application/pdf", "aaaa", name="T", wants_citations=True),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "aaaa"},
                "title": "T",
                "citations": {"enabled": True},
            },
        ),
        (
            Media("document", "text/csv", base64.b64encode("é".encode()).decode()),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
        ),
    ],
)
def test_media_of_a_user_and_of_a_result(part: Media, block: Json) -> None:
    assert content(say("user", part)) == [("user", [block])]
    result = say("tool", ToolResult("a", [part]))
    assert content(say("user", "q"), say("assistant", CALL), result)[2][1][0]["content"] == [block]


def test_a_file_of_the_vendor_keeps_its_id() -> None:
    found = content(say("user", Media("image", file_id="file_1")), is_official=False)
    assert found == [("user", [{"type": "image", "source": {"type": "file", "file_id": "file_1"}}])]


@pytest.mark.parametrize(
    "message",
    [
        say("user", Media("image", "image/tiff", "aaaa", at="$.x"), "a"),
        say("user", Media("audio", "audio/wav", "aaaa", at="$.x"), "a"),
        say("user", Media("document", "application/zip", "aaaa", at="$.x"), "a"),
        say("user", Media("document", "text/plain", base64.b64encode(b"\xff").decode(), at="$.x"), "a"),
        say("assistant", Media("image", "image/png", "aaaa", at="$.x"), "a"),
        say("system", Media("image", "image/png", "aaaa", at="$.x"), "a"),
        say("assistant", Thinking("t", at="$.x"), "a"),
        say("assistant", Thinking("t", Signature("generate", "s"), at="$.x"), "a"),
        say("assistant", Foreign("responses", {"type": "x"}, at="$.x"), "a"),
    ],
)
def test_a_part_that_cannot_be_said_is_named(message: Message) -> None:
    body, lost = write(Turn(messages=[say("user", "q"), message, say("user", "r")]))
    assert lost == ["$.x"]
    assert "aaaa" not in str(body)


def test_a_name_and_a_closer_look_are_named() -> None:
    closer = Media("image", url="https://a", detail="high", at="$.p")
    messages = [
        Message("system", [Text("s")], name="Bob", at="$.s"),
        Message("user", [closer], name="Ann", at="$.m"),
    ]
    assert write(Turn(messages=messages))[1] == ["$.s.name", "$.m.name", "$.p.detail"]


def test_only_citations_of_our_own_go_back() -> None:
    raw = {
        "type": "char_location",
        "cited_text": "c",
        "document_index": 0,
        "document_title": None,
        "start_char_index": 0,
        "end_char_index": 1,
    }
    ours, theirs = (
        Citation(quote="c", origin="messages", raw=raw),
        Citation("https://a", origin="chat", raw={}),
    )
    parts = [Text("a", [ours]), Text("b", [theirs], at="$.b")]
    body, lost = write(Turn(messages=[say("user", "q"), say("assistant", *parts)]))
    assert body["messages"][1]["content"] == [text("a") | {"citations": [raw]}, text("b")]
    assert lost == ["$.b"]


def test_foreign_blocks_of_our_own_go_back_as_they_came() -> None:
    raw = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
    assert content(say("user", "q"), say("assistant", Foreign("messages", raw)), say("user", "r"))[1][1] == [
        raw
    ]


def test_the_last_four_cache_breakpoints_are_kept() -> None:
    def part(name: str) -> Text:
        return Text(name, cache="5m", at=f"$.{name}")

    turn = Turn(
        tools=[Tool("f", cache="5m", at="$.tool")],
        messages=[say("system", part("a"), part("b")), say("user", part("c"), part("d"), part("e"))],
    )
    body, lost = write(turn)
    assert lost == ["$.tool.cache_control", "$.a.cache_control"]
    assert str(body).count("cache_control") == 4


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("", {}),
        ("{}", {}),
        ('{"a":1.5}', {"a": 1.5}),
        ("{a", {"_raw": "{a"}),
        ("[1]", {"_raw": "[1]"}),
        pytest.param(DEEP, {"_raw": DEEP}, id="deep"),
    ],
)
def test_arguments_become_an_object(arguments: str, wanted: Json) -> None:
    found = content(say("user", "q"), say("assistant", ToolCall("a", "f", arguments)), RESULT)
    assert found[1][1][0]["input"] == wanted


# Tools.

EMPTY = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("tool", "wanted", "lost"),
    [
        (Tool("f", "d"), {"name": "f", "description": "d", "input_schema": EMPTY}, []),
        (Tool("f", schema={}), {"name": "f", "input_schema": EMPTY}, []),
        (
            Tool("f", schema={"properties": {"a": {}}}, is_strict=True),
            {"name": "f", "input_schema": {"type": "object", "properties": {"a": {}}}, "strict": True},
            [],
        ),
        (Tool("f", is_strict=False), {"name": "f", "input_schema": EMPTY}, []),
        (
            Tool(
                "f",
                "d",
                is_custom=True,
                format={"type": "grammar", "syntax": "lark", "definition": "start: A"},
            ),
            {
                "name": "f",
                "description": "d\n\n`input` must match this grammar (lark):\nstart: A",
                "input_schema": {
                    "type": "object",
                    "properties": {"input": {"type": "string"}},
                    "required": ["input"],
                    "additionalProperties": False,
                },
            },
            [],
        ),
        (
            HostedTool(
                "web_search",
                "chat",
                {
                    "search_context_size": "low",
                    "user_location": {
                        "type": "approximate",
                        "approximate": {"city": "Bern", "country": "CH"},
                    },
                },
                "$.web",
            ),
            {
                "type": "web_search_20250305",
                "name": "web_search",
                "user_location": {"type": "approximate", "city": "Bern", "country": "CH"},
            },
            ["$.web.search_context_size"],
        ),
        (
            HostedTool(
                "web_search", "responses", {"type": "web_search", "filters": {"allowed_domains": ["a.ch"]}}
            ),
            {"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.ch"]},
            [],
        ),
        (
            HostedTool("other", "messages", {"type": "bash_20250124", "name": "bash"}),
            {"type": "bash_20250124", "name": "bash"},
            [],
        ),
    ],
)
def test_a_tool(tool: Tool | HostedTool, wanted: Json, lost: list[str]) -> None:
    assert asked(tools=[tool]) == ({"tools": [wanted]}, lost)


def test_a_strict_tool_is_named_where_the_model_has_none() -> None:
    fields, lost = asked("claude-3-haiku-20240307", tools=[Tool("f", is_strict=True, at="$.tools[0]")])
    assert fields == {"tools": [{"name": "f", "input_schema": EMPTY}]}
    assert lost == ["$.tools[0].strict"]


def test_a_call_of_a_free_text_tool_is_wrapped() -> None:
    call = ToolCall("a", "f", 'say "hi"', is_custom=True)
    assert content(say("user", "q"), say("assistant", call), RESULT)[1][1][0]["input"] == {
        "input": 'say "hi"'
    }


@pytest.mark.parametrize(
    ("choice", "is_parallel", "wanted", "names"),
    [
        (ToolChoice("auto"), None, {"type": "auto"}, ["f", "g", "h"]),
        (ToolChoice("none"), False, {"type": "none"}, ["f", "g", "h"]),
        (ToolChoice("required"), None, {"type": "any"}, ["f", "g", "h"]),
        (ToolChoice("required", ["g"]), None, {"type": "tool", "name": "g"}, ["f", "g", "h"]),
        (ToolChoice("required", ["f", "g"]), None, {"type": "any"}, ["f", "g"]),
        (ToolChoice("auto", ["g"]), None, {"type": "auto"}, ["g"]),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}, ["f", "g", "h"]),
        (
            ToolChoice("required"),
            False,
            {"type": "any", "disable_parallel_tool_use": True},
            ["f", "g", "h"],
        ),
        (None, True, None, ["f", "g", "h"]),
    ],
)
def test_the_choice_of_tools(
    choice: ToolChoice | None, is_parallel: bool | None, wanted: Json | None, names: list[str]
) -> None:
    tools = [Tool("f"), Tool("g"), Tool("h")]
    fields, lost = asked(tools=tools, tool_choice=choice, parallel_tool_calls=is_parallel)
    assert fields.get("tool_choice") == wanted
    assert [tool["name"] for tool in fields["tools"]] == names
    assert lost == []


@pytest.mark.parametrize(
    ("media", "vendor", "takes"),
    [
        (Media("image", url="https://a/b.png"), "anthropic", True),
        (Media("image", url="http://a/b.png"), "anthropic", False),
        (Media("image", url="https://a/b.png"), "bedrock", False),
        (Media("document", "application/pdf", url="https://a/b.pdf"), "anthropic", True),
        (Media("document", "text/plain", url="https://a/b.txt"), "anthropic", False),
    ],
)
def test_what_the_vendor_fetches_itself(media: Media, vendor: str, takes: bool) -> None:
    assert dialect.takes_url(media, target("m", vendor=vendor)) is takes
