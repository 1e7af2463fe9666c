"""The prompt cache, in earnest but for the cache: what was marked before by the same key and model counts as read.

A prompt is a row of pieces: tools, system, messages. A mark keeps everything up to its piece; a later prompt that
begins with the same pieces finds it if one of its own marks stands at most 20 pieces behind.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from pronghorn.kit.clock import Clock, SystemClock
from pronghorn.sandbox.anthropic.seal import Seal

MIN_TOKENS = 1024
LOOK_BACK = 20
MAX_REMEMBERED = 10_000
LIFE_S = {"5m": 300.0, "1h": 3600.0}


@dataclass(slots=True)
class Piece:
    text: str
    tokens: int
    mark: str = ""
    """How long everything up to here is kept, `5m` or `1h`; empty: no mark."""


@dataclass(slots=True)
class Use:
    """Disjoint parts of the prompt, in tokens."""

    plain: int = 0
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0


class Cache:
    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._kept: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        """Digest of a prompt's beginning to when it is forgotten and how long it lives after each use."""

    def use(self, pieces: list[Piece], seal: Seal) -> Use:
        """What of the prompt is read and what written; it is remembered from now on."""
        now = self._clock.monotonic()
        ends = _sums(pieces)
        digests = _digests(pieces, seal)
        marked = [index for index, piece in enumerate(pieces) if piece.mark and ends[index] >= MIN_TOKENS]
        used = Use()
        for index in _candidates(marked):
            if self._kept.get(digests[index], (0.0, ""))[0] > now:
                used.read = ends[index]
                self._keep(digests[index], self._kept[digests[index]][1], now)
                break
        end = used.read
        for index in marked:
            self._keep(digests[index], pieces[index].mark, now)
            written = max(0, ends[index] - end)
            end = max(end, ends[index])
            if pieces[index].mark == "1h":
                used.written_1h += written
            else:
                used.written_5m += written
        used.plain = (ends[-1] if ends else 0) - end
        return used

    def _keep(self, digest: bytes, life: str, now: float) -> None:
        self._kept[digest] = (now + LIFE_S[life], life)
        self._kept.move_to_end(digest)
        if len(self._kept) > MAX_REMEMBERED:
            self._kept.popitem(last=False)


def _candidates(marked: list[int]) -> list[int]:
    """Where a kept beginning may end, the longest first."""
    near = {index for mark in marked for index in range(max(0, mark - LOOK_BACK), mark + 1)}
    return sorted(near, reverse=True)


def _sums(pieces: list[Piece]) -> list[int]:
    total, sums = 0, []
    for piece in pieces:
        total += piece.tokens
        sums.append(total)
    return sums


def _digests(pieces: list[Piece], seal: Seal) -> list[bytes]:
    running = hashlib.sha256(f"{seal.credential}\0{seal.model}".encode("utf-8", "surrogateescape"))
    digests = []
    for piece in pieces:
        running.update(hashlib.sha256(piece.text.encode("utf-8", "surrogatepass")).digest())
        digests.append(running.digest())
    return digests
