"""Usage, counted by quarters of an hour."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

COUNTS = (
    "requests",
    "errors",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "audio_input",
    "audio_output",
    "image_input",
    "image_output",
    "images",
    "seconds",
    "characters",
    "cost",
    "shortfall",
)


def upgrade() -> None:
    op.create_table(
        "usage_counts",
        sa.Column("start_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("channel_id", sa.String(length=40), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("group_name", sa.String(length=200), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint(
            "start_ms",
            "mode",
            "account_id",
            "key_id",
            "channel_id",
            "model",
            "group_name",
            name=op.f("pk_usage_counts"),
        ),
    )
    op.create_index(op.f("ix_usage_counts_account_id_start_ms"), "usage_counts", ["account_id", "start_ms"])
    op.add_column(
        "requests", sa.Column("is_counted", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_index(
        "ix_requests_not_counted",
        "requests",
        ["created_ms"],
        sqlite_where=sa.text("NOT is_counted"),
        postgresql_where=sa.text("NOT is_counted"),
    )
