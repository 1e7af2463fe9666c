"""`python -m tests.bank SEED`: one seed of the bank again; with `--on sqlite` or `postgresql` in four processes."""

import argparse
import asyncio
import contextlib
import tempfile
from pathlib import Path

from tests.bank import memory, process, runs
from tests.store import postgresql
from tests.store.databases import PostgreSQL, SQLite


async def simulated(seed: int, folder: Path) -> str:
    return await runs.play(seed, await memory.migrated(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--on", choices=["memory", "sqlite", "postgresql"], default="memory")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if asked.on == "memory":
            wrong = asyncio.run(simulated(asked.seed, folder))
        else:
            is_sqlite = asked.on == "sqlite"
            databases = SQLite(folder) if is_sqlite else PostgreSQL(stack.enter_context(postgresql.running()))
            wrong = asyncio.run(process.play(databases, folder, asked.seed, asked.on))
    print(wrong or f"seed {asked.seed}: the money adds up")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
