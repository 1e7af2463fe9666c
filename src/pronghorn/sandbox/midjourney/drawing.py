"""The painters: grids of four shades, and what the buttons make of a picture.

Each takes what it is bound to first and the sketch last. A grid's cells are small; what is cut out is enlarged once.
"""

import colorsys
import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from pronghorn.kit.later import Later
from pronghorn.sandbox import picture
from pronghorn.sandbox.midjourney.work import Size, Sketch

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageEnhance, ImageOps
else:
    Image = Later("PIL.Image")
    ImageDraw = Later("PIL.ImageDraw")
    ImageEnhance = Later("PIL.ImageEnhance")
    ImageOps = Later("PIL.ImageOps")

CELL_AREA = 384 * 384
FULL_AREA = 768 * 768
"""Smaller than Midjourney's, so that everything is drawn at once."""
MAX_CELL_SIDE = picture.MAX_SIDE // 2
TINT = 0.16
SHADES = 10

Box = tuple[int, int, int, int]
"""Left, top, width and height."""


def cell_size(ratio: Fraction, area: int = CELL_AREA) -> Size:
    """About `area` pixels in exactly that ratio."""
    width, height = ratio.numerator, ratio.denominator
    unit = max(1, math.isqrt(area // (width * height)))
    return within((width * unit, height * unit), MAX_CELL_SIDE)


def within(size: Size, side: int) -> Size:
    """The size, made smaller if a side is too long."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def full_size(cell: Size) -> Size:
    """What a cell is enlarged to: a whole multiple, so that an enlarged one stays as it is."""
    factor = max(1, round(math.sqrt(FULL_AREA / (cell[0] * cell[1]))))
    return within((cell[0] * factor, cell[1] * factor), picture.MAX_SIDE)


def imagined(given: tuple[bytes, ...], sketch: Sketch) -> "Image.Image":
    """The text, four times; pictures that came with it shine through."""
    base = _drawn(sketch.text, sketch.cell, sketch.seed)
    for data in given:
        base = Image.blend(base, _opened(data).resize(sketch.cell), 0.35)
    return _grid(sketch, lambda number: _tinted(base, sketch.seed, number))


def blended(given: tuple[bytes, ...], sketch: Sketch) -> "Image.Image":
    """All pictures with equal weight."""
    base = _opened(given[0]).resize(sketch.cell)
    for count, data in enumerate(given[1:], 2):
        base = Image.blend(base, _opened(data).resize(sketch.cell), 1 / count)
    return _grid(sketch, lambda number: _tinted(base, sketch.seed, number))


def cut_out(grid: bytes, number: int, sketch: Sketch) -> "Image.Image":
    """Cell `number` of the grid, from 1, in full size."""
    return _cell(_opened(grid), number).resize(sketch.cell, Image.Resampling.LANCZOS)


def enlarged(source: bytes, is_creative: bool, sketch: Sketch) -> "Image.Image":
    large = _opened(source).resize(sketch.cell, Image.Resampling.LANCZOS)
    return ImageEnhance.Contrast(large).enhance(1.15) if is_creative else large


def varied(source: bytes, number: int, strength: float, sketch: Sketch) -> "Image.Image":
    """The picture, or a cell of the grid if `number` is not 0, with the text drawn into it anew."""
    whole = _opened(source)
    old = (_cell(whole, number) if number else whole).resize(sketch.cell)
    new = Image.blend(ImageOps.mirror(old), _drawn(sketch.text, sketch.cell, sketch.seed), 0.7)
    base = Image.blend(old, new, strength)
    tint = TINT * (0.5 + 2 * strength)
    return _grid(sketch, lambda number: _tinted(base, sketch.seed, number, tint))


def surrounded(source: bytes, box: Box, sketch: Sketch) -> "Image.Image":
    """The picture in the box, unchanged but for its size, and new paint around it."""
    left, top, width, height = box
    old = _opened(source)
    if old.size != (width, height):
        old = old.resize((width, height), Image.Resampling.LANCZOS)
    around = _drawn(sketch.text, sketch.cell, sketch.seed)

    def one(number: int) -> "Image.Image":
        canvas = _tinted(around, sketch.seed, number)
        canvas.paste(old, (left, top))
        return canvas

    return _grid(sketch, one)


def repainted(source: bytes, mask: bytes, sketch: Sketch) -> "Image.Image":
    """New paint where the mask is white; every other pixel stays."""
    return _patched(_opened(source), white_area(mask), sketch)


def filled(source: bytes, sketch: Sketch) -> "Image.Image":
    """New paint where the picture is transparent."""
    whole = picture.read(source)
    hole = whole.getchannel("A").point(lambda value: 255 if value < 128 else 0)
    return _patched(whole.convert("RGB"), hole, sketch)


def white_area(mask: bytes) -> "Image.Image":
    """255 where the mask is white, 0 where it is black or transparent."""
    opened = picture.read(mask)
    black = Image.new("RGBA", opened.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, opened).convert("L").point(lambda value: 255 if value >= 128 else 0)


def swapped(source: bytes, target: bytes, sketch: Sketch) -> "Image.Image":
    """The source in an oval, where faces usually are, on the target."""
    whole = _opened(target).resize(sketch.cell)
    width, height = sketch.cell
    left, top, right, bottom = width * 3 // 10, height // 10, width * 7 // 10, height * 6 // 10
    size = max(1, right - left), max(1, bottom - top)
    oval = Image.new("L", size, 0)
    ImageDraw.Draw(oval).ellipse((0, 0, size[0] - 1, size[1] - 1), fill=255)
    whole.paste(_opened(source).resize(size), (left, top), oval)
    return whole


def shown(source: bytes, sketch: Sketch) -> "Image.Image":
    return _opened(source).resize(sketch.cell)


def _patched(whole: "Image.Image", hole: "Image.Image", sketch: Sketch) -> "Image.Image":
    box = hole.getbbox() or (0, 0, 1, 1)
    paint = _drawn(sketch.text, (box[2] - box[0], box[3] - box[1]), sketch.seed)

    def one(number: int) -> "Image.Image":
        changed = whole.copy()
        changed.paste(_tinted(paint, sketch.seed, number), box[:2], hole.crop(box))
        return changed if changed.size == sketch.cell else changed.resize(sketch.cell)

    return _grid(sketch, one)


def _grid(sketch: Sketch, cell: "Callable[[int], Image.Image]") -> "Image.Image":
    """Four cells, numbered from 1: two above, two below."""
    width, height = sketch.cell
    whole = Image.new("RGB", (width * 2, height * 2))
    for at in range(4):
        whole.paste(cell(at + 1), (at % 2 * width, at // 2 * height))
    return whole


def _cell(grid: "Image.Image", number: int) -> "Image.Image":
    width, height = grid.width // 2, grid.height // 2
    left, top = (number - 1) % 2 * width, (number - 1) // 2 * height
    return grid.crop((left, top, left + width, top + height))


def _drawn(text: str, size: Size, seed: int) -> "Image.Image":
    return picture.draw(text, size, number=seed % SHADES).convert("RGB")


def _tinted(base: "Image.Image", seed: int, number: int, tint: float = TINT) -> "Image.Image":
    """A touch of a hue: each cell's is a quarter of the circle away, and the seed turns all four."""
    hue = (number + seed * 3 % SHADES / SHADES) / 4
    red, green, blue = (round(255 * value) for value in colorsys.hls_to_rgb(hue % 1, 0.5, 1.0))
    return Image.blend(base, Image.new("RGB", base.size, (red, green, blue)), tint)


def _opened(data: bytes) -> "Image.Image":
    return picture.read(data).convert("RGB")
