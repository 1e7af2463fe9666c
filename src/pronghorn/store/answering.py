"""Answering: how a database that does not answer is told from one that was asked for the wrong thing.

It may be down, starting, full, read-only, out of connections, or locked by somebody for longer than is waited.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pronghorn.errors import Unavailable

_STATES = ("08", "25006", "40", "53", "55P03", "57", "58")
"""SQLSTATE, or its class: connection lost, read-only, rolled back, resources, lock, operator, system."""


@contextmanager
def answering(consequence: str = "try again shortly", retry_after_s: float = 5.0) -> Iterator[None]:
    """What is done inside needs the database. Raises `Unavailable` if it does not answer; other errors pass."""
    try:
        yield
    except Exception as error:  # no class is common to them: all others are raised again
        if not is_unanswered(error):
            raise
        message = f"the database does not answer; {consequence}"
        raise Unavailable(message, retry_after_s=retry_after_s) from error


def is_unanswered(error: Exception) -> bool:
    """Nothing was wrong with what it was asked: later it may do the very same."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout | OSError):
        return True
    # PostgreSQL's driver knows more kinds than SQLAlchemy, and raises its own while it connects.
    state = getattr(getattr(error, "orig", None) or error, "sqlstate", None)
    return isinstance(state, str) and state.startswith(_STATES)
