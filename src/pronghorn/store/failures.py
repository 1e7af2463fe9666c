"""The one table from the database's errors to ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, IntegrityError

from pronghorn.errors import BadRequest, Conflict
from pronghorn.store.answering import answering


@contextmanager
def translated() -> Iterator[None]:
    """Around every transaction that a door opens."""
    try:
        with answering():
            yield
    except IntegrityError as error:
        raise Conflict("another change was made at the same moment; look again, then repeat") from error
    except DataError as error:
        raise BadRequest("the request holds a value that the database cannot keep") from error
