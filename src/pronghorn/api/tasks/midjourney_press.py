"""Midjourney's buttons and dialogs: what goes on from a finished task of the caller, on the account that made it."""

from typing import cast

import msgspec

from pronghorn.api.tasks.door import Answer, Asked, take
from pronghorn.api.tasks.midjourney_answers import FAMILY, result, submitted
from pronghorn.api.tasks.midjourney_given import Body, body_of, refused, text_of
from pronghorn.api.tasks.midjourney_submit import finished, submit, wanted_of
from pronghorn.errors import Conflict, PronghornError, UpstreamError
from pronghorn.kit.ids import request_id
from pronghorn.tasks.asking import LOOKING
from pronghorn.tasks.view import View
from pronghorn.upstream import Deadlines
from pronghorn.vendors.midjourney import MidjourneyAdapter
from pronghorn.vendors.task import Ask, neutral
from pronghorn.wire.midjourney import buttons, prompt, words
from pronghorn.wire.midjourney.buttons import Change

SEEDING = LOOKING._replace(first_byte=65.0, total=70.0)
"""A server asks the bot itself, and waits a minute for its answer."""


async def act(asked: Asked, speed: str) -> Answer:
    body = body_of(asked, "content")
    custom_id = text_of(body, "customId", "custom_id_is_required")
    parent = await finished(asked, text_of(body, "taskId", "task_id_is_required"))
    press = buttons.read(custom_id)
    has_it = any(button.get("customId") == custom_id for button in words.buttons_of(parent.data))
    if press is None or not has_it:
        raise refused(f"unknown_action:{custom_id[:200]}", "the task has no such button")
    if press.action == buttons.BOOKMARK:
        return await _bookmark(asked, parent, custom_id)
    if press.action == buttons.IMAGINE_ALL:
        return await _imagine_all(asked, speed, body, parent)
    return await submit(asked, speed, press.action, body, parent)


async def _imagine_all(asked: Asked, speed: str, body: Body, parent: View) -> Answer:
    """A job for each prompt that the parent has: each is a task with its own price. Tells those that were taken."""
    data = parent.data if isinstance(parent.data, dict) else {}
    texts = prompt.numbered(str(data.get("promptEn") or ""))
    common = {name: value for name, value in body.items() if name not in ("customId", "taskId")}
    taken: list[View] = []
    for text in texts:
        wanted = wanted_of(speed, "imagine", common | {"prompt": text}, parent)
        incoming = msgspec.structs.replace(asked.incoming, id=request_id()) if taken else asked.incoming
        try:
            taken.append(await asked.tasks.submit(incoming, asked.grant, wanted))
        except PronghornError:
            if not taken:
                raise
            break  # those that were taken run, and are told
    if not taken:
        raise refused("unknown_action", "the task has no prompts")
    return result(",".join(view.id for view in taken), description="Submit success")


async def change(asked: Asked, speed: str) -> Answer:
    """A button by action and number."""
    body = body_of(asked, "customId", "content")
    task_id = text_of(body, "taskId", "task_id_is_required")
    action = text_of(body, "action", "action_is_required").upper()
    if action not in buttons.CHANGES:
        raise refused("unknown_action", "action must be UPSCALE, VARIATION or REROLL")
    index = 0 if action == "REROLL" else take(body, "index", int, 0)
    if action != "REROLL" and not 1 <= index <= 4:
        raise refused("index_is_required", "index must be 1, 2, 3 or 4")
    body["action"] = action
    return await _change(asked, speed, body, task_id, Change(action, index))


async def simple_change(asked: Asked, speed: str) -> Answer:
    body = body_of(asked, "customId", "taskId")
    read = buttons.read_content(text_of(body, "content", "content_is_required"))
    if read is None:
        raise refused("content_parse_failed", "content must be a task id and U1 to U4, V1 to V4 or R")
    task_id, wanted = read
    return await _change(asked, speed, body, task_id, wanted)


async def _change(asked: Asked, speed: str, body: Body, task_id: str, wanted: Change) -> Answer:
    """Servers that show no buttons at all know themselves what may be changed."""
    parent = await finished(asked, task_id)
    shown = words.buttons_of(parent.data)
    if shown and buttons.button_of(shown, wanted) is None:
        raise refused(
            "unknown_action", f"the task has no button for {wanted.action} {wanted.number}".rstrip(" 0")
        )
    return await submit(asked, speed, wanted.action.lower(), body, parent)


async def answer_dialog(asked: Asked, speed: str) -> Answer:
    """A film costs what a film costs, whichever way it is asked for; any other dialog has one price."""
    body = body_of(asked, "customId", "content")
    view = await asked.task(text_of(body, "taskId", "task_id_is_required"), FAMILY)
    if view is None:
        raise refused("task_not_found")
    if view.state != "waiting_input":
        raise refused("task_status_not_modal", "the task does not wait for a dialog's answer")
    wanted = wanted_of(speed, "modal", body, view, kind="video" if view.action == "video" else "modal")
    return submitted(asked, await asked.tasks.answer_dialog(asked.incoming, asked.grant, wanted, view))


async def cancel(asked: Asked, _speed: str, task_id: str) -> Answer:
    view = await asked.task(task_id, FAMILY)
    if view is None:
        raise refused("task_no_found")
    if not view.is_over:
        view = await asked.tasks.cancel(view)
    if view.state != "cancelled":
        raise refused("task_has_ended", f"it ended before: {view.state}")
    return result(view.id)


async def seed(asked: Asked, _speed: str, task_id: str) -> Answer:
    view = await asked.task(task_id, FAMILY)
    if view is None:
        raise refused("task_no_found")
    if view.state != "succeeded":
        raise refused("task_status_not_success")
    return result(await _said(asked, view, _adapter(asked, view).seed(view.upstream_id or ""), SEEDING))


async def _bookmark(asked: Asked, parent: View, custom_id: str) -> Answer:
    """No job, and free: it only marks what is there."""
    await _said(asked, parent, _adapter(asked, parent).bookmark(parent.upstream_id or "", custom_id))
    return result(parent.id, description="Submit success")


def _adapter(asked: Asked, view: View) -> MidjourneyAdapter:
    """Whoever offers this family answers this, too."""
    where = asked.tasks.channel_of(view)
    if where is None:
        raise Conflict(
            "the account that made this task is not here any more; start from a new task",
            code="parent_unavailable",
        )
    return cast(MidjourneyAdapter, where[0].vendor.tasks[FAMILY])


async def _said(asked: Asked, view: View, wanted: Ask | None, deadlines: Deadlines = LOOKING) -> str:
    if wanted is None:
        raise refused("unknown_relay_action", "not supported by this channel")
    status, reply = await asked.tasks.ask(view, wanted, deadlines)
    if status != 200 or not isinstance(reply, dict) or reply.get("code") != words.SUCCESS:
        told = neutral(str(reply.get("description") or "")) if isinstance(reply, dict) else ""
        raise UpstreamError(told or f"the vendor answered with status {status}")
    return str(reply.get("result"))
