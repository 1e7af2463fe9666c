"""What a model's name tells about the model. Of a name that is not Google's nothing is known: it may do all."""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_LATEST = re.compile(r"gemini-[a-z-]+-latest")
_ANY = (0, 0)
_BUDGETS = (("2.5-pro", 128, 32_768, False), ("2.5-flash-lite", 512, 24_576, True))
"""Part of a name, least and largest budget, whether thinking can be left out."""
_USUAL = (0, 24_576, True)


class Facts(NamedTuple):
    thinking: Literal["none", "budget", "level"]
    least_budget: int
    largest_budget: int
    can_stop_thinking: bool
    is_new: bool
    """Gemini 3 or later: refuses calls of the current turn whose first one has no signature, takes media inside a
    function's response, and a resolution for each of them."""
    mixes_tools: bool
    """Functions beside built-in tools, and either beside an answer in JSON."""


@lru_cache(maxsize=1024)
def facts(model: str) -> Facts:
    version = _version(model)
    is_new = version >= (3, 0) or _LATEST.search(model) is not None
    least, largest, can_stop = next(
        ((low, high, stops) for name, low, high, stops in _BUDGETS if name in model), _USUAL
    )
    return Facts(
        _thinking(model, version, is_new=is_new),
        least,
        largest,
        can_stop,
        is_new=is_new,
        mixes_tools=is_new or version == _ANY,
    )


def _version(model: str) -> tuple[int, int]:
    match = _VERSION.search(model)
    return (int(match[1]), int(match[2] or 0)) if match else _ANY


def _thinking(model: str, version: tuple[int, int], *, is_new: bool) -> Literal["none", "budget", "level"]:
    if "tts" in model or "embedding" in model or "gemma" in model:
        return "none"
    if is_new:
        return "level"
    if version == _ANY:
        return "budget"
    return "budget" if version >= (2, 5) and "image" not in model else "none"
