"""Checks: what `doctor` looks at. Each finding says how it stands, and the way out where it is not well."""

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from pronghorn.accounts.secrets import SecretError, sealed_text
from pronghorn.cli.explaining import CommandFailed
from pronghorn.cli.installation import Installation
from pronghorn.cli.preparing import newest_revision
from pronghorn.cli.server import NotRunning, Server
from pronghorn.kit.clock import iso
from pronghorn.settings import Settings
from pronghorn.store import models as table

FEW_BYTES = 2 * 1024**3
TOO_FEW_BYTES = 256 * 1024**2
SLACK_S = 5.0
"""How far a clock may go back unnoticed."""
SLOW_MS = 10_000
AT_ONCE = 8

State = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct):
    state: State
    what: str
    message: str


def settings(found: Settings) -> Finding:
    return Finding("ok", "settings", f"all known and of the right kind; the data folder is {found.data}")


def data_folder(found: Settings) -> Finding:
    folder = found.data
    probe = folder / f".doctor.{os.getpid()}"
    try:
        probe.write_bytes(b"1")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        way = "make room" if is_full else "make it writable for the user who runs Pronghorn"
        way += ", or choose another one with --data"
        return Finding("fail", "data folder", f"{folder} cannot be written ({error.strerror}); {way}")
    text = f"{folder} can be written, {free / 1024**3:.1f} GiB are free"
    if free < TOO_FEW_BYTES:
        way = "without space for the journal no request is served: make room"
        return Finding("fail", "data folder", f"{text}; {way}")
    if free < FEW_BYTES:
        return Finding("warn", "data folder", f"{text}; journal and database grow: make room")
    return Finding("ok", "data folder", text)


async def database(on: Installation) -> Finding:
    kind = "SQLite" if on.database.is_sqlite else "PostgreSQL"
    newest = newest_revision()
    try:
        async with on.database.read() as tx:
            at = await tx.scalar(text("SELECT version_num FROM alembic_version"))
            sealed = await sealed_text(tx) if at == newest else None
        async with on.database.write():
            pass  # it may be ours to read alone
    except (SQLAlchemyError, OSError) as error:
        way = "see that it runs and that database_url is right; `pronghorn migrate` sets up a new one"
        reason = getattr(error, "orig", None) or type(error).__name__
        return Finding("fail", "database", f"{kind} does not answer as ours ({reason}); {way}")
    if at != newest:
        way = "run `pronghorn migrate`" if str(at) < newest else "start the newer version of Pronghorn"
        return Finding("fail", "database", f"{kind} is at revision {at}, this version needs {newest}; {way}")
    try:
        if sealed is not None:
            on.secrets.open(sealed)
    except SecretError as error:
        return Finding("fail", "database", f"{kind} answers, but {error}")
    return Finding("ok", "database", f"{kind} answers, at revision {at}")


async def clock(on: Installation) -> Finding:
    """Time must not lie before what was recorded, here and by a database of its own clock."""
    now_s = on.act.now_ms / 1000
    try:
        async with on.database.read() as tx:
            newest_ms = await tx.scalar(select(func.max(table.Audit.created_ms)))
            theirs = None if on.database.is_sqlite else await tx.scalar(select(func.now()))
    except (SQLAlchemyError, OSError):
        return Finding("warn", "clock", f"it is {iso(now_s)}; nothing to compare it with")
    way = "set the clock (NTP); keys expire and costs are dated by it"
    if newest_ms is not None and newest_ms / 1000 > now_s + SLACK_S:
        return Finding(
            "fail", "clock", f"it is {iso(now_s)}, before the record of {iso(newest_ms / 1000)}; {way}"
        )
    if theirs is not None and abs(theirs.timestamp() - now_s) > SLACK_S + 5:
        return Finding("warn", "clock", f"it is {iso(now_s)} here and {iso(theirs.timestamp())} there; {way}")
    return Finding("ok", "clock", f"it is {iso(now_s)}, after all that was recorded")


async def running(server: Server) -> AsyncIterator[Finding]:
    """Of the server: itself, its companions, the sandbox and each channel."""
    ready = await server.call("GET", "/readyz")
    yield _readiness(ready, server.url)
    for name, state in ready["companions"].items():
        if state != "running":
            yield Finding("fail", name, f"it is {state}; the server's log says why it died")
    yield await _sandbox(server)
    channels = await _channels(server)
    if not channels:
        way = "live keys have nobody to ask; `pronghorn channel create` adds one"
        yield Finding("warn", "channels", f"there is none: {way}")
    turn = asyncio.Semaphore(AT_ONCE)
    for finding in await asyncio.gather(*(_channel(server, channel, turn) for channel in channels)):
        yield finding


def _readiness(ready: dict[str, Any], url: str) -> Finding:
    unwell = [f"{name} {ready[name]}" for name in ("database", "journal") if ready[name] != "ok"]
    if unwell or not ready["ready"]:
        says = ", ".join(unwell) or "it is stopping"
        way = "a blocked journal waits for the worker or for disk space; the log says more"
        return Finding("fail", "server", f"it runs at {url}, but: {says}; {way}")
    return Finding("ok", "server", f"it runs at {url}, and is ready")


async def _sandbox(server: Server) -> Finding:
    try:
        (row,) = (await server.call("POST", "/manage/v1/channels/sandbox/test", {}))["items"]
    except NotRunning:
        raise
    except CommandFailed as error:
        return Finding("warn", "sandbox", error.message)
    if not row["ok"]:
        return Finding("fail", "sandbox", f"{row['error']}; test keys get no answer: look at its log")
    return Finding("ok", "sandbox", f"it answers, in {row['latency_ms']} ms")


async def _channels(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = "/manage/v1/channels?limit=1000"
    page = await server.call("GET", path)
    while True:
        found += page["items"]
        if page["next"] is None:
            return found[::-1]
        page = await server.call("GET", f"{path}&cursor={page['next']}")


async def _channel(server: Server, channel: dict[str, Any], turn: asyncio.Semaphore) -> Finding:
    what = f"channel {channel['name']}"
    if channel["disabled"]:
        return Finding("ok", what, "disabled, and so not tested")
    try:
        async with turn:
            rows = (await server.call("POST", f"/manage/v1/channels/{channel['id']}/test", {}))["items"]
    except NotRunning:
        raise
    except CommandFailed as error:
        return Finding("warn", what, f"not tested: {error.message}")
    bad = [row for row in rows if not row["ok"]]
    slowest_ms = max(row["latency_ms"] for row in rows)
    if not bad:
        answered = f"{len(rows)} of {len(rows)} credentials answered, within {slowest_ms} ms"
        return Finding("warn" if slowest_ms > SLOW_MS else "ok", what, answered)
    places = ", ".join(str(row["place"]) for row in bad[:10])
    way = f"see `pronghorn channel test {channel['id']}`; replace or remove what the vendor refuses"
    text = f"{len(bad)} of {len(rows)} credentials failed (at {places}): {bad[0]['error']}; {way}"
    return Finding("fail", what, text)
