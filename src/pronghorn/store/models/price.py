"""Price: what a model costs, as listed by the catalogue or as set by the operator (which wins)."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Document, LongText, Millis


class Price(Base):
    __tablename__ = "prices"

    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    source: Mapped[str] = mapped_column(String(20), primary_key=True)
    """`list` or `operator`."""
    components: Mapped[Document]
    """As `pronghorn.ledger.prices` reads it: decimal strings in USD by component."""
    note: Mapped[LongText] = mapped_column(default="")
    updated_ms: Mapped[Millis]
