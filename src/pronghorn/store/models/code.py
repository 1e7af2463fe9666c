"""Code: what turns into balance once. Only its keyed hash is kept. Codes are made in batches of one amount."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Id, Millis, Name, Nano


class CodeBatch(Base):
    __tablename__ = "code_batches"
    __table_args__ = (CheckConstraint("amount > 0", name="amount_positive"),)

    id: Mapped[Id]
    name: Mapped[Name]
    amount: Mapped[Nano]
    """What each of its codes is worth."""
    count: Mapped[int]
    expires_ms: Mapped[int | None] = mapped_column(BigInteger)
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_ms: Mapped[Millis]


class Code(Base):
    __tablename__ = "codes"
    __table_args__ = (
        CheckConstraint(
            "(redeemed_ms IS NULL) = (redeemed_account_id IS NULL)", name="redeemed_for_an_account"
        ),
    )

    id: Mapped[Id]
    batch_id: Mapped[str] = mapped_column(String(40), ForeignKey("code_batches.id"), index=True)
    hint: Mapped[str] = mapped_column(String(20))
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    is_disabled: Mapped[bool] = mapped_column(default=False)
    redeemed_ms: Mapped[int | None] = mapped_column(BigInteger)
    redeemed_account_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("accounts.id"), index=True)
    redeemed_user_id: Mapped[str | None] = mapped_column(String(40))
    """Who did it. None: an operator. No foreign key: users go, what they did stays."""
    created_ms: Mapped[Millis]
