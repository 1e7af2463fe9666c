"""Limits: the columns of everything that can have them; none means no limit."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column


class Limited:
    rpm: Mapped[int | None]
    tpm: Mapped[int | None]
    concurrency: Mapped[int | None]
    body_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """Of request bodies in flight."""
