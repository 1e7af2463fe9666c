"""What a request for a song says: `gen_params`, or the same fields at the top of the body."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from pronghorn.sandbox.song import words
from pronghorn.sandbox.song.fields import Shape, choice, flag, number, refusal, text
from pronghorn.sandbox.song.score import style_of
from pronghorn.sandbox.song.takes import Arranged, Composed, Joined, Take
from pronghorn.sandbox.song.tasks import Desk, Place

VENDOR = "udio"
MODES = ("regular", "precede", "continue", "inpaint", "remix")
LENGTHS_S = {"udio32-v1.5": 32.0, "udio130-v1.5": 130.0}
MIN_SECONDS, MAX_SECONDS = 0.1, 15 * 60.0
MAX_DEPTH = 40
MAX_CHARACTERS = 5_000

_PARTS_OF_ONE = (
    "song_section_start",
    "song_section_end",
    "lyrics_placement_start",
    "lyrics_placement_end",
    "prompt_strength",
    "lyrics_strength",
    "clarity_strength",
    "generation_quality",
)


@dataclass(frozen=True, slots=True)
class Params:
    """Checked; `source` is the song that a mode other than `regular` goes on from."""

    prompt: str
    lyrics: str
    lyrics_type: str
    seed: int
    mode: str
    length_s: float
    start: float
    end: float
    source: Place | None = None

    @property
    def sung(self) -> str:
        """The lyrics; empty for an instrumental."""
        if self.lyrics_type == "instrumental":
            return ""
        return self.lyrics if self.lyrics_type == "user" else words.write(self.prompt, str(self.seed)).text


def read(body: Shape, desk: Desk) -> Params:
    """Raises `SandboxError` that names the field."""
    given = body.get("gen_params", body)
    if not isinstance(given, dict):
        raise refusal("gen_params must be an object", param="gen_params")
    prompt = text(given, "prompt", most=MAX_CHARACTERS)
    if not prompt.strip():
        raise refusal("prompt_empty", param="prompt")
    parts = {name: number(given, name, high=1.0) for name in _PARTS_OF_ONE}
    flag(given, "bypass_prompt_optimization")
    text(given, "negative_prompt")
    model = choice(given, "model_type", tuple(LENGTHS_S), "udio32-v1.5")
    mode, source = _config(given, desk)
    params = Params(
        prompt=prompt,
        lyrics=text(given, "lyrics", most=MAX_CHARACTERS),
        lyrics_type=choice(given, "lyrics_type", ("generate", "user", "instrumental"), "generate"),
        seed=_seed(given),
        mode=mode,
        length_s=LENGTHS_S[model],
        start=parts["song_section_start"] or 0.0,
        end=1.0 if parts["song_section_end"] is None else parts["song_section_end"],
        source=source,
    )
    if params.lyrics_type == "user" and not params.lyrics:
        raise refusal("lyrics are empty, and lyrics_type is user", param="lyrics")
    return params


def take(params: Params, at: int) -> Take:
    """The sound of one of the songs of a call. Raises `SandboxError` for a song that gets too long."""
    said = f"{params.prompt}\n{params.lyrics}\n{params.seed}\n{params.mode}\n{at}"
    seed = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
    if params.source is None:
        return Composed(style_of(params.prompt), seed, params.length_s, bool(params.sung))
    before = params.source.clip.take
    if params.mode == "remix":
        style = replace(before.style, sound=f"remix {params.prompt} {at}")
        return Arranged(before, style, bool(params.sung))
    return _checked(_joined(params, before, seed))


def _joined(params: Params, before: Take, seed: str) -> Take:
    length_s = params.length_s
    if params.mode == "inpaint":
        start_s, end_s = params.start * before.length_s, params.end * before.length_s
        if start_s + MIN_SECONDS > end_s:
            raise refusal("song_section_start must be below song_section_end", param="song_section_start")
        new = Composed(before.style, seed, end_s - start_s, bool(params.sung), is_continuation=True)
        return Joined(before, start_s, new, end_s)
    new = Composed(before.style, seed, length_s, bool(params.sung), is_continuation=params.mode == "continue")
    if params.mode == "precede":
        return Joined(new, length_s, before)
    return Joined(before, before.length_s, new)


def _checked(made: Take) -> Take:
    if made.length_s > MAX_SECONDS:
        raise refusal(f"the song would be {made.length_s:g} seconds long, at most {MAX_SECONDS:g}")
    return made


def _config(given: Shape, desk: Desk) -> tuple[str, Place | None]:
    config: Any = given.get("config") or {}
    if not isinstance(config, dict):
        raise refusal("config must be an object", param="config")
    mode = choice(config, "mode", MODES, "regular")
    number(config, "context_length")
    if mode == "regular":
        return mode, None
    source: Any = config.get("source")
    if not isinstance(source, dict) or not text(source, "song_id"):
        raise refusal(f"config.source.song_id is required for the mode {mode}", param="config")
    choice(source, "source_type", ("song",), "song")
    found = desk.place(text(source, "song_id"), VENDOR)
    if found is None or found.stage(desk.now_s) != "complete":
        raise refusal(f"there is no finished song {source['song_id']!r}", param="config")
    if found.clip.take.depth >= MAX_DEPTH:
        raise refusal(f"this song has been reworked {MAX_DEPTH} times, which is the most", param="config")
    return mode, found


def _seed(given: Shape) -> int:
    value = given.get("seed", -1)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal("seed must be a whole number; -1 is random", param="seed")
    return value
