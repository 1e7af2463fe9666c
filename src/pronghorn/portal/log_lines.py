"""Log lines: rows of the usage log and entries of the ledger as dashboards of this family show them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from pronghorn.commerce.rollup import FINE
from pronghorn.kit import quota
from pronghorn.kit.money import format_usd
from pronghorn.ledger.prices import PPM
from pronghorn.portal.ratios import PICO_OF_RATIO_1, PICO_PER_USD, ratio

TOP_UP, CONSUME, MANAGE, SYSTEM, ERROR, REFUND, LOGIN = range(1, 8)


class Names(NamedTuple):
    """What ids are called."""

    user_id: int
    username: str
    keys: dict[str, str]
    """Key id to its name; of keys that are gone there is none."""
    numbers: dict[str, int]


def of_request(row: Any, place: int, names: Names) -> dict[str, Any]:
    """`place`: in its list; users are not told how many rows there are in all."""
    is_fine = row.end_reason in FINE
    return {
        **_frame(row.created_ms, place, names),
        "type": CONSUME if is_fine else ERROR,
        # What a vendor said of the operator's account is the operator's: callers had their own answer.
        "content": "" if is_fine else f"status {row.status}: {row.end_reason}",
        "token_name": names.keys.get(row.key_id, ""),
        "token_id": names.numbers.get(row.key_id, 0),
        "model_name": row.model,
        "quota": quota.used(row.cost),
        "prompt_tokens": row.usage.get("input", 0),
        "completion_tokens": row.usage.get("output", 0),
        "use_time": round(row.duration_ms / 1000),
        "is_stream": row.is_stream,
        "group": row.group_name,
        "ip": row.client_ip,
        "request_id": row.id,
        "other": msgspec.json.encode(_other(row)).decode(),
    }


def of_entry(row: Any, place: int, names: Names, kind: int) -> dict[str, Any]:
    """Tools read the amount out of the text."""
    text = row.note or row.kind.replace("_", " ")
    return {
        **_frame(row.created_ms, place, names),
        "type": kind,
        "content": f"{text}: ${format_usd(row.amount)}",
        "quota": quota.left(row.amount),
        "request_id": "",
        "other": "{}",
    }


def _frame(created_ms: int, place: int, names: Names) -> dict[str, Any]:
    return {
        "id": place,
        "user_id": names.user_id,
        "username": names.username,
        "created_at": created_ms // 1000,
        "type": 0,
        "content": "",
        "token_name": "",
        "token_id": 0,
        "model_name": "",
        "quota": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "use_time": 0,
        "is_stream": False,
        "channel": 0,
        "channel_name": "",
        "group": "",
        "ip": "",
        "upstream_request_id": "",
    }


def _other(row: Any) -> dict[str, Any]:
    """How the cost came about. Ratios are those of the charge itself, whatever the price is now."""
    pico = {line["component"]: line["pico_usd"] for line in row.explain if "pico_usd" in line}
    units = {line["component"]: line["units"] for line in row.explain if "units" in line}
    whole = pico.get("input", 0)
    other: dict[str, Any] = {
        "request_path": row.endpoint,
        "status_code": row.status,
        "cost_usd": format_usd(row.cost),
        "model_ratio": ratio(whole, PICO_OF_RATIO_1),
        "model_price": ratio(pico.get("call", 0), PICO_PER_USD),
        "group_ratio": ratio(_factor(row.explain), PPM),
        "completion_ratio": ratio(pico.get("output", 0), whole),
        "cache_tokens": row.usage.get("cache_read", 0),
        "cache_creation_tokens": row.usage.get("cache_write_5m", 0) + row.usage.get("cache_write_1h", 0),
    }
    if row.first_byte_ms is not None:
        other["frt"] = row.first_byte_ms
    if "cache_read" in units:
        other["cache_ratio"] = ratio(pico["cache_read"], whole)
    if "cache_write_5m" in units:
        other["cache_creation_ratio"] = ratio(pico["cache_write_5m"], whole)
    if row.end_reason not in FINE:
        other |= {"error_type": "new_api_error", "error_code": row.end_reason}
    return other


def _factor(lines: Sequence[dict[str, Any]]) -> int:
    return next((int(line["factor_ppm"]) for line in lines if "factor_ppm" in line), PPM)
