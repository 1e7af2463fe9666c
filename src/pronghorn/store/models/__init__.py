"""The tables, one a file."""

from pronghorn.store.models.account import Account
from pronghorn.store.models.audit import Audit
from pronghorn.store.models.base import Base
from pronghorn.store.models.bootstrap import Bootstrap
from pronghorn.store.models.channel import Channel
from pronghorn.store.models.entry import Entry
from pronghorn.store.models.group import Group
from pronghorn.store.models.journal import JournalCursor, Server
from pronghorn.store.models.kept import Kept
from pronghorn.store.models.key import Key
from pronghorn.store.models.membership import Membership
from pronghorn.store.models.meta import Meta
from pronghorn.store.models.model import Model
from pronghorn.store.models.price import Price
from pronghorn.store.models.request import Request
from pronghorn.store.models.route import Route
from pronghorn.store.models.token import Token
from pronghorn.store.models.user import User
from pronghorn.store.models.wallet import Lease, Wallet

__all__ = [
    "Account",
    "Audit",
    "Base",
    "Bootstrap",
    "Channel",
    "Entry",
    "Group",
    "JournalCursor",
    "Kept",
    "Key",
    "Lease",
    "Membership",
    "Meta",
    "Model",
    "Price",
    "Request",
    "Route",
    "Server",
    "Token",
    "User",
    "Wallet",
]
