"""Midjourney jobs that begin with a request: pictures from words and from pictures, films, and what is told of them."""

from pronghorn.api.tasks.door import Answer, Asked, take, take_callback
from pronghorn.api.tasks.midjourney_answers import FAMILY, submitted
from pronghorn.api.tasks.midjourney_given import Body, body_of, refused, speed_of, text_of
from pronghorn.tasks.draft import Wanted
from pronghorn.tasks.view import View

PRESSING = ("customId", "content", "taskId")
"""Members that go on from another task; here they would have one pressed that nobody has looked at."""


async def imagine(asked: Asked, speed: str) -> Answer:
    body = body_of(asked, *PRESSING)
    text_of(body, "prompt", "prompt_is_required")
    return await submit(asked, speed, "imagine", body)


async def blend(asked: Asked, speed: str) -> Answer:
    body = body_of(asked, *PRESSING)
    if not 2 <= len(take(body, "base64Array", list, [])) <= 5:
        raise refused("bind_request_body_failed", "base64Array must hold 2 to 5 pictures")
    return await submit(asked, speed, "blend", body)


async def describe(asked: Asked, speed: str) -> Answer:
    body = body_of(asked, *PRESSING)
    _check_one(body, "base64", "link")
    return await submit(asked, speed, "describe", body)


async def shorten(asked: Asked, speed: str) -> Answer:
    body = body_of(asked, *PRESSING)
    text_of(body, "prompt", "prompt_is_required")
    return await submit(asked, speed, "shorten", body)


async def edits(asked: Asked, speed: str) -> Answer:
    body = body_of(asked, *PRESSING)
    text_of(body, "prompt", "prompt_is_required")
    _check_one(body, "image")
    return await submit(asked, speed, "edits", body)


async def video(asked: Asked, speed: str) -> Answer:
    """A film from a picture; or with `action` a clip of another film goes on."""
    body = body_of(asked, "customId", "content")
    if take(body, "action", str, "") not in ("", "extend"):
        raise refused("unknown_action", "action must be extend, or left out")
    if not body.get("action"):
        body.pop("taskId", None)
        _check_one(body, "image")
        return await submit(asked, speed, "video", body)
    if body.get("index") is None:
        raise refused("index_is_required", "which clip of the task, from 0 to 3")
    parent = await finished(asked, text_of(body, "taskId", "task_id_is_required"))
    return await submit(asked, speed, "video", body, parent)


async def upload(asked: Asked, speed: str) -> Answer:
    body = body_of(asked, *PRESSING)
    if not take(body, "base64Array", list, []):
        raise refused("bind_request_body_failed", "base64Array must hold a picture")
    return await submit(asked, speed, "upload", body)


async def swap_face(asked: Asked, speed: str) -> Answer:
    body = body_of(asked, *PRESSING)
    if not (body.get("sourceBase64") or body.get("sourceUrl")) or not (
        body.get("targetBase64") or body.get("targetUrl")
    ):
        raise refused("sour_base64_and_target_base64_is_required")
    return await submit(asked, speed, "swap-face", body)


def _check_one(body: Body, *names: str) -> None:
    if not any(body.get(name) for name in names):
        raise refused("bind_request_body_failed", f"{' or '.join(names)} is required")


async def finished(asked: Asked, task_id: str) -> View:
    """The caller's own, which has succeeded. Raises `BadRequest`."""
    view = await asked.task(task_id, FAMILY)
    if view is None:
        raise refused("task_not_found")
    if view.state != "succeeded":
        raise refused("task_status_not_success")
    return view


async def submit(asked: Asked, speed: str, action: str, body: Body, parent: View | None = None) -> Answer:
    wanted = wanted_of(speed, action, body, parent)
    return submitted(asked, await asked.tasks.submit(asked.incoming, asked.grant, wanted))


def wanted_of(speed: str, action: str, body: Body, parent: View | None, kind: str = "") -> Wanted:
    callback = take_callback(body)
    found = speed_of(speed, body, parent)
    return Wanted(
        family=FAMILY,
        action=action,
        kind=f"{kind or action}/{found}",
        body=body,
        speed=found,
        label=take(body, "state", str, ""),
        callback=callback,
        parent=parent,
    )
