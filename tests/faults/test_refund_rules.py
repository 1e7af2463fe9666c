"""The table of docs/en/refunds.md, row by row against the gateway: the page cannot promise what does not happen."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from tests.faults.harness import PRICE, Case, Gateway, running
from tests.faults.raw import RawAnswer
from tests.faults.upstream import (
    DONE,
    EVENTS,
    FINISH,
    ONE,
    ROLE,
    STREAM_HEAD,
    TWO,
    USAGE,
    USED,
    End,
    Step,
    chunk,
    completion,
    delta,
    event,
    stream,
    whole,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = Path(__file__).parents[2] / "docs" / "en" / "refunds.md"
ROW = re.compile(
    r"^\| (?P<what>[^|]+?) \| (?P<charged>[^|]+?) \| (?:`(?P<end>(?!end_reason)\w+)`|no row) \|$", re.M
)
USED_NANO = USAGE["prompt_tokens"] * 1_000 + USAGE["completion_tokens"] * 2_000
SILENCE_S = 0.4
CHARACTER = {"character_usd_per_million": "15"}
SPOKEN = "Hello there"


class Rule(NamedTuple):
    charged: str
    end_reason: str


RULES = {
    found["what"]: Rule(found["charged"], found["end"] or "") for found in ROW.finditer(PAGE.read_text())
}
Scenario = Callable[[Gateway], Awaitable[Case]]
SCENARIOS: dict[str, Scenario] = {}


def row(what: str) -> Callable[[Scenario], Scenario]:
    def keep(play: Scenario) -> Scenario:
        SCENARIOS[what] = play
        return play

    return keep


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    async with running(folder, first_byte_timeout_s=SILENCE_S, idle_timeout_s=SILENCE_S) as gateway:
        yield gateway


# How each row of the page comes about


def answering(*steps: Step, status: int = 200, is_stream: bool = False, **more: Any) -> Scenario:
    """A chat that the vendor answers so."""

    async def play(gateway: Gateway) -> Case:
        case = await gateway.case()
        gateway.upstream.plays(*steps)
        answer = await case.chat(stream=is_stream, **more)
        assert answer.status == status, answer.body
        return case

    return play


def breaking(*then: Step) -> Scenario:
    """A stream of two words, and then that."""

    async def play(gateway: Gateway) -> Case:
        case = await gateway.case()
        answer = await case.chat_in_two((STREAM_HEAD, chunk(ROLE), chunk(ONE), chunk(TWO)), then)
        assert (answer.status, answer.is_whole) == (200, False)
        assert b" two" in answer.body
        return case

    return play


def finished(text: str, finish: str, **message: Any) -> tuple[bytes]:
    said = {"role": "assistant", "content": text, **message}
    return whole(completion(choices=[{"index": 0, "message": said, "finish_reason": finish}]))


ERROR = {"error": {"message": "no", "type": "invalid_request_error", "code": "bad"}}
FAULT = b'data: {"error": {"message": "overloaded"}}\n\n'
WEB_PAGE = whole(b"<html>502</html>", kind="text/html")

SCENARIOS |= {
    "a complete answer": answering(*whole(completion())),
    "a complete stream": answering(*stream(), is_stream=True),
    "a complete answer without usage": answering(*whole(completion(usage=None))),
    "the request is wrong": answering(*whole(completion()), status=400, max_tokens="many"),
    "the vendor refuses the request": answering(*whole(ERROR, "400 Bad Request"), status=400),
    "the vendor answers with an error": answering(*whole(ERROR, "500 Oops"), status=502),
    "an error in a stream before the first content": answering(
        *stream(ROLE, FAULT), status=502, is_stream=True
    ),
    "a stream that breaks off before the first content": answering(
        STREAM_HEAD, chunk(ROLE), End.CLOSE, status=502, is_stream=True
    ),
    "a vendor that stays silent": answering(End.SILENT, status=504),
    "an error in a stream after content": breaking(chunk(FAULT), End.CLOSE),
    "a stream that breaks off after content": breaking(End.CLOSE),
    "a stream that breaks off after its usage": breaking(chunk(FINISH), chunk(USED), End.RESET),
    "a stream that falls silent after content": breaking(End.SILENT),
    "an empty answer": answering(*whole(completion(""))),
    "an empty stream": answering(*stream(ROLE, FINISH, USED, DONE), is_stream=True),
    "an empty answer that the length limit ended": answering(*finished("", "length")),
    "an answer that the content filter ended": answering(*finished("I will", "content_filter")),
    "an empty answer that the content filter ended": answering(*finished("", "content_filter")),
    "an answer in which the model refuses": answering(*finished("", "stop", refusal="No, I will not.")),
}


@row("usage above what was set aside")
async def _above(gateway: Gateway) -> Case:
    case = await gateway.case()
    absurd = {"prompt_tokens": 10, "completion_tokens": 5_000, "total_tokens": 5_010}
    gateway.upstream.plays(*whole(completion(usage=absurd)))
    await case.chat()
    return case


@row("the balance is too small")
async def _poor(gateway: Gateway) -> Case:
    case = await gateway.case(usd=0)
    assert (await case.chat()).status == 402
    return case


@row("no channel serves the model")
async def _nobody(gateway: Gateway) -> Case:
    case = await gateway.case(group_name="of nobody")
    assert (await case.chat()).status == 503
    return case


@row("the vendor refuses a picture for its content")
async def _moderated(gateway: Gateway) -> Case:
    case = await gateway.case()
    gateway.upstream.plays(
        *whole({"error": {"code": "moderation_blocked", "message": "no"}}, "400 Bad Request")
    )
    assert (await paint(case)).status == 400
    return case


async def paint(case: Case) -> RawAnswer:
    body = json.dumps({"model": case.model, "prompt": "a cat"}).encode()
    return await case.call(case.post("/v1/images/generations", body))


@row("an error or a web page under a status of success")
async def _error_with_200(gateway: Gateway) -> Case:
    case = await gateway.case()
    for said in (whole(ERROR), WEB_PAGE):
        gateway.upstream.plays(*said)
        assert (await case.chat()).status == 502
    return case


@row("an answer without the pictures that were asked for")
async def _no_picture(gateway: Gateway) -> Case:
    case = await gateway.case(capabilities=["chat", "chat_images"])
    gateway.upstream.plays(*whole(completion("Sorry, I cannot draw that.")))
    assert (await case.chat()).status == 200
    return case


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
        {"content": [{"type": "image_url", "image_url": {"url": "https://a.test/b"}}]},
        {"content": "![it](https://a.test/b)"},
    ],
)
async def test_a_picture_is_paid_wherever_it_stands(
    gateway: Gateway, said: dict[str, Any], is_stream: bool
) -> None:
    case = await gateway.case(capabilities=["chat", "chat_images"])
    choice = {"index": 0, "message": {"role": "assistant", "content": ""} | said, "finish_reason": "stop"}
    answer = whole(completion() | {"choices": [choice]})
    gateway.upstream.plays(*(stream(ROLE, delta(**said), FINISH, USED, DONE) if is_stream else answer))
    assert (await case.chat(stream=is_stream)).status == 200
    assert (await case.row()).cost > 0


async def hang_up(gateway: Gateway, *steps: Step, until: bytes, is_stream: bool) -> Case:
    """The caller leaves when `until` has come; the vendor sees it."""
    case = await gateway.case()
    gateway.upstream.plays(*steps, End.SILENT)
    async with case.open(case.chat_request(stream=is_stream)) as connection:
        seen = await gateway.upstream.reached()
        if until:
            got = b""
            while until not in got:
                got += await connection.reader.read(4096)
        else:
            await asyncio.sleep(SILENCE_S / 8)
    await asyncio.wait_for(seen.closed.wait(), 0.5)
    return case


@row("the caller is gone before the first byte")
async def _gone_waiting(gateway: Gateway) -> Case:
    return await hang_up(gateway, until=b"", is_stream=False)


@row("the caller is gone before the first content of a stream")
async def _gone_early(gateway: Gateway) -> Case:
    return await hang_up(gateway, STREAM_HEAD, chunk(ROLE), until=b"", is_stream=True)


@row("the caller is gone in the middle of a stream")
async def _gone_reading(gateway: Gateway) -> Case:
    words = (STREAM_HEAD, chunk(ROLE), chunk(ONE), chunk(TWO))
    return await hang_up(gateway, *words, until=b" two", is_stream=True)


@row("sound that breaks off")
async def _half_spoken(gateway: Gateway) -> Case:
    case = await gateway.case(price=CHARACTER)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
    gateway.upstream.plays(head, chunk(b"\xff\xfb" * 50), End.CLOSE)
    body = json.dumps({"model": case.model, "input": SPOKEN, "voice": "alloy"}).encode()
    assert not (await case.call(case.post("/v1/audio/speech", body))).is_whole
    return case


@row("the first channel fails and the second answers")
async def _second(gateway: Gateway) -> Case:
    case = await gateway.case(gateway.upstream.url, gateway.upstream.url)
    answers = iter((whole(ERROR, "503 Busy"), whole(completion())))
    gateway.upstream.choose = lambda _: next(answers)
    assert (await case.chat()).status == 200
    assert len((await case.row()).attempts) == 2
    return case


@row("the same request again, with its idempotency key")
async def _again(gateway: Gateway) -> Case:
    case = await gateway.case()
    gateway.upstream.plays(*whole(completion()))
    body = json.dumps({"model": case.model, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    asked = case.post("/v1/chat/completions", body, idempotency_key="once")
    first, again = await case.call(asked), await case.call(asked)
    assert (first.status, again.body) == (200, first.body)
    case.ids = [first.header("x-request-id")]
    return case


# What the words of the page mean


def _nothing(found: Any) -> None:
    assert found.cost == 0
    assert found.explain == []


def _usage(found: Any) -> None:
    assert found.cost == USED_NANO
    assert not found.usage.get("is_estimated")


def _own_count(found: Any) -> None:
    assert found.usage["is_estimated"]
    assert found.usage["input"] > 0
    assert found.cost == found.usage["input"] * 1_000 + found.usage["output"] * 2_000


def _relayed(found: Any) -> None:
    _own_count(found)
    assert found.usage["output"] == 2


def _held(found: Any) -> None:
    assert found.cost == found.hold > 0
    assert found.cost + found.shortfall == 10 * 1_000 + 5_000 * 2_000


def _text(found: Any) -> None:
    assert found.cost == len(SPOKEN) * 15_000


CHARGED = {
    "nothing": _nothing,
    "its usage": _usage,
    "our own count": _own_count,
    "what was relayed": _relayed,
    "up to what was set aside": _held,
    "the text": _text,
}


async def test_every_row_of_the_page_is_played_and_every_word_is_explained() -> None:
    assert len(RULES) > 25
    assert RULES.keys() == SCENARIOS.keys()
    assert {rule.charged for rule in RULES.values()} == CHARGED.keys()
    assert {PRICE["input_usd_per_million"], PRICE["output_usd_per_million"]} == {"1", "2"}
    assert EVENTS[1:3] == (ONE, TWO)
    assert event(choices=[], usage=USAGE) == USED


@pytest.mark.parametrize("what", RULES)
async def test_what_the_page_says_is_what_happens(gateway: Gateway, what: str) -> None:
    rule = RULES[what]
    case = await SCENARIOS[what](gateway)
    rows = await case.rows()
    assert rows
    if not rule.end_reason:
        (first,) = rows
        _usage(first)
    else:
        assert {found.end_reason for found in rows} == {rule.end_reason}
        for found in rows:
            CHARGED[rule.charged](found)
    await case.assert_invariants()
    case.heal()
