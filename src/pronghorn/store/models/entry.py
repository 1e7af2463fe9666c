"""Entry: one transfer of the double-entry ledger, from the debited book to the credited one. Append-only.

Books are `account:<id>`, `funding` (money from outside), `promotion` (given away by the operator), `revenue` and
`shortfall` (usage above a hold).
"""

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, LongText, Millis, Nano


class Entry(Base):
    __tablename__ = "entries"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        Index(None, "debit", "created_ms"),
        # Nearly every entry credits revenue, and nobody looks those up by it.
        Index(
            None,
            "credit",
            "created_ms",
            sqlite_where=text("credit <> 'revenue'"),
            postgresql_where=text("credit <> 'revenue'"),
        ),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    created_ms: Mapped[Millis]
    mode: Mapped[str] = mapped_column(String(4))
    kind: Mapped[str] = mapped_column(String(20))
    """`deposit`, `withdrawal`, `charge`, `shortfall`, or what else moved money: `top_up`, `redeem`, `allowance` ..."""
    debit: Mapped[str] = mapped_column(String(60))
    credit: Mapped[str] = mapped_column(String(60))
    amount: Mapped[Nano]
    reference: Mapped[str | None] = mapped_column(String(80), unique=True)
    """What makes it happen once, such as `charge:<request id>`."""
    note: Mapped[LongText] = mapped_column(default="")
