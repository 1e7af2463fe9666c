"""A way to PostgreSQL that can be made slow: its answers are kept back for a while."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


class SlowSocket:
    """Its folder stands for the server's own in a database's URL."""

    def __init__(self, target: Path, folder: Path) -> None:
        self.folder = folder
        self.delay_s = 0.0
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, there = await asyncio.open_unix_connection(str(self._target / SOCKET))
        except OSError:
            writer.close()
            return
        loop = asyncio.get_running_loop()
        asks, answers = self._pass(reader, there), self._pass(back, writer, is_answer=True)
        for task in (loop.create_task(asks), loop.create_task(answers)):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if is_answer and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def slow_socket(target: Path) -> AsyncIterator[SlowSocket]:
    """`target`: the folder of the server's own socket."""
    with tempfile.TemporaryDirectory(prefix="pronghorn-slow-") as name:
        found = SlowSocket(target, Path(name))
        server = await asyncio.start_unix_server(found.accept, str(found.folder / SOCKET))
        try:
            yield found
        finally:
            server.close()
            await found.close()
