"""The load takes no answer on trust: what is wrong with one is said, and it is not counted. No sockets."""

import pytest
from bench import chat
from bench.client import Connection, StreamConnection
from bench.stub import Stub, rendered

MODEL = "stub-3x0ms"
STREAM = rendered(MODEL, include_usage=True).without_gap
REQUEST = chat.request("127.0.0.1", "sk", chat.request_body(MODEL, 0, stream=True))


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.sent = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def abort(self) -> None:
        self.closed = True


class Counts:
    """An owner that keeps what it hears."""

    def __init__(self) -> None:
        self.whole = 0
        self.chunk_count = 0
        self.reasons: list[str] = []

    def finished(self, connection: Connection) -> None:
        self.whole += 1

    def failed(self, connection: Connection, reason: str) -> None:
        self.reasons.append(reason)

    def chunks(self, stamps_ns: list[bytes], arrived_ns: int) -> None:
        self.chunk_count += len(stamps_ns)

    def chunks_unstamped(self, count: int) -> None:
        self.chunk_count += count


def hear(kind: type[Connection], length: int, *pieces: bytes, lost: bool = False) -> Counts:
    owner, wire = Counts(), Wire()
    connection = kind(owner, REQUEST, length)
    connection.connection_made(wire)  # type: ignore[arg-type]
    connection.send()
    for piece in pieces:
        connection.data_received(piece)
    if lost:
        connection.connection_lost(None)
    assert wire.closed is bool(owner.reasons)
    return owner


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def test_a_right_answer_counts() -> None:
    assert hear(Connection, 4, answer(b"four")).whole == 1


def test_a_stream_counts_every_chunk_wherever_it_is_cut() -> None:
    for cut in range(1, len(STREAM)):
        heard = hear(StreamConnection, 3, STREAM[:cut], STREAM[cut:])
        assert (heard.reasons, heard.whole, heard.chunk_count) == ([], 1, 3)


def test_a_chunk_carries_the_moment_it_was_sent() -> None:
    (stamp,) = chat.STAMP.findall(rendered("stub-3x5ms", include_usage=False).chunk())
    assert int(stamp) > 0


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        (Connection, answer(b"{}", "503 Service Unavailable"), "status 503"),
        (Connection, answer(b"three"), "5 bytes instead of 3"),
        (Connection, b"nonsense\r\n\r\n", "not HTTP"),
        (StreamConnection, answer(b"data: {}\n\n"), "no [DONE]"),
        (StreamConnection, rendered("stub-2x0ms", include_usage=True).without_gap, "2 chunks instead of 3"),
        (StreamConnection, rendered(MODEL, include_usage=False).without_gap, "no usage"),
    ],
)
def test_a_wrong_answer_is_a_failure(kind: type[Connection], data: bytes, reason: str) -> None:
    heard = hear(kind, 3, data)
    assert heard.whole == 0
    assert [reason in said for said in heard.reasons] == [True]


def test_a_connection_lost_in_mid_stream_is_a_failure() -> None:
    assert "connection lost" in hear(StreamConnection, 3, STREAM[:-20], lost=True).reasons[0]


def ask_stub(request: bytes) -> bytes:
    wire = Wire()
    stub = Stub(None)  # type: ignore[arg-type]
    stub.connection_made(wire)  # type: ignore[arg-type]
    stub.data_received(request)
    return wire.sent


def test_the_stub_answers_what_the_model_name_asks() -> None:
    assert ask_stub(REQUEST) == STREAM
    plain = chat.request("127.0.0.1", "sk", chat.request_body("stub-1kb", 0, stream=False))
    assert ask_stub(plain).endswith(chat.answer_body("stub-1kb"))


def test_the_stub_refuses_what_it_does_not_know() -> None:
    assert ask_stub(chat.request("127.0.0.1", "sk", b'{"model":"gpt-5"}')).startswith(b"HTTP/1.1 400 ")
    assert ask_stub(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n").startswith(b"HTTP/1.1 200 ")
