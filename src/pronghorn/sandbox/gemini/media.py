"""Pictures, sound and files of a request: what they cost, and what the sandbox, which sees and hears, makes of them.

Source of the rates: https://ai.google.dev/gemini-api/docs/tokens
"""

import asyncio
import base64
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pronghorn.kit.later import Later
from pronghorn.sandbox import counting, picture
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.hearing import hear

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image")


TILE = 768
SMALL_SIDE = 384
TILE_TOKENS = 258
PAGE_TOKENS = 258
AUDIO_TOKENS_PER_S = 32
VIDEO_TOKENS_PER_S = 263

_READ = ("image/png", "image/jpeg", "image/webp")
_UNREAD = ("image/heic", "image/heif")
_PAGE = re.compile(rb"/Type\s*/Page\b")
_MODALITIES = {"image": "IMAGE", "audio": "AUDIO", "video": "VIDEO", "text": "TEXT"}

Shape = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Medium:
    """One part with what a plain chat message would hold in its place."""

    modality: str
    tokens: int
    plain: Shape
    picture: "Image.Image | None" = None


async def look(part: Shape) -> Medium | None:
    """None if the part has no medium. Raises `SandboxError` for one that cannot be read."""
    if "fileData" in part:
        return _at_address(part["fileData"])
    if "inlineData" not in part:
        return None
    mime = part["inlineData"]["mimeType"].partition(";")[0].strip().lower()
    data = base64.b64decode(part["inlineData"]["data"])
    if mime in _READ:
        return await _pictured(mime, data)
    if mime.startswith("audio/"):
        heard = await hear(data, "contents")
        words = f"[Sound of {heard.duration_s:.1f} seconds: {heard.text}]"
        return Medium("AUDIO", math.ceil(heard.duration_s * AUDIO_TOKENS_PER_S), _text(words))
    if mime.startswith("text/") or mime == "application/json":
        words = data.decode("utf-8", "replace")
        return Medium("TEXT", counting.count(words), _text(words))
    if mime == "application/pdf":
        pages = max(1, len(_PAGE.findall(data)))
        return Medium(
            "DOCUMENT", pages * PAGE_TOKENS, _text(f"[Document of {pages} pages, {len(data)} bytes]")
        )
    if mime.startswith("video/") or mime in _UNREAD:
        is_video = mime.startswith("video/")
        tokens = VIDEO_TOKENS_PER_S if is_video else TILE_TOKENS
        return Medium("VIDEO" if is_video else "IMAGE", tokens, _text(f"[{mime} of {len(data)} bytes]"))
    raise SandboxError(f"Unsupported MIME type: {mime}", param="contents")


async def _pictured(mime: str, data: bytes) -> Medium:
    try:
        seen = await asyncio.to_thread(picture.read, data)
    except (picture.NotAPicture, picture.TooManyPixels) as error:
        raise SandboxError(
            "Unable to process input image. Please retry or report in "
            "https://developers.generativeai.google/guide/troubleshooting"
        ) from error
    url = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return Medium("IMAGE", _tokens(seen.size), {"type": "image_url", "image_url": {"url": url}}, seen)


def _tokens(size: tuple[int, int]) -> int:
    if max(size) <= SMALL_SIDE:
        return TILE_TOKENS
    return TILE_TOKENS * math.ceil(size[0] / TILE) * math.ceil(size[1] / TILE)


def _at_address(given: Shape) -> Medium:
    """What is not sent along costs as one tile, page or second: the sandbox, being offline, does not open it."""
    kind = given.get("mimeType", "video/mp4").partition("/")[0]
    modality = _MODALITIES.get(kind, "DOCUMENT")
    tokens = {"AUDIO": AUDIO_TOKENS_PER_S, "VIDEO": VIDEO_TOKENS_PER_S}.get(modality, TILE_TOKENS)
    if modality == "IMAGE":
        return Medium(modality, tokens, {"type": "image_url", "image_url": {"url": given["fileUri"]}})
    return Medium(modality, tokens, _text(f"[{modality.lower()} at {given['fileUri']}]"))


def _text(words: str) -> Shape:
    return {"type": "text", "text": words}
