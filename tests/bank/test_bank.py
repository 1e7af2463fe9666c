"""The bank: four servers, random holds, settlements and payments, kills, stops and jumps: the money adds up."""

import pytest
from tests.bank.runs import assert_none, play_all

DAILY = 300
NIGHTLY = 10_000


@pytest.mark.timeout(240)
def test_money_adds_up_over_four_servers_whatever_befalls_them(template: bytes) -> None:
    assert_none(play_all(range(DAILY), template))


@pytest.mark.nightly
def test_money_adds_up_with_ten_thousand_seeds(template: bytes) -> None:
    assert_none(play_all(range(DAILY, DAILY + NIGHTLY), template))
