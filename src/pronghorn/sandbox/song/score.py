"""A song as notes: key, tempo, chords and melody, made from words alone, so that the same words are the same song."""

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

BEATS = 4
"""Of a bar."""

_KEY = re.compile(r"\b([a-g])(#|b| sharp| flat)?[ -](major|minor)\b")
_BPM = re.compile(r"\b(\d{2,3})\s*bpm\b")
_PITCH_CLASS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTAL = {"#": 1, " sharp": 1, "b": -1, " flat": -1}
_DARK = "sad dark night rain rainy melancholy lonely lost metal gothic noir blues cold minor"
_BRIGHT = "happy bright sun sunny summer pop joyful funny birthday love children major"
_SLOW = "slow ballad lullaby ambient sleep calm lo-fi lofi chill meditation drone"
_FAST = "fast dance techno metal punk rave energetic house drum'n'bass party running"

_MAJOR, _MINOR = (0, 2, 4, 7, 9), (0, 3, 5, 7, 10)
"""The five notes of a scale that never clash."""
_PROGRESSIONS = {
    False: (
        ((0, 0), (7, 0), (9, 1), (5, 0)),
        ((0, 0), (9, 1), (5, 0), (7, 0)),
        ((0, 0), (5, 0), (0, 0), (7, 0)),
    ),
    True: (
        ((0, 1), (8, 0), (3, 0), (10, 0)),
        ((0, 1), (5, 1), (10, 0), (3, 0)),
        ((0, 1), (10, 0), (8, 0), (10, 0)),
    ),
}
"""Chords by their distance from the key and whether they are minor, for a major and a minor key."""
_RHYTHMS = (
    ((0, 1), (1, 0.5), (1.5, 0.5), (2, 1), (3, 1)),
    ((0, 1.5), (1.5, 0.5), (2, 2)),
    ((0, 0.5), (0.5, 0.5), (1, 1), (2.5, 0.5), (3, 1)),
    ((0.5, 0.5), (1, 1), (2, 0.5), (2.5, 0.5), (3, 0.5)),
)
"""A bar of melody: where notes begin and how long they are, in beats."""
_LOWEST, _HIGHEST = 57, 79
"""What can be sung, as MIDI has it: A3 to G5."""


@dataclass(frozen=True, slots=True)
class Note:
    """Pitch and velocity as MIDI has them; drums are numbered as its percussion is."""

    pitch: int
    start_s: float
    end_s: float
    velocity: int = 96


@dataclass(frozen=True, slots=True)
class Chord:
    """`root` counts half tones above C."""

    root: int
    is_minor: bool

    @property
    def tones(self) -> tuple[int, int, int]:
        return self.root, (self.root + 4 - self.is_minor) % 12, (self.root + 7) % 12


@dataclass(frozen=True, slots=True)
class Bar:
    """Four beats of one chord."""

    start_s: float
    beat_s: float
    chord: Chord
    section: str
    """`intro`, `verse`, `chorus` or `outro`."""

    def at(self, beat: float) -> float:
        return self.start_s + beat * self.beat_s


@dataclass(frozen=True, slots=True)
class Style:
    """What stays the same through a song and its continuations. `sound` are the words that choose instruments,
    `voice` those that choose who sings, if it is somebody in particular."""

    key: int
    is_minor: bool
    bpm: int
    sound: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """All that the band needs to know."""

    length_s: float
    bars: tuple[Bar, ...]
    melody: tuple[Note, ...]
    style: Style
    is_sung: bool


def style_of(words: str) -> Style:
    """Key and tempo as the words say them, else as their mood suggests."""
    text = words.lower()
    chance = random.Random(f"style {text}")
    found = set(re.findall(r"[\w'-]+", text))
    is_minor = _has(found, _DARK) or (not _has(found, _BRIGHT) and chance.random() < 0.5)
    key = chance.randrange(12)
    if named := _KEY.search(text):
        key = (_PITCH_CLASS[named[1]] + _ACCIDENTAL.get(named[2] or "", 0)) % 12
        is_minor = named[3] == "minor"
    low, high = (62, 80) if _has(found, _SLOW) else (126, 150) if _has(found, _FAST) else (86, 122)
    bpm = chance.randrange(low, high)
    if told := _BPM.search(text):
        bpm = min(max(int(told[1]), 40), 240)
    return Style(key, is_minor, bpm, text)


def _has(found: set[str], words: str) -> bool:
    return not found.isdisjoint(words.split())


def compose(
    style: Style, seed: str, length_s: float, *, is_sung: bool, is_continuation: bool = False
) -> Score:
    """A new song; a continuation has no beginning of its own."""
    chance = random.Random(seed)
    chords = [Chord((style.key + step) % 12, bool(minor)) for step, minor in _progression(style, chance)]
    beat_s = 60 / style.bpm
    names = _sections(math.ceil(length_s / (BEATS * beat_s)), has_intro=not is_continuation)
    bars = tuple(
        Bar(number * BEATS * beat_s, beat_s, chords[number % len(chords)], section)
        for number, section in enumerate(names)
    )
    return Score(length_s, bars, tuple(clipped(_melody(style, bars, chance), length_s)), style, is_sung)


def arrange(melody: tuple[Note, ...], style: Style, length_s: float, *, is_sung: bool) -> Score:
    """A score around a melody that is there already: each bar gets the chord that fits its notes best."""
    beat_s = 60 / style.bpm
    bars: list[Bar] = []
    for number in range(math.ceil(length_s / (BEATS * beat_s))):
        start_s = number * BEATS * beat_s
        before = bars[-1].chord if bars else Chord(style.key, style.is_minor)
        chord = _fitting(melody, start_s, start_s + BEATS * beat_s, before)
        bars.append(Bar(start_s, beat_s, chord, "chorus" if number // 4 % 2 else "verse"))
    return Score(length_s, tuple(bars), melody, style, is_sung)


def clipped(notes: Iterator[Note] | list[Note], length_s: float) -> Iterator[Note]:
    """What of the notes lies within the first `length_s` seconds."""
    for note in notes:
        if note.start_s < length_s:
            yield note if note.end_s <= length_s else replace(note, end_s=length_s)


def _progression(style: Style, chance: random.Random) -> tuple[tuple[int, int], ...]:
    return chance.choice(_PROGRESSIONS[style.is_minor])


def _sections(count: int, *, has_intro: bool) -> list[str]:
    """A name for each bar: four of verse and four of chorus in turn, between a short beginning and end."""
    intro = max(1, count // 12) if has_intro and count > 3 else 0
    outro = max(1, count // 12) if count > 3 else 0
    middle = ["chorus" if number // 4 % 2 else "verse" for number in range(count - intro - outro)]
    return ["intro"] * intro + middle + ["outro"] * outro


def _melody(style: Style, bars: tuple[Bar, ...], chance: random.Random) -> Iterator[Note]:
    """A walk over the scale in the rhythm of its section, on a note of the chord at the beginning of each bar."""
    scale = [
        pitch
        for pitch in range(_LOWEST, _HIGHEST + 1)
        if (pitch - style.key) % 12 in (_MINOR if style.is_minor else _MAJOR)
    ]
    rhythms = {section: chance.sample(_RHYTHMS, 2) for section in ("verse", "chorus", "outro")}
    for number, bar in enumerate(bars):
        if bar.section == "intro":
            continue
        place = chance.randrange(len(scale) // 2)
        if bar.section == "chorus":
            place += len(scale) // 3
        for beat, beats in rhythms[bar.section][number % 2]:
            place = min(max(place + chance.choice((-2, -1, -1, 0, 1, 1, 2)), 0), len(scale) - 1)
            pitch = _nearest(scale[place], bar.chord) if beat == 0 else scale[place]
            yield Note(pitch, bar.at(beat), bar.at(beat + 0.92 * beats), chance.randrange(84, 112))


def _nearest(pitch: int, chord: Chord) -> int:
    """The note of the chord that is next to `pitch`."""
    return min(
        (pitch + step for step in range(-6, 7) if (pitch + step) % 12 in chord.tones),
        key=lambda other: abs(other - pitch),
    )


def _fitting(melody: tuple[Note, ...], start_s: float, end_s: float, before: Chord) -> Chord:
    weights = [0.0] * 12
    for note in melody:
        overlap_s = min(note.end_s, end_s) - max(note.start_s, start_s)
        if overlap_s > 0:
            weights[note.pitch % 12] += overlap_s
    if not any(weights):
        return before
    chords = [before, *(Chord(root, minor) for root in range(12) for minor in (False, True))]
    return max(chords, key=lambda chord: sum(weights[tone] for tone in chord.tones))
