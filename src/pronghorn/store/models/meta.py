"""Meta: small facts about the installation, such as the revision that tells every server to look again."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, LongText


class Meta(Base):
    __tablename__ = "meta"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[LongText]
