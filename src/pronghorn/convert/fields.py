"""Reading one object of a request: what is taken is understood, what nobody took is named by its JSON path.

Values of the wrong kind raise `BadRequest` that names the field, before anything is spent.
"""

from typing import Any, TypeVar

from pronghorn.errors import BadRequest

Json = dict[str, Any]
T = TypeVar("T")


class Fields:
    """`at` is the object's own path, such as `$` or `$.messages[0]`."""

    __slots__ = ("_taken", "at", "members")

    def __init__(self, value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise wrong(at, "an object")
        self.members: Json = value
        self.at = at
        self._taken: set[str] = set()

    def path(self, name: str) -> str:
        return f"{self.at}.{name}"

    def take(self, name: str) -> Any:
        """The value, of whatever kind; None if it is not there or null."""
        value = self.members.get(name)
        if value is not None:
            self._taken.add(name)
        return value

    def text(self, name: str) -> str | None:
        return self._kind(name, str, "a string")

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            path = self.path(name)
            raise BadRequest(
                f"`{path}` is missing", param=path.removeprefix("$."), code="missing_required_parameter"
            )
        return value

    def flag(self, name: str) -> bool | None:
        return self._kind(name, bool, "true or false")

    def integer(self, name: str) -> int | None:
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong(self.path(name), "a whole number")
        return value

    def number(self, name: str) -> float | None:
        value = self.take(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise wrong(self.path(name), "a number")
        return value

    def listing(self, name: str) -> list[Any] | None:
        return self._kind(name, list, "a list")

    def strings(self, name: str) -> list[str] | None:
        """A list of strings; a single string is a list of one."""
        value = self.take(name)
        if isinstance(value, str):
            return [value]
        if value is not None and not (
            isinstance(value, list) and all(isinstance(item, str) for item in value)
        ):
            raise wrong(self.path(name), "a string or a list of strings")
        return value

    def mapping(self, name: str) -> Json | None:
        return self._kind(name, dict, "an object")

    def nested(self, name: str) -> "Fields | None":
        value = self.take(name)
        return None if value is None else Fields(value, self.path(name))

    def left(self) -> list[str]:
        """Paths of members that are there, not null, and that nobody took."""
        if len(self._taken) == len(self.members):
            return []
        return [
            self.path(name)
            for name, value in self.members.items()
            if name not in self._taken and value is not None
        ]

    def _kind(self, name: str, kind: type[T], called: str) -> T | None:
        value = self.members.get(name)
        if value is None:  # as most fields of most requests are
            return None
        self._taken.add(name)
        if not isinstance(value, kind):
            raise wrong(self.path(name), called)
        return value


def wrong(path: str, wanted: str) -> BadRequest:
    return BadRequest(f"`{path}` must be {wanted}", param=path.removeprefix("$."), code="invalid_type")
