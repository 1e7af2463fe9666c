"""An exchange is settled once, whatever happened, and the books of the key agree with its record."""

import pytest
from tests.unit.relay.making import ListJournal, exchange
from tests.unit.routing.making import budget, grant

from pronghorn.errors import Unavailable
from pronghorn.ledger.prices import Price, PriceDocument
from pronghorn.relay.exchange import MAX_ERROR_CHARACTERS
from pronghorn.wire.usage import Usage

PRICE = Price(PriceDocument(input_usd_per_million="1", output_usd_per_million="2"))


def test_settling_charges_writes_and_releases_once() -> None:
    key, journal = grant(free=100_000), ListJournal()
    made = exchange(key=key, price=PRICE, journal=journal)
    key.enter(0.0, 0)
    made.has_entered = True
    made.take_hold(50_000)
    made.settle(200, "ok", usage=Usage(input=10, output=5), finish="stop")
    made.settle(500, "bug", error="too late")
    assert made.charge == 20_000
    assert (key.purse.free, key.purse.held) == (80_000, 0)
    assert key.meter.open_requests == 0
    (record,) = journal.records
    assert (record.charge, record.hold, record.shortfall, record.end_reason) == (20_000, 50_000, 0, "ok")
    assert record.lines == [("input", 10, 1_000_000), ("output", 5, 2_000_000)]


def test_a_hold_counts_against_the_budgets_too_and_the_record_names_their_windows() -> None:
    daily, own = budget(90_000, id="bud_1", period="day"), budget(200_000, id="key_1")
    key, journal = grant(free=100_000, budgets=[daily, own]), ListJournal()
    made = exchange(key=key, price=PRICE, journal=journal)
    purses = key.budget_purses(made.incoming.received_s)
    made.take_hold(50_000, purses)
    assert [(purse.free, purse.held) for purse in purses] == [(40_000, 50_000), (150_000, 50_000)]
    made.settle(200, "ok", usage=Usage(input=10, output=5))
    assert [(purse.free, purse.held) for purse in purses] == [(70_000, 0), (180_000, 0)]
    (record,) = journal.records
    day_ms = int(made.incoming.received_s // 86_400) * 86_400_000
    assert record.windows == [f"bud_1@{day_ms}", "key_1@0"]


def test_what_exceeds_the_hold_is_a_shortfall() -> None:
    key, journal = grant(free=100_000), ListJournal()
    made = exchange(key=key, price=PRICE, journal=journal)
    made.take_hold(15_000)
    made.settle(200, "ok", usage=Usage(input=10, output=5))
    (record,) = journal.records
    assert (record.charge, record.shortfall) == (15_000, 5_000)
    assert (key.purse.free, key.purse.held) == (85_000, 0)


def test_what_is_free_costs_nothing_and_keeps_its_count() -> None:
    key, journal = grant(free=100_000), ListJournal()
    made = exchange(key=key, price=PRICE, journal=journal)
    made.take_hold(50_000)
    made.settle(200, "ok", usage=Usage(input=10), is_free=True)
    (record,) = journal.records
    assert (record.charge, record.shortfall, record.lines, record.usage.input) == (0, 0, [], 10)
    assert key.purse.free == 100_000


def test_an_error_costs_nothing() -> None:
    key, journal = grant(free=100_000), ListJournal()
    made = exchange(key=key, price=PRICE, journal=journal)
    made.take_hold(50_000)
    made.settle(502, "upstream_error", error="x" * 1_000)
    (record,) = journal.records
    assert (record.charge, len(record.error)) == (0, MAX_ERROR_CHARACTERS)
    assert (key.purse.free, key.purse.held) == (100_000, 0)


def test_a_full_disk_charges_nothing_and_says_so() -> None:
    key, journal = grant(free=100_000), ListJournal()
    journal.is_full = True
    made = exchange(key=key, price=PRICE, journal=journal)
    made.take_hold(50_000)
    with pytest.raises(Unavailable, match="nothing was charged"):
        made.settle(200, "ok", usage=Usage(input=10))
    assert (made.charge, key.purse.free, key.purse.held) == (0, 100_000, 0)
    made.settle(503, "overload")  # and the door's own settling does not raise again


def test_texts_of_others_are_cut_to_what_the_database_takes() -> None:
    journal = ListJournal()
    made = exchange(journal=journal)
    made.model = None
    made.model_name = made.upstream_model = made.upstream_request_id = "x" * 10_000
    made.incoming.client_ip = "9" * 10_000
    made.settle(200, "ok", finish="f" * 100)
    (record,) = journal.records
    assert len(record.model) <= 200
    assert len(record.upstream_model) <= 200
    assert len(record.upstream_request_id) <= 200
    assert len(record.finish) <= 20
    assert len(record.client_ip) <= 60


def test_texts_of_others_hold_nothing_that_postgresql_refuses() -> None:
    """A NUL in one text would keep the whole journal from being posted, for everybody."""
    journal = ListJournal()
    made = exchange(journal=journal)
    made.model = None
    made.model_name = made.upstream_model = made.upstream_request_id = "a\0b"
    made.settle(404, "client_error", finish="s\0p", error="no model a\0b")
    (record,) = journal.records
    for text in (
        record.model,
        record.upstream_model,
        record.upstream_request_id,
        record.finish,
        record.error,
    ):
        assert "\0" not in text
