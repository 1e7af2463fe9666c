"""Deciding what the sandbox says: plain, deterministic, and steered by magic words in the last user message.

`repeat: TEXT` gives TEXT; `say N words` gives N words; `refuse` refuses; `filter` ends with content_filter.
A tool is called when `tool_choice` demands it, or when the message names it or says "call" or "use the tool".
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from pronghorn.kit.ids import new_id
from pronghorn.sandbox import counting
from pronghorn.sandbox.openai import chat_prompt
from pronghorn.sandbox.openai.schema_sample import Sampler

_REASONS = re.compile(r"(o[134]\b|gpt-[56]|.*(reason|think)|deepseek-r)")
_SAY = re.compile(r"say (\d{1,6}) words?\b", re.IGNORECASE)
_REPEAT = re.compile(r"repeat:\s?(.*)", re.IGNORECASE | re.DOTALL)
_WANTS_TOOL = re.compile(r"\b(call|use (the|a) tool)\b", re.IGNORECASE)
REASONING = "The user wants something simple, so a short answer will do."


@dataclass(slots=True)
class Call:
    """One tool call: `arguments` is JSON text, or free text for a custom tool."""

    name: str
    arguments: str
    is_custom: bool = False
    id: str = field(default_factory=lambda: new_id("call"))


@dataclass(slots=True)
class Answer:
    """One choice before it is rendered, as tokens."""

    tokens: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: str = ""
    calls: list[Call] = field(default_factory=list)
    is_legacy_call: bool = False
    finish: str = "stop"

    @property
    def text(self) -> str:
        return "".join(self.tokens)

    def output_tokens(self) -> int:
        called = sum(counting.count(call.name + call.arguments) for call in self.calls)
        return len(self.tokens) + len(self.reasoning) + called + counting.count(self.refusal)


async def answer(body: dict[str, Any], messages: list[dict[str, Any]]) -> Answer:
    prompt = chat_prompt.last_user_text(messages)
    decided = Answer(reasoning=counting.tokens(REASONING) if _is_reasoning(body) else [])
    calls, is_legacy = _calls(body, messages, prompt)
    if calls:
        decided.calls, decided.is_legacy_call = calls, is_legacy
        decided.finish = "function_call" if is_legacy else "tool_calls"
    elif prompt.strip().lower() == "refuse":
        decided.refusal = "I'm sorry, I can't help with that."
    else:
        text = await _text(body, messages, prompt)
        decided.tokens = counting.tokens(text)
        if prompt.strip().lower() == "filter":
            decided.finish = "content_filter"
        _stop(decided, body.get("stop"))
    _limit(decided, body)
    return decided


def _is_reasoning(body: dict[str, Any]) -> bool:
    thinking = body.get("thinking")
    is_asked = isinstance(thinking, dict) and thinking.get("type") == "enabled"
    effort = body.get("reasoning_effort")
    if effort == "none":
        return False
    return is_asked or bool(effort) or _REASONS.match(body["model"]) is not None


async def _text(body: dict[str, Any], messages: list[dict[str, Any]], prompt: str) -> str:
    pictures = await chat_prompt.describe_pictures(messages)
    wanted = body.get("response_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        described = wanted.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        return json.dumps(Sampler(schema, prompt).sample(), ensure_ascii=False)
    if isinstance(wanted, dict) and wanted.get("type") == "json_object":
        return json.dumps({"answer": pictures or f"You said: {prompt[:200]}"}, ensure_ascii=False)
    if _last_role(messages) in ("tool", "function"):
        results = [chat_prompt.text_of(m) for m in messages if m["role"] in ("tool", "function")]
        return f"The tool says: {'; '.join(results)[:2_000]}"
    if said := _SAY.search(prompt):
        return " ".join(f"word{number}" for number in range(1, int(said[1]) + 1))
    if repeated := _REPEAT.match(prompt):
        return repeated[1]
    if pictures:
        return pictures
    return f"Hello from the sandbox! You said: {prompt[:500]}" if prompt else "Hello from the sandbox!"


def _calls(body: dict[str, Any], messages: list[dict[str, Any]], prompt: str) -> tuple[list[Call], bool]:
    """The calls to make, and whether they are of the legacy kind."""
    legacy = body.get("functions")
    if isinstance(legacy, list) and legacy:
        tools = [{"type": "function", "function": function} for function in legacy]
        chosen = _chosen(tools, body.get("function_call"), messages, prompt)
        return [_call(tool, prompt) for tool in chosen[:1]], True
    tools = [tool for tool in body.get("tools") or () if _named(tool)]
    if not tools:
        return [], False
    chosen = _chosen(tools, body.get("tool_choice"), messages, prompt)
    if body.get("parallel_tool_calls") is False:
        chosen = chosen[:1]
    return [_call(tool, prompt) for tool in chosen], False


def _chosen(
    tools: list[dict[str, Any]], choice: Any, messages: list[dict[str, Any]], prompt: str
) -> list[dict[str, Any]]:
    if isinstance(choice, dict):
        wanted = (choice.get("function") or choice.get("custom") or choice).get("name")
        if wanted is not None:
            return [tool for tool in tools if _named(tool) == wanted]
        choice = (choice.get("allowed_tools") or {}).get("mode", "auto")
    if choice == "none":
        return []
    mentioned = [tool for tool in tools if _named(tool).lower() in prompt.lower()]
    if choice == "required":
        return mentioned or tools[:1]
    if _last_role(messages) != "user":
        return []
    return mentioned or (tools[:1] if _WANTS_TOOL.search(prompt) else [])


def _last_role(messages: list[dict[str, Any]]) -> str:
    """Of who spoke last but for the system, which may speak anywhere."""
    roles = [message["role"] for message in messages if message["role"] not in ("system", "developer")]
    return roles[-1] if roles else ""


def _named(tool: dict[str, Any]) -> str:
    """Empty for tools that a vendor runs itself."""
    described = tool.get("custom") if tool.get("type") == "custom" else tool.get("function", tool)
    return str(described.get("name") or "") if isinstance(described, dict) else ""


def _call(tool: dict[str, Any], prompt: str) -> Call:
    if tool.get("type") == "custom":
        return Call(_named(tool), prompt[:200] or "input", is_custom=True)
    schema = (tool.get("function") or tool).get("parameters") or {"type": "object"}
    named = _named(tool)
    words = re.sub(re.escape(named), " ", prompt, flags=re.IGNORECASE)
    sampled = Sampler(schema, _WANTS_TOOL.sub(" ", words)).sample()
    return Call(named, json.dumps(sampled if isinstance(sampled, dict) else {}, ensure_ascii=False))


def _stop(decided: Answer, stop: Any) -> None:
    """Cut the text before the first stop sequence."""
    sequences = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    text = decided.text
    ends = [text.find(sequence) for sequence in sequences if isinstance(sequence, str) and sequence in text]
    if ends:
        decided.tokens = counting.tokens(text[: min(ends)])


def _limit(decided: Answer, body: dict[str, Any]) -> None:
    """Reasoning counts first, then the text; what does not fit is cut and `length` says so."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if not isinstance(limit, int) or decided.output_tokens() <= limit or decided.calls:
        return
    decided.reasoning = decided.reasoning[:limit]
    decided.tokens = decided.tokens[: limit - len(decided.reasoning)]
    decided.refusal = ""
    decided.finish = "length"
