"""Udio: songs in two dialects, by task (/udio/submit/music) and by song (/udio/generate-proxy).

A prompt that is just one of these words makes a task end as it says: `fail`, `stuck`, `refuse` (moderated), `half` (one
of two songs fails). The header `x-pronghorn-simulate: task=...` does the same for any prompt. A task takes 15 s, ten
times less without `speed`. Songs are 32 or 130 seconds long; a section before, after or in another song comes with it.
"""

from aiohttp import web

from pronghorn.sandbox.errors import Dialect, bearer
from pronghorn.sandbox.song import envelope
from pronghorn.sandbox.udio import generate


def _owns(request: web.Request) -> bool:
    return request.path.startswith("/udio/")


routes = generate.routes
dialect = Dialect(_owns, bearer, envelope.render)
