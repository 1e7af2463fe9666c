"""Plan: what four servers do with the bank's money and what befalls them meanwhile, all of it out of one seed."""

import random
from collections.abc import Mapping
from typing import NamedTuple

from pronghorn.ledger.budgets import Period, Scope

SERVERS = 4
ACCOUNTS = 3
LANES = 2
"""What one server does at the same time."""
HOUR_S = 3_600.0
JUMPS_S = (HOUR_S, -HOUR_S, -24 * HOUR_S)
NEVER_NEXT = 64 * 1024 * 1024

Faults = Mapping[int, str]
"""At the how manieth operation of a process (see `edge`) what happens: `kill`, or `fail` of that operation alone."""


class Limit(NamedTuple):
    """A budget: the most that may be spent in a period."""

    scope: Scope
    account: int
    """Whose, or whose key; of no meaning for the group, which all of them are in."""
    period: Period
    amount: int

    @property
    def name(self) -> str:
        """One budget for each: as the database has it."""
        return f"{self.scope}{'' if self.scope == 'group' else self.account}-{self.period}"

    def binds(self, account: str) -> bool:
        return self.scope == "group" or account == f"acc_{self.account}"


class Step(NamedTuple):
    kind: str
    account: int
    amount: int = 0
    """Nano-dollars: what a request holds, what is paid in or taken out; seconds of a jump of the clock."""
    charge: int = 0
    """What a request turns out to cost; more than its hold is the operator's loss."""
    pauses: int = 0
    """How often others have their turn while a hold is open."""


class Life(NamedTuple):
    """From one start of a server to its end: by `kill -9` if a fault says so, and else in good order."""

    lanes: tuple[tuple[Step, ...], ...]
    faults: Faults


class Server(NamedTuple):
    lives: tuple[Life, ...]
    posts: int
    """How often its worker looks for what there is to post."""
    worker_faults: Faults


class Freeze(NamedTuple):
    """SIGSTOP of a server and, later, SIGCONT: in turns of the schedule."""

    server: int
    at: int
    turns: int


class Plan(NamedTuple):
    seed: int
    deposits: tuple[int, ...]
    limits: tuple[Limit, ...]
    servers: tuple[Server, ...]
    freezes: tuple[Freeze, ...]
    shares_folder: bool
    """All journals in one folder, where each worker posts for everybody."""
    sync_ms: int
    """0: each record is synced before its hold ends."""
    segment_bytes: int
    batch: int


def draw(seed: int) -> Plan:
    dice = random.Random(f"bank {seed}")
    return Plan(
        seed,
        deposits=tuple(
            dice.choice((0, dice.randrange(1, 400), dice.randrange(1, 6_000))) for _ in range(ACCOUNTS)
        ),
        limits=_limits(dice),
        servers=tuple(_server(dice) for _ in range(SERVERS)),
        freezes=tuple(
            Freeze(dice.randrange(SERVERS), dice.randrange(100), dice.randrange(5, 60))
            for _ in range(dice.randrange(4))
        ),
        shares_folder=dice.random() < 0.4,
        sync_ms=dice.choice((0, 50)),
        segment_bytes=dice.choice((300, 900, NEVER_NEXT)),
        batch=dice.choice((1, 2, 500)),
    )


def _limits(dice: random.Random) -> tuple[Limit, ...]:
    drawn = [_limit(dice) for _ in range(dice.choice((0, 0, 1, 3)))]
    return tuple({limit.name: limit for limit in drawn}.values())


def _limit(dice: random.Random) -> Limit:
    scope: Scope = dice.choice(("key", "account", "group"))
    period: Period = dice.choice(("hour", "day", "total"))
    return Limit(scope, dice.randrange(ACCOUNTS), period, dice.choice((0, dice.randrange(1, 900), 3_000)))


def _server(dice: random.Random) -> Server:
    lives = tuple(_life(dice) for _ in range(dice.choice((1, 1, 2, 3))))
    return Server(lives, dice.randrange(1, 5), _faults(dice, 0.5, among=30))


def _life(dice: random.Random) -> Life:
    lanes = tuple(tuple(_step(dice) for _ in range(dice.randrange(2, 7))) for _ in range(LANES))
    return Life(lanes, _faults(dice, 0.75, among=70))


def _faults(dice: random.Random, likely: float, *, among: int) -> Faults:
    """The first operations are those of a start: they are hit now and then too."""
    faults = {}
    if dice.random() < likely:
        faults[dice.randrange(1, among)] = "kill"
    for _ in range(dice.choice((0, 0, 1, 3))):
        faults.setdefault(dice.randrange(1, among), "fail")
    return faults


_KINDS = {"request": 12}
_KINDS |= {
    "top_up": 2,
    "deposit": 1,
    "task": 1,
    "submit": 3,
    "withdraw": 1,
    "take_out": 1,
    "idle": 1,
    "back": 1,
    "jump": 1,
}


def _step(dice: random.Random) -> Step:
    (kind,) = dice.choices(list(_KINDS), list(_KINDS.values()))
    account = dice.randrange(ACCOUNTS)
    if kind == "request":
        need = dice.choice((1, dice.randrange(1, 80), dice.randrange(1, 900)))
        charge = dice.choice(
            (0, need, dice.randrange(need + 1), dice.randrange(need + 1), need + dice.randrange(50))
        )
        return Step(kind, account, need, charge, dice.randrange(4))
    if kind in ("task", "submit"):
        need = dice.randrange(1, 500)
        return Step(kind, account, need, dice.choice((0, need, dice.randrange(need + 1))), dice.randrange(4))
    if kind == "jump":
        return Step(kind, account, int(dice.choice(JUMPS_S)))
    return Step(kind, account, dice.randrange(1, 1_500))
