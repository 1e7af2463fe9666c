"""Server: a process that serves requests and its current epoch. JournalCursor: how far a segment is posted."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Millis


class Server(Base):
    __tablename__ = "servers"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    epoch: Mapped[int]
    started_ms: Mapped[Millis]


class JournalCursor(Base):
    __tablename__ = "journal_cursors"

    segment: Mapped[str] = mapped_column(String(80), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the segment that are posted."""
