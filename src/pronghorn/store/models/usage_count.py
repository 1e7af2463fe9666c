"""UsageCount: what one key used of one model through one channel, in one quarter of an hour.

A quarter, because days begin in some zones (India, Nepal) at a half or a quarter of an hour in UTC, and in none at
another minute.
"""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Millis, Nano

_Word = String(40)
_Count = Nano
"""As wide as money: tokens of a busy quarter do not fit 32 bits."""


class UsageCount(Base):
    __tablename__ = "usage_counts"
    __table_args__ = (Index(None, "account_id", "start_ms"),)

    start_ms: Mapped[Millis] = mapped_column(primary_key=True, autoincrement=False)
    """By when requests came in."""
    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    account_id: Mapped[str] = mapped_column(_Word, primary_key=True)
    key_id: Mapped[str] = mapped_column(_Word, primary_key=True)
    channel_id: Mapped[str] = mapped_column(_Word, primary_key=True)
    """Empty for a request that no channel was asked for."""
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    group_name: Mapped[str] = mapped_column(String(200), primary_key=True)

    requests: Mapped[_Count]
    errors: Mapped[_Count]
    input: Mapped[_Count]
    output: Mapped[_Count]
    cache_read: Mapped[_Count]
    cache_write: Mapped[_Count]
    reasoning: Mapped[_Count]
    audio_input: Mapped[_Count]
    audio_output: Mapped[_Count]
    image_input: Mapped[_Count]
    image_output: Mapped[_Count]
    images: Mapped[_Count]
    seconds: Mapped[_Count]
    characters: Mapped[_Count]
    cost: Mapped[Nano]
    shortfall: Mapped[Nano]
