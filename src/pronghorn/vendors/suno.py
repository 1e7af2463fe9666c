"""Suno by the protocol that gateways have in common: another gateway, or the open server Suno-API.

The open server forwards fewer members and answers a single fetch with the clips alone, so the list is fetched.
"""

import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import msgspec

from pronghorn.vendors.base import ChatVendor
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
    without_whereabouts,
)
from pronghorn.wire.suno import DEFAULT_VERSION, long_clip, made_of_clip, version

PATHS = {
    "music": "/suno/submit/music",
    "lyrics": "/suno/submit/lyrics",
    "concat": "/suno/submit/concat",
    "upload": "/suno/uploads/audio-url",
    "persona": "/suno/persona/create",
    "tags": "/suno/act/tags",
}
JOBS = ("music", "lyrics", "concat")
"""Actions that are always tasks."""
ACTS = {"timing": "GET", "wav": "GET", "mp4": "GET", "midi": "GET", "vox": "POST"}
"""What is asked of a clip, and how. The answers have no envelope."""
FILES = {"wav": ("wav",), "mp4": ("video", "mp4"), "vox": ("vocal",)}
"""What an act's address has in its name, where one of several is meant; without it the file is not ready."""
WRITTEN = ("text", "aligned_words", "instruments", "upsampled_tags")
"""Results that are no files."""
BATCH = 50
OWN_STATES: dict[str, State] = {"UNKNOWN": "failed"}

_ADDRESS = re.compile(r"\s*https?://", re.IGNORECASE)
_SOUND_OR_FILM = re.compile(r"audio|video|vocal|wav|mp3|mp4|^url$", re.IGNORECASE)


class Gateway(TaskAdapter):
    batch = BATCH
    actions = frozenset((*PATHS, *ACTS))

    def submit(self, wanted: Submission) -> Ask:
        if wanted.action in ACTS:
            clip = str(wanted.body["clip_id"])
            body = wanted.body if ACTS[wanted.action] == "POST" else None
            return Ask(ACTS[wanted.action], f"/suno/act/{wanted.action}/{quote(clip, safe='')}", body)
        body = dict(wanted.body)
        if wanted.action == "music":
            body["mv"] = version_of(wanted)
        if body.get("task_id") and wanted.parent is not None:
            body["task_id"] = wanted.parent.upstream_id
        if wanted.callback_url and wanted.action in JOBS:
            body["notify_hook"] = wanted.callback_url
        return Ask("POST", PATHS[wanted.action], body)

    def accepted(self, wanted: Submission, status: int, reply: Any) -> Accepted:
        if not 200 <= status < 300 or (_has_code(reply) and not is_success(reply)):
            raise declined(status, reply, wanted.action)
        if given := _given(wanted.action, reply):
            return _taken(wanted, given)
        if wanted.action in JOBS:
            # Stems are answered by some with the vendor's own object.
            if isinstance(reply, dict) and isinstance(reply.get("clips"), list) and reply.get("id"):
                return Accepted(str(reply["id"]), data=_clips_of(reply["clips"]))
            if is_success(reply):
                return Accepted("")  # it has it, and did not say as what
            raise declined(status, reply, wanted.action)
        answer = reply.get("data") if _has_code(reply) else reply
        if not isinstance(answer, dict):
            raise declined(status, reply, wanted.action)
        return _made(wanted, answer)

    def poll(self, upstream_ids: Sequence[str]) -> Ask:
        return Ask("POST", "/suno/fetch", {"ids": list(upstream_ids)})

    def progress(self, upstream_ids: Sequence[str], status: int, reply: Any) -> dict[str, Progress]:
        tasks = (reply.get("data") or []) if status == 200 and is_success(reply) else None
        tasks = [tasks] if isinstance(tasks, dict) else tasks
        if not isinstance(tasks, list):
            raise ValueError(f"no list of tasks (status {status})")
        return {str(task.get("task_id")): progress_of(task) for task in tasks if isinstance(task, dict)}

    def called_back(self, reply: Any) -> str | None:
        found = reply.get("task_id") if isinstance(reply, dict) else None
        return found if isinstance(found, str) and found else None


def version_of(wanted: Submission) -> str:
    """The caller's, or the one that the operator has mapped the model to on this channel."""
    asked = wanted.body.get("mv")
    if isinstance(asked, str) and asked:
        return version(asked)
    return version(wanted.model) if wanted.model not in ("", "suno") else DEFAULT_VERSION


# What was accepted


def _given(action: str, reply: Any) -> str:
    """The id that a submission is answered with; empty if there is none. Some leave out the envelope."""
    if not isinstance(reply, dict) or (action not in JOBS and not _has_code(reply)):
        return ""
    data = reply.get("data")
    if action == "upload" and isinstance(data, dict):
        return ""  # the clip's is wanted, and it may name a task besides
    return name_of_task(data if _has_code(reply) or isinstance(data, dict | list) else reply)


def name_of_task(given: Any) -> str:
    """An id alone, or in an object, or in a list of one; empty if there is none. Some are numbers."""
    if isinstance(given, list):
        given = given[0] if given else None
    found = given.get("task_id") if isinstance(given, dict) else given
    return str(found) if found and isinstance(found, str | int) and found is not True else ""


def _taken(wanted: Submission, given: str) -> Accepted:
    """`given` is the id of a task, but an upload's is that of its clip."""
    if wanted.action != "upload":
        return Accepted(given)
    clip = {"id": given, "status": "complete", "title": "", "metadata": {"type": "upload"}}
    return Accepted("", "succeeded", [clip])


def _made(wanted: Submission, answer: dict[str, Any]) -> Accepted:
    """What was there at once."""
    if wanted.action == "upload":
        given = answer.get("clip_id") or answer.get("id") or answer.get("task_id")
        if not given:
            raise Declined("vendor", "the vendor did not say which clip it made of the upload")
        return _taken(wanted, str(given))
    if wanted.action == "persona":
        if not answer.get("id"):
            raise Declined("vendor", "the vendor did not say which persona it made")
        return Accepted("", "succeeded", answer)
    check_ready(wanted.action, answer)
    return Accepted("", "succeeded", made_of_clip(wanted.action, _clip_of(wanted), answer))


def _clip_of(wanted: Submission) -> str:
    return str(wanted.body.get("clip_id") or "")


def check_ready(act: str, answer: dict[str, Any]) -> None:
    """What is still being made is told to the caller, and nothing is charged until it is there.

    Raises `Declined`.
    """
    state = state_of(answer.get("state") or answer.get("status") or "complete")
    if state in ("queued", "running") or (state == "succeeded" and not _has_file(act, answer)):
        told = without_whereabouts(answer)
        raise Declined("request", "it is not ready yet; ask again shortly", told, status=200)
    if state in ("failed", "cancelled"):
        raise Declined("vendor", neutral(str(answer.get("error_message") or "")) or "the vendor failed")


def _has_file(act: str, answer: dict[str, Any]) -> bool:
    if act not in FILES:
        return True
    urls = {name: value for name, value in answer.items() if "url" in name.lower()}
    named = {name: value for name, value in urls.items() if any(word in name.lower() for word in FILES[act])}
    return any(is_address(name, value) for name, value in (named or urls).items())


def is_address(member: str, value: Any) -> bool:
    """Members have no end of names, so it is by any that says so."""
    return "url" in member.lower() and isinstance(value, str) and _ADDRESS.match(value) is not None


# How a task goes


def progress_of(task: dict[str, Any]) -> Progress:
    """Where one of two clips failed the task has succeeded: there is a song. Without any result it has not."""
    data = _data_of(task.get("data"))
    items = [item for item in (data if isinstance(data, list) else [data]) if isinstance(item, dict)]
    words = [state_of_item(item) for item in items]
    said = state_of(task.get("status"), OWN_STATES)
    state = _joint_state(said, words)
    if state == "succeeded" and not any(map(has_result, items)):
        state = "running"
    if "failed" not in (state, said, *words):
        return Progress(state, data, _percent(task.get("progress")))
    reason = neutral(str(task.get("fail_reason") or "")) or reason_of(items)
    return Progress(state, data, _percent(task.get("progress")), reason)


def _data_of(data: Any) -> Any:
    """Clips in their long form; the result of a lyrics task is one object, which some wrap in a list.

    Some write all of it into a string.
    """
    if isinstance(data, str):
        try:
            data = msgspec.json.decode(data)
        except (ValueError, RecursionError):
            return None
    if not isinstance(data, list):
        return data if isinstance(data, dict) else None
    if len(data) == 1 and isinstance(data[0], dict) and "text" in data[0] and "audio_url" not in data[0]:
        return data[0]
    return _clips_of(data)


def _clips_of(found: list[Any]) -> list[dict[str, Any]]:
    return [long_clip(clip) for clip in found if isinstance(clip, dict)]


def state_of_item(item: dict[str, Any]) -> State | None:
    """What it says of itself; nothing is complete without its result."""
    state = state_of(item.get("status") or item.get("state") or "")
    return "running" if state == "succeeded" and not has_result(item) else state


def has_result(item: dict[str, Any]) -> bool:
    """The sound or the film of a clip that has not failed, or what was written; a cover alone is nothing."""
    if state_of(item.get("status") or item.get("state") or "") == "failed":
        return False
    if any(_SOUND_OR_FILM.search(name) and is_address(name, value) for name, value in item.items()):
        return True
    return "audio_url" not in item and any(item.get(name) for name in WRITTEN)


def _joint_state(said: State | None, clips: Sequence[State | None]) -> State | None:
    """What the vendor says of the task, but for what its clips say otherwise."""
    if said in ("queued", "running"):
        return said
    if not clips:
        return said
    if said is None:
        return state_of_clips(clips)
    if said == "failed":
        return "succeeded" if "succeeded" in clips else "failed"
    return "failed" if all(state == "failed" for state in clips) else said


def state_of_clips(clips: Sequence[State | None]) -> State | None:
    """Of a task that has no word of its own: over when all its clips are."""
    if all(state in ("succeeded", "failed") for state in clips):
        return "succeeded" if "succeeded" in clips else "failed"
    if "running" in clips or "succeeded" in clips:
        return "running"
    return "queued" if "queued" in clips else None


def reason_of(items: Sequence[dict[str, Any]]) -> str:
    for item in items:
        metadata = item.get("metadata")
        found = item.get("error_message") or (
            metadata.get("error_message") if isinstance(metadata, dict) else ""
        )
        if found:
            return neutral(str(found))
    return ""


def _percent(text: Any) -> int | None:
    found = str(text if text is not None else "").strip().removesuffix("%")
    return int(found) if found.isdecimal() and found.isascii() and len(found) < 4 else None


# What went wrong


def _has_code(reply: Any) -> bool:
    return isinstance(reply, dict) and "code" in reply


def is_success(reply: Any) -> bool:
    """Some write the word in other letters, or a number, or a number as text."""
    return isinstance(reply, dict) and str(reply.get("code")).lower() in ("success", "ok", "1", "200")


def declined(status: int, reply: Any, action: str = "") -> Declined:
    """Money and keys are between us and the vendor; what is wrong with the request is the caller's."""
    reason = _reason(reply)
    if status in (401, 402, 403):
        return Declined("account", reason)
    if status == 429:
        return Declined("busy", reason)
    if status in (404, 405) or "invalid_action" in reason:
        return Declined("unable", f"this channel cannot do {action or 'that'}")
    if not 400 <= status < 500 or not isinstance(reply, dict):
        return Declined("vendor", reason or f"the vendor answered with status {status}")
    if not _has_code(reply):
        return Declined("request", reason, without_whereabouts(reply), status=status)
    code = reply["code"] if isinstance(reply["code"], str) else "invalid_request"
    answer = {**without_whereabouts(reply), "code": code, "message": reason, "data": None}
    return Declined("request", reason, answer, status=status)


def _reason(reply: Any) -> str:
    if not isinstance(reply, dict):
        return ""
    said = reply.get("message") or reply.get("detail") or reply.get("error") or ""
    if isinstance(said, dict):
        said = said.get("message") or ""
    return neutral(str(said))


vendor = ChatVendor(name="suno", base_url="", root="", paths={}, tasks=MappingProxyType({"suno": Gateway()}))
