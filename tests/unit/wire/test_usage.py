"""Usage is small on the wire, and knows when its tokens may have prices of their own."""

import msgspec
import pytest

from pronghorn.wire.usage import Usage

PARTS = (
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_input",
    "image_input",
    "reasoning",
    "audio_output",
    "image_output",
)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_noticed(part: str) -> None:
    assert msgspec.convert({part: 1}, Usage).has_parts()


def test_totals_and_other_units_are_no_parts() -> None:
    assert not Usage(input=1, output=2, calls=1, images=1, seconds=1, characters=1).has_parts()


def test_only_what_is_not_zero_is_written() -> None:
    assert msgspec.to_builtins(Usage(input=3, image_kind="hd/1x1")) == {"input": 3, "image_kind": "hd/1x1"}
