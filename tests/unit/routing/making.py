"""Grants, models, channels and snapshots with sensible defaults, for tests that care about one thing."""

from collections.abc import Mapping, Sequence
from typing import Any

from pronghorn import vendors
from pronghorn.ledger.credit import Purse
from pronghorn.ledger.prices import Price, PriceDocument
from pronghorn.routing import Channel, Grant, Meter, Model, Snapshot
from pronghorn.routing.gate import Gate
from pronghorn.upstream import Origin

CREDENTIAL = "sk-upstream-secret-1"
HOST = "vendor.internal.example"


def grant(*, mode: str = "live", free: int = 0, spent: int = 0, **fields: Any) -> Grant:
    purse = Purse("acc_1", mode)
    purse.free = free
    known: dict[str, Any] = {
        "key_id": "key_1",
        "name": "mine",
        "account_id": "acc_1",
        "group": "default",
        "factor_ppm": 1_000_000,
        "purse": purse,
        "meter": Meter(spent),
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
