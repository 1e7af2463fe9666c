"""The server process of the gateway around an application that echoes, and clients that write bytes as they please."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from pronghorn.api.http_limits import HttpLimits
from pronghorn.api.http_protocol import protocol_class

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

CHUNKED = b"Transfer-Encoding: chunked\r\n"
HOST = b"Host: gateway.example\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


@dataclass
class App:
    """Echoes path and length of the body, and remembers what it was asked."""

    calls: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)
    hang_ups: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    most_buffered: int = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.calls.append(path)
        if path == "/early":
            scope["pronghorn.connection"].respond(401, b"content-length: 2\r\n", b"no")
            return
        if path == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            scope["pronghorn.connection"].write_part(b"one")
            await send({"type": "http.response.body", "body": b"two"})
            return
        if path == "/wait":
            await self._wait(scope)
            return
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            length += len(message["body"])
            self.most_buffered = max(self.most_buffered, len(message["body"]))
            more = message["more_body"]
        self.lengths.append(length)
        await self._echo(scope, send, {"path": path, "length": length})

    async def _wait(self, scope: dict[str, Any]) -> None:
        loop, gone = asyncio.get_running_loop(), asyncio.Event()

        def hook() -> None:
            self.hang_ups += 1
            self.hung_up.set()
            gone.set()

        scope["pronghorn.connection"].on_disconnect = hook
        loop.call_soon(self.begun.set)
        await gone.wait()

    async def _echo(self, scope: dict[str, Any], send: Send, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        if scope["path"] == "/fast":
            head = b"content-length: %d\r\n" % len(body)
            scope["pronghorn.connection"].on_disconnect = self.hung_up.set
            scope["pronghorn.connection"].respond(200, head, body)
            return
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass
class Gateway:
    port: int
    app: App

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def ask(self, data: bytes) -> "list[Answer]":
        """Everything that comes back until the server closes, or until a `Connection: close` request is answered."""
        with closing(self.connect()) as client:
            push(client, data)
            return list(answers(client))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def push(client: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the server may have answered and closed before it had everything
        client.sendall(data)


def answers(client: socket.socket) -> Iterator[Answer]:
    """Read answers until the end of the connection."""
    stream = client.makefile("rb")
    with stream:
        while status_line := stream.readline():
            version, status, _ = status_line.split(b" ", 2)
            assert version == b"HTTP/1.1"
            headers = {}
            while (line := stream.readline().strip()) != b"":
                name, _, value = line.decode().partition(": ")
                headers[name.lower()] = value
            body = stream.read(int(headers.get("content-length", 0)))
            yield Answer(int(status), headers, body)


@contextmanager
def running(app: App, limits: HttpLimits) -> Iterator[Gateway]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=512)) as listener:
        config = uvicorn.Config(
            app, http=protocol_class(limits), loop="uvloop", lifespan="off", ws="none", log_config=None,
            access_log=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield Gateway(listener.getsockname()[1], app)
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


def is_error(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status
    error = answer.json["error"]
    assert error.pop("message").endswith(".")
    assert error == {"type": "invalid_request_error", "param": None, "code": code}
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["connection"] == "close"


def post(path: bytes, headers: bytes, body: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\n%b%b\r\n%b" % (path, HOST, headers, body)


def get(headers: bytes = b"", path: bytes = b"/last") -> bytes:
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path, HOST, headers)


LAST = get(b"Connection: close\r\n")
