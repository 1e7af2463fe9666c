"""A vendor that breaks off, lies or talks nonsense: a proper error before content, a visible cut after it."""

import json
from typing import Any

import pytest
from tests.faults.harness import Case, Gateway
from tests.faults.upstream import (
    DONE,
    EVENTS,
    FINISH,
    LAST_CHUNK,
    ONE,
    ROLE,
    STREAM_HEAD,
    TWO,
    USED,
    End,
    Step,
    chunk,
    completion,
    event,
    refusing_port,
    stream,
    whole,
)

from pronghorn.routing.health import FAULTS_IN_A_ROW

pytestmark = pytest.mark.asyncio(loop_scope="module")

OK = whole(completion())[0]
HEAD = OK[: OK.index(b"\r\n\r\n") + 4]
COST = 10 * 1_000 + 5 * 2_000
CUTS = [End.CLOSE, End.RESET]

BEFORE_CONTENT: dict[str, tuple[Step, ...]] = {
    "before the head": (),
    "in the status line": (b"HTTP/1.1 20",),
    "in the headers": (HEAD[:40],),
    "after the headers": (HEAD,),
    "in the body": (OK[:-10],),
    "after the stream's headers": (STREAM_HEAD,),
    "after a comment": (STREAM_HEAD, chunk(b": hello\n\n")),
    "after the role": (STREAM_HEAD, chunk(ROLE)),
    "in the first content": (STREAM_HEAD, chunk(ROLE), chunk(ONE[:-1])),
    "in a chunk's size": (STREAM_HEAD, chunk(ROLE), b"4"),
}


@pytest.mark.parametrize("then", CUTS)
@pytest.mark.parametrize("where", BEFORE_CONTENT)
async def test_a_cut_before_content_is_a_502_and_costs_nothing(case: Case, where: str, then: End) -> None:
    is_stream = "stream" in where or BEFORE_CONTENT[where][:1] == (STREAM_HEAD,)
    case.gateway.upstream.plays(*BEFORE_CONTENT[where], then)
    answer = await case.chat(stream=is_stream)
    assert (answer.status, answer.is_whole) == (502, True)
    assert answer.error["code"] == "upstream_error"
    assert answer.header("x-request-id") in answer.error["message"]
    row = await case.row()
    assert (row.cost, row.status) == (0, 502)
    assert row.end_reason in ("upstream_error", "upstream_truncated")
    assert len(row.attempts) == 1


async def test_a_vendor_that_is_not_there_is_a_502(gateway: Gateway) -> None:
    async with refusing_port() as nowhere:
        case = await gateway.case(nowhere)
        answer = await case.chat()
        await case.assert_invariants()
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert nowhere.rpartition(":")[2] not in answer.error["message"]
    assert (await case.row()).cost == 0


AFTER_CONTENT = {
    "after one word": (ROLE, ONE),
    "after two": (ROLE, ONE, TWO),
    "after the finish": (ROLE, ONE, TWO, FINISH),
    "before DONE": (ROLE, ONE, TWO, FINISH, USED),
    "in DONE": (ROLE, ONE, TWO, FINISH, USED, DONE[:-4]),
    "in a word": (ROLE, ONE, TWO[:-5]),
    "after 40 words": (ROLE, *[ONE] * 40),
}


@pytest.mark.parametrize("then", [*CUTS, LAST_CHUNK], ids=["close", "reset", "clean"])
@pytest.mark.parametrize("where", AFTER_CONTENT)
async def test_a_cut_after_content_shows_and_is_charged(case: Case, where: str, then: Step) -> None:
    events = AFTER_CONTENT[where]
    answer = await case.chat_in_two((STREAM_HEAD, *map(chunk, events[:2])), (*map(chunk, events[2:]), then))
    assert (answer.status, answer.is_whole) == (200, False)
    assert b"[DONE]" not in answer.body
    assert answer.error["code"] == "upstream_truncated"
    whole_events = [e for e in events if e.endswith(b"\n\n") and e is not USED]
    assert answer.body.startswith(b"".join(whole_events) + b"data: ")
    row = await case.row()
    assert (row.end_reason, row.finish) == ("upstream_truncated", "truncated")
    if USED in events:
        assert row.cost == COST
    else:
        assert row.usage["is_estimated"]
        assert row.usage["input"] > 0
        assert row.usage["output"] == 40 if "40" in where else row.usage["output"] in (1, 2)


async def test_of_a_cut_answer_a_count_of_no_output_is_no_count(case: Case) -> None:
    """Some vendors begin with the input's count, and zero for what is still to come."""
    begun = event(choices=[], usage={"prompt_tokens": 1000, "completion_tokens": 0})
    case.gateway.upstream.plays(STREAM_HEAD, *map(chunk, (begun, ROLE, *[ONE] * 40)), LAST_CHUNK)
    assert not (await case.chat(stream=True)).is_whole
    row = await case.row()
    assert (row.end_reason, row.usage["input"], row.usage["output"]) == ("upstream_truncated", 1000, 40)
    assert row.usage["is_estimated"]


async def test_an_end_of_the_connection_ends_a_stream_without_framing_only_after_done(case: Case) -> None:
    bare = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    case.gateway.upstream.plays(bare, *EVENTS, End.CLOSE)
    answer = await case.chat(stream=True)
    assert answer.is_whole
    assert answer.body.endswith(DONE)
    case.gateway.upstream.plays(bare, *EVENTS[:-1], End.CLOSE)
    answer = await case.chat(stream=True)
    assert not answer.is_whole
    assert answer.error["code"] == "upstream_truncated"


ODD_EVENTS = {
    "broken JSON": b"data: {broken\n\n",
    "no object": b"data: 7\n\n",
    "wrong type": b'data: {"choices": 7}\n\n',
    "NaN": b'data: {"choices": [], "x": NaN}\n\n',
    "an array of depth 10000": b'data: {"choices":[],"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}\n\n",
    "an object of depth 10000": b'data: {"choices":[],"x":'
    + b'{"a":' * 10_000
    + b"1"
    + b"}" * 10_001
    + b"\n\n",
    "an error": b'data: {"error": {"message": "overloaded"}}\n\n',
    "an error of another shape": b'data: {"error": "overloaded"}\n\n',
}


@pytest.mark.parametrize("odd", ODD_EVENTS)
async def test_an_event_that_makes_no_sense_ends_the_stream_with_an_error(case: Case, odd: str) -> None:
    answer = await case.chat_in_two(
        (STREAM_HEAD, chunk(ROLE), chunk(ONE)), stream(ODD_EVENTS[odd], TWO, FINISH, DONE)[1:]
    )
    row = await case.row()
    assert not answer.is_whole
    assert answer.body.startswith(ROLE + ONE + b"data: ")
    assert TWO not in answer.body
    assert answer.error["code"] == row.end_reason == "upstream_error"
    assert row.cost > 0


@pytest.mark.parametrize("odd", ODD_EVENTS)
async def test_an_event_that_makes_no_sense_before_content_is_a_502(case: Case, odd: str) -> None:
    case.gateway.upstream.plays(*stream(ROLE, ODD_EVENTS[odd], ONE, FINISH, DONE))
    answer = await case.chat(stream=True)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert (await case.row()).cost == 0


HARMLESS = {
    "numbers beyond doubles": b'data: {"choices":[],"x":1e400,"y":123456789012345678901234567890}\n\n',
    "duplicate members": b'data: {"choices":[],"x":1,"x":2}\n\n',
    "unknown members": b'data: {"choices":[],"new":{"deep":[1.50]}}\n\n',
    "an event name": b'event: delta\nid: 7\nretry: 10\ndata: {"choices":[]}\n\n',
    "no choices": b'data: {"id":"c"}\n\n',
    "null delta": b'data: {"choices":[{"delta":null,"finish_reason":null}]}\n\n',
    "empty data": b"data:\n\n",
    "two data lines": b'data: {"choices":\ndata: []}\n\n',
    "a lone surrogate": b'data: {"choices":[],"x":"\\ud800"}\n\n',
    "invalid UTF-8 in a text": b'data: {"choices":[{"delta":{"x":"\xff\xfe"}}]}\n\n',
    "NUL": b'data: {"choices":[],"x":"\\u0000"}\n\n',
    "raw 4-byte characters": 'data: {"choices":[],"x":"🎉"}\n\n'.encode(),
}


@pytest.mark.parametrize("odd", HARMLESS)
async def test_an_odd_but_harmless_event_passes_unchanged(case: Case, odd: str) -> None:
    case.gateway.upstream.plays(*stream(ROLE, ONE, HARMLESS[odd], TWO, FINISH, USED, DONE))
    answer = await case.chat(stream=True)
    assert answer.is_whole
    assert answer.body == b"".join((ROLE, ONE, HARMLESS[odd], TWO, FINISH, DONE))
    assert (await case.row()).cost == COST


NOT_ANSWERS: dict[str, tuple[Any, str]] = {
    "a web page": (b"<html>busy</html>", "text/html"),
    "nothing": (b"", "application/json"),
    "an error": ({"error": {"message": "no", "type": "x"}}, "application/json"),
    "no choices": ({"choices": []}, "application/json"),
    "null choices": ({"choices": None}, "application/json"),
    "a list": ([1], "application/json"),
    "half of it": (b'{"choices": [{"message": {"content": "half', "application/json"),
    "a number": (b"7", "application/json"),
    "blanks": (b"   ", "application/json"),
}


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("what", NOT_ANSWERS)
async def test_a_200_that_is_no_answer_is_a_502_and_free(case: Case, what: str, is_stream: bool) -> None:
    document, kind = NOT_ANSWERS[what]
    case.gateway.upstream.plays(*whole(document, kind=kind))
    answer = await case.chat(stream=is_stream)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    row = await case.row()
    assert (row.cost, row.end_reason) == (0, "upstream_error")
    assert len(row.attempts) == 1
    assert row.attempts[0]["error"]


async def test_an_answer_without_content_is_free(case: Case) -> None:
    case.gateway.upstream.plays(*whole(completion("")))
    assert (await case.chat()).status == 200
    assert (await case.row()).cost == 0


LINE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
BODY = OK[len(HEAD) :]
ILL_FRAMED: dict[str, bytes] = {
    "two lengths": LINE + b"content-length: %d\r\ncontent-length: 3\r\n\r\n" % len(BODY) + BODY,
    "length and chunks": LINE
    + b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n" % len(BODY)
    + chunk(BODY)
    + LAST_CHUNK,
    "chunks and length": LINE
    + b"transfer-encoding: chunked\r\ncontent-length: %d\r\n\r\n" % len(BODY)
    + chunk(BODY)
    + LAST_CHUNK,
    "no number": LINE + b"content-length: many\r\n\r\n" + BODY,
    "a negative length": LINE + b"content-length: -1\r\n\r\n" + BODY,
    "a chunk size too large": LINE + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 20 + b"\r\n" + BODY,
    "no chunk size": LINE + b"transfer-encoding: chunked\r\n\r\nxyz\r\n" + BODY,
    "10000 headers": LINE + b"x-h: 1\r\n" * 10_000 + b"content-length: %d\r\n\r\n" % len(BODY) + BODY,
    "a header of 1 MB": LINE
    + b"x-h: "
    + b"a" * 1_000_000
    + b"\r\ncontent-length: %d\r\n\r\n" % len(BODY)
    + BODY,
    "a storm of 1xx": b"HTTP/1.1 102 Processing\r\n\r\n" * 1_000 + OK,
    "switching protocols": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n" + OK,
    "not HTTP": b"SSH-2.0-OpenSSH_9.9\r\n",
    "a status that is none": b"HTTP/1.1 999999 What\r\n\r\n",
}


@pytest.mark.parametrize("what", ILL_FRAMED)
async def test_an_ill_framed_answer_is_a_502(case: Case, what: str) -> None:
    case.gateway.upstream.plays(ILL_FRAMED[what], End.CLOSE)
    answer = await case.chat()
    assert (answer.status, answer.is_whole) == (502, True)
    assert (await case.row()).cost == 0


async def test_an_answer_shorter_than_promised_is_a_502(case: Case) -> None:
    case.gateway.upstream.plays(LINE + b"content-length: %d\r\n\r\n" % (len(BODY) + 5) + BODY, End.CLOSE)
    assert (await case.chat()).status == 502
    assert (await case.row()).cost == 0


async def test_bytes_after_an_answer_never_reach_the_next_caller(case: Case) -> None:
    evil = whole(completion("EVIL"))[0]
    case.gateway.upstream.plays(OK + evil)
    first = await case.chat()
    case.gateway.upstream.plays(*whole(completion("good")))
    second = await case.chat()
    assert b"EVIL" not in first.body + second.body
    assert {first.status, second.status} <= {200, 502}
    assert second.status == 200


async def test_a_few_1xx_answers_are_passed_over(case: Case) -> None:
    case.gateway.upstream.plays(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n", OK)
    answer = await case.chat()
    assert (answer.status, answer.header("link")) == (200, "")


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_only_our_headers_go_down(case: Case, is_stream: bool) -> None:
    bad = (
        "set-cookie: a=b\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n"
        "proxy-authenticate: Basic\r\ntrailer: x-t\r\nupgrade: h2c\r\nserver: vendor\r\nvia: 1.1 v\r\n"
        "strict-transport-security: max-age=1\r\naccess-control-allow-origin: https://evil\r\n"
        "openai-organization: org-secret\r\nx-request-id: theirs\r\n"
    )
    head = STREAM_HEAD[:-2] + bad.encode() + b"\r\n"
    plain = whole(completion(), headers=bad)
    case.gateway.upstream.plays(*((head, *stream()[1:]) if is_stream else plain))
    answer = await case.chat(stream=is_stream)
    assert answer.status == 200
    allowed = {"content-type", "content-length", "transfer-encoding", "x-request-id", "x-pronghorn-cost"}
    allowed |= {"access-control-allow-origin", "access-control-expose-headers"}
    allowed |= {"cache-control", "x-accel-buffering"}
    assert {name for name, _ in answer.headers} <= allowed
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("x-request-id") != "theirs"
    assert (await case.row()).upstream_request_id == "theirs"


VENDOR_SAYS: list[tuple[str, int, str, str]] = [
    ("401 No", 502, "upstream_error", ""),
    ("402 Pay", 502, "upstream_error", ""),
    ("403 No", 502, "upstream_error", ""),
    ("408 Slow", 504, "upstream_timeout", ""),
    ("429 Slow", 429, "rate_limit_exceeded", "7"),
    ("500 Oops", 502, "upstream_error", ""),
    ("503 Busy", 502, "upstream_error", ""),
    ("504 Late", 504, "upstream_timeout", ""),
    ("529 Busy", 502, "upstream_error", ""),
    ("301 Moved", 502, "upstream_error", ""),
    ("302 Found", 502, "upstream_error", ""),
    ("307 Moved", 502, "upstream_error", ""),
    ("308 Moved", 502, "upstream_error", ""),
    ("304 Same", 502, "upstream_error", ""),
    ("204 Nothing", 502, "upstream_error", ""),
    ("400 Bad", 400, "their_code", ""),
    ("404 None", 404, "their_code", ""),
    ("413 Big", 413, "their_code", ""),
    ("422 Bad", 422, "their_code", ""),
]


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("said", "status", "code", "retry_after"), VENDOR_SAYS, ids=lambda v: str(v)[:9])
async def test_a_vendors_status_means_something_for_the_caller(
    case: Case, said: str, status: int, code: str, retry_after: str, is_stream: bool
) -> None:
    words = {
        "error": {"message": "key sk-canary-5b1d9e0f of org-7 is bad", "code": "their_code", "param": "p"}
    }
    headers = "retry-after: 7\r\nlocation: http://127.0.0.1:1/elsewhere\r\n"
    bare = (f"HTTP/1.1 {said}\r\n{headers}\r\n".encode(),)
    has_body = not said.startswith(("204", "304"))
    case.gateway.upstream.plays(*(whole(words, said, headers=headers) if has_body else bare))
    answer = await case.chat(stream=is_stream)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert answer.header("retry-after") == retry_after
    assert (b"org-7" in answer.body) == (code == "their_code"), (
        "a vendor's words about our account are not for callers"
    )
    assert answer.header("location") == ""
    row = await case.row()
    assert row.cost == 0
    assert len(case.gateway.upstream.seen) == 1, "not followed, and with one channel not repeated"
    assert "canary" not in row.error + str(row.attempts)


UNREADABLE: dict[str, tuple[str, int, tuple[Step, ...]]] = {
    "cut": ("", 9, (End.CLOSE,)),
    "in Brotli": ("content-encoding: br\r\n", 4, ()),
}


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("said", "status", "closed_by"),
    [("401 No", 502, "refused"), ("429 Slow", 429, "limited"), ("400 Bad", 502, None)],
)
@pytest.mark.parametrize("how", UNREADABLE)
async def test_a_status_counts_though_nobody_can_read_its_body(
    case: Case, how: str, said: str, status: int, closed_by: str | None, is_stream: bool
) -> None:
    line, length, end = UNREADABLE[how]
    head = f"HTTP/1.1 {said}\r\nretry-after: 7\r\n{line}content-length: {length}\r\n\r\nodd?"
    case.gateway.upstream.plays(head.encode(), *end)
    for _ in range(1 if closed_by else FAULTS_IN_A_ROW):
        answer = await case.chat(stream=is_stream)
    assert (answer.status, answer.header("retry-after")) == (status, "7" if status == 429 else "")
    (channel,) = case.gateway.inner.loader.snapshot.tiers(case.model, "default")[0].channels
    assert (channel.healths[0].cause, channel.vitals.channel.cause) == (closed_by, None)
    rows = await case.rows()
    assert {attempt["status"] for row in rows for attempt in row.attempts} == {int(said[:3])}
    assert not any(row.cost for row in rows)


@pytest.mark.parametrize(
    ("given", "passed"), [("7", "7"), ("1000000000", "3600"), ("soon", ""), ("-5", ""), (None, "")]
)
async def test_a_retry_after_is_capped_and_nonsense_is_none(
    case: Case, given: str | None, passed: str
) -> None:
    line = "" if given is None else f"retry-after: {given}\r\n"
    case.gateway.upstream.plays(*whole({"error": {"code": "slow"}}, "429 Slow", headers=line))
    answer = await case.chat()
    assert (answer.status, answer.header("retry-after")) == (429, passed)


ABSURD: dict[str, Any] = {
    "negative": {"prompt_tokens": -1, "completion_tokens": 2},
    "negative output": {"prompt_tokens": 1, "completion_tokens": -(10**12)},
    "beyond belief": {"prompt_tokens": 10**12, "completion_tokens": 1},
    "beyond 64 bits": {"prompt_tokens": 10**30, "completion_tokens": 1},
    "null": None,
    "null inside": {"prompt_tokens": None, "completion_tokens": None},
    "a text": "many",
    "texts inside": {"prompt_tokens": "10", "completion_tokens": "5"},
    "a list": [1, 2],
    "a fraction": {"prompt_tokens": 1.5, "completion_tokens": 1},
    "true": {"prompt_tokens": True, "completion_tokens": True},
    "the output alone": {"completion_tokens": 500},
    "empty": {},
}


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("what", ABSURD)
async def test_absurd_usage_is_replaced_by_our_own_count(case: Case, what: str, is_stream: bool) -> None:
    odd = chunk(b"data: " + json_bytes({"choices": [], "usage": ABSURD[what]}) + b"\n\n")
    parts = (STREAM_HEAD, *map(chunk, (ROLE, ONE, TWO, FINISH)), odd, chunk(DONE), LAST_CHUNK)
    case.gateway.upstream.plays(*(parts if is_stream else whole(completion("one two", usage=ABSURD[what]))))
    answer = await case.chat(stream=is_stream)
    assert (answer.status, answer.is_whole) == (200, True)
    row = await case.row()
    assert row.usage["is_estimated"], row.usage
    assert row.usage["output"] == 2
    assert 0 < row.cost <= row.hold


async def test_usage_above_the_hold_is_paid_up_to_it_and_flagged(case: Case) -> None:
    usage = {"prompt_tokens": 50_000, "completion_tokens": 70_000}
    case.gateway.upstream.plays(*whole(completion(usage=usage)))
    assert (await case.chat(max_tokens=10)).status == 200
    row = await case.row()
    assert row.cost == row.hold
    assert row.shortfall == 50_000 * 1_000 + 70_000 * 2_000 - row.hold


async def test_the_last_of_several_usages_counts(case: Case) -> None:
    early = b"data: " + json_bytes({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 1}})
    case.gateway.upstream.plays(*stream(ROLE, early + b"\n\n", ONE, TWO, FINISH, USED, DONE))
    answer = await case.chat(stream=True)
    assert b"usage" not in answer.body
    assert (await case.row()).cost == COST


def json_bytes(document: Any) -> bytes:
    return json.dumps(document).encode()
