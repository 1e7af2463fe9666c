"""A prompt of megabytes is counted quickly, and whoever asks meanwhile does not wait for it."""

import asyncio
import io
import json
import random
import time
from typing import Any

import aiohttp
import pytest

from pronghorn.sandbox import counting

MEGABYTES = "word " * 2_000_000
PARTS = ["word " * 10_000] * 200
VERSION = {"anthropic-version": "2023-06-01"}
MOST_S = 0.5
"""Of the processor, in one turn of the event loop."""

ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": MEGABYTES}]}),
    "many messages": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": text} for text in PARTS]},
    ),
    "completions": ("/v1/completions", {"prompt": MEGABYTES}),
    "responses": ("/v1/responses", {"input": MEGABYTES}),
    "messages": ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": MEGABYTES}]}),
    "generate": ("/v1beta/models/gemini-2.5-flash:generateContent", {"contents": [{"parts": [{"text": MEGABYTES}]}]}),
    "embeddings": ("/v1/embeddings", {"input": MEGABYTES[: 2**20]}),
    "rerank": ("/v1/rerank", {"query": "word", "documents": [MEGABYTES[: 2**20]]}),
}  # fmt: skip


@pytest.mark.parametrize("what", ASKED)
async def test_megabytes_hold_nobody_up(client: aiohttp.ClientSession, what: str) -> None:
    path, body = ASKED[what]
    model = {} if "models/" in path else {"model": "claude-sonnet-4-5" if "messages" in path else "m"}
    data = io.BytesIO(json.dumps(model | body).encode())
    done = asyncio.Event()
    longest = asyncio.create_task(longest_turn(done))
    async with client.post(path, data=data, headers={"content-type": "application/json"} | VERSION) as answer:
        assert answer.status == 200 or "too long" in await answer.text()
    done.set()
    assert await longest < MOST_S


async def longest_turn(done: asyncio.Event) -> float:
    """Seconds of this thread's work between two turns of the loop: what others do on the machine is left out."""
    longest, before = 0.0, time.thread_time()
    while not done.is_set():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    return longest


# The rule of counting


def plainly(text: str) -> int:
    """The rule once more, character by character."""
    count, room = 0, 0
    for character in text:
        is_letter = character.isalnum()
        width = len(character.encode("utf-8", "replace"))
        if character.isspace():
            count += not count
            room = 0
        elif not is_letter or width > room:
            count += 1
            room = 4 - width if is_letter else 0
        else:
            room -= width
    return count


def test_a_run_of_letters_is_a_token_for_each_four_bytes_begun() -> None:
    assert counting.tokens("hello world, 漢字 é😀!") == [
        "hell",
        "o ",
        "worl",
        "d",
        ", ",
        "漢",
        "字 ",
        "é",
        "😀",
        "!",
    ]
    chosen = random.Random(7)
    alphabet = "abcZ09 _-.,\n\té\u00a0ßж漢あ😀𝒜\u0301\ud800²٣"
    for _ in range(20_000):
        text = "".join(chosen.choices(alphabet, k=chosen.randrange(20)))
        tokens = counting.tokens(text)
        assert "".join(tokens) == text
        assert len(tokens) == counting.count(text) == plainly(text), repr(text)


def test_a_long_text_counts_in_proportion_to_its_beginning() -> None:
    assert counting.count("a " * 5_000) == 5_000
    assert counting.count("word" * 100_000) == 100_000
    assert counting.count(MEGABYTES) == pytest.approx(2_000_000, rel=0.01)
