"""The object around every answer of the task APIs of songs, whether it went well or not."""

from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.reply import reply_json

_CODES = {401: "invalid_request", 403: "quota_not_enough", 404: "invalid_request", 405: "invalid_request"}
"""Of statuses whose word is not OpenAI's."""


async def reply(request: web.Request, data: Any) -> web.StreamResponse:
    return await reply_json(request, {"code": "success", "message": "", "data": data})


def render(error: SandboxError, _request: web.Request) -> web.Response:
    fallback = "internal_error" if error.status >= 500 else "invalid_request"
    code = _CODES.get(error.status) or error.code or fallback
    body = {"code": code, "message": error.message, "data": None}
    headers = {"retry-after": "1"} if error.status == 429 else {}
    return web.json_response(body, status=error.status, headers=headers)
