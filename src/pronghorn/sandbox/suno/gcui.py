"""gcui-art's server, under /gcui: clips without tasks, each asked for by its id; errors are `{"error": ...}`."""

import asyncio
import json

from aiohttp import web

from pronghorn.kit.clock import iso
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.faults import FAULTS, check_magic_model
from pronghorn.sandbox.reply import reply_bytes, reply_json
from pronghorn.sandbox.song import words
from pronghorn.sandbox.song.fields import Shape, flag, number, read_body, refusal, text
from pronghorn.sandbox.song.files import address
from pronghorn.sandbox.song.tasks import DEFAULT_SPEED, DESK, STREAMING_FROM, Place, Task, ending
from pronghorn.sandbox.suno import account, order, shape
from pronghorn.sandbox.suno.acts import aligned
from pronghorn.sandbox.suno.order import SUNOAPI, VENDOR, Order
from pronghorn.sandbox.suno.submit import CONCAT_S, LYRICS_S, MUSIC_S

PREFIX = "/gcui"
DEFAULT_MODEL = "chirp-v3-5"
PAGE = 20


def render(error: SandboxError, _request: web.Request) -> web.Response:
    return web.json_response({"error": error.message}, status=error.status)


async def generate(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    if not text(body, "prompt"):
        raise refusal("prompt is required", param="prompt")
    return await _music(request, body, _order(body, idea=text(body, "prompt")))


async def custom_generate(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    asked = _order(body, lyrics=text(body, "prompt"))
    if not (asked.lyrics or asked.tags or asked.title):
        raise refusal("prompt is required", param="prompt")
    return await _music(request, body, asked)


async def extend_audio(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    source = order.source(request.app[DESK], text(body, "audio_id"), "audio_id")
    asked = _order(body, lyrics=text(body, "prompt"))
    clips = order.continuations(asked, source, number(body, "continue_at"))
    return await _answer(request, body, Task(VENDOR, "MUSIC", clips, ending(request, asked.lyrics)))


async def concat(request: web.Request) -> web.StreamResponse:
    source = order.source(request.app[DESK], text(await read_body(request), "clip_id"), "clip_id")
    task = Task(VENDOR, "CONCAT", [order.joined(source)], ending(request))
    request.app[DESK].begin(request, task, CONCAT_S)
    return await reply_json(request, shape.clip_object(request, Place(task, 0)))


async def generate_lyrics(request: web.Request) -> web.StreamResponse:
    prompt = text(await read_body(request), "prompt")
    if not prompt:
        raise refusal("prompt is required", param="prompt")
    await asyncio.sleep(LYRICS_S / (request[FAULTS].speed or DEFAULT_SPEED))
    written = words.write(prompt)
    return await reply_json(request, {"title": written.title, "text": written.text, "status": "complete"})


async def generate_stems(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    source = order.source(request.app[DESK], text(body, "audio_id"), "audio_id")
    task = Task(VENDOR, "MUSIC", order.stems(Order(model=DEFAULT_MODEL), source, "two"), ending(request))
    request.app[DESK].begin(request, task, MUSIC_S)
    stems = [
        {
            "id": clip.id,
            "status": Place(task, at).stage(request.app[DESK].now_s),
            "created_at": iso(task.submitted_at),
            "title": clip.title,
            "stem_from_id": source.clip.id,
            "duration": f"{clip.take.length_s:.2f}",
        }
        for at, clip in enumerate(task.clips)
    ]
    return await _array(request, stems)


async def get(request: web.Request) -> web.StreamResponse:
    """Without ids: all there are, the newest first, a page at a time."""
    desk = request.app[DESK]
    if ids := request.query.get("ids", ""):
        places = [
            found for one in ids.split(",") if (found := desk.place(one.strip(), VENDOR, SUNOAPI)) is not None
        ]
    else:
        page = request.query.get("page", "0")
        first = PAGE * int(page) if page.isdecimal() else 0
        places = desk.places(VENDOR)[first : first + PAGE]
    return await _array(request, [audio_info(request, found) for found in places])


async def clip(request: web.Request) -> web.StreamResponse:
    found = order.place(request.app[DESK], request.query.get("id", ""), "id")
    return await reply_json(request, shape.clip_object(request, found))


async def get_aligned_lyrics(request: web.Request) -> web.StreamResponse:
    found = order.place(request.app[DESK], request.query.get("song_id", ""), "song_id")
    return await _array(request, aligned(found.clip))


async def get_limit(request: web.Request) -> web.StreamResponse:
    return await reply_json(request, account.CREDITS)


def audio_info(request: web.Request, found: Place) -> Shape:
    """A clip in the short form of this server; its length is a text."""
    task, it = found.task, found.clip
    stage = found.stage(request.app[DESK].now_s)
    info = {
        "id": it.id,
        "title": it.title,
        "image_url": address(request, it, "image") if stage in ("streaming", "complete") else "",
        "lyric": it.lyrics,
        "audio_url": shape.audio_url(request, found),
        "video_url": address(request, it, "mp4") if stage == "complete" else "",
        "created_at": iso(task.submitted_at),
        "model_name": it.model,
        "status": stage,
        "gpt_description_prompt": it.shown.get("gpt_description_prompt"),
        "prompt": it.lyrics,
        "type": it.shown.get("type", "gen"),
        "tags": it.tags,
        "negative_tags": it.shown.get("negative_tags", ""),
        "duration": f"{it.take.length_s:.2f}" if stage == "complete" else None,
    }
    return info | {"error_message": task.message} if stage == "error" else info


def _order(body: Shape, *, idea: str = "", lyrics: str = "") -> Order:
    model = text(body, "model") or DEFAULT_MODEL
    check_magic_model(model)
    return Order(
        idea=idea,
        lyrics=lyrics,
        tags=text(body, "tags"),
        negative_tags=text(body, "negative_tags"),
        title=text(body, "title"),
        model=model,
        is_instrumental=flag(body, "make_instrumental"),
    )


async def _music(request: web.Request, body: Shape, asked: Order) -> web.StreamResponse:
    task = Task(VENDOR, "MUSIC", order.songs(asked), ending(request, asked.idea, asked.lyrics))
    return await _answer(request, body, task)


async def _answer(request: web.Request, body: Shape, task: Task) -> web.StreamResponse:
    """Both clips, at once or, with `wait_audio`, when they can be heard."""
    waits = flag(body, "wait_audio")
    request.app[DESK].begin(request, task, MUSIC_S)
    if waits:
        await asyncio.sleep(task.duration_s * STREAMING_FROM + 0.01)
    return await _array(request, [audio_info(request, Place(task, at)) for at in range(len(task.clips))])


async def _array(request: web.Request, items: list[Shape]) -> web.StreamResponse:
    return await reply_bytes(request, json.dumps(items).encode(), "application/json")


routes = [
    web.post(f"{PREFIX}/api/generate", generate),
    web.post(f"{PREFIX}/api/custom_generate", custom_generate),
    web.post(f"{PREFIX}/api/extend_audio", extend_audio),
    web.post(f"{PREFIX}/api/concat", concat),
    web.post(f"{PREFIX}/api/generate_lyrics", generate_lyrics),
    web.post(f"{PREFIX}/api/generate_stems", generate_stems),
    web.get(f"{PREFIX}/api/get", get),
    web.get(f"{PREFIX}/api/clip", clip),
    web.get(f"{PREFIX}/api/get_aligned_lyrics", get_aligned_lyrics),
    web.get(f"{PREFIX}/api/get_limit", get_limit),
]
