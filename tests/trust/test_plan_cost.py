"""What deciding costs, under five times its limits on any machine; `python -m bench.plan` tells the figures."""

import pytest
from bench import plan as bench
from bench.plan import LARGE_LIMIT_US, POLICIES, SMALL_LIMIT_US, first_us, known

from pronghorn.routing import Snapshot
from pronghorn.routing.route import Policy

BUSY = 5
"""How much slower a machine may be that does much else."""


@pytest.fixture(scope="module")
def small() -> Snapshot:
    return known(10, 1)


@pytest.fixture(scope="module")
def large() -> Snapshot:
    return known(1_000, 20)


@pytest.mark.parametrize("has_affinity", [False, True], ids=["no conversation", "a conversation"])
@pytest.mark.parametrize("policy", POLICIES)
def test_ten_channels_are_decided_among_quickly(small: Snapshot, policy: Policy, has_affinity: bool) -> None:
    us = first_us(small, policy, has_affinity=has_affinity)
    print(f"\n10 channels by {policy}: {us:.1f} µs")
    assert us < BUSY * SMALL_LIMIT_US


@pytest.mark.parametrize("has_affinity", [False, True], ids=["no conversation", "a conversation"])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_thousand_channels_cost_little_more(large: Snapshot, policy: Policy, has_affinity: bool) -> None:
    us = first_us(large, policy, has_affinity=has_affinity)
    print(f"\n1,000 channels by {policy}: {us:.1f} µs")
    assert us < BUSY * LARGE_LIMIT_US


@pytest.mark.nightly
@pytest.mark.parametrize("policy", POLICIES)
def test_a_thousand_channels_of_five_hundred_models(policy: Policy) -> None:
    snapshot = known(*bench.LARGE)
    for has_affinity in (False, True):
        assert first_us(snapshot, policy, has_affinity=has_affinity) < BUSY * LARGE_LIMIT_US
