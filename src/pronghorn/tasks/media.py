"""Media: what a task made, given to a caller from the operator's own copy, or from its vendor through the gateway.

Nothing is held as a whole, but for a picture that is made smaller. Copies are made by the worker, and of what it has
not copied when it is first asked for.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pronghorn.errors import NotFound, PronghornError, UpstreamTimeout
from pronghorn.kit.clock import Clock
from pronghorn.kit.later import Later
from pronghorn.settings import Settings
from pronghorn.tasks.family import load
from pronghorn.tasks.fetching import Fetched, Home, fetch, home_of
from pronghorn.tasks.kinds import ANY, kind_of
from pronghorn.tasks.links import addresses
from pronghorn.tasks.shelf import Copy, Shelf, ShelfError
from pronghorn.tasks.span import Span
from pronghorn.tasks.view import View

if TYPE_CHECKING:
    from pronghorn.tasks import thumbnails
    from pronghorn.tasks.service import Tasks
else:
    thumbnails = Later("pronghorn.tasks.thumbnails")

COPIES_AT_ONCE = 4
COPY_S = 900.0
"""Whoever drips for longer keeps others waiting."""
SHRUNK_AT_ONCE = 2
DAY_MS = 86_400_000

log = structlog.get_logger()


class Medium(NamedTuple):
    """One file, or the part of it that was asked for. `close` it in the end."""

    status: int
    """200; 206: a part; 416: there is no such part."""
    kind: str
    length: int | None
    """None: nobody knows before the end."""
    place: str
    """Of a part: what `Content-Range` says."""
    has_parts: bool
    """A part of it may be asked for."""
    pieces: AsyncGenerator[bytes, None]
    give_up: Callable[[], None]
    """Ends the waiting for the next piece."""
    close: Callable[[], Awaitable[None]]


class Media:
    """One for the process."""

    def __init__(self, tasks: "Tasks", settings: Settings, clock: Clock) -> None:
        self._tasks = tasks
        self._settings = settings
        self._clock = clock
        self._shelf = Shelf(settings) if settings.media_store else None
        self._copying: dict[str, asyncio.Task[None]] = {}
        self._shrinking = asyncio.Semaphore(SHRUNK_AT_ONCE)

    async def open(self, view: View, name: str, *, span: Span | None = None, width: int = 0) -> Medium:
        """`width`: of a picture, made smaller. Raises `NotFound`, `BadRequest`, `MediumGone` or an `UpstreamError`."""
        url = addresses(load()[view.family], view).get(name)
        if not url:
            raise NotFound
        medium = await self._opened(view, name, url, None if width else span)
        if not width:
            return medium
        try:
            async with self._shrinking:
                small = await thumbnails.shrunk(medium.pieces, width)
        finally:
            await medium.close()
        return _in_memory(small.data, small.kind)

    async def _opened(self, view: View, name: str, url: str, span: Span | None) -> Medium:
        key = f"{view.id}/{name}"
        is_kept = self._shelf is not None and view.state == "succeeded"
        if is_kept and (copy := await self._copy(key, span)) is not None:
            return _of_copy(copy, name, is_part=span is not None)
        home = home_of(self._tasks.channel_of(view))
        medium = await _of_vendor(url, home, self._settings, name, span)
        if is_kept and is_young(view, self._settings, self._clock):
            self._copy_later(key, name, url, home)
        return medium

    async def _copy(self, key: str, span: Span | None) -> Copy | None:
        assert self._shelf is not None
        try:
            return await self._shelf.open(key, span)
        except ShelfError as error:
            log.warning("media.store_failed", key=key, error=str(error))
            return None

    def _copy_later(self, key: str, name: str, url: str, home: Home | None) -> None:
        """Beside what the caller gets: that may be a part, and go slowly."""
        if key in self._copying or len(self._copying) >= COPIES_AT_ONCE:
            return
        copying = asyncio.get_running_loop().create_task(self._copied(key, name, url, home))
        self._copying[key] = copying
        copying.add_done_callback(lambda _: self._copying.pop(key, None))

    async def _copied(self, key: str, name: str, url: str, home: Home | None) -> None:
        assert self._shelf is not None
        try:
            await copy(self._shelf, key, name, url, home, self._settings)
        except Exception as error:
            log.warning("media.not_copied", key=key, error=repr(error))


def is_young(view: View, settings: Settings, clock: Clock) -> bool:
    """A copy of it would be kept now."""
    days = settings.media_keep_days
    return not days or (view.finished_ms or 0) > clock.now() * 1000 - days * DAY_MS


async def copy(shelf: Shelf, key: str, name: str, url: str, home: Home | None, settings: Settings) -> None:
    """Raises a `PronghornError` or a `ShelfError`; then nothing was copied."""
    fetched = await fetch(url, home, settings, {})
    try:
        kind = kind_of(fetched.header("content-type"), name)
        async with asyncio.timeout(COPY_S):
            await shelf.put(key, kind, fetched.pieces())
    except TimeoutError as error:
        raise UpstreamTimeout(f"the vendor took longer than {COPY_S:g} s for the whole file") from error
    finally:
        await fetched.close()


async def _of_vendor(url: str, home: Home | None, settings: Settings, name: str, span: Span | None) -> Medium:
    fetched = await fetch(url, home, settings, {"range": span.header} if span is not None else {})
    try:
        kind = kind_of(fetched.header("content-type"), name) if fetched.status != 416 else ANY
    except PronghornError:
        await fetched.close()
        raise
    has_parts = fetched.status != 200 or fetched.header("accept-ranges").lower() == "bytes"
    place = _place(fetched) if fetched.status != 200 else ""
    return Medium(
        fetched.status,
        kind,
        fetched.length,
        place,
        has_parts,
        fetched.pieces(),
        fetched.give_up,
        fetched.close,
    )


def _place(fetched: Fetched) -> str:
    text = fetched.header("content-range")
    return text if text.startswith("bytes ") and text.isascii() and text.isprintable() else ""


def _of_copy(copy: Copy, name: str, *, is_part: bool) -> Medium:
    async def close() -> None:
        await copy.pieces.aclose()

    if copy.start is None or copy.stop is None:
        place = f"bytes */{copy.size}"
        return Medium(416, ANY, 0, place, True, copy.pieces, _nobody_waits, close)
    length = copy.stop - copy.start
    place = f"bytes {copy.start}-{copy.stop - 1}/{copy.size}" if is_part else ""
    kind = kind_of(copy.kind, name)
    return Medium(206 if is_part else 200, kind, length, place, True, copy.pieces, _nobody_waits, close)


def _in_memory(data: bytes, kind: str) -> Medium:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield data

    found = pieces()
    return Medium(200, kind, len(data), "", False, found, _nobody_waits, found.aclose)


def _nobody_waits() -> None:
    """A copy's next piece is always near."""
