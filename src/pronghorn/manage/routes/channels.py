"""Channels, what this server has seen of their health, and tests of them."""

from typing import Annotated

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from pronghorn import routing
from pronghorn.errors import Conflict, NotFound
from pronghorn.manage.context import ManageContext
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import channel_health, channels
from pronghorn.manage.services.channels import Channel, ChannelChange, NewChannel
from pronghorn.relay.probe import CredentialTest
from pronghorn.routing.load import SANDBOX

_TAGS = ["channels"]


class ChannelTest(Struct, forbid_unknown_fields=True):
    model: str | None = None
    """A name that the channel serves; null: the first that can be asked for little money."""
    credential: Annotated[int, Meta(ge=0)] | None = None
    """The place of one in the pool; null: each of them is asked with."""


@post("/channels", operation_id="createChannel", summary="Add a channel", tags=_TAGS)
async def create(context: Context, act: Actor, data: JSONBody[NewChannel]) -> Channel:
    async with context.change() as tx:
        made = await channels.create(tx, act, context.secrets, data)
    return _with_health(context, made)[0]


@get("/channels", operation_id="listChannels", summary="List channels", tags=_TAGS)
async def list_(context: Context, part: Part) -> Page[Channel]:
    async with context.read() as tx:
        found = await channels.page(tx, context.secrets, part)
    return Page(_with_health(context, *found.items), found.next)


@get("/channels/{channel_id:str}", operation_id="getChannel", summary="Show a channel", tags=_TAGS)
async def show(context: Context, channel_id: FromPath[str]) -> Channel:
    async with context.read() as tx:
        found = await channels.get(tx, context.secrets, channel_id)
    return _with_health(context, found)[0]


@patch("/channels/{channel_id:str}", operation_id="changeChannel", summary="Change a channel", tags=_TAGS)
async def change(
    context: Context, act: Actor, channel_id: FromPath[str], data: JSONBody[ChannelChange]
) -> Channel:
    async with context.change() as tx:
        changed = await channels.change(tx, act, context.secrets, channel_id, data)
    return _with_health(context, changed)[0]


@delete("/channels/{channel_id:str}", operation_id="deleteChannel", summary="Remove a channel", tags=_TAGS)
async def remove(context: Context, act: Actor, channel_id: FromPath[str]) -> None:
    async with context.change() as tx:
        await channels.remove(tx, act, context.secrets, channel_id)


@post(
    "/channels/{channel_id:str}/test",
    operation_id="testChannel",
    summary="Ask a channel a tiny request with each credential, unbilled; `sandbox` is a channel too",
    tags=_TAGS,
    status_code=200,
)
async def test(
    context: Context, act: Actor, channel_id: FromPath[str], data: JSONBody[ChannelTest]
) -> Page[CredentialTest]:
    channel = await _in_use(context, channel_id)
    found = await context.prober.test(channel, data.model, data.credential)
    ok = sum(one.ok for one in found)
    async with context.change() as tx:
        detail = {"model": found[0].model, "ok": ok, "failed": len(found) - ok}
        await act.record(tx, "channel.test", channel_id, **detail)
    return Page(found)


@post(
    "/channels/{channel_id:str}/reset",
    operation_id="resetChannel",
    summary="Forget what was seen of a channel: it and its credentials are asked again at once",
    tags=_TAGS,
    status_code=200,
)
async def reset(context: Context, act: Actor, channel_id: FromPath[str]) -> Channel:
    channel = await _in_use(context, channel_id)
    async with context.change() as tx:
        found = await channels.get(tx, context.secrets, channel_id)
        await act.record(tx, "channel.reset", channel_id)
    channel_health.reset(channel)
    return _with_health(context, found)[0]


async def _in_use(context: ManageContext, channel_id: str) -> routing.Channel:
    """As this server uses it. Raises `NotFound`, or `Conflict` where it is not in use."""
    if channel_id != SANDBOX:
        async with context.read() as tx:
            await channels.get(tx, context.secrets, channel_id)
    channel = context.prober.channels().get(channel_id)
    if channel is None and channel_id == SANDBOX:
        raise NotFound(
            "there is no sandbox, and test keys get no answer; start without --no-sandbox, or set sandbox_url"
        )
    if channel is None:
        raise Conflict(
            "this server does not use that channel: it is disabled, or its credentials cannot be opened; "
            f"enable it with PATCH /manage/v1/channels/{channel_id}, or give it new credentials"
        )
    return channel


def _with_health(context: ManageContext, *found: Channel) -> list[Channel]:
    used = context.prober.channels()
    for channel in found:
        if channel.id in used:
            channel.health = channel_health.view(used[channel.id], channel.credential_hints, context.clock)
    return list(found)


handlers = [create, list_, show, change, remove, test, reset]
