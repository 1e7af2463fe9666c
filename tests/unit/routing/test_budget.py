"""The retry budget: full at first, then a share of the traffic."""

from pronghorn.routing.budget import MOST, SHARE, RetryBudget


def test_a_sudden_failure_is_still_invisible() -> None:
    budget = RetryBudget()
    assert all(budget.withdraw() for _ in range(int(MOST)))
    assert not budget.withdraw()


def test_a_storm_is_held_to_a_share_of_the_traffic() -> None:
    budget = RetryBudget()
    retries = 0
    for _ in range(10_000):
        budget.deposit()
        retries += budget.withdraw()
    assert retries <= MOST + 10_000 * SHARE + 1
    assert retries >= 10_000 * SHARE - 1


def test_what_is_not_used_is_kept_up_to_a_cap() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(10_000)) <= MOST + 1
