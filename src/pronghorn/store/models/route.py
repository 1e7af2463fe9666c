"""Route: what a model's name leads to: other names, an order of asking, and models that stand in."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Document, Millis, Strings


class Route(Base):
    __tablename__ = "routes"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    """A model's name, an alias, or a pattern with `*`; the longest that fits holds."""
    models: Mapped[Strings]
    """What is served, best first; none: the model of that name itself."""
    policy: Mapped[str | None] = mapped_column(String(20))
    """None: by weight."""
    fallbacks: Mapped[Document]
    """A cause to the models that are asked then."""
    created_ms: Mapped[Millis]
