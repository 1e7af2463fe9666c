"""Counting without its helper process: what needs no tokenizer never starts one."""

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
