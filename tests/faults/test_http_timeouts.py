"""A request that drips or stops is ended in time, and keeps nobody waiting."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from tests.faults.http_server import (
    CHUNKED,
    HOST,
    LAST,
    App,
    Gateway,
    answers,
    get,
    is_error,
    post,
    push,
    running,
)

from pronghorn.api.http_limits import HttpLimits

QUICK_S = 0.4
HASTY = HttpLimits(
    header_timeout_s=QUICK_S, body_idle_timeout_s=QUICK_S, keep_alive_s=QUICK_S, linger_s=0.2, sweep_s=0.05
)
PATIENCE_S = 8.0
"""On a busy machine; without the limit under test the wait would have no end."""


@pytest.fixture(scope="module")
def hasty() -> Iterator[Gateway]:
    with running(App(), HASTY) as gateway:
        yield gateway


def drip(client: socket.socket, data: bytes, every_s: float) -> float:
    """Sends a byte now and then until the other side closes; gives how long that took."""
    begun = time.monotonic()
    client.settimeout(every_s)
    place = 0
    while time.monotonic() - begun < PATIENCE_S:
        try:
            if client.recv(65_536) == b"":
                return time.monotonic() - begun
        except TimeoutError:
            try:
                client.sendall(data[place % len(data) :][:1])
            except OSError:
                return time.monotonic() - begun
            place += 1
        except OSError:
            return time.monotonic() - begun
    raise AssertionError("still open")


DRIPS: dict[str, tuple[bytes, bytes]] = {
    "the request line": (b"", b"GET /" + b"a" * 200),
    "the headers": (b"GET /x HTTP/1.1\r\n" + HOST, b"X: " + b"a" * 200),
    "the body": (post(b"/x", b"Content-Length: 1000\r\n"), b"a"),
    "the chunks": (post(b"/x", CHUNKED), b"1\r\na\r\n"),
}


@pytest.mark.parametrize("what", DRIPS)
def test_a_request_that_drips_is_closed_in_time(hasty: Gateway, what: str) -> None:
    first, rest = DRIPS[what]
    with closing(hasty.connect()) as client:
        client.sendall(first)
        assert drip(client, rest, 0.037) > QUICK_S * 0.9


@pytest.mark.parametrize("what", DRIPS)
def test_a_request_that_stops_is_told_so(hasty: Gateway, what: str) -> None:
    first, rest = DRIPS[what]
    with closing(hasty.connect()) as client:
        client.sendall(first + rest[:1])
        (answer,) = answers(client)
    is_error(answer, 408, "request_timeout")


@pytest.mark.parametrize("data", [b"", get()], ids=["never asked", "asked once"])
def test_an_idle_connection_is_closed_without_a_word(hasty: Gateway, data: bytes) -> None:
    with closing(hasty.connect()) as client:
        client.sendall(data)
        assert [answer.status for answer in answers(client)] == [200] * bool(data)


def test_five_hundred_dripping_connections_keep_nobody_waiting() -> None:
    """All are closed at the limit, and whoever is healthy is served meanwhile."""
    limits = HttpLimits(header_timeout_s=2.0, sweep_s=0.1)
    with running(App(), limits) as gateway, ExitStack() as stack:
        slow = [stack.enter_context(closing(gateway.connect())) for _ in range(500)]
        begun = time.monotonic()
        took = []
        for round_ in range(4):
            for client in slow:
                push(client, b"GET /slow HTTP/1.1\r\nX: "[round_ * 6 :][:6])
            for _ in range(10):
                asked = time.monotonic()
                assert [answer.status for answer in gateway.ask(LAST)] == [200]
                took.append(time.monotonic() - asked)
        for client in slow:
            client.settimeout(PATIENCE_S)
            with client.makefile("rb") as stream:
                assert stream.read(12) in (b"HTTP/1.1 408", b"")
        assert time.monotonic() - begun < 2.0 + PATIENCE_S
        assert sorted(took)[len(took) // 2] < 0.25
        assert "/slow" not in gateway.app.calls
