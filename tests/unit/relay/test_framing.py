"""A stream as one JSON array: Gemini's way without `alt=sse`."""

import msgspec
import pytest

from pronghorn.relay.framing import Array

EVENTS = b'data: {"a":1}\r\n\r\ndata: {"b":2}\n\n: a comment\n\ndata: {"c":3}\n\n'


@pytest.mark.parametrize("cut", range(len(EVENTS)))
def test_an_array_grows_out_of_events_wherever_they_are_cut(cut: int) -> None:
    framing = Array()
    whole = framing.write(EVENTS[:cut]) + framing.write(EVENTS[cut:]) + framing.end()
    assert msgspec.json.decode(whole) == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_no_events_are_an_empty_array() -> None:
    assert Array().end() == b"[]"


def test_what_is_broken_off_is_no_json() -> None:
    framing = Array()
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(framing.write(b'data: {"a":1}\n\n'))
