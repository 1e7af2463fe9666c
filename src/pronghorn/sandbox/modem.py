"""Speech of the sandbox as sound: an audible code of chords that survives mp3, aac and opus and is read back exactly.

A rising sweep begins a message; then come a header (pace, length, checksum), the UTF-8 bytes and their CRC-32.
Each byte is one chord of two tones, one for each half of it, at 16 bytes a second: about as fast as people talk.
A hum below the code tells voices apart and carries nothing.
"""

import hashlib
import struct
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

OUT_RATE = 24_000
"""Samples a second of what is spoken."""
IN_RATE = 8_000
"""Samples a second of what is listened to: enough for the highest tone."""

Signal = NDArray[np.float32]

_TONE_STEP_HZ = 88.0
_LOW_HZ = 600.0 + _TONE_STEP_HZ * np.arange(16)
_HIGH_HZ = _LOW_HZ + 16 * _TONE_STEP_HZ
_SWEEP_S = 0.24
_SWEEP_HZ = (700.0, 3_300.0)
_GAP_S = 0.03
_HEADER_CHORD_S = 0.04
_CHORD_S = 0.0625
_HEADER = struct.Struct(">BIB")
_SPEED_STEPS = 20
_FADE_S = 0.003
_SIMILAR_ENOUGH = 0.45
_BLOCK = 1 << 17
_CHORDS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Message:
    """A text that was heard. Times in seconds; a byte's chord begins at `start + index * chord`."""

    text: str
    begin_s: float
    start_s: float
    chord_s: float
    end_s: float


def speak(text: str, *, voice: str = "alloy", speed: float = 1.0) -> Signal:
    """`text` as sound of `OUT_RATE` samples a second, from -1 to 1."""
    data = text.encode("utf-8", "replace")
    steps = round(speed * _SPEED_STEPS)
    head = struct.pack(">BI", steps, len(data))
    header = _HEADER.pack(steps, len(data), crc32(head) & 0xFF)
    gap = np.zeros(round(_GAP_S * OUT_RATE), np.float32)
    sound = np.concatenate(
        [
            gap,
            _sweep(OUT_RATE),
            gap,
            _chords(header, _HEADER_CHORD_S),
            _chords(data + struct.pack(">I", crc32(data)), _chord_s(steps)),
            gap,
        ]
    )
    time = np.arange(len(sound), dtype=np.float32) / OUT_RATE
    hum = 0.05 * np.sin(2 * np.pi * _hum_hz(voice) * time, dtype=np.float32)
    return np.asarray(sound * 0.5 + hum, np.float32)


def listen(sound: Signal) -> list[Message]:
    """All messages in a sound of `IN_RATE` samples a second; none if there is nothing but noise."""
    messages: list[Message] = []
    position = 0
    for start in _sweep_starts(sound):
        if start < position:
            continue
        message = _read(sound, start)
        if message is not None:
            messages.append(message)
            position = int(message.end_s * IN_RATE)
    return messages


def _hum_hz(voice: str) -> float:
    return 90.0 + hashlib.sha256(voice.encode("utf-8", "replace")).digest()[0] * 0.6


def _chord_s(speed_steps: int) -> float:
    return _CHORD_S * _SPEED_STEPS / speed_steps


def _sweep(rate: int) -> Signal:
    time = np.arange(round(_SWEEP_S * rate)) / rate
    low, high = _SWEEP_HZ
    phase = 2 * np.pi * (low * time + (high - low) * time**2 / (2 * _SWEEP_S))
    return np.asarray(np.sin(phase) * _faded(len(time), rate), np.float32)


def _faded(length: int, rate: int) -> NDArray[np.float64]:
    """A loudness that rises and falls softly, so that nothing clicks."""
    edge = np.minimum(np.arange(length), np.arange(length)[::-1]) / (_FADE_S * rate)
    return np.asarray(np.sin(np.clip(edge, 0.0, 1.0) * np.pi / 2))


def _chords(data: bytes, chord_s: float) -> Signal:
    """Each byte as a chord; chord i covers the time from i to i + 1 times `chord_s`, to the sample."""
    edges = np.round(np.arange(len(data) + 1) * chord_s * OUT_RATE).astype(int)
    sound = np.zeros(edges[-1], np.float32)
    for byte, start, end in zip(data, edges, edges[1:], strict=False):
        time = np.arange(end - start) / OUT_RATE
        low = np.sin(2 * np.pi * _LOW_HZ[byte >> 4] * time)
        high = np.sin(2 * np.pi * _HIGH_HZ[byte & 15] * time)
        sound[start:end] = 0.5 * (low + high) * _faded(end - start, OUT_RATE)
    return sound


def _sweep_starts(sound: Signal) -> list[int]:
    """Where sweeps begin, by correlation with the ideal one, measured against the loudness around."""
    sweep = _sweep(IN_RATE).astype(np.float64)
    sweep /= np.linalg.norm(sweep)
    length = len(sweep)
    spectrum = np.conj(np.fft.rfft(sweep, _BLOCK))
    starts: list[int] = []
    for offset in range(0, len(sound), _BLOCK - length):
        block = np.zeros(_BLOCK)
        part = sound[offset : offset + _BLOCK]
        block[: len(part)] = part
        match = np.fft.irfft(np.fft.rfft(block) * spectrum, _BLOCK)[: _BLOCK - length]
        energy = np.concatenate(([0.0], np.cumsum(block**2)))
        loudness = np.sqrt(np.maximum(energy[length:-1] - energy[: -length - 1], 0.0))
        similar = match / (loudness + 1e-3)
        starts += [offset + place for place in _peaks(similar, length)]
    return starts


def _peaks(similar: NDArray[np.float64], width: int) -> list[int]:
    """The highest place of each run above the threshold; runs nearer than `width` are one."""
    above = np.flatnonzero(similar > _SIMILAR_ENOUGH)
    if not len(above):
        return []
    groups = np.split(above, np.flatnonzero(np.diff(above) > width) + 1)
    return [int(group[np.argmax(similar[group])]) for group in groups]


def _read(sound: Signal, sweep_start: int) -> Message | None:
    """The message after a sweep; None if its checksums say that it is none."""
    begin_s = sweep_start / IN_RATE
    header_s = begin_s + _SWEEP_S + _GAP_S
    header = _bytes_at(sound, header_s, _HEADER_CHORD_S, _HEADER.size)
    if header is None:
        return None
    steps, length, check = _HEADER.unpack(header)
    if check != crc32(header[:-1]) & 0xFF or not steps:
        return None
    start_s = header_s + _HEADER.size * _HEADER_CHORD_S
    chord_s = _chord_s(steps)
    data = _bytes_at(sound, start_s, chord_s, length + 4)
    if data is None or struct.pack(">I", crc32(data[:-4])) != data[-4:]:
        return None
    text = data[:-4].decode("utf-8", "replace")
    return Message(text, begin_s, start_s, chord_s, start_s + length * chord_s)


def _bytes_at(sound: Signal, start_s: float, chord_s: float, count: int) -> bytes | None:
    """`count` bytes from their chords; None if the sound is too short for them."""
    if (start_s + count * chord_s) * IN_RATE > len(sound) + chord_s * IN_RATE / 2:
        return None
    margin_s = chord_s * 0.1
    size = int((chord_s - 2 * margin_s) * IN_RATE)
    window = np.arange(size)
    tones = np.concatenate([_LOW_HZ, _HIGH_HZ])
    waves = np.exp(-2j * np.pi * np.outer(window / IN_RATE, tones)) * np.hanning(size + 2)[1:-1, None]
    found = bytearray()
    for first in range(0, count, _CHORDS_AT_ONCE):
        numbers = np.arange(first, min(first + _CHORDS_AT_ONCE, count))
        starts = np.round((start_s + numbers * chord_s + margin_s) * IN_RATE).astype(int)
        places = np.minimum(starts[:, None] + window, len(sound) - 1)
        loud = np.abs(sound[places] @ waves)
        high_halves, low_halves = loud[:, :16].argmax(1), loud[:, 16:].argmax(1)
        found += bytes((high_halves * 16 + low_halves).astype(np.uint8))
    return bytes(found)
