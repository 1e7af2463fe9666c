"""Suno by gcui-art's open server: it knows clips and no tasks, so a task's id there is the ids of its clips.

Its credential is the cookie of a Suno account; a word that is none leaves it to the cookie of its own settings.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from pronghorn.vendors.base import ChatVendor, Header
from pronghorn.vendors.suno import reason_of, state_of_clips, state_of_item, version_of
from pronghorn.vendors.task import Accepted, Ask, Declined, Progress, Submission, TaskAdapter, neutral
from pronghorn.wire.suno import VERSIONS, long_clip, made_of_clip, seconds

BATCH = 10
WORDS = ("prompt", "tags", "negative_tags", "title")
CARRIED = frozenset(
    (
        *(*WORDS, "gpt_description_prompt", "make_instrumental", "mv", "task", "task_id", "generation_type"),
        *("continue_clip_id", "continue_at", "clip_id", "is_infill", "model"),
        *("stem_task", "stem_type_id", "stem_type_group_name"),
    )
)
"""Members of a body that it has words for, or that say nothing to it."""


class Server(TaskAdapter):
    batch = BATCH
    actions = frozenset(("music", "lyrics", "concat", "timing"))

    def submit(self, wanted: Submission) -> Ask:
        body = wanted.body
        check_carried(body, CARRIED)
        match wanted.action:
            case "lyrics":
                return Ask("POST", "/api/generate_lyrics", {"prompt": body["prompt"]})
            case "concat":
                return Ask("POST", "/api/concat", {"clip_id": body["clip_id"]})
            case "timing":
                return Ask("GET", f"/api/get_aligned_lyrics?song_id={quote(str(body['clip_id']), safe='')}")
            case _:
                return _music(wanted)

    def accepted(self, wanted: Submission, status: int, reply: Any) -> Accepted:
        if status != 200:
            raise _declined(status, reply)
        if wanted.action == "timing":
            words = reply.get("aligned_words") if isinstance(reply, dict) else reply
            if not isinstance(words, list):
                raise Declined("vendor", "the vendor gave no times of words")
            answer = {"aligned_words": words}
            return Accepted("", "succeeded", made_of_clip("timing", str(wanted.body["clip_id"]), answer))
        if wanted.action == "lyrics":
            return _lyrics(wanted, reply)
        clips = reply if isinstance(reply, list) else [reply]
        found = [clip_of(clip) for clip in clips if isinstance(clip, dict) and clip.get("id")]
        if not found:
            raise Declined("vendor", _reason(reply) or "the vendor named no clips")
        return Accepted(",".join(str(clip["id"]) for clip in found), data=found)

    def poll(self, upstream_ids: Sequence[str]) -> Ask:
        return Ask("GET", f"/api/get?ids={quote(','.join(upstream_ids), safe=',')}")

    def progress(self, upstream_ids: Sequence[str], status: int, reply: Any) -> dict[str, Progress]:
        if status != 200 or not isinstance(reply, list):
            raise ValueError(f"no list of clips (status {status})")
        listed = [clip for clip in reply if isinstance(clip, dict) and clip.get("id")]
        known = {str(clip["id"]): clip_of(clip) for clip in listed}
        found = {}
        for upstream_id in upstream_ids:
            clips = [known[one] for one in upstream_id.split(",") if one in known]
            if clips:
                found[upstream_id] = _progress(clips)
        return found


def check_carried(body: dict[str, Any], carried: frozenset[str]) -> None:
    """What would be lost on the way is asked of another channel. Raises `Declined`."""
    lost = sorted(
        name for name, value in body.items() if value not in (None, "", [], {}) and name not in carried
    )
    if lost:
        raise Declined("unable", f"this channel cannot carry {', '.join(lost)}")


def _music(wanted: Submission) -> Ask:
    body = wanted.body
    task, clip = body.get("task") or "", body.get("continue_clip_id")
    if task == "gen_stem" and body.get("stem_task", "two") == "two":
        return Ask("POST", "/api/generate_stems", {"audio_id": clip})
    if task not in ("", "extend", "upload_extend") or (task and not clip):
        raise Declined("unable", f"this channel cannot do {task}")
    common = {"model": version_of(wanted), "wait_audio": False}
    words = {name: body[name] for name in WORDS if body.get(name) is not None}
    if clip:
        at = {"continue_at": body["continue_at"]} if body.get("continue_at") is not None else {}
        return Ask("POST", "/api/extend_audio", {"audio_id": clip} | words | at | common)
    common["make_instrumental"] = bool(body.get("make_instrumental"))
    if idea := body.get("gpt_description_prompt"):
        if set(words) - {"prompt"}:
            raise Declined("unable", "this channel takes no tags or title beside gpt_description_prompt")
        return Ask("POST", "/api/generate", {"prompt": idea} | common)
    return Ask("POST", "/api/custom_generate", words | common)


def _lyrics(wanted: Submission, reply: Any) -> Accepted:
    """They are there at once."""
    if not isinstance(reply, dict) or not reply.get("text"):
        raise Declined("vendor", _reason(reply) or "the vendor wrote nothing")
    made = {
        "id": wanted.task_id,
        "status": "complete",
        "title": reply.get("title") or "",
        "text": reply["text"],
    }
    return Accepted("", "succeeded", made)


def clip_of(info: dict[str, Any]) -> dict[str, Any]:
    """An `audio_info` as a clip; the raw clip of a concat is one already. Their account is not ours to show."""
    if isinstance(info.get("metadata"), dict):
        return long_clip(info)
    flat = {name: value for name, value in info.items() if name not in ("lyric", "duration", "error_message")}
    clip = long_clip({"tags": ""} | info)
    model = str(info.get("model_name") or "")
    more = {
        "metadata": clip["metadata"] | {"prompt": info.get("lyric") or info.get("prompt") or ""},
        "image_url": info.get("image_url") or "",
        "audio_url": info.get("audio_url") or "",
        "video_url": info.get("video_url") or "",
        "major_model_version": VERSIONS.get(model, ""),
        "duration": seconds(info.get("duration")),
    }
    if info.get("stem_from_id"):
        more["metadata"]["stem_from_id"] = info["stem_from_id"]
    return flat | {"id": str(info["id"]), "status": clip["status"]} | more


def _progress(clips: list[dict[str, Any]]) -> Progress:
    words = [state_of_item(clip) for clip in clips]
    return Progress(state_of_clips(words), clips, None, reason_of(clips) if "failed" in words else "")


def _declined(status: int, reply: Any) -> Declined:
    reason = _reason(reply)
    if status in (401, 402, 403):
        return Declined("account", reason)
    if status == 429:
        return Declined("busy", reason)
    if status == 400:
        answer = {"code": "invalid_request", "message": reason, "data": None}
        return Declined("request", reason, answer, status=status)
    return Declined("vendor", reason or f"the vendor answered with status {status}")


def _reason(reply: Any) -> str:
    said = (reply.get("error") or reply.get("detail")) if isinstance(reply, dict) else None
    return neutral(str(said)) if said else ""


vendor = ChatVendor(
    name="suno_gcui",
    base_url="",
    root="",
    auth=Header("cookie"),
    paths={},
    tasks=MappingProxyType({"suno": Server()}),
)
