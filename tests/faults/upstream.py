"""A scripted vendor on a raw socket: what it says, when it hangs up and what it saw are up to the test."""

import asyncio
import contextlib
import enum
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

KEPT_BODY = 1024 * 1024
"""More of a request's body is counted, not kept."""
DEADLINE_S = 5.0


class End(enum.Enum):
    """How a script may go on after its bytes; a script without one keeps the connection."""

    CLOSE = "close"
    RESET = "reset"
    SILENT = "silent"
    EARLY = "early"
    """As the first step: begin without waiting for the request's body."""


@dataclass
class Seen:
    """One request as the vendor got it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    at: float
    body: bytes = b""
    body_bytes: int = 0
    sent_bytes: int = 0
    """Of the answer, handed to the kernel or waiting for it."""
    has_body: asyncio.Event = field(default_factory=asyncio.Event)
    """Its first byte has come."""
    is_complete: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    closed_at: float = 0.0
    """When the gateway closed the connection."""

    def header(self, name: str) -> str:
        return ", ".join(value for found, value in self.headers if found == name)

    def json(self) -> Any:
        return json.loads(self.body)


Play = Callable[[asyncio.StreamWriter, Seen], Awaitable[None]]
Step = bytes | asyncio.Event | End | Play
"""Send, wait for, end, or do."""


class ScriptedUpstream:
    """Plays what `choose` gives for each request; `seen` are the requests that came."""

    def __init__(self) -> None:
        self.choose: Callable[[Seen], Sequence[Step]] = lambda _: whole({})
        self.seen: list[Seen] = []
        self.url = ""
        self.connections = 0
        self._is_early = False
        self._arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def plays(self, *steps: Step) -> None:
        """The same for every request from now on, of which `seen` then tells."""
        self._is_early = steps[:1] == (End.EARLY,)
        script = steps[1:] if self._is_early else steps
        self.choose = lambda _: script
        self.seen = []

    async def start(self) -> "ScriptedUpstream":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024, limit=2**20)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def reached(self, count: int = 1) -> Seen:
        """Waits for the request of that number, and gives it."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.seen) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.seen[count - 1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also where it was cancelled before it began

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        seen: Seen | None = None
        try:
            while True:
                seen = await self._read_head(reader)
                if not self._is_early:
                    await _read_body(reader, seen)
                if not await self._play_watched(list(self.choose(seen)), reader, writer, seen):
                    return
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass  # gone, or after an early answer the rest of a body where a head should be
        finally:
            self.connections -= 1
            if seen is not None:
                seen.closed_at = time.monotonic()
                seen.closed.set()
            writer.close()

    async def _read_head(self, reader: asyncio.StreamReader) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in head[1:] if line)]
        seen = Seen(method, path, headers, time.monotonic())
        self.seen.append(seen)
        self._arrived.set()
        return seen

    async def _play_watched(
        self,
        steps: list[Step],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seen: Seen,
    ) -> bool:
        """False once the connection is at its end, whoever ended it."""
        playing = asyncio.ensure_future(_play(steps, writer, seen))
        watching = asyncio.ensure_future(_watch(reader))
        try:
            await asyncio.wait((playing, watching), return_when=asyncio.FIRST_COMPLETED)
            if watching.done() or playing.cancelled() or playing.exception() is not None:
                return False
            return playing.result()
        finally:
            for task in (playing, watching):
                task.cancel()
            await asyncio.gather(playing, watching, return_exceptions=True)


async def _watch(reader: asyncio.StreamReader) -> None:
    """Ends when the gateway hangs up; what it still sends is thrown away only if a script began early."""
    while not reader.at_eof():
        if reader._buffer:  # type: ignore[attr-defined]
            await asyncio.sleep(0.005)  # the next request: for `_serve`
            continue
        await reader._wait_for_data("watch")  # type: ignore[attr-defined]


async def _play(steps: list[Step], writer: asyncio.StreamWriter, seen: Seen) -> bool:
    for step in steps:
        if isinstance(step, bytes):
            writer.write(step)
            seen.sent_bytes += len(step)
            await writer.drain()
            await asyncio.sleep(0)
        elif isinstance(step, asyncio.Event):
            await step.wait()
        elif step is End.SILENT:
            await asyncio.Event().wait()
        elif isinstance(step, End):
            if step is End.RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.close()
            return False
        else:
            await step(writer, seen)
    return True


async def _read_body(reader: asyncio.StreamReader, seen: Seen) -> None:
    if seen.header("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            await _take(reader, seen, size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        await _take(reader, seen, int(seen.header("content-length") or 0))
    seen.is_complete = True


async def _take(reader: asyncio.StreamReader, seen: Seen, size: int) -> None:
    while size:
        data = await reader.read(min(size, 256 * 1024))
        if not data:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(data)
        seen.body_bytes += len(data)
        if len(seen.body) < KEPT_BODY:
            seen.body += data
        seen.has_body.set()


# What a vendor says

STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(
    document: Any, status: str = "200 OK", *, kind: str = "application/json", headers: str = ""
) -> tuple[bytes]:
    """A complete answer; `document` is bytes, or anything that JSON can say."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return (head.encode() + body,)


def completion(text: str = "one two three", usage: Any = USAGE, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage} | more


def event(**members: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps({"id": "c", "object": "chat.completion.chunk", **members}).encode()


def delta(text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    inner = more if text is None else {"content": text, **more}
    return event(choices=[{"index": 0, "delta": inner, "finish_reason": finish}])


ROLE, ONE, TWO, FINISH = delta("", role="assistant"), delta("one"), delta(" two"), delta(finish="stop")
USED, DONE = event(choices=[], usage=USAGE), b"data: [DONE]\n\n"
EVENTS = (ROLE, ONE, TWO, FINISH, USED, DONE)


def stream(*events: bytes) -> tuple[Step, ...]:
    """A whole stream, one chunk an event, cleanly ended."""
    return (STREAM_HEAD, *map(chunk, events or EVENTS), LAST_CHUNK)


@contextlib.asynccontextmanager
async def refusing_port() -> Any:
    """A port where nothing listens, kept from being taken by others."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
