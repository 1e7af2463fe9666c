"""Budget: the most that a key, an account or a group may spend in a period. BudgetWindow: one such period.

A budget for all times has one window, which starts at 0. `keys.budget` is such a one too, with the key's own id.
"""

from sqlalchemy import BigInteger, CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Id, Millis, Nano


class Budget(Base):
    __tablename__ = "budgets"
    __table_args__ = (UniqueConstraint("scope", "subject", "mode", "period"),)

    id: Mapped[Id]
    scope: Mapped[str] = mapped_column(String(20))
    """`key`, `account` or `group`."""
    subject: Mapped[str] = mapped_column(String(200))
    """The key's or account's id, the group's name."""
    mode: Mapped[str] = mapped_column(String(4))
    period: Mapped[str] = mapped_column(String(10))
    """`hour`, `day`, `week`, `month` or `total`."""
    time_zone: Mapped[str] = mapped_column(String(60))
    amount: Mapped[Nano]
    created_ms: Mapped[Millis]


class BudgetWindow(Base):
    __tablename__ = "budget_windows"

    budget_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    start_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    spent: Mapped[Nano]


class BudgetLease(Base):
    """As `Lease`, of a window. A hold in the database leases by its own name."""

    __tablename__ = "budget_leases"
    __table_args__ = (CheckConstraint("amount >= 0", name="amount_not_negative"),)

    budget_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    start_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    server: Mapped[str] = mapped_column(String(80), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    amount: Mapped[Nano]
