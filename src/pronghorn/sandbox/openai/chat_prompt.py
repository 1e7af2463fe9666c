"""Reading a chat: what was said last, and what the pictures and recordings that came with it are."""

import asyncio
import base64
import io
import math
from typing import TYPE_CHECKING, Any

from pronghorn.kit.later import Later
from pronghorn.sandbox import counting, picture
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.hearing import Heard, hear

if TYPE_CHECKING:
    import PIL
    from PIL import Image
else:
    PIL = Later("PIL")
    Image = Later("PIL.Image")


MAX_PIXELS = 40_000_000
IMAGE_TOKENS = 85
AUDIO_TOKENS_PER_S = 10


def text_of(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return ""


def last_user_text(messages: list[dict[str, Any]]) -> str:
    return next((text_of(message) for message in reversed(messages) if message["role"] == "user"), "")


def parts(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The content parts of one type, of all messages."""
    return [
        part
        for message in messages
        for part in (message["content"] if isinstance(message.get("content"), list) else ())
        if isinstance(part, dict) and part.get("type") == kind
    ]


def count_prompt(messages: list[dict[str, Any]], tools: Any) -> int:
    """Tokens of a prompt; without recordings, which `hear_recordings` counts."""
    tokens = 3
    for message in messages:
        tokens += 4 + counting.count(text_of(message))
        for call in message.get("tool_calls") or ():
            tokens += counting.count(str(call.get("function", {})))
    tokens += IMAGE_TOKENS * len(parts(messages, "image_url"))
    return tokens + (counting.count(str(tools)) if tools else 0)


async def describe_pictures(messages: list[dict[str, Any]]) -> str:
    """A sentence for each picture: its size and its colour. Raises `SandboxError` for a broken one."""
    sentences = []
    for number, part in enumerate(parts(messages, "image_url"), start=1):
        given = part.get("image_url")
        url = given.get("url") if isinstance(given, dict) else given
        if not isinstance(url, str):
            raise SandboxError("Invalid image_url.", param="messages", code="invalid_image_url")
        if url.startswith("data:"):
            width, height, colour = await asyncio.to_thread(_look_at, url)
            sentences.append(f"Picture {number} is {width}x{height} pixels, mostly {colour}.")
        else:
            sentences.append(
                f"Picture {number} is at an address that the sandbox, being offline, does not open."
            )
    return " ".join(sentences)


async def hear_recordings(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """The messages with what each recording says in its place, and the tokens that the recordings count for."""
    tokens = 0
    written = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            for place, part in enumerate(content):
                if part.get("type") == "input_audio":
                    heard = await _listen_to(part.get("input_audio"))
                    tokens += math.ceil(heard.duration_s * AUDIO_TOKENS_PER_S)
                    said = {"type": "text", "text": heard.text}
                    content = [*content[:place], said, *content[place + 1 :]]
        written.append(message | {"content": content})
    return written, tokens


async def _listen_to(given: Any) -> Heard:
    """Raises `SandboxError` for what is no recording."""
    encoded = given.get("data") if isinstance(given, dict) else None
    try:
        data = base64.b64decode(encoded or "", validate=True)
    except (TypeError, ValueError) as error:
        raise SandboxError(
            "The recording is not valid base64.", param="messages", code="invalid_base64"
        ) from error
    return await hear(data, "messages")


def _look_at(url: str) -> tuple[int, int, str]:
    try:
        data = base64.b64decode(url.partition(",")[2], validate=True)
    except ValueError as error:
        raise SandboxError(
            "The image is not valid base64.", param="messages", code="invalid_base64"
        ) from error
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SandboxError("The image has too many pixels.", param="messages", code="image_too_large")
            return image.width, image.height, picture.colour_name(image)
    except (
        PIL.UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        raise SandboxError("The image cannot be read.", param="messages", code="image_parse_error") from error
