"""However a vendor's stream is split and whatever ends its lines, the caller gets the same bytes."""

import asyncio
import json

import pytest
from tests.faults import raw
from tests.faults.harness import Case
from tests.faults.upstream import LAST_CHUNK, STREAM_HEAD, Seen, Step, chunk, stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 40
PARTS = [
    ": hi\n\n",
    'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n',
    'data: {"choices":[{"delta":{"content":"é好🎉"}}]}\n\n',
    'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
    'data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}\n\n',
    "data: [DONE]\n\n",
]
PLAIN = "".join(PARTS)
NAMED = PLAIN.replace("data:", "event: x\nid: 1\ndata:")
MANY_LINES = PLAIN.replace('{"choices":', '{\ndata:"choices":\n: between\ndata: ')
COMMENTS = PLAIN.replace("\n\n", "\n\n:\n\n: ping\n\n", len(PARTS) - 1)
VARIANTS = {
    "LF": PLAIN,
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "CR": PLAIN.replace("\n", "\r"),
    "BOM": "\ufeff" + PLAIN,
    "BOM and CRLF": "\ufeff" + PLAIN.replace("\n", "\r\n"),
    "no blank after the colon": PLAIN.replace("data: ", "data:"),
    "event names": NAMED,
    "data of many lines": MANY_LINES,
    "data of many lines, CRLF": MANY_LINES.replace("\n", "\r\n"),
    "comments everywhere": COMMENTS,
    "line ends mixed": PLAIN.replace("\n\n", "\r\n\n", 2).replace("}\n\n", "}\n\r\n"),
}
COST = 10 * 1_000 + 5 * 2_000


@pytest.mark.parametrize("asks", [False, True], ids=["usage not asked for", "usage asked for"])
@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_stream_is_the_same_wherever_it_is_split(case: Case, variant: str, asks: bool) -> None:
    text = VARIANTS[variant].encode()
    cuts = range(1, len(text), 1 if not asks else 7)
    expected = await unsplit(case, text, asks)
    assert (b'"usage"' in expected) == asks
    assert all(part in expected for part in ("é好🎉".encode(), b"[DONE]"))

    def choose(seen: Seen) -> tuple[Step, ...]:
        cut = int(json.loads(seen.body)["user"])
        return (STREAM_HEAD, chunk(text[:cut]), pause, chunk(text[cut:]), LAST_CHUNK)

    case.gateway.upstream.choose = choose
    left = list(cuts)

    async def one_after_another() -> None:
        async with raw.connect(case.gateway.port) as connection:
            while left:
                cut = left.pop()
                await connection.send(body(case, str(cut), asks))
                answer = await connection.answer()
                assert answer.body == expected, cut
                assert answer.is_whole, cut

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_another())
    rows = await case.rows()
    assert len(rows) == len(cuts) + 1
    assert {(row.cost, row.end_reason, row.finish) for row in rows} == {(COST, "ok", "stop")}


async def pause(_writer: asyncio.StreamWriter, _seen: Seen) -> None:
    """Long enough for the gateway to read what was sent; a split that was not seen as one is no fault."""
    await asyncio.sleep(0.001)


def body(case: Case, user: str, asks: bool) -> bytes:
    more = {"stream_options": {"include_usage": True}} if asks else {}
    return case.chat_request(stream=True, user=user, **more)


async def unsplit(case: Case, text: bytes, asks: bool) -> bytes:
    case.gateway.upstream.plays(*stream(text))
    answer = await case.call(body(case, "0", asks))
    assert answer.is_whole
    return answer.body


async def test_a_caller_who_asks_for_usage_gets_every_byte(case: Case) -> None:
    for text in VARIANTS.values():
        assert await unsplit(case, text.encode(), True) == text.encode()


async def test_usage_in_a_chunk_with_content_is_never_hidden(case: Case) -> None:
    """Some vendors repeat it in each chunk; hiding those would lose the text."""
    text = PLAIN.replace(
        '"é好🎉"}}]', '"é好🎉"}}],"usage":{"prompt_tokens":10,"completion_tokens":1}'
    ).encode()
    answer = await unsplit(case, text, False)
    assert "é好🎉".encode() in answer
    assert (await case.row()).cost == COST
