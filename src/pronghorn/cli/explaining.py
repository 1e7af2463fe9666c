"""Explaining: what a database that cannot be used means, in one line with the way out."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, DBAPIError

from pronghorn.errors import PronghornError
from pronghorn.store import Database
from pronghorn.store.answering import is_unanswered
from pronghorn.store.failures import translated

_OTHER_VERSION = ("no such table", "no such column", "has no column", "does not exist")
"""SQLite's words and PostgreSQL's."""


class CommandFailed(PronghornError):
    """The command could not be carried out."""


class NotSetUp(CommandFailed):
    """The database has not the tables of this version; run `pronghorn migrate`."""


@contextmanager
def explained(database: Database) -> Iterator[None]:
    """Around each transaction of the command line. Raises `CommandFailed`."""
    with translated():
        try:
            yield
        except Exception as error:  # no class is common to them: all others are raised again
            failure = _failure(database, error)
            if failure is None:
                raise
            raise failure from error


def _failure(database: Database, error: Exception) -> CommandFailed | None:
    if isinstance(error, OSError) and error.filename:
        return CommandFailed(
            f"{error.filename} cannot be used ({error.strerror}); give it to the user who runs Pronghorn, "
            "or say where the right one is: --data, --config or --database-url"
        )
    reason = str(getattr(error, "orig", None) or error) or type(error).__name__
    if isinstance(error, DatabaseError) and any(sign in reason for sign in _OTHER_VERSION):
        return not_set_up(database)
    if type(error) is DatabaseError:
        return CommandFailed(
            f"the database cannot be read ({reason}); restore it from a backup, "
            "or say where the right one is: --data, --config or --database-url"
        )
    # While it connects, the driver's reasons (no such database, a wrong password) come without a class of their own.
    if is_unanswered(error) or type(error) is DBAPIError:
        return CommandFailed(
            f"the database {database.shown} does not answer ({reason}); see that it runs and lets us in, "
            "or say where the right one is: --data, --config or --database-url"
        )
    return None


def not_set_up(database: Database) -> NotSetUp:
    return NotSetUp(
        f"the database {database.shown} is not set up for this version; run `pronghorn migrate`, "
        "or say where the right one is: --data, --config or --database-url"
    )
