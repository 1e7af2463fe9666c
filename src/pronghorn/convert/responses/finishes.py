"""Why an answer ended, between the status of a response and our words."""

from typing import Any

from pronghorn.convert.turn import Finish, Json

_REASONS: dict[Finish, str] = {
    "length": "max_output_tokens",
    "truncated": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def read(response: Json, *, has_calls: bool, has_refusal: bool) -> Finish:
    """Calls of an answer that was cut short by a limit are not to be made."""
    status = response.get("status")
    if status in ("failed", "cancelled"):
        return "error"
    if status == "incomplete":
        return (
            "content_filter" if reason(response.get("incomplete_details")) == "content_filter" else "length"
        )
    return "tool_calls" if has_calls else "refusal" if has_refusal else "stop"


def reason(details: Any) -> Any:
    return details.get("reason") if isinstance(details, dict) else None


def write(finish: Finish, detail: Json | None, *, has_refusal: bool) -> Json:
    """The fields that say it. A refusal in words of its own is an ordinary end."""
    if finish == "error":
        message = detail.get("message") if detail is not None else None
        said = message if isinstance(message, str) and message else "The model could not finish its answer."
        error = {"code": "server_error", "message": said}
        return {"status": "failed", "error": error, "incomplete_details": None}
    word = None if finish == "refusal" and has_refusal else _REASONS.get(finish)
    if word is None:
        return {"status": "completed", "error": None, "incomplete_details": None}
    return {"status": "incomplete", "error": None, "incomplete_details": {"reason": word}}
