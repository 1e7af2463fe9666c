"""Markup: what list prices are multiplied by, for one vendor's models or for all that have none of their own."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Millis

EVERY_VENDOR = ""


class Markup(Base):
    __tablename__ = "markups"

    vendor: Mapped[str] = mapped_column(String(40), primary_key=True)
    """Empty: every vendor without a row."""
    factor_ppm: Mapped[int] = mapped_column(BigInteger)
    updated_ms: Mapped[Millis]
