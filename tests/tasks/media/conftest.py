"""A gallery, open to no foreign host; `let_in` makes one that may reach the foreign server as if it were public."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.gateway import running
from tests.store.conftest import database, databases, postgresql, sqlite
from tests.tasks.media.gallery import FOREIGN, SONG, Gallery, Studio

__all__ = ["database", "databases", "postgresql", "sqlite"]

Opened = Callable[..., AbstractAsyncContextManager[Gallery]]


@pytest.fixture
async def opened(tmp_path: Path) -> Opened:
    """Opens a gallery with settings of one's own."""

    @contextlib.asynccontextmanager
    async def open_gallery(**settings: Any) -> AsyncIterator[Gallery]:
        studio, foreign = Studio("127.0.0.1"), Studio(FOREIGN)
        for one in (studio, foreign):
            one.files["song.mp3"] = (SONG, "audio/mpeg")
        folder = tmp_path / "gateway"
        async with studio.running(), foreign.running(), running(folder, **settings) as run:
            yield await Gallery(run, studio, foreign).open()

    return open_gallery


@pytest.fixture
async def gallery(opened: Opened) -> AsyncIterator[Gallery]:
    async with opened() as gallery:
        yield gallery


@pytest.fixture
async def let_in(opened: Opened) -> AsyncIterator[Gallery]:
    async with opened(fetch_allow=(f"{FOREIGN}/32",)) as gallery:
        yield gallery
