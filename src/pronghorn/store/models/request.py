"""Request: one row of the usage log, written once, when the request has ended."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Document, Id, LongText, Millis, Nano


class Request(Base):
    __tablename__ = "requests"
    __table_args__ = (
        Index(None, "created_ms", "id"),
        Index(None, "account_id", "created_ms"),
        Index(None, "key_id", "created_ms"),
        # As long as what the worker has not counted yet, whatever the log's length.
        Index(
            "ix_requests_not_counted",
            "created_ms",
            sqlite_where=text("NOT is_counted"),
            postgresql_where=text("NOT is_counted"),
        ),
    )

    id: Mapped[Id]
    created_ms: Mapped[Millis]
    """When it came in."""
    mode: Mapped[str] = mapped_column(String(4))
    account_id: Mapped[str] = mapped_column(String(40))
    key_id: Mapped[str] = mapped_column(String(40))
    group_name: Mapped[str] = mapped_column(String(200))
    endpoint: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(200))
    upstream_model: Mapped[str | None] = mapped_column(String(200))
    channel_id: Mapped[str | None] = mapped_column(String(40))
    is_stream: Mapped[bool]
    status: Mapped[int]
    """The HTTP status that the caller got; 0 if the caller was gone before."""
    end_reason: Mapped[str] = mapped_column(String(20))
    finish: Mapped[str | None] = mapped_column(String(20))
    error: Mapped[LongText] = mapped_column(default="")
    usage: Mapped[Document]
    hold: Mapped[Nano]
    cost: Mapped[Nano]
    shortfall: Mapped[Nano] = mapped_column(default=0)
    first_byte_ms: Mapped[int | None]
    duration_ms: Mapped[int]
    upstream_request_id: Mapped[str | None] = mapped_column(String(200))
    client_ip: Mapped[str] = mapped_column(String(60), default="")
    attempts: Mapped[list[Any]] = mapped_column(JSON)
    explain: Mapped[list[Any]] = mapped_column(JSON)
    posted_ms: Mapped[int] = mapped_column(BigInteger)
    """When the worker wrote this row."""
    is_counted: Mapped[bool] = mapped_column(server_default=false())
    """It is in `usage_counts`."""
