"""Tracebacks: an error that was told needs its own no longer.

It leads to the frames that the error came through, and so to whole requests with their bodies. A frame that has the
error in a variable leads back: the two would wait for the garbage collector, which comes by after hundreds of them.
"""


def let_go(error: BaseException) -> None:
    """Forget where it was raised, and whatever it was raised from."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            waiting += (one.__context__, one.__cause__)
