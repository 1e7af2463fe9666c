"""Memberships: what a user may do in an account."""

from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import delete, insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.errors import BadRequest, NotFound
from pronghorn.manage import fields
from pronghorn.manage.fields import Time
from pronghorn.manage.paging import Page, Window, fetch
from pronghorn.manage.services import accounts
from pronghorn.store import Tx
from pronghorn.store import models as table

MemberRole = Literal["owner", "admin", "member"]


class NewMember(Struct, forbid_unknown_fields=True):
    user_id: str
    role: MemberRole = "member"


class Member(Struct):
    account_id: str
    user_id: str
    email: str
    role: MemberRole
    created_at: Time


def view(row: Any) -> Member:
    return Member(row.account_id, row.user_id, row.email, row.role, fields.time_text(row.created_ms))


async def put(tx: Tx, act: Act, account_id: str, new: NewMember) -> Member:
    """Add the user, or change its role."""
    await accounts.get(tx, account_id)
    if not await tx.scalar(select(table.User.id).where(table.User.id == new.user_id)):
        raise BadRequest(
            f"user_id: there is no user {new.user_id!r}; GET /manage/v1/users lists them", param="user_id"
        )
    row = (table.Membership.account_id == account_id, table.Membership.user_id == new.user_id)
    changed = await tx.execute(update(table.Membership).where(*row).values(role=new.role))
    if not changed.rowcount:
        await tx.execute(
            insert(table.Membership).values(
                account_id=account_id, user_id=new.user_id, role=new.role, created_ms=act.now_ms
            )
        )
    await act.record(tx, "member.put", account_id, user_id=new.user_id, role=new.role)
    return view((await tx.execute(_members(account_id).where(*row))).one())


async def page(tx: Tx, account_id: str, part: Window) -> Page[Member]:
    await accounts.get(tx, account_id)
    columns = table.Membership.created_ms, table.Membership.user_id
    return await fetch(tx, _members(account_id), *columns, part, view)


async def remove(tx: Tx, act: Act, account_id: str, user_id: str) -> None:
    await accounts.get(tx, account_id)
    gone = await tx.execute(
        delete(table.Membership).where(
            table.Membership.account_id == account_id, table.Membership.user_id == user_id
        )
    )
    if not gone.rowcount:
        raise NotFound(f"user {user_id!r} is not a member of this account")
    await act.record(tx, "member.delete", account_id, user_id=user_id)


def _members(account_id: str) -> Any:
    return (
        select(table.Membership, table.User.email)
        .join(table.User, table.User.id == table.Membership.user_id)
        .where(table.Membership.account_id == account_id)
    )
