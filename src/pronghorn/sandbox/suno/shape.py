"""Tasks and clips as the task API shows them at a moment."""

from typing import Any

from aiohttp import web

from pronghorn.kit.clock import iso
from pronghorn.sandbox.song.files import address
from pronghorn.sandbox.song.tasks import DESK, ERROR_TYPES, STREAMING_FROM, Place, Task
from pronghorn.sandbox.suno import models

Shape = dict[str, Any]

STATUSES = {
    "submitted": "SUBMITTED",
    "queued": "QUEUED",
    "streaming": "IN_PROGRESS",
    "complete": "SUCCESS",
    "error": "FAILURE",
}
_UNSEEN = {"submitted", "queued", "error"}


def task_object(request: web.Request, task: Task) -> Shape:
    """As `fetch` gives it, and as callbacks do."""
    now_s = request.app[DESK].now_s
    stage, is_over = task.stage(now_s), task.is_over(now_s)
    has_begun = task.part(now_s) >= STREAMING_FROM
    return {
        "task_id": task.id,
        "notify_hook": task.hook,
        "action": task.action,
        "status": STATUSES[stage],
        "fail_reason": task.message if stage == "error" else "",
        "submit_time": int(task.submitted_at),
        "start_time": int(task.time_of(STREAMING_FROM)) if has_begun else 0,
        "finish_time": int(task.time_of(task.ends_at_part)) if is_over else 0,
        "progress": task.progress(now_s),
        "data": _data(request, task),
    }


def _data(request: web.Request, task: Task) -> list[Shape] | Shape | None:
    if task.action != "LYRICS":
        return [clip_object(request, Place(task, number)) for number in range(len(task.clips))]
    now_s = request.app[DESK].now_s
    return lyrics_object(task, now_s) if task.is_over(now_s) else None


def lyrics_object(task: Task, now_s: float) -> Shape:
    """The one result of a lyrics task that has ended."""
    has_failed = task.stage(now_s) == "error"
    return {
        "id": task.shown["id"],
        "status": "error" if has_failed else "complete",
        "title": "" if has_failed else task.shown["title"],
        "text": "" if has_failed else task.shown["text"],
        "tags": [] if has_failed else task.shown["tags"],
        "error_message": task.message if has_failed else "",
    }


def clip_object(request: web.Request, place: Place) -> Shape:
    """A clip in its long form."""
    clip = place.clip
    stage = place.stage(request.app[DESK].now_s)
    has_cover = stage not in _UNSEEN
    return {
        "id": clip.id,
        "title": clip.title,
        "status": stage,
        "audio_url": audio_url(request, place),
        "video_url": address(request, clip, "mp4") if stage == "complete" else "",
        "image_url": address(request, clip, "image") if has_cover else "",
        "image_large_url": address(request, clip, "image_large") if has_cover else "",
        "is_video_pending": False,
        "major_model_version": models.version(clip.model).major,
        "model_name": clip.model,
        "created_at": iso(place.task.submitted_at),
        "entity_type": "song_schema",
        "display_tags": clip.tags,
        "text": "",
        "metadata": _metadata(place, stage),
        **_ACCOUNT,
    }


def audio_url(request: web.Request, place: Place) -> str:
    """Plays while the clip is made, lasts when it is ready; empty before that."""
    clip, stage = place.clip, place.stage(request.app[DESK].now_s)
    if stage == "complete":
        return str(clip.shown.get("file_url") or address(request, clip, "mp3"))
    return address(request, clip, "stream") if stage == "streaming" else ""


_ACCOUNT: Shape = {
    "user_id": "00000000-0000-4000-8000-000000000000",
    "handle": "sandbox",
    "display_name": "Sandbox",
    "avatar_image_url": "",
    "is_handle_updated": False,
    "is_liked": False,
    "is_public": False,
    "is_trashed": False,
    "allow_comments": True,
    "play_count": 0,
    "upvote_count": 0,
    "flag_count": 0,
    "reaction": None,
}
_HIDDEN = ("file_url", "file_id")


def _metadata(place: Place, stage: str) -> Shape:
    task, clip = place.task, place.clip
    has_failed = stage == "error"
    known = {name: value for name, value in clip.shown.items() if name not in _HIDDEN}
    return {
        "tags": clip.tags,
        "prompt": clip.lyrics,
        "gpt_description_prompt": None,
        "audio_prompt_id": None,
        "history": None,
        "concat_history": None,
        "type": "gen",
        "duration": round(clip.take.length_s, 2) if stage == "complete" else None,
        "stream": True,
        "refund_credits": True if has_failed else None,
        "error_type": ERROR_TYPES[task.ending] if has_failed else None,
        "error_message": task.message if has_failed else None,
    } | known
