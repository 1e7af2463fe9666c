"""Channels."""

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import channels
from pronghorn.manage.services.channels import Channel, ChannelChange, NewChannel

_TAGS = ["channels"]


@post("/channels", operation_id="createChannel", summary="Add a channel", tags=_TAGS)
async def create(context: Context, act: Actor, data: JSONBody[NewChannel]) -> Channel:
    async with context.change() as tx:
        return await channels.create(tx, act, context.secrets, data)


@get("/channels", operation_id="listChannels", summary="List channels", tags=_TAGS)
async def list_(context: Context, part: Part) -> Page[Channel]:
    async with context.read() as tx:
        return await channels.page(tx, context.secrets, part)


@get("/channels/{channel_id:str}", operation_id="getChannel", summary="Show a channel", tags=_TAGS)
async def show(context: Context, channel_id: FromPath[str]) -> Channel:
    async with context.read() as tx:
        return await channels.get(tx, context.secrets, channel_id)


@patch("/channels/{channel_id:str}", operation_id="changeChannel", summary="Change a channel", tags=_TAGS)
async def change(
    context: Context, act: Actor, channel_id: FromPath[str], data: JSONBody[ChannelChange]
) -> Channel:
    async with context.change() as tx:
        return await channels.change(tx, act, context.secrets, channel_id, data)


@delete("/channels/{channel_id:str}", operation_id="deleteChannel", summary="Remove a channel", tags=_TAGS)
async def remove(context: Context, act: Actor, channel_id: FromPath[str]) -> None:
    async with context.change() as tx:
        await channels.remove(tx, act, context.secrets, channel_id)


handlers = [create, list_, show, change, remove]
