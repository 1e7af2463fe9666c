"""Midjourney tasks as callers look at them: one by its id, several, lists and pages; only the caller's own."""

from typing import Any

import msgspec

from pronghorn.api.tasks.door import Answer, Asked, take
from pronghorn.api.tasks.midjourney_answers import FAMILY, shown
from pronghorn.api.tasks.midjourney_given import Body, refused
from pronghorn.convert.errors import JSON_HEADER
from pronghorn.vendors.task import State, state_of

LISTED, PAGE_SIZE, MAX_PAGE_SIZE, MAX_OFFSET = 100, 20, 100, 10_000
MOST_IDS = 10_000
"""That one request may ask after: gateways ask after all that they have open."""
PAGING = ("pageNumber", "pageSize")
_UNKNOWN_FILTERS = ("prompt", "promptEn", "description", "instanceId")
"""Texts are kept sealed, and accounts are nobody's business."""


async def fetch_one(asked: Asked, _speed: str, task_id: str) -> Answer:
    view = await asked.task(task_id, FAMILY)
    if view is None:
        raise refused("task_no_found")
    return Answer(shown(asked, view))


async def fetch_many(asked: Asked, _speed: str) -> Answer:
    return Answer([shown(asked, view) async for view in asked.several(_ids(asked.body()), FAMILY)])


async def list_newest(asked: Asked, _speed: str) -> Answer:
    """A bare list, or a page if one is asked for."""
    wanted: Body = dict(asked.query)
    if any(name in wanted for name in PAGING):
        return await _page(asked, wanted)
    views = await asked.tasks.listed(asked.grant, family=FAMILY, limit=LISTED, **_filters(wanted))
    return Answer([shown(asked, view) for view in views])


async def query(asked: Asked, _speed: str) -> Answer:
    return await _page(asked, asked.body())


async def queue(asked: Asked, _speed: str) -> Answer:
    views = await asked.tasks.listed(asked.grant, family=FAMILY, limit=LISTED, states=["queued"])
    return Answer([shown(asked, view) for view in views])


async def image(asked: Asked, _speed: str, task_id: str) -> Answer:
    """To the signed address, which needs no key; this one does, since ids say who asks for what."""
    view = await asked.task(task_id, FAMILY)
    url = shown(asked, view)["imageUrl"] if view is not None else ""
    if not url:
        missing = msgspec.json.encode({"error": "midjourney_task_not_found"})
        return Answer(missing, 400)
    return Answer(b"", 302, [JSON_HEADER, (b"location", url.encode())])


def _ids(wanted: Body) -> list[str]:
    ids = take(wanted, "ids", list, [])
    if len(ids) > MOST_IDS:
        raise refused("bind_request_body_failed", f"ids may be {MOST_IDS} at most", param="ids")
    return [str(one) for one in ids]


def _filters(wanted: Body) -> dict[str, Any]:
    for name in _UNKNOWN_FILTERS:
        if wanted.get(name):
            raise refused("bind_request_body_failed", f"{name}: lists cannot be searched by it", param=name)
    found: dict[str, Any] = {}
    if action := take(wanted, "action", str, ""):
        found["action"] = action.lower().replace("_", "-")
    if label := take(wanted, "state", str, ""):
        found["label"] = label
    said = [*take(wanted, "statusSet", list, []), *filter(None, [wanted.get("status")])]
    if states := sorted({_state(one) for one in said}):
        found["states"] = states
    return found


def _state(word: Any) -> State:
    state = state_of(word, {"MODAL": "waiting_input"})
    if state is None:
        raise refused("bind_request_body_failed", "status must be one that tasks have, such as SUCCESS")
    return state


async def _page(asked: Asked, wanted: Body) -> Answer:
    """As Spring writes pages. What comes after the next task is not counted."""
    number = _whole(wanted, "pageNumber", 0, 0, MAX_OFFSET)
    size = _whole(wanted, "pageSize", PAGE_SIZE, 1, MAX_PAGE_SIZE)
    filters = _filters(wanted)
    if ids := _ids(wanted):
        ours = [
            view
            async for view in asked.several(ids, FAMILY)
            if view.state in filters.get("states", [view.state])
        ]
        ours.sort(key=lambda view: (view.created_ms, view.id), reverse=True)
        views = ours[number * size : number * size + size + 1]
    else:
        views = await asked.tasks.listed(
            asked.grant, family=FAMILY, offset=number * size, limit=size + 1, **filters
        )
    content = [shown(asked, view) for view in views[:size]]
    total = number * size + len(views)
    sort = {"empty": False, "sorted": True, "unsorted": False}
    return Answer(
        {
            "content": content,
            "number": number,
            "size": size,
            "totalElements": total,
            "totalPages": -(-total // size),
            "numberOfElements": len(content),
            "first": number == 0,
            "last": len(views) <= size,
            "empty": not content,
            "sort": sort,
            "pageable": {
                "pageNumber": number,
                "pageSize": size,
                "offset": number * size,
                "paged": True,
                "unpaged": False,
                "sort": sort,
            },
        }
    )


def _whole(wanted: Body, name: str, default: int, low: int, high: int) -> int:
    text = str(wanted.get(name) if wanted.get(name) is not None else default)
    if not (text.isdecimal() and text.isascii() and low <= int(text[:10]) <= high):
        raise refused("bind_request_body_failed", f"{name} must be a whole number from {low} to {high}")
    return int(text)
