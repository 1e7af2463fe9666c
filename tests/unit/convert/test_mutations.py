"""Bodies that somebody damaged: a caller's is refused by a field's name or goes on, a vendor's is an upstream error.

The bodies to damage are those of the golden files; the same seed gives the same damage.
"""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.convert.targets import target as aimed_at

from pronghorn import convert
from pronghorn.convert import Dialect
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Target
from pronghorn.convert.turn import Message, Text, Turn
from pronghorn.errors import BadRequest, UpstreamError
from pronghorn.kit import sse

WIRE = Path(__file__).parents[2] / "wire"
DIALECTS = convert.load()
ODD: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "x", "\ud800", [], {}, [None], [[]], [7], {"": {}}]
ODD += ["auto", {"type": "text"}, {"type": "function"}, [{"type": "text"}], [{"text": 5}], "ph1.!", "data:,"]
TARGETS = {
    "chat": [Target(model="m"), aimed_at("m", vendor="openai"), aimed_at("m", vendor="groq")],
    "responses": [Target(model="m")],
    "messages": [Target(model="m"), Target(model="claude-opus-4-8"), Target(model="claude-3-haiku")],
    "generate": [Target(model="m"), Target(model="gemini-3-pro"), Target(model="gemini-2.5-flash")],
}


def bodies(dialect: str, *, is_answer: bool) -> list[Any]:
    found = [path for path in sorted((WIRE / dialect).glob("*.json")) if "." not in path.stem]
    return [json.loads(path.read_bytes()) for path in found if path.stem.startswith("answer_") == is_answer]


def streams(dialect: str) -> list[list[bytes]]:
    found = [path for path in sorted((WIRE / dialect).glob("*.sse")) if "." not in path.stem]
    return [
        [data for event in sse.Splitter().feed(path.read_bytes()) if (data := sse.data_of(event)) is not None]
        for path in found
    ]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each object or list with each of its keys."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(members):
        yield value, key
        if isinstance(item, dict | list):
            yield from places(item)


def damaged(body: Any, chance: random.Random) -> Any:
    body = copy.deepcopy(body)
    for _ in range(chance.choice([1, 1, 2, 5])):
        found = list(places(body))
        if not found:
            return chance.choice(ODD)
        holder, key = chance.choice(found)
        act = chance.randrange(4)
        if act == 0:
            del holder[key]
        elif act == 1 and isinstance(holder, dict):
            holder[chance.choice([*holder, "odd", "type", "content"])] = holder[key]
        elif act == 2:
            other, name = chance.choice(found)
            holder[key] = copy.deepcopy(other[name])
        else:
            holder[key] = copy.deepcopy(chance.choice(ODD))
    return body


def asked(source: Dialect, target: Dialect) -> Conversion:
    turn = Turn(model="m", messages=[Message("user", [Text("Hi")])], at={}, unknown=[])
    return Conversion(source, target, turn, TARGETS[target.name][0])


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def requested(source: Dialect, seed: int) -> None:
    chance = random.Random(seed)
    body = damaged(chance.choice(bodies_of[source.name]), chance)
    body = json.loads(json.dumps(body).replace("\\ud800", "?"))  # no request with half a character is read
    for target in DIALECTS.values():
        if target is source:
            continue
        try:
            turn = source.read_request(copy.deepcopy(body))
            conversion = Conversion(source, target, turn, chance.choice(TARGETS[target.name]))
            for media in conversion.addresses():
                media.mime, media.data, media.url = "image/png", "aGk=", ""
            conversion.request()
        except BadRequest as error:
            assert error.param or not isinstance(body, dict), f"{target.name} {seed}: {body}"
        except Exception as error:
            raise AssertionError(f"{source.name} to {target.name}, {seed}: {json.dumps(body)}") from error


def answered(vendor: Dialect, seed: int) -> None:
    chance = random.Random(seed)
    body = encoded(damaged(chance.choice(answers_of[vendor.name]), chance))
    for source in DIALECTS.values():
        if source is vendor:
            continue
        try:
            json.loads(asked(source, vendor).reply(body))
            asked(source, vendor).replayed(body)
        except UpstreamError:
            continue
        except Exception as error:
            raise AssertionError(f"{vendor.name} for {source.name}, {seed}: {body!r}") from error


def streamed(vendor: Dialect, seed: int) -> None:
    """Events are damaged, left out, doubled or told in another order."""
    chance = random.Random(seed)
    payloads = list(chance.choice(streams_of[vendor.name]))
    for _ in range(chance.choice([1, 1, 2, 5])):
        place = chance.randrange(len(payloads))
        act = chance.randrange(5)
        if act == 0 and len(payloads) > 1:
            del payloads[place]
        elif act == 1:
            payloads.insert(chance.randrange(len(payloads)), payloads[place])
        elif act == 2:
            payloads[place] = payloads[place][: chance.randrange(len(payloads[place]) + 1)]
        elif payloads[place][:1] == b"{":
            try:
                payloads[place] = encoded(damaged(json.loads(payloads[place]), chance))
            except ValueError:
                continue  # it was cut before
    for source in DIALECTS.values():
        if source is vendor:
            continue
        try:
            stream = asked(source, vendor).stream()
            for data in payloads:
                stream.feed(data)
            stream.end()
        except Exception as error:
            raise AssertionError(f"{vendor.name} for {source.name}, {seed}: {payloads!r}") from error


bodies_of = {name: bodies(name, is_answer=False) for name in DIALECTS}
answers_of = {name: bodies(name, is_answer=True) for name in DIALECTS}
streams_of = {name: streams(name) for name in DIALECTS}
SEEDS = range(300)
MANY_SEEDS = range(300, 30_000)


@pytest.mark.parametrize("source", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_a_damaged_request_is_refused_by_name_or_converted(source: Dialect) -> None:
    for seed in SEEDS:
        requested(source, seed)


@pytest.mark.parametrize("vendor", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_a_damaged_answer_is_an_upstream_error_or_converted(vendor: Dialect) -> None:
    for seed in SEEDS:
        answered(vendor, seed)


@pytest.mark.parametrize("vendor", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_a_damaged_stream_never_raises(vendor: Dialect) -> None:
    for seed in SEEDS:
        streamed(vendor, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_damage_of_every_kind_is_survived_many_times(dialect: Dialect) -> None:
    for seed in MANY_SEEDS:
        requested(dialect, seed)
        answered(dialect, seed)
        streamed(dialect, seed)
