"""Sync: build the catalogue and bring the tables up to it.

Importing this module loads the whole list of genai-prices, so only the process that syncs does.
"""

from datetime import date

from pronghorn.ledger.catalogue import fingerprint, from_genai_prices, repository
from pronghorn.ledger.catalogue.own import read_own
from pronghorn.ledger.catalogue.row import CatalogueRow
from pronghorn.store import Tx, revision


def build(today: date) -> list[CatalogueRow]:
    """Every model, by name, at the list prices in force today."""
    own = read_own()
    rows = {row.name: row for row in from_genai_prices.rows(own, today)}
    rows |= {row.name: row for row in own.rows()}
    return sorted(rows.values(), key=lambda row: row.name)


async def sync(tx: Tx, *, today: date, now_ms: int) -> int:
    """Bring models and list prices up to date. Gives how many rows changed; a second call changes none.

    What the operator made or set stays: models with `is_own`, prices with source `operator`.
    """
    rows = build(today)
    until = from_genai_prices.next_change(today)
    await repository.lock(tx)
    count = await repository.write_models(tx, rows, now_ms)
    count += await repository.write_prices(tx, rows, now_ms)
    if count:
        await revision.bump(tx)
    await repository.write_meta(tx, fingerprint(today), until.isoformat() if until else "")
    return count
