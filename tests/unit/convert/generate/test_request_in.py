"""A Gemini request as a canonical turn: both spellings, every part and field understood or named as unknown."""

import base64
import copy
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronghorn.convert.generate import dialect, signatures
from pronghorn.convert.turn import (
    AudioOutput,
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
HELLO: list[Json] = [{"role": "user", "parts": [{"text": "Hello"}]}]
AT = "$.contents[0].parts[0]"


def read(**fields: Any) -> Turn:
    return dialect.read_request({"contents": HELLO} | fields)


def parts_of(*parts: Any, role: str = "user") -> Any:
    return read(contents=[{"role": role, "parts": list(parts)}]).messages[0].parts


def test_the_smallest_request() -> None:
    assert read(model="models/gemini-x") == Turn(
        model="gemini-x", messages=[Message("user", [Text("Hello", at=AT)], at="$.contents[0]")]
    )


@pytest.mark.parametrize(
    "contents",
    [
        "Hello",
        ["Hello"],
        {"parts": [{"text": "Hello"}]},
        {"role": "user", "parts": {"text": "Hello"}},
        [{"text": "Hello"}],
        [{"role": "USER", "parts": ["Hello"]}],
    ],
)
def test_contents_may_be_written_in_sloppy_ways(contents: Any) -> None:
    [message] = read(contents=contents).messages
    [part] = message.parts
    assert message.role == "user"
    assert isinstance(part, Text)
    assert part.text == "Hello"


FIELDS: list[tuple[Json, str, Any, str]] = [
    ({"temperature": 1.5}, "temperature", 1.5, "temperature"),
    ({"topP": 0.5}, "top_p", 0.5, "topP"),
    ({"top_p": 0.5}, "top_p", 0.5, "top_p"),
    ({"topK": 40.0}, "top_k", 40, "topK"),
    ({"maxOutputTokens": "100"}, "max_output_tokens", 100, "maxOutputTokens"),
    ({"max_output_tokens": 100}, "max_output_tokens", 100, "max_output_tokens"),
    ({"candidateCount": 2}, "choices", 2, "candidateCount"),
    ({"seed": 7}, "seed", 7, "seed"),
    ({"stopSequences": ["a"]}, "stop", ["a"], "stopSequences"),
    ({"presencePenalty": 0.1}, "presence_penalty", 0.1, "presencePenalty"),
    ({"frequency_penalty": -1}, "frequency_penalty", -1, "frequency_penalty"),
    ({"responseLogprobs": True}, "logprobs", True, "responseLogprobs"),
    ({"responseMimeType": "text/plain"}, "output_format", OutputFormat("text"), "responseMimeType"),
    (
        {"response_mime_type": "application/json"},
        "output_format",
        OutputFormat("json_object"),
        "response_mime_type",
    ),
    (
        {"responseMimeType": "application/json", "responseSchema": {"type": "STRING", "nullable": True}},
        "output_format",
        OutputFormat("json_schema", schema={"type": ["string", "null"]}),
        "responseSchema",
    ),
    (
        {"responseMimeType": "application/json", "responseJsonSchema": {"type": "string"}},
        "output_format",
        OutputFormat("json_schema", schema={"type": "string"}),
        "responseJsonSchema",
    ),
    (
        {"responseMimeType": "application/json", "_responseJsonSchema": {"type": "string"}},
        "output_format",
        OutputFormat("json_schema", schema={"type": "string"}),
        "_responseJsonSchema",
    ),
    (
        {"responseFormat": {"text": {"mimeType": "APPLICATION_JSON", "schema": {"type": "string"}}}},
        "output_format",
        OutputFormat("json_schema", schema={"type": "string"}),
        "responseFormat.text.schema",
    ),
    ({"thinkingConfig": {"thinkingBudget": 0}}, "reasoning", Reasoning(effort="none"), "thinkingConfig"),
    ({"thinkingConfig": {"thinkingBudget": -1}}, "reasoning", Reasoning(budget=-1), "thinkingConfig"),
    (
        {"thinking_config": {"thinking_level": "low", "include_thoughts": True}},
        "reasoning",
        Reasoning(effort="low", is_shown=True),
        "thinking_config",
    ),
    ({"responseModalities": ["TEXT", "IMAGE"]}, "modalities", ["text", "image"], "responseModalities"),
    (
        {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}},
        "audio",
        AudioOutput("Kore"),
        "speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName",
    ),
]


@pytest.mark.parametrize(("config", "name", "value", "path"), FIELDS)
def test_fields_of_the_config(config: Json, name: str, value: Any, path: str) -> None:
    turn = read(generationConfig=config)
    assert getattr(turn, name) == value
    assert turn.at == {name: f"$.generationConfig.{path}"}
    assert turn.unknown == []


def test_alternatives_to_tokens_are_a_field_of_their_own() -> None:
    turn = read(generationConfig={"responseLogprobs": True, "logprobs": 3})
    assert (turn.logprobs, turn.top_logprobs) == (True, 3)
    assert turn.at["top_logprobs"] == "$.generationConfig.logprobs"


def test_the_config_itself_may_be_written_in_snake_case() -> None:
    turn = read(generation_config={"top_k": 3})
    assert turn.top_k == 3
    assert turn.at == {"top_k": "$.generation_config.top_k"}


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"safetySettings": [], "labels": {"a": "b"}}, ["$.safetySettings", "$.labels"]),
        ({"cached_content": "cachedContents/x", "store": True}, ["$.cached_content", "$.store"]),
        ({"generationConfig": {"mediaResolution": "X"}}, ["$.generationConfig.mediaResolution"]),
        ({"generationConfig": {"logprobs": 2}}, ["$.generationConfig.logprobs"]),
        (
            {"generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a"]}}},
            ["$.generationConfig.responseMimeType", "$.generationConfig.responseSchema"],
        ),
        ({"generationConfig": {"responseModalities": ["VIDEO"]}}, ["$.generationConfig.responseModalities"]),
        (
            {"generationConfig": {"thinkingConfig": {"other": 1}, "speechConfig": {"languageCode": "de"}}},
            ["$.generationConfig.thinkingConfig.other", "$.generationConfig.speechConfig.languageCode"],
        ),
        ({"toolConfig": {"retrievalConfig": {"latLng": {}}}}, ["$.toolConfig.retrievalConfig"]),
        ({"serviceTier": "gold"}, ["$.serviceTier"]),
        (
            {"contents": [{"parts": [{"text": "a", "partMetadata": {"b": 1}}], "extra": 1}]},
            ["$.contents[0].parts[0].partMetadata", "$.contents[0].extra"],
        ),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "video/mp4", "data": "", "fps": 1}}]}]},
            ["$.contents[0].parts[0].inlineData.fps"],
        ),
    ],
)
def test_what_is_not_understood_is_named(fields: Json, paths: list[str]) -> None:
    assert read(**fields).unknown == paths


@pytest.mark.parametrize(
    ("given", "tier"),
    [("unspecified", "auto"), ("standard", "default"), ("FLEX", "flex"), ("priority", "priority")],
)
def test_service_tiers(given: str, tier: str) -> None:
    assert read(service_tier=given).service_tier == tier


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"contents": None}, "contents"),
        ({"contents": [{"role": "judge", "parts": []}]}, "contents[0].role"),
        ({"contents": [3]}, "contents[0]"),
        ({"generation_config": {"top_k": "many"}}, "generation_config.top_k"),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "WILD"}}},
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            {"contents": [{"parts": [{"functionCall": {"args": {}}}]}]},
            "contents[0].parts[0].functionCall.name",
        ),
        (
            {"contents": [{"parts": [{"functionCall": {"id": 5, "name": "f", "args": {}}}]}]},
            "contents[0].parts[0].functionCall.id",
        ),
        (
            {"contents": [{"parts": [{"functionCall": {"name": "f", "args": []}}]}]},
            "contents[0].parts[0].functionCall.args",
        ),
        (
            {"contents": [{"parts": [{"functionResponse": {"id": 5, "name": "f", "response": {}}}]}]},
            "contents[0].parts[0].functionResponse.id",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(fields: Json, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("Be brief", ["Be brief"]),
        ({"parts": [{"text": "Be"}, {"text": "brief"}]}, ["Be", "brief"]),
        ({"role": "system", "parts": {"text": "Be brief"}}, ["Be brief"]),
        (["Be", "brief"], ["Be", "brief"]),
        ({"text": "Be brief"}, ["Be brief"]),
        ({"parts": [{"text": ""}]}, []),
    ],
)
def test_the_system_instruction(given: Any, texts: list[str]) -> None:
    messages = read(system_instruction=given).messages[:-1]
    assert [part.text for message in messages for part in message.parts if isinstance(part, Text)] == texts
    assert all(message.role == "system" and message.at == "$.system_instruction" for message in messages)


# Parts.


def test_inline_data_comes_in_both_alphabets_and_spellings() -> None:
    raw = b"\xfb\xff\xfe?"
    written = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    found = parts_of({"inlineData": {"mime_type": "image/png", "data": written, "displayName": "a.png"}})
    assert found == [Media("image", "image/png", base64.b64encode(raw).decode(), name="a.png", at=AT)]


@pytest.mark.parametrize(
    ("mime", "kind"),
    [
        ("image/webp", "image"),
        ("audio/mp3", "audio"),
        ("video/mp4", "video"),
        ("application/pdf", "document"),
        ("text/csv", "document"),
    ],
)
def test_kinds_of_media(mime: str, kind: str) -> None:
    [part] = parts_of({"inline_data": {"mimeType": mime, "data": "aGk="}})
    assert (part.kind, part.mime, part.data) == (kind, mime, "aGk=")


@pytest.mark.parametrize(
    ("given", "media"),
    [
        ({"fileUri": "https://a/b.png"}, Media("image", url="https://a/b.png", at=AT)),
        (
            {"fileUri": "https://a/b", "mimeType": "application/pdf"},
            Media("document", "application/pdf", url="https://a/b", at=AT),
        ),
        ({"file_uri": "https://youtu.be/x"}, Media("video", url="https://youtu.be/x", at=AT)),
        (
            {"fileUri": "gs://b/c.mp3", "mimeType": "audio/mp3"},
            Media("audio", "audio/mp3", file_id="gs://b/c.mp3", at=AT),
        ),
        (
            {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x", "mimeType": "image/png"},
            Media(
                "image",
                "image/png",
                file_id="https://generativelanguage.googleapis.com/v1beta/files/x",
                at=AT,
            ),
        ),
    ],
)
def test_files_are_addresses_or_names(given: Json, media: Media) -> None:
    assert parts_of({"fileData": given}) == [media]


def test_media_resolution_is_detail() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    [media] = parts_of(part | {"mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}})
    assert media.detail == "high"


@pytest.mark.parametrize(
    "raw",
    [
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"toolCall": {"id": "1"}},
        {"somethingNew": {"a": 1}},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thought": True},
    ],
)
def test_what_only_gemini_has_is_foreign(raw: Json) -> None:
    assert parts_of(raw, role="model") == [Foreign("generate", raw, AT)]


def test_thoughts_and_signatures() -> None:
    assert parts_of(
        {"text": "Hm", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "So"},
        {"function_call": {"name": "f", "args": {"a": 1}}, "thought_signature": "Y2Fs"},
        role="model",
    ) == [
        Thinking("Hm", Signature("generate", "c2ln"), at="$.contents[0].parts[0]"),
        Text("So", at="$.contents[0].parts[1]"),
        ToolCall(
            "call_1", "f", '{"a":1}', signature=Signature("generate", "Y2Fs"), at="$.contents[0].parts[2]"
        ),
    ]


def test_what_a_client_kept_of_a_stream_is_one_message_again() -> None:
    """Google's own client keeps each event as a content of its own."""
    foreign = Signature("messages", "EqQB")
    pieces: list[Json] = [
        {"text": "Let me", "thought": True},
        {"text": " think", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": signatures.write(foreign)},
        {"text": "It "},
        {"text": "is 4"},
        {"text": "", "thoughtSignature": "c2ln"},
        {"text": ""},
    ]
    turn = read(contents=[*HELLO, *({"role": "model", "parts": [piece]} for piece in pieces)])
    assert [message.role for message in turn.messages] == ["user", "assistant"]
    assert turn.messages[1].parts == [
        Thinking("Let me think", foreign, at="$.contents[1].parts[0]"),
        Text("It is 4", signature=Signature("generate", "c2ln"), at="$.contents[4].parts[0]"),
    ]


@pytest.mark.parametrize("keeps_text", [True, False])
@pytest.mark.parametrize("is_redacted", [True, False])
def test_redacted_thinking_survives_clients_that_leave_out_empty_text(
    keeps_text: bool, is_redacted: bool
) -> None:
    proof = signatures.write(Signature("messages", "EqQB"), is_redacted=is_redacted)
    part: Json = {"thought": True, "thoughtSignature": proof} | ({"text": ""} if keeps_text else {})
    expected = Thinking("", Signature("messages", "EqQB"), is_redacted=is_redacted, at=AT)
    assert parts_of(part, role="model") == [expected]


@pytest.mark.parametrize("origin", ["messages", "responses", "chat"])
def test_foreign_signatures_are_base64_in_any_alphabet(origin: str) -> None:
    signature = Signature(origin, "?>~\u00ff" * 9)
    written = signatures.write(signature)
    raw = base64.b64decode(written, validate=True)
    assert signatures.read(written) == (signature, False)
    assert signatures.read(base64.urlsafe_b64encode(raw).decode().rstrip("=")) == (signature, False)


@pytest.mark.parametrize(
    "text", ["c2ln", "ph1.x", "cGgxLg==", "cGgxLg", signatures.DUMMY, "cGgxL!", "cGgxL_8="]
)
def test_signatures_that_are_not_wrapped_are_gemini_s_own(text: str) -> None:
    assert signatures.read(text) == (Signature("generate", text), False)


# Calls and results.


def call(name: str, id: str | None = None) -> Json:
    return {"functionCall": {"name": name, "args": {}} | ({"id": id} if id else {})}


def response(name: str, answer: Any, id: str | None = None, **more: Any) -> Json:
    told = {"name": name, "response": answer} | ({"id": id} if id else {})
    return {"functionResponse": told | more}


def test_calls_without_ids_are_answered_by_name_and_order() -> None:
    first = [
        *HELLO,
        {"role": "model", "parts": [call("f"), call("g"), call("f")]},
        {"role": "user", "parts": [response("g", {}), response("f", {"a": 1}), response("f", {"a": 2})]},
    ]
    later = [
        *first,
        {"role": "model", "parts": [call("f")]},
        {"role": "function", "parts": [response("f", {})]},
    ]
    for contents in (first, later):
        messages = read(contents=contents).messages
        assert [part.id for part in messages[1].parts if isinstance(part, ToolCall)] == [
            "call_1",
            "call_2",
            "call_3",
        ]
        results = [part for part in messages[2].parts if isinstance(part, ToolResult)]
        assert [(part.call_id, part.name) for part in results] == [
            ("call_2", "g"),
            ("call_1", "f"),
            ("call_3", "f"),
        ]
    last = messages[4].parts[0]
    assert isinstance(last, ToolResult)
    assert (messages[4].role, last.call_id) == ("tool", "call_4")


def test_ids_that_are_given_count() -> None:
    messages = read(
        contents=[
            *HELLO,
            {"role": "model", "parts": [call("f", "a"), call("f", "b")]},
            {"role": "user", "parts": [response("f", {}, "b"), response("f", {})]},
        ]
    ).messages
    assert [part.call_id for part in messages[2].parts if isinstance(part, ToolResult)] == ["b", "a"]


def test_an_unanswered_call_of_an_earlier_turn_is_not_answered_later() -> None:
    messages = read(
        contents=[
            {"role": "model", "parts": [call("f", "old")]},
            *HELLO,
            {"role": "model", "parts": [call("f", "new")]},
            {"role": "user", "parts": [response("f", {})]},
        ]
    ).messages
    assert [part.call_id for part in messages[-1].parts if isinstance(part, ToolResult)] == ["new"]


def test_results_stand_before_what_the_user_says() -> None:
    messages = read(
        contents=[
            {"role": "model", "parts": [call("f", "a")]},
            {"role": "user", "parts": [{"text": "There"}, response("f", {"result": "x"}, "a")]},
        ]
    ).messages
    assert [message.role for message in messages] == ["assistant", "tool", "user"]


@pytest.mark.parametrize(
    ("answer", "text", "is_error"),
    [
        ({"result": "warm"}, "warm", False),
        ({"output": "warm"}, "warm", False),
        ({"error": "no"}, "no", True),
        ({"result": 3}, '{"result":3}', False),
        ({"result": "warm", "wind": 3}, '{"result":"warm","wind":3}', False),
        ({}, "{}", False),
        ("warm", "warm", False),
        ([1, 2], "[1,2]", False),
        (None, "", False),
    ],
)
def test_the_words_of_a_result(answer: Any, text: str, is_error: bool) -> None:
    [result] = parts_of(response("f", answer))
    assert [part.text for part in result.parts] == [text]
    assert result.is_error == is_error


def test_pictures_of_a_result() -> None:
    [result] = parts_of(response("f", {}, parts=[{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]))
    path = f"{AT}.functionResponse.parts[0]"
    assert result.parts == [Media("image", "image/png", "aGk=", at=path)]


def test_numbers_of_arguments_keep_their_precision() -> None:
    [found] = parts_of(
        {"functionCall": {"name": "f", "args": {"n": 12345678901234567890123, "x": 0.1}}}, role="model"
    )
    assert found.arguments == '{"n":12345678901234567890123,"x":0.1}'


# Tools.


def test_functions_with_google_s_own_schema() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "max_items": {"type": "INTEGER", "format": "int32"},
            "a": {"type": "STRING", "nullable": True, "enum": ["x", "y"]},
            "b": {
                "type": "ARRAY",
                "min_items": "1",
                "items": {"any_of": [{"type": "NUMBER"}, {"type": "NULL"}]},
            },
            "c": {"anyOf": [{"type": "STRING"}], "nullable": True},
            "d": {"type": "TYPE_UNSPECIFIED", "example": 1},
        },
        "propertyOrdering": ["b", "a"],
        "required": ["a"],
    }
    [tool] = read(tools=[{"function_declarations": [{"name": "f", "parameters": schema}]}]).tools
    assert isinstance(tool, Tool)
    assert tool.at == "$.tools[0].function_declarations[0]"
    assert tool.schema == {
        "type": "object",
        "properties": {
            "b": {
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            },
            "a": {"type": ["string", "null"], "enum": ["x", "y", None]},
            "max_items": {"type": "integer", "format": "int32"},
            "c": {"anyOf": [{"anyOf": [{"type": "string"}]}, {"type": "null"}]},
            "d": {},
        },
        "required": ["a"],
    }
    assert list(tool.schema["properties"]) == ["b", "a", "max_items", "c", "d"]


def test_functions_with_json_schema_beside_tools_of_google() -> None:
    schema = {"type": "object", "properties": {"a_b": {"type": "string"}}, "$defs": {}}
    turn = read(
        tools=[
            {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": schema}]},
            {"google_search": {}, "codeExecution": {}},
        ]
    )
    assert turn.tools == [
        Tool("f", "d", schema, at="$.tools[0].functionDeclarations[0]"),
        HostedTool("web_search", "generate", {"googleSearch": {}}, "$.tools[1].google_search"),
        HostedTool("other", "generate", {"codeExecution": {}}, "$.tools[1].codeExecution"),
    ]


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "VALIDATED"}, ToolChoice("auto")),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "any", "allowed_function_names": ["f"]}, ToolChoice("required", ["f"])),
        ({}, ToolChoice("auto")),
    ],
)
def test_tool_choice(config: Json, choice: ToolChoice) -> None:
    turn = read(tool_config={"function_calling_config": config})
    assert turn.tool_choice == choice
    assert turn.at == {"tool_choice": "$.tool_config.function_calling_config"}


# Whatever comes in.

ALL: Json = {
    "systemInstruction": {"parts": [{"text": "a"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}, "parts": []}}]},
        {"role": "user", "parts": [{"fileData": {"fileUri": "gs://a"}, "mediaResolution": {"level": "X"}}]},
    ],
    "tools": [
        {"functionDeclarations": [{"name": "f", "parameters": {"properties": {}, "propertyOrdering": []}}]}
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "topK": 1,
        "temperature": 1,
        "stopSequences": ["a"],
        "responseSchema": {"type": "OBJECT", "items": {}, "enum": ["a"], "nullable": True},
        "responseFormat": {"text": {"mimeType": "application/json", "schema": {}}},
        "thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"},
        "responseModalities": ["TEXT"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    },
    "serviceTier": "flex",
}


def places(value: Any) -> list[Any]:
    """Every object and list inside, with a key of each member."""
    members = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    found = [(value, key) for key, _ in members]
    return found + [
        place for _, inner in members if isinstance(inner, dict | list) for place in places(inner)
    ]


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "nan", "1e999", "7", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["text", "a_b", ""]), inner),
    max_leaves=4,
)


@settings(max_examples=300)
@given(st.data())
def test_odd_values_are_refused_or_understood(data: st.DataObject) -> None:
    body = copy.deepcopy(ALL)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(body)))
        holder[key] = data.draw(odd)
    try:
        turn = dialect.read_request(body)
    except BadRequest:
        return
    assert turn.temperature is None or math.isfinite(turn.temperature)


def test_a_schema_without_a_bottom_is_refused() -> None:
    schema: Json = {}
    for _ in range(5000):
        schema = {"items": schema}
    with pytest.raises(BadRequest):
        read(tools=[{"functionDeclarations": [{"name": "f", "parameters": schema}]}])
