"""What a turn says, claim by claim, so that two turns can be compared that say the same in other words.

A claim that is missing after a conversion is a loss, and has to be named by the path that the claim comes from.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from pronghorn.convert import custom
from pronghorn.convert.turn import (
    Foreign,
    HostedTool,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)

NO_ARGUMENTS: tuple[Any, ...] = ({}, {"type": "object", "properties": {}}, {"type": "object"})
_INSIDE = re.compile(r"<system>\n(.*)\n</system>", re.S)
_TAKES_NO_WORD = {
    "temperature": 1,
    "top_p": 1,
    "choices": 1,
    "parallel_tool_calls": True,
    "service_tier": "auto",
    "modalities": ["text"],
}
"""What is so anyway, where nothing is said."""
_NEVER_THINKING = ("claude-3-haiku",)


class Claim(NamedTuple):
    at: str
    what: tuple[Any, ...]


def missing(before: Turn, after: Turn) -> list[Claim]:
    """What `before` says and `after` does not."""
    said = _Said(after)
    return [claim for claim in claims(before) if not said.has(claim)]


def unnamed(found: list[Claim], lost: list[str]) -> list[Claim]:
    """Those that no path of `lost` names: itself, what it is a part of, or something of it."""
    return [claim for claim in found if not any(_is_within(claim.at, path) for path in lost)]


def _is_within(at: str, path: str) -> bool:
    return at == path or at.startswith((f"{path}.", f"{path}[")) or path.startswith((f"{at}.", f"{at}["))


def claims(turn: Turn) -> Iterator[Claim]:
    calls: dict[str, ToolCall] = {}
    for message in turn.messages:
        if message.name:
            yield Claim(message.at, ("name", message.name))
        for part in message.parts:
            if isinstance(part, ToolCall):
                calls[part.id] = part
            yield from _of_part(part, message, calls)
    allowed = turn.tool_choice.names if turn.tool_choice is not None else []
    for tool in turn.tools:
        if not (allowed and isinstance(tool, Tool) and tool.name not in allowed):
            yield from _of_tool(tool)  # what may not be called need not be told of
    for field, at in turn.at.items():
        if field != "tools":
            yield Claim(at, (field, getattr(turn, field)))


def _of_part(part: Part, message: Message, calls: dict[str, ToolCall]) -> Iterator[Claim]:
    who = "system" if message.role == "developer" else message.role
    key: Any = ""
    if isinstance(part, Text | Refusal):
        key = part.text.strip()
        if not key:
            return
        inside = _INSIDE.fullmatch(key)
        key = inside[1].strip() if inside else key
        yield Claim(part.at, ("text", "system" if inside else who, key))
    elif isinstance(part, Media):
        key = token(part)
        yield from _of_media(part, who, key)
    elif isinstance(part, Thinking):
        yield Claim(part.at, ("thinking", part.text, part.signature))
    elif isinstance(part, ToolCall):
        key = called(part)
        yield Claim(part.at, ("call", key))
    elif isinstance(part, ToolResult):
        yield from _of_result(part, calls)
        return
    elif isinstance(part, Foreign):
        yield Claim(part.at, ("foreign", part.raw))
    if isinstance(part, Text) and part.citations:
        yield Claim(part.at, ("citations", key, [citation.url for citation in part.citations]))
    if isinstance(part, Text | Media | ToolCall):
        if part.cache:
            yield Claim(part.at, ("cache", key, part.cache))
        if part.signature is not None:
            yield Claim(part.at, ("signature", key, part.signature))


def _of_media(part: Media, who: str, key: str) -> Iterator[Claim]:
    if part.kind == "document" and part.mime.startswith("text/") and part.data:
        yield Claim(part.at, ("text", "anyone", base64.b64decode(part.data).decode()))
    else:
        yield Claim(part.at, ("media", part.kind, key))
    for name in ("name", "detail", "wants_citations"):
        value = getattr(part, name)
        if value:
            yield Claim(part.at, (name, key, value))


def token(media: Media) -> str:
    """What tells a medium from all others, whether it came as data or from an address."""
    return media.url or media.file_id or base64.b64decode(media.data).decode("utf-8", "replace")


def called(call: ToolCall) -> Any:
    """Ids and names may be made to fit; the arguments are never alike, so they alone tell which call it is."""
    if call.is_custom:
        return custom.wrap(call.arguments)
    if not call.arguments.strip():
        return {}
    try:
        value = msgspec.json.decode(call.arguments)
    except ValueError:
        return {"_raw": call.arguments}
    return value if isinstance(value, dict) else {"_raw": call.arguments}


def _of_result(result: ToolResult, calls: dict[str, ToolCall]) -> Iterator[Claim]:
    message = Message("tool", [])
    for part in result.parts:
        yield from _of_part(part, message, {})
    call = calls.get(result.call_id)
    if call is None:
        return  # nobody asked: only what it says counts
    key = called(call)
    yield Claim(result.at, ("result", key))
    if result.is_error:
        yield Claim(result.at, ("is_error", key))
    if result.cache:
        yield Claim(result.at, ("cache", "result", key, result.cache))


def _of_tool(tool: Tool | HostedTool) -> Iterator[Claim]:
    if isinstance(tool, HostedTool):
        yield Claim(tool.at, ("hosted", tool.kind, tool.raw if tool.kind == "other" else None))
        return
    schema = tool.schema if tool.schema and tool.schema not in NO_ARGUMENTS else None
    yield Claim(tool.at, ("tool", tool.description, custom.SCHEMA if tool.is_custom else schema))
    grammar = _grammar(tool)
    if grammar:
        yield Claim(tool.at, ("grammar", grammar))
    if tool.is_strict:
        yield Claim(tool.at, ("strict", tool.description))
    if tool.cache:
        yield Claim(tool.at, ("cache", tool.description, tool.cache))


def _grammar(tool: Tool) -> str:
    """Chat has it one level deeper."""
    form = tool.format or {}
    return str((form.get("grammar") or form).get("definition") or "")


class _Said:
    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._claims = [claim.what for claim in claims(turn)]
        self._texts: dict[str, str] = {}
        for what in self._claims:
            if what[0] == "text":
                self._texts[what[1]] = self._texts.get(what[1], "") + "\n" + what[2]
        self._all = "\n".join(self._texts.values())
        self._tools = [tool for tool in turn.tools if isinstance(tool, Tool)]

    def has(self, claim: Claim) -> bool:
        kind, *rest = claim.what
        check = getattr(self, f"_has_{kind}", None)
        if check is not None:
            return bool(check(*rest))
        return claim.what in self._claims or (kind in _TAKES_NO_WORD and _TAKES_NO_WORD[kind] == rest[0])

    # In other words.

    def _has_text(self, who: str, text: str) -> bool:
        """Several may be joined to one; results that nobody asked for, and texts of files, become a user's."""
        if who == "anyone" or who == "tool":
            return text in self._all
        if who == "system" and f"<system>\n{text}" in self._all:
            return True
        return text in self._texts.get(who, "")

    def _has_tool(self, description: str, schema: Any) -> bool:
        """A grammar may stand behind the description."""
        return any(
            what[0] == "tool" and what[1].startswith(description) and what[2] == schema
            for what in self._claims
        )

    def _has_grammar(self, grammar: str) -> bool:
        return any(grammar.strip() in tool.description or grammar == _grammar(tool) for tool in self._tools)

    def _has_cache(self, *what: Any) -> bool:
        """Of a result it may stand on the last text in it, of a tool or file where there are more words around it."""
        found = [claim[1:] for claim in self._claims if claim[0] == "cache" and claim[-1] == what[-1]]
        if what[0] == "result":
            return bool(found)
        key = str(what[0]).strip()
        return what in found or any(
            key == piece.strip() for claim in found for piece in str(claim[0]).split("\n\n")
        )

    def _has_name(self, *what: Any) -> bool:
        return ("name", *what) in self._claims or str(what[-1]) in self._all

    def _has_tool_choice(self, asked: Any) -> bool:
        found = self._turn.tool_choice
        if not self._turn.tools:
            return bool(asked.mode != "required")
        if found is None:
            return bool(asked.mode == "auto") and self._are_only(asked.names)
        if found.mode != asked.mode:
            return False
        is_same = asked.mode == "none" or len(asked.names) == len(found.names)
        return is_same or self._are_only(asked.names)

    def _are_only(self, names: list[str]) -> bool:
        return not names or len(self._tools) <= len(names)

    def _has_parallel_tool_calls(self, asked: bool) -> bool:
        """Nothing to say of calls where there are no tools, or none may be called."""
        choice = self._turn.tool_choice
        return (
            asked
            or self._turn.parallel_tool_calls is False
            or not self._tools
            or (choice is not None and choice.mode == "none")
        )

    def _has_max_output_tokens(self, asked: int) -> bool:
        """Grows where thinking is counted in it."""
        found = self._turn.max_output_tokens
        is_thinking = self._turn.reasoning is not None
        return found == asked or (is_thinking and found is not None and found > asked)

    def _has_output_format(self, asked: Any) -> bool:
        found = self._turn.output_format
        if asked.kind == "text":
            return found is None or found.kind == "text"
        if found is None:  # then it is asked for in words
            return "JSON" in self._all
        return (found.kind, found.schema) == (asked.kind, asked.schema)

    def _has_reasoning(self, asked: Reasoning) -> bool:
        """How hard to think is told by what the model takes, and the least that it takes may stand for none."""
        found = self._turn.reasoning
        if found is None and asked.effort == "none":
            return self._turn.model in _NEVER_THINKING
        if found is None:
            return asked.effort is None and asked.budget in (None, -1)
        is_off = [reasoning.effort == "none" or reasoning.budget == 0 for reasoning in (asked, found)]
        return is_off[0] == is_off[1] or found.effort == "minimal"
