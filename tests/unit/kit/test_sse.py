"""Server-sent events survive any split and any line end."""

import pytest

from pronghorn.kit import sse

LF = b': hi\n\ndata: {"a":1}\n\nevent: x\ndata: one\ndata: two\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_every_split_gives_the_same_events(line_end: bytes) -> None:
    stream = LF.replace(b"\n", line_end)
    for cut in range(len(stream) + 1):
        splitter = sse.Splitter()
        events = splitter.feed(stream[:cut]) + splitter.feed(stream[cut:])
        rest = splitter.end()
        assert b"".join(events) + rest == stream
        payloads = [sse.data_of(event) for event in [*events, rest] if event]
        assert payloads == [None, b'{"a":1}', b"one\ntwo", b"[DONE]"]


def test_lf_events_are_given_out_as_soon_as_they_are_whole() -> None:
    splitter = sse.Splitter()
    assert splitter.feed(b"data: 1\n\ndata: 2\n\nda") == [b"data: 1\n\n", b"data: 2\n\n"]
    assert splitter.feed(b"ta: 3\n\n") == [b"data: 3\n\n"]
    assert splitter.end() == b""


def test_crlf_events_are_given_out_as_soon_as_they_are_whole() -> None:
    assert sse.Splitter().feed(b"data: 1\r\n\r\n") == [b"data: 1\r\n\r\n"]


def test_an_endless_event_is_refused() -> None:
    splitter = sse.Splitter(limit=10)
    with pytest.raises(sse.EventTooLarge):
        splitter.feed(b"data: 0123456789")


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (b"data:x\n\n", b"x"),
        (b"data\n\n", b""),
        (b"\xef\xbb\xbfdata: x\n\n", b"x"),
        (b"id: 4\nretry: 1\n\n", None),
        (b"data:  x \n\n", b" x "),
    ],
)
def test_data_of(event: bytes, payload: bytes | None) -> None:
    assert sse.data_of(event) == payload
