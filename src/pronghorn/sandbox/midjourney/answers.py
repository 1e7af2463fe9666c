"""What a submit is answered with: `code`, `description` and, if it was taken, `result`."""

from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import Dialect, SandboxError, bearer
from pronghorn.sandbox.midjourney.task import ACCOUNT, Task
from pronghorn.sandbox.reply import reply_json

Shape = dict[str, Any]

SUCCESS, NOT_FOUND, INVALID, FAILURE = 1, 3, 4, 9
EXISTS, IN_QUEUE, QUEUE_FULL, BANNED, TOO_MANY = 21, 22, 23, 24, 30

OPEN = ("/mj/image/", "/mj/video/")
"""Addresses of what was made are open to who has them."""
_ROOTS = ("/mj/", "/mj-fast/", "/mj-relax/", "/mj-turbo/")
_CODES = {404: NOT_FOUND, 429: TOO_MANY}


class Refused(SandboxError):
    """A submit that was not taken; most come with HTTP 200."""

    def __init__(
        self, code: int, description: str, *, status: int = 200, properties: Shape | None = None
    ) -> None:
        super().__init__(description, status=status)
        self.number = code
        self.properties = properties


class UnknownTask(Refused):
    """The task that was named is not there."""

    def __init__(self) -> None:
        super().__init__(NOT_FOUND, "The related task does not exist or has expired", status=404)


async def taken(request: web.Request, task: Task) -> web.StreamResponse:
    properties = {"discordInstanceId": ACCOUNT, "discordChannelId": ACCOUNT}
    if task.dialog is not None:
        return await submitted(
            request,
            task.id,
            EXISTS,
            "Waiting for window confirm",
            {"finalPrompt": task.dialog.suggested, "remix": True},
        )
    if task.order.is_queued:
        waiting = {"numberOfQueues": 1, "discordInstanceId": ACCOUNT}
        text = "In the queue, 1 task is ahead of it"
        return await submitted(request, task.id, IN_QUEUE, text, waiting)
    return await submitted(request, task.id, properties=properties)


async def submitted(
    request: web.Request,
    result: str | list[str],
    code: int = SUCCESS,
    description: str = "Submit success",
    properties: Shape | None = None,
) -> web.StreamResponse:
    body: Shape = {"code": code, "description": description, "result": result}
    return await reply_json(request, body | ({"properties": properties} if properties is not None else {}))


def _owns(request: web.Request) -> bool:
    return request.path.startswith(_ROOTS)


def _credential(request: web.Request) -> str:
    if request.path.startswith(OPEN):
        return "open"
    return request.headers.get("mj-api-secret", "").strip() or bearer(request)


def _render(error: SandboxError, request: web.Request) -> web.Response:
    if not _credential(request):
        return web.Response(status=401, text="Authorization header missing.")
    if isinstance(error, Refused):
        body: Shape = {"code": error.number, "description": error.message}
        if error.properties is not None:
            body["properties"] = error.properties
        return web.json_response(body, status=error.status)
    code = FAILURE if error.status >= 500 else _CODES.get(error.status, INVALID)
    return web.json_response({"code": code, "description": error.message}, status=error.status)


dialect = Dialect(_owns, _credential, _render)
