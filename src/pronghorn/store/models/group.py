"""Group: a price factor and the channels that serve it."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, LongText, Millis
from pronghorn.store.models.limits import Limited


class Group(Limited, Base):
    __tablename__ = "groups"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    description: Mapped[LongText] = mapped_column(default="")
    factor_ppm: Mapped[int] = mapped_column(BigInteger, default=1_000_000)
    """Prices are multiplied by this many millionths."""
    created_ms: Mapped[Millis]
