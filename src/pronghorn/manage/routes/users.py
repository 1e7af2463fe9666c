"""Users. Hashing a password is slow: it runs in a thread, before the transaction."""

import asyncio

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UnsetType

from pronghorn.accounts.passwords import NO_PASSWORD, hash_password
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import users
from pronghorn.manage.services.users import NewUser, User, UserChange

_TAGS = ["users"]


async def _hash(password: str | UnsetType | None) -> str:
    return await asyncio.to_thread(hash_password, password) if isinstance(password, str) else NO_PASSWORD


@post("/users", operation_id="createUser", summary="Add a user", tags=_TAGS)
async def create(context: Context, act: Actor, data: JSONBody[NewUser]) -> User:
    password_hash = await _hash(data.password)
    async with context.change() as tx:
        return await users.create(tx, act, data, password_hash)


@get("/users", operation_id="listUsers", summary="List users", tags=_TAGS)
async def list_(context: Context, part: Part, email: FromQuery[str | None] = None) -> Page[User]:
    async with context.read() as tx:
        return await users.page(tx, part, email)


@get("/users/{user_id:str}", operation_id="getUser", summary="Show a user", tags=_TAGS)
async def show(context: Context, user_id: FromPath[str]) -> User:
    async with context.read() as tx:
        return await users.get(tx, user_id)


@patch("/users/{user_id:str}", operation_id="changeUser", summary="Change a user", tags=_TAGS)
async def change(context: Context, act: Actor, user_id: FromPath[str], data: JSONBody[UserChange]) -> User:
    password_hash = await _hash(data.password)
    async with context.change() as tx:
        return await users.change(tx, act, user_id, data, password_hash)


@delete("/users/{user_id:str}", operation_id="deleteUser", summary="Remove a user", tags=_TAGS)
async def remove(context: Context, act: Actor, user_id: FromPath[str]) -> None:
    async with context.change() as tx:
        await users.remove(tx, act, user_id)


handlers = [create, list_, show, change, remove]
