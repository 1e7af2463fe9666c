"""Redeem codes and invitations."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    _create_codes()
    _create_invitations()


def _create_codes() -> None:
    op.create_table(
        "code_batches",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("is_disabled", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_code_batches_amount_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_batches")),
    )
    op.create_table(
        "codes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("batch_id", sa.String(length=40), nullable=False),
        sa.Column("hint", sa.String(length=20), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("is_disabled", sa.Boolean(), nullable=False),
        sa.Column("redeemed_ms", sa.BigInteger(), nullable=True),
        sa.Column("redeemed_account_id", sa.String(length=40), nullable=True),
        sa.Column("redeemed_user_id", sa.String(length=40), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(redeemed_ms IS NULL) = (redeemed_account_id IS NULL)",
            name=op.f("ck_codes_redeemed_for_an_account"),
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["code_batches.id"], name=op.f("fk_codes_batch_id")),
        sa.ForeignKeyConstraint(
            ["redeemed_account_id"], ["accounts.id"], name=op.f("fk_codes_redeemed_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_codes")),
        sa.UniqueConstraint("hash", name=op.f("uq_codes_hash")),
    )
    op.create_index(op.f("ix_codes_batch_id"), "codes", ["batch_id"], unique=False)
    op.create_index(op.f("ix_codes_redeemed_account_id"), "codes", ["redeemed_account_id"], unique=False)


def _create_invitations() -> None:
    op.create_table(
        "invites",
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_invites_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_invites")),
        sa.UniqueConstraint("code", name=op.f("uq_invites_code")),
    )
    op.create_table(
        "invitations",
        sa.Column("invitee_account_id", sa.String(length=40), nullable=False),
        sa.Column("inviter_account_id", sa.String(length=40), nullable=False),
        sa.Column("inviter_reward", sa.BigInteger(), nullable=False),
        sa.Column("invitee_reward", sa.BigInteger(), nullable=False),
        sa.Column("rewarded_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "invitee_account_id <> inviter_account_id", name=op.f("ck_invitations_not_by_itself")
        ),
        sa.CheckConstraint(
            "inviter_reward >= 0 AND invitee_reward >= 0", name=op.f("ck_invitations_rewards_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["invitee_account_id"], ["accounts.id"], name=op.f("fk_invitations_invitee_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["inviter_account_id"], ["accounts.id"], name=op.f("fk_invitations_inviter_account_id")
        ),
        sa.PrimaryKeyConstraint("invitee_account_id", name=op.f("pk_invitations")),
    )
    op.create_index(
        op.f("ix_invitations_inviter_account_id"), "invitations", ["inviter_account_id"], unique=False
    )
