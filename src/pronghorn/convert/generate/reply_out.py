"""A canonical answer as a whole Gemini answer, every choice a candidate."""

import secrets

from pronghorn.convert import custom
from pronghorn.convert.arguments import as_object
from pronghorn.convert.generate import citations, finishes, logprobs, signatures
from pronghorn.convert.generate.citations import Spot
from pronghorn.convert.generate.media import write_media
from pronghorn.convert.generate.signatures import NAME
from pronghorn.convert.turn import (
    Choice,
    Foreign,
    Json,
    Media,
    Part,
    Refusal,
    Reply,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from pronghorn.convert.usage import to_generate
from pronghorn.wire.usage import Usage

_TIERS = {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}


def write_reply(reply: Reply, turn: Turn) -> Json:
    body: Json = {}
    feedback = write_block(reply.choices[0]) if len(reply.choices) == 1 else None
    if feedback is not None:
        body["promptFeedback"] = feedback
    else:
        body["candidates"] = [_candidate(choice, index) for index, choice in enumerate(reply.choices)]
    if reply.usage is not None:
        body["usageMetadata"] = write_usage(reply.usage, reply.service_tier)
    return body | head(reply.id, reply.model or turn.model)


def head(id: str, model: str) -> Json:
    return {"modelVersion": model, "responseId": id or secrets.token_urlsafe(16)}


def write_block(choice: Choice) -> Json | None:
    """What is said instead of candidates where the prompt itself was blocked."""
    is_blocked = choice.detail is not None and "blockReason" in choice.detail
    return choice.detail if is_blocked and not choice.parts else None


def write_usage(usage: Usage, service_tier: str) -> Json:
    tier = _TIERS.get(service_tier)
    return to_generate(usage) | ({} if tier is None else {"serviceTier": tier})


def _candidate(choice: Choice, index: int) -> Json:
    parts: list[Json] = []
    spots: list[Spot] = []
    for part in choice.parts:
        written = write_part(part)
        if written is None:
            continue
        if isinstance(part, Text):
            spots += [Spot(citation, part.text, len(parts), 0) for citation in part.citations]
        parts.append(written)
    content: Json = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    return (
        {"content": content}
        | finishes.write(choice.finish, choice.detail)
        | {"index": index}
        | citations.write(spots)
        | logprobs.write(choice.logprobs or [])
    )


def write_part(part: Part) -> Json | None:
    """None for what says nothing here."""
    if isinstance(part, Text):
        return _signed({"text": part.text}, part.signature) if part.text or part.signature else None
    if isinstance(part, Thinking):
        return write_thinking(part)
    if isinstance(part, ToolCall):
        arguments = custom.wrap(part.arguments) if part.is_custom else as_object(part.arguments)
        call = {"id": part.id, "name": part.name, "args": arguments}
        return _signed({"functionCall": call}, part.signature)
    if isinstance(part, Refusal):
        return {"text": part.text} if part.text else None
    if isinstance(part, Media):
        written = write_media(part)
        return None if written is None else _signed(written, part.signature)
    return part.raw if isinstance(part, Foreign) and part.origin == NAME else None


def write_thinking(part: Thinking) -> Json | None:
    written: Json = {"text": part.text, "thought": True}
    if part.signature is None:
        return written if part.text else None
    proof = signatures.write(part.signature, is_redacted=part.is_redacted)
    return written | {"thoughtSignature": proof}


def _signed(written: Json, signature: Signature | None) -> Json:
    if signature is not None:
        written["thoughtSignature"] = signatures.write(signature)
    return written
