"""A request in the plain chat shape that decides the sandbox's answers, with what its media cost on the way."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pronghorn.kit.later import Later
from pronghorn.sandbox import counting
from pronghorn.sandbox.gemini import models
from pronghorn.sandbox.gemini.media import look
from pronghorn.sandbox.gemini.schema import as_json_schema
from pronghorn.sandbox.openai import chat_prompt

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image")


MIN_CACHED_TOKENS = 1024

Shape = dict[str, Any]


@dataclass(slots=True)
class Turn:
    """`body` and `messages` are what OpenAI would have been sent."""

    model: str
    body: Shape
    messages: list[Shape]
    config: Shape
    pictures: "list[Image.Image]" = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    """Modality to tokens of the whole prompt."""
    cached: dict[str, int] = field(default_factory=dict)
    """The same of what was sent before: all up to the model's last turn, if it is long enough to be kept."""

    @property
    def prompt(self) -> str:
        return chat_prompt.last_user_text(self.messages)


async def read(body: Shape, model: str) -> Turn:
    """Raises `SandboxError` for media that cannot be read."""
    config = body.get("generationConfig", {})
    turn = Turn(model, {}, [], config)
    if system := body.get("systemInstruction"):
        turn.messages.append({"role": "system", "content": await _plain(turn, system["parts"])})
    if tools := body.get("tools"):
        _count(turn, "TEXT", counting.count(json.dumps(tools, ensure_ascii=False)))
    for content in body["contents"]:
        if content.get("role") == "model" and sum(turn.tokens.values()) >= MIN_CACHED_TOKENS:
            turn.cached = dict(turn.tokens)
        await _add(turn, content)
    functions, choice = _functions(body)
    turn.body = {
        "model": model,
        "reasoning_effort": "low" if thinks(config, model) else "none",
        "max_tokens": config.get("maxOutputTokens"),
        "stop": config.get("stopSequences"),
        "tools": functions,
        "tool_choice": choice,
        "response_format": _format(config),
    }
    return turn


def thinks(config: Shape, model: str) -> bool:
    """Whether it thinks before it answers: what is asked for counts, else what the model does by itself."""
    thinking = config.get("thinkingConfig", {})
    if not models.can_think(model) or thinking.get("thinkingBudget") == 0:
        return False
    if thinking.get("thinkingLevel") == "MINIMAL":
        return False
    is_asked = "thinkingBudget" in thinking or "thinkingLevel" in thinking or thinking.get("includeThoughts")
    return bool(is_asked) or (models.version(model) != (0, 0) and "lite" not in model)


async def _add(turn: Turn, content: Shape) -> None:
    """One content is several messages if it holds answers of functions."""
    parts = content["parts"]
    if content.get("role") == "model":
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        message: Shape = {"role": "assistant", "content": await _plain(turn, parts)}
        if calls:
            message["tool_calls"] = [{"type": "function", "function": _called(turn, call)} for call in calls]
        turn.messages.append(message)
        return
    for part in parts:
        if "functionResponse" in part:
            told = part["functionResponse"]
            _count(turn, "TEXT", counting.count(json.dumps(told["response"], ensure_ascii=False)))
            shown = await _plain(turn, told.get("parts", []))
            text = {"type": "text", "text": _told(told["response"])}
            turn.messages.append(
                {"role": "tool", "tool_call_id": told.get("id", ""), "content": [text, *shown]}
            )
    rest = [part for part in parts if "functionResponse" not in part]
    if rest:
        turn.messages.append({"role": "user", "content": await _plain(turn, rest)})


async def _plain(turn: Turn, parts: list[Shape]) -> list[Shape]:
    found: list[Shape] = []
    for part in parts:
        medium = await look(part)
        if medium is not None:
            _count(turn, medium.modality, medium.tokens)
            found.append(medium.plain)
            if medium.picture is not None:
                turn.pictures.append(medium.picture)
        elif "text" in part:
            _count(turn, "TEXT", counting.count(part["text"]))
            found.append({"type": "text", "text": part["text"]})
    return found


def _count(turn: Turn, modality: str, tokens: int) -> None:
    turn.tokens[modality] = turn.tokens.get(modality, 0) + tokens


def _called(turn: Turn, call: Shape) -> Shape:
    arguments = json.dumps(call.get("args", {}), ensure_ascii=False)
    _count(turn, "TEXT", counting.count(call["name"] + arguments))
    return {"name": call["name"], "arguments": arguments}


def _told(response: Shape) -> str:
    """The words of the answer alone, if it holds nothing else."""
    words = [response.get(name) for name in ("result", "output") if name in response]
    if len(response) == 1 and words and isinstance(words[0], str):
        return words[0]
    return json.dumps(response, ensure_ascii=False)


def _functions(body: Shape) -> tuple[list[Shape], str]:
    """The functions that may be called, and whether one must be."""
    config = body.get("toolConfig", {}).get("functionCallingConfig", {})
    allowed = config.get("allowedFunctionNames")
    declared = [one for tool in body.get("tools", ()) for one in tool.get("functionDeclarations", ())]
    functions = [
        {"type": "function", "function": {"name": one["name"], "parameters": _parameters(one)}}
        for one in declared
        if not allowed or one["name"] in allowed
    ]
    return functions, {"ANY": "required", "NONE": "none"}.get(config.get("mode", "AUTO"), "auto")


def _parameters(declared: Shape) -> Any:
    if "parametersJsonSchema" in declared:
        return declared["parametersJsonSchema"]
    return as_json_schema(declared["parameters"]) if "parameters" in declared else {"type": "object"}


def _format(config: Shape) -> Shape | None:
    wanted = config.get("responseFormat", {}).get("text", {})
    is_json = "json" in config.get("responseMimeType", wanted.get("mimeType", "")).lower()
    if not is_json:
        return None
    schema = json_schema(config) or wanted.get("schema")
    if not schema:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def json_schema(config: Shape) -> Any:
    """The schema of the answer; None if there is none."""
    if "responseSchema" in config:
        return as_json_schema(config["responseSchema"])
    return config.get("responseJsonSchema") or config.get("_responseJsonSchema")
