"""Log probabilities of an answer: every token is certain but for a little; the others are it in other letters."""

from typing import Any
from zlib import crc32

LOG_PROBABILITY = -0.01
STEP = 2.0

Shape = dict[str, Any]


def of(pieces: list[Shape], top: int) -> Shape:
    """The fields of a candidate that tell about its text."""
    tokens = [piece["text"] for piece in pieces if piece.get("text") and not piece.get("thought")]
    result: Shape = {"chosenCandidates": [_one(token, 0) for token in tokens]}
    if top:
        result["topCandidates"] = [{"candidates": _alternatives(token, top)} for token in tokens]
    return {"avgLogprobs": LOG_PROBABILITY, "logprobsResult": result}


def _alternatives(token: str, top: int) -> list[Shape]:
    numbered = (f"{token}{number}" for number in range(top))
    spelled = dict.fromkeys((token, token.upper(), token.lower(), token.title(), *numbered))
    return [_one(text, place) for place, text in enumerate(list(spelled)[:top])]


def _one(token: str, place: int) -> Shape:
    number = crc32(token.encode("utf-8", "replace")) % 256_000
    return {"token": token, "tokenId": number, "logProbability": LOG_PROBABILITY - STEP * place}
