"""Orders and songs in both of Udio's dialects; they differ in what is asked after, a task or its songs."""

import random
from typing import Any

from aiohttp import web

from pronghorn.kit.clock import iso
from pronghorn.sandbox.reply import reply_json
from pronghorn.sandbox.song import envelope, words
from pronghorn.sandbox.song.fields import Shape, read_body, refusal
from pronghorn.sandbox.song.files import address
from pronghorn.sandbox.song.tasks import DESK, ERROR_TYPES, STREAMING_FROM, Clip, Place, Task, ending
from pronghorn.sandbox.udio.params import VENDOR, Params, read, take

SECONDS = 15.0
SONGS = 2

_STATUSES = {"submitted": "SUBMITTED", "queued": "SUBMITTED", "streaming": "IN_PROGRESS", "error": "FAILURE"}


async def submit(request: web.Request) -> web.StreamResponse:
    task = await _begin(request)
    return await envelope.reply(request, task.id)


async def fetch(request: web.Request) -> web.StreamResponse:
    task = request.app[DESK].task(request.match_info["id"], VENDOR)
    if task is None:
        raise refusal("task not exist", code="task_not_exist")
    return await envelope.reply(request, _task_object(request, task))


async def generate_proxy(request: web.Request) -> web.StreamResponse:
    task = await _begin(request)
    ids = [clip.id for clip in task.clips]
    return await reply_json(request, {"message": "success", "generation_id": task.id, "track_ids": ids})


async def query(request: web.Request) -> web.StreamResponse:
    """Ids that nobody knows are left out."""
    ids = request.query.get("ids", "")
    if not ids:
        raise refusal("ids is empty", param="ids")
    found = (request.app[DESK].place(one.strip(), VENDOR) for one in ids.split(","))
    return await reply_json(
        request, {"songs": [_song(request, place) for place in found if place is not None]}
    )


async def _begin(request: web.Request) -> Task:
    desk = request.app[DESK]
    params = read(await read_body(request), desk)
    clips = [_clip(params, number) for number in range(SONGS)]
    task = Task(VENDOR, "udio-generate", clips, ending(request, params.prompt))
    return desk.begin(request, task, SECONDS)


def _clip(params: Params, number: int) -> Clip:
    title = words.title(params.prompt)
    if params.source is not None:
        title = params.source.clip.title
    shown = {"prompt": params.prompt, "conditioning": None if params.source is None else params.mode}
    return Clip(take(params, number), title, words.tags(params.prompt), params.sung, shown=shown)


def _task_object(request: web.Request, task: Task) -> Shape:
    """One good song of two is a success."""
    now_s = request.app[DESK].now_s
    is_over, has_begun = task.is_over(now_s), task.part(now_s) >= STREAMING_FROM
    is_lost = is_over and task.ending in ("fail", "moderated")
    status = "FAILURE" if is_lost else "SUCCESS" if is_over else _STATUSES[task.stage(now_s)]
    return {
        "task_id": task.id,
        "action": task.action,
        "status": status,
        "fail_reason": task.message if is_lost else "",
        "submit_time": int(task.submitted_at),
        "start_time": int(task.time_of(STREAMING_FROM)) if has_begun else 0,
        "finish_time": int(task.time_of(task.ends_at_part)) if is_over else 0,
        "progress": task.progress(now_s),
        "songs": [_song(request, Place(task, number)) for number in range(len(task.clips))],
    }


def _song(request: web.Request, place: Place) -> Shape:
    """All 31 fields of a song, whatever its state."""
    task, clip = place.task, place.clip
    stage = place.stage(request.app[DESK].now_s)
    is_ready, has_failed = stage == "complete", stage == "error"
    tags = clip.tags.split(", ")
    failure: dict[str, Any] = {
        "error_id": clip.id if has_failed else None,
        "error_code": (400 if task.ending == "moderated" else 500) if has_failed else None,
        "error_type": ERROR_TYPES[task.ending] if has_failed else None,
        "error_detail": task.message if has_failed else None,
    }
    return {
        "id": clip.id,
        "generation_id": task.id,
        "title": clip.title,
        "artist": _artist(clip.title),
        "artist_image": "",
        "description": "",
        "attribution": "",
        "prompt": clip.shown["prompt"],
        "lyrics": clip.lyrics,
        "tags": tags if clip.lyrics else [*tags, "instrumental"],
        "user_tags": [],
        "replaced_tags": {},
        "duration": round(clip.take.length_s, 2),
        "song_path": address(request, clip, "mp3") if is_ready else "",
        "image_path": address(request, clip, "image_large") if is_ready else "",
        "video_path": None,
        "original_song_path": None,
        "audio_conditioning_type": clip.shown["conditioning"],
        "finished": is_ready,
        **failure,
        "created_at": iso(task.submitted_at),
        "published_at": None,
        "likes": 0,
        "plays": 0,
        "liked": False,
        "disliked": False,
        "publishable": True,
        "user_id": "00000000-0000-4000-8000-000000000000",
    }


def _artist(title: str) -> str:
    """A name as Udio makes them up."""
    chance = random.Random(f"artist {title}")
    mood, thing = (
        chance.choice(("Quiet", "Velvet", "Rapid", "Golden")),
        chance.choice(("Tuba", "Harp", "Oboe")),
    )
    return f"{mood}{thing}{chance.randrange(10_000):04}"


routes = [
    web.post("/udio/submit/music", submit),
    web.get("/udio/fetch/{id}", fetch),
    web.post("/udio/generate-proxy", generate_proxy),
    web.get("/udio/query", query),
]
