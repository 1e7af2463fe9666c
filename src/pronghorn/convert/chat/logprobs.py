"""Log probabilities between chat's objects and ours."""

from typing import Any

from pronghorn.convert.turn import Json, Logprob


def read(found: Any) -> list[Logprob] | None:
    """Of a choice's `logprobs`; None where there is nothing."""
    if not isinstance(found, dict):
        return None
    entries = found.get("content") or found.get("refusal")
    return _read_all(entries) if isinstance(entries, list) else None


def _read_all(entries: list[Any]) -> list[Logprob]:
    return [_read(entry) for entry in entries if isinstance(entry, dict)]


def _read(entry: Json) -> Logprob:
    number, codes, top = entry.get("logprob"), entry.get("bytes"), entry.get("top_logprobs")
    return Logprob(
        str(entry.get("token", "")),
        number if isinstance(number, int | float) else 0.0,
        codes if isinstance(codes, list) else None,
        _read_all(top) if isinstance(top, list) else [],
    )


def write(found: list[Logprob] | None) -> Json | None:
    if found is None:
        return None
    return {
        "content": [_write(one) | {"top_logprobs": [_write(top) for top in one.top]} for one in found]
    } | {"refusal": None}


def _write(one: Logprob) -> Json:
    return {"token": one.token, "logprob": one.logprob, "bytes": one.bytes}
