"""Notice: who is told, and how, when an account's balance falls under a threshold. Delivery: one such message."""

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Document, Id, LongText, Millis, Nano, Strings


class Notice(Base):
    __tablename__ = "notices"

    account_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    threshold: Mapped[Nano]
    emails: Mapped[Strings]
    webhook_url: Mapped[LongText | None]
    webhook_secret: Mapped[LongText | None]
    """`whsec_...`, sealed by the vault."""
    language: Mapped[str] = mapped_column(String(5))
    """Of the letters: `en` or `zh`."""
    is_low: Mapped[bool] = mapped_column(default=False)
    """It was told; nothing more is until the balance was at the threshold again."""
    changed_ms: Mapped[Millis]


class Delivery(Base):
    __tablename__ = "deliveries"
    __table_args__ = (
        Index(
            None,
            "next_ms",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
    )

    id: Mapped[Id]
    """Also the `webhook-id`: the same in each attempt, so that a receiver knows what it has."""
    account_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(40))
    """`balance.low`."""
    way: Mapped[str] = mapped_column(String(10))
    """`email` or `webhook`."""
    target: Mapped[LongText]
    """An address, or the origin of the webhook: its path may hold a secret."""
    data: Mapped[Document]
    """What there is to tell."""
    status: Mapped[str] = mapped_column(String(10))
    """`waiting`, `sent` or `failed`."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_ms: Mapped[Millis]
    """When it is tried next; while it is being tried, when somebody else may."""
    error: Mapped[LongText] = mapped_column(default="")
    """Of the last attempt."""
    created_ms: Mapped[Millis]
    sent_ms: Mapped[int | None] = mapped_column(BigInteger)
