"""What Midjourney says of a picture, and how it says a prompt in fewer words."""

from fractions import Fraction
from typing import TYPE_CHECKING

from pronghorn.kit.later import Later
from pronghorn.sandbox import picture
from pronghorn.sandbox.midjourney.prompt import MAX_RATIO, MAX_TERM
from pronghorn.sandbox.midjourney.work import Size

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image")

SHORTENED = 5

_STYLES = ("photograph", "oil painting", "flat illustration", "poster")
_SMALL_WORDS = (
    " a an and are as at be but by for from has in into is it its made of on or please so some that the then there "
    "this to very was were which while with "
)


def described(data: bytes, seed: int) -> tuple[str, ...]:
    """Four prompts for the picture: its colours, form and size; another seed gives other styles."""
    opened = picture.read(data)
    names = picture.colour_names(opened, 3)
    main, *others = names
    accents = f" with {' and '.join(others)}" if others else ""
    width, height = opened.size
    ratio = ratio_of(opened.size)
    form = "square" if ratio == 1 else "wide" if ratio > 1 else "tall"
    tail = f"{width}x{height} pixels --ar {ratio.numerator}:{ratio.denominator}"
    styles = [_STYLES[(seed + at) % len(_STYLES)] for at in range(4)]
    return (
        f"a {form} {styles[0]} in {main}{accents}, {tail}",
        f"{main} background{accents}, {styles[1]}, {form} format, {tail}",
        f"{styles[2]}, mostly {main}{accents}, {_light(opened)}, {tail}",
        f"{', '.join(names)}, {styles[3]}, {_light(opened)}, {form}, {tail}",
    )


def ratio_of(size: Size) -> Fraction:
    """Width to height in few digits, within what a prompt may ask for."""
    ratio = Fraction(size[0], size[1]).limit_denominator(MAX_TERM)
    return min(max(ratio, Fraction(1, MAX_RATIO)), Fraction(MAX_RATIO))


def _light(opened: "Image.Image") -> str:
    dot = opened.convert("L").resize((1, 1), Image.Resampling.BOX)
    value = dot.tobytes()[0]
    return "dark" if value < 85 else "bright" if value > 170 else "evenly lit"


def shortened(text: str) -> tuple[str, ...]:
    """Up to five prompts, each shorter than the one before and all shorter than `text`; the long words stay longest."""
    words = text.split()
    found: list[str] = []
    kept = [word for word in words if f" {word.lower().strip(',.')} " not in _SMALL_WORDS]
    while kept and len(found) < SHORTENED:
        candidate = " ".join(kept).rstrip(",.")
        if len(candidate) < len(text) and candidate not in found:
            found.append(candidate)
        kept.remove(min(kept, key=len))
    return tuple(found)
