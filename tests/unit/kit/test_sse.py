"""Server-sent events survive any split and any line end."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def payloads_by_line(stream: bytes) -> list[bytes]:
    """What the document on events says, line by line."""
    payloads, lines = [], []
    for line in [*stream.splitlines(), b""]:
        if line.startswith(b"data: "):
            lines.append(line[6:])
        elif not line and lines:
            payloads.append(b"\n".join(lines))
            lines = []
    return payloads


PIECES = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"data: a", b"data: b", b": hi", b"data: " + b"x" * sse.LITTLE]
)


@given(st.lists(PIECES, max_size=12).map(b"".join), st.lists(st.integers(0, 8192), max_size=6))
def test_mixed_line_ends_and_many_cuts_give_the_events_of_the_document(
    stream: bytes, cuts: list[int]
) -> None:
    splitter = sse.Splitter()
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    events = [e for at, to in pairwise(places) for e in splitter.feed(stream[at:to])]
    rest = splitter.end()
    assert b"".join(events) + rest == stream
    payloads = [sse.data_of(event) for event in [*events, rest]]
    assert [payload for payload in payloads if payload is not None] == payloads_by_line(stream)


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_every_byte_by_itself_gives_the_events_of_the_document(stream: bytes) -> None:
    splitter = sse.Splitter()
    events = [event for at in range(len(stream)) for event in splitter.feed(stream[at : at + 1])]
    payloads = [sse.data_of(event) for event in [*events, splitter.end()]]
    assert [payload for payload in payloads if payload is not None] == payloads_by_line(stream)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_large_event_in_many_parts_costs_what_its_bytes_cost(line_end: bytes) -> None:
    event = b"event: x%bdata: %b%b" % (line_end, b"A" * 2**20, line_end * 2)
    splitter = sse.Splitter()
    begun = time.process_time()
    events = [e for at in range(0, len(event), 512) for e in splitter.feed(event[at : at + 512])]
    assert time.process_time() - begun < 1.0  # searched again with each part it would be more than ten
    assert b"".join(events) + splitter.end() == event


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
