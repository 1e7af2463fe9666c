"""What a model takes and what goes together: sampling, thinking, tools, and an answer begun by the caller."""

import itertools
from typing import Any

from pronghorn.sandbox.anthropic.models import Model
from pronghorn.sandbox.anthropic.shape import refuse
from pronghorn.sandbox.anthropic.turns import Turn, thinking_type
from pronghorn.sandbox.errors import SandboxError

MIN_TOP_P_THINKING = 0.95
MIN_TOP_P_DEFAULT = 0.99

Shape = dict[str, Any]


def check(body: Shape, model: Model, turns: list[Turn]) -> None:
    """Raises `SandboxError` in Anthropic's words."""
    _check_output(body, model)
    _check_sampling(body, model)
    if thinking_type(body) != "disabled":
        _check_thinking(body, model)
    _check_tools(body)
    _check_system_turns(model, turns)
    _check_ending(body, model, turns[-1])


def _check_output(body: Shape, model: Model) -> None:
    limit = body.get("max_tokens", 0)
    if model.generation is not None and limit > model.max_output_tokens:
        raise refuse(
            "max_tokens",
            f"{limit} > {model.max_output_tokens}, which is the maximum allowed number of output tokens "
            f"for {model.name}",
        )
    for index, sequence in enumerate(body.get("stop_sequences") or ()):
        if not sequence.strip():
            raise refuse(f"stop_sequences.{index}", "each stop sequence must contain non-whitespace")


def _check_sampling(body: Shape, model: Model) -> None:
    temperature, top_p, top_k = (body.get(name) for name in ("temperature", "top_p", "top_k"))
    if model.is_since(4, 7):
        odd = {
            "temperature": temperature not in (None, 1),
            "top_p": top_p is not None and top_p < MIN_TOP_P_DEFAULT,
            "top_k": top_k is not None,
        }
        for name, is_odd in odd.items():
            if is_odd:
                raise SandboxError(f"`{name}` is deprecated for this model.")
    if model.generation == (4, 5) and temperature is not None and top_p is not None:
        raise SandboxError(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        )


def _check_thinking(body: Shape, model: Model) -> None:
    kind = thinking_type(body)
    if kind == "adaptive" and model.is_before(4, 6):
        raise SandboxError("adaptive thinking is not supported on this model")
    budget = body["thinking"].get("budget_tokens", 0)
    if "max_tokens" in body and budget >= body["max_tokens"] > 0:
        raise SandboxError("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature") not in (None, 1):
        raise SandboxError("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")
    if body.get("top_k") is not None:
        raise SandboxError("`top_k` must be unset when thinking is enabled or in adaptive mode.")
    if (body.get("top_p") or 1) < MIN_TOP_P_THINKING:
        raise SandboxError(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode."
        )
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise SandboxError("Thinking may not be enabled when tool_choice forces tool use.")


def _check_tools(body: Shape) -> None:
    names = [tool["name"] for tool in body.get("tools") or ()]
    if len(set(names)) < len(names):
        raise refuse("tools", "Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice and not names:
        raise refuse("tool_choice", "tool_choice may only be specified while providing tools.")
    if choice and choice["type"] == "tool" and choice["name"] not in names:
        raise SandboxError(f"Tool '{choice['name']}' not found in provided tools")


def _check_system_turns(model: Model, turns: list[Turn]) -> None:
    for before, turn in itertools.pairwise(turns):
        if turn.role != "system":
            continue
        if model.is_before(4, 8):
            raise refuse(turn.path, "role 'system' is not supported on this model")
        if before.role != "user":
            raise refuse(turn.path, "role 'system' must follow a `user` message")


def _check_ending(body: Shape, model: Model, last: Turn) -> None:
    """An assistant turn at the end is begun for the model, unless one of Anthropic's own tools was running."""
    if last.role != "assistant" or (last.blocks and last.blocks[-1][1]["type"] != "text"):
        return
    if model.is_since(4, 6):
        raise SandboxError(
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )
    if thinking_type(body) != "disabled":
        raise SandboxError("When thinking is enabled, the final message must not be from the assistant.")
    text = last.blocks[-1][1]["text"] if last.blocks else ""
    if text != text.rstrip():
        raise refuse("messages", "final assistant content cannot end with trailing whitespace")
