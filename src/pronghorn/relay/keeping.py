"""Keeping: what must be remembered between requests, sealed in the database until its time is over.

Only what a feature is made of is kept: responses that the caller asked to store, signatures of thoughts that a client
of another dialect cannot carry, answers to requests with an `Idempotency-Key`.
"""

import asyncio
import zlib
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy import ColumnElement, delete, insert, select, update

from pronghorn.accounts.secrets import SecretError, Secrets
from pronghorn.kit.clock import Clock
from pronghorn.routing import Grant
from pronghorn.store import Database
from pronghorn.store.models import Kept

MAX_BYTES = 32 * 1024 * 1024
_INLINE_BYTES = 64 * 1024
"""Larger ones are packed in a thread, so that nobody else waits."""

A = TypeVar("A", str, bytes)
B = TypeVar("B")

log = structlog.get_logger()


class Keeper:
    """Everything belongs to an account in one mode; nobody else finds it."""

    def __init__(self, database: Database, secrets: Secrets, clock: Clock) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock

    async def put(self, grant: Grant, kind: str, name: str, value: bytes, life_s: float) -> bool:
        """Keep `value`, in the place of what had this name. False: it is too large, or the database is away."""
        if len(value) > MAX_BYTES:
            return False
        sealed = await _off_loop(self._pack, value)
        expires_ms = int((self._clock.now() + life_s) * 1000)
        try:
            async with self._database.write() as tx:
                values = {"sealed": sealed, "expires_ms": expires_ms}
                moved = await tx.execute(update(Kept).where(*_row(grant, kind, name)).values(values))
                if not moved.rowcount:
                    key = {"account_id": grant.account_id, "mode": grant.mode, "kind": kind, "name": name}
                    await tx.execute(insert(Kept).values(key | values))
        except Exception as error:
            # An answer is worth more than the memory of it.
            log.error("kept.not_written", kind=kind, error=repr(error))
            return False
        return True

    async def get(self, grant: Grant, kind: str, name: str) -> bytes | None:
        now_ms = int(self._clock.now() * 1000)
        asked = select(Kept.sealed).where(*_row(grant, kind, name), Kept.expires_ms > now_ms)
        async with self._database.read() as tx:
            sealed = await tx.scalar(asked)
        try:
            return None if sealed is None else await _off_loop(self._unpack, sealed)
        except SecretError:
            return None

    async def forget(self, grant: Grant, kind: str, name: str) -> bool:
        """False: there was nothing."""
        async with self._database.write() as tx:
            return bool((await tx.execute(delete(Kept).where(*_row(grant, kind, name)))).rowcount)

    async def forget_expired(self) -> None:
        now_ms = int(self._clock.now() * 1000)
        async with self._database.write() as tx:
            await tx.execute(delete(Kept).where(Kept.expires_ms <= now_ms))

    def _pack(self, value: bytes) -> str:
        return self._secrets.seal_bytes(zlib.compress(value, 1))

    def _unpack(self, sealed: str) -> bytes:
        return zlib.decompress(self._secrets.open_bytes(sealed))


def _row(grant: Grant, kind: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return (
        Kept.account_id == grant.account_id,
        Kept.mode == grant.mode,
        Kept.kind == kind,
        Kept.name == name[:100],
    )


async def _off_loop(work: Callable[[A], B], value: A) -> B:
    if len(value) <= _INLINE_BYTES:
        return work(value)
    return await asyncio.to_thread(work, value)
