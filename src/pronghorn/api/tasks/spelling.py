"""Spelling: members of a body whose names are almost those that a door reads.

Many servers read names without regard to case: what we have not seen, because it is spelled otherwise, would be what
they do. So it is refused.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from pronghorn.errors import BadRequest

HOOKS = (
    *("notify_hook", "notifyHook", "callback_url", "callbackUrl", "callBackUrl"),
    *("webhook", "webhook_url", "webhookOverride"),
)
"""All names that vendors have for the address of a callback; some have them in `options`."""


def check(body: Any, names: Iterable[str]) -> None:
    """At whatever depth. Raises `BadRequest`."""
    known = {*names, *HOOKS, "options"}
    spelled = {folded(name): name for name in sorted(known)}
    for one in objects_in(body):
        for name in one.keys() - known:
            if (right := spelled.get(folded(name))) is not None:
                raise BadRequest(f"{name[:80]}: write {right}, as it is called here", param=name[:80])


def objects_in(body: Any) -> Iterator[dict[str, Any]]:
    """All of them, itself included, at whatever depth."""
    left = [body]
    while left:
        one = left.pop()
        if isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            left += one.values()
            yield one


def folded(name: str) -> str:
    """Equal for names that some server takes for one."""
    return name.casefold().replace("_", "")
