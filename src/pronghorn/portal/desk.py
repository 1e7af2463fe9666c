"""Desk: what the handlers of the dashboard API share beside the context: counts of tries, known numbers, prices."""

import asyncio

from pronghorn.kit.forwarded import Forwarded
from pronghorn.portal.context import PortalContext
from pronghorn.portal.numbers import Numbers
from pronghorn.portal.throttle import Throttle

TRIES, WINDOW_S = 20, 20 * 60.0
HASHES_AT_ONCE = 2
"""Each takes 64 MiB: however many log in at once, memory stays."""


class Desk:
    def __init__(self, context: PortalContext) -> None:
        self.context = context
        self.started_s = int(context.clock.now())
        self.numbers = Numbers()
        self.logins = Throttle(TRIES, WINDOW_S)
        self.sign_ups = Throttle(TRIES, WINDOW_S)
        self.codes = Throttle(TRIES, WINDOW_S)
        self.addresses = Forwarded(context.settings.trusted_proxies)
        self.hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self.price_lists: dict[str, tuple[int, bytes]] = {}
        """By group, with the revision they were made of."""
