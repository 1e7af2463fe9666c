"""No word of anybody's ends the head of an answer or begins another one."""

from typing import Any, cast

import pytest
from tests.unit.relay.making import exchange

from pronghorn.api.reply import Reply
from pronghorn.relay.answer_headers import answer_headers


class Wire:
    """Takes what is sent of an answer."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.events: list[Any] = []

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        self.heads.append(head)

    async def send(self, event: Any) -> None:
        self.events.append(event)


@pytest.mark.parametrize("odd", ["\r\nx-evil: 1", "\n\n", "\r", "\0", "\x7f", "é"])
def test_what_was_dropped_is_named_in_one_line(odd: str) -> None:
    made = exchange()
    made.dropped = [f"$.a{odd}b", "$.c"]
    made.upstream_model = f"m{odd}"
    values = dict(answer_headers(made))
    assert all(value.isascii() and value.decode().isprintable() for value in values.values())
    assert values[b"x-pronghorn-dropped"].endswith(b"b, $.c")
    assert values[b"x-pronghorn-model"].startswith(b"m -> m")


@pytest.mark.parametrize("value", [b"a\r\nx-evil: 1", b"a\nb", b"a\rb", b"a\0b"])
@pytest.mark.parametrize("has_connection", [True, False])
async def test_a_header_that_breaks_its_line_is_not_sent(value: bytes, has_connection: bool) -> None:
    wire = Wire()
    reply = Reply(cast(Any, wire) if has_connection else None, wire.send, "req_1")
    with pytest.raises(ValueError, match="breaks its line"):
        await reply.whole(200, [(b"location", value)], b"")
    with pytest.raises(ValueError, match="breaks its line"):
        await reply.start(200, [(b"location", value)])
    assert (wire.heads, wire.events) == ([], [])
