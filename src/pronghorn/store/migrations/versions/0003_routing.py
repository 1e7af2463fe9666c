"""What a model's name leads to, limits of accounts, groups and channels, and what a channel costs the operator."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "routes",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("policy", sa.String(length=20), nullable=True),
        sa.Column("fallbacks", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_routes")),
    )
    for table in ("accounts", "groups", "channels"):
        for limit in ("rpm", "tpm", "concurrency"):
            op.add_column(table, sa.Column(limit, sa.Integer(), nullable=True))
    for table in ("accounts", "groups", "channels", "keys"):
        op.add_column(table, sa.Column("body_bytes", sa.BigInteger(), nullable=True))
    op.add_column(
        "channels", sa.Column("cost_ppm", sa.BigInteger(), nullable=False, server_default="1000000")
    )
