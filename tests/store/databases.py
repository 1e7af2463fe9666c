"""Databases for tests, empty or migrated. Migrations run once; each migrated database is a copy of that one."""

import asyncio
import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from pronghorn.store import Database
from pronghorn.store.migrate import migrate


class Databases(ABC):
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._template = ""
        self._making = asyncio.Lock()

    @abstractmethod
    def url(self, name: str) -> str: ...

    @abstractmethod
    async def _create(self, name: str, template: str) -> None: ...

    @abstractmethod
    async def _drop(self, name: str) -> None: ...

    def empty(self) -> AbstractAsyncContextManager[Database]:
        return self._fresh("")

    @asynccontextmanager
    async def migrated(self) -> AsyncIterator[Database]:
        async with self._making:
            if not self._template:
                await self._create("migrated", "")
                database = Database(self.url("migrated"))
                await migrate(database)
                await database.close()
                self._template = "migrated"
        async with self._fresh(self._template) as database:
            yield database

    @asynccontextmanager
    async def _fresh(self, template: str) -> AsyncIterator[Database]:
        name = f"test_{next(self._numbers)}"
        await self._create(name, template)
        database = Database(self.url(name))
        try:
            yield database
        finally:
            await database.close()
            await self._drop(name)


class SQLite(Databases):
    """Files in `folder`."""

    def url(self, name: str) -> str:
        return f"sqlite+aiosqlite:///{self._file(name)}"

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    async def _create(self, name: str, template: str) -> None:
        if template:
            shutil.copyfile(self._file(template), self._file(name))

    async def _drop(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)


class PostgreSQL(Databases):
    """In the server whose socket is in `folder`. A database that somebody still uses cannot be dropped: leaks show."""

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://postgres@/{name}?host={self._folder}"

    async def _create(self, name: str, template: str) -> None:
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'} STRATEGY file_copy")

    async def _drop(self, name: str) -> None:
        await self._execute(f"DROP DATABASE {name}")

    async def _execute(self, statement: str) -> None:
        engine = create_async_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        async with engine.connect() as connection:
            await connection.execute(text(statement))
