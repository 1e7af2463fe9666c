"""Pictures and speech as answers: real PNGs of the size that was asked for, and sound that can be heard again."""

import asyncio
import base64
import math
from typing import Any

from pronghorn.sandbox import picture
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.gemini import models
from pronghorn.sandbox.gemini.turn import Turn
from pronghorn.sandbox.openai.speech import spoken as speech

AUDIO_TOKENS_PER_S = 25
PICTURE_TOKENS = 1290
MIME = "audio/L16;codec=pcm;rate=24000"

_SIZES = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
    "1:4": (512, 2048),
    "4:1": (2048, 512),
    "1:8": (384, 3072),
    "8:1": (3072, 384),
}
_SCALES = {"512": 0.5, "1K": 1.0, "2K": 2.0, "4K": 4.0}

Shape = dict[str, Any]


async def painted(turn: Turn, number: int) -> tuple[Shape, str, int]:
    """The part, its modality and its tokens. With a picture in the request, that picture changed."""
    size = _size(turn)

    def work() -> bytes:
        if turn.pictures:
            made = picture.edit(turn.pictures[-1], turn.prompt, size, mask=None, number=number)
        else:
            made = picture.draw(turn.prompt, size, number=number)
        return picture.encode(made, picture.Format())

    data = await asyncio.to_thread(work)
    area = size[0] * size[1] / (1024 * 1024)
    tokens = PICTURE_TOKENS if models.version(turn.model) < (3, 0) else 2000 if area > 8 else 1120
    return _inline("image/png", data), "IMAGE", tokens


def _size(turn: Turn) -> tuple[int, int]:
    config = turn.config.get("imageConfig", {})
    ratio, scale = config.get("aspectRatio") or "1:1", config.get("imageSize") or "1K"
    if ratio not in _SIZES:
        raise SandboxError(
            f"aspect_ratio must be one of {', '.join(_SIZES)}", param="generation_config.image_config"
        )
    if scale not in _SCALES:
        raise SandboxError(
            f"image_size must be one of {', '.join(_SCALES)}", param="generation_config.image_config"
        )
    width, height = _SIZES[ratio]
    return round(width * _SCALES[scale]), round(height * _SCALES[scale])


async def spoken(turn: Turn) -> tuple[Shape, str, int]:
    """The prompt, spoken: samples of 16 bits without a header."""
    config = turn.config.get("speechConfig", {}).get("voiceConfig", {})
    voice = config.get("prebuiltVoiceConfig", {}).get("voiceName") or "Kore"
    data, seconds = await speech(turn.prompt, voice=voice, kind="pcm")
    return _inline(MIME, data), "AUDIO", math.ceil(seconds * AUDIO_TOKENS_PER_S)


def _inline(mime: str, data: bytes) -> Shape:
    return {"inlineData": {"mimeType": mime, "data": base64.b64encode(data).decode()}}
