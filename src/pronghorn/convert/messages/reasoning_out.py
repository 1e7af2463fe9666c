"""How hard to think, in the words of the model asked: a budget for older ones, an effort for newer ones.

Thinking gives way, and is named as lost, where the rest of the request cannot be had together with it.
"""

from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.messages.models import Facts, facts
from pronghorn.convert.turn import Json, Reasoning, Turn

_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 32768}
_MIN_BUDGET = 1024
_THOUGHTS = ("thinking", "redacted_thinking")


def write_reasoning(body: Json, turn: Turn, model: Facts, target: Target, lost: Losses) -> bool:
    """Adds `thinking` and effort to `body`, whose messages, choice of tool and `max_tokens` stand. True: it is on."""
    asked = turn.reasoning
    if asked is None:
        return False
    at = turn.at.get("reasoning", "")
    is_wanted = asked.effort != "none" and asked.budget != 0
    if is_wanted and (model.thinking == "none" or _is_forced(body) or _breaks_a_loop(body["messages"])):
        lost.add(at)
        is_wanted = False
    if not is_wanted:
        _write_off(body, model, at, lost)
        return False
    if model.thinking == "adaptive":
        return _write_adaptive(body, asked, model)
    return _write_manual(body, asked, target, at, lost)


def thinking_tokens(turn: Turn, target: Target) -> int:
    """What `max_tokens` may grow by, beyond the limit that the caller has set."""
    asked = turn.reasoning
    if asked is None or asked.effort == "none" or asked.budget == 0 or turn.max_output_tokens is None:
        return 0
    return (_budget(asked) or 0) if facts(target.model).thinking == "manual" else 0


def _budget(asked: Reasoning) -> int | None:
    if asked.budget is not None and asked.budget > 0:
        return max(asked.budget, _MIN_BUDGET)
    if asked.effort is None and asked.budget is None:
        return None
    return _BUDGETS[asked.effort or "medium"]


def _is_forced(body: Json) -> bool:
    return body.get("tool_choice", {}).get("type") in ("any", "tool")


def _breaks_a_loop(messages: list[Json]) -> bool:
    """While tools are at work, or an answer goes on, the model wants to see the thinking that it began with."""
    spoken = [message for message in messages if message["role"] != "system"]
    last = spoken.pop()
    if last["role"] == "user":
        if last["content"][0]["type"] != "tool_result" or not spoken:
            return False
        last = spoken.pop()
    return last["content"][0]["type"] not in _THOUGHTS


def _write_off(body: Json, model: Facts, at: str, lost: Losses) -> None:
    if model.thinking == "none":
        return
    if model.can_stop_thinking:
        body["thinking"] = {"type": "disabled"}
    else:
        lost.add(at)
        body.setdefault("output_config", {})["effort"] = "low"


def _write_adaptive(body: Json, asked: Reasoning, model: Facts) -> bool:
    body["thinking"] = {"type": "adaptive"}
    if asked.is_shown is not None:
        body["thinking"]["display"] = "summarized" if asked.is_shown else "omitted"
    effort = _effort(asked)
    if effort is not None:
        if effort == "xhigh" and not model.takes_xhigh:
            effort = "high"
        body.setdefault("output_config", {})["effort"] = effort
    return True


def _effort(asked: Reasoning) -> str | None:
    if asked.effort is not None:
        return "low" if asked.effort == "minimal" else asked.effort
    if asked.budget is None or asked.budget < 0:
        return None
    return "low" if asked.budget < 2048 else "medium" if asked.budget < 16384 else "high"


def _write_manual(body: Json, asked: Reasoning, target: Target, at: str, lost: Losses) -> bool:
    """`max_tokens` has the thinking in it, so it grows where the budget would leave no room for an answer."""
    budget = _budget(asked)
    if budget is None:
        return False  # nothing was asked but to show what is thought
    limit = target.max_output_tokens
    if body["max_tokens"] <= budget:
        wanted = body["max_tokens"]
        body["max_tokens"] = budget + wanted
        if limit is not None and body["max_tokens"] > limit:
            body["max_tokens"] = max(limit, wanted)
            budget = max(_MIN_BUDGET, body["max_tokens"] - wanted)
        if budget >= body["max_tokens"]:
            body["max_tokens"] = wanted
            lost.add(at)
            return False
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    if asked.is_shown is False:
        body["thinking"]["display"] = "omitted"
    return True
