"""A canonical turn as an Anthropic request, for one model: what that model refuses is left out and named as lost."""

from typing import Any

import msgspec

from pronghorn.convert import custom
from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.messages import models
from pronghorn.convert.messages.blocks_out import Blocks
from pronghorn.convert.messages.messages_out import write_messages
from pronghorn.convert.messages.models import Facts
from pronghorn.convert.messages.reasoning_out import write_reasoning
from pronghorn.convert.messages.signatures import NAME
from pronghorn.convert.turn import HostedTool, Json, Media, OutputFormat, Tool, ToolChoice, Turn

_DEFAULT_MAX_TOKENS = 4096
_NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
_PLACE = ("city", "region", "country", "timezone")
_TIERS = {"auto": "auto", "default": "standard_only"}


def takes_url(media: Media, target: Target) -> bool:
    if "no_addresses" in (target.traits or ()) or not media.url.startswith("https://"):
        return False
    return media.kind == "image" or (media.kind == "document" and media.mime in ("", "application/pdf"))


def write_request(turn: Turn, target: Target, lost: Losses) -> Json:
    model = models.facts(target.model)
    blocks = Blocks(lost)
    tools = _write_tools(turn, model, blocks, lost)
    system, messages = write_messages(turn.messages, model, blocks, lost)
    limit = turn.max_output_tokens
    body: Json = {
        "model": target.model,
        "max_tokens": (target.max_output_tokens or _DEFAULT_MAX_TOKENS) if limit is None else limit,
        "messages": messages,
    }
    _write_format(body, turn.output_format, system, model, lost)
    if system:
        is_plain = len(system) == 1 and "cache_control" not in system[0]
        body["system"] = system[0]["text"] if is_plain else system
    if tools:
        body["tools"] = tools
    _write_tool_choice(body, turn, lost)
    is_thinking = write_reasoning(body, turn, model, target, lost)
    _write_sampling(body, turn, model, is_thinking, lost)
    _write_rest(body, turn, lost)
    blocks.keep_last_breakpoints()
    return body


def _lose(turn: Turn, name: str, lost: Losses) -> None:
    lost.add(turn.at.get(name, ""))


# Tools.


def _write_tools(turn: Turn, model: Facts, blocks: Blocks, lost: Losses) -> list[Json]:
    choice = turn.tool_choice
    is_named = choice is not None and choice.mode == "required" and len(choice.names) == 1
    allowed = choice.names if choice is not None and not is_named else []
    written = []
    for tool in turn.tools:
        if type(tool) is HostedTool:
            block = _hosted_tool(tool, lost)
            if block is not None:
                written.append(block)
        elif not allowed or tool.name in allowed:
            written.append(blocks.mark(_tool(tool, model, lost), tool.cache, tool.at))
    return written


def _tool(tool: Tool, model: Facts, lost: Losses) -> Json:
    block: Json = {"name": tool.name}
    description = (
        f"{tool.description}\n\n{_grammar(tool.format)}".strip() if tool.format else tool.description
    )
    if description:
        block["description"] = description
    block["input_schema"] = custom.SCHEMA if tool.is_custom else _schema(tool.schema)
    if tool.is_strict and not tool.is_custom:
        if model.takes_schema:
            block["strict"] = True
        else:
            lost.add(f"{tool.at}.strict")
    return block


def _schema(schema: Json | None) -> Json:
    if not schema:
        return _NO_ARGUMENTS
    return schema if schema.get("type") == "object" else {**schema, "type": "object"}


def _grammar(form: Json) -> str:
    grammar = form.get("grammar") or form
    definition = grammar.get("definition")
    if not definition:
        return ""
    return f"`input` must match this grammar ({grammar.get('syntax', 'lark')}):\n{definition}"


def _hosted_tool(tool: HostedTool, lost: Losses) -> Json | None:
    if tool.origin == NAME:
        return tool.raw
    if tool.kind != "web_search":
        lost.add(tool.at)
        return None
    block: Json = {"type": "web_search_20250305", "name": "web_search"}
    filters = tool.raw.get("filters")
    if isinstance(filters, dict):
        for name in ("allowed_domains", "blocked_domains"):
            if filters.get(name):
                block[name] = filters[name]
    place = tool.raw.get("user_location")
    if isinstance(place, dict):
        inner = place.get("approximate")  # where chat has it
        place = inner if isinstance(inner, dict) else place
        known = {name: place[name] for name in _PLACE if place.get(name)}
        block["user_location"] = {"type": "approximate"} | known
    if tool.raw.get("search_context_size"):
        lost.add(f"{tool.at}.search_context_size")
    return block


def _write_tool_choice(body: Json, turn: Turn, lost: Losses) -> None:
    """Only where there are tools; a wish for one call at a time needs a choice to stand in."""
    choice, is_single = turn.tool_choice, turn.parallel_tool_calls is False
    if choice is None and not is_single:
        return
    if "tools" not in body:
        if choice is not None and choice.mode == "required":
            _lose(turn, "tool_choice", lost)
        return
    written = _tool_choice(choice or ToolChoice("auto"))
    if is_single and written["type"] != "none":
        written["disable_parallel_tool_use"] = True
    elif turn.parallel_tool_calls and choice is not None and written["type"] != "none":
        written["disable_parallel_tool_use"] = False
    body["tool_choice"] = written


def _tool_choice(choice: ToolChoice) -> Json:
    if choice.mode == "required":
        return {"type": "tool", "name": choice.names[0]} if len(choice.names) == 1 else {"type": "any"}
    return {"type": choice.mode}


# How to answer.


def _write_format(
    body: Json, wanted: OutputFormat | None, system: list[Json], model: Facts, lost: Losses
) -> None:
    """Where there is no field for it the model is told in words, at the end of the system prompt."""
    if wanted is None or wanted.kind == "text":
        return
    if wanted.description:
        lost.add(wanted.at and f"{wanted.at}.description")
    schema = wanted.schema if wanted.kind == "json_schema" else None
    if schema is not None and model.takes_schema:
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        return
    if wanted.is_strict:
        lost.add(wanted.at and f"{wanted.at}.strict")
    words = "Answer with one JSON object and nothing else: no explanation, no Markdown."
    if schema is not None:
        words += f" It must be valid by this JSON Schema:\n{msgspec.json.encode(schema).decode()}"
    system.append({"type": "text", "text": words})


def _write_sampling(body: Json, turn: Turn, model: Facts, is_thinking: bool, lost: Losses) -> None:
    """What is the default anyway is left out without a word where it would be refused."""
    temperature, top_p, top_k = turn.temperature, turn.top_p, turn.top_k
    is_refused = model.sampling == "none"
    if temperature is not None:
        if is_refused or is_thinking:
            _lose_unless(temperature == 1, turn, "temperature", lost)
        else:
            body["temperature"] = min(max(temperature, 0), 1)
            _lose_unless(temperature == body["temperature"], turn, "temperature", lost)
    if top_p is not None:
        is_excess = model.sampling == "one" and "temperature" in body
        if is_refused or is_excess or (is_thinking and top_p < 0.95):
            _lose_unless(top_p == 1, turn, "top_p", lost)
        else:
            body["top_p"] = top_p
    if top_k is not None:
        if is_refused or is_thinking:
            _lose(turn, "top_k", lost)
        else:
            body["top_k"] = top_k


def _lose_unless(is_kept: bool, turn: Turn, name: str, lost: Losses) -> None:
    if not is_kept:
        _lose(turn, name, lost)


def _write_rest(body: Json, turn: Turn, lost: Losses) -> None:
    if turn.stop is not None:
        stops = [stop for stop in turn.stop if stop.strip()]
        _lose_unless(len(stops) == len(turn.stop), turn, "stop", lost)
        if stops:
            body["stop_sequences"] = stops
    if turn.user is not None:
        _write_or_lose(body, "metadata", {"user_id": turn.user}, len(turn.user) <= 512, turn, "user", lost)
    if turn.service_tier is not None:
        tier = _TIERS.get(turn.service_tier)
        _write_or_lose(body, "service_tier", tier, tier is not None, turn, "service_tier", lost)
    _lose_unless(turn.choices in (None, 1), turn, "choices", lost)
    _lose_unless(set(turn.modalities or ()) <= {"text"}, turn, "modalities", lost)
    if turn.is_stream:
        body["stream"] = True


def _write_or_lose(
    body: Json, field: str, value: Any, is_sayable: bool, turn: Turn, name: str, lost: Losses
) -> None:
    if is_sayable:
        body[field] = value
    else:
        _lose(turn, name, lost)
