"""Reading a Responses request: what OpenAI would refuse is refused, the rest becomes a chat that can be answered."""

from dataclasses import dataclass, field
from typing import Any

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.openai import responses_items
from pronghorn.sandbox.openai.responses_kept import Memory
from pronghorn.sandbox.openai.responses_refusal import missing, not_among, unknown, wrong_type

Shape = dict[str, Any]

MIN_OUTPUT_TOKENS = 16
WEB_SEARCHES = ("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11")
INCLUDES = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
_MOVED = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
}
_UNKNOWN = (
    "stop",
    "n",
    "seed",
    "logit_bias",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "functions",
)


@dataclass(slots=True)
class Asked:
    """A request, understood. `chat` and `messages` are what the chat's engine reads."""

    body: Shape
    items: list[Shape]
    """The input of this request alone."""
    messages: list[Shape]
    """The whole conversation."""
    tools: list[Shape]
    chat: Shape = field(default_factory=dict)
    must_search: bool = False
    may_search: bool = False

    @property
    def shows_logprobs(self) -> bool:
        return "message.output_text.logprobs" in self.include or bool(self.body.get("top_logprobs"))

    @property
    def include(self) -> list[str]:
        return self.body.get("include") or []


async def read(body: Shape, memory: Memory, key: str, *, needs_model: bool = True) -> Asked:
    """Raises `SandboxError` as OpenAI would."""
    _check(body, needs_model)
    previous_id, given = body.get("previous_response_id"), body.get("input")
    if given is None and previous_id is None:
        raise SandboxError(
            "One of 'input' or 'previous_response_id' must be provided.",
            param="input",
            code="missing_required_parameter",
        )
    items = responses_items.read(
        given if given is not None else [], lambda item_id: memory.item(key, item_id)
    )
    conversation = (memory.conversation(key, previous_id) if previous_id is not None else []) + items
    responses_items.check_pairs(conversation)
    messages = await responses_items.messages(conversation)
    if isinstance(body.get("instructions"), str):
        messages.insert(0, {"role": "system", "content": body["instructions"]})
    if not messages:
        raise SandboxError("Invalid 'input': empty array.", param="input", code="empty_array")
    asked = Asked(body, items, messages, _tools(body.get("tools")))
    _choose(asked, body.get("tool_choice") or "auto")
    return asked


def _check(body: Shape, needs_model: bool) -> None:
    for name, place in _MOVED.items():
        if name in body:
            raise SandboxError(
                f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to '{place}'.",
                param=name,
                code="unsupported_parameter",
            )
    for name in _UNKNOWN:
        if name in body:
            raise unknown(name)
    if needs_model and not (isinstance(body.get("model"), str) and body["model"]):
        raise missing("model")
    if isinstance(body.get("model"), str):
        check_magic_model(body["model"])
    _check_numbers(body)
    _check_words(body)
    _check_memory(body)
    _format(body)


def _check_numbers(body: Shape) -> None:
    check_number(body, "temperature", 0, 2)
    check_number(body, "top_p", 0, 1)
    check_number(body, "top_logprobs", 0, 20, is_whole=True)
    check_number(body, "max_output_tokens", MIN_OUTPUT_TOKENS, 10_000_000, is_whole=True)
    check_number(body, "max_tool_calls", 1, 10_000, is_whole=True)


def check_number(body: Shape, name: str, low: float, high: float, *, is_whole: bool = False) -> None:
    """Raises `SandboxError` if the field is there and is no number from `low` to `high`."""
    value = body.get(name)
    if value is None:
        return
    sort = "integer" if is_whole else "decimal"
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        raise wrong_type(name, sort)
    if value < low:
        refusal = f"{sort} below minimum value. Expected a value >= {low}, but got {value} instead."
        raise SandboxError(f"Invalid '{name}': {refusal}", param=name, code=f"{sort}_below_min_value")
    if value > high:
        refusal = f"{sort} above maximum value. Expected a value <= {high}, but got {value} instead."
        raise SandboxError(f"Invalid '{name}': {refusal}", param=name, code=f"{sort}_above_max_value")


def _check_words(body: Shape) -> None:
    reasoning, text = _object(body, "reasoning"), _object(body, "text")
    _check_word(
        reasoning, "reasoning", "effort", ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    )
    _check_word(reasoning, "reasoning", "summary", ("auto", "concise", "detailed"))
    _check_word(text, "text", "verbosity", ("low", "medium", "high"))
    _check_word(body, "", "truncation", ("auto", "disabled"))
    _check_word(body, "", "service_tier", ("auto", "default", "flex", "scale", "priority"))
    for index, name in enumerate(_list(body, "include")):
        if name not in INCLUDES:
            raise not_among(f"include[{index}]", name, INCLUDES)
    metadata = _object(body, "metadata")
    if len(metadata) > 16 or not all(isinstance(value, str) for value in metadata.values()):
        raise SandboxError("Invalid 'metadata': at most 16 texts.", param="metadata", code="invalid_value")


def _check_word(holder: Shape, path: str, name: str, allowed: tuple[str, ...]) -> None:
    if holder.get(name) is not None and holder[name] not in allowed:
        raise not_among(f"{path}.{name}".strip("."), holder[name], allowed)


def _object(body: Shape, name: str) -> Shape:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise wrong_type(name, "an object")
    return value or {}


def _list(body: Shape, name: str) -> list[Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, list):
        raise wrong_type(name, "an array")
    return value or []


def _check_memory(body: Shape) -> None:
    """What would need memory that the sandbox does not have, or that was declined in the same breath."""
    if body.get("background") is True and body.get("store") is False:
        raise SandboxError("Background responses need 'store' to be true.", param="background")
    if body.get("conversation") is not None:
        raise SandboxError("Conversation not found.", status=404, param="conversation")
    if body.get("prompt") is not None:
        raise SandboxError("Prompt not found.", status=404, param="prompt.id")


def _format(body: Shape) -> Shape:
    """`text.format` as a chat's `response_format`."""
    wanted = _object(_object(body, "text"), "format") or {"type": "text"}
    kinds = ("text", "json_schema", "json_object")
    if wanted.get("type") not in kinds:
        raise not_among("text.format.type", wanted.get("type"), kinds)
    if wanted["type"] == "json_schema":
        for name, sort in (("name", str), ("schema", dict)):
            if not isinstance(wanted.get(name), sort):
                place = f"text.format.{name}"
                raise missing(place)
        return {"type": "json_schema", "json_schema": wanted}
    return wanted


def _tools(given: Any) -> list[Shape]:
    """Tools as the response tells them again. Raises `SandboxError` for those that the sandbox does not play."""
    if not isinstance(given, list | None):
        raise wrong_type("tools", "an array")
    return [_tool(tool, f"tools[{index}]") for index, tool in enumerate(given or ())]


def _tool(tool: Any, place: str) -> Shape:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if kind == "namespace":
        return _namespace(tool, place)
    if kind not in ("function", "custom", *WEB_SEARCHES):
        raise SandboxError(
            f"The tool '{kind}' is not played here: only function, custom, namespace and web_search are.",
            param=f"{place}.type",
            code="unsupported_value",
        )
    if kind in WEB_SEARCHES:
        return dict(tool)
    if not isinstance(tool.get("name"), str) or not tool["name"]:
        raise missing(f"{place}.name")
    if kind == "custom":
        return dict(tool)
    if not isinstance(tool.get("parameters"), dict | None):
        raise SandboxError(
            f"Invalid schema for function '{tool['name']}': it is no object.",
            param=f"{place}.parameters",
            code="invalid_function_parameters",
        )
    filled: Shape = {"strict": True, "parameters": None} | tool
    return filled


def _namespace(tool: Shape, place: str) -> Shape:
    for name in ("name", "description", "tools"):
        if not tool.get(name):
            raise missing(f"{place}.{name}")
    inner = [_tool(one, f"{place}.tools[{index}]") for index, one in enumerate(_list(tool, "tools"))]
    for index, one in enumerate(inner):
        if one["type"] not in ("function", "custom"):
            raise not_among(f"{place}.tools[{index}].type", one["type"], ("function", "custom"))
    return tool | {"tools": inner}


def _choose(asked: Asked, choice: Any) -> None:
    """Fill in `chat`: the tools that may be called, the choice in the chat's words, and the search."""
    tools = asked.tools
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed = [_identity(tool) for tool in _list(choice, "tools") if isinstance(tool, dict)]
        tools = [tool for tool in tools if _identity(tool) in allowed]
        choice = choice.get("mode", "auto")
    _check_choice(choice, tools)
    searching = [tool for tool in tools if tool["type"] in WEB_SEARCHES]
    callable_ = [tool for tool in tools if tool["type"] not in (*WEB_SEARCHES, "namespace")]
    callable_ += [inner for tool in tools if tool["type"] == "namespace" for inner in tool["tools"]]
    chosen = choice.get("type") if isinstance(choice, dict) else choice
    asked.must_search = chosen in WEB_SEARCHES or (chosen == "required" and not callable_)
    asked.may_search = bool(searching) and chosen == "auto"
    body = asked.body
    asked.chat = {
        "model": body.get("model") or "",
        "tools": [{"type": "custom", "custom": t} if t["type"] == "custom" else t for t in callable_],
        "tool_choice": "none" if asked.must_search else choice,
        "parallel_tool_calls": body.get("parallel_tool_calls"),
        "response_format": _format(body),
        "reasoning_effort": _object(body, "reasoning").get("effort"),
        "max_completion_tokens": body.get("max_output_tokens"),
    }


def _identity(tool: Shape) -> tuple[Any, Any]:
    return tool.get("type"), tool.get("name")


def _check_choice(choice: Any, tools: list[Shape]) -> None:
    if choice in ("none", "auto"):
        return
    if choice == "required":
        if not tools:
            raise SandboxError("Tool choice 'required' needs 'tools'.", param="tool_choice")
        return
    if not isinstance(choice, dict):
        raise not_among("tool_choice", choice, ("none", "auto", "required"))
    if _identity(choice) not in [_identity(tool) for tool in tools]:
        wanted = choice.get("name") or choice.get("type")
        raise SandboxError(f"Tool choice '{wanted}' not found in 'tools' parameter.", param="tool_choice")
