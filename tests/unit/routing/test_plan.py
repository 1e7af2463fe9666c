"""The plan: priority, weight, health, pools of credentials, and conversations that stay where they were."""

import gc
import random
from collections import Counter

import pytest
from tests.unit.routing.making import channel, gate, grant, model, snapshot

from pronghorn import vendors
from pronghorn.errors import (
    CallerGone,
    ModelNotFound,
    NoChannel,
    PronghornError,
    UpstreamError,
    UpstreamLimited,
    UpstreamRefusedUs,
    UpstreamRejected,
    UpstreamTimeout,
)
from pronghorn.routing import Candidate, Candidates, Channel, Model, Snapshot, plan
from pronghorn.routing.health import FAULT_MAX_S, FAULTS_IN_A_ROW, REFUSED_S
from pronghorn.routing.plan import Plan, judge
from pronghorn.routing.tier import place_of
from pronghorn.vendors import ChatVendor


def order(channels: list[Channel], endpoint: str = "chat") -> list[str]:
    return [found.channel.id for found in plan(snapshot(channels=channels), grant(), model(), endpoint)]


def test_higher_priority_is_always_first_and_each_comes_once() -> None:
    channels = [channel("c", priority=0), channel("a", priority=2), channel("b", priority=1, weight=1000)]
    assert {tuple(order(channels)) for _ in range(50)} == {("a", "b", "c")}


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (7, 2, 1), (100, 1)])
def test_the_first_is_drawn_by_weight(weights: tuple[int, ...]) -> None:
    random.seed(20261124)
    channels = [channel(str(index), weight=weight) for index, weight in enumerate(weights)]
    known, who, what = snapshot(channels=channels), grant(), model()
    draws = 20_000
    first = Counter(next(plan(known, who, what, "chat")).channel.id for _ in range(draws))
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
    simulators = {
        name: channel("sandbox", [], vendor=vendors.load()[name])
        for name in ("openai", "anthropic", "gemini")
    }
    known = snapshot(channels=[channel()], sandbox=simulators)
    for vendor, endpoint, asked in (
        ("openai", "chat", "openai"),
        ("anthropic", "chat", "anthropic"),  # in its own dialect, whatever the caller's
        ("gemini", "messages", "gemini"),
        ("anthropic", "speech", "openai"),  # what the vendor does not have is still there to be tried
        ("unheard-of", "chat", "openai"),
    ):
        asked_model = Model(name="m", vendor=vendor)
        (found,) = plan(known, grant(mode="test"), asked_model, endpoint)
        assert (found.channel.id, found.channel.vendor.name) == ("sandbox", asked)
    assert [found.channel.id for found in plan(known, grant(), model(), "chat")] == ["chn_1"]


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


def test_a_plan_that_is_left_half_used_is_gone_without_the_garbage_collector() -> None:
    def plans() -> int:
        return sum(isinstance(found, Plan) for found in gc.get_objects())

    known = snapshot(channels=[channel(name) for name in "abc"])
    gc.collect()
    gc.disable()
    try:
        before = plans()
        next(plan(known, grant(), model(), "chat"))
        assert plans() == before
    finally:
        gc.enable()


# Health


def ask(known: Snapshot, now_s: float, affinity: int | None = None) -> Candidates:
    return plan(known, grant(), model(), "chat", affinity=affinity, now_s=now_s)


def call(
    known: Snapshot, now_s: float, outcome: PronghornError | None, affinity: int | None = None
) -> Candidate:
    """The first candidate is asked, and ends so."""
    candidate = next(ask(known, now_s, affinity))
    candidate.begin(now_s)
    judge(candidate, outcome, now_s)
    return candidate


def test_a_dead_channel_is_left_out_and_comes_back() -> None:
    random.seed(20261126)
    channels = [channel(name) for name in "abc"]
    known = snapshot(channels=channels)

    def share_of_a(start_s: float, end_s: float, *, is_dead: bool) -> float:
        came, total, now_s = 0, 0, start_s
        while now_s < end_s:
            candidate = next(ask(known, now_s))
            candidate.begin(now_s)
            is_a = candidate.channel.id == "a"
            judge(candidate, UpstreamError() if is_a and is_dead else None, now_s)
            came, total, now_s = came + is_a, total + 1, now_s + 0.01
        return came / total

    share_of_a(0, 1, is_dead=True)
    assert share_of_a(1, 121, is_dead=True) < 0.01
    share_of_a(121, 151, is_dead=False)
    assert 0.25 < share_of_a(151, 171, is_dead=False) < 0.42


@pytest.mark.parametrize(
    ("outcome", "closed_s"),
    [(UpstreamRefusedUs(), REFUSED_S), (UpstreamLimited(retry_after_s=7), 7.0)],
)
def test_one_bad_credential_of_ten_leaves_alone(outcome: PronghornError, closed_s: float) -> None:
    secrets = [f"sk-upstream-{number}" for number in range(10)]
    known = snapshot(channels=[channel("a", credentials=secrets)])
    bad = call(known, 0.0, outcome).place
    places = Counter(call(known, 0.1, None).place for _ in range(900))
    assert places == dict.fromkeys((place for place in range(10) if place != bad), 100)
    assert bad in {call(known, closed_s + 1, None).place for _ in range(10)}


def test_another_credential_is_asked_before_another_channel() -> None:
    known = snapshot(
        channels=[channel("a", credentials=["one-secret", "two-secret"], priority=1), channel("b")]
    )
    assert [(found.channel.id, found.place) for found in ask(known, 0.0)][-1] == ("b", 0)
    candidates = ask(known, 0.0)
    next(candidates)
    candidates.leave_channel()
    assert next(candidates).channel.id == "b"


def said(status: int) -> UpstreamError:
    error = UpstreamError()
    error.upstream_status = status
    return error


@pytest.mark.parametrize(
    "outcome", [None, UpstreamRejected(400, b"", b""), CallerGone(), said(400), said(422)]
)
def test_what_is_no_fault_of_the_vendor_closes_nothing(outcome: PronghornError | None) -> None:
    known = snapshot(channels=[channel("a")])
    for _ in range(100):
        call(known, 0.0, outcome)
    assert known.channels[0].vitals.channel.open_calls == 0


def test_when_all_are_down_the_answer_is_quick_and_says_when_to_come_back() -> None:
    known = snapshot(channels=[channel("a"), channel("b")])
    for _ in range(FAULTS_IN_A_ROW):
        for candidate in ask(known, 0.0):
            candidate.begin(0.0)
            judge(candidate, UpstreamTimeout(), 0.0)
    with pytest.raises(NoChannel) as refused:
        next(ask(known, 0.1))
    assert 0 < (refused.value.retry_after_s or 0) <= FAULT_MAX_S


def test_a_closed_way_is_tried_by_one_request_at_a_time() -> None:
    known = snapshot(channels=[channel("a", priority=1), channel("b")])
    for _ in range(FAULTS_IN_A_ROW):
        call(known, 0.0, UpstreamError())
    trial = next(ask(known, 20.0))
    trial.begin(20.0)
    assert trial.channel.id == "a"
    assert next(ask(known, 20.0)).channel.id == "b"
    judge(trial, None, 20.5)
    assert next(ask(known, 21.0)).channel.id == "a"


POOL = ["one-secret", "two-secret", "three-secret"]


def test_what_others_closed_or_try_meanwhile_is_not_asked() -> None:
    known = snapshot(channels=[channel("a", credentials=POOL)])
    mine = ask(known, 9.0)
    first = next(mine)
    closed, tried = (health for health in known.channels[0].healths if health is not first.credential)
    closed.fail("refused", 9.0)
    tried.fail("limited", 9.0, 0.0)
    tried.begin(9.0)
    assert list(mine) == []


def test_a_limit_of_a_channel_is_kept_by_each_of_its_credentials() -> None:
    limits = gate("channel", concurrency=1)
    known = snapshot(channels=[channel("a", credentials=POOL, gate=limits, priority=1), channel("b")])
    mine = ask(known, 0.0)
    assert next(mine).channel.id == "a"
    limits.enter(0)  # another request, while the first credential was being asked
    assert [found.channel.id for found in mine] == ["b"]


# Conversations


def test_a_conversation_stays_on_one_credential_and_conversations_spread_by_weight() -> None:
    random.seed(20261126)
    channels = [
        channel(name, credentials=[f"{name}-secret-{place}" for place in range(4)], weight=weight)
        for name, weight in (("a", 1), ("b", 2), ("c", 1))
    ]
    known = snapshot(channels=channels)
    first = {}
    for number in range(2_000):
        affinity = place_of(f"conversation {number}")
        found = [call(known, 0.0, None, affinity) for _ in range(3)]
        first[number] = {(candidate.channel.id, candidate.place) for candidate in found}
    assert all(len(places) == 1 for places in first.values())
    shares = Counter(channel_id for places in first.values() for channel_id, _ in places)
    assert 0.4 < shares["b"] / 2_000 < 0.6
    assert len({place for places in first.values() for place in places}) == 12


def test_a_conversation_whose_credential_dies_goes_on_with_the_next_attempt() -> None:
    known = snapshot(channels=[channel("a", credentials=["one-secret", "two-secret"]), channel("b")])
    affinity = place_of("a conversation")
    before = next(ask(known, 0.0, affinity))
    candidates = ask(known, 0.0, affinity)
    dying = next(candidates)
    dying.begin(0.0)
    judge(dying, UpstreamRefusedUs(), 0.0)
    after = next(candidates)
    assert (after.channel.id, after.place) != (before.channel.id, before.place)
    again = next(ask(known, 1.0, affinity))
    assert (again.channel.id, again.place) == (after.channel.id, after.place)


def test_a_channel_that_goes_moves_only_its_own_conversations() -> None:
    channels = [channel(name) for name in "abcd"]
    asked = [place_of(f"conversation {number}") for number in range(1_000)]
    before = [next(ask(snapshot(channels=channels), 0.0, affinity)).channel.id for affinity in asked]
    after = [next(ask(snapshot(channels=channels[:3]), 0.0, affinity)).channel.id for affinity in asked]
    moved = [old for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {"d"}
