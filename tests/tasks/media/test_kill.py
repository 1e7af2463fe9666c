"""A copy whose process is killed on its way is not there: nothing half is served, and the next one does it again."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from tests.tasks.media.conftest import Opened
from tests.tasks.media.gallery import SONG

from pronghorn.tasks.shelf import DRAFT_S

COPYING = """
import asyncio, sys
from pathlib import Path
from pronghorn.settings import Settings
from pronghorn.tasks.shelf import Shelf

async def pieces():
    while True:
        yield b"x" * 1_000_000
        await asyncio.sleep(0.005)

asyncio.run(Shelf(Settings(media_store=sys.argv[1])).put("task-1/0.mp3", "audio/mpeg", pieces()))
"""


async def test_a_kill_in_the_middle_of_a_copy_leaves_nothing_half_served(
    opened: Opened, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", COPYING, str(store))
    while not (drafts := drafts_of(store)) or drafts[0].stat().st_size < 5_000_000:
        assert process.returncode is None
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    (draft,) = drafts_of(store)
    assert draft.stat().st_size >= 5_000_000
    async with opened(media_store=str(store)) as gallery:
        path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        answer, body = await gallery.get(path)
        assert (answer.status, body) == (200, SONG)
        assert len(gallery.studio.seen) >= 1  # it came from the vendor
        at_s = time.time() - DRAFT_S - 10
        os.utime(draft, (at_s, at_s))
        await gallery.mirror().round()
        gallery.studio.is_dead = True
        answer, body = await gallery.get(path)
        assert (answer.status, body) == (200, SONG)
        assert drafts_of(store) == []


def drafts_of(store: Path) -> list[Path]:
    return list(store.rglob("*#*"))
