"""A whole Gemini answer as a canonical one. A blocked prompt is an answer too: without parts, filtered."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pronghorn.convert.events import new_call_id
from pronghorn.convert.generate import citations, finishes, logprobs, signatures
from pronghorn.convert.generate.media import from_address, from_data
from pronghorn.convert.generate.parts_in import json_text
from pronghorn.convert.generate.signatures import NAME
from pronghorn.convert.turn import Choice, Citation, Foreign, Json, Media, Part, Reply, Text, ToolCall
from pronghorn.convert.usage import from_gemini
from pronghorn.wire import gemini
from pronghorn.wire.usage import Usage

_UNSAID = ("groundingMetadata.searchEntryPoint", "groundingMetadata.webSearchQueries", "urlContextMetadata")


def read_reply(body: Json) -> Reply:
    candidates = sorted(body.get("candidates") or (), key=lambda candidate: candidate.get("index") or 0)
    choices = [_read_candidate(candidate) for candidate in candidates]
    if not choices:
        choices = [read_block(body) or Choice([])]
    counts = body.get("usageMetadata") or {}
    return Reply(
        body.get("responseId") or "",
        read_model(body),
        choices,
        read_usage(counts),
        service_tier=read_tier(counts),
        unknown=[path for i, candidate in enumerate(candidates) for path in _unsaid(candidate, i)],
    )


def read_model(body: Json) -> str:
    return str(body.get("modelVersion") or "").removeprefix("models/")


def read_usage(counts: Mapping[str, Any]) -> Usage | None:
    try:
        return from_gemini(msgspec.convert(counts, gemini.UsageMetadata, strict=False))
    except msgspec.ValidationError:
        return None


def read_tier(counts: Mapping[str, Any]) -> str:
    tier = str(counts.get("serviceTier") or "").lower()
    return {"standard": "default", "unspecified": ""}.get(tier, tier)


def read_block(body: Json) -> Choice | None:
    """What is left of an answer whose prompt was blocked."""
    feedback = body.get("promptFeedback")
    if not isinstance(feedback, dict) or not feedback.get("blockReason"):
        return None
    return Choice([], "content_filter", detail=feedback)


def _unsaid(candidate: Json, index: int) -> list[str]:
    found = []
    for path in _UNSAID:
        outer, _, inner = path.partition(".")
        value = candidate.get(outer)
        if value and (not inner or value.get(inner)):
            found.append(f"$.candidates[{index}].{path}")
    return found


def _read_candidate(candidate: Json) -> Choice:
    parts: list[Part] = []
    bases: dict[int, int] = {}
    """Index of a part in the answer to the bytes of text before it."""
    said = 0
    for index, raw in enumerate((candidate.get("content") or {}).get("parts") or ()):
        part = read_part(raw)
        bases[index] = said
        if isinstance(part, Text):
            said += len(citations.encoded(part.text))
            if not part.text and _attach(part, parts):
                continue
        parts.append(part)
    _cite(candidate, parts, bases)
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    detail = finishes.detail(candidate)
    if note := finishes.note(detail, has_calls=has_calls):
        parts.append(Text(note))
    return Choice(
        parts,
        finishes.read(candidate.get("finishReason"), has_calls=has_calls),
        logprobs=logprobs.read(candidate.get("logprobsResult")),
        detail=detail,
    )


def _attach(empty: Text, parts: list[Part]) -> bool:
    """A signature may come behind its text. True where `empty` says no more than that."""
    if empty.signature is None:
        return True
    last = parts[-1] if parts else None
    if isinstance(last, Text) and last.signature is None:
        last.signature = empty.signature
        return True
    return False


def read_part(raw: Json) -> Part:
    proof = raw.get("thoughtSignature")
    signature = signatures.read(proof)[0] if proof else None
    if raw.get("functionCall") is not None:
        call = raw["functionCall"]
        id = call.get("id") or new_call_id()
        return ToolCall(id, call["name"], json_text(call.get("args")), signature=signature)
    media = None if raw.get("thought") else _read_media(raw)
    if media is not None:
        media.signature = signature
        return media
    text = raw.get("text")
    if text is None and (raw.keys() - {"thought", "thoughtSignature"}):
        return Foreign(NAME, raw)
    if raw.get("thought"):
        return signatures.read_thinking(text or "", proof)
    return Text(text or "", signature=signature)


def _read_media(raw: Json) -> Media | None:
    if raw.get("inlineData") is not None:
        return from_data(raw["inlineData"].get("mimeType") or "", raw["inlineData"]["data"])
    if raw.get("fileData") is not None:
        return from_address(raw["fileData"].get("mimeType") or "", raw["fileData"]["fileUri"])
    return None


def _cite(candidate: Json, parts: list[Part], bases: dict[int, int]) -> None:
    spans = citations.read(candidate, [])
    texts = [(part, citations.encoded(part.text)) for part in parts if isinstance(part, Text)]
    if not spans or not texts:
        return
    found: dict[int, list[Citation]] = {}
    for span in spans:
        base = bases.get(span.part, 0)
        moved = span._replace(start=span.start + base, end=None if span.end is None else span.end + base)
        start = 0
        for index, (_, text) in enumerate(texts):
            is_last = index == len(texts) - 1
            if is_last or (moved.end is not None and moved.start < start + len(text)):
                found.setdefault(index, []).append(citations.placed(moved, text, start))
                break
            start += len(text)
    for index, cited in found.items():
        texts[index][0].citations = cited
