"""What the management API works with, handed in by whoever starts it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronghorn.accounts.secrets import Secrets
from pronghorn.ledger.credit import Credit
from pronghorn.relay.probe import Prober
from pronghorn.settings import Settings
from pronghorn.store.transactions import Transactions

if TYPE_CHECKING:
    from pronghorn.tasks.service import Tasks


@dataclass(frozen=True)
class ManageContext(Transactions):
    credit: Credit
    secrets: Secrets
    settings: Settings
    prober: Prober
    tasks: Callable[[], Awaitable["Tasks"]]
    """Made when it is first needed."""
