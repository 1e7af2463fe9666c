"""Answers of services in the style of sunoapi.org: codes, and the records of songs, lyrics and files."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pronghorn.vendors.suno import is_success
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
        "wav": Record("/api/v1/wav/record-info", ("audioWavUrl", "audio_wav_url", "wavUrl"), "wav_file_url"),
        "mp4": Record("/api/v1/mp4/record-info", ("videoUrl", "video_url"), "video_url"),
    }
)


def code_of(status: int, reply: Any) -> int:
    """Their own code counts, since they answer most with a status of 200; 0 if it is none."""
    if is_success(reply):
        return 200
    if not isinstance(reply, dict) or reply.get("code") is None:
        return status
    found = str(reply["code"])
    return int(found) if found.isdecimal() and found.isascii() and len(found) < 4 else 0


def data_of(status: int, reply: Any) -> dict[str, Any]:
    """Raises `Declined`."""
    code = code_of(status, reply)
    reason = neutral(str(reply.get("msg") or reply.get("message") or "")) if isinstance(reply, dict) else ""
    data = reply.get("data") if isinstance(reply, dict) else None
    if code == 200 and (data or is_success(reply)):
        return data if isinstance(data, dict) else {"taskId": data}
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


def _word(data: dict[str, Any]) -> str:
    """Records of files have a flag for it."""
    return str(data.get("status") or data.get("successFlag") or "")


def _state(data: dict[str, Any], *, is_there: bool, is_all_there: bool) -> State | None:
    """Nothing is made without its result; and that their callback failed says nothing of that."""
    word = _word(data).upper()
    if word == "CALLBACK_EXCEPTION":
        return "succeeded" if is_all_there else "running"
    found = state_of(word, STATES)
    if found is None and _FAILED.search(word):
        return "failed"
    return "running" if found == "succeeded" and not is_there else found


def _reason(data: dict[str, Any]) -> str:
    return neutral(str(data.get("errorMessage") or _word(data)))


def song_progress(data: dict[str, Any]) -> Progress:
    response = data.get("response")
    songs = response.get("sunoData") if isinstance(response, dict) else None
    clips = [clip_of(song) for song in songs if isinstance(song, dict)] if isinstance(songs, list) else []
    whole = [clip["status"] == "complete" for clip in clips]
    state = _state(data, is_there=any(whole), is_all_there=bool(whole) and all(whole))
    if state == "succeeded":
        clips = [
            clip if is_whole else clip | {"status": "error"}
            for clip, is_whole in zip(clips, whole, strict=True)
        ]
    if state == "failed":
        clips = [clip | {"status": "error"} for clip in clips]
    return Progress(state, clips or None, None, _reason(data) if state == "failed" else "")


def clip_of(song: dict[str, Any]) -> dict[str, Any]:
    audio = song.get("audioUrl") or song.get("sourceAudioUrl") or ""
    stream = song.get("streamAudioUrl") or song.get("sourceStreamAudioUrl") or ""
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
    response = data.get("response")
    texts = response.get("data") if isinstance(response, dict) else None
    texts = texts if isinstance(texts, list) else []
    good = next((one for one in texts if isinstance(one, dict) and one.get("text")), None)
    state = _state(data, is_there=good is not None, is_all_there=good is not None)
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
    response = data.get("response")
    response = response if isinstance(response, dict) else {}
    found = next((response[name] for name in record.files if response.get(name)), "")
    state = _state(data, is_there=bool(found), is_all_there=bool(found))
    made = made_of_clip(act, clip_id, {record.shown: found}) if found else None
    return Progress(state, made, None, _reason(data) if state == "failed" else "")
