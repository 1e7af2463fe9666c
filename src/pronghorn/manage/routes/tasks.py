"""Tasks: long jobs at media vendors."""

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from pronghorn.manage.fields import Mode
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import tasks
from pronghorn.manage.services.tasks import Refund, Status, TaskDetail, TaskRecord
from pronghorn.vendors.task import ENDED

_TAGS = ["tasks"]


@get("/tasks", operation_id="listTasks", summary="List tasks of media vendors", tags=_TAGS)
async def list_(
    context: Context,
    part: Part,
    account_id: FromQuery[str | None] = None,
    key_id: FromQuery[str | None] = None,
    vendor: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
    status: FromQuery[Status | None] = None,
    channel: FromQuery[str | None] = None,
    parent_id: FromQuery[str | None] = None,
    mode: FromQuery[Mode | None] = None,
) -> Page[TaskRecord]:
    filters: dict[str, str | None] = {
        "account_id": account_id,
        "key_id": key_id,
        "vendor": vendor,
        "action": action,
        "status": status,
        "channel": channel,
        "parent_id": parent_id,
        "mode": mode,
    }
    async with context.read() as tx:
        return await tasks.page(tx, part, filters)


@get("/tasks/{task_id:str}", operation_id="getTask", summary="Show a task", tags=_TAGS)
async def show(context: Context, task_id: FromPath[str]) -> TaskDetail:
    async with context.read() as tx:
        return await tasks.get(tx, task_id)


@post(
    "/tasks/{task_id:str}/cancel",
    operation_id="cancelTask",
    summary="Stop a task at its vendor; one that has ended stays as it is",
    tags=_TAGS,
    status_code=200,
)
async def cancel(context: Context, act: Actor, task_id: FromPath[str]) -> TaskDetail:
    async with context.read() as tx:
        found = await tasks.get(tx, task_id)
    if found.status in ENDED:
        return found
    is_cancelled = await tasks.cancel(await context.tasks(), task_id)
    async with context.change() as tx:
        if is_cancelled:
            await act.record(tx, "task.cancel", task_id, account_id=found.account_id)
        return await tasks.get(tx, task_id)


@post(
    "/tasks/{task_id:str}/refund",
    operation_id="refundTask",
    summary="Give back what an ended task cost, once",
    tags=_TAGS,
    status_code=200,
)
async def refund(context: Context, act: Actor, task_id: FromPath[str], data: JSONBody[Refund]) -> TaskDetail:
    async with context.change() as tx:
        return await tasks.refund(tx, act, task_id, data)


handlers = [list_, show, cancel, refund]
