"""The sandbox: a local server that plays every vendor, offline and free, so that a test key needs nobody else.

It is a second opinion: it imports `kit` alone and reads bodies as plain JSON, so it shares no mistake with the
adapters and converters that talk to it.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from pronghorn.sandbox import (
    anthropic,
    bedrock,
    compatible,
    faults,
    files,
    gemini,
    midjourney,
    openai,
    song,
    suno,
    udio,
    vertex,
)
from pronghorn.sandbox.errors import DIALECTS, Dialect, error_middleware

VENDORS = (anthropic, bedrock, compatible, gemini, midjourney, openai, suno, udio, vertex)
"""Each has `routes`, and a `dialect` if its errors or its keys are not OpenAI's."""

MAX_BODY_BYTES = 64 * 1024 * 1024

__all__ = ["create_app", "run"]


def create_app() -> web.Application:
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[error_middleware, faults.middleware])
    app[faults.SEEN] = faults.Seen()
    app[files.SHELF] = files.Shelf()
    midjourney.prepare(app)
    song.prepare(app)
    app[DIALECTS] = tuple(
        d for vendor in VENDORS if isinstance(d := getattr(vendor, "dialect", None), Dialect)
    )
    app.add_routes([*files.routes, *song.routes, *(route for vendor in VENDORS for route in vendor.routes)])
    return app


async def run(
    host: str, port: int, ready: Callable[[int], None] | None = None, until: asyncio.Event | None = None
) -> None:
    """Serve until `until` is set, or for ever. `ready` is told the port, which the system chose if it was 0.

    A caller that hangs up ends what was done for it, stalls and delays too.
    """
    runner = web.AppRunner(
        create_app(), access_log=None, handle_signals=False, handler_cancellation=True, shutdown_timeout=2
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        if ready is not None:
            ready(runner.addresses[0][1])
        await (until or asyncio.Event()).wait()
    finally:
        await runner.cleanup()
