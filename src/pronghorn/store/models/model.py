"""Model: a row of the catalogue."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, LongText, Millis, Strings


class Model(Base):
    __tablename__ = "models"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    vendor: Mapped[str] = mapped_column(String(40))
    display_name: Mapped[str] = mapped_column(String(200), default="")
    description: Mapped[LongText] = mapped_column(default="")
    capabilities: Mapped[Strings]
    """Such as `chat`, `embeddings`, `realtime`; `chat_images`: a chat whose answers are pictures or worth nothing."""
    context_tokens: Mapped[int | None]
    max_output_tokens: Mapped[int | None]
    is_retired: Mapped[bool] = mapped_column(default=False)
    is_own: Mapped[bool] = mapped_column(default=False)
    """Made or changed by the operator: a new catalogue leaves it alone."""
    created_ms: Mapped[Millis]
