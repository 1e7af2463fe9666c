"""What two HTTP parsers could read in two ways is refused, nothing behind it is heard, all else is answered in turn."""

import random
import socket
import string
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.faults.http_server import (
    CHUNKED,
    HOST,
    LAST,
    SMUGGLED,
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


@pytest.fixture(scope="module")
def shared() -> Iterator[Gateway]:
    with running(App(), HttpLimits(sweep_s=0.1)) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared: Gateway) -> Gateway:
    shared.app.calls.clear()
    shared.app.lengths.clear()
    shared.app.begun.clear()
    shared.app.hung_up.clear()
    shared.app.hang_ups = 0
    return shared


# Heads that two parsers could read in two ways. Each is followed by a request that must never be heard.
AMBIGUOUS: dict[str, bytes] = {
    "Content-Length and Transfer-Encoding": post(b"/x", b"Content-Length: 4\r\n" + CHUNKED, b"0\r\n\r\n"),
    "Transfer-Encoding and Content-Length": post(b"/x", CHUNKED + b"Content-Length: 4\r\n", b"0\r\n\r\n"),
    "two lengths": post(b"/x", b"Content-Length: 0\r\nContent-Length: 40\r\n"),
    "the same length twice": post(b"/x", b"Content-Length: 0\r\nContent-Length: 0\r\n"),
    "a list of lengths": post(b"/x", b"Content-Length: 0, 0\r\n"),
    "a length with a sign": post(b"/x", b"Content-Length: +0\r\n"),
    "a negative length": post(b"/x", b"Content-Length: -1\r\n"),
    "a hexadecimal length": post(b"/x", b"Content-Length: 0x0\r\n"),
    "a length with a blank in it": post(b"/x", b"Content-Length: 0 0\r\n"),
    "a length beyond 64 bits": post(b"/x", b"Content-Length: 18446744073709551616\r\n"),
    "a vertical tab before chunked": post(b"/x", b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "a coding that is not known": post(b"/x", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "identity after chunked": post(b"/x", b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "gzip before chunked": post(b"/x", b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "two Transfer-Encodings": post(b"/x", CHUNKED + b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n"),
    "chunked twice": post(b"/x", CHUNKED * 2, b"0\r\n\r\n"),
    "chunked in HTTP/1.0": b"POST /x HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n",
    "a blank before the colon": get(b"Content-Length : 0\r\n"),
    "a tab before the colon": get(b"X\t: 0\r\n"),
    "a folded line": get(b"X: a\r\n b\r\n"),
    "a blank before the first name": b"GET /x HTTP/1.1\r\n X: a\r\n" + HOST + b"\r\n",
    "bare line feeds": b"GET /x HTTP/1.1\nHost: gateway.example\n\n",
    "one bare line feed": get(b"X: a\nY: b\r\n"),
    "a bare carriage return": get(b"X: a\rY: b\r\n"),
    "a NUL in a value": get(b"X: a\0b\r\n"),
    "a NUL in a name": get(b"X\0: b\r\n"),
    "an empty name": get(b": b\r\n"),
    "the absolute form": b"GET http://other.example/x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a fragment": get(path=b"/x#/y"),
    "a target that is no path": get(path=b"x"),
    "a blank in the target": get(path=b"/x /y"),
    "a byte that is no ASCII in the target": get(path=b"/\xc3\xa4"),
    "an escaped line feed in the path": get(path=b"/x%0d%0aX:%20y"),
    "two hosts": get(HOST),
    "no host": b"GET /x HTTP/1.1\r\n\r\n",
    "a host with a path": b"GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a host with a user": b"GET /x HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "an empty host": b"GET /x HTTP/1.1\r\nHost:\r\n\r\n",
    "another version": b"GET /x HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /x\r\n\r\n",
    "a method of lower case": b"get /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_an_ambiguous_head_is_a_400_and_nothing_behind_it_is_heard(gateway: Gateway, what: str) -> None:
    (answer,) = gateway.ask(AMBIGUOUS[what] + SMUGGLED)
    is_error(answer, 400, "malformed_request")
    assert gateway.app.calls == []


# Bodies whose end two parsers could see in two places: the head was good, so the application may have begun.
ILL_FRAMED: dict[str, bytes] = {
    "0x before a size": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a sign before a size": b"+5\r\nhello\r\n0\r\n\r\n",
    "a blank before a size": b" 5\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000000\r\nhello\r\n0\r\n\r\n",
    "a bare line feed after a size": b"5\nhello\r\n0\r\n\r\n",
    "a bare line feed after the data": b"5\r\nhello\n0\r\n\r\n",
    "more data than its size": b"2\r\nhello\r\n0\r\n\r\n",
    "a bare line feed in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "a NUL in a trailer": b"5\r\nhello\r\n0\r\nX: \0\r\n\r\n",
}


@pytest.mark.parametrize("what", ILL_FRAMED)
def test_an_ill_framed_body_is_a_400_and_nothing_behind_it_is_heard(gateway: Gateway, what: str) -> None:
    (answer,) = gateway.ask(post(b"/x", CHUNKED, ILL_FRAMED[what]) + SMUGGLED)
    is_error(answer, 400, "malformed_request")
    assert gateway.app.lengths == []
    assert set(gateway.app.calls) <= {"/x"}


@pytest.mark.parametrize(
    "body", [b"5\r\nhello\r\n0\r\n\r\n", b"5;ext=1\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n"]
)
def test_a_well_framed_body_ends_where_it_says(gateway: Gateway, body: bytes) -> None:
    first, last = gateway.ask(post(b"/x", CHUNKED, body) + LAST)
    assert (first.json, last.json) == ({"path": "/x", "length": 5}, {"path": "/last", "length": 0})


@pytest.mark.parametrize("upgrade", [b"h2c", b"TLS/1.0", b"websocket"])
def test_the_body_of_an_unwanted_upgrade_is_no_second_request(gateway: Gateway, upgrade: bytes) -> None:
    headers = b"Connection: Upgrade\r\nUpgrade: %b\r\nContent-Length: %d\r\n" % (upgrade, len(SMUGGLED))
    first, last = gateway.ask(post(b"/x", headers, SMUGGLED) + LAST)
    assert (first.json["length"], last.json["path"]) == (len(SMUGGLED), "/last")
    assert gateway.app.calls == ["/x", "/last"]


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"PROPFIND", b"PURGE"])
def test_a_method_that_is_served_nowhere_is_a_405_and_nothing_behind_it_is_heard(
    gateway: Gateway, method: bytes
) -> None:
    target = b"other.example:443" if method == b"CONNECT" else b"/x"
    (answer,) = gateway.ask(b"%b %b HTTP/1.1\r\n%b\r\n" % (method, target, HOST) + SMUGGLED)
    is_error(answer, 405, "method_not_supported")
    assert answer.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    assert gateway.app.calls == []


def test_every_split_of_a_request_gives_the_same_answer(gateway: Gateway) -> None:
    data = post(b"/x%20y?q=1", b"X: a\r\n" + CHUNKED, b"5\r\nhello\r\n0\r\n\r\n") + LAST
    whole = [answer.json for answer in gateway.ask(data)]
    assert whole == [{"path": "/x y", "length": 5}, {"path": "/last", "length": 0}]
    for cut in range(1, len(data)):
        with closing(gateway.connect()) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(data[:cut])
            client.sendall(data[cut:])
            assert [answer.json for answer in answers(client)] == whole, cut


def test_whatever_comes_is_answered_or_closed_and_never_a_500(gateway: Gateway) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    good = post(b"/x?a=b", b"Authorization: Bearer x\r\nContent-Length: 5\r\n", b"hello")
    alphabet = string.printable.encode() + bytes(range(128, 160)) + b"\0"
    for _ in range(400):
        data = bytearray(good)
        for _ in range(chosen.randrange(1, 4)):
            place = chosen.randrange(len(data))
            data[place : place + chosen.choice((0, 1, 1, 3))] = bytes(chosen.choices(alphabet, k=1))
        with closing(gateway.connect()) as client:
            push(client, bytes(data))
            client.shutdown(socket.SHUT_WR)
            statuses = [answer.status for answer in answers(client)]
        assert set(statuses) <= {200, 400, 405, 414, 417, 431}, (bytes(data), statuses)
    (answer,) = gateway.ask(LAST)
    assert answer.status == 200


def test_pipelined_requests_are_answered_in_order_up_to_a_bound(gateway: Gateway) -> None:
    data = b"".join(get(path=b"/%d" % number) for number in range(12)) + LAST
    assert [answer.json["path"] for answer in gateway.ask(data)] == [*(f"/{n}" for n in range(12)), "/last"]
    *served, refused = gateway.ask(get() * 200)
    is_error(refused, 400, "too_many_pipelined")
    assert all(answer.status == 200 for answer in served)
    assert len(gateway.app.calls) < 100


def test_an_expectation_is_met_or_refused(gateway: Gateway) -> None:
    expecting = post(b"/x", b"Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n")
    with closing(gateway.connect()) as client:
        client.sendall(expecting)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        (answer,) = answers(client)
    assert answer.json == {"path": "/x", "length": 5}
    (answer,) = gateway.ask(get(b"Expect: 200-maybe\r\n"))
    is_error(answer, 417, "expectation_failed")


@pytest.mark.parametrize("host", [b"", HOST])
def test_a_client_of_http_1_0_gets_its_answer_and_the_connection_closed(
    gateway: Gateway, host: bytes
) -> None:
    for path in (b"/x", b"/fast"):
        (answer,) = gateway.ask(b"GET %b HTTP/1.0\r\n%bConnection: keep-alive\r\n\r\n" % (path, host))
        assert answer.json == {"path": path.decode(), "length": 0}
        assert answer.headers["connection"] == "close"
        assert "transfer-encoding" not in answer.headers


def test_a_client_of_http_1_0_gets_a_stream_as_it_is_up_to_the_close(gateway: Gateway) -> None:
    with closing(gateway.connect()) as client:
        client.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
        with client.makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body == b"onetwo"
