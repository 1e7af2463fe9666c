"""Audit: who changed what."""

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Document, Millis


class Audit(Base):
    __tablename__ = "audits"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    created_ms: Mapped[Millis] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(80))
    """`user:<id>`, `cli` or `system`."""
    action: Mapped[str] = mapped_column(String(60))
    """`key.create`, `price.set` ..."""
    subject: Mapped[str] = mapped_column(String(240))
    detail: Mapped[Document]
    """What changed, never a secret."""
