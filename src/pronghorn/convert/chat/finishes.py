"""Why an answer ended, between chat's words (and those of its imitators) and ours."""

from typing import Any

from pronghorn.convert.turn import Finish

FAILURES = frozenset(("error", "network_error", "insufficient_system_resource"))
"""What OpenRouter, Zhipu and DeepSeek say of an answer that they could not finish."""
_READ: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "refusal": "refusal",
    **dict.fromkeys(FAILURES, "error"),
}
_WRITTEN: dict[Finish, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
    "truncated": "length",
    "error": "length",
}


def read(word: Any, *, has_calls: bool, has_refusal: bool) -> Finish:
    """A vendor may say `stop` whatever it was; calls that were cut short by the limit are not to be made."""
    finish = _READ.get(str(word).lower(), "stop")
    if finish in ("stop", "tool_calls"):
        return "tool_calls" if has_calls else "refusal" if has_refusal else "stop"
    return finish


def write(finish: Finish, *, has_calls: bool, has_refusal: bool) -> str:
    """A refusal that has words of its own is an ordinary end in chat."""
    if finish == "refusal" and has_refusal:
        return "stop"
    if finish == "stop" and has_calls:
        return "tool_calls"
    return _WRITTEN[finish]
