"""POST /suno/uploads/audio-url: a recording by its address, as a clip to go on from."""

from aiohttp import web

from pronghorn.sandbox.song import envelope, uploads
from pronghorn.sandbox.song.fields import read_body, refusal, text
from pronghorn.sandbox.suno import models
from pronghorn.sandbox.suno.order import VENDOR


async def by_url(request: web.Request) -> web.StreamResponse:
    url = text(await read_body(request), "url")
    if not url:
        raise refusal("url is empty", param="url")
    place = await uploads.take_in(request, url, VENDOR, models.DEFAULT)
    return await envelope.reply(request, place.clip.id)


routes = [web.post("/suno/uploads/audio-url", by_url)]
