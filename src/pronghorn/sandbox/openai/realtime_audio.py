"""Sound of Realtime: the three wire formats, and the buffer that tells speech from silence by its loudness.

Inside, sound is 16-bit samples at the rate of its format.
"""

import io
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pronghorn.sandbox import modem

Samples = NDArray[np.int16]

RATES = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
WINDOW_MS = 20
LOUD_AT_FULL_THRESHOLD = 0.04
"""The loudness (root mean square of 1.0) that counts as speech when `threshold` is 1."""


def decode(data: bytes, kind: str) -> Samples:
    """Raises `ValueError` for half a sample."""
    if kind == "audio/pcm":
        return np.frombuffer(data, "<i2")
    return _LAWS[kind][np.frombuffer(data, np.uint8)]


def encode(samples: Samples, kind: str) -> bytes:
    if kind == "audio/pcm":
        return samples.astype("<i2").tobytes()
    table = _LAWS[kind]
    order = np.argsort(table)
    middles = (table[order][1:].astype(np.int32) + table[order][:-1]) / 2
    return order[np.searchsorted(middles, samples)].astype(np.uint8).tobytes()


def spoken(text: str, *, voice: str, speed: float, kind: str) -> Samples:
    """`text` as sound at the rate of the format."""
    sound = modem.speak(text, voice=voice, speed=speed)
    step = modem.OUT_RATE // RATES[kind]
    whole = len(sound) // step * step
    slower = sound[:whole].reshape(-1, step).mean(axis=1)
    return np.asarray(np.clip(slower, -1.0, 1.0) * 32_767, np.int16)


def as_wav(samples: Samples, kind: str) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATES[kind])
        file.writeframes(samples.astype("<i2").tobytes())
    return data.getvalue()


def _law_tables() -> dict[str, Samples]:
    """What each byte of G.711 means, in both of its laws."""
    code = np.arange(256)
    mu = ~code & 0xFF
    mu_size = ((((mu & 15) << 3) + 0x84) << ((mu >> 4) & 7)) - 0x84
    a = code ^ 0x55
    exponent, mantissa = (a >> 4) & 7, (a & 15) << 4
    a_size = np.where(exponent == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(exponent - 1, 0))
    return {
        "audio/pcmu": np.where(mu & 0x80, -mu_size, mu_size).astype(np.int16),
        "audio/pcma": np.where(a & 0x80, a_size, -a_size).astype(np.int16),
    }


_LAWS = _law_tables()


@dataclass(frozen=True, slots=True)
class Turn:
    """What the buffer noticed: speech began (`sound` is None), or it ended and this was it."""

    at_ms: int
    sound: Samples | None = None


class Buffer:
    """Input that was not committed yet. Times count from the beginning of the session."""

    def __init__(self) -> None:
        self._sound: Samples = np.zeros(0, np.int16)
        self._new: list[Samples] = []
        self._dropped = 0
        self._heard = 0
        self._began: int | None = None
        self._loud_until = 0

    @property
    def samples(self) -> int:
        return len(self._sound) + sum(map(len, self._new))

    def append(self, sound: Samples) -> None:
        self._new.append(sound)

    def take(self) -> Samples:
        """All that is there; the buffer is empty then."""
        self._join()
        taken = self._sound
        self._drop(len(taken))
        self._began = None
        return taken

    def notice(self, detection: dict[str, Any], rate: int) -> list[Turn]:
        """Listen to what has been appended since: where speech begins and ends. Silence before it is let go."""
        self._join()
        turns = []
        window = rate * WINDOW_MS // 1000
        limit = LOUD_AT_FULL_THRESHOLD * detection["threshold"] * 32_768
        padding = rate * detection["prefix_padding_ms"] // 1000
        patience = rate * detection["silence_duration_ms"] // 1000
        self._heard = max(self._heard, self._dropped)
        while self._heard + window <= self._dropped + len(self._sound):
            first = self._heard - self._dropped
            piece = self._sound[first : first + window].astype(np.float64)
            self._heard += window
            if np.sqrt(np.mean(piece**2)) > limit:
                self._loud_until = self._heard
                if self._began is None:
                    self._began = max(self._dropped, self._heard - window - padding)
                    turns.append(Turn(self._began * 1000 // rate))
            elif self._began is not None and self._heard - self._loud_until >= patience:
                sound = self._sound[self._began - self._dropped : self._heard - self._dropped]
                turns.append(Turn(self._heard * 1000 // rate, sound))
                self._drop(self._heard - self._dropped)
                self._began = None
        if self._began is None:
            self._drop(max(0, self._heard - padding - self._dropped))
        return turns

    def _join(self) -> None:
        self._sound = np.concatenate((self._sound, *self._new))
        self._new.clear()

    def _drop(self, samples: int) -> None:
        self._sound = self._sound[samples:]
        self._dropped += samples
