"""What the vendor counts is what is logged, billed and told, in every dialect and to the last nano-dollar."""

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.faults.dialects import (
    DIALECTS,
    PAIRS,
    ask,
    assert_complete,
    body_of,
    data_of,
    generated,
    open_case,
    typed,
)
from tests.faults.harness import Case, Gateway
from tests.faults.upstream import (
    Step,
    event,
    stream,
    whole,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

all_pairs = pytest.mark.parametrize(("door", "vendor"), PAIRS)
both_ways = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])


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
