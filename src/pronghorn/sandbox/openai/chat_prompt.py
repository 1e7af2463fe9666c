"""Reading a chat request: what was said last, which pictures and sounds came with it, and whether it is valid."""

import asyncio
import base64
import binascii
import io
from typing import Any

from PIL import Image, UnidentifiedImageError

from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError

MAX_PIXELS = 40_000_000
IMAGE_TOKENS = 85
ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))

_COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (220, 30, 30),
    "green": (30, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 220, 40),
    "orange": (245, 140, 20),
    "purple": (130, 50, 170),
    "pink": (250, 150, 190),
    "brown": (120, 75, 40),
    "cyan": (40, 200, 220),
}


def check(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages. Raises `SandboxError` as OpenAI would."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise SandboxError("you must provide a model parameter", param="model")
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise SandboxError("Missing required parameter: 'messages'.", param="messages")
    if not messages:
        raise SandboxError("Invalid 'messages': empty array.", param="messages", code="empty_array")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise SandboxError(f"Invalid 'messages[{index}].role'.", param=f"messages[{index}].role")
    _check_number(body, "temperature", 0, 2)
    _check_number(body, "top_p", 0, 1)
    _check_number(body, "n", 1, 128)
    for name in ("max_tokens", "max_completion_tokens"):
        _check_number(body, name, 1, 10_000_000)
    return messages


def _check_number(body: dict[str, Any], name: str, low: float, high: float) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SandboxError(f"Invalid type for '{name}'.", param=name, code="invalid_type")
    if not low <= value <= high:
        raise SandboxError(
            f"Invalid '{name}': must be from {low} to {high}.", param=name, code="invalid_value"
        )


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


def _look_at(url: str) -> tuple[int, int, str]:
    try:
        data = base64.b64decode(url.partition(",")[2], validate=True)
    except binascii.Error as error:
        raise SandboxError(
            "The image is not valid base64.", param="messages", code="invalid_base64"
        ) from error
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SandboxError("The image has too many pixels.", param="messages", code="image_too_large")
            small = image.convert("RGB").resize((1, 1))
            pixel = small.getpixel((0, 0))
            width, height = image.size
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise SandboxError("The image cannot be read.", param="messages", code="image_parse_error") from error
    assert isinstance(pixel, tuple)
    return width, height, min(_COLOURS, key=lambda name: _distance(_COLOURS[name], pixel))


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
