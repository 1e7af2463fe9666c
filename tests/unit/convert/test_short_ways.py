"""What most requests are is read and written by short ways: they give what the general ways give, in any mixture.

A member that is null says nothing, and neither does thinking without words: what they stand in goes the general way.
"""

import copy
import json
import re
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.convert import turns
from tests.unit.convert.test_mutations import bodies_of, damaged

from pronghorn import convert
from pronghorn.convert import Dialect
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Target
from pronghorn.convert.turn import Json, Text, Thinking, Turn
from pronghorn.errors import BadRequest

DIALECTS = convert.load()
NULL = re.compile(r',?\\*"nothing\\*":null')
"""Also in what is kept as JSON text."""
FREE = ("response", "metadata", "reasoning_details", "parameters", "responseSchema")
"""Members that a null makes to something else."""

quick = settings(max_examples=100)


def as_body(turn: Turn, dialect: Dialect) -> Json:
    """As a caller of that dialect says it."""
    written = Conversion(dialect, dialect, copy.deepcopy(turn), Target(model="m")).request()
    body: Json = msgspec.json.decode(msgspec.json.encode(written))
    return body


def with_nulls(value: Any, chance: Random) -> Any:
    if isinstance(value, list):
        return [with_nulls(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: member if name in FREE else with_nulls(member, chance) for name, member in value.items()}
    return found | {"nothing": None} if chance.random() < 0.5 else found


def read(dialect: Dialect, body: Any) -> str:
    """The turn, without the nulls in what is kept as it came; or the field that is wrong."""
    try:
        return NULL.sub("", msgspec.json.encode(dialect.read_request(copy.deepcopy(body))).decode())
    except BadRequest as error:
        return f"refused for {error.param}"


def with_thinking(turn: Turn, chance: Random) -> Turn:
    turn = copy.deepcopy(turn)
    for message in turn.messages:
        only = message.parts[0] if len(message.parts) == 1 else None
        if isinstance(only, Text) and only.text and chance.random() < 0.5:
            message.parts.append(Thinking())
    return turn


@quick
@given(turns.any_turns(), st.integers(0, 2**32))
def test_what_is_plain_is_read_as_the_general_way_reads_it(turn: Turn, seed: int) -> None:
    for dialect in DIALECTS.values():
        body = as_body(turn, dialect)
        assert read(dialect, with_nulls(body, Random(seed))) == read(dialect, body)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_what_is_nearly_plain_is_read_or_refused_as_by_the_general_way(dialect: Dialect) -> None:
    for seed in range(300):
        chance = Random(seed)
        body = damaged(chance.choice(bodies_of[dialect.name]), chance)
        body = json.loads(
            json.dumps(body).replace("\\ud800", "?")
        )  # no request with half a character is read
        assert read(dialect, with_nulls(body, chance)) == read(dialect, body), seed


@quick
@given(turns.any_turns(), st.integers(0, 2**32))
def test_what_is_plain_is_written_as_the_general_way_writes_it(turn: Turn, seed: int) -> None:
    for source in DIALECTS.values():
        asked = source.read_request(as_body(turn, source))
        for target in DIALECTS.values():
            long = Conversion(source, target, with_thinking(asked, Random(seed)), Target(model="m"))
            short = Conversion(source, target, copy.deepcopy(asked), Target(model="m"))
            assert (long.request(), long.losses.paths) == (short.request(), short.losses.paths)
