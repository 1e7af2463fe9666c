"""POST /v1/messages, whole or streamed, and /v1/messages/count_tokens, as `decision` decides it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from pronghorn.kit.ids import random_base62
from pronghorn.sandbox.anthropic import attachments, conversation, decision, limits, prompt, request_shape
from pronghorn.sandbox.anthropic.cache import Cache, Piece, Use
from pronghorn.sandbox.anthropic.calls import credential
from pronghorn.sandbox.anthropic.decision import OVERLOAD, Answer
from pronghorn.sandbox.anthropic.events import broken_off, events_of
from pronghorn.sandbox.anthropic.models import Model, model_of
from pronghorn.sandbox.anthropic.plain import last_words
from pronghorn.sandbox.anthropic.seal import Seal
from pronghorn.sandbox.anthropic.turns import Turn, thinks, turns
from pronghorn.sandbox.errors import REQUEST_ID, SandboxError, json_body
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.reply import Events, reply_json

VERSIONS = ("2023-06-01", "2026-10-21")
MAX_BODY_BYTES = 32 * 1024 * 1024

Shape = dict[str, Any]

_cache = Cache()
"""Of the process: like Anthropic's it outlives every connection."""


@dataclass(slots=True)
class Asked:
    """A request that was found valid."""

    body: Shape
    betas: frozenset[str]
    turns: list[Turn]
    seen: attachments.Attachments
    pieces: list[Piece]
    seal: Seal


async def _read(request: web.Request, *, is_count: bool = False) -> Asked:
    """Raises `SandboxError` as Anthropic would refuse."""
    version = request.headers.get("anthropic-version", "")
    if version not in VERSIONS:
        complaint = f'"{version}" is not a valid version' if version else "header is required"
        raise SandboxError(f"anthropic-version: {complaint}")
    body = await read_body(request)
    betas = betas_of(request)
    return await check(body, version, betas, credential(request), is_count=is_count)


async def read_body(request: web.Request) -> Shape:
    if len(await request.read()) > MAX_BODY_BYTES:
        raise SandboxError("Request exceeds the maximum size", status=413)
    return await json_body(request)


def betas_of(request: web.Request) -> frozenset[str]:
    return frozenset(
        beta.strip() for header in request.headers.getall("anthropic-beta", ()) for beta in header.split(",")
    )


async def check(
    body: Shape, version: str, betas: frozenset[str], key: str, *, is_count: bool = False
) -> Asked:
    """A body with its model, whatever door it came through. Raises `SandboxError` as Anthropic would refuse."""
    try:
        return await _checked(body, version, betas, key, is_count=is_count)
    except RecursionError as error:
        raise SandboxError("The request is nested too deeply.") from error


async def _checked(body: Shape, version: str, betas: frozenset[str], key: str, *, is_count: bool) -> Asked:
    request_shape.check(body, version, betas, is_count=is_count)
    check_magic_model(body["model"])
    model, found = model_of(body["model"]), turns(body["messages"])
    seal = Seal(key, body["model"])
    conversation.check(body, found, seal, version)
    limits.check(body, model, found)
    seen = await attachments.look(found)
    _check_citations(body, seen)
    pieces = prompt.pieces(body, found, seen)
    _check_length(model, pieces)
    return Asked(body, betas, found, seen, pieces, seal)


def _check_citations(body: Shape, seen: attachments.Attachments) -> None:
    if seen.citations and ((body.get("output_config") or {}).get("format") or body.get("output_format")):
        raise SandboxError("output_config.format: citations cannot be used together with structured output")


def _check_length(model: Model, pieces: list[Piece]) -> None:
    tokens = sum(piece.tokens for piece in pieces)
    if tokens > model.context_tokens:
        raise SandboxError(f"prompt is too long: {tokens} tokens > {model.context_tokens} maximum")


async def create(request: web.Request) -> web.StreamResponse:
    return await answer(request, await _read(request), Events)


async def answer(
    request: web.Request, asked: Asked, opened: Callable[[web.Request], Events]
) -> web.StreamResponse:
    """The message, whole or as the events that `opened` carries."""
    is_thinking = thinks(asked.body, asked.turns, asked.betas)
    decided = await decision.decide(asked.body, asked.turns, asked.seen, asked.seal, thinks=is_thinking)
    is_overloaded = last_words(asked.turns).strip().lower() == OVERLOAD
    is_streamed = asked.body.get("stream") is True
    if is_overloaded and not is_streamed:
        raise SandboxError("Overloaded", status=529)
    message = _message(asked.body, decided, _cache.use(asked.pieces, asked.seal))
    if is_streamed:
        return await _stream(request, opened(request), message, is_overloaded=is_overloaded)
    return await reply_json(request, message)


def _message(body: Shape, answer: Answer, used: Use) -> Shape:
    usage = {
        "input_tokens": used.plain,
        "cache_creation_input_tokens": used.written_5m + used.written_1h,
        "cache_read_input_tokens": used.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": used.written_5m,
            "ephemeral_1h_input_tokens": used.written_1h,
        },
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"thinking_tokens": answer.thinking_tokens},
        "server_tool_use": {"web_search_requests": answer.searches, "web_fetch_requests": 0},
        "service_tier": "standard",
        "inference_geo": body.get("inference_geo") or "global",
        "speed": body.get("speed") or "standard",
    }
    return {
        "id": f"msg_{random_base62(24)}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": answer.content,
        "stop_reason": answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "stop_details": answer.stop_details,
        "container": None,
        "usage": usage,
    }


async def _stream(
    request: web.Request, events: Events, message: Shape, *, is_overloaded: bool
) -> web.StreamResponse:
    events.response.headers["request-id"] = request[REQUEST_ID]
    await events.open()
    for event in broken_off(events_of(message)) if is_overloaded else events_of(message):
        await events.send(event, event=event["type"])
    return await events.close()


async def count_tokens(request: web.Request) -> web.StreamResponse:
    return await counted(request, await _read(request, is_count=True))


async def counted(request: web.Request, asked: Asked) -> web.StreamResponse:
    return await reply_json(request, {"input_tokens": sum(piece.tokens for piece in asked.pieces)})


routes = [web.post("/v1/messages", create), web.post("/v1/messages/count_tokens", count_tokens)]
