"""Each golden file holds what is written today, and is what the dialect's own official document asks for."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests import anthropic_schema, gemini_schema, openapi_schema
from tests.wire import golden
from tests.wire.golden import Case

from pronghorn import convert
from pronghorn.kit import sse

CASES = list(golden.cases())
STREAMS = [case for case in CASES if case.source.suffix == ".sse"]
REQUESTS: dict[str, tuple[Callable[[str, Any], None], str]] = {
    "chat": (openapi_schema.validate, "CreateChatCompletionRequest"),
    "responses": (openapi_schema.validate, "CreateResponse"),
    "messages": (anthropic_schema.validate, "CreateMessageParams"),
    "generate": (gemini_schema.validate, "GenerateContentRequest"),
}
ANSWERS: dict[str, tuple[Callable[[str, Any], None], str]] = {
    "chat": (openapi_schema.validate, "CreateChatCompletionResponse"),
    "responses": (openapi_schema.validate, "Response"),
    "messages": (anthropic_schema.validate, "Message"),
    "generate": (gemini_schema.validate, "GenerateContentResponse"),
}
EVENTS: dict[str, tuple[Callable[[str, Any], None], str]] = ANSWERS | {
    "chat": (openapi_schema.validate, "CreateChatCompletionStreamResponse"),
    "responses": (openapi_schema.validate, "ResponseStreamEvent"),
    "messages": (anthropic_schema.validate, "StreamEvent"),
}
BESIDE = {
    "chat": {"reasoning_content", "reasoning_details", "extra_content", "cache_write_tokens"}
    | {"url_citation.content"},
    "responses": set[str](),
    "messages": set[str](),
    "generate": {"thoughtSignature"},  # which is base64, but for the word that passes for one
}
"""What callers get, or vendors are told, that the document has no word for."""


def official(value: Any, beside: set[str], where: str = "") -> Any:
    if isinstance(value, list):
        return [official(item, beside, where) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: official(item, beside, name)
        for name, item in value.items()
        if name not in beside and f"{where}.{name}" not in beside
    }


def test_every_cell_has_twelve_cases() -> None:
    counted: dict[tuple[str, str], int] = {}
    for case in CASES:
        counted[case.dialect, case.target] = counted.get((case.dialect, case.target), 0) + 1
    assert len(counted) == 12
    assert min(counted.values()) >= 12


def test_no_golden_file_is_without_its_source() -> None:
    known = {case.golden for case in CASES} | {case.source for case in CASES}
    assert {path for path in golden.HERE.glob("*/*.*") if path.suffix in (".json", ".sse")} == known


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_written_is_golden(case: Case) -> None:
    assert golden.converted(case).decode() == case.golden.read_bytes().decode()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_golden_is_valid_by_the_vendors_document(case: Case) -> None:
    if case.source.suffix == ".sse":
        validate, name = EVENTS[case.target]
        found = [sse.data_of(event) for event in sse.Splitter().feed(case.golden.read_bytes())]
        values = [json.loads(data) for data in found if data not in (None, b"[DONE]")]
    else:
        validate, name = (ANSWERS if case.is_answer else REQUESTS)[case.target]
        value = json.loads(case.golden.read_bytes())
        values = [value if case.is_answer else value["request"]]
    for value in values:
        validate(name, official(value, BESIDE[case.target]))


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.name)
def test_a_stream_cut_anywhere_gives_the_same_bytes(case: Case) -> None:
    raw, whole = case.source.read_bytes(), case.golden.read_bytes()
    assert [cut for cut in range(len(raw)) if golden.converted_stream(case, raw, cut) != whole] == []


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.name)
def test_a_stream_says_nothing_of_its_end_before_it_is_there(case: Case) -> None:
    """What was cut must look cut to the caller too."""
    splitter = sse.Splitter()
    payloads = [data for event in splitter.feed(case.source.read_bytes()) if (data := sse.data_of(event))]
    last = [data for data in payloads if data != b"[DONE]"][-1]
    stream = golden.answering(case).stream()
    out = b"".join([stream.feed(data) for data in payloads[: payloads.index(last)]])
    ends = (b"[DONE]", b"message_stop", b"response.completed", b'"finishReason"')
    assert [end for end in ends if end in out] == []


def test_every_dialect_has_its_cases() -> None:
    assert {case.dialect for case in CASES} == convert.load().keys()
