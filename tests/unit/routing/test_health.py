"""Health: what closes the way, for how long, and what opens it again."""

import pytest

from pronghorn.routing import health
from pronghorn.routing.health import Cause, Health


def failed(
    times: int, cause: Cause = "fault", now_s: float = 0.0, retry_after_s: float | None = None
) -> Health:
    found = Health()
    for _ in range(times):
        found.begin(now_s)
        found.fail(cause, now_s, retry_after_s)
    return found


def test_a_few_faults_in_a_row_close_a_channel_and_a_success_between_does_not() -> None:
    found = failed(health.FAULTS_IN_A_ROW - 1)
    assert found.is_open(0.0)
    found.begin(0.0)
    found.succeed(0.0)
    for _ in range(health.FAULTS_IN_A_ROW - 1):
        found.begin(0.0)
        found.fail("fault", 0.0)
    assert found.is_open(0.0)
    found.begin(0.0)
    found.fail("fault", 0.0)
    assert not found.is_open(0.0)
    assert found.cause == "fault"


@pytest.mark.parametrize("cause", ["limited", "refused", "quota"])
def test_a_word_against_a_credential_closes_it_at_once(cause: Cause) -> None:
    assert not failed(1, cause).is_open(0.0)


@pytest.mark.parametrize(
    ("cause", "low", "high"),
    [("fault", 1.5, 2.0), ("limited", 0.75, 1.0), ("refused", 600, 600), ("quota", 3600, 3600)],
)
def test_each_cause_has_its_time(cause: Cause, low: float, high: float) -> None:
    times = health.FAULTS_IN_A_ROW if cause == "fault" else 1
    assert low <= failed(times, cause).until_s <= high


def test_a_vendors_own_time_is_obeyed_up_to_a_cap() -> None:
    assert failed(1, "limited", retry_after_s=7).until_s == 7
    assert failed(1, "limited", retry_after_s=1e9).until_s == health.LIMITED_MAX_S


def test_each_time_is_longer_up_to_a_cap() -> None:
    found, now_s, waits = failed(health.FAULTS_IN_A_ROW), 0.0, []
    for _ in range(8):
        waits.append(found.until_s - now_s)
        now_s = found.until_s
        found.begin(now_s)
        found.fail("fault", now_s)
    assert waits[1] > waits[0]
    assert max(waits) <= health.FAULT_MAX_S
    assert waits[-1] > health.FAULT_MAX_S / 2


def test_one_at_a_time_is_let_through_to_see() -> None:
    found = failed(health.FAULTS_IN_A_ROW)
    later = found.until_s
    assert found.is_open(later)
    found.begin(later)
    assert not found.is_open(later)
    assert found.is_open(later + health.PROBE_S)  # a trial that hangs does not keep it closed for ever
    found.succeed(later + 1)
    assert found.is_open(later + 1)
    assert found.cause is None


def test_a_trial_that_says_nothing_leaves_the_way_as_it_was() -> None:
    found = failed(health.FAULTS_IN_A_ROW)
    later = found.until_s
    found.begin(later)
    found.leave()
    assert found.is_open(later)
    assert found.open_calls == 0


def test_what_has_healed_begins_slowly() -> None:
    found = failed(1, "limited")
    now_s = found.until_s
    found.begin(now_s)
    found.succeed(now_s)
    shares = [found.share(now_s + second) for second in range(0, 12, 2)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.1, 1.0)
    assert Health().share(0.0) == 1.0


def test_an_operator_can_begin_anew() -> None:
    found = failed(1, "refused")
    found.reset()
    assert found.is_open(0.0)
    assert found.cause is None
