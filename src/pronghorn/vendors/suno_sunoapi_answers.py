"""Answers of services in the style of sunoapi.org: codes, and the records of songs, lyrics and files."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pronghorn.vendors.task import Declined, Progress, State, Submission, neutral, state_of
from pronghorn.wire.suno import VERSIONS, made_of_clip, seconds

STATES: dict[str, State] = {
    "PENDING": "queued",
    "TEXT_SUCCESS": "running",
    "FIRST_SUCCESS": "running",
    "SUCCESS": "succeeded",
    "CREATE_TASK_FAILED": "failed",
    "GENERATE_AUDIO_FAILED": "failed",
    "GENERATE_LYRICS_FAILED": "failed",
    "GENERATE_WAV_FAILED": "failed",
    "GENERATE_MP4_FAILED": "failed",
    "SENSITIVE_WORD_ERROR": "failed",
}
_FAILED = re.compile(r"_(FAILED|ERROR)$")


class Record(NamedTuple):
    """Where a task is asked after, and the member of its answer that is its result."""

    path: str
    files: tuple[str, ...]
    shown: str


RECORDS: Mapping[str, Record] = MappingProxyType(
    {
        "lyrics": Record("/api/v1/lyrics/record-info", (), ""),
        "wav": Record("/api/v1/wav/record-info", ("audioWavUrl", "wavUrl"), "wav_file_url"),
        "mp4": Record("/api/v1/mp4/record-info", ("videoUrl",), "video_url"),
    }
)


def code_of(status: int, reply: dict[str, Any]) -> int:
    """Their own code counts: they answer most with a status of 200."""
    found = reply.get("code")
    return found if isinstance(found, int) and not isinstance(found, bool) else status


def data_of(status: int, reply: Any) -> dict[str, Any]:
    """Raises `Declined`."""
    code = code_of(status, reply) if isinstance(reply, dict) else status
    reason = neutral(str(reply.get("msg") or reply.get("message") or "")) if isinstance(reply, dict) else ""
    data = reply.get("data") if isinstance(reply, dict) else None
    if code == 200 and isinstance(data, dict):
        return data
    if code in (401, 402, 403) or (code == 429 and "credit" in reason.lower()):
        raise Declined("account", reason)
    if code in (405, 429, 430):
        raise Declined("busy", reason)
    if 400 <= code < 500 and code not in (404, 455):
        answer = {"code": "invalid_request", "message": reason, "data": None}
        raise Declined("request", reason, answer, status=400)
    raise Declined("vendor", reason or f"the vendor answered with code {code}")


def made_persona(wanted: Submission, data: dict[str, Any]) -> dict[str, Any]:
    found = data.get("personaId") or data.get("id")
    if not found:
        raise Declined("vendor", "the vendor did not say which persona it made")
    root = str(wanted.body.get("root_clip_id") or "")
    return {
        "id": str(found),
        "name": data.get("name") or wanted.body.get("name") or "",
        "description": data.get("description") or wanted.body.get("description") or "",
        "image_s3_id": "",
        "root_clip_id": root,
        "clip": {"id": root},
        "persona_clips": [],
        "user_display_name": "",
        "user_handle": "",
        "user_image_url": "",
    }


def _state(data: dict[str, Any]) -> State | None:
    word = str(data.get("status") or data.get("successFlag") or "")
    found = state_of(word, STATES)
    return "failed" if found is None and _FAILED.search(word) else found


def _reason(data: dict[str, Any]) -> str:
    return neutral(str(data.get("errorMessage") or data.get("status") or ""))


def song_progress(data: dict[str, Any]) -> Progress:
    """That their callback failed says nothing: a song with a file is there."""
    response = data.get("response")
    songs = response.get("sunoData") if isinstance(response, dict) else None
    clips = [clip_of(song) for song in songs or [] if isinstance(song, dict)]
    whole = [clip["status"] == "complete" for clip in clips]
    state = _state(data)
    if data.get("status") == "CALLBACK_EXCEPTION":
        state = "succeeded" if whole and all(whole) else "running"
    if state == "succeeded" and not any(whole):
        state = "running"
    if state == "succeeded":
        clips = [
            clip if is_whole else clip | {"status": "error"}
            for clip, is_whole in zip(clips, whole, strict=True)
        ]
    if state == "failed":
        clips = [clip | {"status": "error"} for clip in clips]
    return Progress(state, clips or None, None, _reason(data) if state == "failed" else "")


def clip_of(song: dict[str, Any]) -> dict[str, Any]:
    audio, stream = song.get("audioUrl") or "", song.get("streamAudioUrl") or ""
    model = str(song.get("modelName") or "")
    image = song.get("imageUrl") or ""
    return {
        "id": str(song.get("id") or ""),
        "title": song.get("title") or "",
        "status": "complete" if audio else "streaming" if stream else "submitted",
        "audio_url": audio or stream,
        "video_url": "",
        "image_url": image,
        "image_large_url": image,
        "model_name": model,
        "major_model_version": VERSIONS.get(model, ""),
        "created_at": song.get("createTime"),
        "metadata": {
            "tags": song.get("tags") or "",
            "prompt": song.get("prompt") or "",
            "gpt_description_prompt": None,
            "duration": seconds(song.get("duration")),
            "type": "gen",
            "audio_prompt_id": None,
            "error_type": None,
            "error_message": None,
        },
    }


def lyrics_progress(data: dict[str, Any]) -> Progress:
    """They write two; the first that is whole is the result, as there is one elsewhere."""
    state = _state(data)
    response = data.get("response")
    texts = response.get("data") if isinstance(response, dict) else None
    good = next((one for one in texts or [] if isinstance(one, dict) and one.get("text")), None)
    if data.get("status") == "CALLBACK_EXCEPTION" or state == "succeeded":
        state = "succeeded" if good is not None else "running"
    made = None
    if good is not None:
        title = good.get("title") or ""
        made = {
            "id": str(data.get("taskId") or ""),
            "status": "complete",
            "title": title,
            "text": good["text"],
        }
    return Progress(state, made, None, _reason(data) if state == "failed" else "")


def file_progress(act: str, clip_id: str, record: Record, data: dict[str, Any]) -> Progress:
    state = _state(data)
    response = data.get("response")
    found = (
        next((response[name] for name in record.files if response.get(name)), "")
        if isinstance(response, dict)
        else ""
    )
    if data.get("status") == "CALLBACK_EXCEPTION" or state == "succeeded":
        state = "succeeded" if found else "running"
    made = made_of_clip(act, clip_id, {record.shown: found}) if found else None
    return Progress(state, made, None, _reason(data) if state == "failed" else "")
