"""A canonical answer as a whole response object, with the settings of the turn that it answers.

There is one choice in it: the first. Ids of its items come of its own id, so that whole and stream say the same.
"""

import re
import secrets
from typing import Any, get_args

from pronghorn.convert.responses import citations, finishes, logprobs, media, signatures, tools
from pronghorn.convert.responses.items_out import call_item
from pronghorn.convert.responses.request_out import write_format
from pronghorn.convert.responses.signatures import NAME
from pronghorn.convert.turn import (
    Choice,
    Effort,
    Foreign,
    HostedTool,
    Json,
    Logprob,
    Media,
    Part,
    Refusal,
    Reply,
    Text,
    Thinking,
    Tool,
    ToolCall,
    Turn,
)
from pronghorn.convert.usage import to_responses

_ODD = re.compile(r"[^a-zA-Z0-9]+")
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority"})
_VERBOSITIES = frozenset({"low", "medium", "high"})
_EFFORTS = frozenset(get_args(Effort))


class Ids:
    """Of a response and its items."""

    def __init__(self, reply_id: str) -> None:
        stem = _ODD.sub("_", reply_id.removeprefix("resp_")).strip("_") or secrets.token_hex(16)
        self.response = reply_id if reply_id.startswith("resp_") else f"resp_{stem}"
        self._stem = stem

    def item(self, prefix: str, index: int) -> str:
        return f"{prefix}_{self._stem}_{index}"


def write_reply(reply: Reply, turn: Turn) -> Json:
    choice = reply.choices[0] if reply.choices else Choice([])
    ids = Ids(reply.id)
    has_refusal = any(isinstance(part, Refusal) for part in choice.parts)
    response = envelope(turn, ids, reply.model, reply.created_s, reply.service_tier)
    response |= finishes.write(choice.finish, choice.detail, has_refusal=has_refusal)
    response["output"] = _Items(ids, choice).write()
    if response["status"] == "incomplete" and response["output"][-1:]:
        last = response["output"][-1]
        if last["type"] in ("message", "function_call"):
            last["status"] = "incomplete"
    if reply.usage is not None:
        response["usage"] = to_responses(reply.usage)
    return response


def envelope(turn: Turn, ids: Ids, model: str, created_s: int, tier: str) -> Json:
    """A response that says nothing yet."""
    first = turn.messages[0] if turn.messages else None
    is_told = first is not None and first.at == "$.instructions"
    told = [part.text for part in first.parts if isinstance(part, Text)] if first is not None else []
    found: Json = {
        "id": ids.response,
        "object": "response",
        "created_at": created_s,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": "\n\n".join(told) if is_told else None,
        "max_output_tokens": turn.max_output_tokens,
        "max_tool_calls": None,
        "model": model or turn.model,
        "output": [],
        "parallel_tool_calls": turn.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": _reasoning(turn),
        "service_tier": tier if tier in _TIERS else "default",
        "temperature": 1.0 if turn.temperature is None else turn.temperature,
        "text": {
            "format": {"type": "text"} if turn.output_format is None else write_format(turn.output_format),
            "verbosity": turn.verbosity if turn.verbosity in _VERBOSITIES else "medium",
        },
        "tool_choice": "auto" if turn.tool_choice is None else tools.write_choice(turn.tool_choice, turn),
        "tools": [_tool(tool) for tool in turn.tools if isinstance(tool, Tool) or tool.origin == NAME],
        "top_logprobs": turn.top_logprobs or 0,
        "top_p": 1.0 if turn.top_p is None else turn.top_p,
        "truncation": "disabled",
        "metadata": turn.metadata or {},
    }
    if turn.user is not None:
        is_safety = turn.at.get("user") == "$.safety_identifier"
        found["safety_identifier" if is_safety else "user"] = turn.user
    if turn.cache_key is not None:
        found["prompt_cache_key"] = turn.cache_key
    return found


def _reasoning(turn: Turn) -> Json:
    asked = turn.reasoning
    if asked is None:
        return {"effort": None, "summary": None}
    effort = asked.effort if asked.effort in _EFFORTS else None
    return {"effort": effort, "summary": "auto" if asked.is_shown else None}


def _tool(tool: Tool | HostedTool) -> Json:
    return tool.raw if isinstance(tool, HostedTool) else tools.write_tool(tool)


class _Items:
    """Output items in the order of an answer's parts; texts in a row are one message."""

    def __init__(self, ids: Ids, choice: Choice) -> None:
        self._ids = ids
        self._parts = choice.parts
        self._logprobs = choice.logprobs
        self._items: list[Json] = []
        self._content: list[Json] | None = None
        """Of the message that may still grow."""

    def write(self) -> list[Json]:
        for part in self._parts:
            self._part(part)
        return self._items

    def _part(self, part: Part) -> None:
        if isinstance(part, Text | ToolCall) and is_carried(part):
            self._content = None
            assert part.signature is not None
            self._items.append(signatures.carrier(part.signature, self._id("rs")))
        content = self._said(part)
        if content is not None:
            if self._content is None:
                item = message_item(self._id("msg"), "completed")
                self._items.append(item)
                self._content = item["content"]
            self._content.append(content)
            return
        item_index = len(self._items)
        found = whole_item(part, self._ids, item_index)
        if found is not None:
            self._content = None
            self._items.append(found)

    def _said(self, part: Part) -> Json | None:
        """As a part of a message; None for what is none."""
        if isinstance(part, Text):
            chances, self._logprobs = self._logprobs, None  # all of them belong to the first text
            return text_content(part, chances)
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        text = media_text(part)
        return text_content(Text(text), None) if text else None

    def _id(self, prefix: str) -> str:
        return self._ids.item(prefix, len(self._items))


def is_carried(part: Text | ToolCall) -> bool:
    return part.signature is not None and part.signature.origin != NAME


def media_text(part: Part) -> str:
    """What is said instead of a medium that no item can be."""
    return media.told(part) if isinstance(part, Media) and not (part.kind == "image" and part.data) else ""


def message_item(item_id: str, status: str) -> Json:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": []}


def text_content(part: Text, chances: list[Logprob] | None) -> Json:
    found = (citations.write(citation, len(part.text)) for citation in part.citations)
    return {
        "type": "output_text",
        "text": part.text,
        "annotations": [annotation for annotation in found if annotation is not None],
        "logprobs": logprobs.write(chances),
    }


def whole_item(part: Part, ids: Ids, index: int, status: str = "completed") -> Json | None:
    """A part that is an item of its own; None for one that nothing can be said of."""
    if isinstance(part, Thinking):
        return signatures.write_item(part, ids.item("rs", index))
    if isinstance(part, ToolCall):
        found = call_item(part)
        if part.is_custom:
            return {"id": ids.item("ctc", index)} | found
        return {"id": ids.item("fc", index)} | found | {"status": status}
    if isinstance(part, Media) and part.kind == "image" and part.data:
        item: Any = {"id": ids.item("ig", index), "type": "image_generation_call", "status": "completed"}
        return item | {"result": part.data}  # type: ignore[no-any-return]
    return part.raw if isinstance(part, Foreign) and part.origin == NAME else None
