"""Login: from a password to a session, and to its end.

Who is unknown and who types a wrong password get the same answer after the same work. Tries are counted by where they
come from and by whom they are for.
"""

import asyncio
from functools import cache
from typing import Any

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from sqlalchemy import select

from pronghorn.accounts.passwords import MAX_CHARACTERS, NO_PASSWORD, hash_password, is_right
from pronghorn.errors import BadRequest, NotFound, Unauthenticated
from pronghorn.kit.forwarded import household
from pronghorn.portal import session
from pronghorn.portal.answer import Answer, body
from pronghorn.portal.caller import (
    MAX_SECRET,
    REFRESH_COOKIE,
    SESSION_COOKIE,
    AnyRequest,
    account_of,
    address_of,
    bearer,
    check_origin,
    desk_of,
)
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import Asking
from pronghorn.portal.session import NewSession
from pronghorn.store import Tx
from pronghorn.store.models import User

COOKIE_PATHS = {SESSION_COOKIE: "/api", REFRESH_COOKIE: "/api/user/auth"}
"""One secret under two names: older clients keep a session, newer ones ask with it for access tokens."""


class Login(msgspec.Struct):
    username: str = ""
    password: str = ""


@get("/api/user/login/encryption-key")
async def encryption_key() -> Answer:
    """Passwords come as they are: TLS is what hides them on their way."""
    return Answer({"enabled": False, "kid": "", "public_key": ""})


@post("/api/user/login", status_code=200)
async def login(request: AnyRequest) -> Response[Answer]:
    desk, given = desk_of(request), await body(request, Login)
    check_origin(request)
    user = await _user_of(desk, given, address_of(request))
    agent = request.headers.get("user-agent", "")
    context = desk.context
    async with context.write() as tx:
        made = await session.begin(tx, context.secrets, user, context.now_ms, address_of(request), agent)
    return await _signed_in(desk, user, made)


@post("/api/user/auth/refresh", status_code=200)
async def refresh(request: AnyRequest) -> Response[Answer]:
    """A new access token for a session. The session's own secret stays: to end it, log out."""
    desk = desk_of(request)
    check_origin(request)
    found = await _session_of_cookie(desk, request)
    if found is None or found.is_disabled:
        raise Unauthenticated("this session is over; log in again", code="unauthorized")
    return Response(Answer(await _bundle(desk, found, found.session_id, found.expires_ms)))


@post(["/api/user/auth/logout", "/api/user/logout"], status_code=200)
async def logout(request: AnyRequest) -> Response[Answer]:
    return await _log_out(request)


@get("/api/user/logout")
async def logout_by_get(request: AnyRequest) -> Response[Answer]:
    """As older clients do it."""
    return await _log_out(request)


@get("/api/user/sessions")
async def sessions(request: AnyRequest, caller: Asking) -> Answer:
    current = caller.check_session()
    context = desk_of(request).context
    async with context.read() as tx:
        rows = await session.mine(tx, caller.user_id, context.now_ms)
    return Answer([_shown(row, current) for row in rows])


@delete("/api/user/sessions/{sid:str}", status_code=200)
async def end_session(request: AnyRequest, caller: Asking, sid: FromPath[str]) -> Answer:
    caller.check_session()
    async with desk_of(request).context.write() as tx:
        if not await session.end(tx, sid, caller.user_id):
            raise NotFound("there is no such session; GET /api/user/sessions lists yours")
    return Answer()


@post("/api/user/sessions/revoke-others", status_code=200)
async def end_other_sessions(request: AnyRequest, caller: Asking) -> Answer:
    current = caller.check_session()
    async with desk_of(request).context.write() as tx:
        return Answer({"revoked_count": await session.end_others(tx, caller.user_id, current)})


async def check_password(desk: Desk, password_hash: str, password: str) -> bool:
    """The same work for a user who is not there, or has no password."""
    is_real = password_hash != NO_PASSWORD
    async with desk.hashing:
        is_same = await asyncio.to_thread(
            lambda: is_right(password_hash if is_real else _nobodys_hash(), password)
        )
    return is_same and is_real


async def new_hash(desk: Desk, password: str) -> str:
    async with desk.hashing:
        return await asyncio.to_thread(hash_password, password)


async def user_named(tx: Tx, username: str) -> Any:
    """By e-mail address, or by a name that one user alone has. None: nobody."""
    found = select(User.id, User.email, User.name, User.password_hash, User.is_disabled)
    by_email = (await tx.execute(found.where(User.email == username.lower()))).one_or_none()
    if by_email is not None or not username:
        return by_email
    by_name = (await tx.execute(found.where(User.name == username).limit(2))).all()
    return by_name[0] if len(by_name) == 1 else None


async def _user_of(desk: Desk, given: Login, address: str) -> Any:
    """The user whose password this is. Raises `LimitReached` before any work, `BadRequest` after all of it."""
    username = given.username.strip()[:200].replace("\0", "")
    counted = f"from {household(address)}", f"for {username.lower()}"
    desk.logins.take(desk.context.clock.monotonic(), *counted)
    async with desk.context.read() as tx:
        found = await user_named(tx, username)
    password_hash = NO_PASSWORD if found is None or found.is_disabled else found.password_hash
    if len(given.password) > MAX_CHARACTERS or not await check_password(desk, password_hash, given.password):
        raise BadRequest("wrong user name or password, or this user is disabled", code="wrong_password")
    desk.logins.give_back(counted[0])
    desk.logins.clear(counted[1])
    return found


@cache
def _nobodys_hash() -> str:
    return hash_password("nobody's password")


async def _signed_in(desk: Desk, user: Any, made: NewSession) -> Response[Answer]:
    is_secure = desk.context.settings.public_url.startswith("https://")
    cookies = [
        Cookie(
            key=name,
            value=made.secret,
            path=path,
            max_age=session.SESSION_MS // 1000,
            httponly=True,
            secure=is_secure,
            samesite="lax",
        )
        for name, path in COOKIE_PATHS.items()
    ]
    return Response(Answer(await _bundle(desk, user, made.id, made.expires_ms)), cookies=cookies)


async def _bundle(desk: Desk, user: Any, session_id: str, ends_ms: int) -> dict[str, Any]:
    """What a login answers: the user as older clients read it, and the token that newer ones do."""
    context = desk.context
    access = session.access(context.secrets, session_id, ends_ms, context.clock.now())
    number = (await desk.numbers.of(context, [user.id]))[user.id]
    async with context.read() as tx:
        account = await account_of(tx, user.id)
    shown = {
        "id": number,
        "username": user.name or user.email,
        "display_name": user.name or user.email,
        "email": user.email,
        "role": 1,
        "status": 1,
        "group": "default" if account is None else account.group,
    }
    return {
        **shown,
        "access_token": access.token,
        "token_type": "Bearer",
        "access_expires_at": access.expires_s,
        "session": {"sid": session_id},
        "user": shown,
    }


async def _session_of_cookie(desk: Desk, request: AnyRequest) -> Any:
    secret = request.cookies.get(REFRESH_COOKIE) or request.cookies.get(SESSION_COOKIE) or ""
    if not secret:
        return None
    context = desk.context
    async with context.read() as tx:
        return await session.by_secret(tx, context.secrets, secret[:MAX_SECRET], context.now_ms)


async def _log_out(request: AnyRequest) -> Response[Answer]:
    """Ends the session that the cookie or the access token names; without one there is nothing to end."""
    desk = desk_of(request)
    check_origin(request)
    context = desk.context
    found = await _session_of_cookie(desk, request)
    if found is None and (token := bearer(request)):
        async with context.read() as tx:
            found = await session.by_access(tx, context.secrets, token, context.now_ms)
    if found is not None:
        async with context.write() as tx:
            await session.end(tx, found.session_id, found.id)
    response = Response(Answer())
    for name, path in COOKIE_PATHS.items():
        response.delete_cookie(name, path)
    return response


def _shown(row: Any, current: str) -> dict[str, Any]:
    return {
        "sid": row.id,
        "current": row.id == current,
        "login_method": "password",
        "ip": row.client_ip,
        "user_agent": row.user_agent,
        "created_at": row.created_ms // 1000,
        "last_active_at": row.seen_ms // 1000,
        "expires_at": row.expires_ms // 1000,
    }


handlers = [
    encryption_key,
    login,
    refresh,
    logout,
    logout_by_get,
    sessions,
    end_session,
    end_other_sessions,
]
