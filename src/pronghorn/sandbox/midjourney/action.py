"""POST /mj/submit/action, /change, /simple-change and /modal: buttons, and the dialogs that some of them open."""

import asyncio
import re
from dataclasses import replace

from aiohttp import web

from pronghorn.sandbox.errors import json_body
from pronghorn.sandbox.midjourney import answers, buttons, given, making, pressed
from pronghorn.sandbox.midjourney import prompt as prompts
from pronghorn.sandbox.midjourney.answers import INVALID, Refused, UnknownTask
from pronghorn.sandbox.midjourney.buttons import Press
from pronghorn.sandbox.midjourney.desk import DESK
from pronghorn.sandbox.midjourney.drawing import white_area
from pronghorn.sandbox.midjourney.given import Body
from pronghorn.sandbox.midjourney.hook import NOTIFIER
from pronghorn.sandbox.midjourney.pressed import Ask, Dialog, Source
from pronghorn.sandbox.midjourney.submit import accept
from pronghorn.sandbox.midjourney.task import Order, Task
from pronghorn.sandbox.midjourney.work import Work

_CHANGES = {"UPSCALE": "upsample", "VARIATION": "variation", "REROLL": "reroll"}
_SIMPLE_CHANGE = re.compile(r"(\d+) (?:([UV])([1-4])|(R))", re.IGNORECASE)
_LETTERS = {"U": "UPSCALE", "V": "VARIATION"}


async def act(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    custom_id = given.required(body, "customId")
    parent = _parent(request, given.required(body, "taskId"))
    return await _press(request, body, parent, custom_id)


async def change(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    action = given.choice(body, "action", tuple(_CHANGES), "")
    index = 0 if action == "REROLL" else given.number(body, "index", (1, 2, 3, 4))
    return await _change(request, body, given.required(body, "taskId"), action, index)


async def simple_change(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    match = _SIMPLE_CHANGE.fullmatch(given.required(body, "content"))
    if match is None:
        raise Refused(
            INVALID, "content must be a task id and U1 to U4, V1 to V4 or R, as in '1320098173412546 U2'"
        )
    action = "REROLL" if match[4] else _LETTERS[match[2].upper()]
    return await _change(request, body, match[1], action, int(match[3] or 0))


async def _change(
    request: web.Request, body: Body, task_id: str, action: str, index: int
) -> web.StreamResponse:
    """The button of the parent that does the same."""
    parent = _parent(request, task_id)
    start = f"MJ::JOB::{_CHANGES[action]}::{index}::"
    found = next((b["customId"] for b in parent.buttons() if b["customId"].startswith(start)), start)
    return await _press(request, body, parent, found)


def _parent(request: web.Request, task_id: str) -> Task:
    desk = request.app[DESK]
    parent = desk.get(task_id)
    if parent is None:
        raise UnknownTask
    if parent.at(desk.clock.now()).status != "SUCCESS":
        raise Refused(INVALID, "The related task has not succeeded")
    return parent


async def _press(request: web.Request, body: Body, parent: Task, custom_id: str) -> web.StreamResponse:
    if custom_id not in (button["customId"] for button in parent.buttons()):
        raise Refused(INVALID, f"The related task has no button {custom_id}")
    press = buttons.read(custom_id)
    if press.name == "BOOKMARK":
        parent.pressed.add(custom_id)
        return await answers.submitted(request, parent.id)
    source = await _source(request, parent, press)
    order = _order(request, body, parent, press, source, custom_id)
    is_strong = body.get("strong") is True
    parent.pressed.add(custom_id)
    if press.opens_dialog(is_remix=body.get("enableRemix") is True):
        return await _ask(request, order, Dialog(press, source, pressed.suggestion(press, source), is_strong))
    if press.number == "all":
        return await _imagine_all(request, order, source)
    ask = Ask(press, source, prompts.parse(source.prompt), is_strong)
    return await accept(request, order, await asyncio.to_thread(pressed.work_of, ask))


async def _source(request: web.Request, parent: Task, press: Press) -> Source:
    """The parent's picture, and its clip if one goes on or is picked."""
    assert parent.work is not None
    desk = request.app[DESK]
    clip = b""
    if press.name == "video_virtual_upscale" or press.name.endswith("_extend"):
        clip = await desk.clip(parent, max(0, press.index - 1))
    data = await desk.picture(parent)
    return Source(parent.order.action, parent.order.prompt, parent.work, data, clip)


def _order(
    request: web.Request, body: Body, parent: Task, press: Press, source: Source, custom_id: str
) -> Order:
    """A child is drawn as fast as its parent, unless its own request says otherwise."""
    order = given.order(request, body, pressed.action_of(press, source), source.prompt, asked="")
    return replace(
        order.child_of(parent.id),
        bot_type=parent.order.bot_type,
        custom_id=custom_id,
        mode=given.mode(request, body, "") or parent.order.mode,
    )


async def _ask(request: web.Request, order: Order, dialog: Dialog) -> web.StreamResponse:
    """Repainting begins with an empty text, all else with a suggestion."""
    prompt = "" if dialog.press.name == "Inpaint" else dialog.suggested
    task = request.app[DESK].open(replace(order, prompt=prompt), None, dialog)
    return await answers.taken(request, task)


async def _imagine_all(request: web.Request, order: Order, source: Source) -> web.StreamResponse:
    """One task for each text; the answer has all ids, with commas between."""
    ids = []
    for text in source.work.texts:
        task = request.app[DESK].open(replace(order, prompt=text), making.imagined(prompts.parse(text)))
        request.app[NOTIFIER].watch(task, str(request.url.origin()))
        ids.append(task.id)
    return await answers.submitted(request, ",".join(ids))


async def answer_dialog(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    desk = request.app[DESK]
    task = desk.get(given.required(body, "taskId"))
    if task is None:
        raise UnknownTask
    dialog = task.dialog
    if dialog is None or task.at(desk.clock.now()).status != "MODAL":
        raise Refused(INVALID, "The task does not wait for a window")
    given_text = given.text(body, "prompt").strip()
    given.check_words(given_text)
    text = given_text or dialog.suggested
    if not text:
        raise Refused(INVALID, "prompt cannot be empty")
    mask = await _mask(request, body, dialog)
    ask = Ask(dialog.press, dialog.source, prompts.parse(text), dialog.is_strong, bool(given_text), mask)
    work = await asyncio.to_thread(pressed.work_of, ask)
    return await _run(request, task, dialog, _answered(request, body, task, text), work)


async def _mask(request: web.Request, body: Body, dialog: Dialog) -> bytes:
    """Only repainting wants one, and of the picture's own size."""
    if dialog.press.name != "Inpaint":
        return b""
    mask = await given.picture_of(request, body, "maskBase64")
    if mask.size != dialog.source.size:
        has, wants = (f"{width}x{height}" for width, height in (mask.size, dialog.source.size))
        raise Refused(INVALID, f"maskBase64 has {has} pixels, but the picture {wants}")
    if (await asyncio.to_thread(white_area, mask.data)).getbbox() is None:
        raise Refused(INVALID, "maskBase64 has no white area to repaint")
    return mask.data


def _answered(request: web.Request, body: Body, task: Task, text: str) -> Order:
    """What the answer does not say stays as the button had it."""
    old, new = task.order, given.order(request, body, task.order.action, text)
    return replace(
        old,
        prompt=text,
        mode=given.mode(request, body, text) or old.mode,
        state=new.state or old.state,
        notify_hook=new.notify_hook or old.notify_hook,
        fate=new.fate or old.fate,
        speed=new.speed or old.speed,
        is_queued=new.is_queued,
    )


async def _run(
    request: web.Request, task: Task, dialog: Dialog, order: Order, work: Work
) -> web.StreamResponse:
    if task.dialog is not dialog:
        raise Refused(INVALID, "The window was answered already")
    desk = request.app[DESK]
    task.answer(order, work, desk.clock.now())
    desk.weigh(task)
    request.app[NOTIFIER].watch(task, str(request.url.origin()))
    return await answers.taken(request, task)


routes = [
    web.post("/mj/submit/action", act),
    web.post("/mj/submit/change", change),
    web.post("/mj/submit/simple-change", simple_change),
    web.post("/mj/submit/modal", answer_dialog),
]
