"""Routes: what the operator lets a model's name lead to: other models, an order of asking, and who stands in."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

Policy = Literal["weight", "latency", "price", "load"]
Cause = Literal["context_too_long", "content_filter", "unavailable"]
CAUSES: tuple[Cause, ...] = ("context_too_long", "content_filter", "unavailable")
_MAX_REMEMBERED = 10_000


class Route(msgspec.Struct, frozen=True):
    name: str
    """A model's name, an alias, or a pattern with `*`."""
    models: tuple[str, ...] = ()
    """What is served, best first; empty: the model of the asked name."""
    policy: Policy | None = None
    fallbacks: dict[Cause, tuple[str, ...]] = {}


class Routes:
    """Never changed. The longest pattern that fits a name holds; the name itself comes before all."""

    __slots__ = ("_exact", "_found", "_patterns")

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        found = list(routes)
        self._exact = {route.name: route for route in found if "*" not in route.name}
        patterns = [route for route in found if "*" in route.name]
        self._patterns = sorted(patterns, key=lambda route: (-len(route.name), route.name))
        self._found: dict[str, Route | None] = {}

    def __bool__(self) -> bool:
        return bool(self._exact or self._patterns)

    def of(self, name: str) -> Route | None:
        route = self._exact.get(name)
        if route is None and self._patterns:
            if name in self._found:
                return self._found[name]
            route = next((r for r in self._patterns if fnmatchcase(name, _literal(r.name))), None)
            if len(self._found) < _MAX_REMEMBERED:  # callers make names up
                self._found[name] = route
        return route

    def aliases(self) -> dict[str, Route]:
        """The names that lead to something, without the patterns."""
        return {name: route for name, route in self._exact.items() if route.models}


def _literal(pattern: str) -> str:
    """Only `*` means anything."""
    return pattern.replace("[", "[[]").replace("?", "[?]")
