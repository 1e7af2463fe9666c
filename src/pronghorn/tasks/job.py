"""Job: what a task was asked for, what it costs and whom to tell. Sealed in its row, and never changed."""

from typing import Any

import msgspec

from pronghorn.ledger.prices import Line

LONGEST_TEXT = 8 * 1024
"""Longer texts of a body are pictures and sounds: the vendor has them, and nobody asks us for them again."""


class Bill(msgspec.Struct):
    """Settled when it was admitted: later prices change nothing."""

    charge: int
    """Nano-dollars, if it succeeds. So much is held."""
    lines: list[Line]
    factor_ppm: int
    kind: str
    """What it is priced by, such as `imagine/fast`."""
    group: str
    endpoint: str
    upstream_model: str
    client_ip: str


class Job(msgspec.Struct):
    body: dict[str, Any]
    bill: Bill
    speed: str = ""
    callback: str = ""
    """Where the caller wants to be told."""
    answer: Any = None
    """What the vendor said when it took it, in the family's words."""


def trimmed(value: Any) -> Any:
    """Without what is too long to be kept."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else ""
    if isinstance(value, dict):
        return {name: trimmed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [trimmed(inner) for inner in value]
    return value
