"""`python -m bench.plan`: what it costs to decide whom to ask first, by policy, size and conversation."""

import itertools
import random
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from pronghorn import vendors
from pronghorn.ledger.credit import Purse
from pronghorn.ledger.pots import AccountPot
from pronghorn.routing import Channel, Grant, Meter, Model, Snapshot, plan
from pronghorn.routing.route import Policy
from pronghorn.routing.tier import place_of
from pronghorn.upstream import Origin

POLICIES: tuple[Policy, ...] = ("weight", "latency", "price", "load")
SMALL_LIMIT_US = 5.0
"""Ten channels that could answer."""
LARGE_LIMIT_US = 20.0
"""A thousand channels, each of which serves all of five hundred models."""
LARGE = (1_000, 500)
TIMES = 2_000
ROUNDS = 25
_NOW_S = 1_000.0


def known(channels: int, models: int) -> Snapshot:
    """Channels of various weights, costs, speeds and loads; two credentials each."""
    drawn = random.Random(20261126)
    names = [f"model-{number}" for number in range(models)]
    served = {name: name for name in names}
    vendor = vendors.load()["openai"]
    made = [
        Channel(
            id=f"chn_{number}",
            name="c",
            vendor=vendor,
            origin=Origin(True, "vendor.example", 443),
            base_path="/v1",
            credentials=[f"sk-{number}-one", f"sk-{number}-two"],
            models=served,
            weight=drawn.randint(1, 5),
            cost_ppm=drawn.choice((800_000, 900_000, 1_000_000)),
        )
        for number in range(channels)
    ]
    for channel in made:
        channel.vitals.latency.observe(drawn.uniform(0.1, 2.0), _NOW_S)
        channel.vitals.channel.open_calls = drawn.randint(0, 20)
    return Snapshot(models={name: Model(name=name, vendor="openai") for name in names}, channels=made)


def first_us(snapshot: Snapshot, policy: Policy, *, has_affinity: bool) -> float:
    """The plan and its first candidate, of one model after the other; tiers and rings are made before, once."""
    grant = Grant(
        key_id="key_1",
        name="mine",
        account_id="acc_1",
        mode="live",
        group="default",
        factor_ppm=1_000_000,
        purse=Purse(AccountPot("acc_1", "live")),
        meter=Meter(),
    )
    models = itertools.cycle(snapshot.models.values())
    places = itertools.cycle([place_of(f"conversation {number}") for number in range(997)])

    def once() -> None:
        affinity = next(places) if has_affinity else None
        next(plan(snapshot, grant, next(models), "chat", affinity=affinity, now_s=_NOW_S, policy=policy))

    for _ in snapshot.models:
        once()
    return best_us(once, TIMES)


def best_us(once: Callable[[], object], times: int) -> float:
    """Of several rounds the quickest: what it costs where nothing else runs."""
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(times):
            once()
        found.append((time.perf_counter() - begun) / times * 1e6)
    return min(found)


def main() -> None:
    small, large = known(10, 1), known(*LARGE)
    title = "Plan and first candidate"
    table = Table("policy", "conversation", "10 channels, µs", "1,000 x 500 models, µs", title=title)
    for policy in POLICIES:
        for has_affinity in (False, True):
            table.add_row(
                policy,
                "stays" if has_affinity else "none",
                shown(first_us(small, policy, has_affinity=has_affinity), SMALL_LIMIT_US),
                shown(first_us(large, policy, has_affinity=has_affinity), LARGE_LIMIT_US),
            )
    Console().print(table)


def shown(us: float, limit_us: float) -> str:
    return f"{us:.1f}" if us <= limit_us else f"[red]{us:.1f}[/]"


if __name__ == "__main__":
    main()
