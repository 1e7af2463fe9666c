"""`/v1/tasks`: one shape for the tasks of all vendors: listed, read, followed and cancelled."""

from typing import Any

from pronghorn.api.tasks import listing
from pronghorn.api.tasks.door import PART, Answer, Asked, Handler, Routes, Streamed, look_up
from pronghorn.api.tasks.following import Following
from pronghorn.api.tasks.shape import shown
from pronghorn.convert import errors
from pronghorn.convert.errors import Rendered
from pronghorn.errors import BadRequest, NotFound, PronghornError
from pronghorn.relay.incoming import Sink
from pronghorn.store import cursor
from pronghorn.tasks.view import View
from pronghorn.vendors.task import ENDED

PATH = "/v1/tasks"
_following = Following()


async def list_(asked: Asked) -> Answer:
    """Part by part: what is sealed is opened, and others want to be served meanwhile."""
    limit, filters = listing.read(asked.query, asked.tasks.families)
    items: list[dict[str, Any]] = []
    while len(items) < limit:
        wanted = min(PART, limit - len(items))
        part = await asked.tasks.listed(asked.grant, limit=wanted, **filters)
        items += [_shown(asked, view) for view in part]
        if len(part) < wanted:
            return Answer({"items": items, "next": None})
        filters["before"] = (part[-1].created_ms, part[-1].id)
    has_more = await asked.tasks.listed(asked.grant, limit=1, **filters)
    return Answer({"items": items, "next": cursor.write(*filters["before"]) if has_more else None})


async def show(asked: Asked, task_id: str) -> Answer:
    return Answer(_shown(asked, await _own(asked, task_id)))


async def cancel(asked: Asked, task_id: str) -> Answer:
    view = await _own(asked, task_id)
    return Answer(_shown(asked, await asked.tasks.cancel(view)))


async def follow(asked: Asked, task_id: str) -> Streamed:
    if asked.incoming.body:
        raise BadRequest("this route takes no body: it would be held for as long as the stream lasts")
    first = _shown(asked, await _own(asked, task_id))

    async def look() -> dict[str, Any] | None:
        view = await asked.task(task_id)
        return None if view is None else _shown(asked, view)

    async def send(sink: Sink) -> None:
        await _following.follow(asked.grant, first, look, lambda task: task["status"] in ENDED, sink)

    return Streamed(send)


async def _own(asked: Asked, task_id: str) -> View:
    """Of somebody else's nothing is told, not even that it is there."""
    view = await asked.task(task_id) if listing.is_word(task_id) else None
    if view is None:
        raise NotFound("there is no such task; GET /v1/tasks lists yours", param="id")
    return view


def _shown(asked: Asked, view: View) -> dict[str, Any]:
    return shown(view, asked.tasks.families[view.family], asked.link(view))


ROUTES: Routes = {
    ("GET", PATH): list_,
    ("GET", f"{PATH}/{{}}"): show,
    ("GET", f"{PATH}/{{}}/events"): follow,
    ("POST", f"{PATH}/{{}}/cancel"): cancel,
}


class UnifiedDoor:
    prefixes = ("/tasks",)

    def handler(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
        return look_up(ROUTES, method, PATH + path.rstrip("/"))

    def refusal(self, error: PronghornError, request_id: str) -> Rendered:
        return errors.render("chat", error, request_id)


door = UnifiedDoor()
