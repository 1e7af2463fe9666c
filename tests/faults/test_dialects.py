"""Every dialect through the gateway, whatever the vendor speaks: nothing cut looks complete, nothing is for nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.faults import raw
from tests.faults.dialects import (
    CONVERTED,
    COST,
    DIALECTS,
    PAIRS,
    TEXT,
    Dialect,
    ask,
    assert_broken_off,
    assert_complete,
    assert_refused,
    bare,
    body_of,
    data_of,
    error_event,
    is_terminal,
    open_case,
    streamed_text,
    streaming,
    typed,
)
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import CANARY
from tests.faults.upstream import (
    LAST_CHUNK,
    STREAM_HEAD,
    End,
    ScriptedUpstream,
    Step,
    chunk,
    stream,
    whole,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOORS = tuple(DIALECTS)
all_pairs = pytest.mark.parametrize(("door", "vendor"), PAIRS)
both_ways = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])


@pytest_asyncio.fixture(loop_scope="module")
async def second() -> AsyncIterator[ScriptedUpstream]:
    upstream = await ScriptedUpstream().start()
    yield upstream
    await upstream.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway that waits for nobody."""
    limits = {"first_byte_timeout_s": 0.3, "first_event_timeout_s": 0.3, "idle_timeout_s": 0.3}
    async with running(tmp_path_factory.mktemp("hasty"), **limits) as gateway:
        yield gateway


def good(vendor: str, *, is_stream: bool) -> tuple[Step, ...]:
    dialect = DIALECTS[vendor]
    return stream(*dialect.events) if is_stream else whole(dialect.whole)


async def begin_then(case: Case, door: str, first: tuple[bytes, ...], *then: Step) -> raw.RawAnswer:
    """A stream that the vendor goes on with once the caller has got content."""
    has_some = asyncio.Event()
    case.gateway.upstream.plays(*first, has_some, *then)
    return await case.call(ask(case, door, is_stream=True), on_data=lambda _: has_some.set())


# A good answer


@both_ways
@all_pairs
async def test_a_good_answer_is_complete_and_paid_for(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*good(vendor, is_stream=is_stream))
    answer = await case.call(ask(case, door, is_stream=is_stream))
    assert_complete(door, answer, is_stream=is_stream)
    row = await case.row()
    assert (row.cost, row.end_reason, row.finish) == (COST, "ok", "stop")
    (seen,) = gateway.upstream.seen
    dialect = DIALECTS[vendor]
    assert seen.path == (dialect.stream_path if is_stream else dialect.path).replace("MODEL", case.model)
    assert case.key not in repr(seen.headers)
    await case.assert_invariants()


async def test_what_of_an_answer_its_caller_is_not_told_is_named_and_logged(gateway: Gateway) -> None:
    case = await open_case(gateway, "chat", "messages")
    searched = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    vendor = DIALECTS["messages"]
    gateway.upstream.plays(*whole(vendor.whole | {"content": [searched, *vendor.whole["content"]]}))
    answer = await case.call(ask(case, "chat", is_stream=False))
    assert answer.header("x-pronghorn-dropped") == "answer.server_tool_use"
    block = (
        typed("content_block_start", index=9, content_block=searched),
        typed("content_block_stop", index=9),
    )
    gateway.upstream.plays(*stream(*vendor.opening, *vendor.content, *block, *vendor.ending))
    await case.call(ask(case, "chat", is_stream=True))
    assert {(row.end_reason, row.error) for row in await case.rows()} == {
        ("ok", "not carried: answer.server_tool_use")
    }


NEW: dict[str, Any] = {"x_new": {"deep": [1, None, "é"]}}


def with_unknown(dialect: Dialect) -> tuple[bytes, ...]:
    """The stream with members and events that nobody has heard of."""
    odd = typed("content_new_delta", **NEW) if dialect.name != "chat" else bare({"choices": [], **NEW})
    if dialect.name == "generate":
        odd = bare({"candidates": [], **NEW})
    if dialect.name == "responses":
        odd = typed("response.new_thing.happened", **NEW)
    return (
        *dialect.opening,
        b": a comment\n\n",
        dialect.content[0],
        odd,
        dialect.content[1],
        *dialect.ending,
    )


@pytest.mark.parametrize("door", DOORS)
async def test_the_same_dialect_passes_byte_for_byte(gateway: Gateway, door: str) -> None:
    case = await open_case(gateway, door, door)
    dialect = DIALECTS[door]
    asks = {"stream_options": {"include_usage": True}} if door == "chat" else {}
    odd = json.dumps(body_of(door, case.model, is_stream=False) | NEW, indent=3, ensure_ascii=False).encode()
    said = json.dumps(dialect.whole | NEW, indent=2).encode()
    gateway.upstream.plays(*whole(said))
    answer = await case.call(ask(case, door, is_stream=False, body=odd))
    assert answer.body == said
    assert gateway.upstream.seen[0].body == odd
    events = with_unknown(dialect)
    streamed = json.dumps(
        body_of(door, case.model, is_stream=True) | NEW | asks, indent=3, ensure_ascii=False
    ).encode()
    gateway.upstream.plays(*stream(*events))
    answer = await case.call(ask(case, door, is_stream=True, body=streamed))
    assert answer.is_whole
    assert answer.body == b"".join(events)
    assert gateway.upstream.seen[0].body == streamed
    assert {row.cost for row in await case.rows()} == {COST}
    await case.assert_invariants()


@pytest.mark.parametrize("door", ["chat", "messages", "responses"])
async def test_an_alias_changes_the_model_and_nothing_else(gateway: Gateway, door: str) -> None:
    case = await open_case(gateway, door, door, alias="their-name")
    gateway.upstream.plays(*good(door, is_stream=False))
    answer = await case.call(ask(case, door, is_stream=False, **NEW))
    assert answer.header("x-pronghorn-model") == f"{case.model} -> their-name"
    assert gateway.upstream.seen[0].json() == body_of(door, "their-name", is_stream=False) | NEW
    await case.assert_invariants()


async def test_an_alias_goes_into_the_path_where_the_model_is_there(gateway: Gateway) -> None:
    case = await open_case(gateway, "generate", "generate", alias="their-name")
    gateway.upstream.plays(*good("generate", is_stream=False))
    await case.call(ask(case, "generate", is_stream=False, **NEW))
    (seen,) = gateway.upstream.seen
    assert seen.path == "/v1beta/models/their-name:generateContent"
    assert seen.json() == body_of("generate", "", is_stream=False) | NEW
    await case.assert_invariants()


# What the vendor sees beside the body

CREDENTIALS = {
    "chat": ("authorization", f"Bearer {CANARY}"),
    "responses": ("authorization", f"Bearer {CANARY}"),
    "messages": ("x-api-key", CANARY),
    "generate": ("x-goog-api-key", CANARY),
}
VERSIONS = {"anthropic-version": "2099-01-01", "anthropic-beta": "new-thing-1,other-2"}


@all_pairs
async def test_a_vendor_gets_its_credential_and_no_caller_is_heard_of(
    gateway: Gateway, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*good(vendor, is_stream=False))
    personal = {"cookie": "a=b", "x-forwarded-for": "10.0.0.1", "user-agent": "theirs", "referer": "http://x"}
    await case.call(ask(case, door, is_stream=False, headers=VERSIONS | personal))
    (seen,) = gateway.upstream.seen
    name, value = CREDENTIALS[vendor]
    found = {header for header, _ in seen.headers}
    assert seen.header(name) == value
    assert not found & ({"authorization", "x-api-key", "x-goog-api-key"} - {name})
    assert not found & personal.keys() - {"user-agent"}
    assert seen.header("user-agent") != "theirs"
    assert case.key not in repr(seen.headers) + seen.path + repr(seen.body)
    await case.assert_invariants()


async def test_versions_and_betas_of_anthropic_pass_and_have_a_default(gateway: Gateway) -> None:
    case = await open_case(gateway, "messages", "messages")
    gateway.upstream.plays(*good("messages", is_stream=False))
    await case.call(ask(case, "messages", is_stream=False))
    await case.call(ask(case, "messages", is_stream=False, headers=VERSIONS))
    plain, given = gateway.upstream.seen
    assert (plain.header("anthropic-version"), plain.header("anthropic-beta")) == ("2023-06-01", "")
    assert {name: given.header(name) for name in VERSIONS} == VERSIONS
    await case.assert_invariants()


async def test_betas_in_lines_of_their_own_all_reach_the_vendor(gateway: Gateway) -> None:
    case = await open_case(gateway, "messages", "messages")
    gateway.upstream.plays(*good("messages", is_stream=False))
    asked = ask(case, "messages", is_stream=False, headers={"anthropic-beta": "one-1"})
    asked = asked.replace(
        b"anthropic-beta: one-1\r\n", b"anthropic-beta: one-1\r\nAnthropic-Beta: two-2,three-3\r\n"
    )
    async with case.open(asked) as connection:
        await connection.answer()
        await connection.send(asked)  # whose head is known now
        await connection.answer()
    betas = [seen.header("anthropic-beta") for seen in gateway.upstream.seen]
    assert betas == ["one-1, two-2,three-3"] * 2
    await case.assert_invariants()


@pytest.mark.parametrize(("door", "vendor"), CONVERTED)
async def test_betas_never_reach_a_vendor_of_another_dialect(
    gateway: Gateway, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*good(vendor, is_stream=False))
    await case.call(ask(case, door, is_stream=False, headers=VERSIONS))
    (seen,) = gateway.upstream.seen
    assert seen.header("anthropic-beta") == ""
    assert seen.header("anthropic-version") == ("2023-06-01" if vendor == "messages" else "")
    await case.assert_invariants()


# A vendor that fails before there is content


def before_content(dialect: Dialect) -> dict[str, tuple[Step, ...]]:
    """What goes wrong in a stream, none of which the caller is to see."""
    opening, one = dialect.opening, dialect.content[0]
    return {
        "before the head": (End.CLOSE,),
        "reset": (End.RESET,),
        "in the headers": (STREAM_HEAD[:30], End.CLOSE),
        "after the headers": (STREAM_HEAD, End.RESET),
        "after the opening": (*streaming(*opening), End.CLOSE),
        "in the first content": (*streaming(*opening, one[:-8]), End.CLOSE),
        "clean and empty": (STREAM_HEAD, LAST_CHUNK),
        "clean after the opening": (*streaming(*opening), LAST_CHUNK),
        "clean in the first content": (*streaming(*opening, one[:-8]), LAST_CHUNK),
        "a malformed event": stream(*opening, b"data: {broken\n\n", one, *dialect.ending),
        "an error event": stream(*opening, error_event(dialect.name), *dialect.content, *dialect.ending),
    }


NOT_ANSWERS: dict[str, tuple[Any, str]] = {
    "a web page": (b"<html>busy</html>", "text/html"),
    "a web page said to be JSON": (b"<html>busy</html>", "application/json"),
    "an error": ({"error": {"message": "no", "type": "x", "code": 500}}, "application/json"),
    "another object": ({}, "application/json"),
    "nothing": (b"", "application/json"),
    "a list": (b"[1]", "application/json"),
    "half of it": (b'{"candidates":[{"content":{"parts":[{"text":"ha', "application/json"),
    "a failure as its finish": (
        {"choices": [{"index": 0, "message": {"content": "ha"}, "finish_reason": "network_error"}]},
        "application/json",
    ),
}
MIXED_FAILURES = ["after the opening", "clean after the opening", "an error event", "a web page"]
FAILURES = [*before_content(DIALECTS["chat"]), *NOT_ANSWERS, "cut in a whole answer"]


def failure(vendor: str, what: str) -> tuple[Step, ...]:
    if what in NOT_ANSWERS:
        document, kind = NOT_ANSWERS[what]
        return whole(document, kind=kind)
    if what == "cut in a whole answer":
        return (whole(DIALECTS[vendor].whole)[0][:-20], End.CLOSE)
    return before_content(DIALECTS[vendor])[what]


@all_pairs
async def test_a_failure_before_content_is_a_proper_error_and_free(
    gateway: Gateway, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor)
    for what in FAILURES:
        case.heal()
        gateway.upstream.plays(*failure(vendor, what))
        answer = await case.call(ask(case, door, is_stream=True))
        assert answer.status == 502, what
        assert_refused(door, answer, "vendor failed")
    for what in (*NOT_ANSWERS, "cut in a whole answer", "before the head", "in the headers"):
        case.heal()
        gateway.upstream.plays(*failure(vendor, what))
        answer = await case.call(ask(case, door, is_stream=False))
        assert answer.status == 502, what
        assert_refused(door, answer, "vendor failed")
    rows = await case.rows()
    assert {(row.cost, row.status) for row in rows} == {(0, 502)}
    assert {row.end_reason for row in rows} <= {"upstream_error", "upstream_truncated"}
    assert all(row.usage["output"] == 0 for row in rows)
    await case.assert_invariants()


@all_pairs
async def test_a_second_channel_answers_where_the_first_failed(
    gateway: Gateway, second: ScriptedUpstream, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor, gateway.upstream.url, second.url)
    second.plays(*good(vendor, is_stream=True))
    # All of them for all pairs would use up what the gateway spends on trying again.
    for what in FAILURES if door == vendor else MIXED_FAILURES:
        case.heal()
        gateway.upstream.plays(*failure(vendor, what))
        answer = await case.call(ask(case, door, is_stream=True))
        assert_complete(door, answer, is_stream=True)
        assert len(gateway.upstream.seen) == 1, what
    for row in await case.rows():
        assert (row.cost, row.end_reason, row.finish) == (COST, "ok", "stop")
        assert [bool(attempt["error"]) for attempt in row.attempts] == [True, False]
    await case.assert_invariants()


# A vendor that fails after there is content


def after_content(dialect: Dialect) -> dict[str, tuple[tuple[Step, ...], str, str]]:
    """What follows the first word, the text that the caller has at the end, and how that end is called."""
    two = dialect.content[1]
    found: dict[str, tuple[tuple[Step, ...], str, str]] = {}
    ends: dict[str, Step] = {"cut": End.CLOSE, "reset": End.RESET, "clean": LAST_CHUNK}
    for name, end in ends.items():
        found |= {
            f"{name} after one word": ((end,), "one", "upstream_truncated"),
            f"{name} in the next": ((chunk(two[:-8]), end), "one", "upstream_truncated"),
            f"{name} after two": ((chunk(two), end), TEXT, "upstream_truncated"),
        }
        if len(dialect.ending) > 1:
            ending = map(chunk, (two, *dialect.ending[:-1]))
            found[f"{name} before the very end"] = ((*ending, end), TEXT, "upstream_truncated")
    found["a malformed event"] = (
        stream(b"data: {broken\n\n", two, *dialect.ending)[1:],
        "one",
        "upstream_error",
    )
    found["an error event"] = (
        stream(error_event(dialect.name), two, *dialect.ending)[1:],
        "one",
        "upstream_error",
    )
    if dialect.name == "chat":
        finish = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"network_error"}]}\n\n'
        found["a failure as its finish"] = stream(finish, *dialect.ending)[1:], "one", "upstream_error"
    return found


@all_pairs
async def test_a_failure_after_content_shows_and_is_charged_by_what_came(
    gateway: Gateway, door: str, vendor: str
) -> None:
    dialect = DIALECTS[vendor]
    case = await open_case(gateway, door, vendor)
    reasons: dict[str, tuple[str, str]] = {}
    for what, (then, text, reason) in after_content(dialect).items():
        case.heal()
        answer = await begin_then(case, door, streaming(*dialect.opening, dialect.content[0]), *then)
        assert not answer.is_whole, what
        assert_broken_off(door, answer, "vendor failed", reason, text)
        reasons[case.ids[-1]] = what, reason
    for row in await case.rows():
        what, reason = reasons.pop(row.id)
        assert (row.end_reason, row.finish, row.status) == (reason, "truncated", 200), what
        if "the very end" in what and vendor != "responses":
            assert row.cost == COST, what
        else:
            assert 0 < row.cost <= row.hold, what
            assert 1 <= row.usage["output"] <= 2, what
    assert not reasons
    await case.assert_invariants()


@pytest.mark.parametrize("then", [End.CLOSE, End.RESET, LAST_CHUNK], ids=["close", "reset", "clean"])
@pytest.mark.parametrize("vendor", ["chat", "messages", "responses", "generate"])
async def test_a_cut_array_of_gemini_is_no_json(gateway: Gateway, vendor: str, then: Step) -> None:
    """Without `alt=sse` a stream is one JSON array, which only a proper end closes."""
    if vendor == "responses":
        vendor = "chat"
    case = await open_case(gateway, "generate", vendor)
    dialect = DIALECTS[vendor]
    target = f"/v1beta/models/{case.model}:streamGenerateContent"
    data = case.post(target, json.dumps(body_of("generate", case.model, is_stream=True)).encode())
    has_some = asyncio.Event()
    gateway.upstream.plays(*streaming(*dialect.opening, dialect.content[0]), has_some, then)
    answer = await case.call(data, on_data=lambda _: has_some.set())
    assert not answer.is_whole
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    *events, last = json.loads(answer.body + b"]")
    assert "error" in last
    assert not any(is_terminal("generate", event) for event in events)
    gateway.upstream.plays(*good(vendor, is_stream=True))
    answer = await case.call(data)
    assert answer.is_whole
    assert "".join(part["text"] for event in answer.json() for part in _parts(event)) == TEXT
    await case.assert_invariants()


def _parts(event: Any) -> list[Any]:
    return [part for one in event["candidates"] for part in one["content"]["parts"] if "text" in part]


@all_pairs
async def test_a_vendor_that_stalls_is_given_up(hasty: Gateway, door: str, vendor: str) -> None:
    dialect = DIALECTS[vendor]

    async def once(first: tuple[Step, ...], *, is_stream: bool) -> tuple[raw.RawAnswer, Case]:
        case = await open_case(hasty, door, vendor)
        scripts[case.model] = first
        return await case.call(ask(case, door, is_stream=is_stream)), case

    scripts: dict[str, tuple[Step, ...]] = {}
    hasty.upstream.choose = lambda seen: next(
        script
        for model, script in scripts.items()
        if model in seen.path or f'"{model}"' in seen.body.decode()
    )
    silences: list[tuple[Step, ...]] = [(), (STREAM_HEAD,), streaming(*dialect.opening)]
    begun: tuple[Step, ...] = streaming(*dialect.opening, dialect.content[0])
    answers = await asyncio.gather(
        once((End.SILENT,), is_stream=False),
        *(once((*silence, End.SILENT), is_stream=True) for silence in silences),
        once((*begun, End.SILENT), is_stream=True),
    )
    for answer, case in answers[:-1]:
        assert_refused(door, answer, "vendor slow")
        row = await case.row()
        assert (row.cost, row.end_reason) == (0, "upstream_timeout")
        await case.assert_invariants()
    answer, case = answers[-1]
    assert_broken_off(door, answer, "vendor slow", "upstream_timeout", "one")
    row = await case.row()
    assert row.cost > 0
    assert row.end_reason == "upstream_timeout"
    await case.assert_invariants()


@all_pairs
async def test_all_that_came_before_a_cut_is_charged(gateway: Gateway, door: str, vendor: str) -> None:
    """Whatever the vendor has counted until then: Anthropic's counts begin with a guess."""
    dialect, count = DIALECTS[vendor], 60
    case = await open_case(gateway, door, vendor)
    first = streaming(*dialect.opening, *[dialect.content[0]] * count)
    answer = await begin_then(case, door, first, End.CLOSE)
    assert_broken_off(door, answer, "vendor failed", "upstream_truncated", "one" * count)
    row = await case.row()
    assert row.usage["output"] >= count / 2
    assert row.usage["is_estimated"]
    if vendor == "messages":
        assert row.usage["input"] == 10
    await case.assert_invariants()


async def test_a_count_of_output_that_is_a_guess_is_none(gateway: Gateway) -> None:
    """A host of Anthropic's dialect that counts at the start of a stream and never again."""
    dialect = DIALECTS["messages"]
    for door in DOORS:
        case = await open_case(gateway, door, "messages")
        delta = typed("message_delta", delta={"stop_reason": "end_turn"})
        content = [dialect.content[0]] * 60
        gateway.upstream.plays(
            *stream(*dialect.opening, *content, dialect.ending[0], delta, dialect.ending[-1])
        )
        answer = await case.call(ask(case, door, is_stream=True))
        assert_complete(door, answer, is_stream=True, text="one" * 60)
        row = await case.row()
        assert row.usage["is_estimated"]
        assert row.usage["output"] >= 30
        await case.assert_invariants()


ODD_TEXTS = {"half of a surrogate pair": (b"\\ud83c", "\ufffd"), "broken UTF-8": (b"\xff", "\ufffd")}


@pytest.mark.parametrize("what", ODD_TEXTS)
@all_pairs
async def test_text_that_is_none_is_not_lost_in_silence(
    gateway: Gateway, door: str, vendor: str, what: str
) -> None:
    """Some vendors cut between the halves of a character. The rest of such an event has to come."""
    odd, shown = ODD_TEXTS[what]
    dialect = DIALECTS[vendor]
    events = [event.replace(b'" two"', b'" two' + odd + b'"') for event in dialect.events]
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*stream(*events))
    answer = await case.call(ask(case, door, is_stream=True))
    assert answer.is_whole
    if door == vendor:
        expected = b"".join(event for event in events if door != "chat" or b'"usage"' not in event)
        assert answer.body == expected
    else:
        assert_complete(door, answer, is_stream=True, text=TEXT + shown)
        said = json.dumps(dialect.whole).encode().replace(TEXT.encode(), TEXT.encode() + odd)
        gateway.upstream.plays(*whole(said))
        answer = await case.call(ask(case, door, is_stream=False))
        assert_complete(door, answer, is_stream=False, text=TEXT + shown)
    assert {row.cost for row in await case.rows()} == {COST}
    await case.assert_invariants()


# A caller that hangs up


@all_pairs
async def test_a_caller_that_hangs_up_ends_the_vendors_work_and_pays_for_what_came(
    gateway: Gateway, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor)
    dialect = DIALECTS[vendor]
    gateway.upstream.plays(*streaming(*dialect.opening, *dialect.content), End.SILENT)
    async with case.open(ask(case, door, is_stream=True)) as connection:
        head = await connection.head()
        case.ids.append(head.header("x-request-id"))
        await connection.reader.readuntil(b"two")
        begun = asyncio.get_running_loop().time()
    async with asyncio.timeout(0.5):
        await gateway.upstream.seen[0].closed.wait()
    assert asyncio.get_running_loop().time() - begun < 0.5
    row = await case.row()
    assert (row.end_reason, row.finish) == ("client_gone", "truncated")
    assert row.usage["is_estimated"]
    assert row.cost > 0
    assert 1 <= row.usage["output"] <= 2
    await case.assert_invariants()


@pytest.mark.parametrize(("door", "vendor"), CONVERTED)
async def test_a_caller_that_hangs_up_before_content_pays_nothing(
    gateway: Gateway, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*streaming(*DIALECTS[vendor].opening), End.SILENT)
    async with case.open(ask(case, door, is_stream=True)):
        seen = await gateway.upstream.reached()
    async with asyncio.timeout(0.5):
        await seen.closed.wait()
    row = await case.row()
    assert (row.end_reason, row.cost) == ("client_gone", 0)
    await case.assert_invariants()


# Usage that is missing or absurd

COUNTS = {
    "chat": ("usage", "prompt_tokens", "completion_tokens"),
    "messages": ("usage", "input_tokens", "output_tokens"),
    "responses": ("usage", "input_tokens", "output_tokens"),
    "generate": ("usageMetadata", "promptTokenCount", "candidatesTokenCount"),
}
ABSURD: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "a text": "many",
    "a list": [1, 2],
    "empty": {},
    "texts inside": ("10", "5"),
    "a fraction": (1.5, 1),
    "negative": (-1, 2),
    "beyond belief": (10**12, 1),
    "beyond 64 bits": (10**30, 1),
}


def with_usage(vendor: str, document: Any, what: str) -> Any:
    """`document` with its usage, wherever it has one, replaced."""
    name, *counts = COUNTS[vendor]
    if isinstance(document, list):
        return [with_usage(vendor, item, what) for item in document]
    if not isinstance(document, dict):
        return document
    found = {key: with_usage(vendor, value, what) for key, value in document.items()}
    if name in found:
        value = ABSURD[what]
        if value is ...:
            del found[name]
        else:
            found[name] = dict(zip(counts, value, strict=True)) if isinstance(value, tuple) else value
    return found


def event_with_usage(vendor: str, event: bytes, what: str) -> bytes:
    head, mark, data = event.partition(b"data: ")
    if not mark or data.startswith(b"[DONE]"):
        return event
    return head + bare(with_usage(vendor, json.loads(data), what))


@both_ways
@all_pairs
async def test_usage_that_makes_no_sense_is_counted_by_ourselves(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    dialect = DIALECTS[vendor]
    case = await open_case(gateway, door, vendor)
    for what in ABSURD:
        events = [event_with_usage(vendor, event, what) for event in dialect.events]
        gateway.upstream.plays(
            *(stream(*events) if is_stream else whole(with_usage(vendor, dialect.whole, what)))
        )
        answer = await case.call(ask(case, door, is_stream=is_stream))
        assert answer.status == 200, (what, answer.body)
        assert_complete(door, answer, is_stream=is_stream)
    whats = dict(zip(case.ids, ABSURD, strict=True))
    for row in await case.rows():
        what = whats.pop(row.id)
        assert row.usage.get("is_estimated"), what
        assert row.usage["output"] == 2, what
        assert row.usage["input"] > 0, what
        assert (row.end_reason, row.finish) == ("ok", "stop"), what
        assert 0 < row.cost <= row.hold, what
    assert not whats
    await case.assert_invariants()


@pytest.mark.parametrize("vendor", ["chat", "messages", "generate"])
@pytest.mark.parametrize("asks", [False, True], ids=["not asked", "asked"])
async def test_a_chat_caller_sees_usage_if_asked_for(gateway: Gateway, vendor: str, asks: bool) -> None:
    case = await open_case(gateway, "chat", vendor)
    gateway.upstream.plays(*good(vendor, is_stream=True))
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if asks else {}
    answer = await case.call(ask(case, "chat", is_stream=True, **more))
    told = [event["usage"] for event in data_of(answer.body)[:-1] if event.get("usage")]
    assert [(usage["prompt_tokens"], usage["completion_tokens"]) for usage in told] == [(10, 5)] * asks
    await case.assert_invariants()


# Low balance


def limit_of(dialect: str, sent: Any) -> Any:
    for name in DIALECTS[dialect].limit:
        sent = sent[name]
    return sent


@pytest.mark.parametrize("has_limit", [True, False], ids=["limit given", "no limit given"])
@all_pairs
async def test_a_low_balance_lowers_the_vendors_own_limit(
    gateway: Gateway, door: str, vendor: str, has_limit: bool
) -> None:
    if door == "messages" and not has_limit:
        return  # there it is not optional
    case = await open_case(gateway, door, vendor, usd=0.002)
    gateway.upstream.plays(*good(vendor, is_stream=False))
    limit = 5_000 if has_limit else None
    body = json.dumps(body_of(door, case.model, is_stream=False, limit=limit)).encode()
    answer = await case.call(ask(case, door, is_stream=False, body=body))
    assert_complete(door, answer, is_stream=False)
    adjusted = int(answer.header("x-pronghorn-adjusted").removeprefix("max_tokens="))
    assert 16 <= adjusted < 1_000
    sent = gateway.upstream.seen[0].json()
    if vendor == "chat" and not (door == "chat" and has_limit):
        sent["max_tokens"] = sent.get("max_completion_tokens", sent.get("max_tokens"))
    assert limit_of(vendor, sent) == adjusted
    row = await case.row()
    assert row.hold <= 2_000_000
    assert row.cost == COST
    await case.assert_invariants()


# Bodies that two parsers could read in two ways

DOUBLED: dict[str, list[bytes]] = {
    "messages": [
        b'{"model":"MODEL","messages":[],"max_tokens":10,"max_tokens":1000000}',
        b'{"model":"MODEL","messages":[],"max_tokens":1000000,"max_tokens":10}',
        b'{"model":"MODEL","messages":[],"max_tokens":10,"Max_Tokens":1000000}',
        b'{"model":"MODEL","messages":[],"max_tokens":10,"max\\u005ftokens":1000000}',
        b'{"model":"MODEL","model":"other","messages":[],"max_tokens":10}',
        b'{"model":"other","model":"MODEL","messages":[],"max_tokens":10}',
        b'{"model":"MODEL","Model":"other","messages":[],"max_tokens":10}',
        b'{"model":"MODEL","messages":[],"max_tokens":10,"stream":false,"STREAM":true}',
    ],
    "responses": [
        b'{"model":"MODEL","store":false,"input":"Hi","max_output_tokens":10,"max_output_tokens":1000000}',
        b'{"model":"MODEL","store":false,"input":"Hi","max_output_tokens":10,"MAX_output_tokens":1000000}',
        b'{"model":"MODEL","store":false,"input":"Hi","max_output_tokens":10,"max\\u005foutput_tokens":1000000}',
        b'{"model":"MODEL","model":"other","store":false,"input":"Hi","max_output_tokens":10}',
        b'{"model":"MODEL","store":false,"input":"Hi","max_output_tokens":10,"\\u006dodel":"other"}',
    ],
    "generate": [
        b'{"contents":[],"generationConfig":{"maxOutputTokens":10,"maxOutputTokens":1000000}}',
        b'{"contents":[],"generationConfig":{"maxOutputTokens":10},"generationConfig":{"maxOutputTokens":1000000}}',
        b'{"contents":[],"generationConfig":{"maxOutputTokens":10,"max_output_tokens":1000000}}',
        b'{"contents":[],"generationConfig":{"maxOutputTokens":10},"generation_config":{"maxOutputTokens":1000000}}',
        b'{"contents":[],"generation_config":{"max_output_tokens":10}}',
        b'{"contents":[],"generationConfig":{"maxOutputTokens":10,"MaxOutputTokens":1000000}}',
        b'{"contents":[],"generationConfig":{"maxOutputTokens":10},"GenerationConfig":{"maxOutputTokens":1000000}}',
        b'{"contents":[],"generationConfig":{"maxOutputTokens":10,"max\\u004futputTokens":1000000}}',
        b'{"contents":[],"generationConfig":{"maxOutputTokens":10,"candidateCount":1,"candidate_count":100}}',
    ],
}


def _flat(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Members by their names without case and underscores, of which there must not be two."""
    names = [name.replace("_", "").casefold() for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(zip(names, (value for _, value in pairs), strict=True))


@pytest.mark.parametrize(
    ("door", "body"), [(door, body) for door, bodies in DOUBLED.items() for body in bodies]
)
async def test_a_vendor_reads_of_a_doubled_member_what_we_did(
    gateway: Gateway, door: str, body: bytes
) -> None:
    """Or the hold would be for another request than the vendor answers."""
    case = await open_case(gateway, door, door)
    gateway.upstream.plays(*good(door, is_stream=False))
    answer = await case.call(
        ask(case, door, is_stream=False, body=body.replace(b"MODEL", case.model.encode()))
    )
    if not gateway.upstream.seen:
        assert answer.status in (400, 404)
        return
    sent = json.loads(gateway.upstream.seen[0].body, object_pairs_hook=_flat)
    if door != "generate":
        assert sent["model"] == case.model
    config = sent["generationconfig"] if door == "generate" else sent
    limit = config["maxoutputtokens" if door != "messages" else "maxtokens"]
    assert (await case.row()).hold >= limit * config.get("candidatecount", 1) * 2_000
    await case.assert_invariants()


# A vendor that does not stream though it is asked to


@all_pairs
async def test_an_answer_that_is_whole_though_a_stream_was_asked_for_becomes_one(
    gateway: Gateway, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*whole(DIALECTS[vendor].whole))
    answer = await case.call(ask(case, door, is_stream=True))
    assert_complete(door, answer, is_stream=True)
    row = await case.row()
    assert (row.cost, row.end_reason, row.finish, row.is_stream) == (COST, "ok", "stop", True)
    await case.assert_invariants()


async def test_a_request_that_is_odd_to_us_alone_is_answered_nonetheless(gateway: Gateway) -> None:
    """Written as a stream is what a vendor of the caller's own dialect said, whatever it was asked."""
    odd: dict[str, bytes] = {
        "chat": b'"messages":[{"role":"new","content":[{"type":"new"}]},7]',
        "messages": b'"messages":[{"role":"new","content":[{"type":"new"}]},7]',
        "responses": b'"input":[{"type":"new","content":7},8]',
        "generate": b'"contents":[{"role":"new","parts":[7]}]',
    }
    for door, member in odd.items():
        for more in (b"", b',"x":1e400'):
            case = await open_case(gateway, door, door)
            gateway.upstream.plays(*whole(DIALECTS[door].whole))
            head = b'{"model":"%b","stream":true,"store":false,"max_tokens":9,' % case.model.encode()
            data = (b"{" if door == "generate" else head) + member + more + b"}"
            answer = await case.call(ask(case, door, is_stream=True, body=data))
            assert_complete(door, answer, is_stream=True)
            assert (await case.row()).cost == COST
            await case.assert_invariants()


# Models whose chats refuse functions

TOOLS: dict[str, Any] = {
    "messages": [{"name": "look", "input_schema": {"type": "object"}}],
    "generate": [{"functionDeclarations": [{"name": "look"}]}],
}


@both_ways
@pytest.mark.parametrize("door", TOOLS)
async def test_functions_of_newer_models_are_asked_for_as_responses(
    gateway: Gateway, door: str, is_stream: bool
) -> None:
    plain = {"gpt-5.6": {}, "gpt-5.3": {"tools": TOOLS[door]}}
    for model, more in [*plain.items(), ("gpt-5.6", {"tools": TOOLS[door]})]:
        case = await gateway.case(f"{gateway.upstream.url}/openai/v1", vendor="azure", alias=model)
        vendor = "responses" if more and model == "gpt-5.6" else "chat"
        gateway.upstream.plays(*good(vendor, is_stream=is_stream))
        answer = await case.call(ask(case, door, is_stream=is_stream, **more))
        assert_complete(door, answer, is_stream=is_stream)
        assert gateway.upstream.seen[0].path == f"/openai{DIALECTS[vendor].path}"
        assert (await case.row()).cost == COST
        await case.assert_invariants()


async def test_the_least_that_responses_can_be_asked_for_is_held(gateway: Gateway) -> None:
    """Sixteen tokens, also where the caller wants ten."""
    case = await gateway.case(f"{gateway.upstream.url}/openai/v1", vendor="azure", alias="gpt-5.6")
    gateway.upstream.plays(*good("responses", is_stream=False))
    for limit in (10, 16):
        body = ask(case, "messages", is_stream=False, tools=TOOLS["messages"], max_tokens=limit)
        assert_complete("messages", await case.call(body), is_stream=False)
    assert {seen.json()["max_output_tokens"] for seen in gateway.upstream.seen} == {16}
    assert len({row.hold for row in await case.rows()}) == 1
    await case.assert_invariants()


# Responses that are remembered


@pytest.mark.parametrize("vendor", ["responses", "chat", "messages", "generate"])
async def test_a_cut_response_is_not_remembered_as_complete(gateway: Gateway, vendor: str) -> None:
    case = await open_case(gateway, "responses", vendor)
    dialect, has_some = DIALECTS[vendor], asyncio.Event()
    gateway.upstream.plays(*streaming(*dialect.opening, dialect.content[0]), has_some, End.CLOSE)
    cut = await case.call(
        ask(case, "responses", is_stream=True, store=True), on_data=lambda _: has_some.set()
    )
    assert_broken_off("responses", cut, "vendor failed", "upstream_truncated", "one")
    assert (await remembered(case, cut)).status == 404
    gateway.upstream.plays(*good(vendor, is_stream=True))
    answer = await case.call(ask(case, "responses", is_stream=True, store=True))
    assert_complete("responses", answer, is_stream=True)
    assert streamed_text("responses", answer.body) == TEXT
    kept = await remembered(case, answer)
    assert (kept.status, kept.json()["status"]) == (200, "completed")
    await case.assert_invariants()


async def remembered(case: Case, told: raw.RawAnswer) -> raw.RawAnswer:
    name = data_of(told.body)[0]["response"]["id"]
    headers = {"authorization": f"Bearer {case.key}"}
    return await raw.call(case.gateway.port, raw.request("GET", f"/v1/responses/{name}", headers))
