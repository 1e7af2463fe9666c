"""Pictures of the sandbox: the prompt drawn on a colour made from it, and edits that really change pixels.

Everything is deterministic; letters outside the Latin alphabet show as boxes, for no larger font comes along.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronghorn.kit.later import Later

if TYPE_CHECKING:
    import PIL
    from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps
else:
    PIL = Later("PIL")
    Image = Later("PIL.Image")
    ImageDraw = Later("PIL.ImageDraw")
    ImageEnhance = Later("PIL.ImageEnhance")
    ImageFilter = Later("PIL.ImageFilter")
    ImageFont = Later("PIL.ImageFont")
    ImageOps = Later("PIL.ImageOps")


MAX_SIDE = 4096
MAX_READ_PIXELS = MAX_SIDE * MAX_SIDE
CONTENT_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

Colour = tuple[int, int, int]

_COLOURS: dict[str, Colour] = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (220, 30, 30),
    "green": (30, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 220, 40),
    "orange": (245, 140, 20),
    "purple": (130, 50, 170),
    "pink": (250, 150, 190),
    "brown": (120, 75, 40),
    "cyan": (40, 200, 220),
}


class NotAPicture(ValueError):
    """The bytes are no picture that can be read."""


class TooManyPixels(ValueError):
    """The picture is larger than the sandbox looks at."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a picture is written: `png`, `jpeg` or `webp`, with a quality from 0 to 100 for the last two."""

    kind: str = "png"
    quality: int = 100


def draw(
    prompt: str, size: tuple[int, int], *, number: int = 0, is_transparent: bool = False
) -> "Image.Image":
    """A picture that shows `prompt`; `number` gives each of several pictures its own shade."""
    width, height = size
    base = colour_of(prompt, number)
    picture = Image.new("RGBA", size, (*base, 0 if is_transparent else 255))
    pen = ImageDraw.Draw(picture)
    if not is_transparent:
        for step in range(6):
            edge = min(width, height) * step // 14
            shade = tuple(max(0, value - 14 * step) for value in base)
            pen.ellipse((edge, edge, width - edge - 1, height - edge - 1), fill=(*shade, 255))
    _write(picture, prompt, (width // 10, height // 10, width * 9 // 10, height * 9 // 10))
    return picture


def edit(
    picture: "Image.Image", prompt: str, size: tuple[int, int], *, mask: "Image.Image | None", number: int = 0
) -> "Image.Image":
    """The picture in the size asked for. With a mask its transparent region is painted over with the prompt;
    without one the lower quarter carries the prompt."""
    base = picture.convert("RGBA").resize(size)
    if mask is not None:
        alpha = mask.convert("RGBA").getchannel("A").resize(size)
        hole = alpha.point(lambda value: 255 if value < 128 else 0)
        if box := hole.getbbox():
            paint = draw(prompt, (box[2] - box[0], box[3] - box[1]), number=number)
            base.paste(paint, box[:2], hole.crop(box))
        return base
    top = size[1] * 3 // 4
    ImageDraw.Draw(base).rectangle((0, top, size[0], size[1]), fill=(*colour_of(prompt, number), 255))
    _write(base, prompt, (size[0] // 20, top, size[0] * 19 // 20, size[1]))
    return base


def vary(picture: "Image.Image", size: tuple[int, int], number: int) -> "Image.Image":
    """The picture mirrored, and more or less colourful."""
    mirrored = ImageOps.mirror(picture.convert("RGB").resize(size))
    return ImageEnhance.Color(mirrored).enhance(0.5 + 0.5 * (number % 4))


def unfinished(picture: "Image.Image", step: int, steps: int) -> "Image.Image":
    """What the picture looked like at `step` of `steps`: blurred, less and less so."""
    blur = max(picture.size) / 16 * (steps - step) / steps
    return picture.filter(ImageFilter.BoxBlur(blur))


def encode(picture: "Image.Image", form: Format) -> bytes:
    target = io.BytesIO()
    if form.kind == "jpeg":
        flat = Image.new("RGB", picture.size, (255, 255, 255))
        flat.paste(picture, (0, 0), picture if picture.mode == "RGBA" else None)
        flat.save(target, "JPEG", quality=max(1, min(form.quality, 95)))
    elif form.kind == "webp":
        picture.save(target, "WEBP", quality=form.quality, method=0)
    else:
        picture.save(target, "PNG", compress_level=1)
    return target.getvalue()


def read(data: bytes) -> "Image.Image":
    """Raises `NotAPicture` and `TooManyPixels`, the latter before anything large is unpacked."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF")) as picture:
            if picture.width * picture.height > MAX_READ_PIXELS:
                raise TooManyPixels(f"{picture.width}x{picture.height}")
            return picture.convert("RGBA")
    except (PIL.UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAPicture(str(error)) from error


def colour_of(prompt: str, number: int = 0) -> Colour:
    """The colour that the prompt names, else one made from it; light enough for dark letters."""
    words = prompt.lower().replace(",", " ").replace(".", " ").split()
    named = next((_COLOURS[word] for word in words if word in _COLOURS), None)
    red, green, blue = named or hashlib.sha256(prompt.encode("utf-8", "replace")).digest()[:3]
    lift = 0 if named else 96
    shade = 9 * (number % 10)
    return max(lift, red - shade), max(lift, green - shade), max(lift, blue - shade)


def colour_name(picture: "Image.Image") -> str:
    """The name of the colour that most of the picture is near to."""
    return colour_names(picture, 1)[0]


def colour_names(picture: "Image.Image", count: int) -> list[str]:
    """Up to `count` names of colours that the picture has, those of the most of it first."""
    small = picture.convert("RGB").resize((32, 32), Image.Resampling.NEAREST)
    votes: dict[str, int] = {}
    for amount, pixel in small.getcolors(1024) or ():
        assert isinstance(pixel, tuple)
        name = min(_COLOURS, key=lambda name: _distance(_COLOURS[name], pixel))
        votes[name] = votes.get(name, 0) + amount
    return sorted(votes, key=lambda name: -votes[name])[:count]


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _write(picture: "Image.Image", text: str, box: tuple[int, int, int, int]) -> None:
    """Put `text` into the box, wrapped, as large as fits; too long a text ends in dots."""
    width, height = box[2] - box[0], box[3] - box[1]
    text = " ".join(text.split())[:2_000] or "(no prompt)"
    largest = max(8, min(height // 4, width // 8))
    for points in range(largest, 7, -max(1, largest // 12)):
        font = ImageFont.load_default(points)
        lines = _wrapped(text, font, width)
        if len(lines) * points * 1.3 <= height:
            break
    lines = lines[: max(1, int(height / (points * 1.3)))]
    luminance = _luminance(picture, box)
    ink = (20, 20, 20, 255) if luminance > 110 else (245, 245, 245, 255)
    top = box[1] + (height - len(lines) * points * 1.3) / 2
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        left = box[0] + (width - font.getlength(line)) / 2
        pen.text((left, top + number * points * 1.3), line, font=font, fill=ink)


def _luminance(picture: "Image.Image", box: tuple[int, int, int, int]) -> float:
    pixel = picture.convert("L").getpixel(((box[0] + box[2]) // 2, (box[1] + box[3]) // 2))
    alpha = picture.getpixel((box[0], box[1]))
    is_clear = isinstance(alpha, tuple) and len(alpha) == 4 and alpha[3] == 0
    return 255.0 if is_clear or not isinstance(pixel, int | float) else pixel


def _wrapped(text: str, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and font.getlength(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines
