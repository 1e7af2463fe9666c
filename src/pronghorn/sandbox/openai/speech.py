"""POST /v1/audio/speech: real audio in every format, which the sandbox's transcription reads back to the letter."""

import asyncio
import base64
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pronghorn.kit.later import Later
from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError, json_body
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.reply import Events, reply_bytes

if TYPE_CHECKING:
    from pronghorn.sandbox import modem, soundfile
else:
    modem = Later("pronghorn.sandbox.modem")
    soundfile = Later("pronghorn.sandbox.soundfile")

MAX_CHARACTERS = 4096
OUTPUT_TOKENS_PER_S = 20
EVENT_BYTES = 16 * 1024

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


async def create(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    text = _check(body)
    check_magic_model(body["model"])
    kind = body.get("response_format") or "mp3"
    speed = float(body.get("speed") or 1.0)
    data, seconds = await spoken(text, voice=voice_name(body["voice"]), speed=speed, kind=kind)
    if body.get("stream_format") == "sse":
        return await _stream(request, body, data, seconds)
    return await reply_bytes(request, data, CONTENT_TYPES[kind], is_chunked=True)


async def spoken(text: str, *, voice: str, kind: str, speed: float = 1.0) -> tuple[bytes, float]:
    """`text` as an audio file, and its length in seconds."""

    def work() -> tuple[bytes, float]:
        sound = modem.speak(text, voice=voice, speed=speed)
        return soundfile.encode(sound, kind), len(sound) / modem.OUT_RATE

    return await asyncio.to_thread(work)


def voice_name(voice: Any) -> str:
    """A name, or the id of a voice of one's own. Raises `SandboxError`."""
    name = voice.get("id") if isinstance(voice, dict) else voice
    if not isinstance(name, str) or not name:
        raise SandboxError("Missing required parameter: 'voice'.", param="voice")
    return name


def _check(body: dict[str, Any]) -> str:
    """The text to speak. Raises `SandboxError` as OpenAI would."""
    for name in ("model", "input"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise SandboxError(
                f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
            )
    if len(body["input"]) > MAX_CHARACTERS:
        raise SandboxError(
            f"Invalid 'input': string too long. Expected at most {MAX_CHARACTERS} characters.",
            param="input",
            code="string_above_max_length",
        )
    voice_name(body.get("voice"))
    if str(body.get("response_format") or "mp3") not in CONTENT_TYPES:
        known = ", ".join(CONTENT_TYPES)
        raise SandboxError(
            f"Invalid 'response_format': expected one of {known}.",
            param="response_format",
            code="invalid_value",
        )
    speed = body.get("speed")
    is_number = isinstance(speed, int | float) and not isinstance(speed, bool)
    if speed is not None and not (is_number and 0.25 <= speed <= 4.0):
        raise SandboxError(
            "Invalid 'speed': must be from 0.25 to 4.0.", param="speed", code="decimal_above_max_value"
        )
    _check_stream_format(body)
    return str(body["input"])


def _check_stream_format(body: dict[str, Any]) -> None:
    wanted = body.get("stream_format") or "audio"
    if wanted not in ("audio", "sse"):
        raise SandboxError(
            "Invalid 'stream_format': expected audio or sse.", param="stream_format", code="invalid_value"
        )
    if wanted == "sse" and body["model"] in ("tts-1", "tts-1-hd"):
        raise SandboxError(
            f"'stream_format' sse is not supported with '{body['model']}'.",
            param="stream_format",
            code="unsupported_value",
        )


async def _stream(
    request: web.Request, body: dict[str, Any], data: bytes, seconds: float
) -> web.StreamResponse:
    events = Events(request)
    await events.open()
    for start in range(0, len(data), EVENT_BYTES):
        audio = base64.b64encode(data[start : start + EVENT_BYTES]).decode()
        await events.send({"type": "speech.audio.delta", "audio": audio})
    asked = counting.count(body["input"]) + counting.count(str(body.get("instructions") or ""))
    made = round(seconds * OUTPUT_TOKENS_PER_S)
    usage = {"input_tokens": asked, "output_tokens": made, "total_tokens": asked + made}
    await events.send({"type": "speech.audio.done", "usage": usage})
    return await events.close()


routes = [web.post("/v1/audio/speech", create)]
