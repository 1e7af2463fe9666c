"""Suno: songs, lyrics, and what is made of songs.

A task's data are its clips, or the one object that it made: lyrics, a persona, or what `made_of_clip` holds.
"""

import re
import uuid
from functools import lru_cache
from typing import Any

from pronghorn.tasks.view import Link, View
from pronghorn.vendors.suno import is_address
from pronghorn.vendors.task import neutral, state_of
from pronghorn.wire.suno import name_of_act

STATUSES = {
    "queued": "SUBMITTED",
    "waiting_input": "SUBMITTED",
    "running": "IN_PROGRESS",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "cancelled": "FAILURE",
}
MEDIA = {
    "audio_url": "mp3",
    "video_url": "mp4",
    "image_url": "jpeg",
    "image_large_url": "large.jpeg",
    "image_s3_id": "jpeg",
    "wav_file_url": "wav",
    "wav_url": "wav",
    "vocal_audio_url": "mp3",
    "stream_audio_url": "stream.mp3",
}
"""Members that are addresses, and how what is there is called; others are called by their member."""
ACCOUNT = ("user_id", "handle", "display_name", "avatar_image_url")
"""Members of a clip that say whose Suno account it is."""
OWNER = ("user_display_name", "user_handle", "user_image_url")
"""The same of a persona, where clients expect them to be."""

SAID = ("error_message", "fail_reason", "msg")
"""Members with a vendor's words about what went wrong."""
DEEPEST = 6
"""Levels of an item that are looked through for addresses."""


class Suno:
    name = model = "suno"
    pause_s = 6.0
    deadline_s = 1200.0

    def new_id(self, now_ms: int) -> str:
        return str(uuid.uuid4())

    def shown(self, view: View, link: Link) -> Any:
        has_begun = view.started_ms or (view.created_ms if view.state == "succeeded" else 0)
        is_with_vendor = view.upstream_id is not None or view.is_over
        return {
            "task_id": view.id,
            "notify_hook": view.job.callback,
            "action": view.action.upper(),
            "status": STATUSES[view.state] if is_with_vendor else "NOT_START",
            "fail_reason": view.reason or ("cancelled" if view.state == "cancelled" else ""),
            "submit_time": view.created_ms // 1000,
            "start_time": has_begun // 1000,
            "finish_time": (view.finished_ms or 0) // 1000,
            "progress": f"{100 if view.is_over else view.percent}%",
            "data": _result(view, link),
        }

    def parts(self, data: Any) -> list[str]:
        if isinstance(data, dict) and "act" in data:
            return [name_of_act(data["act"], data["clip_id"])] if data["clip_id"] else []
        items = [data] if isinstance(data, dict) else data or []
        return [item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]


def _result(view: View, link: Link) -> Any:
    data = view.data
    if isinstance(data, list):
        pairs = [(number, clip) for number, clip in enumerate(data) if isinstance(clip, dict)]
        good = [(number, clip) for number, clip in pairs if state_of(clip.get("status")) != "failed"]
        # Of what has succeeded the good songs are shown; why one is missing is in `fail_reason`.
        wanted = good if view.state == "succeeded" and good else pairs
        return [_clip(clip, number, view.id, link) for number, clip in wanted]
    if not isinstance(data, dict):
        return data
    if "act" in data:
        return _linked(data["answer"], 0, link)
    return _persona(data, link) if "root_clip_id" in data else _linked(data, 0, link)


def _clip(clip: dict[str, Any], number: int, task_id: str, link: Link) -> dict[str, Any]:
    shown = {name: value for name, value in clip.items() if name not in ACCOUNT}
    if isinstance(flat := clip.get("task_id"), str):
        # The flat form says which song of its task it is: `<task>_1`.
        mark, number_there = flat.rpartition("_")[1:]
        shown["task_id"] = f"{task_id}_{number_there}" if mark else task_id
    return _linked(shown, number, link)


def _linked(item: dict[str, Any], place: int | str, link: Link, depth: int = 0) -> dict[str, Any]:
    """With links in place of all addresses, in what lies in it too; `place` is what they are called by."""
    return {name: _told(name, value, f"{place}.{_ending(name)}", link, depth) for name, value in item.items()}


def _told(member: str, value: Any, place: str, link: Link, depth: int) -> Any:
    if depth and member in OWNER:
        return ""
    if isinstance(value, str):
        if member in SAID:
            return neutral(value)
        return link(place, value) if member in MEDIA or is_address(member, value) else value
    if depth == DEEPEST or not isinstance(value, dict | list):
        return value
    if isinstance(value, dict):
        return _linked(value, place, link, depth + 1)
    return [_told(member, one, f"{place}.{number}", link, depth + 1) for number, one in enumerate(value)]


@lru_cache(1_000)
def _ending(member: str) -> str:
    return MEDIA.get(member) or re.sub(r"[^A-Za-z0-9_]", "_", member)


def _persona(data: dict[str, Any], link: Link) -> dict[str, Any]:
    own = {name: value for name, value in data.items() if name not in ("clip", "persona_clips")}
    shown = data | _linked(own | dict.fromkeys((name for name in OWNER if name in data), ""), 0, link)
    if isinstance(clip := data.get("clip"), dict):
        shown["clip"] = _clip(clip, 1, "", link)
    if isinstance(clips := data.get("persona_clips"), list):
        shown["persona_clips"] = [_persona_clip(one, number, link) for number, one in enumerate(clips, 2)]
    return shown


def _persona_clip(item: Any, number: int, link: Link) -> Any:
    if isinstance(item, dict) and isinstance(item.get("clip"), dict):
        return item | {"clip": _clip(item["clip"], number, "", link)}
    return item


family = Suno()
