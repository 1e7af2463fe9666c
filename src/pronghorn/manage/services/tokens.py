"""Tokens: what scripts show to the management API. The token itself is given once; only its hash is kept."""

from typing import Any

from msgspec import Struct
from sqlalchemy import delete, insert, select

from pronghorn.accounts import keys
from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import BadRequest, NotFound, Unauthenticated
from pronghorn.kit.ids import new_id
from pronghorn.manage import fields
from pronghorn.manage.fields import Name, Time
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx
from pronghorn.store import models as table


class NewToken(Struct, forbid_unknown_fields=True):
    name: Name
    user_id: str | None = None
    """Null: the user who asks."""


class Token(Struct, kw_only=True):
    id: str
    user_id: str
    name: str
    hint: str
    created_at: Time


class CreatedToken(Token, kw_only=True):
    token: str
    """Shown this once."""


def view(row: Any) -> Token:
    return Token(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        hint=row.hint,
        created_at=fields.time_text(row.created_ms),
    )


async def create(tx: Tx, act: Act, secrets: Secrets, user_id: str, name: str) -> CreatedToken:
    """A token opens nothing that its user may not do, so only admins have use for one."""
    name = fields.clean(name, "name")
    role = await tx.scalar(select(table.User.role).where(table.User.id == user_id))
    if role != "admin":
        raise BadRequest(
            f"user_id: {user_id!r} is not a user with role admin; GET /manage/v1/users lists them",
            param="user_id",
        )
    made = CreatedToken(
        id=new_id("tok"),
        user_id=user_id,
        name=name,
        hint="",
        created_at=fields.time_text(act.now_ms),
        token=keys.new_token(),
    )
    made.hint = keys.hint(made.token)
    await tx.execute(
        insert(table.Token).values(
            id=made.id,
            user_id=user_id,
            name=name,
            hint=made.hint,
            hash=keys.keyed_hash(secrets.hash_key, made.token),
            created_ms=act.now_ms,
        )
    )
    await act.record(tx, "token.create", made.id, user_id=user_id, name=name, hint=made.hint)
    return made


async def page(tx: Tx, part: Window, user_id: str | None = None) -> Page[Token]:
    statement = matching(select(table.Token), (table.Token.user_id, user_id))
    return await fetch(tx, statement, table.Token.created_ms, table.Token.id, part, view)


async def remove(tx: Tx, act: Act, token_id: str) -> None:
    row = (await tx.execute(select(table.Token).where(table.Token.id == token_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no token {token_id!r}; GET /manage/v1/tokens lists them")
    await tx.execute(delete(table.Token).where(table.Token.id == token_id))
    await act.record(tx, "token.delete", token_id, user_id=row.user_id, name=row.name, hint=row.hint)


async def user_of(tx: Tx, secrets: Secrets, token: str) -> str:
    """The admin whom `token` stands for. Raises `Unauthenticated`."""
    hashes = [keys.keyed_hash(key, token) for key in secrets.hash_keys]
    row = (
        await tx.execute(
            select(table.User.id, table.User.role, table.User.is_disabled)
            .join(table.Token, table.Token.user_id == table.User.id)
            .where(table.Token.hash.in_(hashes))
        )
    ).one_or_none()
    if row is None or row.is_disabled or row.role != "admin":
        raise Unauthenticated(
            "this admin token is not valid (any more), or its user is no enabled admin; "
            "make one with `pronghorn token create`",
            code="invalid_token",
        )
    return str(row.id)
