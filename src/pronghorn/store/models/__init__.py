"""The tables, one a file."""

from pronghorn.store.models.account import Account
from pronghorn.store.models.audit import Audit
from pronghorn.store.models.base import Base
from pronghorn.store.models.bootstrap import Bootstrap
from pronghorn.store.models.budget import Budget, BudgetLease, BudgetWindow
from pronghorn.store.models.channel import Channel
from pronghorn.store.models.code import Code, CodeBatch
from pronghorn.store.models.entry import Entry
from pronghorn.store.models.group import Group
from pronghorn.store.models.hold import Hold
from pronghorn.store.models.invitation import Invitation, Invite
from pronghorn.store.models.journal import JournalCursor, Server
from pronghorn.store.models.kept import Kept
from pronghorn.store.models.key import Key
from pronghorn.store.models.markup import Markup
from pronghorn.store.models.membership import Membership
from pronghorn.store.models.meta import Meta
from pronghorn.store.models.model import Model
from pronghorn.store.models.notice import Delivery, Notice
from pronghorn.store.models.number import Number
from pronghorn.store.models.order import Order
from pronghorn.store.models.plan import Allowance, Plan, Subscription
from pronghorn.store.models.price import Price
from pronghorn.store.models.request import Request
from pronghorn.store.models.route import Route
from pronghorn.store.models.session import AccessToken, Session
from pronghorn.store.models.task import Task, TaskPart
from pronghorn.store.models.token import Token
from pronghorn.store.models.usage_count import UsageCount
from pronghorn.store.models.user import User
from pronghorn.store.models.wallet import Lease, Wallet

__all__ = [
    "AccessToken",
    "Account",
    "Allowance",
    "Audit",
    "Base",
    "Bootstrap",
    "Budget",
    "BudgetLease",
    "BudgetWindow",
    "Channel",
    "Code",
    "CodeBatch",
    "Delivery",
    "Entry",
    "Group",
    "Hold",
    "Invitation",
    "Invite",
    "JournalCursor",
    "Kept",
    "Key",
    "Lease",
    "Markup",
    "Membership",
    "Meta",
    "Model",
    "Notice",
    "Number",
    "Order",
    "Plan",
    "Price",
    "Request",
    "Route",
    "Server",
    "Session",
    "Subscription",
    "Task",
    "TaskPart",
    "Token",
    "UsageCount",
    "User",
    "Wallet",
]
