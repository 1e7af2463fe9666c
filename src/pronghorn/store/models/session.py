"""Session: a login that a cookie stands for. AccessToken: what a user's scripts show to the dashboard API.

Of both secrets only the keyed hash is kept, and both end when the user's password changes, whoever changes it.
"""

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Id, Millis


class Session(Base):
    __tablename__ = "sessions"

    id: Mapped[Id]
    user_id: Mapped[str] = mapped_column(String(40), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    password_mark: Mapped[bytes] = mapped_column(LargeBinary(32))
    """A hash of the password's hash: another password, another mark."""
    client_ip: Mapped[str] = mapped_column(String(60), default="")
    user_agent: Mapped[str] = mapped_column(String(200), default="")
    created_ms: Mapped[Millis]
    seen_ms: Mapped[Millis]
    expires_ms: Mapped[Millis] = mapped_column(index=True)


class AccessToken(Base):
    __tablename__ = "access_tokens"

    user_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    """One a user: a new one ends the old one."""
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    password_mark: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_ms: Mapped[Millis]
