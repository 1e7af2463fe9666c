""":generateContent, :streamGenerateContent and :countTokens, for AI Studio's addresses and Vertex AI's alike."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from aiohttp import web

from pronghorn.kit.ids import random_base62
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.gemini import answer, check, grounding, logprobs, proto, signature, stream, turn, usage
from pronghorn.sandbox.gemini.answer import Candidate
from pronghorn.sandbox.gemini.dialect import is_vertex
from pronghorn.sandbox.gemini.turn import Turn
from pronghorn.sandbox.reply import reply_json

Shape = dict[str, Any]


async def generate(request: web.Request) -> web.StreamResponse:
    model = request.match_info["model"]
    is_streamed = request.match_info["verb"] == "streamGenerateContent"
    body = await proto.read(request, "GenerateContentRequest", is_vertex=is_vertex(request))
    check.check(body, model, is_streamed=is_streamed)
    check_magic_model(model)
    signature.check(model, body["contents"])
    asked = await turn.read(body, model)
    head: Shape = {"modelVersion": model, "responseId": random_base62(22)}
    if is_vertex(request):
        head["createTime"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    if answer.is_blocked(asked):
        feedback = {"blockReason": "SAFETY", "safetyRatings": answer.ratings()}
        blocked = {"promptFeedback": feedback, "usageMetadata": _usage(request, asked, [])}
        return await _send(request, iter([blocked | head]), is_streamed=is_streamed)
    candidates = [
        await answer.decide(asked, body, number=number, has_call_ids=not is_vertex(request))
        for number in range(asked.config.get("candidateCount", 1))
    ]
    searched = grounding.found_tokens(asked.prompt) if grounding.is_asked(body) else 0
    head["usageMetadata"] = _usage(request, asked, candidates, searched)
    if is_streamed:
        return await _send(request, _chunks(request, asked, candidates[0], head), is_streamed=True)
    rendered = [_whole(asked, one, index) for index, one in enumerate(candidates)]
    return await _send(request, iter([{"candidates": rendered} | head]), is_streamed=False)


def _usage(request: web.Request, asked: Turn, candidates: list[Candidate], searched: int = 0) -> Shape:
    return usage.metadata(asked, candidates, searched, "ON_DEMAND" if is_vertex(request) else "")


async def _send(request: web.Request, chunks: Iterator[Shape], *, is_streamed: bool) -> web.StreamResponse:
    """What is whole is the only chunk."""
    if not is_streamed:
        return await reply_json(request, next(chunks))
    events = stream.opened(request)
    await events.open()
    for chunk in chunks:
        await events.send(chunk)
    return await events.close()


def _whole(asked: Turn, candidate: Candidate, index: int) -> Shape:
    rendered = _rendered(_merged(candidate.pieces), index) | candidate.more
    rendered["finishReason"] = candidate.finish
    if asked.config.get("responseLogprobs") is True and candidate.text:
        rendered |= logprobs.of(candidate.pieces, asked.config.get("logprobs", 0))
    return rendered


def _rendered(parts: list[Shape], index: int) -> Shape:
    """A candidate without parts has a content that says only whose it is."""
    content: Shape = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    return {"content": content, "index": index}


def _merged(pieces: list[Shape]) -> list[Shape]:
    """Neighbours that are both text, or both thoughts, are one part."""
    parts: list[Shape] = []
    for (is_text, _), group in groupby(pieces, lambda one: ("text" in one, one.get("thought", False))):
        found = list(group)
        if is_text:
            merged = {name: value for piece in found for name, value in piece.items()}
            found = [merged | {"text": "".join(piece["text"] for piece in found)}]
        parts += found
    return parts


def _chunks(request: web.Request, asked: Turn, candidate: Candidate, head: Shape) -> Iterator[Shape]:
    """One for each piece, with the usage so far; the last has the whole usage and ends the candidate."""
    shown = asked.config.get("responseLogprobs") is True
    so_far = Candidate(thoughts=candidate.thoughts)
    pieces: list[Shape] = candidate.pieces or [{}]
    for number, piece in enumerate(pieces, start=1):
        rendered = _rendered([piece] if piece else [], 0)
        chunk: Shape = {"candidates": [rendered]} | head
        if piece.get("text") and not piece.get("thought"):
            so_far.tokens["TEXT"] = so_far.tokens.get("TEXT", 0) + 1
            if shown:
                rendered |= logprobs.of([piece], asked.config.get("logprobs", 0))
        if number == len(pieces):
            rendered |= candidate.more | {"finishReason": candidate.finish}
        else:
            chunk["usageMetadata"] = _usage(request, asked, [so_far])
        yield chunk


async def count_tokens(request: web.Request) -> web.StreamResponse:
    model, vertex = request.match_info["model"], is_vertex(request)
    body = await proto.read(request, "CountTokensRequest", is_vertex=vertex)
    asked = body.get("generateContentRequest", body)
    check.check_prompt(asked, model, "CountTokensRequest")
    check_magic_model(model)
    counted = await turn.read(asked, model)
    answered: Shape = {
        "totalTokens": sum(counted.tokens.values()),
        "promptTokensDetails": usage.details(counted.tokens),
    }
    if vertex:
        answered["totalBillableCharacters"] = sum(
            len("".join(part["text"].split()))
            for content in asked["contents"]
            for part in content["parts"]
            if "text" in part
        )
    return await reply_json(request, answered)
