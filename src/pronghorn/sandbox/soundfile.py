"""Sound in and out of files: every format that speech is sold in, and whatever FFmpeg can read."""

import io
import struct
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from pronghorn.sandbox.modem import IN_RATE, OUT_RATE, Signal

MAX_SECONDS = 30 * 60

FORMATS: dict[str, tuple[str, str, int, dict[str, str]]] = {
    "mp3": ("mp3", "libmp3lame", 64_000, {"compression_level": "7"}),
    "opus": ("ogg", "libopus", 64_000, {"application": "audio"}),
    "aac": ("adts", "aac", 64_000, {"aac_coder": "fast"}),
    "flac": ("flac", "flac", 0, {}),
}
"""Format to container, codec, bits a second and options of the codec, which make it quick."""


class NotSound(ValueError):
    """The bytes are no sound that can be read."""


class TooLong(ValueError):
    """There is more sound than is listened to."""


def encode(sound: Signal, kind: str) -> bytes:
    """`sound` as a file: wav, pcm (16 bit, no header) or one of `FORMATS`."""
    samples = (np.clip(sound, -1.0, 1.0) * 32_767).astype("<i2")
    if kind in ("pcm", "pcm16"):
        return samples.tobytes()
    if kind == "wav":
        return wav_header(samples.nbytes) + samples.tobytes()
    container_name, codec, bit_rate, options = FORMATS[kind]
    target = io.BytesIO()
    with av.open(target, "w", format=container_name) as container:
        stream: Any = container.add_stream(
            codec, rate=48_000 if kind == "opus" else OUT_RATE, options=options
        )
        stream.layout = "mono"
        if bit_rate:
            stream.bit_rate = bit_rate
        for start in range(0, len(samples), OUT_RATE):
            part = samples[None, start : start + OUT_RATE]
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate = OUT_RATE
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def wav_header(data_bytes: int) -> bytes:
    """44 bytes that say: one channel, 16 bit, `OUT_RATE`."""
    riff = struct.pack("<4sI4s", b"RIFF", 36 + data_bytes, b"WAVE")
    shape = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, OUT_RATE, OUT_RATE * 2, 2, 16)
    return riff + shape + struct.pack("<4sI", b"data", data_bytes)


def decode(data: bytes) -> Signal:
    """One channel of `IN_RATE` samples a second. Raises `NotSound` and `TooLong`."""
    parts: list[Signal] = []
    total = 0
    try:
        with av.open(io.BytesIO(data), "r") as container:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=IN_RATE)
            for frame in container.decode(audio=0):
                frame.pts = None
                for piece in resampler.resample(frame):
                    parts.append(piece.to_ndarray()[0])
                    total += len(parts[-1])
                if total > MAX_SECONDS * IN_RATE:
                    raise TooLong(f"more than {MAX_SECONDS} seconds")
            parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    except (FFmpegError, IndexError, EOFError, UnicodeDecodeError) as error:
        raise NotSound(str(error)) from error
    if not total:
        raise NotSound("no samples")
    return np.concatenate(parts)
