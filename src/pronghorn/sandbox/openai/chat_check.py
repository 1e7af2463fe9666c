"""Whether a chat request is one, refused as OpenAI refuses; what it does not know it lets pass."""

from collections.abc import Iterator
from typing import Any

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.openai import schema_form

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
AUDIO_FORMATS = ("wav", "aac", "mp3", "flac", "opus", "pcm16")

_FRACTIONS = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
_WHOLE = {
    "n": (1, 128),
    "top_logprobs": (0, 20),
    "max_tokens": (1, 10_000_000),
    "max_completion_tokens": (1, 10_000_000),
}

Shape = dict[str, Any]


def check(body: Shape) -> list[Shape]:
    """The messages. Raises `SandboxError`."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise SandboxError("you must provide a model parameter", param="model")
    messages = body.get("messages")
    if messages is None:
        raise SandboxError("Missing required parameter: 'messages'.", param="messages")
    if messages == []:
        raise SandboxError("Invalid 'messages': empty array.", param="messages", code="empty_array")
    for param, message in _objects(body, "messages"):
        _check_message(message, param)
    for name, (low, high) in _FRACTIONS.items():
        _check_number(body, name, low, high, (int, float))
    for name, (low, high) in _WHOLE.items():
        _check_number(body, name, low, high, (int,))
    _check_tools(body)
    _check_response_format(body)
    _check_audio(body)
    return list(messages)


def _objects(body: Shape, name: str, path: str = "") -> Iterator[tuple[str, Shape]]:
    """The objects of a list with their places; none if there is no list. Raises `SandboxError` for other things."""
    given = body.get(name)
    path = path or name
    if given is None:
        return
    if not isinstance(given, list):
        raise _wrong_type(path, "an array of objects")
    for index, item in enumerate(given):
        if not isinstance(item, dict):
            raise _wrong_type(f"{path}[{index}]", "an object")
        yield f"{path}[{index}]", item


def _check_message(message: Shape, param: str) -> None:
    if message.get("role") not in ROLES:
        raise SandboxError(
            f"Invalid '{param}.role': expected one of {', '.join(ROLES)}.", param=f"{param}.role"
        )
    if isinstance(message.get("content"), list):
        list(_objects(message, "content", f"{param}.content"))
    elif not isinstance(message.get("content"), str | None):
        raise _wrong_type(f"{param}.content", "a string or an array of objects")
    list(_objects(message, "tool_calls", f"{param}.tool_calls"))


def _check_number(
    body: Shape, name: str, low: float, high: float, types: tuple[type[int] | type[float], ...]
) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, types):
        raise _wrong_type(name, "a number" if float in types else "an integer")
    if not low <= value <= high:
        raise SandboxError(
            f"Invalid '{name}': must be from {low} to {high}.", param=name, code="invalid_value"
        )


def _check_tools(body: Shape) -> None:
    for param, tool in _objects(body, "tools"):
        kind = tool.get("type")
        if kind in ("function", "custom"):
            _check_named(tool.get(kind), f"{param}.{kind}")
    for param, function in _objects(body, "functions"):
        _check_named(function, param)
    for name in ("tool_choice", "function_call"):
        choice = body.get(name)
        if not isinstance(choice, str | dict | None):
            raise _wrong_type(name, "a string or an object")
        for kind in ("function", "custom", "allowed_tools"):
            if isinstance(choice, dict) and not isinstance(choice.get(kind, {}), dict):
                raise _wrong_type(f"{name}.{kind}", "an object")


def _check_named(described: Any, param: str) -> None:
    if not isinstance(described, dict):
        raise _wrong_type(param, "an object")
    if not isinstance(described.get("name"), str) or not described["name"]:
        raise SandboxError(f"Missing required parameter: '{param}.name'.", param=f"{param}.name")
    if described.get("parameters") is not None:
        schema_form.check(described["parameters"], f"{param}.parameters")


def _check_response_format(body: Shape) -> None:
    wanted = body.get("response_format")
    if not isinstance(wanted, dict | None):
        raise _wrong_type("response_format", "an object")
    if wanted is not None and wanted.get("type") == "json_schema":
        described = wanted.get("json_schema")
        if not isinstance(described, dict):
            raise _wrong_type("response_format.json_schema", "an object")
        schema_form.check(described.get("schema") or {}, "response_format.json_schema.schema")


def _check_audio(body: Shape) -> None:
    if not wants_audio(body):
        return
    audio = body.get("audio")
    if not isinstance(audio, dict) or not isinstance(audio.get("voice"), str | dict):
        raise SandboxError("Missing required parameter: 'audio.voice'.", param="audio")
    formats = ("pcm16",) if body.get("stream") is True else AUDIO_FORMATS
    if audio.get("format") not in formats:
        raise SandboxError(
            f"Invalid 'audio.format': expected one of {', '.join(formats)}.",
            param="audio.format",
            code="unsupported_value",
        )


def wants_audio(body: Shape) -> bool:
    modalities = body.get("modalities")
    return isinstance(modalities, list) and "audio" in modalities


def _wrong_type(param: str, wanted: str) -> SandboxError:
    return SandboxError(f"Invalid type for '{param}': expected {wanted}.", param=param, code="invalid_type")
