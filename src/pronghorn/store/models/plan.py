"""Plan: what an account may spend in each period. Subscription: an account that has one. Allowance: one period of it.

An allowance is money in the account's wallet that goes back at the end of its period, as far as it was not used.
"""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Id, LongText, Millis, Nano


class Plan(Base):
    __tablename__ = "plans"
    __table_args__ = (CheckConstraint("allowance > 0", name="allowance_positive"),)

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    allowance: Mapped[Nano]
    """Of one period."""
    period: Mapped[str] = mapped_column(String(10))
    """`month`, `week` or `day`."""
    price: Mapped[Nano]
    """What a period costs whoever buys it, nano-dollars; 0: it is not for sale."""
    description: Mapped[LongText] = mapped_column(default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    """May be subscribed to."""
    created_ms: Mapped[Millis]


class Subscription(Base):
    __tablename__ = "subscriptions"

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"), index=True)
    plan: Mapped[str] = mapped_column(String(200), ForeignKey("plans.name"), index=True)
    status: Mapped[str] = mapped_column(String(10))
    """`active`, `ending` (no period follows this one) or `ended`."""
    time_zone: Mapped[str] = mapped_column(String(60))
    """An IANA name: months have their length, and days their hours, there."""
    started_ms: Mapped[Millis]
    """The anchor of all its periods."""
    period_start_ms: Mapped[Millis]
    period_end_ms: Mapped[Millis]
    cancelled_ms: Mapped[int | None] = mapped_column(BigInteger)


class Allowance(Base):
    __tablename__ = "allowances"
    __table_args__ = (
        CheckConstraint("used >= 0 AND expired >= 0 AND used + expired <= amount", name="not_overdrawn"),
        Index(None, "end_ms", sqlite_where=text("is_open"), postgresql_where=text("is_open")),
    )

    subscription_id: Mapped[str] = mapped_column(String(40), ForeignKey("subscriptions.id"), primary_key=True)
    start_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"), index=True)
    end_ms: Mapped[Millis]
    amount: Mapped[Nano]
    used: Mapped[Nano] = mapped_column(default=0)
    expired: Mapped[Nano] = mapped_column(default=0)
    """What was taken back after the end."""
    seen: Mapped[Nano]
    """What had ever left the wallet when `used` was last brought up to date: alike in all open ones of an account."""
    is_open: Mapped[bool] = mapped_column(default=True)
    """Something may still be used or taken back."""
