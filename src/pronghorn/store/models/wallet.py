"""Wallet: the money of an account in one mode. Lease: a slice of it that one server may spend from memory.

For each account and mode: balance + leases + spent = deposits, at every committed moment.
"""

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Nano


class Wallet(Base):
    __tablename__ = "wallets"
    __table_args__ = (CheckConstraint("balance >= 0", name="balance_not_negative"),)

    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"), primary_key=True)
    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    balance: Mapped[Nano] = mapped_column(default=0)
    """What no server has leased."""
    spent: Mapped[Nano] = mapped_column(default=0)


class Lease(Base):
    __tablename__ = "leases"
    __table_args__ = (CheckConstraint("amount >= 0", name="amount_not_negative"),)

    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"), primary_key=True)
    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    server: Mapped[str] = mapped_column(String(40), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    amount: Mapped[Nano]
    """Not yet charged in the database: free, held, or charged in a journal that waits to be posted."""
