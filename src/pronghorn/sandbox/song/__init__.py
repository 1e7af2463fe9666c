"""Songs of the sandbox: composed from the words of a request, played by a band of twelve, given out as real files."""

from aiohttp import web

from pronghorn.sandbox.song import files
from pronghorn.sandbox.song.hooks import HOOKS, Hooks
from pronghorn.sandbox.song.tasks import DESK, Desk

__all__ = ["prepare", "routes"]

routes = files.routes


def prepare(app: web.Application) -> None:
    """What the vendors of songs keep while the server runs."""
    app[DESK], app[files.STUDIO], app[HOOKS] = Desk(), files.Studio(), Hooks()
    app.on_cleanup.append(app[HOOKS].close)
