"""A head that came before is known by its bytes; whatever comes after it, nobody can tell that it was not parsed."""

import asyncio
import gc
import re
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import uvicorn
from hypothesis import event, given
from hypothesis import strategies as st
from tests.unit.api.test_http_protocol import Receive, Send, Wire
from uvicorn.server import ServerState

from pronghorn.api import known_head
from pronghorn.api.http_limits import HttpLimits
from pronghorn.api.http_protocol import HttpConnection, protocol_class
from pronghorn.api.known_head import KnownHead

BODY = b'{"model":"m"}'
LAST = b"POST /v1/x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: %d\r\n\r\n"
MIDDLE = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nAccept: */*\r\n\r\n"
IN_A_VALUE = (
    b"POST /v1/x?a=%%41 HTTP/1.1\r\nX-Odd: content-length: 13\r\nContent-LENGTH:%d\r\nHost: x\r\n\r\n"
)
LOOKALIKE = (
    b"POST /%%41 HTTP/1.1\r\nx-content-length: 13\r\nA: 1\r\na: 2\r\nhost: x\r\ncontent-length:  %d\r\n\r\n"
)
HEADS = (LAST, MIDDLE, IN_A_VALUE, LOOKALIKE)


def request(head: bytes = LAST, body: bytes = BODY) -> bytes:
    return head % len(body) + body


# What is learned


def scope_of(head: bytes) -> dict[str, Any]:
    """As the parser tells it to a connection."""
    method, _, _ = head.partition(b" ")
    lines = [line.split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line]
    headers = [(name.lower(), value.strip()) for name, value in lines]
    return {
        "method": method.decode(),
        "headers": headers,
        "pronghorn.headers": dict(headers),
        "state": {"left": "behind"},
    }


def learn(data: bytes, body: bytes = BODY) -> KnownHead | None:
    return known_head.learn(data, scope_of(data.partition(b"\r\n\r\n")[0]))


def known(head: bytes = LAST) -> KnownHead:
    found = learn(request(head))
    assert found is not None
    return found


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("body", [BODY, b"", b"{}", b"12", b"a\r\n\r\nb", b"x" * 70_000], ids=len)
def test_a_request_with_the_same_head_gives_its_body_and_a_scope_of_its_own(head: bytes, body: bytes) -> None:
    found = known(head)
    assert found.body_of(request(head, body)) == body
    scope = found.scope(len(body))
    first = scope_of(request(head).partition(b"\r\n\r\n")[0])
    assert [name for name, _ in scope["headers"]] == [name for name, _ in first["headers"]]
    length = {b"content-length": b"%d" % len(body)}
    assert scope["pronghorn.headers"] == first["pronghorn.headers"] | length
    assert dict(scope["headers"]) == scope["pronghorn.headers"]
    assert scope["state"] == {}
    assert scope["method"] == "POST"


def test_two_scopes_of_one_head_share_nothing_that_can_be_changed() -> None:
    found = known()
    one, other = found.scope(3), found.scope(4)
    one["headers"].clear()
    one["pronghorn.headers"].clear()
    one["state"]["x"] = one["method"] = "GET"
    assert other == known().scope(4)


def test_what_is_remembered_of_such_requests_begins_with_nothing() -> None:
    assert known().about is None


UNLEARNED = {
    "a GET": b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 13\r\n\r\n" + BODY,
    "a PUT": b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 13\r\n\r\n" + BODY,
    "no length": b"POST / HTTP/1.1\r\nhost: x\r\n\r\n",
    "chunks": b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "an expectation": b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}",
    "an upgrade": b"POST / HTTP/1.1\r\nhost: x\r\nUpgrade: h2c\r\ncontent-length: 2\r\n\r\n{}",
    "a length with zeros before it": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 013\r\n\r\n" + BODY,
    "two requests in one read": request() + request(),
    "an empty line before it": b"\r\n\r\n" + request(),
}


@pytest.mark.parametrize("what", UNLEARNED)
def test_nothing_is_learned_from(what: str) -> None:
    data = UNLEARNED[what]
    assert known_head.learn(data, scope_of(data)) is None


UNKNOWN: dict[str, bytes] = {
    "nothing": b"",
    "the head alone": LAST % 13,
    "a body that is cut": request()[:-1],
    "a body that is longer": request() + b" ",
    "another request behind it": request() + request(),
    "the same length with no body": LAST % 13 + b"\r\n",
    "another path": request().replace(b"/v1/x", b"/v1/y"),
    "other letters": request().replace(b"host", b"Host"),
    "another key": request().replace(b"Bearer k", b"Bearer l"),
    "a header more": request().replace(b"host: x", b"host: x\r\na: b"),
    "a header behind the length": request().replace(b"\r\n\r\n", b"\r\na: b\r\n\r\n"),
    "a bare line feed": request().replace(b"13\r\n\r\n", b"13\n\r\n"),
    "a length with zeros before it": request().replace(b"13", b"013"),
    "a length with a sign": request().replace(b"13", b"+13"),
    "a negative length": request().replace(b"13", b"-13"),
    "a length with a blank before it": request().replace(b"13", b" 13"),
    "a length with a blank behind it": request().replace(b"13", b"13 "),
    "a length with a mark in it": request().replace(b"13", b"1_3"),
    "a length in hexadecimal": request().replace(b"13", b"0xd"),
    "a length in other digits": request().replace(b"13", "١٣".encode()),
    "two lengths": request().replace(b"13", b"13, 13"),
    "no length": request().replace(b"13", b""),
    "a length of ten digits": request().replace(b"13", b"1000000000"),
    "a length that never ends": LAST.partition(b"%d")[0] + b"1" * 100_000,
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_it_is_for_the_parser(what: str) -> None:
    assert known().body_of(UNKNOWN[what]) is None


def test_a_length_in_the_value_of_another_header_is_left_alone() -> None:
    found = known(IN_A_VALUE)
    assert found.body_of(request(IN_A_VALUE, b"{}")) == b"{}"
    assert found.body_of(request(IN_A_VALUE, b"{}").replace(b": 13", b": 14")) is None
    assert found.scope(2)["headers"][0] == (b"x-odd", b"content-length: 13")


# On a real connection


class Told(NamedTuple):
    """What came of reads: the requests as the application met them, the bytes sent, and whether it is over."""

    requests: list[tuple[dict[str, Any], bytes, bool]]
    sent: bytes
    is_closed: bool


class Stand:
    """A connection with an application that reads what it is asked and answers it."""

    def __init__(self, limits: HttpLimits | None = None) -> None:
        self.requests: list[tuple[dict[str, Any], bytes, bool]] = []
        self.known = 0
        """Requests that were not parsed."""
        kind = protocol_class(limits or HttpLimits(), lambda: 1_000.0)
        config = uvicorn.Config(
            self, http=kind, interface="asgi3", proxy_headers=False, log_config=None, access_log=False
        )
        config.load()
        self.wire = Wire()
        self.connection: HttpConnection = kind(config, ServerState(), {})
        self.connection.connection_made(self.wire)

    def at_once(self, *_: object) -> None:
        self.known += 1

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        seen = {name: value for name, value in scope.items() if name != "pronghorn.connection"}
        self.requests.append((seen, body, message["type"] == "http.request"))
        said = b"%d bytes" % len(body)
        head = b"content-length: %d\r\n" % len(said)
        if message["type"] == "http.request":
            scope["pronghorn.connection"].respond(200, head, said)

    async def read(self, data: bytes) -> None:
        if not self.wire.is_closed:
            self.connection.data_received(data)
        for _ in range(8):
            await asyncio.sleep(0)

    async def end(self) -> Told:
        sent = re.sub(rb"x-request-id: [^\r]+", b"x-request-id: ID", self.wire.sent)
        told = Told(list(self.requests), sent, self.wire.is_closed)
        self.connection.connection_lost(None)
        await self.read(b"")
        return told


async def told(first: bytes | None, *reads: bytes) -> tuple[Told, int]:
    """Of `reads`, after `first` was read and answered; and how many of them were not parsed."""
    stand = Stand()
    if first is not None:
        await stand.read(first)
        assert stand.wire.sent.startswith(b"HTTP/1.1 200 ")
        assert stand.connection._known_head is not None
        stand.wire.sent = b""
        stand.requests.clear()
    for data in reads:
        await stand.read(data)
    return await stand.end(), stand.known


async def assert_same(first: bytes, *reads: bytes) -> int:
    after, known = await told(first, *reads)
    fresh, _ = await told(None, *reads)
    assert after == fresh, reads
    return known


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("body", [BODY, b"", b"{}", b"a" * 200_000], ids=len)
async def test_the_same_head_with_any_body_is_served_without_the_parser(head: bytes, body: bytes) -> None:
    assert await assert_same(request(head), request(head, body), request(head), request(head, body)) == 3


@pytest.mark.parametrize("what", UNKNOWN)
async def test_what_is_not_known_is_served_as_ever(what: str) -> None:
    if UNKNOWN[what]:
        assert await assert_same(request(), UNKNOWN[what], request()) <= 1


async def test_a_head_and_its_body_may_come_in_two_reads() -> None:
    """As many clients write them."""
    data = request()
    head = data.removesuffix(BODY)
    assert await assert_same(data, head, BODY, head, BODY, data) == 3
    assert await assert_same(data, head + BODY[:5], BODY[5:]) == 1
    assert (await told(None, head, BODY, head, BODY))[1] == 1
    assert await assert_same(data, head, BODY[:5], BODY[5:], data) == 1


async def test_a_known_head_whose_body_does_not_come_is_watched_over_as_ever() -> None:
    stand = Stand()
    for data in (request(), request().removesuffix(BODY)):
        await stand.read(data)
    for now in (1_000.5, 1_001.5, 1_002.5, 1_040.0):
        stand.connection.check_timeouts(now)
        assert stand.connection.cycle.more_body
        for _ in range(8):
            await asyncio.sleep(0)
    assert (await stand.end()).sent.rpartition(b"HTTP/1.1 ")[2][:3] == b"408"


async def test_a_known_head_whose_body_comes_after_a_stop_is_answered() -> None:
    stand = Stand()
    for data in (request(), request().removesuffix(BODY)):
        await stand.read(data)
    stand.connection.shutdown()
    await stand.read(BODY)
    told = await stand.end()
    assert [body for _, body, _ in told.requests] == [BODY, BODY]
    assert told.sent.endswith(b"connection: close\r\n\r\n13 bytes")


async def test_what_was_parsed_in_between_is_known_the_next_time() -> None:
    one, other = request(LAST), request(MIDDLE)
    assert await assert_same(one, other, other, one, one, other) == 2


async def test_a_head_that_is_too_large_with_a_longer_length_is_refused_as_ever() -> None:
    head, most = LAST % 9 + b"123456789", b"x" * 90_000
    limit = HttpLimits(header_bytes=len(head) - len(b"POST HTTP/1.1\r\n\r\n123456789"))
    answers = []
    for reads in ((head, request(LAST, most)), (request(LAST, most),)):
        stand = Stand(limit)
        for data in reads:
            await stand.read(data)
        answers.append((await stand.end()).sent.rpartition(b"HTTP/1.1 ")[2][:3])
    assert answers == [b"431", b"431"]


def byte_changes(data: bytes) -> Iterator[bytes]:
    """Every place with another byte in it, with one more, with one less, and cut off there."""
    for at in range(len(data)):
        was = data[at : at + 1]
        for byte in {b"\r", b"\n", b"0", b"7", b" ", b":", b"\0", b"\xff", was.swapcase()} - {was}:
            yield data[:at] + byte + data[at + 1 :]
            yield data[:at] + byte + data[at:]
        yield data[:at] + data[at + 1 :]
        yield data[: at + 1]


async def test_a_request_with_any_byte_changed_is_served_as_ever() -> None:
    """A body alone may change in a byte and still be known."""
    first, is_known = request(MIDDLE), 0
    for data in byte_changes(first):
        is_known += await assert_same(first, data)
    assert is_known > len(BODY)


Change = Callable[[bytes], bytes]


@st.composite
def changes(draw: st.DrawFn, data: bytes) -> bytes:
    at, until = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
    what = draw(
        st.binary(max_size=3) | st.sampled_from([b"\r\n", b"0", b" ", b"\r\n\r\n", b"content-length: 1\r\n"])
    )
    kinds = ("same", "replace", "insert", "cut", "drop", "double", "append")
    kind = draw(st.sampled_from(kinds))
    return {
        "same": data,
        "replace": data[:at] + what + data[at + len(what) :],
        "insert": data[:at] + what + data[at:],
        "cut": data[:at],
        "drop": data[:at] + data[until:],
        "double": data[:until] + data[at:],
        "append": data + what,
    }[kind]


@st.composite
def reads(draw: st.DrawFn) -> tuple[bytes, ...]:
    """A good request, and what may come after it: changed once, or cut in two reads."""
    head = draw(st.sampled_from(HEADS))
    length = draw(st.sampled_from([0, 1, 9, 10, 13, 99, 100, 70_000]) | st.integers(0, 200))
    body = draw(st.just(b"a" * length) | st.binary(max_size=50))
    wrong = draw(st.sampled_from([0, 0, 0, 1, -1, 1000]))
    data = draw(changes(head % max(len(body) + wrong, 0) + body))
    at = draw(st.integers(0, len(data)))
    parts = (data,) if draw(st.booleans()) else (data[:at], data[at:])
    more = draw(st.sampled_from([(), (request(head),), (request(head, body), request(head))]))
    return (request(head), *(part for part in parts if part), *more)


@given(reads())
def test_whatever_comes_after_a_request_nobody_can_tell_that_its_head_is_known(
    given: tuple[bytes, ...],
) -> None:
    event(f"{asyncio.run(assert_same(*given))} of {len(given) - 1} known")


async def test_a_connection_that_is_over_waits_for_no_garbage_collector() -> None:
    kept = []
    gc.collect()
    gc.disable()
    try:
        for is_known in (False, True):
            stand = Stand()
            await stand.read(request())
            if not is_known:
                stand.connection._known_head = None
            kept.append(weakref.ref(stand.connection))
            await stand.end()
            del stand.connection  # the application of this stand is the stand
        assert kept[0]() is None
        assert kept[1]() is None
    finally:
        gc.enable()
