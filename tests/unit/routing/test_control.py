"""What a caller may say of a request's way, in the header and in OpenRouter's words, and what makes no sense."""

from typing import Any

import msgspec
import pytest
from tests.unit.routing.making import channel, grant, model, snapshot

from pronghorn import vendors
from pronghorn.errors import BadRequest, NoRoute
from pronghorn.ledger.prices import PriceDocument
from pronghorn.routing import Channel, control, plan
from pronghorn.routing.control import Control

DEAR = PriceDocument(input_usd_per_million="2", output_usd_per_million="8")


def channels() -> list[Channel]:
    known = vendors.load()
    return [
        channel("chn_a", name="First", vendor=known["openai"]),
        channel("chn_b", name="second", vendor=known["azure"], priority=-1),
        channel("chn_c", name="third", vendor=known["groq"], priority=-2),
    ]


def order(wanted: Control, **fields: Any) -> list[str]:
    known = snapshot(model(price=DEAR), channels=channels())
    found = plan(known, grant(**fields), known.models["m"], "chat", control=wanted)
    return [candidate.channel.id for candidate in found]


@pytest.mark.parametrize(
    ("header", "ids"),
    [
        ("only=azure", ["chn_b"]),
        ("only = GROQ , first", ["chn_a", "chn_c"]),
        ("only=chn_c,chn_a;", ["chn_a", "chn_c"]),
        ("ignore=openai", ["chn_b", "chn_c"]),
        ("order=third,second", ["chn_c", "chn_b", "chn_a"]),
        ("order=third; no-fallback", ["chn_c"]),
        ("order=third,second; No-Fallback", ["chn_c", "chn_b"]),
        ("no-fallback", ["chn_a"]),
        ("max-price=2/8", ["chn_a", "chn_b", "chn_c"]),
        ("max-price=8; order=azure; ignore=groq", ["chn_b", "chn_a"]),
    ],
)
def test_the_header_chooses_and_orders(header: str, ids: list[str]) -> None:
    assert order(control.from_header(header)) == ids


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("only=a; ignore=a", "both only and ignore"),
        ("order=a; ignore=a,b", "both order and ignore"),
        ("only=a; order=b", "in order and not in only"),
        ("only=a; only=b", "there twice"),
        ("only=", "empty"),
        ("only", "is not one of"),
        ("no-fallback=1", "is not one of"),
        ("fastest", "is not one of"),
        ("sort=cheap", "sort is one of"),
        ("max-price=cheap", "no price"),
        ("max-price=1e3", "no price"),
        ("max-price=1/", "no price"),
        ("only=" + ",".join(f"c{n}" for n in range(51)), "more than 50 names"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(header: str, said: str) -> None:
    with pytest.raises(BadRequest, match=said) as refused:
        control.from_header(header)
    assert refused.value.param == control.HEADER


@pytest.mark.parametrize(
    ("header", "rules"),
    [
        ("only=mistral", {"only": 3}),
        ("ignore=openai,azure,groq", {"ignore": 3}),
        ("only=azure,mistral; order=mistral; no-fallback", {"only": 2, "order without fallback": 1}),
    ],
)
def test_who_removed_whom_is_said_where_nobody_is_left(header: str, rules: dict[str, int]) -> None:
    with pytest.raises(NoRoute) as refused:
        order(control.from_header(header))
    assert refused.value.detail == {"rules": rules, "channels": 3}
    for rule, count in rules.items():
        assert f"{rule} removed {count}" in refused.value.message
    assert "chn_" not in refused.value.message


@pytest.mark.parametrize(
    ("header", "factor_ppm", "is_within"),
    [
        ("max-price=2/8", 1_000_000, True),
        ("max-price=2/7.999999", 1_000_000, False),
        ("max-price=1.9/8", 1_000_000, False),
        ("max-price=2/8", 1_000_001, False),
        ("max-price=1/4", 500_000, True),
    ],
)
def test_the_price_is_the_one_that_the_caller_pays(header: str, factor_ppm: int, is_within: bool) -> None:
    wanted = control.from_header(header)
    if is_within:
        assert order(wanted, factor_ppm=factor_ppm)
    else:
        with pytest.raises(NoRoute, match="max-price removed the model 'm'"):
            order(wanted, factor_ppm=factor_ppm)


def test_a_channel_that_does_not_serve_the_route_is_nobody_to_choose() -> None:
    """It is well, and so no time could be said after which it is asked."""
    known = vendors.load()
    both = [channel("chn_a", vendor=known["openai"]), channel("chn_b", vendor=known["anthropic"])]
    wanted = control.from_header("only=anthropic")
    with pytest.raises(NoRoute) as refused:
        plan(snapshot(channels=both), grant(), model(), "embeddings", control=wanted)
    assert refused.value.detail == {"rules": {"only": 1}, "channels": 1}


def from_body(**members: Any) -> Control | None:
    encoded = {name: msgspec.json.encode(value) for name, value in members.items()}
    return control.from_body(encoded.get("models", b""), encoded.get("provider", b""))


def test_openrouters_words() -> None:
    provider = {
        "order": ["Azure", "amazon-bedrock", "deepinfra/turbo"],
        "ignore": ["google-vertex"],
        "allow_fallbacks": False,
        "sort": "throughput",
        "max_price": {"prompt": 1, "completion": "2.5", "image": 3},
        "data_collection": "deny",
        "quantizations": ["fp8"],
    }
    assert from_body(provider=provider) == Control(
        order=("azure", "bedrock", "deepinfra"),
        ignore=("vertex",),
        has_fallback=False,
        sort="load",
        max_input_pico=1_000_000,
        max_output_pico=2_500_000,
    )
    assert from_body(models=["a", "b"]) == Control(models=("a", "b"))
    assert from_body(provider={"sort": {"by": "price", "partition": None}}) == Control(sort="price")
    assert from_body(provider={"sort": "quality"}) == Control()


@pytest.mark.parametrize(
    "members", [{}, {"models": None}, {"models": "a"}, {"provider": "x"}, {"provider": []}]
)
def test_what_is_none_of_openrouters_is_left_alone(members: dict[str, Any]) -> None:
    assert from_body(**members) is None


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"models": [1]}, "models"),
        ({"models": ["m"] * 51}, "models"),
        ({"provider": {"only": "a"}}, "provider"),
        ({"provider": {"only": ["a"], "ignore": ["a"]}}, "provider"),
        ({"provider": {"max_price": {"prompt": "dear"}}}, "provider.max_price.prompt"),
    ],
)
def test_a_body_that_contradicts_itself_is_refused(members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        from_body(**members)
    assert refused.value.param == param
