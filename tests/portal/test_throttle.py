"""Counting tries, and knowing where they come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.errors import LimitReached
from pronghorn.kit.forwarded import Forwarded, household
from pronghorn.portal import throttle
from pronghorn.portal.desk import TRIES, WINDOW_S
from pronghorn.portal.throttle import Throttle


def test_the_limit_is_twenty_in_twenty_minutes() -> None:
    assert (TRIES, WINDOW_S) == (20, 1200)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_never_more_than_allowed_in_any_window(moments: list[float]) -> None:
    tries, taken = Throttle(5, 10), []
    for now_s in sorted(moments):
        try:
            tries.take(now_s, "a")
        except LimitReached as error:
            assert error.retry_after_s is not None and 0 < error.retry_after_s <= 10
            tries.take(now_s + error.retry_after_s + 1e-6, "b")
        else:
            taken.append(now_s)
    for moment in taken:
        assert sum(moment - 10 < other <= moment for other in taken) <= 5


def test_a_refused_try_counts_for_nobody() -> None:
    tries = Throttle(1, 10)
    tries.take(0, "a")
    with pytest.raises(LimitReached):
        tries.take(1, "b", "a")
    tries.take(2, "b")
    tries.give_back("b")
    tries.take(3, "b")
    tries.clear("a")
    tries.take(4, "a")
    tries.take(11.5, "c")


def test_memory_is_bounded_whoever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_NAMES", 100)
    tries = Throttle(1, 10)
    for at in range(1_000):
        tries.take(at / 1_000, f"name {at}")
    assert len(tries._begun) <= 101
    with pytest.raises(LimitReached):
        tries.take(1, "name 999")


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "evil, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.1, evil", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_ones_own_proxies_are_believed(peer: str, forwarded: str, caller: str) -> None:
    assert Forwarded(["10.0.0.0/8"]).caller(peer, forwarded) == caller
    assert Forwarded([]).caller(peer, forwarded) == peer


def test_one_subscriber_is_counted_as_one() -> None:
    assert household("2001:db8::1") == household("2001:db8::ffff:2") != household("2001:db8:0:1::1")
    assert (household("203.0.113.7"), household("::ffff:203.0.113.7")) == ("203.0.113.7", "203.0.113.7")
    assert household("") == ""
