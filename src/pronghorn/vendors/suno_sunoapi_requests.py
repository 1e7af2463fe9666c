"""Requests to services in the style of sunoapi.org: Suno's words in theirs. What they have no words for is declined."""

from typing import Any

from pronghorn.vendors.suno import version_of
from pronghorn.vendors.suno_gcui import check_carried
from pronghorn.vendors.task import Declined, Parent, Submission
from pronghorn.wire.suno import CAMEL

SLIDERS = {
    "style_weight": "styleWeight",
    "weirdness_constraint": "weirdnessConstraint",
    "audio_weight": "audioWeight",
}
RENAMED = {"negative_tags": "negativeTags", "vocal_gender": "vocalGender", "persona_id": "personaId"}
CARRIED = frozenset(
    (
        *RENAMED,
        *(
            "gpt_description_prompt",
            "prompt",
            "tags",
            "title",
            "mv",
            "model",
            "make_instrumental",
            "metadata",
        ),
        *("task", "task_id", "generation_type", "continue_clip_id", "continue_at", "cover_clip_id"),
        *("artist_clip_id", "overpainting_clip_id", "underpainting_clip_id", "override_fields"),
    )
)


def music_request(wanted: Submission) -> tuple[str, dict[str, Any]]:
    """The path below `generate`, and the body. Raises `Declined`."""
    check_carried(wanted.body, CARRIED)
    body, task = wanted.body, wanted.body.get("task") or ""
    common = _common(wanted)
    words = {"prompt": body.get("prompt"), "style": body.get("tags"), "title": body.get("title")}
    said = {name: value for name, value in words.items() if value}
    clip = str(body.get("continue_clip_id") or "")
    match task:
        case "extend" | "":
            if clip:
                return "/extend", _extended(body, said, clip) | common
            return "", _new_song(body, said) | common
        case "artist_consistency":
            return "", _new_song(body, said) | common
        case "upload_extend":
            at = {"continueAt": body["continue_at"]} if body.get("continue_at") is not None else {}
            source = {"uploadUrl": _sound(wanted, clip), "defaultParamFlag": bool(said)}
            return "/upload-extend", source | _sung(body, said) | at | common
        case "cover":
            source = {"uploadUrl": _sound(wanted, str(body.get("cover_clip_id") or ""))}
            return "/upload-cover", source | _new_song(body, said) | common
        case "overpainting":
            source = {"uploadUrl": _sound(wanted, str(body.get("overpainting_clip_id") or ""))}
            return "/add-vocals", source | said | common
        case "underpainting":
            source = {"uploadUrl": _sound(wanted, str(body.get("underpainting_clip_id") or ""))}
            tags = {"tags": said.pop("style")} if "style" in said else {}
            return "/add-instrumental", source | said | tags | common
        case _:
            raise Declined("unable", f"this channel cannot do {task}")


def _common(wanted: Submission) -> dict[str, Any]:
    body, version = wanted.body, version_of(wanted)
    found: dict[str, Any] = {"model": CAMEL.get(version, version)}
    found |= {other: body[name] for name, other in RENAMED.items() if body.get(name)}
    metadata = body.get("metadata")
    sliders = metadata.get("control_sliders") if isinstance(metadata, dict) else None
    if isinstance(metadata, dict):
        check_carried(metadata, frozenset(("control_sliders",)))
    if isinstance(sliders, dict):
        check_carried(sliders, frozenset(SLIDERS))
        found |= {SLIDERS[name]: value for name, value in sliders.items() if value is not None}
    return found


def _new_song(body: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """With an idea the vendor writes the words; else they are given, and then it wants all of them."""
    if idea := body.get("gpt_description_prompt"):
        if said:
            raise Declined("unable", "this channel takes no tags or title beside gpt_description_prompt")
        return {"customMode": False, "instrumental": bool(body.get("make_instrumental")), "prompt": idea}
    if not (said.get("style") and said.get("title")):
        raise Declined("unable", "this channel wants tags and title beside a prompt")
    return {"customMode": True} | _sung(body, said)


def _sung(body: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Words, unless nobody sings."""
    is_instrumental = bool(body.get("make_instrumental")) or not said.get("prompt")
    return {"instrumental": is_instrumental} | said


def _extended(body: dict[str, Any], said: dict[str, Any], clip: str) -> dict[str, Any]:
    """Without words of its own the continuation keeps those of its source."""
    at = {"continueAt": body["continue_at"]} if body.get("continue_at") is not None else {}
    found = {"audioId": clip, "defaultParamFlag": bool(said or at)} | said | at
    return found | ({"instrumental": True} if body.get("make_instrumental") else {})


def _sound(wanted: Submission, clip_id: str) -> str:
    """Where the clip can be fetched: this vendor takes addresses, and no clips. Raises `Declined`."""
    for clip in _clips(wanted.parts.get(clip_id)):
        if clip.get("id") == clip_id and clip.get("audio_url"):
            return str(clip["audio_url"])
    raise Declined("unable", "this channel has no address of that clip")


def _clips(parent: Parent | None) -> list[dict[str, Any]]:
    data = parent.data if parent is not None else None
    return [clip for clip in data if isinstance(clip, dict)] if isinstance(data, list) else []


def clip_named(wanted: Submission) -> str:
    return str(wanted.body.get("clip_id") or "")


def song_of(wanted: Submission) -> dict[str, Any]:
    if wanted.parent is None or not wanted.parent.upstream_id:
        raise Declined("unable", "this channel knows songs by their task alone")
    return {"taskId": wanted.parent.upstream_id, "audioId": clip_named(wanted)}


def persona_request(wanted: Submission) -> dict[str, Any]:
    root = str(wanted.body.get("root_clip_id") or "")
    made = wanted.parts.get(root)
    if made is None or not made.upstream_id:
        raise Declined("unable", "this channel knows songs by their task alone")
    names = {name: wanted.body.get(name) or "" for name in ("name", "description")}
    return {"taskId": made.upstream_id, "audioId": root} | names
