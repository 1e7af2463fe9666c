"""What a key may do: models, addresses, time, rates, concurrency and money."""

import pytest
from tests.unit.routing.making import gate, grant

from pronghorn.errors import AccessDenied, LimitReached, Unauthenticated


@pytest.mark.parametrize(
    ("patterns", "model", "is_allowed"),
    [
        (None, "anything", True),
        ([], "anything", False),
        (["gpt-4o"], "gpt-4o", True),
        (["gpt-4o"], "gpt-4o-mini", False),
        (["gpt-4o"], "GPT-4o", False),
        (["gpt-4*"], "gpt-4o-mini", True),
        (["gpt-4*"], "gpt-4", True),
        (["gpt-4*"], "o1-gpt-4", False),
        (["*"], "anything/at:all", True),
        (["claude-*", "gpt-4o"], "gpt-4o", True),
        (["claude-*", "gpt-4o"], "claude-3", True),
        (["claude-*", "gpt-4o"], "gemini", False),
        (["openai/*"], "openai/gpt-4o", True),
        (["*-mini"], "gpt-4o-mini", False),  # only a trailing star is one
    ],
)
def test_models_by_name_and_by_pattern(patterns: list[str] | None, model: str, is_allowed: bool) -> None:
    assert grant(models=patterns).allows_model(model) is is_allowed


def test_the_list_is_shown_as_it_was_written() -> None:
    assert grant(models=["b*", "a"]).listed_models() == ["a", "b*"]
    assert grant().listed_models() is None


@pytest.mark.parametrize(
    ("ips", "caller", "is_allowed"),
    [
        (None, "203.0.113.9", True),
        (None, "", True),
        ([], "203.0.113.9", False),
        (["203.0.113.9"], "203.0.113.9", True),
        (["203.0.113.9"], "203.0.113.10", False),
        (["203.0.113.0/24"], "203.0.113.77", True),
        (["203.0.113.5/24"], "203.0.113.77", True),  # host bits do not matter
        (["203.0.113.0/24"], "::ffff:203.0.113.77", True),
        (["203.0.113.0/24"], "::ffff:198.51.100.1", False),
        (["::ffff:127.0.0.1"], "127.0.0.1", True),  # IPv4 in the words of IPv6
        (["::ffff:203.0.113.0/120"], "203.0.113.77", True),
        (["::ffff:203.0.113.0/120"], "::ffff:203.0.114.1", False),
        (["::ffff:0:0/96"], "203.0.113.77", True),
        (["::/0"], "203.0.113.77", False),
        (["2001:db8::/32"], "2001:db8:1::9", True),
        (["2001:db8::/32"], "2001:db9::9", False),
        (["2001:db8::/32"], "203.0.113.9", False),
        (["10.0.0.0/8", "::1"], "::1", True),
        (["10.0.0.0/8"], "", False),
        (["10.0.0.0/8"], "10.1.2.3, 10.0.0.1", False),
        (["10.0.0.0/8"], "not-an-address", False),
    ],
)
def test_addresses(ips: list[str] | None, caller: str, is_allowed: bool) -> None:
    known = grant(ips=ips)
    if is_allowed:
        known.check_caller(0.0, caller)
    else:
        with pytest.raises(AccessDenied):
            known.check_caller(0.0, caller)


def test_a_key_ends_at_its_time() -> None:
    known = grant(expires_s=100.0)
    known.check_caller(99.999, "::1")
    for now_s in (100.0, 1e12):
        with pytest.raises(Unauthenticated, match="expired"):
            known.check_caller(now_s, "::1")


def test_requests_per_minute_say_when_to_come_back() -> None:
    known = grant(gates=[gate(rpm=2)])
    known.enter(0.0, 0)
    known.enter(0.0, 0)
    with pytest.raises(LimitReached) as refused:
        known.enter(0.0, 0)
    assert refused.value.retry_after_s == pytest.approx(30.0)
    assert refused.value.detail == {"scope": "key", "limit": 2, "used": 2, "reset_s": 30.0}
    assert "2 requests per minute" in refused.value.message
    known.enter(30.0, 0)


def test_tokens_are_counted_when_the_request_leaves() -> None:
    known = grant(gates=[gate(tpm=600)])
    known.enter(0.0, 0)
    known.leave(1_200, 0)
    with pytest.raises(LimitReached, match="tokens per minute") as refused:
        known.enter(0.0, 0)
    assert refused.value.retry_after_s == pytest.approx(60.1)
    known.enter(60.2, 0)


def test_concurrency_counts_open_requests_and_a_refusal_counts_nothing() -> None:
    limits = gate(rpm=100, concurrency=2)
    known = grant(gates=[limits])
    known.enter(0.0, 0)
    known.enter(0.0, 0)
    for _ in range(5):
        with pytest.raises(LimitReached, match="concurrent") as refused:
            known.enter(0.0, 0)
    assert refused.value.retry_after_s
    assert known.meter.open_requests == 2
    assert limits.requests is not None
    assert limits.requests.level(0.0) == 98
    known.leave(0, 0)
    known.enter(0.0, 0)


def test_concurrency_of_nothing_lets_nobody_in() -> None:
    with pytest.raises(LimitReached):
        grant(gates=[gate(concurrency=0)]).enter(0.0, 0)


def test_rates_keep_what_was_used_and_go_away_when_taken_away() -> None:
    limits = gate(rpm=10, tpm=1_000)
    known = grant(gates=[limits])
    for _ in range(10):
        known.enter(0.0, 0)
    limits.set_limits(20, 1_000, None, None, 0.0)
    assert limits.requests is not None
    assert limits.requests.level(0.0) == 10
    assert not limits.set_limits(None, None, None, None, 0.0)
    assert [limits.requests, limits.tokens] == [None, None]
    known.enter(0.0, 0)


def test_bodies_in_flight_are_counted_in_bytes() -> None:
    known = grant(gates=[gate(body_bytes=100)])
    known.enter(0.0, 60)
    with pytest.raises(LimitReached, match="bytes of request bodies") as refused:
        known.enter(0.0, 41)
    assert refused.value.detail == {"scope": "key", "limit": 100, "used": 60, "reset_s": 1.0}
    known.enter(0.0, 40)
    known.leave(0, 60)
    known.enter(0.0, 60)


@pytest.mark.parametrize("scope", ["key", "account", "group"])
def test_the_scope_that_refuses_is_named_and_nothing_is_counted_anywhere(scope: str) -> None:
    gates = [gate(name, concurrency=1 if name == scope else 2) for name in ("key", "account", "group")]
    known = grant(gates=gates)
    known.enter(0.0, 5)
    with pytest.raises(LimitReached) as refused:
        known.enter(0.0, 5)
    assert refused.value.detail["scope"] == scope
    assert [limits.open_requests for limits in gates] == [1, 1, 1]
    assert [limits.open_bytes for limits in gates] == [5, 5, 5]
