"""Measuring: what of an answer is charged that no vendor counts, and which answers are worth nothing."""

import re

from pronghorn.relay import bounds
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.reading import Reading
from pronghorn.wire.openai import Peek
from pronghorn.wire.usage import Usage

_PICTURE = re.compile(r"!\[[^\]]*\]\(|https?://\S+\.(?:png|jpe?g|webp|gif)|data:image/", re.IGNORECASE)


def is_free(exchange: Exchange, reading: Reading) -> bool:
    """An answer with nothing in it is not charged, unless the vendor says that a limit cut it to nothing.

    Models that paint through chat apologise under a status of success: without a picture there is nothing in it.
    """
    if reading.finish in ("length", "content_filter", "tool_calls"):
        return False
    if paints(exchange):
        return _PICTURE.search(reading.text) is None
    return reading.is_empty


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
