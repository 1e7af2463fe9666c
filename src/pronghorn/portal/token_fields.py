"""Token fields: a key as dashboards of this family write it ("token"), read and shown."""

from typing import Annotated, Any

import msgspec

from pronghorn.errors import AccessDenied, BadRequest
from pronghorn.kit import quota
from pronghorn.kit.network import parse_network
from pronghorn.portal.caller import AccountOf, Caller

ENABLED, DISABLED, EXPIRED, EXHAUSTED = range(1, 5)
NEVER = -1
MAX_LISTED = 1_000
MAX_TIME_S = 253_402_214_400


class Given(msgspec.Struct):
    """What may be said of a key. Whatever else is sent along is left out of account: key, owner, use, role."""

    id: int = 0
    name: Annotated[str, msgspec.Meta(max_length=50)] = ""
    status: int = 0
    expired_time: int = NEVER
    remain_quota: Annotated[int, msgspec.Meta(ge=0, le=quota.MAX_QUOTA)] = 0
    unlimited_quota: bool = False
    model_limits_enabled: bool = False
    model_limits: Annotated[str, msgspec.Meta(max_length=20_000)] = ""
    allow_ips: Annotated[str, msgspec.Meta(max_length=20_000)] | None = ""
    group: Annotated[str, msgspec.Meta(max_length=200)] = ""


def shown(row: Any, number: int, caller: Caller, now_ms: int) -> dict[str, Any]:
    """The key itself is not kept, so lists show its beginning and its end."""
    return {
        "id": number,
        "user_id": caller.number,
        "key": row.hint,
        "status": status(row, now_ms),
        "name": row.name,
        "created_time": row.created_ms // 1000,
        "accessed_time": row.created_ms // 1000,
        "expired_time": NEVER if row.expires_ms is None else row.expires_ms // 1000,
        "remain_quota": remaining(row),
        "unlimited_quota": row.budget is None,
        "used_quota": quota.used(row.spent),
        "model_limits_enabled": row.models is not None,
        "model_limits": ",".join(row.models or ()),
        "allow_ips": "\n".join(row.ips or ()),
        "group": row.group_name or "",
        "cross_group_retry": False,
        "auto_groups": None,
    }


def remaining(row: Any) -> int:
    return 0 if row.budget is None else quota.left(row.budget - row.spent)


def status(row: Any, now_ms: int) -> int:
    if row.is_disabled:
        return DISABLED
    return failing(row, now_ms) or ENABLED


def failing(row: Any, now_ms: int) -> int:
    """Why an enabled key does not work; 0: it does."""
    if row.expires_ms is not None and row.expires_ms <= now_ms:
        return EXPIRED
    return EXHAUSTED if row.budget is not None and row.spent >= row.budget else 0


def columns(given: Given, account: AccountOf, now_ms: int, row: Any = None) -> dict[str, Any]:
    """The columns of a new key, or of `row` once it is changed. Clients send back what they read: that stays exact."""
    name = given.name.strip()
    if not name or not name.isprintable():
        raise BadRequest("name must be one line of printable text and not empty", param="name")
    return {
        "name": name,
        "expires_ms": _expires_ms(given.expired_time, now_ms, row),
        "budget": _budget(given, row),
        "models": _models(given),
        "ips": _networks(given.allow_ips or ""),
        "group_name": _group(given.group, account, row),
    }


def _expires_ms(time_s: int, now_ms: int, row: Any) -> int | None:
    if time_s == NEVER:
        return None
    if row is not None and row.expires_ms is not None and row.expires_ms // 1000 == time_s:
        return int(row.expires_ms)
    if not now_ms < time_s * 1000 <= MAX_TIME_S * 1000:
        raise BadRequest("expired_time must lie in the future; -1 means never", param="expired_time")
    return time_s * 1000


def _budget(given: Given, row: Any) -> int | None:
    """A key's budget is all it may ever spend; what remains is told here."""
    if given.unlimited_quota:
        return None
    if row is not None and row.budget is not None and remaining(row) == given.remain_quota:
        return int(row.budget)
    if given.remain_quota == 0:
        raise BadRequest(
            "remain_quota must be more than 0; unlimited_quota sets no limit", param="remain_quota"
        )
    return quota.nano(given.remain_quota) + (0 if row is None else int(row.spent))


def _models(given: Given) -> list[str] | None:
    if not given.model_limits_enabled:
        return None
    found = _listed(given.model_limits, "model_limits", ",")
    if not found:
        raise BadRequest("model_limits is empty, which would allow nothing", param="model_limits")
    for name in found:
        if len(name) > 200 or not name.isprintable() or "*" in name[:-1]:
            raise BadRequest(
                f"model_limits: {name[:40]!r} is no model's name; `*` may stand at its end only",
                param="model_limits",
            )
    return found


def _networks(text: str) -> list[str] | None:
    found = []
    for part in _listed(text.replace("\n", ","), "allow_ips", ","):
        try:
            network = parse_network(part)
        except ValueError as error:
            raise BadRequest(
                f"allow_ips: {part[:60]!r} is no address such as 203.0.113.7 and no network such as 203.0.113.0/24",
                param="allow_ips",
            ) from error
        found.append(str(network if "/" in part else network.network_address))
    return found or None


def _listed(text: str, param: str, mark: str) -> list[str]:
    found = list(dict.fromkeys(part.strip() for part in text.split(mark) if part.strip()))
    if len(found) > MAX_LISTED:
        raise BadRequest(f"{param} must name at most {MAX_LISTED}", param=param)
    return found


def _group(name: str, account: AccountOf, row: Any) -> str | None:
    """The account's own group, or the one that the operator has given to this key. Groups have prices."""
    current = None if row is None else row.group_name
    if name in ("", account.group):
        return current if current is not None and current == name else None
    if name != current:
        raise AccessDenied(
            f"group: this account's group is {account.group!r}; another one is the operator's to give"
        )
    return name
