"""Counting without its helper process: what needs no tokenizer never starts one."""

import pytest

from pronghorn.ledger import tokens
from pronghorn.ledger.tokens import Tokenizer


async def test_nothing_is_no_tokens() -> None:
    tokenizer = Tokenizer()
    assert await tokenizer.count("") == 0
    tokenizer.close()


async def test_a_text_beyond_the_cap_is_counted_in_bytes() -> None:
    tokenizer = Tokenizer()
    length = tokens.MAX_COUNTED_CHARACTERS + 4
    assert await tokenizer.count("a" * length) == length // 4
    tokenizer.close()


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("中国的" * 100_000, 100_000, 300_000),  # and so is this, with fewer characters
        ("\U0010fffd" * 100_000, 300_000, 400_000),
        ("hello " * 200_000, 200_000, 200_024),  # longer than the library takes at once
        ("say <|endoftext|> twice", 6, 12),  # what a caller writes is text, never a control token
        ("\ud800 half of a pair", 4, 12),
    ],
)
async def test_any_text_is_counted(text: str, low: int, high: int) -> None:
    tokenizer = Tokenizer()
    assert low <= await tokenizer.count(text) <= high
    tokenizer.close()
