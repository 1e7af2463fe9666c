"""Sessions and access tokens: what shows who is asking, and how it begins and ends.

A login makes a session. Its secret stands in a cookie; from it comes an access token that lasts an hour and is signed
instead of stored, so ending the session ends it too. Beside these a user may have one long-lived access token for
scripts. Whatever changes the user's password ends all of them.
"""

import hashlib
import hmac
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update

from pronghorn.accounts.keys import keyed_hash
from pronghorn.accounts.secrets import Secrets
from pronghorn.kit.ids import new_id, random_base62
from pronghorn.store import Tx
from pronghorn.store.models import AccessToken, Session, User

SESSION_MS = 30 * 24 * 60 * 60 * 1000
ACCESS_S = 60 * 60
SEEN_EVERY_MS = 5 * 60 * 1000
"""How exact `seen_ms` is: not every read becomes a write."""
MAX_SESSIONS = 50
SECRET_CHARACTERS = 44
TOKEN_CHARACTERS = 32
_USER = (User.id, User.email, User.name, User.role, User.password_hash, User.is_disabled)


class NewSession(NamedTuple):
    id: str
    secret: str
    expires_ms: int

    def __repr__(self) -> str:
        return f"NewSession({self.id})"


class Access(NamedTuple):
    """What the body of a login carries."""

    token: str
    expires_s: int

    def __repr__(self) -> str:
        return "Access(***)"


async def begin(tx: Tx, secrets: Secrets, user: Any, now_ms: int, client_ip: str, agent: str) -> NewSession:
    """`user`: its id and password hash. Beyond `MAX_SESSIONS` the oldest of the user ends."""
    secret = random_base62(SECRET_CHARACTERS)
    made = NewSession(new_id("ses"), secret, now_ms + SESSION_MS)
    await tx.execute(delete(Session).where(Session.expires_ms <= now_ms))
    await tx.execute(
        insert(Session).values(
            id=made.id,
            user_id=user.id,
            hash=keyed_hash(secrets.hash_key, secret),
            password_mark=mark(user.password_hash),
            client_ip=client_ip[:60],
            user_agent="".join(each for each in agent if each.isprintable())[:200],
            created_ms=now_ms,
            seen_ms=now_ms,
            expires_ms=made.expires_ms,
        )
    )
    kept = (
        select(Session.id)
        .where(Session.user_id == user.id)
        .order_by(Session.created_ms.desc(), Session.id)
        .limit(MAX_SESSIONS)
    )
    await tx.execute(delete(Session).where(Session.user_id == user.id, Session.id.not_in(kept)))
    return made


async def by_secret(tx: Tx, secrets: Secrets, secret: str, now_ms: int) -> Any:
    """The session of a cookie with its user; None if there is none (any more)."""
    return await _session(tx, Session.hash.in_(_hashes(secrets, secret)), now_ms)


def access(secrets: Secrets, session_id: str, session_ends_ms: int, now_s: float) -> Access:
    expires_s = min(int(now_s) + ACCESS_S, session_ends_ms // 1000)
    return Access(
        f"{session_id}.{expires_s}.{_signature(secrets.hash_key, session_id, expires_s)}", expires_s
    )


async def by_access(tx: Tx, secrets: Secrets, token: str, now_ms: int) -> Any:
    """The session of an access token with its user; None for what is no such token or over."""
    session_id, _, rest = token.partition(".")
    expires, _, signature = rest.partition(".")
    if not (expires.isdecimal() and expires.isascii() and len(expires) < 12):
        return None
    good = [_signature(key, session_id, int(expires)) for key in secrets.hash_keys]
    if not any(hmac.compare_digest(each.encode(), signature.encode()) for each in good):
        return None
    if int(expires) * 1000 <= now_ms:
        return None
    return await _session(tx, Session.id == session_id, now_ms)


async def new_token(tx: Tx, secrets: Secrets, user: Any, now_ms: int) -> str:
    """A new long-lived access token; the one before ends."""
    token = random_base62(TOKEN_CHARACTERS)
    values = {
        "hash": keyed_hash(secrets.hash_key, token),
        "password_mark": mark(user.password_hash),
        "created_ms": now_ms,
    }
    changed = await tx.execute(update(AccessToken).where(AccessToken.user_id == user.id).values(values))
    if not changed.rowcount:
        await tx.execute(insert(AccessToken).values(user_id=user.id, **values))
    return token


async def by_token(tx: Tx, secrets: Secrets, token: str) -> Any:
    found = (
        await tx.execute(
            select(*_USER, AccessToken.password_mark)
            .join(AccessToken, AccessToken.user_id == User.id)
            .where(AccessToken.hash.in_(_hashes(secrets, token)))
        )
    ).one_or_none()
    return found if found is not None and found.password_mark == mark(found.password_hash) else None


async def saw(tx: Tx, session_id: str, now_ms: int) -> None:
    await tx.execute(update(Session).where(Session.id == session_id).values(seen_ms=now_ms))


async def mine(tx: Tx, user_id: str, now_ms: int) -> list[Any]:
    """Newest first."""
    found = select(*Session.__table__.columns).where(Session.user_id == user_id, Session.expires_ms > now_ms)
    return list(await tx.execute(found.order_by(Session.seen_ms.desc(), Session.id)))


async def end(tx: Tx, session_id: str, user_id: str) -> bool:
    """False: this user has no such session."""
    gone = await tx.execute(delete(Session).where(Session.id == session_id, Session.user_id == user_id))
    return bool(gone.rowcount)


async def end_others(tx: Tx, user_id: str, kept: str) -> int:
    gone = await tx.execute(delete(Session).where(Session.user_id == user_id, Session.id != kept))
    return int(gone.rowcount)


async def keep_through(tx: Tx, session_id: str, password_hash: str) -> None:
    """The one session that outlives a change of the password: the one it is made from."""
    await tx.execute(
        update(Session).where(Session.id == session_id).values(password_mark=mark(password_hash))
    )


def mark(password_hash: str) -> bytes:
    """The hash has a salt of its own: this tells nothing of it."""
    return hashlib.sha256(password_hash.encode()).digest()


async def _session(tx: Tx, condition: Any, now_ms: int) -> Any:
    columns = (
        Session.id.label("session_id"),
        Session.seen_ms,
        Session.expires_ms,
        Session.password_mark,
    )
    found = (
        await tx.execute(
            select(*_USER, *columns)
            .join(Session, Session.user_id == User.id)
            .where(condition, Session.expires_ms > now_ms)
        )
    ).one_or_none()
    return found if found is not None and found.password_mark == mark(found.password_hash) else None


def _hashes(secrets: Secrets, secret: str) -> list[bytes]:
    return [keyed_hash(key, secret) for key in secrets.hash_keys]


def _signature(key: bytes, session_id: str, expires_s: int) -> str:
    return keyed_hash(key, f"dashboard access {session_id} {expires_s}").hex()
