"""Token counts of our own, for when a vendor gives none: exact for OpenAI's newer models, close for others.

The tokenizer is large (150 MB of memory) and rarely needed, so it lives in a process of its own that starts at
the first count; the server neither grows nor stops for it.
"""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from importlib import import_module
from typing import Any

ENCODING = "o200k_base"
MAX_COUNTED_CHARACTERS = 8_000_000
PIECE_CHARACTERS = 50_000
"""At most four bytes each, and no more tokens than bytes: the library takes no more than 200,000 tokens at once."""


class Tokenizer:
    """Counts in a helper process. `close` it in the end."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def count(self, text: str) -> int:
        """Tokens of `text`; a text beyond the cap is counted in bytes / 4."""
        if not text:
            return 0
        if len(text) > MAX_COUNTED_CHARACTERS:
            return len(text.encode("utf-8", "replace")) // 4
        for _ in range(2):
            if self._pool is None:
                self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
            try:
                return await asyncio.get_running_loop().run_in_executor(self._pool, _count, text)
            except BrokenProcessPool:
                self._pool = None
        return len(text.encode("utf-8", "replace")) // 4

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _count(text: str) -> int:
    """In pieces. A cut adds a token at the very most."""
    plain = text.encode("utf-8", "replace").decode()
    pieces = (plain[start : start + PIECE_CHARACTERS] for start in range(0, len(plain), PIECE_CHARACTERS))
    return sum(len(_encoding().encode_ordinary(piece)) for piece in pieces)


@cache
def _encoding() -> Any:
    # Imported here and by name because only the helper process may pay for it.
    return import_module("bpe_openai").get_encoding(ENCODING)
