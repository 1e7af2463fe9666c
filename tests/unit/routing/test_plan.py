"""The plan: higher priority first, by weight within one, weight 0 last, test keys to the sandbox."""

import random
from collections import Counter

import pytest
from tests.unit.routing.making import channel, grant, model, snapshot

from pronghorn import vendors
from pronghorn.errors import ModelNotFound, NoChannel
from pronghorn.routing import Channel, plan
from pronghorn.vendors import ChatVendor


def order(channels: list[Channel], endpoint: str = "chat") -> list[str]:
    return [found.id for found in plan(snapshot(channels=channels), grant(), model(), endpoint)]


def test_higher_priority_is_always_first_and_each_comes_once() -> None:
    channels = [channel("c", priority=0), channel("a", priority=2), channel("b", priority=1, weight=1000)]
    assert {tuple(order(channels)) for _ in range(50)} == {("a", "b", "c")}


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (7, 2, 1), (100, 1)])
def test_the_first_is_drawn_by_weight(weights: tuple[int, ...]) -> None:
    random.seed(20261124)
    channels = [channel(str(index), weight=weight) for index, weight in enumerate(weights)]
    known, who, what = snapshot(channels=channels), grant(), model()
    draws = 20_000
    first = Counter(next(plan(known, who, what, "chat")).id for _ in range(draws))
    for index, weight in enumerate(weights):
        share = weight / sum(weights)
        deviation = (share * (1 - share) / draws) ** 0.5
        assert abs(first[str(index)] / draws - share) < 5 * deviation


def test_weight_0_comes_last_but_comes() -> None:
    channels = [
        channel("z", weight=0),
        channel("a", weight=1),
        channel("b", weight=1),
        channel("y", weight=-3),
    ]
    for _ in range(100):
        assert set(order(channels)[2:]) == {"z", "y"}


def test_test_keys_reach_the_sandbox_and_nothing_else() -> None:
    sandbox = channel("sandbox", [], vendor=vendors.load()["sandbox"])
    known = snapshot(channels=[channel()], sandbox=sandbox)
    assert [found.id for found in plan(known, grant(mode="test"), model(), "chat")] == ["sandbox"]
    assert [found.id for found in plan(known, grant(), model(), "chat")] == ["chn_1"]


def test_without_a_sandbox_test_keys_hear_503() -> None:
    with pytest.raises(NoChannel) as refused:
        plan(snapshot(channels=[channel()]), grant(mode="test"), model(), "chat")
    assert refused.value.status == 503


@pytest.mark.parametrize("fields", [{"groups": ["vip"]}, {"models": ["other"]}])
def test_nothing_serves_it_now(fields: dict[str, list[str]]) -> None:
    with pytest.raises(NoChannel) as refused:
        plan(snapshot(channels=[channel(**fields)]), grant(), model(), "chat")  # type: ignore[arg-type]
    assert refused.value.retry_after_s


@pytest.mark.parametrize("count", [1, 3])
def test_a_route_that_no_channel_has_is_not_found(count: int) -> None:
    small = ChatVendor(name="small", base_url="", paths={"chat": "/chat/completions"})
    channels = [channel(str(index), vendor=small) for index in range(count)]
    assert len(order(channels)) == count
    with pytest.raises(ModelNotFound):
        order(channels, "embeddings")


def test_only_the_channels_that_have_the_route_are_asked() -> None:
    small = ChatVendor(name="small", base_url="", paths={"chat": "/chat/completions"})
    channels = [channel("small", vendor=small, priority=9), channel("whole")]
    assert order(channels, "embeddings") == ["whole"]
    assert order(channels, "chat") == ["small", "whole"]
