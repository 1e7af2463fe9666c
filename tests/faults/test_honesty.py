"""What a caller asks arrives at the vendor: nothing is shortened or added, and no tier becomes a dearer one."""

import json
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from tests.faults.dialects import (
    CONVERTED,
    DIALECTS,
    PAIRS,
    SAME,
    ask,
    assert_complete,
    assert_refused,
    body_of,
    error_body,
    open_case,
)
from tests.faults.harness import Gateway, running
from tests.faults.raw import RawAnswer
from tests.faults.upstream import Step, completion, stream, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

all_pairs = pytest.mark.parametrize(("door", "vendor"), PAIRS)
both_ways = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])


def good(vendor: str, *, is_stream: bool) -> tuple[Step, ...]:
    return stream(*DIALECTS[vendor].events) if is_stream else whole(DIALECTS[vendor].whole)


def dropped(answer: RawAnswer) -> list[str]:
    found = answer.header("x-pronghorn-dropped")
    return found.split(", ") if found else []


# Long prompts

TOKENS = 200_000
WORDS = ("river", "stone", "and", "of", "lamp", "under", "the", "seven")
NEEDLE = 'The code is "Ω-7491\\n", 日本 🦌.'


def haystack() -> str:
    """No tokenizer makes less than one token of a word with its blank."""
    words = random.Random(61).choices(WORDS, k=TOKENS)
    words.insert(TOKENS * 2 // 3, NEEDLE)
    return " ".join(words)


PROMPT = haystack()


def saying(door: str, text: str) -> dict[str, Any]:
    if door == "generate":
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return {"input" if door == "responses" else "messages": [{"role": "user", "content": text}]}


def said(vendor: str, body: Any) -> str:
    """The text of the only message."""
    where = {"generate": ("contents", "parts"), "responses": ("input", "content")}
    messages, content = where.get(vendor, ("messages", "content"))
    (message,) = body[messages]
    found = message[content]
    return found if isinstance(found, str) else "".join(part["text"] for part in found)


@both_ways
@all_pairs
async def test_of_a_long_prompt_every_character_is_where_it_was(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*good(vendor, is_stream=is_stream))
    answer = await case.call(ask(case, door, is_stream=is_stream, **saying(door, PROMPT)))
    assert_complete(door, answer, is_stream=is_stream)
    (seen,) = gateway.upstream.seen
    found = said(vendor, seen.json())
    assert found.find(NEEDLE) == PROMPT.index(NEEDLE)
    assert found.encode() == PROMPT.encode()
    assert dropped(answer) == []
    await case.assert_invariants()


@all_pairs
async def test_a_vendor_that_finds_a_prompt_too_long_is_not_asked_with_less_of_it(
    gateway: Gateway, door: str, vendor: str
) -> None:
    case = await open_case(gateway, door, vendor)
    refusal = error_body(vendor, "The maximum context length is 128000 tokens.")
    gateway.upstream.plays(*whole(refusal, "400 Bad Request"))
    answer = await case.call(ask(case, door, is_stream=False, **saying(door, PROMPT)))
    assert answer.status == 400
    assert "maximum context length is 128000" in answer.json()["error"]["message"]
    (seen,) = gateway.upstream.seen
    assert said(vendor, seen.json()) == PROMPT
    assert (await case.row()).cost == 0
    await case.assert_invariants()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def narrow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """Takes no body of twice the prompt, and waits for nobody's money."""
    limits: dict[str, Any] = {"max_body_bytes": 2 * len(PROMPT.encode()), "credit_wait_s": 0}
    async with running(tmp_path_factory.mktemp("narrow"), **limits) as gateway:
        yield gateway


@all_pairs
async def test_a_prompt_over_a_limit_of_ours_is_refused_and_nobody_is_asked(
    narrow: Gateway, door: str, vendor: str
) -> None:
    narrow.upstream.plays(*good(vendor, is_stream=False))
    case = await open_case(narrow, door, vendor, usd=0.05)
    answer = await case.call(ask(case, door, is_stream=False, **saying(door, PROMPT)))
    assert_refused(door, answer, "no credit")
    assert (await case.row()).cost == 0
    answer = await case.call(ask(case, door, is_stream=False, **saying(door, PROMPT * 2)))
    assert_refused(door, answer, "too large")
    assert narrow.upstream.seen == []


# Requests with everything in them

SYSTEM, QUESTION, PICTURE = "Answer in Norwegian. 日本", "What is in it?", "iVBORw0KGgo="
DATA_URL = f"data:image/png;base64,{PICTURE}"
CITY = {"type": "string", "description": "Its name", "enum": ["Oslo", "Århus"]}
SCHEMA = {
    "type": "object",
    "properties": {"city": CITY},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"name": "get_weather", "description": "Weather of a city."}


def rich(door: str, model: str) -> dict[str, Any]:
    """System words, a picture, a tool, a temperature, and where the dialect has them a seed and log probabilities."""
    asked: dict[str, Any] = body_of(door, model, is_stream=False)
    if door == "generate":
        picture: Any = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}
        config = {"temperature": 0.5, "seed": 7, "responseLogprobs": True, "logprobs": 3}
        return {
            "systemInstruction": {"parts": [{"text": SYSTEM}]},
            "contents": [{"role": "user", "parts": [{"text": QUESTION}, picture]}],
            "tools": [{"functionDeclarations": [TOOL | {"parametersJsonSchema": SCHEMA}]}],
            "generationConfig": asked["generationConfig"] | config,
        }
    asked["temperature"] = 0.5
    if door == "messages":
        source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
        content: list[Any] = [{"type": "text", "text": QUESTION}, {"type": "image", "source": source}]
        asked |= {"system": SYSTEM, "tools": [TOOL | {"input_schema": SCHEMA}]}
        return asked | {"messages": [{"role": "user", "content": content}]}
    if door == "responses":
        picture = {"type": "input_image", "image_url": DATA_URL, "detail": "auto"}
        content = [{"type": "input_text", "text": QUESTION}, picture]
        asked |= {"instructions": SYSTEM, "input": [{"role": "user", "content": content}]}
        tool = {"type": "function", **TOOL, "parameters": SCHEMA, "strict": False}
        return asked | {"tools": [tool], "top_logprobs": 3, "include": ["message.output_text.logprobs"]}
    content = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": DATA_URL}}]
    asked["messages"] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}]
    tool = {"type": "function", "function": TOOL | {"parameters": SCHEMA}}
    return asked | {"tools": [tool], "seed": 7, "logprobs": True, "top_logprobs": 3}


def read(vendor: str, body: Any) -> dict[str, Any]:
    """The same of what a vendor got: how each thing is called does not matter, what it is does."""
    if vendor == "generate":
        (message,), config = body["contents"], body["generationConfig"]
        (tool,) = body["tools"][0]["functionDeclarations"]
        question, picture = message["parts"]
        (system,) = body["systemInstruction"]["parts"]
        found = {
            "system": system["text"],
            "question": question["text"],
            "schema": tool["parametersJsonSchema"],
        }
        media = (picture["inlineData"]["mimeType"], picture["inlineData"]["data"])
        assert ("responseLogprobs" in config) == ("logprobs" in config)
        top = config.get("logprobs")
    elif vendor == "messages":
        (message,), (tool,), config = body["messages"], body["tools"], body
        question, picture = message["content"]
        found = {"system": body["system"], "question": question["text"], "schema": tool["input_schema"]}
        media, top = (picture["source"]["media_type"], picture["source"]["data"]), None
    else:
        (system, message), config = body["messages"], body
        question, picture = message["content"]
        tool = body["tools"][0]["function"]
        found = {"system": system["content"], "question": question["text"], "schema": tool["parameters"]}
        kind, data = picture["image_url"]["url"].removeprefix("data:").split(";base64,")
        media, top = (kind, data), config.get("top_logprobs")
    about = {name: tool[name] for name in TOOL}
    numbers = {"temperature": config["temperature"], "seed": config.get("seed"), "logprobs": top}
    return found | {"tool": about, "picture": media} | numbers


@both_ways
@pytest.mark.parametrize("alias", [None, "their-name"], ids=["own name", "alias"])
@pytest.mark.parametrize(("door", "vendor"), SAME)
async def test_a_vendor_of_the_callers_dialect_gets_the_very_bytes(
    gateway: Gateway, door: str, vendor: str, is_stream: bool, alias: str | None
) -> None:
    """But for the model's name, where the vendor has another."""
    case = await open_case(gateway, door, vendor, alias=alias)
    gateway.upstream.plays(*good(vendor, is_stream=is_stream))
    asked = rich(door, case.model) | ({"stream": True} if is_stream and door != "generate" else {})
    if is_stream and door == "chat":
        asked["stream_options"] = {"include_usage": True}
    body = json.dumps(asked, separators=(",", ":"), ensure_ascii=False).encode()
    answer = await case.call(ask(case, door, is_stream=is_stream, body=body))
    assert_complete(door, answer, is_stream=is_stream)
    (seen,) = gateway.upstream.seen
    assert seen.body == body.replace(case.model.encode(), (alias or case.model).encode())
    await case.assert_invariants()


WITHOUT = {"messages": ("seed", "logprobs"), "responses": ("seed",)}
"""What a dialect has no words for."""
LOST = {
    "chat": ["$.seed", "$.logprobs", "$.top_logprobs"],
    "responses": ["$.include", "$.top_logprobs"],
    "generate": [f"$.generationConfig.{name}" for name in ("seed", "responseLogprobs", "logprobs")],
}
"""What is named of a request to Anthropic."""


@both_ways
@pytest.mark.parametrize(("door", "vendor"), CONVERTED)
async def test_a_vendor_of_another_dialect_gets_the_same_or_the_caller_is_told(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*good(vendor, is_stream=is_stream))
    answer = await case.call(ask(case, door, is_stream=is_stream, **rich(door, case.model)))
    assert_complete(door, answer, is_stream=is_stream)
    wanted = read("chat", rich("chat", case.model))
    for name in (*WITHOUT.get(door, ()), *WITHOUT.get(vendor, ())):
        wanted[name] = None
    assert read(vendor, gateway.upstream.seen[0].json()) == wanted
    assert dropped(answer) == (LOST.get(door, []) if vendor == "messages" else [])
    await case.assert_invariants()


PROTOCOL = {
    "chat": {"system", "user", "text", "image_url", "function", "object", "string"},
    "messages": {"user", "text", "image", "base64", "image/png", "object", "string"},
    "generate": {"user", "image/png", "object", "string", "BLOCK_NONE"}
    | {
        f"HARM_CATEGORY_{name}"
        for name in ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
    },
}
"""Texts of a vendor's body that no model reads: the names of roles, kinds and formats."""


def texts(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document.removeprefix("data:image/png;base64,")
    elif isinstance(document, dict | list):
        for value in document.values() if isinstance(document, dict) else document:
            yield from texts(value)


@both_ways
@pytest.mark.parametrize("has_all", [False, True], ids=["plain", "rich"])
@all_pairs
async def test_no_vendor_is_told_a_word_that_the_caller_did_not_say(
    gateway: Gateway, door: str, vendor: str, has_all: bool, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*good(vendor, is_stream=is_stream))
    asked = body_of(door, case.model, is_stream=is_stream) | (rich(door, case.model) if has_all else {})
    await case.call(ask(case, door, is_stream=is_stream, body=json.dumps(asked).encode()))
    told = list(texts(gateway.upstream.seen[0].json()))
    said_ = [*texts(asked), case.model]
    words = PROTOCOL.get(vendor, set()) if door != vendor else set()
    assert [text for text in told if text not in said_ and text not in words] == []
    for text in (SYSTEM, QUESTION, PICTURE) if has_all else ("Hi",):
        assert told.count(text) == 1, text
    await case.assert_invariants()


# Service tiers, which are prices

TIERS = {
    "chat": ("auto", "default", "flex", "scale", "priority", "fast"),
    "responses": ("auto", "default", "flex", "scale", "priority", "fast"),
    "messages": ("auto", "standard_only"),
    "generate": ("unspecified", "standard", "flex", "priority"),
}
MEANING = {None: "auto", "unspecified": "auto", "standard_only": "default", "standard": "default"}
"""Without a word the vendor decides; the rest are called alike everywhere."""


def tier_of(dialect: str, body: Any) -> str | None:
    found: str | None = body.get("serviceTier" if dialect == "generate" else "service_tier")
    return found


@both_ways
@all_pairs
async def test_a_tier_is_the_one_that_was_asked_for_or_is_named_as_dropped(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    name = "serviceTier" if door == "generate" else "service_tier"
    for asked in (None, *TIERS[door]):
        gateway.upstream.plays(*good(vendor, is_stream=is_stream))
        more: dict[str, Any] = {} if asked is None else {name: asked}
        answer = await case.call(ask(case, door, is_stream=is_stream, **more))
        assert_complete(door, answer, is_stream=is_stream)
        got = tier_of(vendor, gateway.upstream.seen[0].json())
        if dropped(answer):
            assert (dropped(answer), got) == ([f"$.{name}"], None), asked
            known = {MEANING.get(tier, tier) for tier in TIERS[vendor]} - {"scale", "fast"}
            assert MEANING.get(asked, asked) not in known  # those two are OpenAI's alone
        elif door == vendor or asked is None:
            assert got == asked
        else:
            assert MEANING.get(got, got) == MEANING.get(asked, asked)
    await case.assert_invariants()


async def test_what_a_vendor_refuses_is_named_in_the_callers_own_words(gateway: Gateway) -> None:
    case = await gateway.case(vendor="groq")
    gateway.upstream.plays(*whole(completion()))
    config = {"responseLogprobs": True, "logprobs": 3, "temperature": 0.5}
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": config}
    path, content = f"/v1beta/models/{case.model}:generateContent", json.dumps(body).encode()
    answer = await case.call(case.post(path, content))
    assert answer.status == 200
    named = answer.header("x-pronghorn-dropped").split(", ")
    assert named == ["$.generationConfig.responseLogprobs", "$.generationConfig.logprobs"]
    sent = gateway.upstream.seen[0].json()
    assert (sent["temperature"], {"logprobs", "top_logprobs"} & set(sent)) == (0.5, set())
    gateway.upstream.seen = []
    answer = await case.call(case.post(path, content, x_pronghorn_strict="1"))
    assert answer.status == 400
    assert gateway.upstream.seen == []
    await case.assert_invariants()
