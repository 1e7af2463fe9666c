"""No field of a request is lost in silence, whatever format it comes in and whatever the vendor speaks."""

import pytest
from tests.wire import fields

PAIRS = [(source, target) for source in fields.BASES for target in fields.BASES if source != target]
CELLS = [(source, target, path) for source, target in PAIRS for path in fields.EXAMPLES[source]]


@pytest.mark.parametrize(("source", "target", "path"), CELLS)
def test_a_field_is_carried_or_named_or_refused(source: str, target: str, path: str) -> None:
    assert fields.outcome(source, target, path) != fields.LOST


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_what_nobody_has_is_named_at_any_depth(source: str, target: str) -> None:
    invented = [path for path in fields.EXAMPLES[source] if path.endswith("invented")]
    assert len(invented) > 1
    assert {fields.outcome(source, target, path) for path in invented} == {fields.DROPPED}


@pytest.mark.parametrize("dialect", fields.BASES)
def test_every_documented_field_has_an_example(dialect: str) -> None:
    missing = fields.documented(dialect) - fields.EXAMPLES[dialect].keys() - fields.IN_BASE[dialect]
    assert not missing


@pytest.mark.parametrize("dialect", fields.BASES)
def test_the_gateway_does_no_more_itself_than_it_says(dialect: str) -> None:
    """A field that is carried or named after all must leave the list."""
    for path in fields.OF_THE_GATEWAY[dialect]:
        for target in fields.BASES:
            assert target == dialect or fields.outcome(dialect, target, path) == fields.BY_GATEWAY
