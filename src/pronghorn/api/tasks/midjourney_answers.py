"""How Midjourney requests are answered: `code`, `description` and `result`; errors are flat and have a code, too."""

from typing import Any

import msgspec

from pronghorn.api.tasks.door import Answer, Asked
from pronghorn.convert.errors import JSON_HEADER, Rendered
from pronghorn.errors import LimitReached, PronghornError, UpstreamLimited, UpstreamRejected
from pronghorn.tasks.view import View
from pronghorn.wire.midjourney import words

FAMILY = "midjourney"
_WORDS = {
    400: "bind_request_body_failed",
    402: "quota_not_enough",
    409: "task_status_conflict",
    502: "do_request_failed",
    504: "do_request_failed",
}
"""What gateways of this protocol say, where the error has no word of its own."""
_AT_THE_DOOR = (401, 403, 404, 405, 413, 415, 503)
"""Statuses of what never got as far as a task."""


def shown(asked: Asked, view: View) -> Any:
    return asked.tasks.families[FAMILY].shown(view, asked.link(view))


def submitted(asked: Asked, view: View) -> Answer:
    said: dict[str, Any] = view.job.answer or {}
    properties = dict(said.get("properties") or {})
    if view.state == "succeeded" and said.get("code") == words.EXISTS:
        properties |= {"status": "SUCCESS", "imageUrl": shown(asked, view)["imageUrl"]}
    return result(
        said.get("result") or view.id,
        said.get("code") or words.SUCCESS,
        said.get("description") or "Submit success",
        properties,
    )


def result(
    value: Any, code: int = words.SUCCESS, description: str = "success", properties: Any = None
) -> Answer:
    return Answer({"code": code, "description": description, "result": value, "properties": properties or {}})


def refusal(error: PronghornError, request_id: str) -> Rendered:
    if isinstance(error, UpstreamRejected) and error.dialect == FAMILY:
        return Rendered(error.upstream_status, [JSON_HEADER], error.body)
    word = _WORDS.get(error.status, error.code) if error.code_word == error.code else error.code_word
    detail = "" if error.message == word else error.message
    is_at_the_door = error.status in _AT_THE_DOOR
    if is_at_the_door:
        detail = f"{detail} (request id: {request_id})"
    body = {
        "description": f"{word} {detail}",
        "type": "new_api_error" if is_at_the_door else "upstream_error",
        "code": _code(error),
    }
    is_plain = error.status < 500 and error.status not in (*_AT_THE_DOOR, 429)
    return Rendered(400 if is_plain else error.status, [JSON_HEADER], msgspec.json.encode(body))


def _code(error: PronghornError) -> int:
    if isinstance(error, LimitReached | UpstreamLimited):
        return words.TOO_MANY
    return words.UNKNOWN if error.status >= 500 else words.INVALID
