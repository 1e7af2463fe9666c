"""Caller: who asks the dashboard API, by which proof, and for which account.

A user may belong to several accounts; this API knows one wallet a user. It is the account where the user may do most,
the oldest of those; the header `x-pronghorn-account` names another one that the user belongs to.
"""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from litestar import Request
from sqlalchemy import case, select

from pronghorn.accounts.act import Act
from pronghorn.errors import AccessDenied, Unauthenticated
from pronghorn.portal import session
from pronghorn.portal.context import PortalContext
from pronghorn.portal.desk import Desk
from pronghorn.store import Tx
from pronghorn.store.models import Account, Membership

AnyRequest = Request[Any, Any, Any]

SESSION_COOKIE = "session"
REFRESH_COOKIE = "new_api_refresh"
ACCOUNT_HEADER = "x-pronghorn-account"
USER_HEADERS = ("new-api-user", "veloera-user", "voapi-user", "user-id", "rix-api-user", "neo-api-user")
"""One thing by the names of several forks; tools send some of them at once."""
MANAGERS = ("owner", "admin")
MAX_SECRET = 200


class AccountOf(NamedTuple):
    """An account, as far as this user is concerned."""

    id: str
    name: str
    group: str
    role: str
    is_disabled: bool


class Caller(NamedTuple):
    user_id: str
    number: int
    email: str
    name: str
    password_hash: str
    session_id: str | None
    """None: asks by the long-lived access token."""
    account: AccountOf | None
    """None: belongs to none, and so has no money, keys or log."""

    @property
    def username(self) -> str:
        return self.name or self.email

    @property
    def group(self) -> str:
        return self.account.group if self.account is not None else "default"

    def wallet(self) -> AccountOf:
        """Raises `AccessDenied` for a user without an account."""
        if self.account is None:
            raise AccessDenied("this user belongs to no account; ask the operator")
        return self.account

    def managed(self) -> AccountOf:
        """Raises `AccessDenied` for who may look at the account but not change it."""
        account = self.wallet()
        if account.role not in MANAGERS:
            raise AccessDenied("members of an account may read; its owners and admins may change things")
        return account

    def act(self, now_ms: int) -> Act:
        return Act(f"user:{self.user_id}", now_ms)

    def check_session(self) -> str:
        if self.session_id is None:
            raise AccessDenied("this needs a login; an access token does not do")
        return self.session_id


def desk_of(request: AnyRequest) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def address_of(request: AnyRequest) -> str:
    peer = request.client.host if request.client is not None else ""
    forwarded = ",".join(request.headers.getall("x-forwarded-for", []))
    return desk_of(request).addresses.caller(peer, forwarded)


async def caller(request: AnyRequest) -> Caller:
    """Raises `Unauthenticated`, and `AccessDenied` for who is known and may not."""
    desk = desk_of(request)
    async with desk.context.read() as tx:
        found = await _proven(tx, desk.context, request)
        if found is None:
            raise Unauthenticated(
                "not logged in: log in with POST /api/user/login, or send an access token as Authorization",
                code="unauthorized",
            )
        if found.is_disabled:
            raise AccessDenied("this user is disabled; ask the operator")
        account = await account_of(tx, found.id, request.headers.get(ACCOUNT_HEADER))
    number = (await desk.numbers.of(desk.context, [found.id]))[found.id]
    _check_number(request, number)
    session_id = getattr(found, "session_id", None)
    await _note_seen(desk.context, found, session_id)
    return Caller(found.id, number, found.email, found.name, found.password_hash, session_id, account)


async def visitor(request: AnyRequest) -> Caller | None:
    """For pages that all may read and that show more to who is logged in."""
    try:
        return await caller(request)
    except Unauthenticated:
        return None


async def _proven(tx: Tx, context: PortalContext, request: AnyRequest) -> Any:
    """By the `Authorization` header if there is one, else by the cookie."""
    now_ms, secrets = context.now_ms, context.secrets
    given = bearer(request)
    if given:
        by_access = await session.by_access(tx, secrets, given, now_ms)
        return by_access if by_access is not None else await session.by_token(tx, secrets, given)
    cookie = request.cookies.get(SESSION_COOKIE, "")[:MAX_SECRET]
    if not cookie:
        return None
    check_origin(request)
    return await session.by_secret(tx, secrets, cookie, now_ms)


def bearer(request: AnyRequest) -> str:
    """What `Authorization` holds, with or without its scheme."""
    text = request.headers.get("authorization", "").strip()
    scheme, _, rest = text.partition(" ")
    return (rest.strip() if scheme.lower() == "bearer" else text)[:MAX_SECRET]


def check_origin(request: AnyRequest) -> None:
    """A cookie comes along by itself: then no other site may be the one that asks."""
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin", "")
    own = {request.headers.get("host", ""), urlsplit(desk_of(request).context.settings.public_url).netloc}
    if site not in ("none", "same-origin") or (origin and urlsplit(origin).netloc not in own - {""}):
        raise AccessDenied("a cookie is not taken from a page of another site; send an access token")


def _check_number(request: AnyRequest, number: int) -> None:
    for name in USER_HEADERS:
        if request.headers.get(name, str(number)).strip() != str(number):
            raise Unauthenticated(
                f"{name} names another user than the one who is logged in", code="unauthorized"
            )


async def account_of(tx: Tx, user_id: str, wanted: str | None = None) -> AccountOf | None:
    """`wanted`: an account that the user named. Raises `AccessDenied` if it is none of his."""
    rank = case((Membership.role == "owner", 0), (Membership.role == "admin", 1), else_=2)
    found = (
        select(Account.id, Account.name, Account.group_name, Membership.role, Account.is_disabled)
        .join(Membership, Membership.account_id == Account.id)
        .where(Membership.user_id == user_id)
        .order_by(rank, Membership.created_ms, Account.id)
    )
    if wanted is not None:
        found = found.where(Account.id == wanted)
    row = (await tx.execute(found.limit(1))).one_or_none()
    if row is None and wanted is not None:
        raise AccessDenied(f"{ACCOUNT_HEADER}: this user does not belong to that account")
    return None if row is None else AccountOf(*row)


async def _note_seen(context: PortalContext, found: Any, session_id: str | None) -> None:
    if session_id is not None and context.now_ms - found.seen_ms >= session.SEEN_EVERY_MS:
        async with context.write() as tx:
            await session.saw(tx, session_id, context.now_ms)
