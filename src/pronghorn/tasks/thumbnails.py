"""Thumbnails: a picture made smaller, with a bound on what is read and on what it may unpack to."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import NamedTuple

from PIL import Image, ImageOps

from pronghorn.errors import BadRequest, UpstreamTimeout

MAX_BYTES = 32 * 1024 * 1024
MAX_PIXELS = 40_000_000
READ_S = 30.0
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


class Small(NamedTuple):
    data: bytes
    kind: str


async def shrunk(pieces: AsyncIterator[bytes], width: int) -> Small:
    """Raises `BadRequest` for what is no picture or a too large one, `UpstreamTimeout` if it comes too slowly."""
    try:
        async with asyncio.timeout(READ_S):
            data = await _read(pieces)
    except TimeoutError as error:
        raise UpstreamTimeout("the picture came too slowly") from error
    return await asyncio.to_thread(_shrunk, data, width)


async def _read(pieces: AsyncIterator[bytes]) -> bytes:
    parts, size = [], 0
    async for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            raise _refused(f"this one is larger than {MAX_BYTES >> 20} MiB")
    return b"".join(parts)


def _shrunk(data: bytes, width: int) -> Small:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise _refused(f"this one has more than {MAX_PIXELS:,} pixels")
            return _written(picture, width)
    except BadRequest:
        raise
    except Exception as error:  # decoders raise whatever they stumble over
        raise _refused("this is no PNG, JPEG, WebP or GIF that can be read") from error


def _written(picture: Image.Image, width: int) -> Small:
    """Never larger than it was; turned the way that its camera says."""
    picture.draft("RGB", (2 * width, 2 * width))  # a JPEG is read at a fraction of its size
    upright = ImageOps.exif_transpose(picture)
    has_alpha = upright.has_transparency_data
    width = min(width, upright.width)
    height = max(1, round(upright.height * width / upright.width))
    small = upright.convert("RGBA" if has_alpha else "RGB").resize((width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "WEBP" if has_alpha else "JPEG", quality=82)
    return Small(file.getvalue(), "image/webp" if has_alpha else "image/jpeg")


def _refused(why: str) -> BadRequest:
    return BadRequest(f"width: only a picture can be made smaller, and {why}; ask without it", param="width")
