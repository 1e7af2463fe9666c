"""The settings of a Realtime session: what they are at first, and which changes are accepted.

Only the shape of today's API is known; fields of the beta are refused by name.
"""

import copy
import time
from typing import Any

from pronghorn.kit.ids import new_id
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.openai.responses_refusal import missing, not_among, unknown, wrong_type

Shape = dict[str, Any]

SESSION_S = 3_600
FORMATS = ("audio/pcm", "audio/pcmu", "audio/pcma")
MAX_OUTPUT_TOKENS = 4_096
_INPUT = ("format", "transcription", "noise_reduction", "turn_detection")
_OUTPUT = ("format", "voice", "speed")
_FIELDS = (
    "type",
    "model",
    "output_modalities",
    "instructions",
    "audio",
    "include",
    "tracing",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "max_output_tokens",
    "truncation",
    "prompt",
)
_TRANSCRIPTION_FIELDS = ("type", "audio", "include")
_RESPONSE_FIELDS = (
    "output_modalities",
    "instructions",
    "audio",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "max_output_tokens",
    "prompt",
    "conversation",
    "metadata",
    "input",
)
_SERVER_VAD: Shape = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: Shape = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}


def new(model: str, kind: str = "realtime") -> Shape:
    """A session, which is `realtime` or `transcription`, as it is before any change."""
    listening = {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": dict(_SERVER_VAD)}
    common = {"type": kind, "id": new_id("sess"), "expires_at": int(time.time()) + SESSION_S}
    if kind == "transcription":
        _forget_answers(listening)
        heard = {"transcription": {"model": model or "whisper-1"}}
        return common | {"object": "realtime.transcription_session", "audio": {"input": listening | heard}}
    speaking = {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "alloy", "speed": 1.0}
    return common | {
        "object": "realtime.session",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "audio": {"input": listening, "output": speaking},
    }


def changed(session: Shape, change: Any) -> Shape:
    """The session with the change applied. Raises `SandboxError`, and then nothing has changed."""
    change = _object(change, "session")
    if change.get("type") is None:
        raise missing("session.type")
    if change["type"] != session["type"]:
        raise not_among("session.type", change["type"], (session["type"],))
    fields = _FIELDS if session["type"] == "realtime" else _TRANSCRIPTION_FIELDS
    if change.get("model", session.get("model")) != session.get("model"):
        raise SandboxError("The model of a session cannot be changed.", param="session.model")
    return _applied(session, change, fields, "session")


def for_response(session: Shape, given: Any) -> Shape:
    """The session as one `response.create` wants it. Raises `SandboxError`."""
    return _applied(session, _object(given, "response"), _RESPONSE_FIELDS, "response")


def listening(session: Shape) -> Shape:
    """`audio.input`."""
    found: Shape = session["audio"]["input"]
    return found


def detection(session: Shape) -> Shape | None:
    """How turns are detected, with all that `server_vad` says; None for push to talk."""
    given = listening(session)["turn_detection"]
    return None if given is None else _SERVER_VAD | given


def _applied(session: Shape, change: Shape, fields: tuple[str, ...], place: str) -> Shape:
    _check_fields(change, fields, place)
    made = copy.deepcopy(session) | {name: value for name, value in change.items() if name != "audio"}
    audio = _object(change.get("audio"), f"{place}.audio")
    _check_fields(audio, tuple(made["audio"]), f"{place}.audio")
    for side, known in (("input", _INPUT), ("output", _OUTPUT)):
        if audio.get(side) is not None:
            given = _object(audio[side], f"{place}.audio.{side}")
            _check_fields(given, known, f"{place}.audio.{side}")
            _set_audio(made["audio"][side], given, f"{place}.audio.{side}")
    if made["type"] == "transcription":
        _forget_answers(made["audio"]["input"])
    else:
        _check_answer(made, place)
    return made


def _forget_answers(listening: Shape) -> None:
    """Where nobody answers, turns have no settings for answers."""
    for name in ("create_response", "interrupt_response"):
        (listening["turn_detection"] or {}).pop(name, None)


def _set_audio(audio: Shape, given: Shape, place: str) -> None:
    for name, value in given.items():
        here = f"{place}.{name}"
        if name == "turn_detection":
            audio[name] = _turn_detection(value, here)
        elif value is None:
            audio.pop(name, None)
        elif name == "format":
            audio[name] = _format(value, here)
        elif name == "speed":
            _check_number(value, 0.25, 1.5, here)
            audio[name] = value
        elif name == "voice":
            audio[name] = _voice(value, here)
        else:
            audio[name] = _object(value, here)


def _turn_detection(value: Any, place: str) -> Shape | None:
    if value is None:
        return None
    given = _object(value, place)
    kinds = {"server_vad": _SERVER_VAD, "semantic_vad": _SEMANTIC_VAD}
    if given.get("type") not in tuple(kinds):
        raise not_among(f"{place}.type", given.get("type"), kinds)
    known = kinds[given["type"]]
    _check_fields(
        given, (*known, "idle_timeout_ms") if given["type"] == "server_vad" else tuple(known), place
    )
    for name, high in (("threshold", 1), ("prefix_padding_ms", 10_000), ("silence_duration_ms", 10_000)):
        _check_number(given.get(name, 0), 0, high, f"{place}.{name}")
    return known | given


def _format(value: Any, place: str) -> Shape:
    kind = _object(value, place).get("type")
    if kind not in FORMATS:
        raise not_among(f"{place}.type", kind, FORMATS)
    return {"type": kind, "rate": 24_000} if kind == "audio/pcm" else {"type": kind}


def _voice(value: Any, place: str) -> str:
    name = value.get("id") if isinstance(value, dict) else value
    if not isinstance(name, str) or not name:
        raise not_among(place, name, ("alloy", "marin", "cedar"))
    return name


def _check_answer(session: Shape, place: str) -> None:
    """How answers are to be made."""
    if session["output_modalities"] not in (["audio"], ["text"]):
        raise not_among(f"{place}.output_modalities", session["output_modalities"], ("['text']", "['audio']"))
    limit = session["max_output_tokens"]
    if limit != "inf":
        _check_number(limit, 1, MAX_OUTPUT_TOKENS, f"{place}.max_output_tokens", is_whole=True)
    if not isinstance(session["instructions"], str):
        raise SandboxError(
            "The instructions are no text.", param=f"{place}.instructions", code="invalid_type"
        )
    tools = session["tools"]
    if not isinstance(tools, list):
        raise SandboxError("The tools are no array.", param=f"{place}.tools", code="invalid_type")
    for index, tool in enumerate(tools):
        if _object(tool, f"{place}.tools[{index}]").get("type") != "function":
            raise not_among(f"{place}.tools[{index}].type", tool.get("type"), ("function",))
        if not isinstance(tool.get("name"), str):
            raise missing(f"{place}.tools[{index}].name")
        _object(tool.get("parameters"), f"{place}.tools[{index}].parameters")
    choice = session["tool_choice"]
    if choice not in ("none", "auto", "required"):
        named = _object(choice, f"{place}.tool_choice").get("name")
        if named not in [tool["name"] for tool in tools]:
            raise SandboxError(f"Tool choice '{named}' not found in tools.", param=f"{place}.tool_choice")


def _object(value: Any, place: str) -> Shape:
    if value is not None and not isinstance(value, dict):
        raise wrong_type(place, "an object")
    return value or {}


def _check_fields(given: Shape, known: tuple[str, ...], place: str) -> None:
    for name in given:
        if name not in known:
            raise unknown(f"{place}.{name}")


def _check_number(value: Any, low: float, high: float, place: str, *, is_whole: bool = False) -> None:
    sort = int if is_whole else int | float
    if isinstance(value, bool) or not isinstance(value, sort) or not low <= value <= high:
        raise SandboxError(
            f"Invalid '{place}': must be from {low} to {high}.", param=place, code="invalid_value"
        )
