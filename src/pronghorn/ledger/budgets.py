"""Budgets: the most that a key, an account or a group may spend, in all or in each hour, day, week or month.

A period begins where a clock on the wall of its time zone shows its beginning: a day with a changed clock has 23 or 25
hours. Each period is a window with a purse of its own; a request counts in the window in which it came in.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pronghorn.errors import NoCredit
from pronghorn.kit.clock import iso
from pronghorn.kit.money import format_usd
from pronghorn.ledger.credit import Credit, Purse, Standing
from pronghorn.ledger.pots import Window

Period = Literal["hour", "day", "week", "month", "total"]
Scope = Literal["key", "account", "group"]
_FOREVER_S = 253_402_300_800


class Budget:
    """One budget, as the configuration in use has it."""

    __slots__ = (
        "_credit",
        "_end_s",
        "_purse",
        "_start_s",
        "_zone",
        "amount",
        "id",
        "mode",
        "period",
        "scope",
        "subject",
    )

    def __init__(
        self,
        credit: Credit,
        *,
        id: str,
        scope: Scope,
        subject: str,
        mode: str,
        amount: int,
        period: Period = "total",
        time_zone: str = "UTC",
    ) -> None:
        self.id = id
        self.scope = scope
        self.subject = subject
        self.mode = mode
        self.amount = amount
        """Nano-dollars."""
        self.period: Period = period
        self._zone = ZoneInfo(time_zone)
        self._credit = credit
        self._start_s = self._end_s = 0
        self._purse: Purse

    def purse(self, now_s: float) -> Purse:
        """Of the window that `now_s` falls in."""
        if not self._start_s <= now_s < self._end_s:
            self._start_s, self._end_s = span(self.period, self._zone, now_s)
            self._purse = self._credit.purse_of(self.window(now_s))
        return self._purse

    def window(self, now_s: float) -> Window:
        start_s, _ = span(self.period, self._zone, now_s)
        return Window(self.id, self.scope, self.subject, self.mode, start_s * 1000, self.amount)

    def resets_s(self, now_s: float) -> int | None:
        """When the next window begins, in Unix seconds; None if there is only one."""
        return None if self.period == "total" else span(self.period, self._zone, now_s)[1]

    def refusal(self, standing: Standing, needed: int, free: int, now_s: float) -> NoCredit:
        """For a request that may cost `needed` nano-dollars, where `free` are left to this server."""
        usd = {
            "limit_usd": format_usd(self.amount),
            "spent_usd": format_usd(standing.spent),
            "needed_usd": format_usd(needed),
            "free_usd": format_usd(free),
        }
        name = f"{_BUDGETS[self.period]} of {_OWNERS[self.scope]}"
        resets_s = self.resets_s(now_s)
        resets = {} if resets_s is None else {"resets_at": iso(resets_s)}
        wait = "" if resets_s is None else f", or wait until {iso(resets_s)}"
        if free:
            message = (
                f"this request can cost up to {usd['needed_usd']} USD and {usd['free_usd']} USD of {name} of "
                f"{usd['limit_usd']} USD is free; lower max_tokens, shorten the input, ask for a higher budget{wait}"
            )
        else:
            held = f" and {format_usd(standing.held)} USD held for open requests" if standing.held else ""
            message = (
                f"{name} is used up: {usd['spent_usd']} of {usd['limit_usd']} USD spent{held}; "
                f"ask for a higher budget{wait}"
            )
        return NoCredit(message, detail={"scope": self.scope, "period": self.period, **usd, **resets})


_OWNERS = {"key": "this API key", "account": "this account", "group": "this group"}
_BUDGETS = {
    "total": "the budget",
    "hour": "the hourly budget",
    "day": "the daily budget",
    "week": "the weekly budget",
    "month": "the monthly budget",
}


def span(period: Period, zone: ZoneInfo, now_s: float) -> tuple[int, int]:
    """Beginning and end, in Unix seconds, of the period that `now_s` falls in."""
    if period == "total":
        return 0, _FOREVER_S
    if period == "hour":
        return _hour(zone, now_s)
    today = datetime.fromtimestamp(now_s, zone).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0, tzinfo=None
    )
    if period == "day":
        begin, end = today, today + timedelta(days=1)
    elif period == "week":
        begin = today - timedelta(days=today.weekday())
        end = begin + timedelta(days=7)
    else:
        begin = today.replace(day=1)
        end = (begin + timedelta(days=31)).replace(day=1)
    return _unix_s(begin, zone), _unix_s(end, zone)


def _hour(zone: ZoneInfo, now_s: float) -> tuple[int, int]:
    """Sixty minutes; in zones like India's they begin at half past, and the hour that comes twice is two hours."""
    offset = datetime.fromtimestamp(now_s, zone).utcoffset() or timedelta()
    shift_s = int(offset.total_seconds()) % 3600
    start_s = (int(now_s // 1) + shift_s) // 3600 * 3600 - shift_s
    return start_s, start_s + 3600


def _unix_s(wall: datetime, zone: ZoneInfo) -> int:
    """Of a beginning: where a clock jumps over midnight, the moment of the jump; of two midnights, the first."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    return int(moment.timestamp())
