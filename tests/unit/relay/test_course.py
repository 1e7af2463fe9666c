"""A name that leads nowhere is refused in a sentence that says where to look."""

import pytest
from tests.unit.routing.making import channel, grant, model, snapshot

from pronghorn.errors import ModelNotFound
from pronghorn.relay.course import known_model


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("zzz", "the model 'zzz' does not exist here; GET /v1/models lists what this key can use"),
        (
            "gpt-4o-minj",
            "the model 'gpt-4o-minj' does not exist here; did you mean gpt-4o-mini? "
            "GET /v1/models lists what this key can use",
        ),
    ],
)
def test_an_unknown_model_says_where_to_look(asked: str, says: str) -> None:
    known = snapshot(model("gpt-4o-mini"), channels=[channel(models=["gpt-4o-mini"])])
    with pytest.raises(ModelNotFound) as refused:
        known_model(known, grant(), asked)
    assert refused.value.message == says
