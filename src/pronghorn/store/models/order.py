"""Order: money that somebody is asked for, by a payment provider, and what the wallet gets for it."""

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
    """`stripe` or `epay`."""
    method: Mapped[str] = mapped_column(String(20), default="")
    """The provider's own word for how it is paid, such as `alipay`; empty: the payer chooses there."""
    amount: Mapped[Nano]
    """What the wallet gets."""
    price_minor: Mapped[int] = mapped_column(BigInteger)
    """What the payer pays, in the smallest unit of `currency`."""
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(20), default="open")
    """`open`, `paid`, or `expired`: nobody paid in time. Money that comes even then is paid in."""
    reference: Mapped[str | None] = mapped_column(String(200))
    """The provider's own id: of Stripe's session, of Epay's trade once it is paid."""
    pay_url: Mapped[LongText]
    created_ms: Mapped[Millis]
    paid_ms: Mapped[int | None] = mapped_column(BigInteger)
