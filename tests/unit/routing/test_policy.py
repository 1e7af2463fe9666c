"""The order of asking by latency, price and load, and what a model's name leads to."""

import random
from collections import Counter

import pytest
from tests.unit.routing.making import channel, grant, model, snapshot

from pronghorn.routing import Channel, plan
from pronghorn.routing.latency import DECAY_S, Latency
from pronghorn.routing.route import Policy, Route, Routes


def firsts(channels: list[Channel], policy: Policy, draws: int = 4_000, now_s: float = 0.0) -> Counter[str]:
    known, who, what = snapshot(channels=channels), grant(), model()
    return Counter(
        next(plan(known, who, what, "chat", policy=policy, now_s=now_s)).channel.id for _ in range(draws)
    )


def order(channels: list[Channel], policy: Policy) -> list[str]:
    known = snapshot(channels=channels)
    return [found.channel.id for found in plan(known, grant(), model(), "chat", policy=policy)]


def test_latency_prefers_the_quick_one_and_asks_all_in_the_end() -> None:
    random.seed(20261126)
    channels = [channel("slow"), channel("quick"), channel("middling")]
    for known, seconds in zip(channels, (3.0, 0.1, 1.0), strict=True):
        known.vitals.latency.observe(seconds, 0.0)
    found = firsts(channels, "latency")
    # Of two that are drawn: the quick one wins 5 of 9 and more, as the second draw is another where it can be.
    assert found["quick"] > found["middling"] > found["slow"]
    assert found["quick"] > 0.6 * found.total()
    assert found["slow"] < 0.01 * found.total()  # where the second draw was the first again each time
    assert {frozenset(order(channels, "latency")) for _ in range(20)} == {
        frozenset(("slow", "quick", "middling"))
    }


def test_of_two_the_better_one_is_always_asked_whatever_it_has_open() -> None:
    random.seed(20261126)
    quick, slow = channels = [channel("quick"), channel("slow")]
    quick.vitals.latency.observe(0.1, 0.0)
    slow.vitals.latency.observe(0.5, 0.0)
    assert firsts(channels, "latency")["quick"] > 3_600
    for _ in range(5):
        quick.vitals.channel.begin(
            0.0
        )  # five calls open there: the sixth would wait longer than at the other
    assert firsts(channels, "latency")["slow"] > 3_600


def test_load_prefers_what_has_fewer_open_calls_for_its_weight() -> None:
    random.seed(20261126)
    large, small = channels = [channel("large", weight=4), channel("small", weight=1)]
    for _ in range(3):
        large.vitals.channel.begin(0.0)
    small.vitals.channel.begin(0.0)
    assert firsts(channels, "load")["large"] > 3_600
    for _ in range(2):
        large.vitals.channel.begin(0.0)
    assert firsts(channels, "load")["small"] > 2_000


def test_price_asks_the_cheapest_first_within_a_priority() -> None:
    channels = [
        channel("dear", cost_ppm=900_000),
        channel("cheap", cost_ppm=200_000),
        channel("second", priority=-1, cost_ppm=1),
    ]
    assert {tuple(order(channels, "price")) for _ in range(50)} == {("cheap", "dear", "second")}


def test_a_peak_counts_at_once_and_wears_off() -> None:
    latency = Latency()
    assert latency.value_s(0.0) == 0.0
    latency.observe(1.0, 0.0)
    latency.observe(5.0, 0.1)
    assert latency.value_s(0.1) == pytest.approx(5.0)
    latency.observe(1.0, 0.1 + DECAY_S)
    assert latency.value_s(0.1 + DECAY_S) == pytest.approx(1.0 + 4.0 / 2.718281828, rel=1e-6)
    assert latency.value_s(1_000.0) < 0.01


def test_the_longest_pattern_that_fits_holds_and_the_name_itself_before_all() -> None:
    routes = Routes(
        [Route("*"), Route("gpt-*", ("a",)), Route("gpt-4*", ("b",)), Route("gpt-4o", ("c",)), Route("x[1]*")]
    )
    found = {name: route.name for name in NAMES if (route := routes.of(name)) is not None}
    assert found == {
        "gpt-4o": "gpt-4o",
        "gpt-4o-mini": "gpt-4*",
        "gpt-5": "gpt-*",
        "o3": "*",
        "x[1]y": "x[1]*",
    }
    assert routes.of("gpt-5") is routes.of("gpt-5")
    assert not Routes()
    assert Routes().of("m") is None


NAMES = ("gpt-4o", "gpt-4o-mini", "gpt-5", "o3", "x[1]y")


def test_aliases_are_listed_and_patterns_are_not() -> None:
    routes = Routes(
        [Route("fast", ("m",)), Route("gone", ("none",)), Route("m-*", ("m",)), Route("m", policy="load")]
    )
    known = snapshot(model("m"), channels=[channel()], routes=routes)
    assert sorted(listed.name for listed in known.visible_models(grant())) == ["fast", "m"]
    assert [listed.name for listed in known.visible_models(grant(models=["fast"]))] == ["fast"]
    assert known.models["m"].name == "m"
