"""Group: a price factor and the channels that serve it."""

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, LongText, Millis
from pronghorn.store.models.limits import Limited


class Group(Limited, Base):
    __tablename__ = "groups"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    description: Mapped[LongText] = mapped_column(default="")
    factor_ppm: Mapped[int] = mapped_column(BigInteger, default=1_000_000)
    """Prices are multiplied by this many millionths."""
    account_factors: Mapped[dict[str, int] | None] = mapped_column(JSON)
    """Instead of `factor_ppm`, by the group of the account whose key is of this group."""
    created_ms: Mapped[Millis]
