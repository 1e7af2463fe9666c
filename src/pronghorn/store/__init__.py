"""The database: engine, tables, migrations. SQL lives here and in `repository.py` files.

It runs alike on SQLite and PostgreSQL. Money is nano-dollars, times are Unix milliseconds, both as 64-bit integers.
"""

from pronghorn.store.database import Database, Tx

__all__ = ["Database", "Tx"]
