"""Task: one long job at a media vendor, from its submission to its end. Part: what it made, by the vendor's name."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, LongText, Millis, Nano

_OPEN = text("finished_ms IS NULL")


class Task(Base):
    __tablename__ = "tasks"
    __table_args__ = (
        Index(None, "account_id", "mode", "created_ms"),
        Index(None, "created_ms"),
        # As long as there are open tasks, whatever the table's length.
        Index("ix_tasks_due", "due_ms", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    """Ours, in the shape of the vendor's."""
    family: Mapped[str] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(40))
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id", ondelete="CASCADE"))
    mode: Mapped[str] = mapped_column(String(4))
    key_id: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(200))
    request_id: Mapped[str] = mapped_column(String(40), index=True)
    """Of the submission; also the id of its hold and of its row in the usage log."""
    channel_id: Mapped[str] = mapped_column(String(40))
    credential: Mapped[str] = mapped_column(String(24))
    """A keyed hash of the one at the vendor: whatever follows must use the same."""
    upstream_id: Mapped[str | None] = mapped_column(String(400))
    """None until the vendor has taken it."""
    parent_id: Mapped[str | None] = mapped_column(String(80))
    label: Mapped[str | None] = mapped_column(String(255))
    """The caller's own word for it."""
    state: Mapped[str] = mapped_column(String(15))
    percent: Mapped[int] = mapped_column(Integer, default=0)
    reason: Mapped[LongText] = mapped_column(default="")
    """Why it failed."""
    request: Mapped[LongText]
    """What was asked, with what it costs and whom to tell: sealed."""
    data: Mapped[LongText] = mapped_column(default="")
    """What the vendor last said, in the family's words: sealed; empty before it said anything."""
    digest: Mapped[str] = mapped_column(String(32), default="")
    """Of `data`, so that nothing is written when nothing is new."""
    has_callback: Mapped[bool] = mapped_column(default=False)
    cost: Mapped[Nano] = mapped_column(default=0)
    """What was charged, nano-dollars."""
    created_ms: Mapped[Millis]
    started_ms: Mapped[int | None] = mapped_column(BigInteger)
    finished_ms: Mapped[int | None] = mapped_column(BigInteger)
    deadline_ms: Mapped[Millis]
    due_ms: Mapped[Millis]
    """When it is looked at next; while somebody looks, when somebody else may."""
    fence: Mapped[int] = mapped_column(Integer, default=0)
    """Grows whenever somebody takes it: whoever had it before changes nothing any more."""
    polls: Mapped[int] = mapped_column(Integer, default=0)
    lost: Mapped[int] = mapped_column(Integer, default=0)
    """How often in a row the vendor did not know it."""
    attempts: Mapped[list[Any]] = mapped_column(JSON)
    """Who was asked before it was taken, as the usage log has it."""


class TaskPart(Base):
    __tablename__ = "task_parts"

    account_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    """Such as a clip's id: later calls name it alone, and must reach the account that made it."""
    task_id: Mapped[str] = mapped_column(String(80), ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
