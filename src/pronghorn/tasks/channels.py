"""Channels as the worker needs them: who has a task, and with which credential. Read anew when they were changed."""

from typing import Any

from sqlalchemy import select

from pronghorn.accounts.secrets import Secrets
from pronghorn.routing import Channel
from pronghorn.routing.load import SANDBOX, channel_of, sandbox_channels
from pronghorn.store import Database, revision
from pronghorn.store import models as tables
from pronghorn.tasks import asking

Where = tuple[Channel, int]
"""A channel, and the place of the credential in its pool."""
_CHANNELS = select(*tables.Channel.__table__.columns)


class Channels:
    """Disabled ones too: what they began is seen to its end."""

    def __init__(self, database: Database, vault: Secrets, sandbox_url: str) -> None:
        self._database = database
        self._vault = vault
        self._sandbox = sandbox_channels(sandbox_url)
        self._revision = -1
        self._found: dict[tuple[str, str], Where | None] = {}
        self._channels: dict[str, Channel] = {}

    async def refresh(self) -> None:
        async with self._database.read() as tx:
            newest = await revision.current(tx)
            if newest == self._revision:
                return
            rows = (await tx.execute(_CHANNELS)).all()
        found = [channel for row in rows if (channel := channel_of(row, self._vault)) is not None]
        self._channels = {channel.id: channel for channel in found}
        self._found, self._revision = {}, newest

    def of(self, row: Any) -> Where | None:
        """Of a row of `tasks`. With another credential of the pool if its own was changed; None: nobody can ask."""
        name = (row.channel_id, row.credential) if row.channel_id != SANDBOX else (SANDBOX, row.family)
        if name not in self._found:
            self._found[name] = self._look_up(row)
        return self._found[name]

    def _look_up(self, row: Any) -> Where | None:
        channel = self._channels.get(row.channel_id)
        if row.channel_id == SANDBOX:
            # A family's own vendor has its name.
            channel = self._sandbox.get(row.family)
        if channel is None or row.family not in channel.vendor.tasks:
            return None
        place = asking.place_of(channel, row.credential, self._vault.hash_keys)
        return channel, place or 0
