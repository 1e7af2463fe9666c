"""Orders that buy a plan."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("plan", sa.String(length=200), nullable=True))
    op.add_column("orders", sa.Column("plan_allowance", sa.BigInteger(), nullable=True))
    op.add_column("orders", sa.Column("plan_period", sa.String(length=10), nullable=True))
    began = sa.ForeignKey("subscriptions.id", name=op.f("fk_orders_subscription_id"))
    op.add_column(
        "orders",
        sa.Column("subscription_id", sa.String(length=40), began, nullable=True),
        # SQLite takes it in no other way; a table that is made anew there would lose its checks.
        inline_references=op.get_context().dialect.name == "sqlite",
    )
