"""The running server of a data folder, as commands on the same machine reach it: through the management API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from sqlalchemy import select

from pronghorn.cli.addresses import address_of
from pronghorn.cli.explaining import CommandFailed
from pronghorn.cli.installation import Installation
from pronghorn.errors import Unauthenticated
from pronghorn.manage.services import tokens
from pronghorn.store import models as table

CONNECT_S = 5.0
MOST_S = 600.0
"""For one call: a test of a large pool asks each credential."""


class NotRunning(CommandFailed):
    """No server runs on this data folder; start it with `pronghorn up`."""


class NotAnswering(NotRunning):
    """A server runs on this data folder, and does not answer."""


class Server:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer. Raises `CommandFailed` with the server's words, or `NotAnswering`."""
        try:
            async with self._session.request(method, path, json=body) as answer:
                data = await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotAnswering(
                f"the server of this data folder does not answer at {self.url} "
                f"({type(error).__name__}); look at its log, or start it anew with `pronghorn up`"
            ) from error
        found = msgspec.json.decode(data) if data else None
        if status >= 400 and isinstance(found, dict) and "error" in found:
            raise CommandFailed(found["error"]["message"])
        return found


@asynccontextmanager
async def reached(on: Installation) -> AsyncIterator[Server]:
    """Raises `NotRunning`."""
    url = address_of(on.settings.data)
    if url is None:
        raise NotRunning(
            f"no server runs on the data folder {on.settings.data}, and only a server knows of health and can "
            f"test; start it with `pronghorn up --data {on.settings.data}`"
        )
    async with _token(on) as token, _session(url, token) as session:
        yield Server(url, session)


def _session(url: str, token: str) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=MOST_S, sock_connect=CONNECT_S)
    return aiohttp.ClientSession(url, headers={"authorization": f"Bearer {token}"}, timeout=timeout)


@asynccontextmanager
async def _token(on: Installation) -> AsyncIterator[str]:
    """The installation's first admin token, or one that lives as long as the command where that was revoked."""
    first = await _first_token(on)
    if first is not None:
        yield first
        return
    admin = select(table.User.id).where(table.User.role == "admin", table.User.is_disabled.is_(False))
    async with on.change() as tx:
        user_id = await tx.scalar(admin.order_by(table.User.created_ms).limit(1))
        if user_id is None:
            raise CommandFailed(
                "there is no enabled admin; make one with `pronghorn user create EMAIL --admin`"
            )
        made = await tokens.create(tx, on.act, on.secrets, user_id, "a command of the command line")
    try:
        yield made.token
    finally:
        async with on.change() as tx:
            await tokens.remove(tx, on.act, made.id)


async def _first_token(on: Installation) -> str | None:
    async with on.read() as tx:
        sealed = await tx.scalar(select(table.Bootstrap.sealed).where(table.Bootstrap.name == "admin_token"))
        if sealed is None:
            return None
        token = on.secrets.open(sealed)
        try:
            await tokens.user_of(tx, on.secrets, token)
        except Unauthenticated:
            return None
    return token
