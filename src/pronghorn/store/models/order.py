"""Order: money that is asked for, by a payment provider or of the wallet itself, and what the account gets for it."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Id, LongText, Millis, Nano


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("price_minor > 0", name="price_positive"),
        # One payment at a provider pays one order.
        UniqueConstraint("provider", "reference"),
        Index(None, "account_id", "created_ms"),
        Index(None, "status", "created_ms"),
    )

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"))
    provider: Mapped[str] = mapped_column(String(20))
    """`stripe`, `epay`, or `balance`: a plan that the account paid for out of its wallet."""
    method: Mapped[str] = mapped_column(String(20), default="")
    """The provider's own word for how it is paid, such as `alipay`; empty: the payer chooses there."""
    amount: Mapped[Nano]
    """What the wallet gets; of a plan's order its price, which the plan takes out of the wallet again."""
    plan: Mapped[str | None] = mapped_column(String(200))
    """What is bought; null: a top-up. No foreign key: a plan may be gone before it is paid."""
    plan_allowance: Mapped[int | None] = mapped_column(BigInteger)
    plan_period: Mapped[str | None] = mapped_column(String(10))
    """As they were when the order was placed: later changes are for later orders."""
    subscription_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("subscriptions.id"))
    """What it began, paid for with `amount`. Null in a paid order of a plan: it stayed a top-up."""
    price_minor: Mapped[int] = mapped_column(BigInteger)
    """What the payer pays, in the smallest unit of `currency`."""
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(20), default="open")
    """`open`, `paid`, or `expired`: nobody paid in time. Money that comes even then is paid in."""
    reference: Mapped[str | None] = mapped_column(String(200))
    """The provider's own id: of Stripe's session, of Epay's trade once it is paid. With `balance` what a repeated
    click is known by, if it said so."""
    pay_url: Mapped[LongText]
    created_ms: Mapped[Millis]
    paid_ms: Mapped[int | None] = mapped_column(BigInteger)
