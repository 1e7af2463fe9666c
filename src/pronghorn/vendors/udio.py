"""Udio by gateways that give a task to ask after; its data are the songs, all of them, in the vendor's order."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from pronghorn.vendors.base import ChatVendor
from pronghorn.vendors.suno import declined, is_success, name_of_task, state_of_clips
from pronghorn.vendors.task import (
    Accepted,
    Ask,
    Declined,
    Progress,
    State,
    Submission,
    TaskAdapter,
    neutral,
    state_of,
)
from pronghorn.wire.udio import has_failed


class TaskDialect(TaskAdapter):
    batch = 1
    actions = frozenset(("music",))

    def submit(self, wanted: Submission) -> Ask:
        return Ask("POST", "/udio/submit/music", wanted.body)

    def accepted(self, wanted: Submission, status: int, reply: Any) -> Accepted:
        if not 200 <= status < 300 or not is_success(reply):
            raise refused(status, reply)
        return Accepted(name_of_task(reply.get("data")))

    def poll(self, upstream_ids: Sequence[str]) -> Ask:
        return Ask("GET", f"/udio/fetch/{quote(upstream_ids[0], safe='')}")

    def progress(self, upstream_ids: Sequence[str], status: int, reply: Any) -> dict[str, Progress]:
        if isinstance(reply, dict) and reply.get("code") == "task_not_exist":
            return {}
        data = reply.get("data") if status == 200 and is_success(reply) else None
        if not isinstance(data, dict):
            raise ValueError(f"no task (status {status})")
        task = data["task"] if isinstance(data.get("task"), dict) else data
        return {upstream_ids[0]: progress_of(_songs_of(data) or _songs_of(task), task)}


def _songs_of(place: dict[str, Any]) -> list[Any]:
    """In the object itself, or in its `data`, where rows of tasks have what their vendor said."""
    inner = place.get("data")
    songs = place.get("songs") or (inner.get("songs") if isinstance(inner, dict) else inner)
    return songs if isinstance(songs, list) else []


def refused(status: int, reply: Any) -> Declined:
    """Whatever the vendor's form is, callers read it in the one of their tasks."""
    found = declined(status, reply)
    if isinstance(found.answer, dict) and "code" not in found.answer:
        found.answer = {"code": "invalid_request", "message": found.reason, "data": None}
    return found


def progress_of(songs: list[Any], task: dict[str, Any]) -> Progress:
    """By its songs, which are what is paid for; by the task's own word as long as there are none.

    Of what the task calls done nothing more is made: the songs with a file are it.
    """
    said = state_of(task.get("status") or "queued")
    known = [song if isinstance(song, dict) else {} for song in songs]
    if said == "succeeded":
        known = [song | {"finished": True} if song.get("song_path") else song for song in known]
    words = [_state_of_song(song) for song in known]
    state = state_of_clips(words) if words else said
    if said == "succeeded":
        state = "succeeded" if "succeeded" in words else state if words else "running"
    if said == "failed" and "succeeded" not in words:
        state = "failed"
    if said == "queued" and state == "running" and "succeeded" not in words and task.get("status"):
        state = "queued"
    reason = neutral(str(task.get("fail_reason") or "")) or _reason_of(known)
    has_loss = state == "failed" or "failed" in words
    return Progress(state, known or None, None, reason if has_loss else "")


def _state_of_song(song: dict[str, Any]) -> State:
    if has_failed(song):
        return "failed"
    return "succeeded" if song.get("finished") and song.get("song_path") else "running"


def _reason_of(songs: Sequence[dict[str, Any]]) -> str:
    details = (song.get("error_detail") or song.get("error_type") for song in songs)
    return neutral(str(next((one for one in details if one), "")))


vendor = ChatVendor(
    name="udio", base_url="", root="", paths={}, tasks=MappingProxyType({"udio": TaskDialect()})
)
