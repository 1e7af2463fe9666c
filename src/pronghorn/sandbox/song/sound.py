"""Notes become sound: each part has a wave of its own, drums are bent tones and noise. All of it is deterministic."""

import math
import random
from collections.abc import Set
from functools import lru_cache

import numpy as np

from pronghorn.sandbox.modem import OUT_RATE, Signal
from pronghorn.sandbox.song import band
from pronghorn.sandbox.song.score import Note, Score

PEAK = 0.8
"""How loud the loudest moment of a song is, of 1."""

_TABLE = 4096
_FADE_IN_S, _FADE_OUT_S = 0.02, 2.5
_RELEASE_S = 0.03

_OVERTONES: dict[str, tuple[float, ...]] = {
    "Vocals": (1.0, 0.7, 0.5, 0.1, 0.25, 0.1),
    "Backing Vocals": (1.0, 0.5, 0.3, 0.1),
    "Bass": (1.0, 0.5, 0.25, 0.1),
    "Guitar": (1.0, 0.6, 0.4, 0.3, 0.15, 0.1),
    "Keyboard": (1.0, 0.4, 0.1, 0.05),
    "Strings": (1.0, 0.5, 0.33, 0.25, 0.2, 0.16),
    "Synth": (1.0, 0.0, 0.33, 0.0, 0.2, 0.0, 0.14),
    "Brass": (1.0, 0.9, 0.7, 0.5, 0.3, 0.2),
    "Woodwinds": (1.0, 0.1, 0.4, 0.05, 0.2),
}
_GAINS = {"Vocals": 1.0, "Bass": 0.8, "Drums": 0.9, "Percussion": 0.25, "FX": 0.25}
_FADING_PER_S = {"Bass": 2.0, "Guitar": 5.0, "Keyboard": 2.5, "Brass": 4.0, "Synth": 1.0}
"""How fast a note dies away; those of other parts are held."""


def render(score: Score, parts: Set[str] = frozenset(band.PARTS)) -> Signal:
    """The chosen parts, as loud as they are in the whole song: the sounds of all parts add up to it."""
    size = round(score.length_s * OUT_RATE)
    wanted, rest = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for part, notes in band.notes(score).items():
        target = wanted if part in parts else rest
        style = score.style
        _play(target, part, notes, style.voice if style.voice and part in band.VOCALS else style.sound)
    edge = _edges(size)
    loudest = float(np.max(np.abs((wanted + rest) * edge), initial=0.0))
    return np.asarray(wanted * edge * (PEAK / loudest if loudest else 0.0), np.float32)


def frequency(pitch: int) -> float:
    """In hertz; 69 is the A of 440."""
    return float(440.0 * 2 ** ((pitch - 69) / 12))


def _play(target: Signal, part: str, notes: list[Note], sound: str) -> None:
    gain = _GAINS.get(part, 0.4)
    for note in notes:
        start, end = round(note.start_s * OUT_RATE), min(round(note.end_s * OUT_RATE), len(target))
        if end > start:
            wave = (
                _hit(note.pitch, end - start)
                if part not in _OVERTONES
                else _tone(part, note, end - start, sound)
            )
            target[start:end] += wave * np.float32(gain * note.velocity / 127)


def _tone(part: str, note: Note, size: int, sound: str) -> Signal:
    table, attack_s, vibrato = _instrument(part, sound)
    time = np.arange(size, dtype=np.float32) / OUT_RATE
    phase = frequency(note.pitch) * time
    if vibrato:
        phase += vibrato * np.sin(2 * np.pi * 5.5 * time)
    wave = table[(phase * _TABLE).astype(np.int32) & (_TABLE - 1)]
    ends = np.minimum(time / attack_s, time[::-1] / _RELEASE_S)
    loudness = np.minimum(ends, 1.0)
    if fading := _FADING_PER_S.get(part):
        loudness *= np.exp(-fading * time)
    return np.asarray(wave * loudness, np.float32)


@lru_cache(maxsize=256)
def _instrument(part: str, sound: str) -> tuple[Signal, float, float]:
    """One swing of its wave, how fast it speaks, and how much it sways. The words of `sound` colour all three."""
    chance = random.Random(f"{part} {sound}")
    angle = 2 * np.pi * np.arange(_TABLE) / _TABLE
    wave = np.zeros(_TABLE)
    for number, strength in enumerate(_OVERTONES[part], 1):
        colour = 1.0 if number == 1 else chance.uniform(0.1, 2.5)
        wave += strength * colour * np.sin(number * angle)
    wave /= math.sqrt(float(np.mean(wave**2))) * 2
    sways = part in ("Vocals", "Backing Vocals", "Strings", "Woodwinds")
    return wave.astype(np.float32), chance.uniform(0.005, 0.05), chance.uniform(0.1, 0.25) if sways else 0.0


@lru_cache(maxsize=16)
def _noise(size: int) -> Signal:
    return np.random.default_rng(size).uniform(-1.0, 1.0, size).astype(np.float32)


def _hit(drum: int, size: int) -> Signal:
    time = np.arange(size, dtype=np.float32) / OUT_RATE
    if drum == band.KICK:
        return np.asarray(
            np.sin(2 * np.pi * (45 * time + 3.5 * (1 - np.exp(-30 * time)))) * np.exp(-9 * time)
        )
    if drum == band.RISE:
        return np.asarray(_noise(size) * (time / max(float(time[-1]), 1e-6)) ** 2)
    if drum == band.HAT:
        return np.asarray(np.diff(_noise(size), prepend=np.float32(0)) * np.exp(-45 * time))
    return np.asarray((_noise(size) + np.sin(2 * np.pi * 190 * time)) * np.exp(-18 * time) * 0.6)


def _edges(size: int) -> Signal:
    """Soft at the beginning, fading away at the end; of a short song never more than a fourth."""
    time = np.arange(size, dtype=np.float32) / OUT_RATE
    length_s = size / OUT_RATE
    fade_out_s = min(_FADE_OUT_S, length_s / 4)
    edge = np.minimum(time / _FADE_IN_S, (length_s - time) / max(fade_out_s, 1e-6))
    return np.asarray(np.clip(edge, 0.0, 1.0), np.float32)
