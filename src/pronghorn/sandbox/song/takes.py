"""What a clip sounds like, as a recipe of a few words: composed, recorded, joined, arranged anew, or a part of another.

A recipe is made at once; notes and samples are made when somebody asks for them, and are the same every time.
"""

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pronghorn.kit.later import Later
from pronghorn.sandbox.song import band
from pronghorn.sandbox.song.band import PARTS
from pronghorn.sandbox.song.score import Note, Score, Style, arrange, clipped, compose

if TYPE_CHECKING:
    import numpy as np

    from pronghorn.sandbox.modem import Signal
    from pronghorn.sandbox.song import ear, sound
else:
    np = Later("numpy")
    ear = Later("pronghorn.sandbox.song.ear")
    sound = Later("pronghorn.sandbox.song.sound")

ALL = frozenset(PARTS)
RATE = 24_000
"""Samples a second, as of all that the sandbox says."""

Read = Callable[[str], bytes]
"""Gives the bytes of an upload by its id; raises if they had to make room."""


class Take(Protocol):
    """A recipe. `depth` counts the takes that it was made from, one after the other."""

    @property
    def length_s(self) -> float: ...

    @property
    def style(self) -> Style: ...

    @property
    def is_sung(self) -> bool: ...

    @property
    def depth(self) -> int: ...

    def notes(self, read: Read) -> dict[str, list[Note]]:
        """What each part plays."""

    def melody(self, read: Read) -> tuple[Note, ...]:
        """What the part in front plays."""

    def sound(self, read: Read, parts: Set[str] = ALL) -> "Signal":
        """The samples of the chosen parts; those of single parts add up to those of all."""


@dataclass(frozen=True)
class Composed:
    """A song made from words."""

    style: Style
    seed: str
    length_s: float
    is_sung: bool
    is_continuation: bool = False
    depth: int = 0

    def score(self) -> Score:
        return compose(
            self.style,
            self.seed,
            self.length_s,
            is_sung=self.is_sung,
            is_continuation=self.is_continuation,
        )

    def notes(self, read: Read) -> dict[str, list[Note]]:
        return band.notes(self.score())

    def melody(self, read: Read) -> tuple[Note, ...]:
        return self.score().melody

    def sound(self, read: Read, parts: Set[str] = ALL) -> "Signal":
        return sound.render(self.score(), parts)


@dataclass(frozen=True)
class Recorded:
    """An upload. Nobody knows who plays what in it, so its parts are bands of its spectrum, one above the other."""

    file_id: str
    length_s: float
    style: Style
    is_sung: bool = True
    depth: int = 0

    def notes(self, read: Read) -> dict[str, list[Note]]:
        return {"Vocals": list(self.melody(read))}

    def melody(self, read: Read) -> tuple[Note, ...]:
        return ear.melody(read(self.file_id))

    def sound(self, read: Read, parts: Set[str] = ALL) -> "Signal":
        whole = ear.samples(read(self.file_id))
        if parts >= ALL:
            return whole
        spectrum = np.fft.rfft(whole)
        edges = np.geomspace(100, RATE / 2, len(PARTS)) * (2 * len(spectrum) / RATE)
        bands = np.searchsorted(edges, np.arange(len(spectrum)), side="right")
        wanted = np.isin(bands, [number for number, part in enumerate(_BY_HEIGHT) if part in parts])
        return np.asarray(np.fft.irfft(spectrum * wanted, len(whole)), np.float32)


_BY_HEIGHT = (
    "Bass", "Drums", "Keyboard", "Guitar", "Vocals", "Backing Vocals",
    "Woodwinds", "Brass", "Synth", "Strings", "Percussion", "FX",
)  # fmt: skip


@dataclass(frozen=True)
class Joined:
    """`first` up to `until_s`, then `second`; then `first` again from `again_s` on, if that is given."""

    first: Take
    until_s: float
    second: Take
    again_s: float | None = None

    @property
    def length_s(self) -> float:
        rest_s = 0.0 if self.again_s is None else self.first.length_s - self.again_s
        return self.until_s + self.second.length_s + rest_s

    @property
    def style(self) -> Style:
        return self.first.style

    @property
    def is_sung(self) -> bool:
        return self.first.is_sung or self.second.is_sung

    @property
    def depth(self) -> int:
        return 1 + max(self.first.depth, self.second.depth)

    def notes(self, read: Read) -> dict[str, list[Note]]:
        first, second = self.first.notes(read), self.second.notes(read)
        return {part: self._joined(first.get(part, ()), second.get(part, ())) for part in PARTS}

    def melody(self, read: Read) -> tuple[Note, ...]:
        return tuple(self._joined(self.first.melody(read), self.second.melody(read)))

    def sound(self, read: Read, parts: Set[str] = ALL) -> "Signal":
        first, second = self.first.sound(read, parts), self.second.sound(read, parts)
        rest = [] if self.again_s is None else [first[round(self.again_s * RATE) :]]
        return np.concatenate([first[: round(self.until_s * RATE)], second, *rest])

    def _joined(self, first: Iterable[Note], second: Iterable[Note]) -> list[Note]:
        """Times of what comes later are moved there."""
        first = list(first)
        notes = list(clipped(first, self.until_s))
        notes += [_later(note, self.until_s) for note in second]
        if self.again_s is not None:
            shift_s = self.until_s + self.second.length_s - self.again_s
            notes += [_later(note, shift_s) for note in first if note.start_s >= self.again_s]
        return notes


@dataclass(frozen=True)
class Arranged:
    """The melody of another take by a new band. With `adds` only those parts are new, and the take sounds on."""

    source: Take
    style: Style
    is_sung: bool
    adds: frozenset[str] = frozenset()

    @property
    def length_s(self) -> float:
        return self.source.length_s

    @property
    def depth(self) -> int:
        return 1 + self.source.depth

    def score(self, read: Read) -> Score:
        return arrange(self.melody(read), self.style, self.length_s, is_sung=self.is_sung)

    def melody(self, read: Read) -> tuple[Note, ...]:
        return self.source.melody(read)

    def notes(self, read: Read) -> dict[str, list[Note]]:
        new = band.notes(self.score(read))
        if not self.adds:
            return new
        old = self.source.notes(read)
        return {part: [*old.get(part, ()), *(new[part] if part in self.adds else ())] for part in PARTS}

    def sound(self, read: Read, parts: Set[str] = ALL) -> "Signal":
        if not self.adds:
            return sound.render(self.score(read), parts)
        old = self.source.sound(read, parts)
        new = sound.render(self.score(read), self.adds & parts)
        size = min(len(old), len(new))
        return (old[:size] + new[:size]) * np.float32(0.5)


@dataclass(frozen=True)
class Stem:
    """Some parts of another take, alone."""

    source: Take
    parts: frozenset[str]

    @property
    def length_s(self) -> float:
        return self.source.length_s

    @property
    def style(self) -> Style:
        return self.source.style

    @property
    def is_sung(self) -> bool:
        return self.source.is_sung

    @property
    def depth(self) -> int:
        return 1 + self.source.depth

    def notes(self, read: Read) -> dict[str, list[Note]]:
        return {part: notes for part, notes in self.source.notes(read).items() if part in self.parts}

    def melody(self, read: Read) -> tuple[Note, ...]:
        notes = self.notes(read)
        return tuple(next((notes[part] for part in band.FRONT_FIRST if notes.get(part)), ()))

    def sound(self, read: Read, parts: Set[str] = ALL) -> "Signal":
        return self.source.sound(read, self.parts & parts)


def _later(note: Note, shift_s: float) -> Note:
    return replace(note, start_s=note.start_s + shift_s, end_s=note.end_s + shift_s)
