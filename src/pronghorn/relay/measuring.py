"""Measuring: what of an answer is charged that no vendor counts, and which answers are worth nothing."""

import re
from itertools import pairwise

from pronghorn.relay import bounds
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.reading import Reading
from pronghorn.wire.openai import Peek
from pronghorn.wire.usage import Usage

_ADDRESS = re.compile(r"https?://\S", re.IGNORECASE)
_ENDING = re.compile(r"\.(?:png|jpe?g|webp|gif)", re.IGNORECASE)


def is_free(exchange: Exchange, reading: Reading) -> bool:
    """An answer with nothing in it is not charged, unless the vendor says that a limit cut it to nothing.

    Models that paint through chat apologise under a status of success: without a picture there is nothing in it.
    """
    if reading.finish in ("length", "content_filter", "tool_calls"):
        return False
    if paints(exchange):
        return not has_picture(reading.text)
    return reading.is_empty


def has_picture(text: str) -> bool:
    """In Markdown, by its address, or as data. Callers can ask for any text: each character is looked at once."""
    if "data:image/" in text.lower():
        return True
    if any("![" in alt and after.startswith("(") for alt, after in pairwise(text.split("]"))):
        return True
    addresses = ((word, _ADDRESS.search(word)) for word in text.split())
    return any(found is not None and _ENDING.search(word, found.end()) for word, found in addresses)


def paints(exchange: Exchange) -> bool:
    return exchange.model is not None and "chat_images" in exchange.model.capabilities


def complete(exchange: Exchange, usage: Usage, peek: Peek) -> None:
    """Add what is not counted by the vendor: the call itself, the kind of picture."""
    if exchange.price.is_by_call:
        usage.calls = usage.calls or 1
    if usage.images:
        usage.image_kind = bounds.image_kind(peek)
    if exchange.endpoint.measure == "speech":
        usage.characters = len(bounds.speech_input(peek))
        usage.audio_output = usage.output
