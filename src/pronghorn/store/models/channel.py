"""Channel: a vendor's account that serves models, with its credentials sealed."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Document, Id, LongText, Millis, Name, Strings
from pronghorn.store.models.limits import Limited


class Channel(Limited, Base):
    __tablename__ = "channels"

    id: Mapped[Id]
    name: Mapped[Name]
    vendor: Mapped[str] = mapped_column(String(40))
    base_url: Mapped[LongText]
    credentials: Mapped[LongText]
    """A JSON list of texts, sealed by the vault."""
    models: Mapped[Document]
    """Public name to the vendor's name."""
    groups: Mapped[Strings]
    priority: Mapped[int] = mapped_column(default=0)
    """Higher first."""
    weight: Mapped[int] = mapped_column(default=1)
    cost_ppm: Mapped[int] = mapped_column(BigInteger, default=1_000_000, server_default="1000000")
    """What the operator pays there, in millionths of the list price."""
    proxy: Mapped[str | None] = mapped_column(String(500))
    """`http://[user:password@]host:port`, sealed by the vault."""
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_ms: Mapped[Millis]
