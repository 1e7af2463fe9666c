"""User: who logs in."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Id, Millis, Name


class User(Base):
    __tablename__ = "users"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(200), unique=True)
    """In lower case."""
    name: Mapped[Name] = mapped_column(default="")
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20), default="user")
    """`admin` may do everything under `/manage/v1`; `user` what its memberships allow."""
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_ms: Mapped[Millis]
