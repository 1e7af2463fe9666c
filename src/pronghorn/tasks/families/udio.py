"""Udio: songs. A task's data are the vendor's songs, in its order; callers know them by ids of ours."""

import re
import uuid
from typing import Any

from pronghorn.tasks.view import Link, View
from pronghorn.vendors.suno import is_address
from pronghorn.vendors.task import neutral
from pronghorn.wire.udio import BLANK, ERRORS, SONGS, has_failed, song_id_of, task_id_of

STATUSES = {
    "queued": "SUBMITTED",
    "waiting_input": "SUBMITTED",
    "running": "IN_PROGRESS",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "cancelled": "FAILURE",
}
MEDIA = {
    "song_path": "mp3",
    "original_song_path": "original.mp3",
    "video_path": "mp4",
    "image_path": "jpeg",
    "artist_image": "artist.jpeg",
}
"""Members of a song that are addresses, and how what is there is called; others are called by their member."""

_ODD = re.compile("[^A-Za-z0-9_]")


class Udio:
    name = model = "udio"
    pause_s = 8.0
    deadline_s = 900.0

    def new_id(self, now_ms: int) -> str:
        return task_id_of(str(uuid.uuid4()))

    def shown(self, view: View, link: Link) -> Any:
        has_begun = view.started_ms or (view.created_ms if view.state == "succeeded" else 0)
        is_with_vendor = view.upstream_id is not None or view.is_over
        songs = _songs(view, link)
        return {
            "task_id": view.id,
            "action": "udio-generate",
            "status": STATUSES[view.state] if is_with_vendor else "NOT_START",
            "fail_reason": view.reason or ("cancelled" if view.state == "cancelled" else ""),
            "submit_time": view.created_ms // 1000,
            "start_time": has_begun // 1000,
            "finish_time": (view.finished_ms or 0) // 1000,
            "progress": f"{100 if view.is_over else view.percent}%",
            "songs": songs,
            "data": {"songs": songs},  # where they are in the rows that most gateways have
        }

    def parts(self, data: Any) -> list[str]:
        """Its songs say themselves which task they are of."""
        return []


def song_of(view: View, number: int, link: Link) -> dict[str, Any] | None:
    """One of its songs, whether its vendor has named it or not; None: there is none of that number."""
    known = view.data if isinstance(view.data, list) else []
    if number >= max(len(known), SONGS):
        return None
    song = _shown(known[number] if number < len(known) else {}, number, view, link)
    if view.is_over and not song["finished"] and not has_failed(song):
        why = view.reason or "there is no such song"
        song |= {"error_type": "task_failed", "error_detail": why}
    return song


def song_count(view: View) -> int:
    return len(view.data) if isinstance(view.data, list) and view.data else SONGS


def _songs(view: View, link: Link) -> list[dict[str, Any]]:
    """Of what has succeeded the good ones; why one is missing is in `fail_reason`."""
    known = view.data if isinstance(view.data, list) else []
    places = (song_of(view, number, link) for number in range(len(known)))
    found = [song for song in places if song is not None]
    good = [song for song in found if not has_failed(song)]
    return good if view.state == "succeeded" and good else found


def _shown(song: dict[str, Any], number: int, view: View, link: Link) -> dict[str, Any]:
    ours = {"id": song_id_of(view.id, number), "generation_id": view.id, "user_id": ""}
    media = {
        name: link(f"{number}.{MEDIA.get(name) or _ODD.sub('_', name)}", value)
        for name, value in song.items()
        if is_address(name, value) or (name in MEDIA and isinstance(value, str))
    }
    said = {name: neutral(song[name]) for name in ERRORS if isinstance(song.get(name), str)}
    return BLANK | song | ours | media | said


family = Udio()
