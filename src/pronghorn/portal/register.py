"""Register: people open an account by themselves, where the operator lets them."""

import re
from typing import Annotated

import msgspec
from litestar import post
from sqlalchemy import insert, or_, select

from pronghorn.accounts.act import Act
from pronghorn.accounts.passwords import MAX_CHARACTERS
from pronghorn.commerce import invitations
from pronghorn.commerce.welcome import welcome
from pronghorn.errors import AccessDenied, BadRequest, Conflict
from pronghorn.kit.forwarded import household
from pronghorn.kit.ids import new_id
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger import repository
from pronghorn.portal.answer import Answer, body
from pronghorn.portal.caller import AnyRequest, address_of, check_origin
from pronghorn.portal.given import Shared
from pronghorn.portal.groups import DEFAULT
from pronghorn.portal.login import new_hash
from pronghorn.portal.me import MIN_PASSWORD, free_name
from pronghorn.store import Tx, revision
from pronghorn.store.models import Account, Membership, User

TEST_MONEY = 1_000 * NANO_PER_USD
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,120}")


class NewUser(msgspec.Struct):
    """A role, a group or a quota that somebody sends along is left out of account."""

    username: Annotated[str, msgspec.Meta(max_length=50)]
    password: Annotated[str, msgspec.Meta(min_length=MIN_PASSWORD, max_length=MAX_CHARACTERS)]
    email: Annotated[str, msgspec.Meta(max_length=200)]
    aff_code: Annotated[str, msgspec.Meta(max_length=40)] = ""


@post("/api/user/register", status_code=200)
async def register(request: AnyRequest, desk: Shared) -> Answer:
    context = desk.context
    if context.settings.registration != "open":
        raise AccessDenied("nobody can register here by himself; ask the operator")
    check_origin(request)
    desk.sign_ups.take(context.clock.monotonic(), household(address_of(request)))
    new = await body(request, NewUser)
    email = _email(new.email)
    password_hash = await new_hash(desk, new.password)
    async with context.change() as tx:
        act = Act("system", context.now_ms)
        user_id = await _new_user(tx, act, new, email, password_hash)
        account_id = await _new_account(tx, act, user_id, new.username.strip())
        if new.aff_code:
            await invitations.accept(tx, context.settings, new.aff_code, account_id, context.now_ms)
        await welcome(tx, context.settings, account_id, context.now_ms)
        await revision.bump(tx)
    return Answer()


async def _new_user(tx: Tx, act: Act, new: NewUser, email: str, password_hash: str) -> str:
    name = await free_name(tx, new.username, "username")
    if await tx.scalar(select(User.id).where(or_(User.email == email, User.name == email))):
        raise Conflict("email: there is a user with this address already; log in", param="email")
    user_id = new_id("usr")
    await tx.execute(
        insert(User).values(
            id=user_id,
            email=email,
            name=name,
            password_hash=password_hash,
            role="user",
            is_disabled=False,
            created_ms=act.now_ms,
        )
    )
    await act.record(tx, "user.register", user_id, email=email, name=name)
    return user_id


async def _new_account(tx: Tx, act: Act, user_id: str, name: str) -> str:
    """With both wallets, play money in the one for tests, and its user as the owner."""
    account_id = new_id("acc")
    await tx.execute(
        insert(Account).values(
            id=account_id, name=name, group_name=DEFAULT, is_disabled=False, created_ms=act.now_ms
        )
    )
    for mode in ("live", "test"):
        await repository.open_wallet(tx, account_id, mode)
    await repository.adjust(tx, account_id, "test", TEST_MONEY, note="test money", now_ms=act.now_ms)
    await tx.execute(
        insert(Membership).values(user_id=user_id, account_id=account_id, role="owner", created_ms=act.now_ms)
    )
    await act.record(tx, "account.create", account_id, name=name, group=DEFAULT)
    return account_id


def _email(text: str) -> str:
    text = text.strip().lower()
    if not _EMAIL.fullmatch(text) or not text.isprintable():
        raise BadRequest("email must look like name@host", param="email")
    return text


handlers = [register]
