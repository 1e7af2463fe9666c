"""Key: what a client shows to call models. Only its keyed hash is kept."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Id, Millis, Name, Nano, Strings
from pronghorn.store.models.limits import Limited


class Key(Limited, Base):
    __tablename__ = "keys"

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"), index=True)
    name: Mapped[Name]
    mode: Mapped[str] = mapped_column(String(4))
    hint: Mapped[str] = mapped_column(String(40))
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    models: Mapped[Strings | None]
    """None: every model of its group; entries may end in `*`."""
    ips: Mapped[Strings | None]
    """Addresses and networks in CIDR form; None: from anywhere."""
    group_name: Mapped[str | None] = mapped_column(String(200))
    """None: the account's group."""
    budget: Mapped[int | None] = mapped_column(BigInteger)
    spent: Mapped[Nano] = mapped_column(default=0)
    is_strict: Mapped[bool] = mapped_column(default=False)
    is_disabled: Mapped[bool] = mapped_column(default=False)
    expires_ms: Mapped[int | None] = mapped_column(BigInteger)
    created_ms: Mapped[Millis]
