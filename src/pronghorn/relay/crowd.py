"""Crowd: how many requests are open at one time, so that more are refused early and cheaply, and none half-way.

A request needs a file for its caller and one for its vendor. Where those run out, connections fail in the middle of
things; a 503 at the door costs next to nothing and is tried again.
"""

import resource

from pronghorn.errors import Unavailable

FILES_OF_OUR_OWN = 64
"""The database, the journal, the log, listening sockets, and idle connections that are about to be closed."""
FILES_PER_REQUEST = 2


class Crowd:
    """One for the process. `limit` 0: what the system allows."""

    __slots__ = ("_limit", "open")

    def __init__(self, limit: int) -> None:
        self._limit = limit or most_by_files()
        self.open = 0

    def is_full(self) -> bool:
        return self.open >= self._limit

    def enter(self) -> None:
        """`open` counts it until the caller of this takes it out again. Raises `Unavailable`."""
        if self.open >= self._limit:
            raise Unavailable(
                f"the gateway is busy with {self.open} requests, which is all that it takes at one time; "
                "nothing was sent or charged: try again in a second",
                retry_after_s=1.0,
            )
        self.open += 1


def most_by_files() -> int:
    """After the soft limit of open files has been raised as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        hard = 2**20
    return max(8, (hard - FILES_OF_OUR_OWN) // FILES_PER_REQUEST)
