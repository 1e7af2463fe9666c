"""The account at Suno: its credits, and the personas it has made of its songs."""

import uuid
from typing import Any

from aiohttp import web

from pronghorn.sandbox.reply import reply_json
from pronghorn.sandbox.song import envelope
from pronghorn.sandbox.song.fields import flag, read_body, refusal, text
from pronghorn.sandbox.song.files import address
from pronghorn.sandbox.song.tasks import DESK
from pronghorn.sandbox.suno.order import SUNOAPI, VENDOR, place

CREDITS: dict[str, Any] = {
    "credits_left": 10_000,
    "period": "month",
    "monthly_limit": 10_000,
    "monthly_usage": 0,
}
"""Nothing is ever used up: the sandbox is free."""


async def credit(request: web.Request) -> web.StreamResponse:
    return await envelope.reply(request, CREDITS)


async def create_persona(request: web.Request) -> web.StreamResponse:
    """The voice of a song, under a name. An upload has none that may be used."""
    body = await read_body(request)
    desk = request.app[DESK]
    clip = place(desk, text(body, "root_clip_id"), "root_clip_id").clip
    if clip.shown.get("type") == "upload":
        raise refusal("root_clip_id: a persona cannot be made of an upload", param="root_clip_id")
    clips = body.get("clips") or []
    if not isinstance(clips, list) or any(desk.place(str(one), VENDOR, SUNOAPI) is None for one in clips):
        raise refusal("clips must be a list of ids of clips", param="clips")
    if not text(body, "name"):
        raise refusal("name is empty", param="name")
    persona = {
        "id": str(uuid.uuid4()),
        "name": text(body, "name"),
        "description": text(body, "description"),
        "is_public": flag(body, "is_public"),
        "image_s3_id": address(request, clip, "image"),
        "root_clip_id": clip.id,
        "clip": {"id": clip.id},
        "persona_clips": [{"clip": {"id": one}} for one in clips],
        "user_display_name": "",
        "user_handle": "",
        "user_image_url": "",
    }
    desk.keep_persona(persona)
    return await reply_json(request, persona)


routes = [
    web.get("/suno/account", credit),
    web.post("/suno/persona/create", create_persona),
    web.post("/suno/persona/create/", create_persona),
]
