"""A canonical turn as a Gemini request: valid by Google's document, and nothing dropped without a word."""

from typing import Any

import msgspec
import pytest
from tests.gemini_schema import validate
from tests.unit.convert.targets import target

from pronghorn.convert import custom
from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.generate import dialect
from pronghorn.convert.turn import (
    AudioOutput,
    Citation,
    Foreign,
    HostedTool,
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
from pronghorn.sandbox.gemini import check, signature

Json = dict[str, Any]
OWN = Signature("generate", "c2ln")
OTHER = Signature("messages", "EqQB")
NEW, FLASH, PRO, LITE, OLD = (
    "gemini-3-pro-preview",
    "gemini-2.5-flash",
    "gemini-2.5-pro",
    "gemini-2.5-flash-lite",
    "gemini-2.0-flash",
)
DUMMY = "context_engineering_is_the_way_to_go"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
SEARCH = HostedTool("web_search", "chat", {}, "$.web_search_options")
TOOL = Tool("f", "does f", SCHEMA, at="$.tools[0]")


def write(model: str = NEW, /, **fields: Any) -> tuple[Json, list[str]]:
    """The body, which Google would take, and what was lost. Every field counts as given by the caller."""
    fields.setdefault("messages", [Message("user", [Text("Hello")])])
    turn = Turn(at={name: f"$.{name}" for name in fields}, **fields)
    lost = Losses()
    body = dialect.write_request(turn, Target(model=model), lost)
    validate("GenerateContentRequest", in_standard_base64(body))
    check.check(body, model, is_streamed=turn.is_stream)
    return body, lost.paths


def in_standard_base64(body: Json) -> Json:
    """As Google reads it: bytes may be written in both alphabets."""
    found: Json = msgspec.json.decode(
        msgspec.json.encode(body).replace(DUMMY.encode(), b"/".join(DUMMY.encode().split(b"_")))
    )
    return found


def contents(*messages: Message, model: str = NEW) -> Any:
    return write(model, messages=list(messages))[0]["contents"]


def user(*parts: Part) -> Message:
    return Message("user", list(parts))


def model_says(*parts: Part) -> Message:
    return Message("assistant", list(parts))


def results(*parts: Part) -> Message:
    return Message("tool", list(parts))


def test_the_smallest_request() -> None:
    body, lost = write()
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hello"}]}]
    assert [setting["threshold"] for setting in body["safetySettings"]] == ["BLOCK_NONE"] * 4
    assert body.keys() == {"contents", "safetySettings"}
    assert lost == []


CONFIG: list[tuple[str, Json, Json, list[str]]] = [
    (NEW, {"temperature": 1.7}, {"temperature": 1.7}, []),
    (NEW, {"temperature": 3}, {"temperature": 2}, ["$.temperature"]),
    (NEW, {"top_p": 0.5, "top_k": 4}, {"topP": 0.5, "topK": 4}, []),
    (NEW, {"max_output_tokens": 10}, {"maxOutputTokens": 10}, []),
    (NEW, {"stop": list("abcde")}, {"stopSequences": list("abcde")}, []),
    (NEW, {"stop": list("abcdef")}, {"stopSequences": list("abcde")}, ["$.stop"]),
    (NEW, {"choices": 3}, {"candidateCount": 3}, []),
    (NEW, {"choices": 9}, {"candidateCount": 8}, ["$.choices"]),
    (NEW, {"seed": -5}, {"seed": -5}, []),
    (NEW, {"seed": 2**31, "top_k": 1}, {"topK": 1}, ["$.seed"]),
    (NEW, {"presence_penalty": 2.0}, {"presencePenalty": 1.99}, ["$.presence_penalty"]),
    (NEW, {"frequency_penalty": -2}, {"frequencyPenalty": -2}, []),
    (NEW, {"logprobs": True}, {"responseLogprobs": True}, []),
    (NEW, {"logprobs": True, "top_logprobs": 5}, {"responseLogprobs": True, "logprobs": 5}, []),
    (NEW, {"output_format": OutputFormat("json_object")}, {"responseMimeType": "application/json"}, []),
    (
        NEW,
        {"output_format": OutputFormat("json_schema", schema=SCHEMA)},
        {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        [],
    ),
    (
        NEW,
        {"output_format": OutputFormat("json_schema", "n", "d", SCHEMA, True, "$.f")},
        {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        ["$.f.description"],
    ),
    (
        "gemini-3-pro-image-preview",
        {"modalities": ["text", "image"]},
        {"responseModalities": ["TEXT", "IMAGE"]},
        [],
    ),
    (
        "gemini-2.5-flash-preview-tts",
        {"modalities": ["text", "audio"], "audio": AudioOutput("Kore", "wav")},
        {
            "responseModalities": ["AUDIO"],
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        },
        ["$.modalities", "$.audio.format"],
    ),
    (
        "gemini-2.5-flash-preview-tts",
        {"modalities": ["audio"], "audio": AudioOutput("alloy", "pcm16")},
        {"responseModalities": ["AUDIO"]},
        ["$.audio.voice"],
    ),
]


@pytest.mark.parametrize(("model", "fields", "config", "lost"), CONFIG)
def test_how_to_answer(model: str, fields: Json, config: Json, lost: list[str]) -> None:
    body, paths = write(model, **fields)
    assert body["generationConfig"] == config
    assert paths == lost


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"choices": 1}, []),
        ({"choices": 2, "is_stream": True}, ["$.choices"]),
        ({"modalities": ["text"]}, []),
        ({"output_format": OutputFormat("text")}, []),
        ({"parallel_tool_calls": True}, []),
        ({"parallel_tool_calls": False}, ["$.parallel_tool_calls"]),
        ({"service_tier": "auto"}, []),
        ({"service_tier": "scale"}, ["$.service_tier"]),
        ({"tool_choice": ToolChoice("required")}, ["$.tool_choice"]),
        ({"tool_choice": ToolChoice("auto")}, []),
    ],
)
def test_what_adds_nothing_to_the_request(fields: Json, lost: list[str]) -> None:
    body, paths = write(**fields)
    assert body.keys() == {"contents", "safetySettings"}
    assert paths == lost


@pytest.mark.parametrize(
    ("tier", "written"), [("default", "standard"), ("flex", "flex"), ("priority", "priority")]
)
def test_service_tiers(tier: str, written: str) -> None:
    assert write(service_tier=tier)[0]["serviceTier"] == written


def test_no_more_tokens_are_asked_for_than_the_model_has() -> None:
    turn = Turn(messages=[user(Text("Hi"))], max_output_tokens=100_000)
    body = dialect.write_request(turn, Target(model=NEW, max_output_tokens=65_536), Losses())
    assert body["generationConfig"] == {"maxOutputTokens": 65_536}


# Reasoning.

SHOWN = {"includeThoughts": True}
REASONING: list[tuple[str, Reasoning, Json | None, list[str]]] = [
    (FLASH, Reasoning("none"), {"thinkingBudget": 0}, []),
    (LITE, Reasoning("none"), {"thinkingBudget": 0}, []),
    (PRO, Reasoning("none"), {"thinkingBudget": 128}, ["$.reasoning"]),
    (FLASH, Reasoning("minimal"), {"thinkingBudget": 512} | SHOWN, []),
    (FLASH, Reasoning("low"), {"thinkingBudget": 1024} | SHOWN, []),
    (FLASH, Reasoning("medium"), {"thinkingBudget": 8192} | SHOWN, []),
    (FLASH, Reasoning("high"), {"thinkingBudget": 24_576} | SHOWN, []),
    (FLASH, Reasoning("max"), {"thinkingBudget": 24_576} | SHOWN, []),
    (PRO, Reasoning("xhigh"), {"thinkingBudget": 32_768} | SHOWN, []),
    (LITE, Reasoning(budget=100), {"thinkingBudget": 512} | SHOWN, ["$.reasoning"]),
    (PRO, Reasoning(budget=99_999), {"thinkingBudget": 32_768} | SHOWN, ["$.reasoning"]),
    (PRO, Reasoning(budget=-1), {"thinkingBudget": -1} | SHOWN, []),
    (PRO, Reasoning("low", 2000), {"thinkingBudget": 2000} | SHOWN, []),
    (FLASH, Reasoning("low", is_shown=False), {"thinkingBudget": 1024, "includeThoughts": False}, []),
    (FLASH, Reasoning(is_shown=True), SHOWN, []),
    (FLASH, Reasoning("none", is_shown=True), {"thinkingBudget": 0}, []),
    (NEW, Reasoning("none"), {"thinkingLevel": "MINIMAL"}, []),
    (NEW, Reasoning("minimal"), {"thinkingLevel": "MINIMAL"} | SHOWN, []),
    (NEW, Reasoning("low"), {"thinkingLevel": "LOW"} | SHOWN, []),
    (NEW, Reasoning("medium"), {"thinkingLevel": "MEDIUM"} | SHOWN, []),
    (NEW, Reasoning("high"), {"thinkingLevel": "HIGH"} | SHOWN, []),
    (NEW, Reasoning("max"), {"thinkingLevel": "HIGH"} | SHOWN, []),
    (NEW, Reasoning(budget=1024), {"thinkingLevel": "LOW"} | SHOWN, []),
    (NEW, Reasoning(budget=8192), {"thinkingLevel": "MEDIUM"} | SHOWN, []),
    (NEW, Reasoning(budget=30_000), {"thinkingLevel": "HIGH"} | SHOWN, []),
    (NEW, Reasoning(budget=-1), SHOWN, []),
    ("gemini-flash-latest", Reasoning("low"), {"thinkingLevel": "LOW"} | SHOWN, []),
    ("some-alias", Reasoning("low"), {"thinkingBudget": 1024} | SHOWN, []),
    (OLD, Reasoning("low"), None, ["$.reasoning"]),
    (OLD, Reasoning("none"), None, []),
    ("gemini-2.5-flash-image", Reasoning("low"), None, ["$.reasoning"]),
]


@pytest.mark.parametrize(("model", "asked", "config", "lost"), REASONING)
def test_reasoning_by_family(model: str, asked: Reasoning, config: Json | None, lost: list[str]) -> None:
    body, paths = write(model, reasoning=asked)
    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert paths == lost


# Messages.


def test_leading_system_messages_are_the_instruction_and_later_ones_are_said_by_the_user() -> None:
    body, _ = write(
        messages=[
            Message("system", [Text("One")]),
            Message("developer", [Text("Two")]),
            user(Text("Hi")),
            Message("system", [Text("Three")]),
            model_says(Text("Hello")),
        ]
    )
    assert body["systemInstruction"] == {"parts": [{"text": "One"}, {"text": "Two"}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "Hi"}, {"text": "<system>\nThree\n</system>"}]},
        {"role": "model", "parts": [{"text": "Hello"}]},
    ]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [Message("system", [Text("Be brief")])],
        [user(Text(""))],
        [Message("user", [Thinking("odd")])],
    ],
)
def test_there_is_always_something_that_a_user_said(messages: list[Message]) -> None:
    assert contents(*messages) == [{"role": "user", "parts": [{"text": "."}]}]


def test_neighbours_of_one_role_are_merged_and_a_user_begins() -> None:
    found = contents(
        model_says(Text("a")), model_says(Text(""), Refusal("b")), user(Text("c")), user(Text("d"))
    )
    assert found == [
        {"role": "user", "parts": [{"text": "."}]},
        {"role": "model", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "user", "parts": [{"text": "c"}, {"text": "d"}]},
    ]


def test_a_tool_loop() -> None:
    found = contents(
        user(Text("Weather?")),
        model_says(
            ToolCall("1", "f", '{"n":12345678901234567890}', signature=OWN),
            ToolCall("2", "g", "not json"),
            ToolCall("3", "h", "free", is_custom=True),
        ),
        results(ToolResult("1", [Text('{"a":1}')], "f")),
        results(
            ToolResult("2", [Text("no")], "g", is_error=True), ToolResult("3", [Text("a"), Text("b")], "h")
        ),
        user(Text("And now?")),
    )
    assert found == [
        {"role": "user", "parts": [{"text": "Weather?"}]},
        {
            "role": "model",
            "parts": [
                {
                    "functionCall": {"id": "1", "name": "f", "args": {"n": 12345678901234567890}},
                    "thoughtSignature": "c2ln",
                },
                {"functionCall": {"id": "2", "name": "g", "args": {"_raw": "not json"}}},
                {"functionCall": {"id": "3", "name": "h", "args": {"input": "free"}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "1", "name": "f", "response": {"a": 1}}},
                {"functionResponse": {"id": "2", "name": "g", "response": {"error": "no"}}},
                {"functionResponse": {"id": "3", "name": "h", "response": {"result": "a\nb"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "And now?"}]},
    ]


def test_what_is_said_between_a_call_and_its_results_comes_after_them() -> None:
    found = contents(
        user(Text("Go")),
        model_says(ToolCall("1", "f"), ToolCall("2", "f")),
        Message("system", [Text("Hurry")]),
        results(ToolResult("1", [], "f")),
        Message("system", [Text("Now")]),
        results(ToolResult("2", [Text("x")], "f")),
    )
    kinds = [[next(iter(part)) for part in content["parts"]] for content in found]
    assert kinds == [["text"], ["functionCall"] * 2, ["functionResponse"] * 2, ["text", "text"]]


def test_results_stand_in_the_order_of_their_calls() -> None:
    found = contents(
        user(Text("Go")),
        model_says(ToolCall("1", "f"), ToolCall("2", "f")),
        results(ToolResult("2", [Text("two")], "f")),
        results(ToolResult("1", [Text("one")], "f")),
    )
    assert [part["functionResponse"]["id"] for part in found[2]["parts"]] == ["1", "2"]


def test_vertex_takes_neither_ids_nor_tiers() -> None:
    turn = Turn(
        messages=[
            user(Text("Go")),
            model_says(ToolCall("1", "f", signature=OWN)),
            results(ToolResult("1", [Text("one"), PICTURE], "f")),
        ],
        tools=[TOOL, SEARCH],
        tool_choice=ToolChoice("required", ["f"]),
        output_format=OutputFormat("json_schema", schema=SCHEMA),
        reasoning=Reasoning("low"),
        service_tier="flex",
        at={"service_tier": "$.service_tier"},
    )
    lost = Losses()
    validate(
        "GenerateContentRequest",
        dialect.write_request(turn, target(NEW, vendor="vertex"), lost),
        "vertex",
    )
    assert lost.paths == ["$.service_tier"]


PICTURE = Media("image", "image/png", "aGk=")


def test_pictures_of_results_go_inside_for_new_models_and_after_for_older_ones() -> None:
    conversation = [
        user(Text("Go")),
        model_says(ToolCall("1", "f", signature=OWN)),
        results(ToolResult("1", [Text("see"), PICTURE], "f")),
    ]
    response = {"id": "1", "name": "f", "response": {"result": "see"}}
    inline = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    assert contents(*conversation)[2:] == [
        {"role": "user", "parts": [{"functionResponse": response | {"parts": [inline]}}]}
    ]
    assert contents(*conversation, model=FLASH)[2:] == [
        {"role": "user", "parts": [{"functionResponse": response}]},
        {"role": "user", "parts": [{"text": "From the result of `f`:"}, inline]},
    ]


# Signatures.


def signed(model: str, *messages: Message) -> tuple[list[Any], list[str]]:
    """Signatures of the calls in their order, and what was lost."""
    body, lost = write(model, messages=list(messages))
    calls = [part for content in body["contents"] for part in content["parts"] if "functionCall" in part]
    return [part.get("thoughtSignature") for part in calls], lost


def call(id: str, signature: Signature | None = None) -> ToolCall:
    return ToolCall(id, "f", signature=signature, at=f"$.{id}")


LOOP = [
    user(Text("first")),
    model_says(call("a")),
    results(ToolResult("a", [], "f")),
    model_says(Text("done")),
    user(Text("second")),
    model_says(call("b"), call("c")),
    results(ToolResult("b", [], "f"), ToolResult("c", [], "f")),
    model_says(call("d", OTHER), call("e", OWN)),
    results(ToolResult("d", [], "f"), ToolResult("e", [], "f")),
    model_says(call("g", OWN)),
    results(ToolResult("g", [], "f")),
]


def test_the_first_call_of_each_step_of_the_current_turn_is_signed() -> None:
    assert signed(NEW, *LOOP) == (
        [None, DUMMY, None, DUMMY, "c2ln", "c2ln"],
        ["$.b", "$.d"],
    )


@pytest.mark.parametrize("model", [FLASH, OLD, "some-alias"])
def test_older_models_do_without(model: str) -> None:
    assert signed(model, *LOOP) == ([None, None, None, None, "c2ln", "c2ln"], [])


def test_the_sandbox_is_content_with_the_dummy() -> None:
    conversation = [user(Text("Go")), model_says(call("a")), results(ToolResult("a", [], "f"))]
    signature.check(NEW, in_standard_base64(write(messages=conversation)[0])["contents"])


def test_thinking_is_sent_with_a_signature_of_its_own_alone() -> None:
    body, lost = write(
        messages=[
            user(Text("Go")),
            model_says(
                Thinking("own", OWN),
                Thinking("other", OTHER, at="$.other"),
                Thinking("bare", at="$.bare"),
                Text("", signature=OWN),
                Text("so", signature=OTHER),
            ),
        ]
    )
    assert body["contents"][1]["parts"] == [
        {"text": "own", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "", "thoughtSignature": "c2ln"},
        {"text": "so"},
    ]
    assert lost == ["$.other", "$.bare"]


# Parts.

PARTS: list[tuple[str, Part, Json | None, list[str]]] = [
    (NEW, PICTURE, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}, []),
    (
        NEW,
        Media("audio", "audio/mpeg", "aGk="),
        {"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}},
        [],
    ),
    (
        NEW,
        Media("document", "application/json", "aGk="),
        {"inlineData": {"mimeType": "text/plain", "data": "aGk="}},
        [],
    ),
    (
        NEW,
        Media("video", url="https://youtu.be/x"),
        {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/*"}},
        [],
    ),
    (
        NEW,
        Media("document", "application/pdf", file_id="gs://a/b"),
        {"fileData": {"fileUri": "gs://a/b", "mimeType": "application/pdf"}},
        [],
    ),
    (NEW, Media("document", file_id="file-abc", at="$.x"), None, ["$.x"]),
    (
        NEW,
        Media("image", "image/png", "aGk=", detail="low", at="$.x"),
        {
            "inlineData": {"mimeType": "image/png", "data": "aGk="},
            "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
        },
        [],
    ),
    (
        FLASH,
        Media("image", "image/png", "aGk=", detail="low", at="$.x"),
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        ["$.x.detail"],
    ),
    (NEW, Text("a", cache="5m", at="$.x"), {"text": "a"}, ["$.x.cache_control"]),
    (NEW, Text("a", [Citation("https://a")], at="$.x"), {"text": "a"}, ["$.x"]),
    (NEW, Foreign("generate", {"executableCode": {"language": "PYTHON", "code": "1"}}), None, []),
]


@pytest.mark.parametrize(("model", "part", "written", "lost"), PARTS)
def test_parts(model: str, part: Part, written: Json | None, lost: list[str]) -> None:
    body, paths = write(model, messages=[user(Text("Look"), part)])
    expected = part.raw if isinstance(part, Foreign) else written
    assert body["contents"][0]["parts"][1:] == ([expected] if expected is not None else [])
    assert paths == lost


def test_a_user_s_name_is_lost() -> None:
    assert write(messages=[Message("user", [Text("Hi")], "Ann", "$.messages[0]")])[1] == [
        "$.messages[0].name"
    ]


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("https://www.youtube.com/watch?v=x", True),
        ("https://youtu.be/x", True),
        ("gs://bucket/film.mp4", True),
        ("https://generativelanguage.googleapis.com/v1beta/files/x", True),
        ("https://example.com/a.png", False),
        ("https://youtube.com.example.com/a.png", False),
        ("http://youtu.be/x", False),
    ],
)
def test_addresses_that_google_fetches(url: str, is_taken: bool) -> None:
    assert dialect.takes_url(Media("video", url=url), Target(model=NEW)) == is_taken


# Tools.


def test_tools_and_what_of_them_is_lost() -> None:
    body, lost = write(
        tools=[
            Tool("f", "does f", SCHEMA, is_strict=True, cache="1h", at="$.tools[0]"),
            Tool("g", schema={"type": "object", "properties": {}}, at="$.tools[1]"),
            Tool("h", "free", is_custom=True, format={"type": "grammar", "definition": "x"}, at="$.tools[2]"),
            HostedTool(
                "web_search",
                "responses",
                {"type": "web_search", "search_context_size": "low", "filters": {}},
                "$.tools[3]",
            ),
            HostedTool("other", "generate", {"codeExecution": {}}, "$.tools[4]"),
        ]
    )
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "does f", "parametersJsonSchema": SCHEMA},
                {"name": "g"},
                {
                    "name": "h",
                    "description": "free\n\n`input` must match this grammar (lark):\nx",
                    "parametersJsonSchema": custom.SCHEMA,
                },
            ]
        },
        {"googleSearch": {}},
        {"codeExecution": {}},
    ]
    assert lost == ["$.tools[0].strict", "$.tools[0].cache_control", "$.tools[3].search_context_size"]


def test_older_models_take_functions_or_a_search() -> None:
    body, lost = write(FLASH, tools=[TOOL, SEARCH])
    assert [*body["tools"][0]] == ["functionDeclarations"]
    assert len(body["tools"]) == 1
    assert lost == ["$.web_search_options"]
    assert write(FLASH, tools=[SEARCH])[0]["tools"] == [{"googleSearch": {}}]


@pytest.mark.parametrize("tool", [TOOL, SEARCH])
def test_older_models_with_tools_are_asked_for_json_in_words(tool: Tool | HostedTool) -> None:
    wanted = OutputFormat("json_schema", schema=SCHEMA)
    body, lost = write(FLASH, tools=[tool], output_format=wanted)
    assert "generationConfig" not in body
    assert '"additionalProperties":false' in body["systemInstruction"]["parts"][0]["text"]
    assert lost == []
    assert "responseJsonSchema" in write(NEW, tools=[tool], output_format=wanted)[0]["generationConfig"]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("required", ["f"]), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("auto", ["f"]), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (ToolChoice("required", ["f", "gone"]), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("none", ["f"]), {"mode": "NONE"}),
    ],
)
def test_tool_choice(choice: ToolChoice, config: Json) -> None:
    assert write(tools=[TOOL], tool_choice=choice)[0]["toolConfig"] == {"functionCallingConfig": config}
