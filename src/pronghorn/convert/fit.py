"""Fitting a turn to a dialect: whatever that dialect has no words for is named and taken out, the rest put in shape.

This is the part of a conversion that is the same for every target, so that the writers need not know of it.
"""

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

import msgspec

from pronghorn.convert.dialect import Dialect, Losses
from pronghorn.convert.fields import wrong
from pronghorn.convert.turn import (
    Foreign,
    HostedTool,
    Media,
    Message,
    Part,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)

NO_RESULT = "No result was given."

_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Turn)}
_KINDS = {
    Text: "text",
    Thinking: "thinking",
    ToolCall: "tool_call",
    ToolResult: "tool_result",
    Refusal: "refusal",
}


def fit(turn: Turn, dialect: Dialect, lost: Losses) -> dict[str, str]:
    """Changes `turn` in place. Gives the new names of tools whose own ones the dialect does not take, to the old."""
    for path in turn.unknown:
        lost.add(path)
    for name, path in turn.at.items():
        if name not in dialect.carries:
            lost.add(path)
            setattr(turn, name, _DEFAULTS[name])
    turn.tools = [tool for tool in turn.tools if _is_known(tool, dialect, lost)]
    turn.messages = [
        # Most are one text, which every dialect says.
        message
        if len(message.parts) == 1 and type(message.parts[0]) is Text
        else _fitted(message, dialect, lost)
        for message in turn.messages
    ]
    turn.messages = _answered([message for message in turn.messages if message.parts])
    called = [
        part
        for message in turn.messages
        for part in message.parts
        if type(part) is ToolCall or type(part) is ToolResult
    ]
    _fit_ids(called, _compiled(dialect.call_id))
    return _fit_names(turn, called, _compiled(dialect.tool_name))


def _is_known(tool: Tool | HostedTool, dialect: Dialect, lost: Losses) -> bool:
    is_known = (
        type(tool) is Tool
        or tool.origin == dialect.name
        or (tool.kind == "web_search" and "web_search" in dialect.parts)
    )
    if not is_known:
        lost.add(tool.at)
    return is_known


def _fitted(message: Message, dialect: Dialect, lost: Losses) -> Message:
    kept = [part for part in message.parts if _is_sayable(part, dialect, lost)]
    for part in kept:
        if type(part) is ToolResult:
            inner = [item for item in part.parts if _is_sayable(item, dialect, lost)]
            part.parts = inner or ([Text("")] if part.parts else [])
    if len(kept) != len(message.parts):
        message.parts = kept
    return message


def _is_sayable(part: Part, dialect: Dialect, lost: Losses) -> bool:
    if type(part) is Foreign:
        is_sayable = part.origin == dialect.name
    elif type(part) is Media:
        # A file that lies at one vendor is nothing to another.
        is_sayable = part.kind in dialect.parts and not part.file_id
    else:
        is_sayable = _KINDS[type(part)] in dialect.parts
    if not is_sayable:
        lost.add(part.at)
    return is_sayable


# Each call needs one result directly after it, and each result a call.


def _joined(messages: list[Message]) -> list[Message]:
    """What the model said in several messages in a row is one: nothing may stand between calls and their results."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        if last is not None and last.role == message.role == "assistant" and last.name == message.name:
            last.parts.extend(message.parts)
        else:
            joined.append(message)
    return joined


def _answered(messages: list[Message]) -> list[Message]:
    """Results go up to their calls, wherever in the rest of the conversation they were given."""
    ordered: list[Message] = []
    open_calls: _Open = {}
    known: set[str] = set()
    for message in _joined(messages):
        if message.role == "tool":
            others = [part for part in message.parts if not _is_taken(part, open_calls)]
            if others:
                ordered.append(Message("user", _as_text(others), at=message.at))
            continue
        ordered.append(message)
        calls = [part for part in message.parts if type(part) is ToolCall]
        if calls and message.role == "user":
            raise wrong(calls[0].at, "in a message of the model: nobody else calls tools")
        if calls and message.role == "assistant":
            results = Message("tool", [])
            ordered.append(results)
            open_calls.update({call.id: [] for call in calls})
            for call in calls:
                open_calls[call.id].append((call, results))
                if call.id in known:  # vendors that count the calls of an answer call each first one alike
                    call.id = fitting_id(f"{call.id} {len(known)}")
                known.add(call.id)
    for said, results in pairwise(ordered):
        if results.role == "tool":
            _fill_in(said, results)
    return ordered


_Open = dict[str, list[tuple[ToolCall, Message]]]
"""Calls without a result by the ids that the caller knows them by, with the message that their results go into."""


def _is_taken(part: Part, open_calls: _Open) -> bool:
    if type(part) is not ToolResult or not open_calls.get(part.call_id):
        return False
    call, results = open_calls[part.call_id].pop(0)
    part.call_id, part.name, part.is_custom = call.id, part.name or call.name, call.is_custom
    results.parts.append(part)
    return True


def _fill_in(said: Message, results: Message) -> None:
    """Results for the calls that nobody gave one."""
    given = {part.call_id for part in results.parts if type(part) is ToolResult}
    missing = {part.id: part for part in said.parts if type(part) is ToolCall and part.id not in given}
    results.parts += [
        ToolResult(call.id, [Text(NO_RESULT)], call.name, is_custom=call.is_custom)
        for call in missing.values()
    ]


def _as_text(parts: Iterable[Part]) -> list[Part]:
    """Results that no call asked for, as something that a user said."""
    said: list[Part] = []
    for part in parts:
        said += part.parts if isinstance(part, ToolResult) else [part]
    return [part for part in said if not isinstance(part, Text) or part.text] or [Text(NO_RESULT)]


# Names and ids that the dialect takes.


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _fit_ids(called: list[ToolCall | ToolResult], pattern: re.Pattern[str]) -> None:
    """The same id becomes the same fitting id, in every turn of a conversation."""
    for part in called:
        if type(part) is ToolCall:
            if not pattern.fullmatch(part.id):
                part.id = fitting_id(part.id)
        elif type(part) is ToolResult and not pattern.fullmatch(part.call_id):
            part.call_id = fitting_id(part.call_id)


def fitting_id(id: str) -> str:
    return _fitting("call_", id)


def _fit_names(turn: Turn, called: list[ToolCall | ToolResult], pattern: re.Pattern[str]) -> dict[str, str]:
    names = {tool.name for tool in turn.tools if type(tool) is Tool}
    names.update([part.name for part in called])
    odd = {name for name in names if name and not pattern.fullmatch(name)}
    if not odd:
        return {}
    fitting = {name: _fitting(re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:40] + "_", name) for name in odd}
    turn.tools = [
        msgspec.structs.replace(tool, name=fitting.get(tool.name, tool.name))
        if isinstance(tool, Tool)
        else tool
        for tool in turn.tools
    ]
    if (choice := turn.tool_choice) is not None:
        turn.tool_choice = ToolChoice(choice.mode, [fitting.get(name, name) for name in choice.names])
    for part in called:
        part.name = fitting.get(part.name, part.name)
    return {new: old for old, new in fitting.items()}


def _fitting(start: str, name: str) -> str:
    if not re.match(r"[a-zA-Z_]", start):
        start = "_" + start
    return start + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:16]
