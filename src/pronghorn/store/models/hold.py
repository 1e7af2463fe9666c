"""Hold: money set aside for something that outlives a process. Pending, then posted or voided, once."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Millis, Nano, Strings


class Hold(Base):
    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("posted >= 0 AND posted <= amount", name="posted_at_most_the_hold"),
        CheckConstraint("state IN ('pending', 'posted', 'voided')", name="state_known"),
        Index(None, "account_id", "state"),
    )

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    """What it is for, such as a task's id."""
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"))
    mode: Mapped[str] = mapped_column(String(4))
    amount: Mapped[Nano]
    posted: Mapped[Nano] = mapped_column(default=0)
    """What was charged of it."""
    state: Mapped[str] = mapped_column(String(10))
    windows: Mapped[Strings]
    """Of the budgets that it counts against."""
    created_ms: Mapped[Millis]
    resolved_ms: Mapped[int | None] = mapped_column(BigInteger)
