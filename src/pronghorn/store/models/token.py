"""Token: an admin token for the management API. Only its keyed hash is kept."""

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Id, Millis, Name


class Token(Base):
    __tablename__ = "tokens"

    id: Mapped[Id]
    user_id: Mapped[str] = mapped_column(String(40), ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[Name]
    hint: Mapped[str] = mapped_column(String(40))
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_ms: Mapped[Millis]
