"""Answering: a database that cannot is told from a question that was wrong, whichever driver says it."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pronghorn.errors import NoCredit, Unavailable
from pronghorn.store.answering import answering


def said_by_postgresql(kind: type[asyncpg.PostgresError]) -> DBAPIError:
    """As SQLAlchemy hands it on: an error of its own kind, with the driver's SQLSTATE on what it wraps."""
    return DBAPIError("SELECT 1", {}, kind("no"))


AWAY = {
    "SQLite is locked or full": OperationalError("BEGIN", {}, Exception("database is locked")),
    "the connection is closed": InterfaceError("SELECT", {}, Exception("connection is closed")),
    "the pool is empty": PoolTimeout("no connection within 10 s"),
    "nobody listens": ConnectionRefusedError(),
    "the socket is gone": FileNotFoundError(),
    "it is too slow": TimeoutError(),
    "it starts": asyncpg.CannotConnectNowError("starting up"),
    "it has no room for us": asyncpg.TooManyConnectionsError("sorry"),
    "it was stopped": said_by_postgresql(asyncpg.AdminShutdownError),
    "it is read-only": said_by_postgresql(asyncpg.ReadOnlySQLTransactionError),
    "a lock is kept": said_by_postgresql(asyncpg.LockNotAvailableError),
    "it chose another": said_by_postgresql(asyncpg.DeadlockDetectedError),
    "its disk is full": said_by_postgresql(asyncpg.DiskFullError),
}
WRONG = {
    "a statement": said_by_postgresql(asyncpg.PostgresSyntaxError),
    "a table": said_by_postgresql(asyncpg.UndefinedTableError),
    "our own refusal": NoCredit(),
    "a bug": KeyError("x"),
}


@pytest.mark.parametrize("what", AWAY)
def test_who_needs_a_database_that_is_away_is_told_to_come_back(what: str) -> None:
    with (
        pytest.raises(Unavailable, match="does not answer; nothing was charged") as told,
        answering("nothing was charged"),
    ):
        raise AWAY[what]
    assert told.value.retry_after_s
    assert told.value.__cause__ is AWAY[what]


@pytest.mark.parametrize("what", WRONG)
def test_whatever_else_goes_wrong_keeps_its_name(what: str) -> None:
    with pytest.raises(type(WRONG[what])) as raised, answering():
        raise WRONG[what]
    assert raised.value is WRONG[what]
