"""Users: who logs in. Passwords come in as hashes: hashing is slow and belongs outside a transaction."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import delete, func, insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.accounts.passwords import MAX_CHARACTERS, MIN_CHARACTERS, NO_PASSWORD
from pronghorn.errors import Conflict, NotFound
from pronghorn.kit.ids import new_id
from pronghorn.manage import fields
from pronghorn.manage.fields import DisplayName, Name, Time
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx
from pronghorn.store import models as table

Role = Literal["admin", "user"]
Password = Annotated[str, Meta(min_length=MIN_CHARACTERS, max_length=MAX_CHARACTERS)]


class NewUser(Struct, forbid_unknown_fields=True):
    email: Name
    name: DisplayName = ""
    password: Password | None = None
    """Null: cannot log in until a password is set."""
    role: Role = "user"


class UserChange(Struct, forbid_unknown_fields=True):
    email: Name | UnsetType = UNSET
    name: DisplayName | UnsetType = UNSET
    password: Password | UnsetType | None = UNSET
    role: Role | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class User(Struct):
    id: str
    email: str
    name: str
    role: Role
    has_password: bool
    disabled: bool
    created_at: Time


def view(row: Any) -> User:
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        role=row.role,
        has_password=row.password_hash != NO_PASSWORD,
        disabled=row.is_disabled,
        created_at=fields.time_text(row.created_ms),
    )


async def create(tx: Tx, act: Act, new: NewUser, password_hash: str) -> User:
    email = fields.email(new.email)
    await _check_free(tx, email)
    user_id = new_id("usr")
    await tx.execute(
        insert(table.User).values(
            id=user_id,
            email=email,
            name=new.name,
            password_hash=password_hash,
            role=new.role,
            is_disabled=False,
            created_ms=act.now_ms,
        )
    )
    await act.record(
        tx, "user.create", user_id, email=email, role=new.role, has_password=password_hash != NO_PASSWORD
    )
    return await get(tx, user_id)


async def get(tx: Tx, user_id: str) -> User:
    row = (await tx.execute(select(table.User).where(table.User.id == user_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no user {user_id!r}; GET /manage/v1/users lists them")
    return view(row)


async def page(tx: Tx, part: Window, email: str | None = None) -> Page[User]:
    statement = matching(select(table.User), (table.User.email, email and email.lower()))
    return await fetch(tx, statement, table.User.created_ms, table.User.id, part, view)


async def change(tx: Tx, act: Act, user_id: str, patch: UserChange, password_hash: str) -> User:
    """`password_hash` counts only if the patch names a password."""
    user = await get(tx, user_id)
    values = fields.given(patch)
    if "email" in values:
        values["email"] = fields.email(values["email"])
        if values["email"] != user.email:
            await _check_free(tx, values["email"])
    detail = {name: "changed" if name == "password" else value for name, value in values.items()}
    if "password" in values:
        del values["password"]
        values["password_hash"] = password_hash
    if "disabled" in values:
        values["is_disabled"] = values.pop("disabled")
    if values.get("is_disabled") or values.get("role", "admin") != "admin":
        await _check_not_last_admin(tx, user_id)
    if values:
        await tx.execute(update(table.User).where(table.User.id == user_id).values(values))
        await act.record(tx, "user.change", user_id, **detail)
    return await get(tx, user_id)


async def remove(tx: Tx, act: Act, user_id: str) -> None:
    """Its tokens and memberships go too."""
    user = await get(tx, user_id)
    await _check_not_last_admin(tx, user_id)
    await tx.execute(delete(table.User).where(table.User.id == user_id))
    await act.record(tx, "user.delete", user_id, email=user.email)


async def _check_free(tx: Tx, email: str) -> None:
    if await tx.scalar(select(table.User.id).where(table.User.email == email)):
        raise Conflict(f"there is a user {email!r} already", param="email")


async def _check_not_last_admin(tx: Tx, user_id: str) -> None:
    admins = (table.User.role == "admin", table.User.is_disabled.is_(False))
    is_admin = await tx.scalar(select(table.User.id).where(table.User.id == user_id, *admins))
    others = select(func.count()).select_from(table.User).where(table.User.id != user_id, *admins)
    if is_admin and not await tx.scalar(others):
        raise Conflict("this is the last enabled admin; make another one first")
