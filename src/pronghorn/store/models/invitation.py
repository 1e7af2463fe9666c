"""Invite: the code by which an account invites others. Invitation: who came by it, and what both were promised."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pronghorn.store.models.base import Base, Millis, Nano


class Invite(Base):
    __tablename__ = "invites"

    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    """No secret: it stands in links, and is worth nothing to who already has an account."""
    created_ms: Mapped[Millis]


class Invitation(Base):
    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("invitee_account_id <> inviter_account_id", name="not_by_itself"),
        CheckConstraint("inviter_reward >= 0 AND invitee_reward >= 0", name="rewards_not_negative"),
    )

    invitee_account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"), primary_key=True)
    inviter_account_id: Mapped[str] = mapped_column(String(40), ForeignKey("accounts.id"), index=True)
    inviter_reward: Mapped[Nano]
    invitee_reward: Mapped[Nano]
    """Promised at sign-up: what the settings say later changes no promise."""
    rewarded_ms: Mapped[int | None] = mapped_column(BigInteger)
    """When both got it. None: not yet."""
    created_ms: Mapped[Millis]
