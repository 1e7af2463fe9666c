"""What was held covers what a request costs: nothing that a caller may ask is charged for less than it was."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.faults.dialects import DIALECTS, response
from tests.faults.harness import Case, Gateway, running
from tests.faults.upstream import completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://files.test/a"
CLAUDE = "claude-sonnet-4-5"
LIMIT = 64_000


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def chat(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*parts]}], "max_tokens": 16} | more


def said(tokens_in: int, tokens_out: int) -> Any:
    counts = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
    return completion(usage=counts | {"total_tokens": tokens_in + tokens_out})


def message(tokens_in: int, tokens_out: int) -> Any:
    return DIALECTS["messages"].whole | {"usage": {"input_tokens": tokens_in, "output_tokens": tokens_out}}


def generated(tokens_in: int) -> Any:
    counts = {"promptTokenCount": tokens_in, "candidatesTokenCount": 5, "totalTokenCount": tokens_in + 5}
    return DIALECTS["generate"].whole | {"usageMetadata": counts}


def responded(tokens_in: int) -> Any:
    counts = {"input_tokens": tokens_in, "output_tokens": 5, "total_tokens": tokens_in + 5}
    return response("completed", DIALECTS["responses"].whole["output"], usage=counts)


PICTURE = {"type": "image_url", "image_url": {"url": f"{ELSEWHERE}.png"}}
PDF = {"type": "document", "source": {"type": "url", "url": f"{ELSEWHERE}.pdf"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
COSTLY = {
    "pictures by address": ("openai", "/v1/chat/completions", chat(*[PICTURE] * 10), said(14_000, 5)),
    "a file by its id": (
        "openai",
        "/v1/chat/completions",
        chat({"type": "file", "file": {"file_id": "file-1"}}),
        said(90_000, 5),
    ),
    "a name in escapes": (
        "openai",
        "/v1/chat/completions",
        chat({"type": "file", "fi\\u006ce": {"file_id": "file-1"}}),
        said(90_000, 5),
    ),
    "many prompts": (
        "openai",
        "/v1/completions",
        {"prompt": ["a"] * 100, "max_tokens": 100},
        said(100, 10_000),
    ),
    "another route's limit": (
        "openai",
        "/v1/completions",
        {"prompt": "a", "max_completion_tokens": 1},
        said(1, 4_000),
    ),
    "a file of a response": (
        "openai",
        "/v1/responses",
        {
            "input": [{"role": "user", "content": [{"type": "input_file", "file_url": f"{ELSEWHERE}.pdf"}]}],
            "max_output_tokens": 16,
        },
        responded(90_000),
    ),
    "a document by address": ("anthropic", "/v1/messages", chat(PDF), message(180_000, 5)),
    "embedded pictures": (
        "openai",
        "/v1/embeddings",
        {"input": [{"image": f"{ELSEWHERE}.png"}, {"text": "a"}]},
        {"data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 6_000, "total_tokens": 6_000}},
    ),
    "an embedded film": (
        "gemini",
        "/v1beta/models/{model}:embedContent",
        {"content": {"parts": [{"fileData": {"fileUri": ELSEWHERE}}]}},
        {"embedding": {"values": [0.1]}, "usageMetadata": {"promptTokenCount": 90_000}},
    ),
    "a search": (
        "anthropic",
        "/v1/messages",
        chat({"type": "text", "text": "a"}, tools=[SEARCH]),
        message(60_000, 5),
    ),
    "a cache": (
        "gemini",
        "/v1beta/models/{model}:generateContent",
        {
            "contents": [{"parts": [{"text": "a"}]}],
            "cachedContent": "cachedContents/1",
            "generationConfig": {"maxOutputTokens": 16},
        },
        generated(190_000),
    ),
    "a film": (
        "gemini",
        "/v1beta/models/{model}:generateContent",
        {
            "contents": [{"parts": [{"fileData": {"fileUri": ELSEWHERE}}]}],
            "generationConfig": {"maxOutputTokens": 16},
        },
        generated(190_000),
    ),
}


async def test_all_searches_of_a_rerank_are_paid(gateway: Gateway) -> None:
    case = await gateway.case(vendor="cohere", price={"per_call_usd": "0.002"})
    answer = {"results": [{"index": 0}], "meta": {"billed_units": {"search_units": 3}}}
    row = await call(case, "/v1/rerank", {"query": "q", "documents": ["a"] * 250}, answer)
    assert (row.usage["calls"], row.cost) == (3, 6_000_000)
    assert_paid(row)


PICTURES: dict[str, tuple[str, dict[str, Any], int]] = {
    "a batch": ("siliconflow", {"batch_size": 4}, 4),
    "a sequence": ("doubao", {"sequential_image_generation": "auto"}, 15),
    "a sequence of three": (
        "doubao",
        {
            "sequential_image_generation": "auto",
            "sequential_image_generation_options": {"max_images": 3},
            "n": 1,
        },
        3,
    ),
    "a batch after all": ("openai", {"batch_size": 1, "batch\\u005fsize": 4}, 4),
}


@pytest.mark.parametrize("name", PICTURES)
async def test_pictures_are_paid_whatever_a_vendor_calls_their_number(gateway: Gateway, name: str) -> None:
    vendor, body, count = PICTURES[name]
    case = await gateway.case(vendor=vendor, price={"per_image_usd": "0.04"})
    row = await call(
        case, "/v1/images/generations", {"prompt": "a"} | body, {"created": 1, "data": [{"url": "u"}] * count}
    )
    assert row.usage["images"] == count
    assert_paid(row)


async def call(case: Case, path: str, body: Any, answer: Any) -> Any:
    """The row of the log."""
    case.gateway.upstream.seen = []
    case.gateway.upstream.plays(*whole(answer))
    data = json.dumps({"model": case.model, "store": False} | body if "/v1/" in path else body)
    answered = await case.call(
        case.post(path.format(model=case.model), data.replace("\\\\u", "\\u").encode())
    )
    assert answered.status == 200, answered.body
    return await case.row()


def assert_paid(row: Any) -> None:
    assert [line for line in row.explain if line["component"] == "shortfall"] == []
    assert row.cost == sum(line["units"] * line["pico_usd"] for line in row.explain) // 1000


@pytest.mark.parametrize("name", COSTLY)
async def test_what_a_vendor_counts_is_paid(gateway: Gateway, name: str) -> None:
    vendor, path, body, answer = COSTLY[name]
    case = await gateway.case(vendor=vendor, usd=100)
    assert_paid(await call(case, path, body, answer))
    await case.assert_invariants()


LEVELS: list[tuple[str, dict[str, Any]]] = [
    (
        "/v1/chat/completions",
        chat("a", max_tokens=1, reasoning_effort="max") | {"messages": [{"role": "user", "content": "a"}]},
    ),
    ("/v1/responses", {"input": "a", "max_output_tokens": 1, "reasoning": {"effort": "high"}}),
    (
        "/v1beta/models/{model}:generateContent",
        {
            "contents": [{"parts": [{"text": "a"}]}],
            "generationConfig": {"maxOutputTokens": 1, "thinkingConfig": {"thinkingBudget": 24_000}},
        },
    ),
]


@pytest.mark.parametrize(("path", "body"), LEVELS)
async def test_thinking_that_a_limit_has_no_room_for_is_held_for(
    gateway: Gateway, path: str, body: dict[str, Any]
) -> None:
    case = await gateway.case(vendor="anthropic", usd=100, alias=CLAUDE, max_output_tokens=LIMIT)
    row = await call(case, path, body, message(10, 24_001))
    sent = gateway.upstream.seen[0].json()
    assert 24_000 < sent["max_tokens"] <= sent["thinking"]["budget_tokens"] + 1
    assert_paid(row)


async def test_where_there_is_no_money_for_thinking_it_is_left_out_and_named(gateway: Gateway) -> None:
    case = await gateway.case(vendor="anthropic", usd=0.003, alias=CLAUDE, max_output_tokens=LIMIT)
    body = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 100, "reasoning_effort": "high"}
    row = await call(case, "/v1/chat/completions", body, message(10, 100))
    sent = gateway.upstream.seen[0].json()
    assert (sent["max_tokens"], "thinking" in sent and sent["thinking"]["type"] == "enabled") == (100, False)
    assert_paid(row)


TRICKS: list[dict[str, Any]] = [
    {"generationConfig": {"_maxOutputTokens": 50_000, "maxOutputTokens": 1}},
    {"generationConfig": {"max_output_tokens_": 50_000, "maxOutputTokens": 1}},
    {"generationConfig": {"max__output_tokens": 50_000, "maxOutputTokens": 1}},
    {"generationConfig": {"max_output_tokens": 50_000, "maxOutputTokens": 1}},
    {"generationConfig": {"_candidateCount": 100, "candidateCount": 1, "maxOutputTokens": 1}},
    {"_generationConfig": {"maxOutputTokens": 50_000}, "generationConfig": {"maxOutputTokens": 1}},
    {"generation_config": {"maxOutputTokens": 50_000}, "generationConfig": {"maxOutputTokens": 1}},
]


@pytest.mark.parametrize("trick", TRICKS)
async def test_no_spelling_asks_for_more_than_was_held(gateway: Gateway, trick: dict[str, Any]) -> None:
    case = await gateway.case(vendor="openai", usd=100)
    body = {"contents": [{"parts": [{"text": "a"}]}]} | trick
    await call(case, "/v1beta/models/{model}:generateContent", body, said(1, 1))
    sent = gateway.upstream.seen[0].json()
    assert max(sent.get("max_tokens", 0), sent.get("max_completion_tokens", 0)) == 1
    assert sent.get("n", 1) == 1
