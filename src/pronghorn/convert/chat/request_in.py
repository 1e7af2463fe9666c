"""A chat request, read into a turn: OpenAI's own fields and those that its imitators added."""

from collections.abc import Callable
from typing import Any, get_args

from pronghorn.convert.chat import tools
from pronghorn.convert.chat.messages_in import read_messages
from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.turn import (
    AudioOutput,
    Effort,
    HostedTool,
    Json,
    OutputFormat,
    Reasoning,
    Tool,
    Turn,
)

_SAMPLING: dict[str, tuple[str, Callable[[Fields, str], Any]]] = {
    "temperature": ("temperature", Fields.number),
    "top_p": ("top_p", Fields.number),
    "presence_penalty": ("presence_penalty", Fields.number),
    "frequency_penalty": ("frequency_penalty", Fields.number),
    "top_k": ("top_k", Fields.integer),
    "seed": ("seed", Fields.integer),
    "n": ("choices", Fields.integer),
    "stop": ("stop", Fields.strings),
}
_EFFORTS = frozenset(get_args(Effort))
_TIERS = frozenset({"auto", "default", "flex", "priority"})


def read_request(body: Json) -> Turn:
    """Raises `BadRequest` that names the field."""
    fields = Fields(body, "$")
    turn = Turn(at={}, unknown=[])
    given = _Given(fields, turn)
    turn.model = fields.text("model") or ""
    messages = fields.listing("messages")
    if not messages:
        raise wrong("$.messages", "a list of at least one message")
    turn.messages = read_messages(messages, turn.unknown)
    _read_streaming(fields, turn)
    _read_sampling(given)
    _read_tools(given)
    _read_output(given)
    _read_reasoning(given)
    _read_business(given)
    turn.unknown += fields.left()
    return turn


class _Given:
    """Puts values that are there into the turn, with the path that they came from."""

    def __init__(self, fields: Fields, turn: Turn) -> None:
        self.fields = fields
        self.turn = turn

    def put(self, field: str, value: Any, name: str) -> None:
        if value is not None:
            setattr(self.turn, field, value)
            self.turn.at[field] = f"$.{name}"

    def first(self, field: str, *names: str) -> None:
        """The first of several fields for one thing; another that says something else is not understood."""
        found = [(name, value) for name in names if (value := self.fields.text(name)) is not None]
        for name, value in reversed(found):
            self.put(field, value, name)
        self.turn.unknown += [f"$.{name}" for name, value in found[1:] if value != found[0][1]]


def _read_streaming(fields: Fields, turn: Turn) -> None:
    turn.is_stream = fields.flag("stream") or False
    turn.wants_usage = False
    options = fields.nested("stream_options")
    if options is not None:
        turn.wants_usage = options.flag("include_usage") or False
        if options.members.get("include_obfuscation") is False:
            options.take("include_obfuscation")  # we never do
        turn.unknown += options.left()


def _read_sampling(given: _Given) -> None:
    fields = given.fields
    limit, older = fields.integer("max_completion_tokens"), fields.integer("max_tokens")
    given.put("max_output_tokens", older, "max_tokens")
    given.put("max_output_tokens", limit, "max_completion_tokens")
    for name, (field, read) in _SAMPLING.items():
        if name in fields.members:
            given.put(field, read(fields, name), name)
    top = fields.integer("top_logprobs")
    if top:
        given.put("logprobs", True, "top_logprobs")
        given.put("top_logprobs", top, "top_logprobs")
    if fields.flag("logprobs"):
        given.put("logprobs", True, "logprobs")


def _read_tools(given: _Given) -> None:
    fields, turn = given.fields, given.turn
    found: list[Tool | HostedTool] = [
        tools.read_tool(value, f"$.tools[{index}]", turn.unknown)
        for index, value in enumerate(fields.listing("tools") or ())
    ]
    for index, value in enumerate(fields.listing("functions") or ()):
        at = f"$.functions[{index}]"
        found.append(tools.read_function(Fields(value, at), at, turn.unknown))
    search = fields.mapping("web_search_options")
    if search is not None:
        found.append(HostedTool("web_search", "chat", search, "$.web_search_options"))
    turn.tools = found
    if found:
        turn.at["tools"] = "$.tools" if "tools" in fields.members else found[0].at
    for name in ("function_call", "tool_choice"):
        value = fields.take(name)
        if value is not None:
            given.put("tool_choice", tools.read_choice(value, f"$.{name}"), name)
    given.put("parallel_tool_calls", fields.flag("parallel_tool_calls"), "parallel_tool_calls")


def _read_output(given: _Given) -> None:
    fields, turn = given.fields, given.turn
    wanted = fields.nested("response_format")
    if wanted is not None:
        given.put("output_format", _read_format(wanted, turn.unknown), "response_format")
    given.put("verbosity", fields.text("verbosity"), "verbosity")
    modalities = fields.strings("modalities")
    given.put("modalities", modalities and [word.lower() for word in modalities], "modalities")
    audio = fields.nested("audio")
    if audio is not None:
        if isinstance(audio.members.get("voice"), str):  # else a voice of one's own, which we can't hold
            audio.take("voice")
        voice = audio.members.get("voice")
        form = audio.text("format") or ""
        given.put("audio", AudioOutput(voice if isinstance(voice, str) else "", form), "audio")
        turn.unknown += audio.left()


def _read_format(wanted: Fields, unknown: list[str]) -> OutputFormat | None:
    kind = wanted.required_text("type")
    if kind in ("text", "json_object"):
        schema = wanted.mapping("schema")  # some servers take it here
        if kind == "json_object" and schema is not None:
            return OutputFormat("json_schema", schema=schema)
        unknown += wanted.left()
        return OutputFormat("text") if kind == "text" else OutputFormat("json_object")
    if kind != "json_schema":
        unknown.append(wanted.at)
        return None
    inner = Fields(wanted.take("json_schema"), wanted.path("json_schema"))
    found = OutputFormat(
        "json_schema",
        inner.text("name") or "",
        inner.text("description") or "",
        inner.mapping("schema"),
        inner.flag("strict"),
        inner.at,
    )
    unknown += wanted.left() + inner.left()
    return found


def _read_reasoning(given: _Given) -> None:
    """All ways to ask for it; what OpenAI itself has goes before what others have."""
    fields, turn = given.fields, given.turn
    found = Reasoning()
    read = [
        name
        for name, reader in (
            ("enable_thinking", _read_switch),
            ("thinking_budget", _read_budget),
            ("include_reasoning", _read_shown),
            ("thinking", _read_thinking),
            ("reasoning", _read_object),
            ("reasoning_effort", _read_effort),
        )
        if fields.members.get(name) is not None and reader(fields, found, turn.unknown)
    ]
    if read:
        given.put("reasoning", found, read[-1])


def _read_switch(fields: Fields, found: Reasoning, unknown: list[str]) -> bool:
    _switch(found, fields.flag("enable_thinking"))
    return True


def _switch(found: Reasoning, is_on: bool | None) -> None:
    if is_on is False:
        found.effort, found.budget = "none", None
    elif is_on and found.effort is None and found.budget is None:
        found.budget = -1


def _read_budget(fields: Fields, found: Reasoning, unknown: list[str]) -> bool:
    budget = fields.integer("thinking_budget")
    if found.effort != "none":
        found.budget = budget
    return True


def _read_shown(fields: Fields, found: Reasoning, unknown: list[str]) -> bool:
    found.is_shown = fields.flag("include_reasoning")
    return True


def _read_thinking(fields: Fields, found: Reasoning, unknown: list[str]) -> bool:
    thinking = Fields(fields.take("thinking"), "$.thinking")
    kind, budget = thinking.take("type"), thinking.integer("budget_tokens")
    if kind not in ("enabled", "adaptive", "auto", "disabled"):
        unknown.append("$.thinking")
        return False
    if budget is not None and kind != "disabled":
        found.budget = budget
    _switch(found, kind != "disabled")
    unknown += thinking.left()
    return True


def _read_object(fields: Fields, found: Reasoning, unknown: list[str]) -> bool:
    """OpenRouter's."""
    wanted = Fields(fields.take("reasoning"), "$.reasoning")
    effort, budget, is_hidden = wanted.text("effort"), wanted.integer("max_tokens"), wanted.flag("exclude")
    if budget is not None:
        found.budget = budget
    if effort is not None:
        _set_effort(found, effort, wanted.path("effort"), unknown)
    if is_hidden is not None:
        found.is_shown = not is_hidden
    _switch(found, wanted.flag("enabled"))
    unknown += wanted.left()
    return True


def _read_effort(fields: Fields, found: Reasoning, unknown: list[str]) -> bool:
    return _set_effort(found, fields.text("reasoning_effort") or "", "$.reasoning_effort", unknown)


def _set_effort(found: Reasoning, effort: str, at: str, unknown: list[str]) -> bool:
    if effort not in _EFFORTS:
        unknown.append(at)
        return False
    found.effort = effort  # type: ignore[assignment]  # one of them, as was just seen
    if found.budget == -1:
        found.budget = None
    return True


def _read_business(given: _Given) -> None:
    fields, turn = given.fields, given.turn
    given.first("user", "user", "safety_identifier")
    given.put("cache_key", fields.text("prompt_cache_key"), "prompt_cache_key")
    metadata = fields.mapping("metadata")
    if metadata is not None:
        if not all(isinstance(value, str) for value in metadata.values()):
            raise wrong("$.metadata", "an object of strings")
        given.put("metadata", metadata, "metadata")
    tier = fields.text("service_tier")
    if tier in _TIERS:
        given.put("service_tier", tier, "service_tier")
    elif tier is not None:
        turn.unknown.append("$.service_tier")
    if fields.members.get("store") is False:
        fields.take("store")  # nothing is kept anyway
