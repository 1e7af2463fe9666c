"""Uploads, personas and what is made of a finished clip: most of it is there at once, and answered as Suno has it.

What was made of a clip is paid for once; asked for again it is given again.
"""

import re

from pronghorn.api.tasks.door import Answer, Asked, Routes, take
from pronghorn.api.tasks.suno_order import FAMILY, READ, envelope, order, owner, shown
from pronghorn.commerce import targets
from pronghorn.errors import AlreadyMade, BadRequest, UnsupportedMediaType
from pronghorn.tasks.links import PREFIX
from pronghorn.tasks.view import View
from pronghorn.wire.suno import name_of_act

_OWN_LINK = re.compile(re.escape(PREFIX) + r"([\w-]+)/([\w.-]+)/([0-9a-f]+)", re.ASCII)


async def upload_by_url(asked: Asked) -> Answer:
    body = asked.body(*READ)
    url = take(body, "url", str, "").strip()
    if not url:
        raise BadRequest("url is empty", param="url")
    if not _is_ours(asked, url):
        targets.check_url(url, asked.fetch_allow, "url")
    view = await order(asked, "upload", body, "upload")
    return envelope(asked.tasks.families[FAMILY].parts(view.data)[0])


def _is_ours(asked: Asked, url: str) -> bool:
    """A link that a caller of ours was given is open to the world, wherever the gateway stands."""
    found = _OWN_LINK.fullmatch(url.removeprefix(asked.links.base_url))
    return found is not None and asked.links.is_signed(*found.groups())


async def upload_file(asked: Asked) -> Answer:
    raise UnsupportedMediaType(
        "files are not taken here: put it where it can be read, and send its address to "
        'POST /suno/uploads/audio-url {"url": "https://..."}'
    )


async def create_persona(asked: Asked) -> Answer:
    body = asked.body(*READ)
    for name in ("root_clip_id", "name"):
        if not take(body, name, str, ""):
            raise BadRequest(f"{name} is empty", param=name)
    return _raw(asked, await order(asked, "persona", body, "persona"))


async def expand_tags(asked: Asked) -> Answer:
    body = asked.body(*READ)
    if not take(body, "original_tags", str, "").strip():
        raise BadRequest("original_tags is empty", param="original_tags")
    return _raw(asked, await order(asked, "tags", body, "tags"))


async def timing(asked: Asked, clip: str) -> Answer:
    return await _act(asked, "timing", clip)


async def wav(asked: Asked, clip: str) -> Answer:
    return await _act(asked, "wav", clip)


async def mp4(asked: Asked, clip: str) -> Answer:
    return await _act(asked, "mp4", clip)


async def midi(asked: Asked, clip: str) -> Answer:
    return await _act(asked, "midi", clip)


async def vox(asked: Asked, clip: str) -> Answer:
    if take(asked.body(*READ), "clip_id", str, clip) != clip:
        raise BadRequest("clip_id is not the clip of the path", param="clip_id")
    return await _act(asked, "vox", clip)


async def _act(asked: Asked, act: str, clip: str) -> Answer:
    made = await owner(asked, clip, "clip_id")
    name = name_of_act(act, clip)
    before = await asked.tasks.of_part(asked.grant, name)
    if before is None or (before.is_over and before.state != "succeeded"):
        try:
            before = await order(asked, act, {"clip_id": clip}, act, made, makes=name)
        except AlreadyMade:  # somebody who asked at the same time
            before = await asked.tasks.of_part(asked.grant, name)
            if before is None:
                raise
    return _raw(asked, before)


def _raw(asked: Asked, view: View) -> Answer:
    """Without an envelope; where it takes longer, the id of the task that fetches it."""
    return Answer(shown(asked, view)["data"]) if view.is_over else envelope(view.id)


ROUTES: Routes = {
    ("POST", "/uploads/audio-url"): upload_by_url,
    ("POST", "/uploads/audio"): upload_file,
    ("POST", "/persona/create"): create_persona,
    ("POST", "/act/tags"): expand_tags,
    ("GET", "/act/timing/{}"): timing,
    ("GET", "/act/wav/{}"): wav,
    ("GET", "/act/mp4/{}"): mp4,
    ("GET", "/act/midi/{}"): midi,
    ("POST", "/act/vox/{}"): vox,
}
