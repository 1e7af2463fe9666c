"""GET /v1/responses as a WebSocket: `response.create` frames, each answered by the events of a stream.

A response that is not stored is still remembered for as long as its connection lasts.
"""

from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError, bearer
from pronghorn.sandbox.faults import FAULTS
from pronghorn.sandbox.openai import responses_output
from pronghorn.sandbox.openai.realtime_frames import Frames
from pronghorn.sandbox.openai.responses_kept import MEMORY, Memory
from pronghorn.sandbox.openai.responses_refusal import not_among

Shape = dict[str, Any]


async def connect(request: web.Request) -> web.StreamResponse:
    frames = Frames(request)
    await frames.open()
    memory, key = Memory(behind=MEMORY), bearer(request)
    async for event in frames.events():
        try:
            await _answer(request, frames, event, memory, key)
        except SandboxError as error:
            told = {"code": error.code, "message": error.message, "param": error.param}
            await frames.send({"type": "error", **told, "sequence_number": 0})
    return frames.socket


async def _answer(
    request: web.Request, frames: Frames, event: Shape | SandboxError, memory: Memory, key: str
) -> None:
    if isinstance(event, SandboxError):
        raise event
    if event["type"] != "response.create":
        raise not_among("type", event["type"], ("response.create",))
    body = {name: value for name, value in event.items() if name != "type"}
    kept = await responses_output.respond(body, memory, key, request[FAULTS])
    memory.put(key, kept)
    if kept.final["store"]:
        MEMORY.put(key, kept)
    async for made in kept.follow():
        await frames.send(made)
