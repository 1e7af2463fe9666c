"""Identifiers are well formed, and base 62 loses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.kit import ids


@given(st.integers(0, 2**64))
def test_base62_reads_back_equal(number: int) -> None:
    text = ids.base62_encode(number, 11)
    assert sum(ids.BASE62.index(digit) * 62**place for place, digit in enumerate(reversed(text))) == number
    assert len(text) == 11


@pytest.mark.parametrize(
    ("number", "length", "text"),
    [(0, 6, "000000"), (61, 1, "z"), (62, 2, "10"), (2**32 - 1, 6, "4gfFC3"), (3844, 2, "100")],
)
def test_base62_by_hand(number: int, length: int, text: str) -> None:
    assert ids.base62_encode(number, length) == text


def test_ids_say_what_they_name_and_differ() -> None:
    made = {ids.new_id("acc") for _ in range(200)} | {ids.request_id() for _ in range(200)}
    assert len(made) == 400
    assert {name.partition("_")[0] for name in made} == {"acc", "req"}
    assert {len(name) for name in made} == {20, 28}
    assert all(part.isalnum() for name in made for part in name.split("_"))


@pytest.mark.parametrize("length", [1, 38, 44])
def test_random_base62_has_the_length_and_the_letters(length: int) -> None:
    text = ids.random_base62(length)
    assert len(text) == length
    assert set(text) <= set(ids.BASE62)
