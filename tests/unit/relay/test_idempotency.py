"""Keys that are none, the order of keeping and sending, and what makes two requests the same."""

from typing import Any, cast

import pytest
from tests.unit.routing.making import grant

from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import BadRequest
from pronghorn.kit.clock import FakeClock
from pronghorn.relay import Incoming
from pronghorn.relay import idempotency as module
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.idempotency import MAX_BYTES, Idempotency, Outcome


class Log:
    """A sink and a keeper that write down what happens in which order."""

    request_id = "req_1"
    straight = None

    def __init__(self) -> None:
        self.said: list[Any] = []

    async def keep(self, outcome: Outcome) -> None:
        self.said.append(outcome)

    def on_disconnect(self, callback: Any) -> None:
        self.said.append(callback)

    async def whole(self, status: int, headers: Any, body: bytes) -> None:
        self.said.append("whole")

    async def start(self, status: int, headers: Any) -> None:
        self.said.append("start")

    async def write(self, data: bytes) -> None:
        self.said.append(data)

    async def end(self) -> None:
        self.said.append("end")

    def break_off(self) -> None:
        self.said.append("broken")


def recorder(log: Log) -> module._Recorder:
    return module._Recorder(log, log.keep)


async def test_a_whole_answer_is_kept_before_it_is_sent() -> None:
    log = Log()
    headers = [
        (b"content-type", b"a/b"),
        (b"x-ratelimit-remaining-tokens", b"1"),
        (b"x-pronghorn-cost", b"2"),
    ]
    await recorder(log).whole(200, headers, b"said")
    assert log.said == [Outcome(200, [headers[0], headers[2]], b"said"), "whole"]


async def test_a_stream_is_done_only_at_its_end() -> None:
    log = Log()
    recording = recorder(log)
    assert not recording.has_begun
    await recording.start(200, [])
    assert recording.has_begun
    await recording.write(b"one")
    assert log.said == ["start", b"one"]
    await recording.end()
    assert log.said[2:] == [Outcome(is_streamed=True), "end"]


async def test_nothing_is_said_of_what_is_broken_off() -> None:
    log = Log()
    recording = recorder(log)
    recording.on_disconnect(None)
    recording.break_off()
    assert recording.has_begun
    assert log.said == [None, "broken"]


@pytest.mark.parametrize(("size", "is_kept"), [(MAX_BYTES, True), (MAX_BYTES + 1, False)])
async def test_a_large_answer_is_only_remembered(size: int, is_kept: bool) -> None:
    log = Log()
    await recorder(log).whole(200, [], bytes(size))
    assert (log.said[0].body is not None, log.said[0].is_streamed) == (is_kept, False)


@pytest.mark.parametrize("key", [b"", b"a b", b"x" * 256, b"caf\xe9", b"a\tb", b"a\x7f", b"a\n"], ids=repr)
async def test_what_is_no_key_is_refused_before_anything_is_looked_up(key: bytes) -> None:
    nothing = cast(Any, None)
    idempotency = Idempotency(
        nothing, nothing, Secrets(["x" * 32]), FakeClock(), server="s", epoch=1, longest_s=1
    )
    incoming = Incoming("req_1", {b"idempotency-key": key}, b"{}", None, "::1", 0.0)
    with pytest.raises(BadRequest, match="visible ASCII") as caught:
        await idempotency.serve(incoming, grant(), BY_NAME["chat"], Log(), nothing)
    assert caught.value.param == "Idempotency-Key"


def incoming_of(body: bytes = b"{}", *, key: bytes = b"k", length: bytes = b"", **given: Any) -> Incoming:
    upload = cast(Any, object()) if length else None
    headers = {b"idempotency-key": key, b"content-length": length}
    return Incoming("req_1", headers, body, upload, "::1", 0.0, **given)


def test_names_of_claims_never_meet() -> None:
    asked = [
        (incoming_of(), "chat"),
        (incoming_of(), "messages"),
        (incoming_of(model="m"), "chat"),
        (incoming_of(model="m\nk"), "chat"),
        (incoming_of(key=b"K"), "chat"),
    ]
    places = [module._place(incoming, grant(), BY_NAME[name]) for incoming, name in asked]
    assert len({place["name"] for place in places}) == len(asked)
    assert max(len(place["name"]) for place in places) <= 100


def test_what_makes_two_requests_the_same() -> None:
    different = [
        incoming_of(),
        incoming_of(b"{ }"),
        incoming_of(is_stream=True),
        incoming_of(is_stream=False),
        incoming_of(is_stream=True, is_array=True),
        incoming_of(b"", length=b"10"),
        incoming_of(b"", length=b"11"),
    ]
    assert len({module._fingerprint(incoming) for incoming in different}) == len(different)
    assert module._fingerprint(incoming_of(key=b"a")) == module._fingerprint(incoming_of(key=b"b"))
