"""Listening to a recording: its samples, its length, and the melody that stands out of it."""

from typing import TYPE_CHECKING

from pronghorn.kit.later import Later
from pronghorn.sandbox.song.score import Note

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pronghorn.sandbox import modem, soundfile
    from pronghorn.sandbox.modem import Signal
else:
    np = Later("numpy")
    modem = Later("pronghorn.sandbox.modem")
    soundfile = Later("pronghorn.sandbox.soundfile")

_STEP_S = 0.125
_PIECE = 4096
"""Of the spectrum, so that neighbouring half tones are told apart where people sing."""
_PITCHES = range(50, 84)
_OVERTONES = (1.0, 0.8, 0.64, 0.51, 0.41)
"""How much each tone of a note counts, the first and those above it: some voices have loud overtones."""
_QUIET = 0.1


def length_s(data: bytes) -> float:
    """Raises `soundfile.NotSound` and `soundfile.TooLong`."""
    return len(soundfile.decode(data)) / modem.IN_RATE


def samples(data: bytes) -> "Signal":
    """The recording in the rate that songs are made in."""
    heard = soundfile.decode(data)
    factor = modem.OUT_RATE // modem.IN_RATE
    spectrum = np.fft.rfft(heard)
    return np.asarray(np.fft.irfft(spectrum, len(heard) * factor) * factor, np.float32)


def melody(data: bytes) -> tuple[Note, ...]:
    """The strongest tone of each eighth of a second; equal neighbours are one note, silence is none."""
    heard = soundfile.decode(data)
    step = round(_STEP_S * modem.IN_RATE)
    count = len(heard) // step
    if not count:
        return ()
    frames = heard[: count * step].reshape(count, step) * np.hanning(step)
    spectrum = np.abs(np.fft.rfft(frames, _PIECE))
    strength = np.stack([_strength(spectrum, pitch) for pitch in _PITCHES], axis=1)
    strongest, loudness = strength.argmax(axis=1), strength.max(axis=1)
    is_loud = loudness > _QUIET * loudness.max()
    return _joined([_PITCHES[at] if loud else 0 for at, loud in zip(strongest, is_loud, strict=True)])


def _strength(spectrum: "NDArray[np.float64]", pitch: int) -> "NDArray[np.float64]":
    """How much of a note of this pitch there is in each piece."""
    hz = 440 * 2 ** ((pitch - 69) / 12)
    bins = [round(hz * number * _PIECE / modem.IN_RATE) for number in range(1, len(_OVERTONES) + 1)]
    heard = [at for at in bins if at <= _PIECE // 2]
    return np.asarray(spectrum[:, heard] @ np.array(_OVERTONES[: len(heard)]))


def _joined(pitches: list[int]) -> tuple[Note, ...]:
    notes: list[Note] = []
    for number, pitch in enumerate(pitches):
        start_s, end_s = number * _STEP_S, (number + 1) * _STEP_S
        if pitch and notes and notes[-1].pitch == pitch and notes[-1].end_s == start_s:
            notes[-1] = Note(pitch, notes[-1].start_s, end_s)
        elif pitch:
            notes.append(Note(pitch, start_s, end_s))
    return tuple(notes)
