"""Catalogue: the models that can be offered, and their list prices.

They come from the package genai-prices and from `models.toml`. Looking whether the tables are up to date is cheap;
`pronghorn.ledger.catalogue.sync` brings them up to date and is heavy to import.
"""

from datetime import date
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from pronghorn.ledger.catalogue import repository
from pronghorn.ledger.catalogue.row import CatalogueRow
from pronghorn.store import Tx

__all__ = ["CatalogueRow", "fingerprint", "is_current"]


def fingerprint(today: date) -> str:
    """What the catalogue is made of: the package, this folder's rules and data, and the month as a safety net."""
    digest = blake2b(digest_size=8)
    folder = Path(__file__).parent
    for file in sorted((*folder.glob("*.py"), *folder.glob("*.toml"))):
        digest.update(file.read_bytes())
    return f"genai-prices {version('genai-prices')}, rules {digest.hexdigest()}, {today:%Y-%m}"


async def is_current(tx: Tx, today: date) -> bool:
    """Whether the tables hold the catalogue of today: same make, and no price has changed since by its date."""
    meta = await repository.read_meta(tx)
    if meta.get(repository.FINGERPRINT) != fingerprint(today):
        return False
    until = meta.get(repository.UNTIL)
    return not until or today.isoformat() < until
