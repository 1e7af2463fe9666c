"""Me: the user who asks: balance, name, password, access token, invite code."""

from typing import Annotated, Any

import msgspec
from litestar import get, put
from sqlalchemy import func, or_, select, update

from pronghorn.accounts.act import Act
from pronghorn.accounts.passwords import MAX_CHARACTERS
from pronghorn.commerce import invitations, usage
from pronghorn.errors import BadRequest, Conflict
from pronghorn.kit import quota
from pronghorn.portal import session
from pronghorn.portal.answer import Answer, body
from pronghorn.portal.caller import AnyRequest, Caller
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import Asking, Shared
from pronghorn.portal.login import check_password, new_hash
from pronghorn.store import Tx
from pronghorn.store.models import Invite, User

MIN_PASSWORD = 8
"""As clients of this API check it before they send."""
DAY_MS = 24 * 60 * 60 * 1000


class Change(msgspec.Struct):
    """Everything else that clients send along is left out of account: role, quota, group and so on."""

    display_name: Annotated[str, msgspec.Meta(max_length=50)] = ""
    password: str = ""
    original_password: str = ""


@get("/api/user/self")
async def show(desk: Shared, caller: Asking) -> Answer:
    return Answer(
        {
            "id": caller.number,
            "username": caller.username,
            "display_name": caller.username,
            "role": 1,
            "status": 1,
            "email": caller.email,
            "group": caller.group,
            **await _money(desk, caller),
            "linux_do_id": "",
            "setting": "{}",
        }
    )


@put("/api/user/self")
async def change(request: AnyRequest, desk: Shared, caller: Asking) -> Answer:
    given = await body(request, Change)
    password_hash = await _new_password_hash(desk, caller, given) if given.password else ""
    act = caller.act(desk.context.now_ms)
    async with desk.context.write() as tx:
        if given.display_name:
            await _rename(tx, act, caller, given.display_name)
        if password_hash:
            await _set_password(tx, act, caller, password_hash)
    return Answer()


@get("/api/user/token")
async def new_access_token(desk: Shared, caller: Asking) -> Answer:
    """Given this once; the one before ends."""
    context = desk.context
    act = caller.act(context.now_ms)
    async with context.write() as tx:
        user = (await tx.execute(select(User.id, User.password_hash).where(User.id == caller.user_id))).one()
        token = await session.new_token(tx, context.secrets, user, context.now_ms)
        await act.record(tx, "access_token.create", caller.user_id)
    return Answer(token)


@get("/api/user/aff")
async def invite_code(desk: Shared, caller: Asking) -> Answer:
    account = caller.wallet()
    async with desk.context.write() as tx:
        return Answer(await invitations.code_of(tx, account.id, desk.context.now_ms))


async def _money(desk: Desk, caller: Caller) -> dict[str, Any]:
    found = dict.fromkeys(
        ("quota", "used_quota", "request_count", "aff_count", "aff_quota", "aff_history_quota", "inviter_id"),
        0,
    )
    if caller.account is None:
        return {**found, "aff_code": ""}
    account_id = caller.account.id
    standing = (await desk.context.credit.standing([account_id], "live"))[account_id]
    async with desk.context.read() as tx:
        invited = await invitations.summary(tx, account_id)
        code = await tx.scalar(select(Invite.code).where(Invite.account_id == account_id))
        requests = await _request_count(tx, account_id, desk.context.now_ms)
    return {
        **found,
        "quota": quota.left(standing.balance),
        "used_quota": quota.used(standing.spent),
        "request_count": requests,
        "aff_code": code or "",
        "aff_count": invited.invited,
        # Rewards are balance at once: nothing waits to be moved.
        "aff_history_quota": quota.left(invited.reward),
    }


async def _request_count(tx: Tx, account_id: str, now_ms: int) -> int:
    counts = usage.all_counts(0, now_ms + DAY_MS, usage.Filter("live", account_id), [])
    return int(await tx.scalar(select(func.sum(counts.c.requests))) or 0)


async def _new_password_hash(desk: Desk, caller: Caller, given: Change) -> str:
    if not MIN_PASSWORD <= len(given.password) <= MAX_CHARACTERS:
        raise BadRequest(
            f"password must have {MIN_PASSWORD} to {MAX_CHARACTERS} characters", param="password"
        )
    counted = f"change {caller.user_id}"
    desk.logins.take(desk.context.clock.monotonic(), counted)
    if not await check_password(desk, caller.password_hash, given.original_password[: MAX_CHARACTERS + 1]):
        raise BadRequest("original_password is not the one you have now", param="original_password")
    desk.logins.clear(counted)
    return await new_hash(desk, given.password)


async def _rename(tx: Tx, act: Act, caller: Caller, name: str) -> None:
    name = await free_name(tx, name, "display_name", but=caller.user_id)
    await tx.execute(update(User).where(User.id == caller.user_id).values(name=name))
    await act.record(tx, "user.change", caller.user_id, name=name)


async def free_name(tx: Tx, name: str, param: str, but: str = "") -> str:
    """Names log in as e-mail addresses do: one that another user has would lock that one out."""
    name = name.strip()
    if not name or not name.isprintable():
        raise BadRequest(f"{param} must be one line of printable text and not empty", param=param)
    taken = select(User.id).where(or_(User.name == name, User.email == name.lower()), User.id != but)
    if await tx.scalar(taken.limit(1)):
        raise Conflict(f"{param}: another user has this name; choose another one", param=param)
    return name


async def _set_password(tx: Tx, act: Act, caller: Caller, password_hash: str) -> None:
    """Every other session and the access token end with the old password."""
    changed = await tx.execute(
        update(User)
        .where(User.id == caller.user_id, User.password_hash == caller.password_hash)
        .values(password_hash=password_hash)
    )
    if not changed.rowcount:
        raise Conflict("the password was changed at the same moment; log in again")
    if caller.session_id is not None:
        await session.keep_through(tx, caller.session_id, password_hash)
    await act.record(tx, "user.change", caller.user_id, password="changed")  # noqa: S106 - a word, no password


handlers = [show, change, new_access_token, invite_code]
