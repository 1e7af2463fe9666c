"""Door: one format in which callers ask for tasks. It reads a request, asks `Tasks`, and writes the answer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec

from pronghorn.api.tasks import spelling
from pronghorn.convert.errors import JSON_HEADER, Rendered
from pronghorn.errors import BadRequest, MethodNotAllowed, NotFound, PronghornError
from pronghorn.relay.incoming import Incoming, Sink
from pronghorn.routing import Grant
from pronghorn.tasks.media import Media
from pronghorn.tasks.service import Tasks
from pronghorn.tasks.view import Link, View

PART = 50
"""Tasks that are read and opened at once."""

T = TypeVar("T")


class Answer(NamedTuple):
    """`value` is sent as JSON; bytes as they are."""

    value: Any
    status: int = 200
    headers: Sequence[tuple[bytes, bytes]] = (JSON_HEADER,)

    @property
    def body(self) -> bytes:
        return self.value if isinstance(self.value, bytes) else msgspec.json.encode(self.value)


class Streamed(NamedTuple):
    """An answer that is told bit by bit: `send` writes it. What it raises before its first word is a refusal."""

    send: Callable[[Sink], Awaitable[None]]


class Visit:
    """One request, whoever sends it."""

    def __init__(
        self,
        *,
        method: str,
        path: str,
        query: bytes,
        incoming: Incoming,
        tasks: Tasks,
        media: Media,
        base_url: str,
    ) -> None:
        self.method = method
        self.path = path
        """Below the door's prefix, with a leading slash."""
        self.incoming = incoming
        self.tasks = tasks
        self.media = media
        self.links = tasks.links(base_url)
        self._query = query

    @property
    def query(self) -> Mapping[str, str]:
        return dict(parse_qsl(self._query.decode("latin-1"), keep_blank_values=True))


class Asked(Visit):
    """One request whose key is known."""

    def __init__(self, *, grant: Grant, fetch_allow: Sequence[str], **visit: Any) -> None:
        super().__init__(**visit)
        self.grant = grant
        self.fetch_allow = fetch_allow
        """Private networks that callers may name addresses of."""

    def body(self, *read: str) -> dict[str, Any]:
        """The body as a JSON object. `read`: members that the door looks at, or takes out. Raises `BadRequest`."""
        try:
            found = msgspec.json.decode(self.incoming.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise BadRequest("the body must be a JSON object")
        spelling.check(found, read)
        return found

    def link(self, view: View) -> Link:
        return self.links.of(view.id)

    async def task(self, task_id: str, family: str | None = None) -> View | None:
        """The caller's own; None: there is none, or it is somebody else's."""
        view = await self.tasks.get(self.grant, task_id)
        return view if view is not None and family in (None, view.family) else None

    async def several(self, ids: Iterable[str], family: str) -> AsyncIterator[View]:
        """The caller's own of these, each once, in that order.

        Part by part: what is sealed is opened, and others want to be served meanwhile.
        """
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), PART):
            part = wanted[start : start + PART]
            found = await self.tasks.many(self.grant, part)
            for one in part:
                if (view := found.get(one)) is not None and view.family == family:
                    yield view


Act = Callable[..., Awaitable[Answer | Streamed]]
"""Gets an `Asked`, and what is taken from the path."""


class Open(NamedTuple):
    """What is done for whoever asks, without a key: the path says enough. `act` gets a `Visit`."""

    act: Act
    max_body_bytes: int = 0


Handler = Act | Open


class Door(Protocol):
    @property
    def prefixes(self) -> tuple[str, ...]:
        """Of the paths that are its own, without a trailing slash."""

    def handler(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
        """What answers, and what it takes from the path. Raises `NotFound` or `MethodNotAllowed`."""

    def refusal(self, error: PronghornError, request_id: str) -> Rendered:
        """An error in this format's words."""


Routes = Mapping[tuple[str, str], Handler]
"""By method and path; `{}` in a path stands for one segment."""


def look_up(routes: Routes, method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    segments = path.split("/")
    allowed = []
    for (known_method, pattern), handler in routes.items():
        found = _taken(pattern.split("/"), segments)
        if found is not None and known_method == method:
            return handler, found
        if found is not None:
            allowed.append(known_method)
    if allowed:
        raise MethodNotAllowed(path, method, *allowed, "OPTIONS")
    raise NotFound(f"Invalid URL ({method} {path[:200]}): there is no such route")


def _taken(pattern: list[str], segments: list[str]) -> tuple[str, ...] | None:
    if len(pattern) != len(segments):
        return None
    pairs = list(zip(pattern, segments, strict=True))
    if not all((part == "{}" and segment) or part == segment for part, segment in pairs):
        return None
    return tuple(segment for part, segment in pairs if part == "{}")


def take(body: dict[str, Any], name: str, kind: type[T], default: T) -> T:
    """Of the right type, or `default` where it is missing or null. Raises `BadRequest` that names the field."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadRequest(f"{name} must be {_KINDS[kind]}", param=name)
    return value


_KINDS: dict[type, str] = {
    str: "a string",
    dict: "an object",
    list: "a list",
    bool: "true or false",
    int: "a whole number",
}


def take_callback(body: dict[str, Any]) -> str:
    """The caller's callback address, which the vendor never sees: it is taken out of the body, by whatever name."""
    found = ""
    places = [body]
    if isinstance(options := body.get("options"), dict):
        body["options"] = dict(options)  # another job may be made of the same ones
        places.append(body["options"])
    for place in places:
        for name in spelling.HOOKS:
            found = found or take(place, name, str, "").strip()
            place.pop(name, None)
    return found
