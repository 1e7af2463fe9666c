"""Deliveries to an address that a task brings with it, in order; webhooks that choose what they are told."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("subject", sa.String(length=80), nullable=True))
    op.add_column("deliveries", sa.Column("turn", sa.Integer(), server_default="0", nullable=False))
    op.add_column("deliveries", sa.Column("sealed", sa.Text(), nullable=True))
    op.create_index(op.f("ix_deliveries_subject_way_turn"), "deliveries", ["subject", "way", "turn"])
    op.create_index(op.f("ix_deliveries_created_ms_id"), "deliveries", ["created_ms", "id"])
    with op.batch_alter_table("notices") as notices:
        notices.add_column(sa.Column("events", sa.JSON(), nullable=True))
        notices.alter_column("threshold", existing_type=sa.BigInteger(), nullable=True)
