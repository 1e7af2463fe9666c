"""Bootstrap: the first secrets of an installation, sealed, so that a restart can print them again."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, LongText


class Bootstrap(Base):
    __tablename__ = "bootstrap"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    """`admin_password`, `admin_token`, `test_key` or `live_key`."""
    subject_id: Mapped[str] = mapped_column(String(40))
    """The user, token or key that it opens."""
    sealed: Mapped[LongText]
