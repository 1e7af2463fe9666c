"""GET /mj/task/...: tasks by id, in lists and in pages; the seed, the end, and the bytes of what was made."""

import itertools
import json
import math
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import json_body
from pronghorn.sandbox.faults import FAULTS
from pronghorn.sandbox.midjourney import answers
from pronghorn.sandbox.midjourney.answers import INVALID, Refused, UnknownTask
from pronghorn.sandbox.midjourney.desk import DESK
from pronghorn.sandbox.midjourney.task import Task
from pronghorn.sandbox.reply import reply_bytes, reply_json

Shape = dict[str, Any]

LISTED = 100
PAGE_SIZE, MAX_PAGE_SIZE = 20, 100
PAGING = ("pageNumber", "pageSize")
EQUAL = ("action", "status", "state", "instanceId")
WITHIN = ("prompt", "promptEn", "description")


async def fetch(request: web.Request) -> web.StreamResponse:
    """An unknown id is answered with nothing, as the open servers do."""
    task = _found(request)
    return web.Response(status=204) if task is None else await reply_json(request, _told(request, task))


async def list_by_ids(request: web.Request) -> web.StreamResponse:
    ids = (await json_body(request)).get("ids")
    if not isinstance(ids, list):
        raise Refused(INVALID, "ids must be an array")
    found = (request.app[DESK].get(str(task_id)) for task_id in dict.fromkeys(map(str, ids)))
    return await _reply_array(request, [_told(request, task) for task in found if task is not None])


async def list_newest(request: web.Request) -> web.StreamResponse:
    """A bare array, or a page if one is asked for."""
    wanted: Shape = dict(request.query)
    found = _matching(request, wanted)
    if wanted.keys() & set(PAGING):
        return await reply_json(request, _page(list(found), wanted))
    return await _reply_array(request, list(itertools.islice(found, LISTED)))


async def query(request: web.Request) -> web.StreamResponse:
    wanted = await json_body(request)
    return await reply_json(request, _page(list(_matching(request, wanted)), wanted))


async def seed(request: web.Request) -> web.StreamResponse:
    task = _found(request)
    if task is None:
        raise UnknownTask
    if _status(request, task) != "SUCCESS" or task.work is None:
        raise Refused(INVALID, "The related task has not succeeded", status=400)
    result = str(task.work.sketch.seed)
    body = {"code": 1, "description": "success", "result": result, "properties": {}}
    return await reply_json(request, body)


async def cancel(request: web.Request) -> web.StreamResponse:
    task = _found(request)
    if task is None:
        raise UnknownTask
    if _status(request, task) in ("SUCCESS", "FAILURE", "CANCEL"):
        raise Refused(INVALID, "The task has ended")
    task.cancelled_s = request.app[DESK].clock.now()
    return await answers.submitted(request, task.id, description="success")


async def image(request: web.Request) -> web.StreamResponse:
    """The picture, or while it is drawn what there is of it."""
    task = _found(request)
    status = _status(request, task) if task is not None else ""
    data, kind = b"", "image/png"
    if task is not None and status == "SUCCESS":
        data = await request.app[DESK].picture(task)
    elif task is not None and status == "IN_PROGRESS":
        data, kind = await request.app[DESK].preview(task), "image/webp"
    if not data:
        return web.json_response({"error": "midjourney_task_not_found"}, status=400)
    return await reply_bytes(request, data, kind)


async def video(request: web.Request) -> web.StreamResponse:
    task = _found(request)
    data = b""
    if task is not None and _status(request, task) == "SUCCESS":
        data = await request.app[DESK].clip(task, int(request.match_info["index"]))
    if not data:
        return web.json_response({"error": "midjourney_task_not_found"}, status=400)
    return await reply_bytes(request, data, "video/mp4")


def _found(request: web.Request) -> Task | None:
    return request.app[DESK].get(request.match_info["id"])


def _status(request: web.Request, task: Task) -> str:
    return task.at(request.app[DESK].clock.now()).status


def _told(request: web.Request, task: Task) -> Shape:
    return task.told(request.app[DESK].clock.now(), str(request.url.origin()))


def _matching(request: web.Request, wanted: Shape) -> Iterator[Shape]:
    """Newest first; a condition that is empty does not count."""
    shapes = (_told(request, task) for task in request.app[DESK].newest())
    return (shape for shape in shapes if _matches(shape, wanted))


def _matches(shape: Shape, wanted: Shape) -> bool:
    sets = ((wanted.get("ids"), "id"), (wanted.get("statusSet"), "status"))
    return (
        all(not wanted.get(name) or shape[name] == wanted[name] for name in EQUAL)
        and all(not wanted.get(name) or str(wanted[name]) in shape[name] for name in WITHIN)
        and all(not allowed or shape[name] in allowed for allowed, name in sets)
    )


def _page(found: list[Shape], wanted: Shape) -> Shape:
    """As Spring writes pages."""
    if wanted.get("sort") == "id,asc":
        found = found[::-1]
    number = _whole(wanted, "pageNumber", 0, 0, 10**9)
    size = _whole(wanted, "pageSize", PAGE_SIZE, 1, MAX_PAGE_SIZE)
    content = found[number * size : (number + 1) * size]
    pages = math.ceil(len(found) / size)
    sort = {"empty": False, "sorted": True, "unsorted": False}
    pageable = {
        "pageNumber": number,
        "pageSize": size,
        "offset": number * size,
        "paged": True,
        "unpaged": False,
        "sort": sort,
    }
    return {
        "content": content,
        "number": number,
        "size": size,
        "totalElements": len(found),
        "totalPages": pages,
        "numberOfElements": len(content),
        "first": number == 0,
        "last": number >= pages - 1,
        "empty": not content,
        "pageable": pageable,
        "sort": sort,
    }


def _whole(wanted: Shape, name: str, default: int, low: int, high: int) -> int:
    value = wanted.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not str(value).isdecimal() or not low <= int(value) <= high:
        raise Refused(INVALID, f"{name} must be a whole number from {low} to {high}", status=400)
    return int(value)


async def _reply_array(request: web.Request, shapes: list[Shape]) -> web.StreamResponse:
    data = json.dumps(shapes, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if request[FAULTS].malformed:
        data = data[: len(data) // 2] + b'"'
    return await reply_bytes(request, data, "application/json")


routes = [
    web.get("/mj/task/{id}/fetch", fetch),
    web.get("/mj/task/list", list_newest),
    web.post("/mj/task/list-by-condition", list_by_ids),
    web.post("/mj/task/query", query),
    web.get("/mj/task/{id}/image-seed", seed),
    web.post("/mj/task/{id}/cancel", cancel),
    web.get("/mj/image/{id}", image),
    web.get(r"/mj/video/{id}/{index:\d{1,2}}.mp4", video),
]
