"""Number: the whole number that stands for an id where a foreign API wants one; given once, never used again."""

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base


class Number(Base):
    __tablename__ = "numbers"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it, nobody changes it

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    subject: Mapped[str] = mapped_column(String(40), unique=True)
    """The id of a user, key, order or subscription, or the name of a plan."""
