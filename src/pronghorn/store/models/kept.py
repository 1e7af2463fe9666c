"""Kept: what a feature has to remember of an account's traffic, sealed, and until when."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, LongText, Millis


class Kept(Base):
    __tablename__ = "kept"

    account_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    """`response`, `signature`, or of an idempotency key `claim` and `outcome`."""
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    sealed: Mapped[LongText]
    expires_ms: Mapped[Millis] = mapped_column(index=True)
