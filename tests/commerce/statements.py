"""What is sent to databases: counted, and one of it broken on demand."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


class Broken(Exception):
    """The database went away in the middle."""


class Statements:
    """Counts the statements of every engine while it listens; the `breaks_at`-th is never sent."""

    def __init__(self, breaks_at: int | None) -> None:
        self.sent = 0
        self._breaks_at = breaks_at

    def on_statement(self, *_: Any) -> None:
        self.sent += 1
        if self.sent == self._breaks_at:
            raise Broken


@contextmanager
def counted(breaks_at: int | None = None) -> Iterator[Statements]:
    statements = Statements(breaks_at)
    event.listen(Engine, "before_cursor_execute", statements.on_statement)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", statements.on_statement)


@contextmanager
def broken_commit() -> Iterator[None]:
    def refuse(_connection: Any) -> None:
        raise Broken

    event.listen(Engine, "commit", refuse)
    try:
        yield
    finally:
        event.remove(Engine, "commit", refuse)
