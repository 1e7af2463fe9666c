"""Account: who pays."""

from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Id, Millis, Name
from pronghorn.store.models.limits import Limited


class Account(Limited, Base):
    __tablename__ = "accounts"

    id: Mapped[Id]
    name: Mapped[Name]
    group_name: Mapped[Name] = mapped_column(default="default")
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_ms: Mapped[Millis]
