"""Control: what a caller says of one request's way: the header `x-pronghorn-route`, or OpenRouter's `models` and
`provider` in the body.

    x-pronghorn-route: only=azure,openai; order=azure; ignore=groq; max-price=2/8; sort=latency; no-fallback
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from pronghorn.errors import BadRequest
from pronghorn.kit.money import parse_decimal
from pronghorn.routing.route import Policy

if TYPE_CHECKING:
    from pronghorn.routing.snapshot import Channel

HEADER = "x-pronghorn-route"
MAX_NAMES = 50
_SORTS: dict[str, Policy] = {"price": "price", "latency": "latency", "throughput": "load", "load": "load"}
_VENDORS = {
    "amazon-bedrock": "bedrock",
    "google-vertex": "vertex",
    "google-ai-studio": "gemini",
    "google": "gemini",
    "alibaba": "qwen",
    "moonshotai": "moonshot",
    "moonshot-ai": "moonshot",
    "z-ai": "zhipu",
    "z.ai": "zhipu",
    "x-ai": "xai",
}
"""OpenRouter's words for vendors that have another name here."""


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """Names are those of channels, their ids or vendors, in lower case."""

    only: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    sort: Policy | None = None
    max_input_pico: int | None = None
    """Pico-dollars a token, as the caller pays them."""
    max_output_pico: int | None = None
    has_fallback: bool = True
    models: tuple[str, ...] = ()
    """Models to be asked if this one fails, whatever the cause."""

    def allows(self, channel: "Channel") -> bool:
        """The first of the rules that speaks against it is what `removes` names."""
        return self.removes(channel) is None

    def removes(self, channel: "Channel") -> str | None:
        if self.only and not _is_named(channel, self.only):
            return "only"
        if self.ignore and _is_named(channel, self.ignore):
            return "ignore"
        if self.order and not self.has_fallback and not _is_named(channel, self.order):
            return "order without fallback"
        return None

    def rank(self, channel: "Channel") -> int:
        """Its place in `order`; those that are not there come after all."""
        for place, name in enumerate(self.order):
            if _is_named(channel, (name,)):
                return place
        return len(self.order)


def _is_named(channel: "Channel", names: tuple[str, ...]) -> bool:
    return channel.id in names or channel.vendor.name in names or channel.name.lower() in names


def from_header(text: str) -> Control:
    """Raises `BadRequest`."""
    found: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in text.split(";"))):
        name, has_value, value = (part.strip() for part in item.partition("="))
        read = _ITEMS.get(name.lower())
        if read is None or bool(has_value) == (name.lower() == "no-fallback"):
            raise _bad(f"{item[:80]!r} is not one of {', '.join(_ITEMS)}")
        field, found_value = read(value)
        if field in found or found_value in ((), None):
            raise _bad(f"{item[:80]!r} is empty, or there twice")
        found[field] = found_value
        if field == "max_price":
            found["max_input_pico"], found["max_output_pico"] = found_value
    found.pop("max_price", None)
    return _checked(Control(**found), HEADER)


def _names(value: str) -> tuple[str, ...]:
    return _clean([name for name in value.split(",") if name.strip()], HEADER)


def _sort(value: str) -> Policy:
    if value.lower() not in _SORTS:
        raise _bad(f"sort is one of price, latency, load, not {value[:40]!r}")
    return _SORTS[value.lower()]


def _max_price(value: str) -> tuple[int | None, int | None]:
    first, has_second, second = value.partition("/")
    return _pico(first, HEADER), _pico(second if has_second else first, HEADER)


_ITEMS: dict[str, Callable[[str], tuple[str, Any]]] = {
    "only": lambda value: ("only", _names(value)),
    "order": lambda value: ("order", _names(value)),
    "ignore": lambda value: ("ignore", _names(value)),
    "sort": lambda value: ("sort", _sort(value)),
    "max-price": lambda value: ("max_price", _max_price(value)),
    "no-fallback": lambda _: ("has_fallback", False),
}


class _MaxPrice(msgspec.Struct):
    prompt: float | str | None = None
    completion: float | str | None = None


class _Provider(msgspec.Struct):
    """OpenRouter's object; what else it has is for OpenRouter alone."""

    order: list[str] | None = None
    only: list[str] | None = None
    ignore: list[str] | None = None
    allow_fallbacks: bool | None = None
    sort: str | dict[str, Any] | None = None
    max_price: _MaxPrice | None = None


def from_body(models: bytes, provider: bytes) -> Control | None:
    """`models` and `provider` as a body has them, empty where it does not. None: they are none of OpenRouter's.

    Raises `BadRequest`.
    """
    names, given = _listed(models), _provider(provider)
    if names is None and given is None:
        return None
    given = given or _Provider()
    sort = given.sort.get("by") if isinstance(given.sort, dict) else given.sort
    price = given.max_price or _MaxPrice()
    control = Control(
        only=_providers(given.only, "provider.only"),
        order=_providers(given.order, "provider.order"),
        ignore=_providers(given.ignore, "provider.ignore"),
        sort=_SORTS.get(sort) if isinstance(sort, str) else None,
        max_input_pico=_pico(price.prompt, "provider.max_price.prompt"),
        max_output_pico=_pico(price.completion, "provider.max_price.completion"),
        has_fallback=given.allow_fallbacks is not False,
        models=tuple(names or ()),
    )
    return _checked(control, "provider")


def _listed(models: bytes) -> list[str] | None:
    if models[:1] != b"[":
        return None
    try:
        names = msgspec.json.decode(models, type=list[str])
    except msgspec.ValidationError as error:
        raise BadRequest("`models` is a list of model names", param="models") from error
    if len(names) > MAX_NAMES:
        raise BadRequest(f"`models` has more than {MAX_NAMES} names", param="models")
    return names


def _provider(provider: bytes) -> _Provider | None:
    if provider[:1] != b"{":
        return None
    try:
        return msgspec.json.decode(provider, type=_Provider)
    except msgspec.ValidationError as error:
        raise BadRequest(f"`provider` is not valid: {error}", param="provider") from error


def _clean(names: list[str], where: str) -> tuple[str, ...]:
    if len(names) > MAX_NAMES:
        raise BadRequest(f"{where} has more than {MAX_NAMES} names", param=where)
    return tuple(_VENDORS.get(name, name) for name in (name.strip().lower() for name in names))


def _providers(names: list[str] | None, where: str) -> tuple[str, ...]:
    """OpenRouter's may name a variant, such as `deepinfra/turbo`."""
    return _clean([name.partition("/")[0] for name in names or ()], where)


def _pico(value: float | str | None, where: str) -> int | None:
    """USD per million tokens to pico-dollars a token, which is the same number with six more zeros."""
    if value is None:
        return None
    text = str(value).strip()
    try:
        return parse_decimal(text, decimals=6)
    except ValueError as error:
        raise BadRequest(
            f"{where}: {text[:40]!r} is no price in USD per million tokens", param=where
        ) from error


def _checked(control: Control, where: str) -> Control:
    if both := set(control.only) & set(control.ignore):
        raise BadRequest(f"{where}: {min(both)!r} is in both only and ignore", param=where)
    if both := set(control.order) & set(control.ignore):
        raise BadRequest(f"{where}: {min(both)!r} is in both order and ignore", param=where)
    if control.only and (outside := set(control.order) - set(control.only)):
        raise BadRequest(f"{where}: {min(outside)!r} is in order and not in only", param=where)
    return control


def _bad(why: str) -> BadRequest:
    return BadRequest(f"{HEADER}: {why}", param=HEADER)
