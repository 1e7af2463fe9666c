"""Suno: songs in three dialects, the task API (/suno), gcui-art's server (/gcui) and sunoapi.org's (/sunoapi).

Lyrics or an idea that are just one of these words make a task end as they say: `fail`, `stuck`, `refuse` (moderated),
`half` (one of two clips fails). The header `x-pronghorn-simulate: task=...` does the same for any prompt.
Songs are 30 seconds long. A music task takes 20 s, lyrics 4 s, a concat 5 s, all ten times faster without `speed`.
"""

from aiohttp import web

from pronghorn.sandbox.errors import Dialect, SandboxError, bearer
from pronghorn.sandbox.song import envelope
from pronghorn.sandbox.suno import account, acts, fetch, gcui, submit, sunoapi, uploads

_MODULES = (account, acts, fetch, gcui, submit, sunoapi, uploads)
_ROOTS = ("/suno/", f"{gcui.PREFIX}/", f"{sunoapi.PREFIX}/")


def _owns(request: web.Request) -> bool:
    return request.path.startswith(_ROOTS)


def _credential(request: web.Request) -> str:
    """gcui-art's server has its cookie in its own settings, and asks nobody else for one."""
    return bearer(request) or ("its own" if request.path.startswith(gcui.PREFIX) else "")


def _render(error: SandboxError, request: web.Request) -> web.Response:
    if request.path.startswith(gcui.PREFIX):
        return gcui.render(error, request)
    if request.path.startswith(sunoapi.PREFIX):
        return sunoapi.render(error, request)
    return envelope.render(error, request)


routes: list[web.RouteDef] = [route for module in _MODULES for route in module.routes]
dialect = Dialect(_owns, _credential, _render)
