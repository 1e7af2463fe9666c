"""Migrations: they build what the models say, can be run again, wait for each other, and fail without a trace."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, Inspector, insert, inspect, select
from tests.store.databases import Databases

from pronghorn.store import Database
from pronghorn.store import migrate as module
from pronghorn.store.migrate import migrate
from pronghorn.store.models import Base, Meta

HEAD = ScriptDirectory(str(module.FOLDER)).get_current_head()


async def look(database: Database, of: Any) -> Any:
    async with database.read() as tx:
        return await tx.run_sync(of)


def differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def checks(connection: Connection) -> set[tuple[str, str | None]]:
    inspector: Inspector = inspect(connection)
    return {
        (table, check["name"])
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
    }


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def revisions(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection).get_current_heads()


async def test_an_empty_database_becomes_what_the_models_say(databases: Databases) -> None:
    async with databases.empty() as database:
        assert await look(database, tables) == set()
        await migrate(database)
        assert await look(database, tables) == {*Base.metadata.tables, "alembic_version"}
        assert await look(database, revisions) == (HEAD,)
        assert await look(database, differences) == []


async def test_checks_are_those_of_the_models(database: Database) -> None:
    """The comparison above does not look at them, and they guard the money."""
    wanted = {
        (table.name, str(constraint.name))
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert wanted
    assert await look(database, checks) == wanted


async def test_running_again_changes_nothing(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute(insert(Meta).values(name="kept", value="1"))
    await migrate(database)
    assert await look(database, revisions) == (HEAD,)
    assert await look(database, differences) == []
    async with database.read() as tx:
        assert await tx.scalar(select(Meta.value)) == "1"


async def test_two_at_once_wait_for_each_other(databases: Databases) -> None:
    async with databases.empty() as database:
        other = Database(database.url)
        await asyncio.gather(migrate(database), migrate(other))
        await other.close()
        assert await look(database, differences) == []


async def test_a_step_that_fails_leaves_nothing_behind(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(module.FOLDER, folder)
    step = f"""
from alembic import op
import sqlalchemy as sa

revision, down_revision = "broken", {HEAD!r}


def upgrade():
    op.create_table("half_done", sa.Column("id", sa.Integer()))
    with op.batch_alter_table("meta") as table:
        table.add_column(sa.Column("more", sa.Text()))
    raise RuntimeError("the disk is full")
"""
    (folder / "versions" / "broken.py").write_text(step)
    monkeypatch.setattr(module, "FOLDER", folder)
    with pytest.raises(RuntimeError, match="the disk is full"):
        await migrate(database)
    assert await look(database, revisions) == (HEAD,)
    assert await look(database, differences) == []
