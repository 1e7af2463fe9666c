"""An HTTP client that hides nothing: the bytes of an answer, when they came, and whether it was whole."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

CANARY = "sk-canary-5b1d9e0f"
"""The channels' credential; no answer may ever contain it."""
ANSWER_S = 15.0


@dataclass
class RawAnswer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)
    is_whole: bool = False
    """Its end came as its framing promised."""

    def header(self, name: str) -> str:
        return ", ".join(value for found, value in self.headers if found == name)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """Of an answer that is one, or of the last event of a stream."""
        text = self.body
        if text.startswith((b"data:", b":")):
            text = text.rstrip().rpartition(b"data: ")[2]
        found: dict[str, Any] = json.loads(text)["error"]
        return found


def request(
    method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """The bytes of a request; content-length and host are added where they are missing."""
    lines = {"host": "127.0.0.1"} | (headers or {})
    if body is not None and "transfer-encoding" not in lines:
        lines.setdefault("content-length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")


OnData = Callable[[RawAnswer], None]


class RawConnection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, is_head: bool = False, on_data: OnData | None = None) -> RawAnswer:
        async with asyncio.timeout(ANSWER_S):
            found = await self.head()
            await self.rest(found, is_head=is_head, on_data=on_data)
        return found

    async def head(self) -> RawAnswer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        assert CANARY not in head
        first, *lines = head[:-4].split("\r\n")
        pairs = [line.partition(":") for line in lines]
        answer = RawAnswer(int(first.split(" ")[1]), [(n.lower(), v.strip()) for n, _, v in pairs])
        return await self.head() if answer.status == 100 else answer

    async def rest(self, answer: RawAnswer, *, is_head: bool = False, on_data: OnData | None = None) -> None:
        """Reads to the end, or to where it breaks off; `on_data` is called after each chunk."""
        if is_head or answer.status in (204, 304):
            answer.is_whole = True
            return
        try:
            if answer.header("transfer-encoding") == "chunked":
                while size := int(await self._line(), 16):
                    self._keep(answer, await self.reader.readexactly(size))
                    if on_data is not None:
                        on_data(answer)
                    assert await self.reader.readexactly(2) == b"\r\n"
                assert await self.reader.readexactly(2) == b"\r\n"
            else:
                self._keep(answer, await self.reader.readexactly(int(answer.header("content-length"))))
            answer.is_whole = True
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        assert CANARY.encode() not in answer.body

    async def _line(self) -> bytes:
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise asyncio.IncompleteReadError(line, None)
        return line

    @staticmethod
    def _keep(answer: RawAnswer, data: bytes) -> None:
        answer.arrivals.append((time.monotonic(), data))
        answer.body += data

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def connect(port: int, *, limit: int = 2**20) -> AsyncIterator[RawConnection]:
    connection = RawConnection(*await asyncio.open_connection("127.0.0.1", port, limit=limit))
    try:
        yield connection
    finally:
        await connection.close()


async def call(port: int, data: bytes, *, is_head: bool = False, on_data: OnData | None = None) -> RawAnswer:
    """One request on a connection of its own."""
    async with connect(port) as connection:
        await connection.send(data)
        return await connection.answer(is_head=is_head, on_data=on_data)
