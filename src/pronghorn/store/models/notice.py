"""Notice: who is told what of an account, and how. Delivery: one message of it, or of a task to its own address."""

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Document, Id, LongText, Millis, Strings


class Notice(Base):
    __tablename__ = "notices"

    account_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    threshold: Mapped[int | None] = mapped_column(BigInteger)
    """Nano-dollars; None: nobody is told of the balance."""
    emails: Mapped[Strings]
    """Told of the balance alone."""
    events: Mapped[Strings | None]
    """What the webhook is told; None: the balance alone."""
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
        Index(None, "subject", "way", "turn"),
        Index(None, "created_ms", "id"),
    )

    id: Mapped[Id]
    """Also the `webhook-id`: the same in each attempt, so that a receiver knows what it has."""
    account_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(40))
    """`balance.low`, `task.succeeded`."""
    way: Mapped[str] = mapped_column(String(10))
    """`email`, `webhook`, or `callback`: to an address that a task brought with it."""
    target: Mapped[LongText]
    """An address, or the origin of the URL: its path may hold a secret."""
    subject: Mapped[str | None] = mapped_column(String(80))
    """The task's id: what is told of it by the same way arrives in order."""
    turn: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Its place in that order."""
    data: Mapped[Document]
    """What there is to tell; empty where it is sealed."""
    status: Mapped[str] = mapped_column(String(10))
    """`waiting`, `sent` or `failed`."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_ms: Mapped[Millis]
    """When it is tried next; while it is being tried, when somebody else may."""
    error: Mapped[LongText] = mapped_column(default="")
    """Of the last attempt."""
    created_ms: Mapped[Millis]
    sent_ms: Mapped[int | None] = mapped_column(BigInteger)
    sealed: Mapped[LongText | None]
    """Of a callback: URL and body, closed by the vault."""
