"""Mark-up and factors of the price book."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "markups",
        sa.Column("vendor", sa.String(length=40), nullable=False),
        sa.Column("factor_ppm", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("vendor", name=op.f("pk_markups")),
    )
    op.add_column("groups", sa.Column("account_factors", sa.JSON(), nullable=True))
