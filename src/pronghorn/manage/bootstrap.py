"""Bootstrap: what a new installation begins with, and the same secrets again at each later start.

They are kept sealed until they are revoked or changed. A later start compares stored values and hashes nothing.
"""

import asyncio
import json
import os
from pathlib import Path

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from pronghorn.accounts.act import Act
from pronghorn.accounts.passwords import hash_password, new_password
from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import Conflict
from pronghorn.kit.clock import Clock
from pronghorn.manage.services import accounts, groups, keys, tokens, users
from pronghorn.settings import Settings
from pronghorn.store import Database, Tx
from pronghorn.store import models as table

ADMIN_EMAIL = "admin@localhost"
ACCOUNT_NAME = "First account"


class Bootstrapped(msgspec.Struct, frozen=True, kw_only=True):
    """None for what was revoked or changed since."""

    admin_email: str | None = None
    admin_password: str | None = None
    admin_token: str | None = None
    test_key: str | None = None
    live_key: str | None = None

    def __repr__(self) -> str:
        return "Bootstrapped(***)"


class _Password(msgspec.Struct):
    """The sealed form: the hash says whether the password is still this one."""

    password: str
    password_hash: str


async def ensure(database: Database, secrets: Secrets, clock: Clock, settings: Settings) -> Bootstrapped:
    """Set up a new installation, or find what is still valid of its first secrets. Raises `SecretError`."""
    async with database.read() as tx:
        found = await _read(tx, secrets, clock)
    if found is not None:
        return found
    password = new_password()
    password_hash = await asyncio.to_thread(hash_password, password)
    act = Act("system", int(clock.now() * 1000))
    try:
        async with database.write() as tx:
            if await _read(tx, secrets, clock) is None:
                await _set_up(tx, act, secrets, _Password(password, password_hash))
    except IntegrityError:
        pass  # another server of the fleet was faster: what it made is read below
    async with database.read() as tx:
        found = await _read(tx, secrets, clock)
    if found is None:
        raise Conflict("the first start could not be completed; start again")
    return found


async def _set_up(tx: Tx, act: Act, secrets: Secrets, password: _Password) -> None:
    await groups.ensure_default(tx, act)
    user_id = await tx.scalar(select(table.User.id).where(table.User.email == ADMIN_EMAIL))
    if user_id is None:
        new_user = users.NewUser(email=ADMIN_EMAIL, name="Administrator", role="admin")
        user_id = (await users.create(tx, act, new_user, password.password_hash)).id
    token = await tokens.create(tx, act, secrets, user_id, "bootstrap")
    account_id = await accounts.create(tx, act, accounts.NewAccount(name=ACCOUNT_NAME))
    first = {
        "admin_password": (user_id, msgspec.json.encode(password).decode()),
        "admin_token": (token.id, token.token),
    }
    for mode in accounts.MODES:
        new_key = keys.NewKey(account_id=account_id, name=f"First {mode} key", mode=mode)
        key = await keys.create(tx, act, secrets, new_key)
        first[f"{mode}_key"] = (key.id, key.key)
    rows = [
        {"name": name, "subject_id": subject_id, "sealed": secrets.seal(secret)}
        for name, (subject_id, secret) in first.items()
    ]
    await tx.execute(insert(table.Bootstrap), rows)


async def _read(tx: Tx, secrets: Secrets, clock: Clock) -> Bootstrapped | None:
    """None before the first start."""
    rows = {row.name: row for row in await tx.execute(select(table.Bootstrap))}
    if not rows:
        return None
    opened = {name: secrets.open(row.sealed) for name, row in rows.items()}
    user = (
        await tx.execute(select(table.User).where(table.User.id == rows["admin_password"].subject_id))
    ).one_or_none()
    password = msgspec.json.decode(opened["admin_password"], type=_Password)
    is_admin = user is not None and not user.is_disabled and user.role == "admin"
    has_password = user is not None and not user.is_disabled and user.password_hash == password.password_hash
    token = select(table.Token.id).where(table.Token.id == rows["admin_token"].subject_id)
    valid_keys = await _valid_keys(tx, [rows[f"{m}_key"].subject_id for m in accounts.MODES], clock)
    by_mode = {
        mode: opened[f"{mode}_key"] if rows[f"{mode}_key"].subject_id in valid_keys else None
        for mode in accounts.MODES
    }
    return Bootstrapped(
        admin_email=None if user is None else user.email,
        admin_password=password.password if has_password else None,
        admin_token=opened["admin_token"] if is_admin and await tx.scalar(token) else None,
        test_key=by_mode["test"],
        live_key=by_mode["live"],
    )


async def _valid_keys(tx: Tx, key_ids: list[str], clock: Clock) -> set[str]:
    now_ms = int(clock.now() * 1000)
    rows = await tx.execute(
        select(table.Key.id, table.Key.expires_ms).where(
            table.Key.id.in_(key_ids), table.Key.is_disabled.is_(False)
        )
    )
    return {key_id for key_id, expires_ms in rows if expires_ms is None or expires_ms > now_ms}


def write_file(path: Path, first: Bootstrapped, *, base_url: str, console_url: str) -> None:
    """Write it for scripts: readable by the owner alone, and never half written."""
    content = {"base_url": base_url, "console_url": console_url, **msgspec.structs.asdict(first)}
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
