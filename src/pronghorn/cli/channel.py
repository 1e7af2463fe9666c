"""`pronghorn channel`: vendors' accounts that serve models. Credentials come from standard input: see `user`."""

from typing import Annotated

import msgspec
import typer
from sqlalchemy import or_, select

from pronghorn.cli import given, limits
from pronghorn.cli.command import Disabled, Ended, command, group
from pronghorn.cli.explaining import CommandFailed
from pronghorn.cli.installation import Installation
from pronghorn.cli.server import NotRunning, reached
from pronghorn.commerce.calendar import time_ms
from pronghorn.errors import BadRequest
from pronghorn.manage.fields import time_text
from pronghorn.manage.paging import MAX_LIMIT, Page, Window
from pronghorn.manage.services import channels
from pronghorn.manage.services.channel_health import ChannelHealth
from pronghorn.manage.services.channels import Channel, ChannelChange, NewChannel
from pronghorn.relay.probe import CredentialTest
from pronghorn.routing.load import SANDBOX
from pronghorn.store import models as table

app = group("Channels: vendors' accounts that serve models.")

NameOrId = Annotated[str, typer.Argument(metavar="NAME_OR_ID")]
Credentials = Annotated[
    bool | None,
    typer.Option(
        "--credentials-stdin/--no-credentials", help="Read credentials from standard input, one a line."
    ),
]
Priority = Annotated[int | None, typer.Option(help="Higher first; 0 if never given.")]
Weight = Annotated[int | None, typer.Option(help="Share among equal priority; 1 if never given.")]
Cost = Annotated[
    str | None, typer.Option(help="What you pay there, as a factor of the list price; 1 if never given.")
]


def _models(texts: list[str]) -> dict[str, str]:
    pairs = (text.partition("=") for text in texts)
    return {public: upstream or public for public, _, upstream in pairs}


def _credentials(is_from_stdin: bool | None) -> list[str] | None:
    """A pipe that brings nothing must not take away what a channel has."""
    if not is_from_stdin:
        return None if is_from_stdin is None else []
    found = [line for line in given.from_stdin().splitlines() if line.strip()]
    if not found:
        raise BadRequest("standard input has no credential: one a line, or say --no-credentials")
    return found


@command(app, "create")
async def create(
    on: Installation,
    name: str,
    vendor: Annotated[str, typer.Option(help="Such as openai.")],
    model: Annotated[list[str], typer.Option(help="NAME or NAME=VENDORS_NAME; may be repeated.")],
    base_url: Annotated[str | None, typer.Option(help="Without it, the vendor's own.")] = None,
    credentials_stdin: Credentials = None,
    group: Annotated[list[str] | None, typer.Option(help="May be repeated; default: default.")] = None,
    priority: Priority = None,
    weight: Weight = None,
    cost: Cost = None,
    proxy: Annotated[str | None, typer.Option(help="http://user:password@host:port")] = None,
    rpm: limits.Rpm = None,
    tpm: limits.Tpm = None,
    concurrency: limits.Concurrency = None,
    body_bytes: limits.BodyBytes = None,
) -> Channel:
    """Add a channel."""
    new = given.new(
        NewChannel,
        name=name,
        vendor=vendor,
        models=_models(model),
        base_url=base_url,
        credentials=_credentials(credentials_stdin),
        groups=group,
        priority=priority,
        weight=weight,
        cost=cost,
        proxy=proxy,
        rpm=rpm,
        tpm=tpm,
        concurrency=concurrency,
        body_bytes=body_bytes,
    )
    async with on.change() as tx:
        return await channels.create(tx, on.act, on.secrets, new)


@command(
    app,
    "list",
    "id",
    "name",
    "vendor",
    "base_url",
    "models",
    "groups",
    "priority",
    "weight",
    "cost",
    "disabled",
    "health.summary",
)
async def list_(on: Installation, part: Window) -> Page[Channel]:
    """List channels, newest first. Health is what the running server has seen; `-` where none runs."""
    async with on.read() as tx:
        found = await channels.page(tx, on.secrets, part)
    if found.items:
        oldest, newest = found.items[-1].created_at, time_ms(found.items[0].created_at, "created_at")
        path = f"/channels?limit={MAX_LIMIT}&since={oldest}&until={time_text(newest + 1)}"
        await _add_health(on, path, *found.items)
    return found


@command(app, "show")
async def show(on: Installation, channel: NameOrId) -> Channel:
    """Show a channel. Its credentials stay sealed."""
    channel_id = await _find(on, channel)
    async with on.read() as tx:
        found = await channels.get(tx, on.secrets, channel_id)
    await _add_health(on, f"/channels/{channel_id}", found)
    return found


@command(app, "test", "place", "ok", "status", "latency_ms", "model", "endpoint", "error")
async def test(
    on: Installation,
    channel: NameOrId,
    model: Annotated[str | None, typer.Option(help="Without it, the first that can be tested.")] = None,
    credential: Annotated[int | None, typer.Option(min=0, help="The place of one in the pool.")] = None,
) -> Ended:
    """Let the running server ask a channel a tiny request with each credential. Exit code 1 if one fails."""
    channel_id = await _find(on, channel)
    async with reached(on) as server:
        body = {"model": model, "credential": credential}
        answer = await server.call("POST", f"/manage/v1/channels/{channel_id}/test", body)
    found = msgspec.convert(answer, Page[CredentialTest])
    return Ended(found, 0 if all(one.ok for one in found.items) else 1)


@command(app, "reset")
async def reset(on: Installation, channel: NameOrId) -> Channel:
    """Let the running server forget what it has seen of a channel: it is asked again at once."""
    channel_id = await _find(on, channel)
    async with reached(on) as server:
        return msgspec.convert(await server.call("POST", f"/manage/v1/channels/{channel_id}/reset"), Channel)


@command(app, "delete")
async def delete(on: Installation, channel: NameOrId) -> None:
    """Remove a channel."""
    channel_id = await _find(on, channel)
    async with on.change() as tx:
        await channels.remove(tx, on.act, on.secrets, channel_id)


@command(app, "change")
async def change(
    on: Installation,
    channel: NameOrId,
    name: str | None = None,
    model: Annotated[
        list[str] | None, typer.Option(help="NAME or NAME=VENDORS_NAME; may be repeated, replaces them all.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="`none`: the vendor's own.")] = None,
    credentials_stdin: Credentials = None,
    group: Annotated[list[str] | None, typer.Option(help="May be repeated, replaces them all.")] = None,
    priority: Priority = None,
    weight: Weight = None,
    cost: Cost = None,
    proxy: Annotated[str | None, typer.Option(help="http://user:password@host:port, or `none`.")] = None,
    disabled: Disabled = None,
) -> Channel:
    """Change a channel; `limit` changes its limits."""
    patch = given.change(
        ChannelChange,
        name=name,
        models=None if model is None else _models(model),
        base_url=base_url,
        credentials=_credentials(credentials_stdin),
        groups=group,
        priority=priority,
        weight=weight,
        cost=cost,
        proxy=proxy,
        disabled=disabled,
    )
    return await _change(on, channel, patch)


@command(app, "limit")
async def limit(
    on: Installation,
    channel: NameOrId,
    rpm: limits.NewRpm = None,
    tpm: limits.NewTpm = None,
    concurrency: limits.NewConcurrency = None,
    body_bytes: limits.NewBodyBytes = None,
) -> Channel:
    """Change limits of a channel, whoever asks it."""
    patch = given.change(ChannelChange, rpm=rpm, tpm=tpm, concurrency=concurrency, body_bytes=body_bytes)
    return await _change(on, channel, patch)


async def _change(on: Installation, channel: str, patch: ChannelChange) -> Channel:
    channel_id = await _find(on, channel)
    async with on.change() as tx:
        return await channels.change(tx, on.act, on.secrets, channel_id, patch)


async def _find(on: Installation, name_or_id: str) -> str:
    if name_or_id == SANDBOX:
        return SANDBOX
    is_it = or_(table.Channel.id == name_or_id, table.Channel.name == name_or_id)
    async with on.read() as tx:
        found = list(await tx.scalars(select(table.Channel.id).where(is_it)))
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise CommandFailed(f"there is no channel {name_or_id!r}; `pronghorn channel list` shows them")
    raise CommandFailed(f"{len(found)} channels are called {name_or_id!r}: give an id, {' or '.join(found)}")


async def _add_health(on: Installation, path: str, *found: Channel) -> None:
    """Without a server there is none to add."""
    try:
        async with reached(on) as server:
            answer = await server.call("GET", f"/manage/v1{path}")
    except NotRunning:
        return
    seen = {item["id"]: item["health"] for item in answer.get("items", [answer])}
    for channel in found:
        channel.health = msgspec.convert(seen.get(channel.id), ChannelHealth | None)
