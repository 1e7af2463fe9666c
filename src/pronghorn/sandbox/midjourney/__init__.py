"""Midjourney as servers of the plus protocol offer it: submits, tasks by time, buttons, dialogs, real pictures.

The whole group stands under `/mj`, and once more under `/mj-fast/mj`, `/mj-relax/mj` and `/mj-turbo/mj`. Of a task
only the order is kept: its state follows from the time, its picture is drawn when somebody asks for it.
"""

from aiohttp import web

from pronghorn.sandbox.midjourney import action, reading, submit
from pronghorn.sandbox.midjourney.answers import dialect
from pronghorn.sandbox.midjourney.desk import DESK, Desk
from pronghorn.sandbox.midjourney.hook import NOTIFIER, Notifier

__all__ = ["DESK", "dialect", "prepare", "routes"]

PREFIXES = ("", "/mj-fast", "/mj-relax", "/mj-turbo")

routes: list[web.RouteDef] = [
    web.RouteDef(route.method, prefix + route.path, route.handler, route.kwargs)
    for prefix in PREFIXES
    for module in (submit, action, reading)
    for route in module.routes
]


def prepare(app: web.Application) -> None:
    """What the routes need in the app."""
    desk = app[DESK] = Desk()
    notifier = app[NOTIFIER] = Notifier(desk)
    app.on_cleanup.append(notifier.close)
