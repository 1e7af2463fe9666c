"""Log probabilities between a candidate's `logprobsResult` and ours."""

from typing import Any

from pronghorn.convert.turn import Json, Logprob


def read(found: Any) -> list[Logprob] | None:
    """None where there is nothing."""
    chosen = found.get("chosenCandidates") if isinstance(found, dict) else None
    if not isinstance(chosen, list):
        return None
    top = found.get("topCandidates")
    steps = top if isinstance(top, list) else []
    result = [_read(one) for one in chosen]
    for one, step in zip(result, steps, strict=False):
        one.top = [_read(other) for other in step.get("candidates") or ()]
    return result


def _read(one: Json) -> Logprob:
    token = one.get("token") or ""
    return Logprob(token, one.get("logProbability", 0.0), list(token.encode("utf-8", "replace")))


def write(found: list[Logprob]) -> Json:
    """The fields of a candidate."""
    if not found:
        return {}
    result: Json = {"chosenCandidates": [_write(one) for one in found]}
    if any(one.top for one in found):
        result["topCandidates"] = [{"candidates": [_write(other) for other in one.top]} for one in found]
    return {
        "avgLogprobs": sum(one.logprob for one in found) / len(found),
        "logprobsResult": result,
    }


def _write(one: Logprob) -> Json:
    return {"token": one.token, "logProbability": one.logprob}
