"""The audit of the ledger, as people read it."""

from collections.abc import Callable

from msgspec import Struct

from pronghorn.kit.money import format_usd
from pronghorn.ledger.audit import audit
from pronghorn.manage.fields import Usd
from pronghorn.store import Tx


class Difference(Struct):
    rule: str
    """What should be equal."""
    subject: str
    """Whose: an account and mode, a request, a key, a reference."""
    expected_usd: Usd
    found_usd: Usd


class AuditReport(Struct):
    clean: bool
    wallets: int
    entries: int
    requests: int
    differences: list[Difference]


async def report(tx: Tx, seen: Callable[[int], None] = lambda _: None) -> AuditReport:
    found = await audit(tx, seen)
    differences = [
        Difference(d.rule, d.subject, format_usd(d.expected), format_usd(d.found)) for d in found.differences
    ]
    return AuditReport(not differences, found.wallets, found.entries, found.requests, differences)
