"""Prices: what is stored is decimal strings in USD, what is computed with is whole pico-dollars a unit.

Rounding happens once, up to a whole nano-dollar, when a charge is made.
"""

from typing import Annotated, Any, NamedTuple

import msgspec

from pronghorn.kit.money import PICO_PER_NANO, format_decimal, parse_decimal
from pronghorn.wire.usage import Usage

PPM = 1_000_000
_NANO_DIVISOR = PICO_PER_NANO * PPM
DEFAULT = "default"
"""The kind of all that is not listed."""
MAX_KIND_CHARACTERS = 80
MARKUP = "markup"
"""A line of this name adds nothing: its units are the mark-up, in millionths, that is in the other lines' prices."""


class TokenPrices(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """USD per million, as decimal strings with at most six decimals. A missing part is priced as its whole."""

    input_usd_per_million: str | None = None
    output_usd_per_million: str | None = None
    cache_read_usd_per_million: str | None = None
    cache_write_5m_usd_per_million: str | None = None
    cache_write_1h_usd_per_million: str | None = None
    audio_input_usd_per_million: str | None = None
    image_input_usd_per_million: str | None = None
    reasoning_usd_per_million: str | None = None
    audio_output_usd_per_million: str | None = None
    image_output_usd_per_million: str | None = None
    character_usd_per_million: str | None = None


class Tier(TokenPrices, kw_only=True):
    """Prices that hold when a request has more input tokens than this; what it leaves out stays."""

    above_input_tokens: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class PriceDocument(TokenPrices, kw_only=True):
    """A price as it is stored, sent and shown."""

    per_call_usd: dict[str, str] | str | None = None
    """One price, or prices by kind, such as `imagine/fast`."""
    per_second_usd: dict[str, str] | str | None = None
    """One price, or prices by kind, such as `1080p`."""
    per_image_usd: dict[str, str] | str | None = None
    """One price, or prices by kind: `<quality>/<size>`.

    Of each table the longest beginning holds that is listed: `hd` for `hd/1024x1792`; else `default`; else the dearest.
    """
    tiers: list[Tier] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        _compile(self)  # a price that cannot be computed with is refused where it comes in


Line = tuple[str, int, int]
"""One term of a charge: a component, or `<component>:<kind>`, its units, pico-dollars for each."""


class Charge(NamedTuple):
    nano: int
    lines: list[Line]


class Price:
    """A price ready to compute with."""

    __slots__ = (
        "_by_kind",
        "_call_pico",
        "_dearest_character",
        "_tiers",
        "_units",
        "dearest_input",
        "dearest_output",
        "document",
    )

    def __init__(self, document: PriceDocument) -> None:
        self.document = document
        self._units, self._tiers, self._by_kind = _compile(document)
        all_units = (self._units, *(tier for _, tier in self._tiers))
        self._call_pico = self._units.get("call", 0)
        self._dearest_character = max(
            units.get("character", 0) for units in (self._units, *(tier for _, tier in self._tiers))
        )
        self.dearest_input = max(units.get(part, 0) for units in all_units for part in _INPUT_PARTS)
        self.dearest_output = max(units.get(part, 0) for units in all_units for part in _OUTPUT_PARTS)

    def charge(self, usage: Usage, factor_ppm: int) -> Charge:
        """What `usage` costs at this price, times a group's factor in millionths, rounded up once."""
        units = self._units
        for above, tier in self._tiers:
            if usage.input <= above:
                break
            units = tier
        lines = _token_lines(usage, units) if usage.has_parts() else _plain_lines(usage, units)
        if usage.calls or usage.seconds or usage.characters or usage.images:
            self._add_others(lines, usage, units)
        pico_sum = 0
        for _, count, pico in lines:
            pico_sum += count * pico
        return Charge(-(-pico_sum * factor_ppm // _NANO_DIVISOR), lines)

    def _add_others(self, lines: list[Line], usage: Usage, units: "Units") -> None:
        """What is not counted in tokens."""
        kind = usage.kind
        if usage.calls and "call" in units:
            plain = ("call", usage.calls, units["call"])
            lines.append(self._kind_line("call", usage.calls, kind) if kind else plain)
        if usage.seconds and "second" in units:
            plain = ("second", usage.seconds, units["second"])
            lines.append(self._kind_line("second", usage.seconds, kind) if kind else plain)
        if usage.characters and "character" in units:
            lines.append(("character", usage.characters, units["character"]))
        if usage.images and "image" in units:
            lines.append(self._kind_line("image", usage.images, usage.image_kind))

    def _kind_line(self, component: str, count: int, kind: str) -> Line:
        listed = self._by_kind[component]
        name, pico = listed[kind] if kind in listed else _nearest(listed, kind)
        return (name, count, pico)

    def bound_tokens(self, tokens_in: int, tokens_out: int, factor_ppm: int) -> int:
        """`bound` for a call that consumes tokens and nothing else."""
        pico_sum = tokens_in * self.dearest_input + tokens_out * self.dearest_output + self._call_pico
        return -(-pico_sum * factor_ppm // _NANO_DIVISOR)

    def bound(self, usage: Usage, factor_ppm: int) -> int:
        """Nano-dollars that `usage` costs at the very most, whatever parts and tiers its tokens turn out to be."""
        pico_sum = usage.input * self.dearest_input + usage.output * self.dearest_output
        if usage.seconds or usage.characters or usage.images or usage.kind:
            pico_sum += self._others_pico(usage)
        else:
            pico_sum += usage.calls * self._call_pico
        return -(-pico_sum * factor_ppm // _NANO_DIVISOR)

    def _others_pico(self, usage: Usage) -> int:
        """The most that what is not counted in tokens comes to."""
        units, pico_sum = self._units, usage.characters * self._dearest_character
        if usage.calls and "call" in units:
            pico_sum += usage.calls * _nearest(self._by_kind["call"], usage.kind)[1]
        if usage.seconds and "second" in units:
            pico_sum += usage.seconds * _nearest(self._by_kind["second"], usage.kind)[1]
        if usage.images and "image" in units:
            pico_sum += usage.images * _nearest(self._by_kind["image"], usage.image_kind)[1]
        return pico_sum

    def rate(self, component: str) -> int:
        """Pico-dollars a unit, before the prices of long contexts; 0 without such a component."""
        return self._units.get(component, 0)

    @property
    def is_by_call(self) -> bool:
        return "call" in self._units


_INPUT_PARTS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "image_input")
_OUTPUT_PARTS = ("output", "reasoning", "audio_output", "image_output")
_FALLBACK = dict.fromkeys(_INPUT_PARTS[1:], "input") | dict.fromkeys(_OUTPUT_PARTS[1:], "output")

Units = dict[str, int]
Kinds = dict[str, tuple[str, int]]
"""By kind: what a line of it is called, and pico-dollars. That of no kind is the default, or else the dearest."""


def _nearest(listed: Kinds, kind: str) -> tuple[str, int]:
    """The price that holds for `kind`: that of the longest beginning of it that is listed."""
    while kind not in listed:
        kind = kind.rpartition("/")[0]
    return listed[kind]


def _plain_lines(usage: Usage, units: Units) -> list[Line]:
    lines = []
    if usage.input and "input" in units:
        lines.append(("input", usage.input, units["input"]))
    if usage.output and "output" in units:
        lines.append(("output", usage.output, units["output"]))
    return lines


def _token_lines(usage: Usage, units: Units) -> list[Line]:
    lines = []
    for whole, parts in (("input", _INPUT_PARTS), ("output", _OUTPUT_PARTS)):
        rest: int = getattr(usage, whole)
        if not rest or whole not in units:
            continue
        for part in parts[1:]:
            count: int = getattr(usage, part)
            if count and units[part] != units[whole]:
                count = min(count, rest)
                rest -= count
                lines.append((part, count, units[part]))
        if rest:
            lines.append((whole, rest, units[whole]))
    return lines


def _compile(document: PriceDocument) -> tuple[Units, list[tuple[int, Units]], dict[str, Kinds]]:
    by_kind = {component: listed for component in _BY_KIND if (listed := _kinds(document, component))}
    units = _token_units(document) | {component: listed[""][1] for component, listed in by_kind.items()}
    tiers = sorted(document.tiers, key=lambda tier: tier.above_input_tokens)
    bounds = [tier.above_input_tokens for tier in tiers]
    if len(set(bounds)) < len(bounds) or any(bound < 0 for bound in bounds):
        raise ValueError("tiers: each needs an above_input_tokens of its own, 0 or more")
    return (
        _filled(units),
        [(tier.above_input_tokens, _filled(units | _token_units(tier))) for tier in tiers],
        by_kind,
    )


_BY_KIND = ("call", "second", "image")


def _kinds(document: PriceDocument, component: str) -> Kinds:
    """Empty without a price."""
    field = f"per_{component}_usd"
    given: dict[str, str] | str | None = getattr(document, field)
    if isinstance(given, str):
        return {"": (component, _parse(field, given, decimals=12))}
    pico = {kind: _parse(f"{field}.{kind}", text, decimals=12) for kind, text in (given or {}).items()}
    if not pico:
        return {}
    rest = pico.get(DEFAULT, max(pico.values()))
    return {kind: (f"{component}:{kind}", value) for kind, value in pico.items()} | {"": (component, rest)}


def _token_units(prices: TokenPrices) -> Units:
    return {
        field.removesuffix("_usd_per_million"): _parse(field, text, decimals=6)
        for field in TokenPrices.__struct_fields__
        if (text := getattr(prices, field)) is not None
    }


def _filled(units: Units) -> Units:
    """Every token part gets a price, its whole's when it has none of its own."""
    for whole, missing in (("input", 0), ("output", 0)):
        if any(part in units for part, its_whole in _FALLBACK.items() if its_whole == whole):
            units.setdefault(whole, missing)
    return units | {p: units[w] for p, w in _FALLBACK.items() if p not in units and w in units}


def _parse(field: str, text: str, *, decimals: int) -> int:
    """A price. Raises `ValueError` that names its field."""
    try:
        return _not_negative(text, decimals=decimals)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error


def _not_negative(text: str, *, decimals: int) -> int:
    value = parse_decimal(text, decimals=decimals)
    if value < 0:
        raise ValueError(f"{text[:40]!r} is negative")
    return value


def parse_factor(text: str) -> int:
    """A group's price factor such as `0.85` in millionths. Raises `ValueError`; whoever asked knows its field."""
    return _not_negative(text, decimals=6)


def explain(lines: list[Any], factor_ppm: int, shortfall: int = 0) -> list[dict[str, Any]]:
    """The lines of a charge as the usage log shows them: units, USD for one, the factor; the mark-up that is in it.

    A `shortfall` has a line of its own, without units: what of the sum of the others is not charged.
    """
    rest: dict[str, Any] = {"factor_ppm": factor_ppm}
    if lines and lines[-1][0] == MARKUP:
        *lines, (_, markup_ppm, _) = lines
        rest["markup"] = format_decimal(markup_ppm, decimals=6)
    found = [
        _named(component) | {"units": units, "pico_usd": pico} | rest for component, units, pico in lines
    ]
    return [*found, {"component": "shortfall", "nano_usd": shortfall}] if shortfall else found


def _named(component: str) -> dict[str, Any]:
    name, _, kind = component.partition(":")
    return {"component": name, "kind": kind} if kind else {"component": name}


def recomputed(explained: list[dict[str, Any]]) -> int:
    """Nano-dollars that stored lines of `explain` come to, from nothing but themselves."""
    pico_ppm: int = sum(
        line["units"] * line["pico_usd"] * line["factor_ppm"] for line in explained if "pico_usd" in line
    )
    return -(-pico_ppm // _NANO_DIVISOR)


FREE = Price(PriceDocument())
