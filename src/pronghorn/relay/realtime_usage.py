"""What a realtime session consumes: the vendor's counts in our shape, and bounds and estimates where it gives none.

Sound is 10 tokens a second heard and 20 a second spoken; a byte of text is at most one token.
"""

import math

import msgspec

from pronghorn.convert.usage import is_believable
from pronghorn.relay.unwritten import PICTURE_TOKENS
from pronghorn.wire import realtime
from pronghorn.wire.openai import is_present
from pronghorn.wire.realtime import InputDetails
from pronghorn.wire.usage import Usage

HEARD_TOKENS_PER_S = 10
SPOKEN_TOKENS_PER_S = 20
TEXT_BYTES_PER_TOKEN = 4
PCM_BYTES_PER_S = 48_000
G711_BYTES_PER_S = 8_000


def bytes_per_s(form: realtime.Format | None) -> int:
    is_g711 = form is not None and form.type in ("audio/pcmu", "audio/pcma")
    return G711_BYTES_PER_S if is_g711 else PCM_BYTES_PER_S


def seconds_of(base64_text: msgspec.Raw, rate: int) -> float:
    """Of sound as it stands in an event, quotation marks included."""
    return max(len(base64_text) - 2, 0) * 3 / 4 / rate


def read(raw: msgspec.Raw) -> Usage | None:
    """None if it is missing or absurd."""
    if not is_present(raw):
        return None
    try:
        found = realtime.usage_decoder.decode(raw)
    except (ValueError, RecursionError):
        return None
    if found.input_tokens is None and found.output_tokens is None:
        known = found.seconds is not None and 0 <= found.seconds < 10_000_000
        return Usage(seconds=math.ceil(found.seconds or 0)) if known else None
    result = Usage(input=found.input_tokens or 0, output=found.output_tokens or 0)
    if found.input_token_details is not None:
        _split_input(result, found.input_token_details)
    if found.output_token_details is not None:
        result.audio_output = found.output_token_details.audio_tokens or 0
    return result if is_believable(result) else None


def _split_input(result: Usage, details: InputDetails) -> None:
    """The vendor counts cached sound as sound too; here each token is in one part only."""
    cached = details.cached_tokens_details or realtime.CachedDetails()
    result.cache_read = details.cached_tokens or 0
    rest = result.input - result.cache_read
    result.audio_input = min(max((details.audio_tokens or 0) - (cached.audio_tokens or 0), 0), max(rest, 0))
    rest -= result.audio_input
    result.image_input = min(max((details.image_tokens or 0) - (cached.image_tokens or 0), 0), max(rest, 0))


class Said(msgspec.Struct):
    """What a caller has added to a conversation."""

    text_bytes: int = 0
    sound_s: float = 0.0
    pictures: int = 0

    def add(self, more: "Said") -> None:
        self.text_bytes += more.text_bytes
        self.sound_s += more.sound_s
        self.pictures += more.pictures

    def most_tokens(self) -> int:
        return self.text_bytes + math.ceil(self.sound_s * HEARD_TOKENS_PER_S) + self.pictures * PICTURE_TOKENS

    def estimate(self) -> Usage:
        heard, seen = math.ceil(self.sound_s * HEARD_TOKENS_PER_S), self.pictures * PICTURE_TOKENS
        text = self.text_bytes // TEXT_BYTES_PER_TOKEN
        return Usage(input=text + heard + seen, audio_input=heard, image_input=seen)


def item_of(event_bytes: int, item: msgspec.Raw, rate: int) -> Said:
    """An event with an item, whose sounds and pictures are no text though they are written as one."""
    try:
        parts = realtime.item_decoder.decode(item).content or []
    except (ValueError, RecursionError):
        return Said(text_bytes=event_bytes)
    media_bytes = sum(len(part.audio) + len(part.image_url) for part in parts)
    return Said(
        text_bytes=max(event_bytes - media_bytes, 0),
        sound_s=sum(seconds_of(part.audio, rate) for part in parts),
        pictures=sum(is_present(part.image_url) for part in parts),
    )
