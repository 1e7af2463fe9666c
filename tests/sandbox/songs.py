"""A sandbox whose clock stands still, and what tests of songs ask of it."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import av
import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from pronghorn import sandbox
from pronghorn.kit.clock import FakeClock
from pronghorn.sandbox import soundfile
from pronghorn.sandbox.song.tasks import DESK

RATE = 24_000
"""Samples a second of what is played."""

Sound = NDArray[np.float32]


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Singer:
    """A client with a key, and the clock that the sandbox reads."""

    def __init__(self, session: aiohttp.ClientSession, clock: FakeClock) -> None:
        self.session, self.clock = session, clock

    async def post(self, path: str, body: Any, *, simulate: str = "", status: int = 200) -> Any:
        headers = {"x-pronghorn-simulate": simulate} if simulate else {}
        async with self.session.post(path, json=body, headers=headers) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def get(self, path: str, *, status: int = 200) -> Any:
        async with self.session.get(path) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def file(self, url: str, content_type: str) -> bytes:
        """Asked for without a key, as a player does."""
        async with aiohttp.ClientSession() as anybody, anybody.get(url) as response:
            assert (response.status, response.content_type) == (200, content_type), url
            return await response.read()

    async def sound(self, url: str) -> Sound:
        return samples(await self.file(url, "audio/mpeg"))


@asynccontextmanager
async def singing() -> AsyncIterator[Singer]:
    app, clock = sandbox.create_app(), FakeClock()
    app[DESK].clock = clock
    async with (
        served(app) as url,
        aiohttp.ClientSession(url, headers={"Authorization": "Bearer sandbox"}) as session,
    ):
        yield Singer(session, clock)


def samples(data: bytes) -> Sound:
    """One channel at `RATE`, decoded by FFmpeg alone."""
    with av.open(io.BytesIO(data), "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        assert container.streams.audio[0].rate == RATE
    return np.concatenate([frame[0] for frame in frames]).astype(np.float32)


def seconds(sound: Sound) -> float:
    return len(sound) / RATE


def likeness(one: Sound, other: Sound) -> float:
    """1 for the same sound, about 0 for two that have nothing to do with each other."""
    size = min(len(one), len(other))
    a, b = one[:size].astype(float), other[:size].astype(float)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def is_heard(sound: Sound, pitch: int, start_s: float, end_s: float) -> bool:
    """Whether the tone of this pitch is stronger there than those a half tone and a whole tone beside it."""
    part = sound[round(start_s * RATE) : round(end_s * RATE)]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 16))

    def strength(number: int) -> float:
        hz = 440 * 2 ** ((number - 69) / 12)
        return float(spectrum[round(hz * (1 << 16) / RATE)])

    return strength(pitch) > max(strength(pitch + step) for step in (-2, -1, 1, 2))


def encoded(sound: Sound, kind: str = "mp3") -> bytes:
    return soundfile.encode(sound, kind)
