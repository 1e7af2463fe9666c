"""Shelf: copies of what tasks made, in a folder or an object store of the operator's, each there whole or not at all.

What it needs is loaded when the first copy is made or asked for.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pronghorn.kit.later import Later
from pronghorn.settings import Settings
from pronghorn.tasks.span import Span

if TYPE_CHECKING:
    import obstore
    from obstore import exceptions as refusals
    from obstore import store as stores
else:
    obstore = Later("obstore")
    refusals = Later("obstore.exceptions")
    stores = Later("obstore.store")

PIECE_BYTES = 256 * 1024
PARTS_AT_ONCE = 2
"""Of one copy on its way to an object store; each takes 5 MiB of memory."""
DELETED_AT_ONCE = 100
MARK = "pronghorn-media"
"""An object that says whose all others here are: what is old is deleted, so nothing of anybody else may lie here."""
DRAFT_S = 86_400.0
"""A draft of a copy that is older was left by a process that died."""
_DRAFT = re.compile(r"#\d+\Z")
_CLIENT: Any = {
    "timeout": timedelta(minutes=10),
    "connect_timeout": timedelta(seconds=5),
    "allow_http": True,  # where the operator's endpoint says so
}
_RETRY: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}


class ShelfError(Exception):
    """The folder or object store did not do what it should."""


class Copy(NamedTuple):
    """One that is there. With `start` and `stop` None nothing of it was asked for that it has."""

    size: int
    kind: str
    """Its content type, where the store remembers it."""
    start: int | None
    stop: int | None
    pieces: AsyncGenerator[bytes, None]


class Shelf:
    """One for the process."""

    def __init__(self, settings: Settings) -> None:
        self._place = settings.media_store
        self._is_folder = "://" not in self._place
        self._made: Any = None
        self._is_ours = False

    @property
    def _store(self) -> Any:
        if self._made is None:
            if self._is_folder:
                self._made = stores.LocalStore(Path(self._place), mkdir=True, automatic_cleanup=True)
            else:
                # Credentials, endpoint and region come from the variables that each store's own tools know.
                self._made = stores.from_url(self._place, client_options=_CLIENT, retry_config=_RETRY)
        return self._made

    async def has(self, key: str) -> bool:
        with _translated():
            try:
                await obstore.head_async(self._store, key)
            except FileNotFoundError:
                return False
            return True

    async def open(self, key: str, span: Span | None = None) -> Copy | None:
        """None: it is not there. Raises `ShelfError`."""
        with _translated():
            try:
                meta = await obstore.head_async(self._store, key)
                size = meta["size"]
                place = (0, size) if span is None else span.of(size)
                if place is None:
                    return Copy(size, "", None, None, _nothing())
                if not size:
                    return Copy(0, "", 0, 0, _nothing())
                found = await obstore.get_async(self._store, key, options={"range": place})
            except FileNotFoundError:
                return None
        kind = str(found.attributes.get("Content-Type", ""))
        return Copy(size, kind, *place, _pieces(found))

    async def put(self, key: str, kind: str, pieces: AsyncIterator[bytes]) -> None:
        """It is there once all of it is; where `pieces` raise, nothing is. Raises `ShelfError`."""
        attributes = None if self._is_folder else {"Content-Type": kind}
        with _translated():
            await self._make_ours()
            await obstore.put_async(
                self._store, key, pieces, attributes=attributes, max_concurrency=PARTS_AT_ONCE
            )

    async def forget(self, before_s: float) -> int:
        """Delete what was copied before then; gives how many that were. Raises `ShelfError`."""
        old: list[str] = []
        count, before = 0, datetime.fromtimestamp(before_s, UTC)
        with _translated():
            await self._make_ours()
            async for batch in obstore.list(self._store):
                old += [one["path"] for one in batch if one["last_modified"] < before and one["path"] != MARK]
                while len(old) >= DELETED_AT_ONCE:
                    some, old = old[:DELETED_AT_ONCE], old[DELETED_AT_ONCE:]
                    count += await self._delete(some)
        return count + await self._delete(old)

    async def sweep(self) -> None:
        """Delete what a copy left that was killed on its way. An object store has a rule of its own for that."""
        if self._is_folder:
            with _translated():
                await self._make_ours()
            await asyncio.to_thread(_sweep, Path(self._place), time.time() - DRAFT_S)

    async def _make_ours(self) -> None:
        """Raises `ShelfError` if something lies here that is not ours."""
        if self._is_ours or await self.has(MARK):
            self._is_ours = True
            return
        async for batch in obstore.list(self._store, chunk_size=1):
            if batch and not await self.has(MARK):
                raise ShelfError(
                    "media_store is not empty, and what lies there was not put there by Pronghorn"
                )
            break
        await obstore.put_async(self._store, MARK, b"Copies of what tasks made; old ones are deleted.\n")
        self._is_ours = True

    async def _delete(self, keys: list[str]) -> int:
        with _translated(), contextlib.suppress(FileNotFoundError):  # another worker was faster
            if keys:
                await obstore.delete_async(self._store, keys)
        return len(keys)


async def _pieces(found: Any) -> AsyncGenerator[bytes, None]:
    with _translated():
        async for piece in found.stream(min_chunk_size=PIECE_BYTES):
            yield bytes(piece)


async def _nothing() -> AsyncGenerator[bytes, None]:
    empty: tuple[bytes, ...] = ()
    for piece in empty:
        yield piece


def _sweep(folder: Path, before_s: float) -> None:
    for path in folder.rglob("*#*"):
        with contextlib.suppress(OSError):
            if _DRAFT.search(path.name) and path.stat().st_mtime < before_s:
                path.unlink()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (refusals.BaseError, OSError, ValueError, NotImplementedError) as error:
        raise ShelfError(str(error).partition("\n")[0][:300]) from error
