"""What a Claude model takes, told by its name. Newer names than these are taken to be like the newest.

Other vendors' models behind this dialect are taken to be like the older Claude ones, which refuse the least.
"""

import re
from functools import lru_cache
from typing import Literal

import msgspec

_NEW_NAME = re.compile(r"(opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_OLD_NAME = re.compile(r"claude-(\d)(?:[-.](\d))?(?:-(opus|sonnet|haiku))?")
_ALWAYS_THINKING = ("fable", "mythos")


class Facts(msgspec.Struct, frozen=True):
    thinking: Literal["none", "manual", "adaptive"] = "manual"
    """By a budget of tokens, or as much as the model sees fit for an effort."""
    can_stop_thinking: bool = True
    takes_xhigh: bool = False
    sampling: Literal["all", "one", "none"] = "all"
    """`one`: temperature or `top_p`, not both."""
    takes_system_inside: bool = False
    """System messages after a user's."""
    takes_schema: bool = False
    """Strict tools, and answers by a JSON Schema."""


@lru_cache(maxsize=1024)
def facts(model: str) -> Facts:
    name = model.lower()
    family, version = _parse(name)
    if version is None:
        return Facts()
    return Facts(
        thinking="none" if version < (3, 7) else "manual" if version < (4, 6) else "adaptive",
        can_stop_thinking=family not in _ALWAYS_THINKING,
        takes_xhigh=version >= (4, 7),
        sampling="all" if version < (4, 1) else "one" if version < (4, 7) else "none",
        takes_system_inside=version >= (4, 8),
        takes_schema=version >= (4, 5) or (family, version) == ("opus", (4, 1)),
    )


def _parse(name: str) -> tuple[str, tuple[int, int] | None]:
    """Family and version; no version for a model that is not Claude."""
    if found := _NEW_NAME.search(name):
        return found[1], (int(found[2]), int(found[3] or 0))
    if found := _OLD_NAME.search(name):
        return found[3] or "", (int(found[1]), int(found[2] or 0))
    return "", (99, 0) if "claude" in name else None
