"""Upper bounds: the most that a request can consume, found before anything is sent.

Bytes stand for tokens, since no tokenizer makes more tokens than bytes; what is no text is `unwritten`. Where that
asks for more money than there is, the text is counted instead.
"""

from typing import Any

import msgspec

from pronghorn.ledger.prices import MAX_KIND_CHARACTERS
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.relay.endpoints import Endpoint
from pronghorn.relay.unwritten import PICTURE_TOKENS
from pronghorn.routing import Model
from pronghorn.wire import openai
from pronghorn.wire.openai import Peek
from pronghorn.wire.usage import Usage

DEFAULT_OUTPUT_TOKENS = 32_768
IMAGE_OUTPUT_TOKENS = 16_000
MAX_IMAGES_IN = 16
PROMPT_TOKENS = 32_000
SLOWEST_AUDIO_BYTES_PER_S = 1_000
"""Speech below 8 kbit/s is not in use, so this many bytes are at most one second."""
AUDIO_TOKENS_PER_S = 10
SPEECH_TOKENS_PER_CHARACTER = 4
COUNT_MARGIN = 1.1
COUNT_EXTRA = 64


def output_limit(peek: Peek, model: Model) -> int:
    """Tokens that one choice can have at most."""
    one, other = peek.max_tokens, peek.max_completion_tokens
    if one and other:
        return max(one, other)
    return one or other or model.max_output_tokens or model.context_tokens or DEFAULT_OUTPUT_TOKENS


def choices(peek: Peek) -> int:
    if peek.n is None and peek.best_of is None:
        return peek.prompts()
    return max(peek.n or 1, peek.best_of or 1) * peek.prompts()


def bound(endpoint: Endpoint, peek: Peek, body_bytes: int, model: Model) -> Usage:
    """`body_bytes`: of the request, 0 if unknown (then the most that is taken)."""
    if endpoint.measure == "chat":
        return Usage(input=body_bytes, output=output_limit(peek, model) * choices(peek), calls=1)
    if endpoint.measure == "tokens":
        return Usage(input=body_bytes, calls=peek.searches())
    if endpoint.measure == "free":
        return Usage()
    if endpoint.measure == "images":
        pictures = peek.pictures()
        into = PROMPT_TOKENS + (PICTURE_TOKENS * MAX_IMAGES_IN if endpoint.name == "images_edits" else 0)
        return Usage(
            input=min(body_bytes, into) or into,
            output=IMAGE_OUTPUT_TOKENS * pictures + 100 * (peek.partial_images or 0),
            images=pictures,
            image_kind=image_kind(peek),
            calls=1,
        )
    if endpoint.measure == "speech":
        text = speech_input(peek)
        return Usage(
            input=len(text.encode("utf-8", "replace")),
            output=SPEECH_TOKENS_PER_CHARACTER * len(text) + 200,
            characters=len(text),
            calls=1,
        )
    seconds = body_bytes // SLOWEST_AUDIO_BYTES_PER_S + 1
    return Usage(
        input=seconds * AUDIO_TOKENS_PER_S + 1_000,
        output=min(seconds * AUDIO_TOKENS_PER_S + 1_000, model.max_output_tokens or DEFAULT_OUTPUT_TOKENS),
        seconds=seconds,
        calls=1,
    )


def image_kind(peek: Peek) -> str:
    """What a per-picture price is looked up by: `<quality>/<size>`, as far as a price could name it."""
    kind = f"{peek.quality or 'standard'}/{peek.size or '1024x1024'}"[:MAX_KIND_CHARACTERS]
    return kind if kind.isprintable() else "".join(each if each.isprintable() else "?" for each in kind)


def speech_input(peek: Peek) -> str:
    try:
        text = msgspec.json.decode(peek.input) if openai.is_present(peek.input) else ""
    except msgspec.DecodeError:
        return ""
    return text if isinstance(text, str) else ""


async def counted_input(body: bytes, tokenizer: Tokenizer) -> int:
    """Tokens of a JSON request: its texts counted, its pictures and sounds by table."""
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return len(body)
    texts: list[str] = []
    media = _collect(document, texts)
    return await tokenizer.count("\n".join(texts)) + media


async def counted_bound(body: bytes, tokenizer: Tokenizer) -> int:
    return int(await counted_input(body, tokenizer) * COUNT_MARGIN) + COUNT_EXTRA


_MEDIA_KEYS = frozenset(
    (
        "image_url",
        "input_audio",
        "file",
        "file_data",
        "video_url",
        "image",
        "images",
        "mask",
        "source",
        "inlineData",
        "inline_data",
        "fileData",
        "file_uri",
    )
)
_CONTENT_KEYS = (
    "messages",
    "prompt",
    "input",
    "instructions",
    "system",
    "tools",
    "functions",
    "response_format",
    "text",
    "output_config",
    "query",
    "documents",
    "contents",
    "content",
    "requests",
    "systemInstruction",
    "system_instruction",
    "generationConfig",
    "generateContentRequest",
)


def _media_tokens(item: dict[str, Any]) -> int:
    """By the table for a picture; a document or film may be as much as its size allows."""
    size = sum(len(value) for key in _MEDIA_KEYS for value in _texts_in(item.get(key)))
    is_long = any(mark in str(item)[:400] for mark in ("pdf", "video", "audio", "text/"))
    return max(PICTURE_TOKENS, size // 2 if is_long else 0)


def _texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value.values() if isinstance(text, str)] if isinstance(value, dict) else []


def _collect(document: Any, texts: list[str]) -> int:
    """Gather what a model reads into `texts`; gives the tokens of media."""
    if not isinstance(document, dict):
        return 0
    media = 0
    stack: list[Any] = [document.get(key) for key in _CONTENT_KEYS]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            texts.append(item)
        elif isinstance(item, int) and not isinstance(item, bool):
            media += 1  # a token array
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            if not _MEDIA_KEYS.isdisjoint(item):
                media += _media_tokens(item)
                item = {key: value for key, value in item.items() if key not in _MEDIA_KEYS}
            texts.extend(key for key in item if key not in ("role", "type", "text", "content"))
            stack.extend(item.values())
    return media
