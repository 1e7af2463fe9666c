"""Log probabilities between the objects of an output text and ours. Deltas have no bytes, whole texts do."""

from typing import Any

from pronghorn.convert.turn import Json, Logprob


def read(found: Any) -> list[Logprob] | None:
    """None where there is nothing."""
    if not isinstance(found, list) or not found:
        return None
    return [_read(entry) for entry in found if isinstance(entry, dict)]


def _read(entry: Json) -> Logprob:
    number, codes, top = entry.get("logprob"), entry.get("bytes"), entry.get("top_logprobs")
    return Logprob(
        str(entry.get("token", "")),
        number if isinstance(number, int | float) else 0.0,
        codes if isinstance(codes, list) else None,
        [_read(one) for one in top if isinstance(one, dict)] if isinstance(top, list) else [],
    )


def write(found: list[Logprob] | None) -> list[Json]:
    """As a whole text has them."""
    return [_whole(one) | {"top_logprobs": [_whole(top) for top in one.top]} for one in found or ()]


def _whole(one: Logprob) -> Json:
    codes = list(one.token.encode("utf-8", "replace")) if one.bytes is None else one.bytes
    return {"token": one.token, "logprob": one.logprob, "bytes": codes}


def write_delta(found: list[Logprob] | None) -> list[Json]:
    """As a piece of a text has them."""
    return [_plain(one) | {"top_logprobs": [_plain(top) for top in one.top]} for one in found or ()]


def _plain(one: Logprob) -> Json:
    return {"token": one.token, "logprob": one.logprob}
