"""A whole chat answer, read: OpenAI's, and those of vendors that add reasoning, pictures or odd finish words."""

from typing import Any

from pronghorn.convert.chat import citations, finishes, logprobs, media, reasoning
from pronghorn.convert.chat.messages_in import arguments_text
from pronghorn.convert.chat.usage_in import read_usage
from pronghorn.convert.events import new_call_id
from pronghorn.convert.turn import Choice, Json, Part, Refusal, Reply, Text, ToolCall

_BODY = frozenset(
    {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "service_tier",
        "system_fingerprint",
        "citations",
    }
)
_CHOICE = frozenset({"index", "message", "finish_reason", "native_finish_reason", "logprobs"})
_MESSAGE = frozenset(
    {"role", "content", "refusal", "annotations", "tool_calls", "function_call", "audio", "images"}
    | {"reasoning_content", "reasoning", "reasoning_details", "extra_content"}
)


def read_reply(body: Json) -> Reply:
    """Never raises: what makes no sense is left out, and named in `unknown` where it was something."""
    unknown: list[str] = []
    _note(body, _BODY, "$", unknown)
    found = body.get("choices")
    choices = [
        _read_choice(choice, f"$.choices[{index}]", unknown)
        for index, choice in enumerate(found if isinstance(found, list) else ())
        if isinstance(choice, dict)
    ]
    _cite_all(body, choices)
    created, tier = body.get("created"), body.get("service_tier")
    return Reply(
        _text(body.get("id")),
        _text(body.get("model")),
        choices,
        read_usage(body.get("usage")),
        int(created) if isinstance(created, int | float) else 0,
        _text(tier),
        unknown,
    )


def _note(members: Json, known: frozenset[str], at: str, unknown: list[str]) -> None:
    odd = members.keys() - known
    if odd:
        unknown += [f"{at}.{name}" for name in sorted(odd) if members[name] not in (None, [], {})]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _read_choice(choice: Json, at: str, unknown: list[str]) -> Choice:
    _note(choice, _CHOICE, at, unknown)
    message = choice.get("message")
    parts = _read_message(message, f"{at}.message", unknown) if isinstance(message, dict) else []
    return Choice(
        parts,
        finishes.read(
            choice.get("finish_reason"),
            has_calls=any(isinstance(part, ToolCall) for part in parts),
            has_refusal=any(isinstance(part, Refusal) for part in parts),
        ),
        logprobs=logprobs.read(choice.get("logprobs")),
    )


def _read_message(message: Json, at: str, unknown: list[str]) -> list[Part]:
    _note(message, _MESSAGE, at, unknown)
    parts: list[Part] = list(reasoning.read_thinking(message))
    content = message.get("content")
    if isinstance(content, str):
        if content:
            parts.append(Text(content))
    elif isinstance(content, list):
        for index, entry in enumerate(content):
            _read_part(entry, f"{at}.content[{index}]", parts, unknown)
    _decorate(message, parts)
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append(Refusal(refusal))
    _read_made(message, parts)
    _read_calls(message, parts)
    return parts


def _read_part(entry: Any, at: str, parts: list[Part], unknown: list[str]) -> None:
    """One entry of a content that is a list, as Mistral's is."""
    before = len(parts)
    if isinstance(entry, dict):
        kind = entry.get("type")
        if kind == "thinking":
            text = thinking_text(entry)
            parts += reasoning.read_thinking({"reasoning": text})
        elif kind == "refusal" and isinstance(entry.get("refusal"), str):
            parts.append(Refusal(entry["refusal"]))
        elif isinstance(entry.get("text"), str):
            parts.append(Text(entry["text"]))
        elif (image := media.read_answer_image(entry)) is not None:
            parts.append(image)
    if len(parts) == before:
        unknown.append(at)


def thinking_text(entry: Json) -> str:
    """Of Mistral's part, whose text is a string or a list of texts."""
    found = entry.get("thinking")
    if isinstance(found, list):
        return "".join(_text(piece.get("text")) for piece in found if isinstance(piece, dict))
    return _text(found)


def _decorate(message: Json, parts: list[Part]) -> None:
    """Citations and a signature belong to the last text."""
    cited = citations.read_all(message.get("annotations"))
    signature = reasoning.read_thought(message, reasoning.NAME) if "extra_content" in message else None
    if not cited and signature is None:
        return
    text = next((part for part in reversed(parts) if isinstance(part, Text)), None)
    if text is None:
        text = Text("")
        parts.append(text)
    text.citations, text.signature = cited, signature


def _cite_all(body: Json, choices: list[Choice]) -> None:
    for choice in choices:
        text = next((part for part in choice.parts if isinstance(part, Text)), None)
        if text is not None and not text.citations:
            text.citations = citations.of_answer(body)


def _read_made(message: Json, parts: list[Part]) -> None:
    images, audio = message.get("images"), message.get("audio")
    for entry in images if isinstance(images, list) else ():
        image = media.read_answer_image(entry)
        if image is not None:
            image.signature = reasoning.read_thought(entry, reasoning.NAME)
            parts.append(image)
    sound = media.spoken(audio) if isinstance(audio, dict) else None
    if sound is not None:
        parts.append(sound)


def _read_calls(message: Json, parts: list[Part]) -> None:
    found, legacy = message.get("tool_calls"), message.get("function_call")
    calls = found if isinstance(found, list) else []
    if not calls and isinstance(legacy, dict):
        calls = [{"function": legacy}]
    for entry in calls:
        call = read_call(entry) if isinstance(entry, dict) else None
        if call is not None:
            call.id = call.id or new_call_id()
            parts.append(call)


def read_call(entry: Json) -> ToolCall | None:
    """A call or what a delta tells of one; its id may be empty."""
    is_custom = entry.get("type") == "custom" or "custom" in entry
    inner = entry.get("custom" if is_custom else "function")
    if not isinstance(inner, dict):
        return None
    return ToolCall(
        _text(entry.get("id")),
        _text(inner.get("name")),
        arguments_text(inner.get("input" if is_custom else "arguments")),
        is_custom,
        reasoning.read_thought(entry, reasoning.NAME) if "extra_content" in entry else None,
    )
