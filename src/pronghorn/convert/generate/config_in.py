"""`generationConfig`: how to answer, field by field."""

from typing import Any

from pronghorn.convert.fields import wrong
from pronghorn.convert.generate.names import Named
from pronghorn.convert.generate.schema import as_json_schema
from pronghorn.convert.turn import AudioOutput, Json, OutputFormat, Reasoning, Turn

_INTEGERS = {
    "maxOutputTokens": "max_output_tokens",
    "topK": "top_k",
    "candidateCount": "choices",
    "seed": "seed",
}
_NUMBERS = {
    "temperature": "temperature",
    "topP": "top_p",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}
_PLAIN = _INTEGERS.keys() | _NUMBERS.keys()
_SCHEMAS = ("responseJsonSchema", "_responseJsonSchema", "responseSchema")
_LEVELS: dict[str, Any] = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}
_MODALITIES = ("text", "image", "audio")


def give(turn: Turn, name: str, value: Any, at: str) -> None:
    if value is not None:
        setattr(turn, name, value)
        turn.at[name] = at


def read_config(config: Named, turn: Turn) -> None:
    for field, name in _INTEGERS.items():
        if field in config.members:
            give(turn, name, config.integer(field), config.path(field))
    for field, name in _NUMBERS.items():
        if field in config.members:
            give(turn, name, config.number(field), config.path(field))
    if config.members.keys() <= _PLAIN:
        return  # nothing else was said, as in most requests
    give(turn, "stop", config.strings("stopSequences"), config.path("stopSequences"))
    _read_logprobs(config, turn)
    _read_format(config, turn)
    _read_thinking(config.nested("thinkingConfig"), turn)
    _read_modalities(config, turn)
    _read_speech(config.nested("speechConfig"), turn)
    turn.unknown += config.left()


def _read_logprobs(config: Named, turn: Turn) -> None:
    if config.flag("responseLogprobs"):
        give(turn, "logprobs", True, config.path("responseLogprobs"))
        give(turn, "top_logprobs", config.integer("logprobs") or None, config.path("logprobs"))


# The form of the answer.


def _read_format(config: Named, turn: Turn) -> None:
    mime, mime_at = config.text("responseMimeType"), config.path("responseMimeType")
    schema, schema_at = None, ""
    for name in _SCHEMAS:
        if config.has(name) and schema is None:
            schema, schema_at = _read_schema(config, name), config.path(name)
    form = config.nested("responseFormat")
    text = form.nested("text") if form is not None else None
    if text is not None:
        if text.has("mimeType"):
            mime, mime_at = _plain_mime(text.text("mimeType") or ""), text.path("mimeType")
        if text.has("schema"):
            schema, schema_at = text.mapping("schema"), text.path("schema")
        turn.unknown += text.left()
    turn.unknown += form.left() if form is not None else []
    if mime not in (None, "text/plain", "application/json"):
        turn.unknown += [at for at in (mime_at, schema_at) if at]
    elif schema is not None:
        give(turn, "output_format", OutputFormat("json_schema", schema=schema), schema_at)
    elif mime is not None:
        kind = OutputFormat("json_object") if mime == "application/json" else OutputFormat("text")
        give(turn, "output_format", kind, mime_at)


def _read_schema(config: Named, name: str) -> Json | None:
    schema = config.mapping(name)
    return as_json_schema(schema) if schema is not None and name == "responseSchema" else schema


def _plain_mime(name: str) -> str:
    """Either a MIME type or the name of one, such as `APPLICATION_JSON`."""
    return name if "/" in name else name.lower().replace("_", "/", 1)


# Thinking, pictures and sound.


def _read_thinking(found: Named | None, turn: Turn) -> None:
    if found is None:
        return
    budget, level = found.integer("thinkingBudget"), found.text("thinkingLevel")
    reasoning = Reasoning(budget=budget, is_shown=found.flag("includeThoughts"))
    if budget == 0:
        reasoning.effort, reasoning.budget = "none", None
    elif level is not None and level.upper() in _LEVELS:
        reasoning.effort = _LEVELS[level.upper()]
    elif level is not None and level.upper() != "THINKING_LEVEL_UNSPECIFIED":
        raise wrong(found.path("thinkingLevel"), "`MINIMAL`, `LOW`, `MEDIUM` or `HIGH`")
    give(turn, "reasoning", reasoning, found.at)
    turn.unknown += found.left()


def _read_modalities(config: Named, turn: Turn) -> None:
    found, at = config.strings("responseModalities"), config.path("responseModalities")
    if found is None:
        return
    asked = [name.lower() for name in found]
    if all(name in _MODALITIES for name in asked):
        give(turn, "modalities", asked, at)
    else:
        turn.unknown.append(at)


def _read_speech(found: Named | None, turn: Turn) -> None:
    if found is None:
        return
    voice = found.nested("voiceConfig")
    prebuilt = voice.nested("prebuiltVoiceConfig") if voice is not None else None
    if prebuilt is not None:
        give(turn, "audio", AudioOutput(prebuilt.text("voiceName") or ""), prebuilt.path("voiceName"))
        turn.unknown += prebuilt.left()
    turn.unknown += (voice.left() if voice is not None else []) + found.left()
