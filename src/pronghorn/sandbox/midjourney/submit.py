"""POST /mj/submit/...: the jobs that begin with a request, and the face swap beside them."""

import asyncio

from aiohttp import web

from pronghorn.sandbox.errors import json_body
from pronghorn.sandbox.files import publish
from pronghorn.sandbox.midjourney import answers, clips, given, making
from pronghorn.sandbox.midjourney import prompt as prompts
from pronghorn.sandbox.midjourney.answers import INVALID, Refused, UnknownTask
from pronghorn.sandbox.midjourney.clips import Scene
from pronghorn.sandbox.midjourney.desk import DESK
from pronghorn.sandbox.midjourney.given import Body
from pronghorn.sandbox.midjourney.hook import NOTIFIER
from pronghorn.sandbox.midjourney.task import Order
from pronghorn.sandbox.midjourney.work import Work


async def imagine(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    text = given.prompt(body)
    sent = await given.pictures(request, body, "base64Array")
    pictures = [one.data for one in sent] + await given.linked(request, prompts.parse(text))
    links = [publish(request, one.data, one.content_type) for one in sent]
    order = given.order(request, body, "IMAGINE", " ".join((*links, text)))
    return await accept(request, order, making.imagined(prompts.parse(order.prompt), pictures))


async def blend(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    sent = await given.pictures(request, body, "base64Array")
    if not 2 <= len(sent) <= 5:
        raise Refused(INVALID, "base64Array must hold 2 to 5 pictures")
    dimensions = given.choice(body, "dimensions", tuple(making.DIMENSIONS), "SQUARE")
    order = given.order(request, body, "BLEND")
    return await accept(request, order, making.blended([one.data for one in sent], dimensions))


async def describe(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    sent = await given.picture_of(request, body, "base64", "link")
    order = given.order(request, body, "DESCRIBE")
    return await accept(request, order, await asyncio.to_thread(making.described, *sent, 0))


async def shorten(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    order = given.order(request, body, "SHORTEN", given.prompt(body))
    work = making.shortened(prompts.parse(order.prompt))
    if not work.texts:
        raise Refused(INVALID, "prompt is too short to be shortened")
    return await accept(request, order, work)


async def edit(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    text = given.prompt(body)
    sent = await given.picture_of(request, body, "image")
    order = given.order(request, body, "EDIT", text)
    return await accept(request, order, making.edited(prompts.parse(text), *sent))


async def film(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    text = given.text(body, "prompt")
    given.check_words(text)
    order = given.order(request, body, "VIDEO", text)
    if given.choice(body, "action", ("", "extend"), ""):
        return await accept(request, *await _extension(request, body, order))
    return await accept(request, order, await _first_film(request, body, order))


async def _first_film(request: web.Request, body: Body, order: Order) -> Work:
    first = await given.picture_of(request, body, "image")
    last = (await given.picture_of(request, body, "endImage")).data if body.get("endImage") else b""
    kind = given.choice(body, "videoType", tuple(clips.SIDES), clips.DEFAULT_TYPE)
    scene = Scene(first.data, _motion(body, order), last, is_loop=body.get("loop") is True)
    count = given.number(body, "batchSize", (1, 2, 4), clips.CLIPS)
    return making.filmed(scene, clips.clip_size(first.size, kind), count, making.seed_of(order.prompt))


async def _extension(request: web.Request, body: Body, order: Order) -> tuple[Order, Work]:
    """A clip of a finished job goes on, four times over."""
    desk = request.app[DESK]
    parent = desk.get(given.required(body, "taskId"))
    if parent is None:
        raise UnknownTask
    if parent.at(desk.clock.now()).status != "SUCCESS" or parent.work is None or not parent.work.clip_count:
        raise Refused(INVALID, "taskId is not a video that has succeeded")
    index = given.number(body, "index", tuple(range(parent.work.clip_count)))
    before = await desk.clip(parent, index)
    scene = Scene(await desk.picture(parent), _motion(body, order), before=before)
    count = given.number(body, "batchSize", (1, 2, 4), clips.CLIPS)
    cell, seed = parent.work.sketch.cell, making.seed_of(f"{parent.work.sketch.seed} {index}")
    return order.child_of(parent.id), making.filmed(scene, cell, count, seed)


def _motion(body: Body, order: Order) -> str:
    """The field says it, or the prompt's `--motion`."""
    said = prompts.parse(order.prompt).parameters.get("motion", "low")
    return given.choice(body, "motion", tuple(clips.MOTIONS), said)


async def upload(request: web.Request) -> web.StreamResponse:
    """No task: the answer has the addresses."""
    sent = await given.pictures(request, await json_body(request), "base64Array")
    if not sent:
        raise Refused(INVALID, "base64Array cannot be empty")
    return await answers.submitted(request, [publish(request, one.data, one.content_type) for one in sent])


async def swap(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    source = await given.picture_of(request, body, "sourceBase64", "sourceUrl")
    target = await given.picture_of(request, body, "targetBase64", "targetUrl")
    if source.data == target.data:
        raise Refused(INVALID, "source and target are the same picture")
    order = given.order(request, body, "SWAP_FACE").by_bot("INSIGHT_FACE")
    return await accept(request, order, making.swapped(source.data, *target))


async def accept(request: web.Request, order: Order, work: Work) -> web.StreamResponse:
    task = request.app[DESK].open(order, work)
    request.app[NOTIFIER].watch(task, str(request.url.origin()))
    return await answers.taken(request, task)


routes = [
    web.post("/mj/submit/imagine", imagine),
    web.post("/mj/submit/blend", blend),
    web.post("/mj/submit/describe", describe),
    web.post("/mj/submit/shorten", shorten),
    web.post("/mj/submit/edits", edit),
    web.post("/mj/submit/edit", edit),
    web.post("/mj/submit/video", film),
    web.post("/mj/submit/upload-discord-images", upload),
    web.post("/mj/insight-face/swap", swap),
]
