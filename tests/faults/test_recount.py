"""What a vendor says comes at once, unchanged and by the name of who said it, and is billed as the vendor counts."""

import asyncio
import hashlib
import itertools
import json
import random
import resource
import statistics
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.faults.dialects import (
    DIALECTS,
    PAIRS,
    TEXT,
    ask,
    assert_complete,
    body_of,
    data_of,
    generated,
    open_case,
    output_delta,
    streaming,
    text_delta,
    typed,
)
from tests.faults.harness import Case, Gateway
from tests.faults.raw import RawAnswer
from tests.faults.upstream import (
    DONE,
    LAST_CHUNK,
    ROLE,
    USED,
    Seen,
    Step,
    chunk,
    completion,
    delta,
    event,
    stream,
    whole,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

all_pairs = pytest.mark.parametrize(("door", "vendor"), PAIRS)
both_ways = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])


# Streams that are real ones

CHUNKS = 200
P99_S = 0.005
ROUNDS = 5
"""The best one counts, and in it what came while no other program had the processor."""


def interruptions() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def piece(vendor: str, number: int) -> bytes:
    text = f"word-{number}."
    if vendor == "responses":
        return output_delta(text, number + 4)
    return {"chat": delta, "messages": text_delta, "generate": generated}[vendor](text)


async def delays(case: Case, door: str, vendor: str) -> list[float]:
    """From sending to receiving, for each chunk; the vendor sends none before the caller has the one before."""
    sent: list[tuple[float, int]] = []
    came: list[tuple[float, int]] = []
    has_come = [asyncio.Event() for _ in range(CHUNKS)]

    def say(number: int) -> Step:
        async def play(writer: asyncio.StreamWriter, _: Seen) -> None:
            sent.append((time.monotonic(), interruptions()))
            writer.write(chunk(piece(vendor, number)))
            await has_come[number].wait()

        return play

    def note(answer: RawAnswer) -> None:
        at, data = answer.arrivals[-1]
        if len(came) < CHUNKS and b"word-%d." % len(came) in data:
            has_come[len(came)].set()
            came.append((at, interruptions()))

    opening, ending = streaming(*DIALECTS[vendor].opening), map(chunk, DIALECTS[vendor].ending)
    case.gateway.upstream.plays(*opening, *map(say, range(CHUNKS)), *ending, LAST_CHUNK)
    answer = await case.call(ask(case, door, is_stream=True), on_data=note)
    assert answer.is_whole
    found = zip(sent, came, strict=True)
    return [late - early for (early, before), (late, after) in found if before == after]


@all_pairs
async def test_a_caller_has_each_chunk_at_once_and_before_the_vendor_sends_the_next(
    gateway: Gateway, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor)
    worst: list[float] = []
    for _ in range(ROUNDS):
        found = await delays(case, door, vendor)
        worst.append(statistics.quantiles(found, n=100)[98])
        if worst[-1] <= P99_S:
            break
    assert min(worst) <= P99_S, worst
    await case.assert_invariants()


# Who was asked, and who answered


def answers(vendor: str, *, is_stream: bool) -> tuple[Step, ...]:
    """By a model that calls itself `theirs`."""
    dialect = DIALECTS[vendor]
    if not is_stream:
        return whole(completion(TEXT, model="theirs") if vendor == "chat" else dialect.whole)
    if vendor != "chat":
        return stream(*dialect.events)
    return stream(*(one.replace(b'{"id": "c",', b'{"id": "c", "model": "theirs",') for one in dialect.events))


def models_in(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield from [value] if name in ("model", "modelVersion") else models_in(value)
    elif isinstance(document, list):
        for item in document:
            yield from models_in(item)


@pytest.mark.parametrize("alias", [None, "their-name"], ids=["own name", "alias"])
@both_ways
@all_pairs
async def test_the_model_that_answered_is_told_by_its_own_name(
    gateway: Gateway, door: str, vendor: str, is_stream: bool, alias: str | None
) -> None:
    case = await open_case(gateway, door, vendor, alias=alias)
    gateway.upstream.plays(*answers(vendor, is_stream=is_stream))
    answer = await case.call(ask(case, door, is_stream=is_stream))
    assert_complete(door, answer, is_stream=is_stream)
    assert set(models_in(data_of(answer.body) if is_stream else answer.json())) == {"theirs"}
    assert answer.header("x-pronghorn-model") == (f"{case.model} -> {alias}" if alias else "")
    row = await case.row()
    assert (row.model, row.upstream_model) == (case.model, alias or case.model)
    (seen,) = gateway.upstream.seen
    in_path = seen.path.partition("/models/")[2].partition(":")[0]
    assert (in_path or seen.json()["model"]) == (alias or case.model)
    await case.assert_invariants()


# Tool calls

ARGUMENTS = (
    '{"url": "https://pypi.org/simple/requests/requests-2.31.0.tar.gz", "run": "pip install requests==2.31.0", '
    '"deep": [1, 1.0, -0.5, 1e-07, 9007199254740993, true, null, {}], '
    '"text": "na\\u00efve \\"quoted\\" \\\\ / \\n\\u2028 日本 😀", "": ""}'
)
CUTS = (0, 1, 9, 40, 111, 160, 240, len(ARGUMENTS))
PIECES = [ARGUMENTS[start:end] for start, end in itertools.pairwise(CUTS)]
CALL = {"id": "call_1", "type": "function", "function": {"name": "install", "arguments": ARGUMENTS}}
ITEM = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "install", "arguments": ARGUMENTS}
USE = {"type": "tool_use", "id": "toolu_1", "name": "install", "input": json.loads(ARGUMENTS)}
CALL_PART = {"functionCall": {"id": "a1", "name": "install", "args": json.loads(ARGUMENTS)}}


def calling(vendor: str) -> bytes:
    """A whole answer that is a call."""
    document = dict(DIALECTS[vendor].whole)
    if vendor == "chat":
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        document["choices"] = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    elif vendor == "responses":
        document["output"] = [ITEM | {"status": "completed"}]
    elif vendor == "messages":
        document |= {"content": [USE], "stop_reason": "tool_use"}
    else:
        content = {"role": "model", "parts": [CALL_PART]}
        document["candidates"] = [{"content": content, "finishReason": "STOP", "index": 0}]
    return json.dumps(document, ensure_ascii=False).encode()


def call_events(vendor: str) -> list[bytes]:
    """A stream that is one, its arguments in pieces where the dialect has them so."""
    if vendor == "chat":
        parts = [{"index": 0, **CALL, "function": {"name": "install", "arguments": ""}}]
        parts += [{"index": 0, "function": {"arguments": text}} for text in PIECES]
        return [ROLE, *(delta(tool_calls=[one]) for one in parts), delta(finish="tool_calls"), USED, DONE]
    if vendor == "generate":
        return [b"data: %b\r\n\r\n" % calling(vendor)]
    if vendor == "messages":
        kind, usage = "input_json_delta", {"output_tokens": 5}
        pieces = [
            typed("content_block_delta", index=0, delta={"type": kind, "partial_json": text})
            for text in PIECES
        ]
        return [
            DIALECTS[vendor].opening[0],
            typed("content_block_start", index=0, content_block=USE | {"input": {}}),
            *pieces,
            typed("content_block_stop", index=0),
            typed("message_delta", delta={"stop_reason": "tool_use"}, usage=usage),
            typed("message_stop"),
        ]
    name, at = "response.function_call_arguments", {"item_id": "fc_1", "output_index": 0}
    return [
        *DIALECTS[vendor].opening[:2],
        typed("response.output_item.added", output_index=0, item=ITEM | {"arguments": ""}),
        *(typed(f"{name}.delta", **at, delta=text) for text in PIECES),
        typed(f"{name}.done", **at, arguments=ARGUMENTS),
        typed("response.output_item.done", output_index=0, item=ITEM),
        typed("response.completed", response=json.loads(calling(vendor))),
    ]


def called(door: str, answer: RawAnswer, *, is_stream: bool) -> str:
    """The arguments that a client puts together."""
    if is_stream and door in ("chat", "messages"):
        documents = [one for one in data_of(answer.body) if isinstance(one, dict)]
        if door == "messages":
            return "".join(one.get("delta", {}).get("partial_json", "") for one in documents)
        deltas = [choice["delta"] for one in documents for choice in one["choices"]]
        return "".join(part["function"]["arguments"] for one in deltas for part in one.get("tool_calls", ()))
    documents = data_of(answer.body) if is_stream else [answer.json()]
    if door == "chat":
        return str(documents[0]["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])
    if door == "messages":
        return json.dumps(documents[0]["content"][0]["input"])
    if door == "generate":
        parts = [part for one in documents for part in one["candidates"][0]["content"]["parts"]]
        (args,) = [part["functionCall"]["args"] for part in parts if "functionCall" in part]
        return json.dumps(args)
    if is_stream:
        pieces = [one["delta"] for one in documents if one["type"].endswith("arguments.delta")]
        documents = [documents[-1]["response"]]
        assert "".join(pieces) == documents[0]["output"][0]["arguments"]
    return str(documents[0]["output"][0]["arguments"])


def exact(arguments: str) -> str:
    """Order, kinds of numbers and all, but for blanks and escapes."""
    return json.dumps(json.loads(arguments))


@both_ways
@all_pairs
async def test_a_tool_call_is_delivered_as_it_was_made(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    events, body = call_events(vendor), calling(vendor)
    gateway.upstream.plays(*(stream(*events) if is_stream else whole(body)))
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if is_stream and door == "chat" else {}
    answer = await case.call(ask(case, door, is_stream=is_stream, **more))
    assert (answer.status, answer.is_whole) == (200, True), answer.body
    assert b'"install"' in answer.body
    assert exact(called(door, answer, is_stream=is_stream)) == exact(ARGUMENTS)
    if door == vendor:
        sent = b"".join(events) if is_stream else body
        assert hashlib.sha256(answer.body).digest() == hashlib.sha256(sent).digest()
    await case.assert_invariants()


# Usage

CALLS = 1_000
LIMIT = 5_000
LONG = 4_000
"""More input than this is dearer."""
PROMPT = "x" * 12_000
"""Room in the hold: nothing may be lowered to it."""
USD = {"input": "1.234567", "output": "9.876543", "reasoning": "11.111111", "cache_read": "0.123457"}
USD |= {"cache_write_5m": "1.543209", "cache_write_1h": "2.469134"}
LONG_USD = {"input": "2.000003", "output": "12.000007"}
INPUT_PARTS = ("input", "cache_read", "cache_write_5m", "cache_write_1h")


def priced(usd: dict[str, str]) -> dict[str, Any]:
    return {f"{name}_usd_per_million": text for name, text in usd.items()}


def rolled(dice: random.Random, vendor: str) -> dict[str, int]:
    """Tokens of each kind, none of them in two; only Anthropic says for how long it keeps what it writes."""

    def maybe(most: int) -> int:
        return dice.randrange(1, most) if dice.random() < 0.6 else 0

    found = {"input": dice.randrange(1, 3_000), "output": dice.randrange(1, 3_000)}
    found |= {"cache_read": maybe(3_000), "reasoning": maybe(2_000)}
    if vendor != "generate":
        found["cache_write_5m"] = maybe(1_000)
    if vendor == "messages":
        found["cache_write_1h"] = maybe(1_000)
    return {name: count for name, count in found.items() if count}


def counted(dice: random.Random, vendor: str, tokens: dict[str, int]) -> dict[str, Any]:
    """The same as this vendor says it. What is none may be said or left out."""
    found = {name: tokens.get(name, 0) for name in USD}
    read, thought, written = found["cache_read"], found["reasoning"], found["cache_write_5m"]
    into, out_of = sum(found[name] for name in INPUT_PARTS), found["output"] + thought
    if vendor == "messages":
        long = found["cache_write_1h"]
        split = {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": long}
        usage = {"input_tokens": found["input"], "output_tokens": out_of, "cache_read_input_tokens": read}
        usage |= {"cache_creation_input_tokens": written + long}
        details: dict[str, Any] = {
            "cache_creation": split,
            "output_tokens_details": {"thinking_tokens": thought},
        }
    elif vendor == "generate":
        by_tools = dice.randrange(found["input"])
        usage = {"promptTokenCount": into - by_tools, "candidatesTokenCount": found["output"]}
        usage |= {"totalTokenCount": into + out_of}
        details = {"toolUsePromptTokenCount": by_tools, "cachedContentTokenCount": read}
        details |= {"thoughtsTokenCount": thought}
    else:
        names = ("input", "output") if vendor == "responses" else ("prompt", "completion")
        usage = {f"{names[0]}_tokens": into, f"{names[1]}_tokens": out_of, "total_tokens": into + out_of}
        details = {f"{names[0]}_tokens_details": {"cached_tokens": read, "cache_write_tokens": written}}
        details |= {f"{names[1]}_tokens_details": {"reasoning_tokens": thought}}
    said = {
        name: count
        for name, count in details.items()
        if dice.random() < 0.5 or any(count.values() if isinstance(count, dict) else [count])
    }
    return usage | said


def telling(vendor: str, usage: dict[str, Any], *, is_stream: bool) -> tuple[Step, ...]:
    dialect = DIALECTS[vendor]
    if not is_stream:
        return whole(dialect.whole | {"usageMetadata" if vendor == "generate" else "usage": usage})
    *ending, end = dialect.ending
    opening: tuple[bytes, ...] = dialect.opening
    if vendor == "chat":
        ending[-1] = event(choices=[], usage=usage)
    elif vendor == "generate":
        opening = (generated(None, usageMetadata=usage | {"candidatesTokenCount": 1}),)
        end = generated("", finish="STOP", usageMetadata=usage)
    elif vendor == "responses":
        end = typed("response.completed", response=dialect.whole | {"usage": usage})
    else:
        guess = dialect.whole | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
        opening = (typed("message_start", message=guess), *opening[1:])
        last = {name: count for name, count in usage.items() if name.startswith("output")}
        ending[-1] = typed("message_delta", delta={"stop_reason": "end_turn"}, usage=last)
    return stream(*opening, *dialect.content, *ending, end)


def usages_in(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        for name, value in document.items():
            is_usage = name in ("usage", "usageMetadata") and isinstance(value, dict)
            yield from [value] if is_usage else usages_in(value)
    elif isinstance(document, list):
        for item in document:
            yield from usages_in(item)


def told(door: str, documents: list[Any]) -> dict[str, int]:
    """Totals as a caller of this dialect reads them; a later event corrects an earlier one."""
    usage: dict[str, Any] = {}
    for found in usages_in(documents):
        usage |= found
    names: tuple[tuple[str, ...], tuple[str, ...]]
    names = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
    if door == "generate":
        names = (
            ("promptTokenCount", "toolUsePromptTokenCount"),
            ("candidatesTokenCount", "thoughtsTokenCount"),
        )
    elif door == "messages":
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"), ("output_tokens",)
    into, out_of = (sum(usage.get(name) or 0 for name in group) for group in names)
    return {"input": into, "output": out_of}


def totals(tokens: dict[str, int]) -> dict[str, int]:
    """Of the two kinds that have parts."""
    into = sum(count for name, count in tokens.items() if name in INPUT_PARTS)
    return {"input": into, "output": sum(tokens.values()) - into}


def by_hand(tokens: dict[str, int]) -> tuple[int, dict[str, tuple[int, int]]]:
    """Nano-dollars, and units with pico-dollars for each."""
    usd = USD | LONG_USD if totals(tokens)["input"] > LONG else USD
    lines = {name: (count, int(Decimal(usd[name]) * 10**6)) for name, count in tokens.items()}
    return -(-sum(count * pico for count, pico in lines.values()) // 1_000), lines


async def call_with(tokens: dict[str, int], dice: random.Random, case: Case, door: str, vendor: str) -> None:
    """One answer for which the vendor counts `tokens`; the caller is told no other number."""
    is_stream, asks = dice.random() < 0.5, dice.random() < 0.5
    usage = counted(dice, vendor, tokens)
    case.gateway.upstream.plays(*telling(vendor, usage, is_stream=is_stream))
    body = body_of(door, case.model, is_stream=is_stream, limit=LIMIT)
    if is_stream and asks and door == "chat":
        body["stream_options"] = {"include_usage": True}
    data = json.dumps(body).replace("Hi", PROMPT).encode()
    answer = await case.call(ask(case, door, is_stream=is_stream, body=data))
    assert_complete(door, answer, is_stream=is_stream)
    if door != "chat" or asks or not is_stream:
        assert told(door, data_of(answer.body) if is_stream else [answer.json()]) == totals(tokens)
    if not is_stream:
        assert Decimal(answer.header("x-pronghorn-cost")) * 10**9 == by_hand(tokens)[0]


def assert_billed(row: Any, tokens: dict[str, int]) -> None:
    nano, lines = by_hand(tokens)
    assert row.usage == tokens | totals(tokens)
    assert {line["component"]: (line["units"], line["pico_usd"]) for line in row.explain} == lines
    assert {line["factor_ppm"] for line in row.explain} == {1_000_000}
    assert (row.cost, row.shortfall) == (nano, 0)


@pytest.mark.parametrize("seed", [62, pytest.param(None, marks=pytest.mark.nightly)])
async def test_what_the_vendor_counts_is_logged_billed_and_told(gateway: Gateway, seed: int | None) -> None:
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    print("seed", seed)  # shown if the test fails
    dice = random.Random(seed)
    price = priced(USD) | {"tiers": [priced(LONG_USD) | {"above_input_tokens": LONG}]}
    cases = {pair: await open_case(gateway, *pair, usd=100, price=price) for pair in PAIRS}
    wanted: dict[str, dict[str, int]] = {}
    for _ in range(CALLS):
        pair = dice.choice(PAIRS)
        tokens = rolled(dice, pair[1])
        await call_with(tokens, dice, cases[pair], *pair)
        wanted[cases[pair].ids[-1]] = tokens
    assert len(wanted) == CALLS
    for case in cases.values():
        for row in await case.rows():
            assert_billed(row, wanted.pop(row.id))
        await case.assert_invariants()
    assert not wanted
