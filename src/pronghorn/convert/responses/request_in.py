"""A Responses request, read into a turn. What the gateway itself does, such as storing, is none of the turn's."""

from typing import Any, get_args

from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.responses import tools
from pronghorn.convert.responses.items_in import read_input
from pronghorn.convert.turn import Effort, Json, Message, OutputFormat, Reasoning, Text, Turn

_EFFORTS = frozenset(get_args(Effort))
_TIERS = frozenset({"auto", "default", "flex", "priority"})
_OF_THE_GATEWAY = ("store", "previous_response_id", "background", "include", "stream_options")


def read_request(body: Json) -> Turn:
    """Raises `BadRequest` that names the field."""
    fields = Fields(body, "$")
    turn = Turn(at={}, unknown=[])
    given = _Given(fields, turn)
    turn.model = fields.text("model") or ""
    turn.is_stream = fields.flag("stream") or False
    _read_conversation(given)
    _read_tools(given)
    _read_sampling(given)
    _read_text(given)
    _read_reasoning(given)
    _read_business(given)
    turn.unknown += fields.left()
    return turn


class _Given:
    """Puts values that are there into the turn, with the path that they came from."""

    def __init__(self, fields: Fields, turn: Turn) -> None:
        self.fields = fields
        self.turn = turn

    def put(self, field: str, value: Any, name: str = "") -> None:
        if value is not None:
            setattr(self.turn, field, value)
            self.turn.at[field] = f"$.{name or field}"


def _read_conversation(given: _Given) -> None:
    fields, turn = given.fields, given.turn
    words, found = fields.text("instructions"), fields.take("input")
    if words:
        at = "$.instructions"
        turn.messages.append(Message("system", [Text(words, at=at)], at=at))
    if found is None and not turn.messages:
        raise wrong("$.input", "a string or a list of items")
    if found is not None:
        turn.messages += read_input(found, turn.unknown)


def _read_tools(given: _Given) -> None:
    fields, unknown = given.fields, given.turn.unknown
    found = tools.read_tools(fields.listing("tools") or [], "$.tools", unknown)
    given.put("tools", found or None)
    choice = fields.take("tool_choice")
    if choice is not None:
        given.put("tool_choice", tools.read_choice(choice, "$.tool_choice", unknown))
    given.put("parallel_tool_calls", fields.flag("parallel_tool_calls"))


def _read_sampling(given: _Given) -> None:
    fields = given.fields
    given.put("max_output_tokens", fields.integer("max_output_tokens"))
    given.put("temperature", fields.number("temperature"))
    given.put("top_p", fields.number("top_p"))
    top, include = fields.integer("top_logprobs"), fields.strings("include") or ()
    if top:
        given.put("logprobs", True, "top_logprobs")
        given.put("top_logprobs", top)
    if "message.output_text.logprobs" in include:
        given.put("logprobs", True, "include")


def _read_text(given: _Given) -> None:
    text = given.fields.nested("text")
    if text is None:
        return
    wanted = text.nested("format")
    if wanted is not None:
        given.put("output_format", _read_format(wanted, given.turn.unknown), "text.format")
    given.put("verbosity", text.text("verbosity"), "text.verbosity")
    given.turn.unknown += text.left()


def _read_format(wanted: Fields, unknown: list[str]) -> OutputFormat | None:
    kind = wanted.required_text("type")
    if kind == "text" or kind == "json_object":
        unknown += wanted.left()
        return OutputFormat("text" if kind == "text" else "json_object")
    if kind != "json_schema":
        unknown.append(wanted.at)
        return None
    nested = wanted.nested("json_schema")  # chat's form
    inner = nested or wanted
    found = OutputFormat(
        "json_schema",
        inner.text("name") or "",
        inner.text("description") or "",
        inner.mapping("schema"),
        inner.flag("strict"),
        inner.at,
    )
    unknown += wanted.left() + (nested.left() if nested is not None else [])
    return found


def _read_reasoning(given: _Given) -> None:
    """A summary that is asked for is wanted to be seen; how long it is to be nobody else can be told."""
    wanted = given.fields.nested("reasoning")
    if wanted is None:
        return
    effort = wanted.text("effort")
    shown = (wanted.text("summary"), wanted.text("generate_summary"))
    found = Reasoning(is_shown=True if any(word and word != "none" for word in shown) else None)
    if effort in _EFFORTS:
        found.effort = effort  # type: ignore[assignment]  # one of them, as was just seen
    elif effort is not None:
        given.turn.unknown.append(wanted.path("effort"))
    if found.effort is not None or found.is_shown is not None:
        given.put("reasoning", found)
    given.turn.unknown += wanted.left()


def _read_business(given: _Given) -> None:
    fields, turn = given.fields, given.turn
    user, safety = fields.text("user"), fields.text("safety_identifier")
    given.put("user", safety, "safety_identifier")
    given.put("user", user)
    if user is not None and safety not in (None, user):
        turn.unknown.append("$.safety_identifier")
    given.put("cache_key", fields.text("prompt_cache_key"), "prompt_cache_key")
    metadata = fields.mapping("metadata")
    if metadata is not None and not all(isinstance(value, str) for value in metadata.values()):
        raise wrong("$.metadata", "an object of strings")
    given.put("metadata", metadata)
    tier = fields.text("service_tier")
    if tier in _TIERS:
        given.put("service_tier", tier)
    elif tier is not None:
        turn.unknown.append("$.service_tier")
    if fields.members.get("truncation") == "disabled":
        fields.take("truncation")  # the default
    for name in _OF_THE_GATEWAY:
        fields.take(name)
