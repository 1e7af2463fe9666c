"""Why an answer ended, between Google's words and ours."""

from typing import Any

from pronghorn.convert.turn import Finish, Json

_FILTERS = (
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
)
_READ: dict[str, Finish] = {"MAX_TOKENS": "length", **dict.fromkeys(_FILTERS, "content_filter")}
_WRITTEN: dict[Finish, str] = {
    "length": "MAX_TOKENS",
    "truncated": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "error": "OTHER",
}
_PLAIN = ("STOP", "MAX_TOKENS")
_FAILED_CALLS = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS")


def read(word: Any, *, has_calls: bool) -> Finish:
    """A call comes whole, whatever the word; nothing that was filtered is to be acted on."""
    finish = _READ.get(word, "stop")
    return "tool_calls" if has_calls and finish != "content_filter" else finish


def detail(candidate: Json) -> Json | None:
    """What the vendor says of an end that is out of the ordinary."""
    if candidate.get("finishReason") in _PLAIN:
        return None
    names = ("finishReason", "finishMessage", "safetyRatings")
    return {name: candidate[name] for name in names if candidate.get(name)} or None


def note(told: Json | None, *, has_calls: bool) -> str:
    """What the caller reads of a call that failed: without a word the answer would look empty and well."""
    word = told.get("finishReason") if told is not None else None
    if told is None or has_calls or word not in _FAILED_CALLS:
        return ""
    return f"The answer ended without its tool call: {told.get('finishMessage') or word}"


def write(finish: Finish, told: Json | None) -> Json:
    """The fields of a candidate. `told` is the detail, which may be our own."""
    own = told if told is not None and isinstance(told.get("finishReason"), str) else {}
    return {"finishReason": _WRITTEN.get(finish, "STOP")} | own
