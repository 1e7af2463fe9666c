"""What the portal works with, handed in by whoever starts it."""

from dataclasses import dataclass

from pronghorn.accounts.secrets import Secrets
from pronghorn.ledger.credit import Credit
from pronghorn.routing import Loader
from pronghorn.settings import Settings
from pronghorn.store.transactions import Transactions


@dataclass(frozen=True)
class PortalContext(Transactions):
    credit: Credit
    secrets: Secrets
    settings: Settings
    loader: Loader
