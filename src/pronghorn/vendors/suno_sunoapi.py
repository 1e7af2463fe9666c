"""Suno by services in the style of sunoapi.org and kie.ai: camel case, numbers for codes, one record a task.

Which record tells of a task is part of its id here: `lyrics/<id>`, `wav/<clip>/<id>`; a song's id stands alone.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from pronghorn.vendors.base import ChatVendor
from pronghorn.vendors.suno_sunoapi_answers import (
    RECORDS,
    code_of,
    data_of,
    file_progress,
    lyrics_progress,
    made_persona,
    song_progress,
)
from pronghorn.vendors.suno_sunoapi_requests import clip_named, music_request, persona_request, song_of
from pronghorn.vendors.task import Accepted, Ask, Progress, Submission, TaskAdapter

NOWHERE = "https://callback.invalid/"
"""They want an address for callbacks; without one of ours this one, which nobody can have. The records are polled."""


class Service(TaskAdapter):
    batch = 1
    actions = frozenset(("music", "lyrics", "persona", "wav", "mp4"))

    def submit(self, wanted: Submission) -> Ask:
        callback = wanted.callback_url or NOWHERE
        match wanted.action:
            case "lyrics":
                body = {"prompt": wanted.body["prompt"], "callBackUrl": callback}
                return Ask("POST", "/api/v1/lyrics", body)
            case "persona":
                return Ask("POST", "/api/v1/generate/generate-persona", persona_request(wanted))
            case "wav" | "mp4" as act:
                return Ask("POST", f"/api/v1/{act}/generate", song_of(wanted) | {"callBackUrl": callback})
            case _:
                path, body = music_request(wanted)
                return Ask("POST", f"/api/v1/generate{path}", body | {"callBackUrl": callback})

    def accepted(self, wanted: Submission, status: int, reply: Any) -> Accepted:
        data = data_of(status, reply)
        if wanted.action == "persona":
            return Accepted("", "succeeded", made_persona(wanted, data))
        given = data.get("taskId") or data.get("task_id")
        if not given:
            return Accepted("")  # it has it, and did not say as what
        names = {"music": [], "lyrics": ["lyrics"]}.get(wanted.action, [wanted.action, clip_named(wanted)])
        return Accepted("/".join([*names, str(given)]))

    def poll(self, upstream_ids: Sequence[str]) -> Ask:
        kind, _, upstream_id = upstream_ids[0].rpartition("/")
        record = RECORDS.get(kind.partition("/")[0])
        path = record.path if record is not None else "/api/v1/generate/record-info"
        return Ask("GET", f"{path}?taskId={quote(upstream_id, safe='')}")

    def progress(self, upstream_ids: Sequence[str], status: int, reply: Any) -> dict[str, Progress]:
        if not isinstance(reply, dict):
            raise ValueError(f"no record (status {status})")
        code = code_of(status, reply)
        if code == 404:
            return {}
        data = reply.get("data")
        if code != 200 or not isinstance(data, dict):
            raise ValueError(f"no record (code {code})")
        names = upstream_ids[0].split("/")
        record = RECORDS.get(names[0]) if len(names) > 1 else None
        if record is None:
            return {upstream_ids[0]: song_progress(data)}
        if names[0] == "lyrics":
            return {upstream_ids[0]: lyrics_progress(data)}
        return {upstream_ids[0]: file_progress(names[0], names[1], record, data)}

    def called_back(self, reply: Any) -> str | None:
        """Of songs alone: the other callbacks do not say what they are of."""
        data = reply.get("data") if isinstance(reply, dict) else None
        if not isinstance(data, dict) or not isinstance(songs := data.get("data"), list):
            return None
        is_of_song = any(isinstance(song, dict) and "audio_url" in song for song in songs)
        found = data.get("task_id")
        return found if is_of_song and isinstance(found, str) and found else None


vendor = ChatVendor(
    name="suno_sunoapi",
    base_url="https://api.sunoapi.org",
    root="",
    paths={},
    tasks=MappingProxyType({"suno": Service()}),
)
