"""Usage: what one request consumed, in one shape whatever the vendor.

`input` and `output` are totals; the other token counts are parts of them:
input = plain + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input,
output = plain + reasoning + audio_output + image_output.
"""

import msgspec

TOKEN_CAP = 10**12
"""No vendor counts higher; what does is a fault and never reaches a bill."""


class Usage(msgspec.Struct, omit_defaults=True, gc=False):
    """Whole numbers, never negative."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    audio_input: int = 0
    image_input: int = 0
    reasoning: int = 0
    audio_output: int = 0
    image_output: int = 0
    calls: int = 0
    images: int = 0
    image_kind: str = ""
    """What the pictures are priced by, `<quality>/<size>` such as `hd/1024x1792`."""
    seconds: int = 0
    characters: int = 0
    is_estimated: bool = False
    """The vendor gave no usable count: these are ours."""
    kind: str = ""
    """What seconds and calls are priced by, such as `1080p/audio` or `imagine/fast`."""

    def has_parts(self) -> bool:
        """Some tokens may have a price of their own."""
        return bool(
            self.cache_read
            or self.cache_write_5m
            or self.cache_write_1h
            or self.audio_input
            or self.image_input
            or self.reasoning
            or self.audio_output
            or self.image_output
        )
