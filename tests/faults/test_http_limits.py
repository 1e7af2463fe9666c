"""A head or a body beyond its limits is one plain error, and nothing is hoarded for whoever sends or takes too much."""

from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest
from tests.faults.http_server import CHUNKED, LAST, App, Gateway, answers, get, is_error, post, push, running

from pronghorn.api.http_limits import HttpLimits

PATIENCE_S = 8.0
"""On a busy machine; without the limit under test the wait would have no end."""


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


TOO_MUCH: dict[str, tuple[bytes, int, str]] = {
    "a header of 1 MB": (get(b"X: " + b"a" * 2**20 + b"\r\n"), 431, "headers_too_large"),
    "a key of 1 MB": (get(b"Authorization: Bearer " + b"a" * 2**20 + b"\r\n"), 431, "headers_too_large"),
    "a name of 1 MB": (get(b"a" * 2**20 + b": x\r\n"), 431, "headers_too_large"),
    "10000 headers": (get(b"X: a\r\n" * 10_000), 431, "headers_too_large"),
    "129 headers": (get(b"X: a\r\n" * 128), 431, "headers_too_large"),
    "a head of 64 KiB and a little": (get(b"X: " + b"a" * 64 * 1024 + b"\r\n"), 431, "headers_too_large"),
    "a URL of 100 KB": (get(path=b"/" + b"a" * 100_000), 414, "url_too_long"),
    "100 KB of path segments": (get(path=b"/a" * 50_000), 414, "url_too_long"),
    "a query of 100 KB": (get(path=b"/?" + b"a=b&" * 25_000), 414, "url_too_long"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_a_head_beyond_the_limits_is_refused(gateway: Gateway, what: str) -> None:
    data, status, code = TOO_MUCH[what]
    (answer,) = gateway.ask(data)
    is_error(answer, status, code)
    assert gateway.app.calls == []


ENDLESS: dict[str, tuple[bytes, bytes, int, str]] = {
    "a URL": (b"GET /", b"a", 414, "url_too_long"),
    "a name": (get()[:-2], b"a", 431, "headers_too_large"),
    "a value": (get()[:-2] + b"X: ", b"a", 431, "headers_too_large"),
    "headers": (get()[:-2], b"X: a\r\n", 431, "headers_too_large"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_a_head_without_an_end_is_refused_at_the_limit(gateway: Gateway, what: str) -> None:
    first, more, status, code = ENDLESS[what]
    with closing(gateway.connect()) as client:
        client.sendall(first)
        for _ in range(30):
            push(client, more * (6_000 // len(more)))
        (answer,) = answers(client)
    is_error(answer, status, code)
    assert gateway.app.calls == []


def test_a_head_just_within_the_limits_is_served(gateway: Gateway) -> None:
    (answer,) = gateway.ask(get(b"X: a\r\n" * 126 + b"Connection: close\r\n"))
    assert answer.status == 200
    (answer,) = gateway.ask(get(b"Connection: close\r\nX: " + b"a" * 60_000 + b"\r\n"))
    assert answer.status == 200
    (answer,) = gateway.ask(get(b"Connection: close\r\n", b"/" + b"a" * 16_000))
    assert answer.status == 200


def test_refusing_too_much_takes_no_memory(gateway: Gateway) -> None:
    process = psutil.Process()

    def refuse(times: int) -> None:
        for _ in range(times):
            for data, *_ in TOO_MUCH.values():
                assert len(gateway.ask(data)) == 1

    refuse(5)
    before = process.memory_info().rss
    refuse(20)
    assert process.memory_info().rss - before < 20 * 2**20


def test_chunk_extensions_and_trailers_have_an_end(gateway: Gateway) -> None:
    for endless in (b"1;" + b"a" * 2**20, b"1\r\na\r\n0\r\n" + b"X: a\r\n" * 100_000):
        (answer,) = gateway.ask(post(b"/x", CHUNKED, endless))
        is_error(answer, 400, "malformed_request")
    many = b"1;extension=%b\r\na\r\n" % (b"x" * 200) * 3_000
    (answer,) = gateway.ask(post(b"/x", CHUNKED, many))
    is_error(answer, 400, "malformed_request")
    assert gateway.app.lengths == []


def test_an_early_answer_is_heard_by_a_caller_who_goes_on_sending(gateway: Gateway) -> None:
    length = 600_000
    with closing(gateway.connect()) as client:
        client.sendall(post(b"/early", b"Content-Length: %d\r\nConnection: close\r\n" % length))
        for _ in range(6):
            push(client, b"a" * (length // 6))
        (answer,) = answers(client)
    assert (answer.status, answer.body) == (401, b"no")


def test_what_the_application_does_not_take_is_not_read(gateway: Gateway) -> None:
    """A body of 64 MB against an application that never reads: the kernel's buffers fill, ours do not."""
    process = psutil.Process()
    before = process.memory_info().rss
    gateway.app.begun.clear()
    with closing(gateway.connect()) as client:
        client.sendall(post(b"/wait", b"Content-Length: 64000000\r\n"))
        assert gateway.app.begun.wait(PATIENCE_S)
        client.settimeout(0.5)
        sent, piece = 0, b"a" * 65_536
        with pytest.raises(TimeoutError):
            while sent < 64_000_000:
                sent += client.send(piece)
    assert sent < 20_000_000
    assert process.memory_info().rss - before < 30 * 2**20


def test_the_application_hears_once_that_its_caller_has_gone(gateway: Gateway) -> None:
    app = gateway.app
    app.hang_ups = 0
    app.begun.clear()
    app.hung_up.clear()
    with closing(gateway.connect()) as client:
        client.sendall(get(path=b"/wait"))
        assert app.begun.wait(PATIENCE_S)
    assert app.hung_up.wait(PATIENCE_S)
    assert [answer.status for answer in gateway.ask(LAST)] == [200]
    assert app.hang_ups == 1
