"""GET /suno/fetch/{id} and POST /suno/fetch: one task, or several at once."""

from aiohttp import web

from pronghorn.sandbox.song import envelope
from pronghorn.sandbox.song.fields import read_body, refusal
from pronghorn.sandbox.song.tasks import DESK
from pronghorn.sandbox.suno.order import VENDOR
from pronghorn.sandbox.suno.shape import task_object


async def one(request: web.Request) -> web.StreamResponse:
    task = request.app[DESK].task(request.match_info["id"], VENDOR)
    if task is None:
        raise refusal("task not exist", code="task_not_exist")
    return await envelope.reply(request, task_object(request, task))


async def several(request: web.Request) -> web.StreamResponse:
    """Ids that nobody knows are left out."""
    ids = (await read_body(request)).get("ids") or []
    if not isinstance(ids, list):
        raise refusal("ids must be a list", param="ids")
    desk = request.app[DESK]
    found = (desk.task(task_id, VENDOR) for task_id in ids if isinstance(task_id, str))
    return await envelope.reply(request, [task_object(request, task) for task in found if task is not None])


routes = [web.get("/suno/fetch/{id}", one), web.post("/suno/fetch", several)]
