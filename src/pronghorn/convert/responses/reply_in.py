"""A whole response object as a canonical answer."""

from typing import Any

import msgspec

from pronghorn.convert.events import new_call_id
from pronghorn.convert.responses import citations, finishes, logprobs, media, signatures
from pronghorn.convert.responses.signatures import NAME, Carried
from pronghorn.convert.turn import (
    Choice,
    Finish,
    Foreign,
    Json,
    Logprob,
    Part,
    Refusal,
    Reply,
    Text,
    ToolCall,
)
from pronghorn.convert.usage import from_openai
from pronghorn.wire.openai import UsageObject, sound_usage
from pronghorn.wire.usage import Usage


def read_reply(body: Json) -> Reply:
    found: list[Part | Carried] = []
    chances: list[Logprob] = []
    for item in body["output"]:
        found += read_item(item)
        chances += item_logprobs(item)
    parts = signatures.settle(found)
    choice = Choice(parts, read_finish(body, parts), logprobs=chances or None, detail=read_detail(body))
    created, tier = body.get("created_at"), body.get("service_tier")
    return Reply(
        str(body.get("id") or ""),
        str(body.get("model") or ""),
        [choice],
        read_usage(body.get("usage")),
        int(created) if isinstance(created, int | float) else 0,
        tier if isinstance(tier, str) else "",
    )


def read_item(item: Json) -> list[Part | Carried]:
    """The parts that an output item is."""
    kind = item.get("type")
    if kind == "message":
        found = (read_content(entry) for entry in contents(item))
        return [part for part in found if part is not None]
    if kind in ("function_call", "custom_tool_call"):
        return [read_call(item)]
    if kind == "reasoning":
        part = signatures.read_item(item)
        return [] if part is None else [part]
    result = item.get("result")
    if kind == "image_generation_call" and isinstance(result, str) and result:
        return [media.picture(result)]
    return [Foreign(NAME, item)]


def contents(item: Json) -> list[Json]:
    """Of a message; some vendors have a plain text there."""
    content = item.get("content") or []
    return [{"type": "output_text", "text": content}] if isinstance(content, str) else content


def read_content(entry: Json) -> Text | Refusal | None:
    if entry.get("type") == "refusal":
        return Refusal(str(entry.get("refusal") or ""))
    text = entry.get("text")
    return Text(text, citations.read_all(entry.get("annotations"))) if isinstance(text, str) else None


def read_call(item: Json) -> ToolCall:
    is_custom = item["type"] == "custom_tool_call"
    given = item.get("input" if is_custom else "arguments")
    arguments = (
        given if isinstance(given, str) else "" if given is None else msgspec.json.encode(given).decode()
    )
    call_id = item.get("call_id") or item.get("id") or new_call_id()
    return ToolCall(str(call_id), str(item["name"]), arguments, is_custom)


def item_logprobs(item: Json) -> list[Logprob]:
    if item.get("type") != "message":
        return []
    return [one for entry in contents(item) for one in logprobs.read(entry.get("logprobs")) or ()]


def read_finish(body: Json, parts: list[Part]) -> Finish:
    return finishes.read(
        body,
        has_calls=any(isinstance(part, ToolCall) for part in parts),
        has_refusal=any(isinstance(part, Refusal) for part in parts),
    )


def read_detail(body: Json) -> Json | None:
    """What the vendor says of an answer that failed."""
    error = body.get("error")
    return error if isinstance(error, dict) else None


def read_usage(found: Any) -> Usage | None:
    if not isinstance(found, dict):
        return None
    try:
        return from_openai(msgspec.convert(sound_usage(found), UsageObject, strict=False))
    except msgspec.ValidationError:
        return None
