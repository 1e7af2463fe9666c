"""Who plays what: the notes of each of the twelve parts of a score. Together they are the song."""

from collections.abc import Callable, Iterator

from pronghorn.sandbox.song.score import BEATS, Bar, Note, Score, clipped

KICK, SNARE, HAT, RISE = 36, 38, 42, 0
"""Notes of drums, percussion and effects; the last is no drum of MIDI's but a noise that grows."""

_LOUD = ("verse", "chorus")


def notes(score: Score) -> dict[str, list[Note]]:
    """The notes of every part; of some songs some parts are silent."""
    return {part: list(clipped(play(score), score.length_s)) for part, play in _PLAYERS.items()}


def _vocals(score: Score) -> Iterator[Note]:
    if score.is_sung:
        yield from score.melody


def _backing_vocals(score: Score) -> Iterator[Note]:
    """The chorus again, on the next note of the chord that is at least a third below."""
    for bar in _bars(score, "chorus"):
        for note in score.melody:
            if score.is_sung and bar.start_s <= note.start_s < bar.at(BEATS):
                below = next(
                    p for p in range(note.pitch - 3, note.pitch - 13, -1) if p % 12 in bar.chord.tones
                )
                yield Note(below, note.start_s, note.end_s, note.velocity // 2)


def _drums(score: Score) -> Iterator[Note]:
    for bar in _bars(score, *_LOUD):
        for beat, drum in ((0, KICK), (1, SNARE), (2, KICK), (2.5, KICK), (3, SNARE)):
            yield Note(drum, bar.at(beat), bar.at(beat + 0.5), 110)


def _percussion(score: Score) -> Iterator[Note]:
    for bar in _bars(score, *_LOUD):
        for half in range(2 * BEATS):
            yield Note(HAT, bar.at(half / 2), bar.at(half / 2 + 0.2), 60 + 30 * (half % 2))


def _bass(score: Score) -> Iterator[Note]:
    for bar in _bars(score, *_LOUD, "outro"):
        low = 36 + bar.chord.root
        for beat, step in ((0, 0), (1.5, 0), (2, 7), (3, 0)):
            yield Note(low + step, bar.at(beat), bar.at(beat + 0.8), 100)


def _keyboard(score: Score) -> Iterator[Note]:
    for bar in score.bars:
        for beat in (0, 2):
            for tone in bar.chord.tones:
                yield Note(60 + tone, bar.at(beat), bar.at(beat + 1.9), 70)


def _guitar(score: Score) -> Iterator[Note]:
    for bar in _bars(score, "intro", "verse"):
        root, third, fifth = bar.chord.tones
        for half, tone in enumerate((root, fifth, third, fifth) * 2):
            yield Note(48 + tone, bar.at(half / 2), bar.at(half / 2 + 0.9), 64)


def _strings(score: Score) -> Iterator[Note]:
    for bar in _bars(score, "chorus", "outro"):
        for tone in bar.chord.tones[::2]:
            yield Note(60 + tone, bar.at(0), bar.at(BEATS), 60)


def _synth(score: Score) -> Iterator[Note]:
    """The melody if nobody sings; else runs in the chorus."""
    if not score.is_sung:
        yield from score.melody
        return
    for bar in _bars(score, "chorus"):
        for half in range(2 * BEATS):
            yield Note(72 + bar.chord.tones[half % 3], bar.at(half / 2), bar.at(half / 2 + 0.4), 48)


def _effects(score: Score) -> Iterator[Note]:
    for bar, after in zip(score.bars, score.bars[1:], strict=False):
        if bar.section != after.section:
            yield Note(RISE, bar.at(2), bar.at(BEATS), 50)


def _brass(score: Score) -> Iterator[Note]:
    for bar in _bars(score, "chorus"):
        for tone in bar.chord.tones:
            yield Note(55 + (tone - 7) % 12, bar.at(0), bar.at(0.6), 56)


def _woodwinds(score: Score) -> Iterator[Note]:
    """An answer at the end of every fourth bar."""
    for bar in score.bars[3::4]:
        for beat, tone in ((3, bar.chord.tones[1]), (3.5, bar.chord.tones[2])):
            yield Note(72 + tone, bar.at(beat), bar.at(beat + 0.5), 64)


def _bars(score: Score, *sections: str) -> Iterator[Bar]:
    return (bar for bar in score.bars if bar.section in sections)


_PLAYERS: dict[str, Callable[[Score], Iterator[Note]]] = {
    "Vocals": _vocals,
    "Backing Vocals": _backing_vocals,
    "Drums": _drums,
    "Bass": _bass,
    "Guitar": _guitar,
    "Keyboard": _keyboard,
    "Percussion": _percussion,
    "Strings": _strings,
    "Synth": _synth,
    "FX": _effects,
    "Brass": _brass,
    "Woodwinds": _woodwinds,
}

PARTS = tuple(_PLAYERS)
VOCALS = frozenset({"Vocals", "Backing Vocals"})
INSTRUMENTS = frozenset(PARTS) - VOCALS
FRONT_FIRST = (
    "Vocals", "Synth", "Backing Vocals", "Woodwinds", "Brass", "Guitar", "Keyboard", "Strings", "Bass",
    "Drums", "Percussion", "FX",
)  # fmt: skip
"""Whom one would whistle after."""
