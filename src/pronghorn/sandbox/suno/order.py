"""What a music request wants, and the clips that come of it: two songs, or a stem for each part."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from pronghorn.sandbox.song import band, words
from pronghorn.sandbox.song.fields import Shape, refusal
from pronghorn.sandbox.song.score import style_of
from pronghorn.sandbox.song.takes import Arranged, Composed, Joined, Stem, Take
from pronghorn.sandbox.song.tasks import Clip, Desk, Place
from pronghorn.sandbox.suno import models

VENDOR, SUNOAPI = "suno", "sunoapi"
"""Whose a task is. Clips of either can be worked on by both."""
SECONDS = 30.0
"""Of a song that is made from words; a continuation is as long."""
MIN_SECONDS, MAX_SECONDS = 0.1, 8 * 60.0
MAX_DEPTH = 40
CLIPS = 2
STEMS = {
    "two": {"Vocals": band.VOCALS, "Instrumental": band.INSTRUMENTS},
    "twelve": {part: frozenset({part}) for part in band.PARTS},
}


@dataclass(frozen=True, slots=True)
class Order:
    """The words of a request, whatever dialect it came in. `idea` leaves the lyrics to the vendor."""

    idea: str = ""
    lyrics: str = ""
    tags: str = ""
    negative_tags: str = ""
    title: str = ""
    model: str = models.DEFAULT
    is_instrumental: bool = False

    @property
    def is_sung(self) -> bool:
        return not self.is_instrumental and bool(self.lyrics or self.idea)


def songs(order: Order, *, voice: str = "", **shown: Any) -> list[Clip]:
    """New songs from words."""
    style = replace(style_of(f"{order.tags} {order.idea}"), voice=voice)
    takes = (Composed(style, _seed(order, n), SECONDS, order.is_sung) for n in range(CLIPS))
    return [_clip(order, take, shown) for take in takes]


def continuations(order: Order, source: Place, at_s: float | None, kind: str = "extend") -> list[Clip]:
    """Only what comes after `at_s` of the source: `whole` is both together."""
    before = _reworkable(source.clip.take)
    until_s = min(at_s or before.length_s, before.length_s)
    _check_length(until_s + SECONDS)
    made = []
    for n in range(CLIPS):
        seed = f"{kind} {until_s} {_seed(order, n)}"
        take = Composed(before.style, seed, SECONDS, order.is_sung, is_continuation=True)
        clip = _clip(_inheriting(order, source.clip), take, _from(source, kind, continue_at=until_s))
        clip.whole = Joined(before, until_s, take)
        made.append(clip)
    return made


def replacements(order: Order, source: Place, start_s: float, end_s: float) -> list[Clip]:
    """Something else for a window of the source, as long as that."""
    before = _reworkable(source.clip.take)
    if not start_s + MIN_SECONDS <= end_s <= before.length_s + 0.01:
        raise refusal(f"infill_start_s and infill_end_s must be a window of 0 to {before.length_s:g}")
    end_s = min(end_s, before.length_s)
    made = []
    for n in range(CLIPS):
        seed = f"infill {start_s} {_seed(order, n)}"
        take = Composed(before.style, seed, end_s - start_s, order.is_sung, is_continuation=True)
        shown = _from(source, "infill", infill=True, infill_start_s=start_s, infill_end_s=end_s)
        clip = _clip(_inheriting(order, source.clip), take, shown)
        clip.whole = Joined(before, start_s, take, end_s)
        made.append(clip)
    return made


def covers(
    order: Order, source: Place, kind: str = "cover", adds: frozenset[str] = frozenset()
) -> list[Clip]:
    """The source's melody by another band; with `adds` those parts come to what is there."""
    clip, before = source.clip, _reworkable(source.clip.take)
    has_voice = before.is_sung or bool(order.lyrics or order.idea or adds & band.VOCALS)
    own = order if order.lyrics or order.idea else replace(order, lyrics=clip.lyrics)
    made = []
    for n in range(CLIPS):
        style = replace(before.style, sound=f"{kind} {order.tags} {order.title} {n}")
        take = Arranged(before, style, has_voice and not order.is_instrumental, adds)
        made.append(_clip(_inheriting(own, clip), take, _from(source, kind, is_remix=True)))
    return made


def stems(order: Order, source: Place, kind: str, **shown: Any) -> list[Clip]:
    """The source's parts, alone; their mix is the source."""
    before, clip = _reworkable(source.clip.take), source.clip
    made = []
    for name, parts in STEMS[kind].items():
        own = replace(
            order, title=f"{order.title or clip.title} ({name})", tags=clip.tags, lyrics=clip.lyrics
        )
        more = _from(source, "gen_stem", stem_from_id=clip.id, **shown)
        made.append(_clip(own, Stem(before, parts), more))
    return made


def joined(source: Place) -> Clip:
    """The continuation with what it continues. Raises `SandboxError` if it continues nothing."""
    clip = source.clip
    if clip.whole is None:
        raise refusal("only clips that continue another one can be joined with it", param="clip_id")
    _check_length(clip.whole.length_s)
    shown = {"type": "concat", "concat_history": [*clip.shown.get("history", ()), {"id": clip.id}]}
    return Clip(_reworkable(clip.whole), clip.title, clip.tags, clip.lyrics, clip.model, shown)


def place(desk: Desk, clip_id: str, name: str) -> Place:
    """The clip that a field names. Raises `SandboxError`."""
    found = desk.place(clip_id, VENDOR, SUNOAPI)
    if found is None:
        raise refusal(f"{name}: there is no clip {clip_id!r}" if clip_id else f"{name} is empty", param=name)
    return found


def source(desk: Desk, clip_id: str, name: str) -> Place:
    """A clip to work on, which has not failed. Raises `SandboxError`."""
    found = place(desk, clip_id, name)
    if found.stage(desk.now_s) == "error":
        raise refusal(f"{name}: the clip has failed", param=name)
    return found


def _clip(order: Order, take: Take, shown: Shape) -> Clip:
    written = words.write(order.idea) if order.idea and not order.is_instrumental else None
    more = {
        "gpt_description_prompt": order.idea or None,
        "negative_tags": order.negative_tags,
        "make_instrumental": order.is_instrumental,
    }
    return Clip(
        take,
        order.title or words.title(order.idea or order.tags),
        order.tags or words.tags(order.idea),
        written.text if written else order.lyrics,
        order.model,
        more | shown,
    )


def _seed(order: Order, number: int) -> str:
    said = (order.idea, order.lyrics, order.tags, order.negative_tags, order.title, str(number))
    return hashlib.sha256("\n".join(said).encode("utf-8", "replace")).hexdigest()


def _inheriting(order: Order, clip: Clip) -> Order:
    return replace(order, title=order.title or clip.title, tags=order.tags or clip.tags)


def _from(source: Place, kind: str, **shown: Any) -> Shape:
    """What a clip tells of its source."""
    at_s = shown.pop("continue_at", None)
    history = {"history": [{"id": source.clip.id, "continue_at": at_s}]} if at_s is not None else {}
    return {"task": kind, "audio_prompt_id": source.clip.id} | history | shown


def _reworkable(take: Take) -> Take:
    if take.depth >= MAX_DEPTH:
        raise refusal(f"this song has been reworked {take.depth} times, which is the most")
    return take


def _check_length(seconds: float) -> None:
    if seconds > MAX_SECONDS:
        raise refusal(f"the song would be {seconds:g} seconds long, at most {MAX_SECONDS:g}")
