"""Grants, models, channels and snapshots with sensible defaults, for tests that care about one thing."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pronghorn import vendors
from pronghorn.ledger.budgets import Budget, Scope
from pronghorn.ledger.credit import Credit, Purse
from pronghorn.ledger.pots import AccountPot, Window
from pronghorn.ledger.prices import Price, PriceDocument
from pronghorn.routing import Channel, Grant, Meter, Model, Snapshot
from pronghorn.routing.gate import Gate
from pronghorn.upstream import Origin

CREDENTIAL = "sk-upstream-secret-1"
HOST = "vendor.internal.example"


class Leased:
    """A credit without a database: a budget's window has all leased that `spent` leaves of it."""

    def __init__(self, spent: int) -> None:
        self.spent = spent

    def purse_of(self, window: Window) -> Purse:
        purse = Purse(window)
        purse.free = max(window.limit - self.spent, 0)
        return purse


def budget(amount: int, spent: int = 0, *, scope: Scope = "key", **fields: Any) -> Budget:
    known: dict[str, Any] = {"id": f"bud_{scope}", "subject": "key_1", "mode": "live"}
    return Budget(cast(Credit, Leased(spent)), scope=scope, amount=amount, **(known | fields))


def grant(*, mode: str = "live", free: int = 0, budgets: Sequence[Budget] = (), **fields: Any) -> Grant:
    purse = Purse(AccountPot("acc_1", mode))
    purse.free = free
    known: dict[str, Any] = {
        "key_id": "key_1",
        "name": "mine",
        "account_id": "acc_1",
        "group": "default",
        "factor_ppm": 1_000_000,
        "purse": purse,
        "meter": Meter(),
        "budgets": budgets,
    }
    return Grant(**(known | {"mode": mode} | fields))


def gate(
    scope: str = "key",
    *,
    rpm: int | None = None,
    tpm: int | None = None,
    concurrency: int | None = None,
    body_bytes: int | None = None,
) -> Gate:
    made = Gate(scope)
    made.set_limits(rpm, tpm, concurrency, body_bytes, 0.0)
    return made


def channel(id: str = "chn_1", models: Mapping[str, str] | Sequence[str] = ("m",), **fields: Any) -> Channel:
    known: dict[str, Any] = {
        "name": id,
        "vendor": vendors.load()["openai"],
        "origin": Origin(True, HOST, 443),
        "base_path": "/v1",
        "credentials": [CREDENTIAL],
    }
    mapped = models if isinstance(models, Mapping) else {name: name for name in models}
    return Channel(id=id, models=mapped, **(known | fields))


def model(name: str = "m", price: PriceDocument | None = None, **fields: Any) -> Model:
    return Model(name=name, vendor="openai", price=Price(price) if price is not None else None, **fields)


def snapshot(*models: Model, **fields: Any) -> Snapshot:
    return Snapshot(models={known.name: known for known in models}, **fields)
