"""Suno's public words: its versions by all their names, clips in their long form, and what is made of a clip."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

DEFAULT_VERSION = "chirp-auk"

VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "chirp-v3-0": "v3",
        "chirp-v3-5": "v3.5",
        "chirp-v4": "v4",
        "chirp-auk": "v4.5",
        "chirp-bluejay": "v4.5+",
        "chirp-auk-turbo": "v4.5-all",
        "chirp-crow": "v5",
        "chirp-fenix": "v5.5",
    }
)
"""As requests name a version, and as a clip reports it."""

CAMEL: Mapping[str, str] = MappingProxyType(
    {
        "chirp-v4": "V4",
        "chirp-auk": "V4_5",
        "chirp-bluejay": "V4_5PLUS",
        "chirp-auk-turbo": "V4_5ALL",
        "chirp-crow": "V5",
        "chirp-fenix": "V5_5",
    }
)
"""The names of sunoapi.org's kind."""

_ALIASES: dict[str, str] = {
    "chirp-v3": "chirp-v3-0",
    "chirp-v3.0": "chirp-v3-0",
    "chirp-v3.5": "chirp-v3-5",
    "chirp-v4-5": "chirp-auk",
    "chirp-v4.5": "chirp-auk",
    "chirp-v4-5+": "chirp-bluejay",
    "chirp-v4.5+": "chirp-bluejay",
    "chirp-v4-5-all": "chirp-auk-turbo",
    "chirp-v5": "chirp-crow",
    "chirp-v5-5": "chirp-fenix",
    "chirp-v5.5": "chirp-fenix",
    **{other.lower(): name for name, other in CAMEL.items()},
    **{major: name for name, major in VERSIONS.items()},
}


_FLAT = ("clip_id", "state", "prompt", "lyric", "tags", "duration")
"""Members of a flat clip that the long form has elsewhere, or not at all."""


def version(name: str) -> str:
    """A version by its first name; one that nobody knows yet stays as it is."""
    return _ALIASES.get(name.strip().lower(), name)


def is_version(name: str) -> bool:
    return version(name) in VERSIONS


def seconds(value: Any) -> float | None:
    """A duration, which some write as text."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def long_clip(clip: dict[str, Any]) -> dict[str, Any]:
    """A clip of the flat form with the members of the long one besides; any other as it is."""
    if isinstance(clip.get("metadata"), dict) or not any(name in clip for name in _FLAT):
        return clip
    status = str(clip.get("status") or clip.get("state") or "")
    has_failed = status.lower() in ("error", "failed")
    metadata = {
        "tags": clip.get("tags") or "",
        "prompt": clip.get("prompt") or clip.get("lyric") or "",
        "gpt_description_prompt": clip.get("gpt_description_prompt"),
        "duration": seconds(clip.get("duration")),
        "type": clip.get("type") or "gen",
        "audio_prompt_id": None,
        "error_type": None,
        "error_message": (clip.get("error_message") or clip.get("msg") or None) if has_failed else None,
    }
    clip_id = str(clip.get("clip_id") or clip.get("id") or "")
    return {**clip, "id": clip_id, "status": "error" if has_failed else status, "metadata": metadata}


def made_of_clip(act: str, clip_id: str, answer: Any) -> dict[str, Any]:
    """The data of a task that made something of a clip and was over at once."""
    return {"act": act, "clip_id": clip_id, "answer": answer}


def name_of_act(act: str, clip_id: str) -> str:
    """What was made of a clip is found again by this name."""
    return f"{act}/{clip_id}"
