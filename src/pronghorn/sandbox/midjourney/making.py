"""From what a client sent to the work: the jobs that begin with nothing but a request."""

import zlib
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

from pronghorn.sandbox.midjourney import clips, drawing, words
from pronghorn.sandbox.midjourney.clips import Scene
from pronghorn.sandbox.midjourney.prompt import Prompt
from pronghorn.sandbox.midjourney.work import Kind, Paint, Size, Sketch, Work

DIMENSIONS = {"PORTRAIT": Fraction(2, 3), "SQUARE": Fraction(1), "LANDSCAPE": Fraction(3, 2)}


def imagined(prompt: Prompt, given: Sequence[bytes] = ()) -> Work:
    """The same prompt gives the same grid, and so does the same seed."""
    cell = drawing.cell_size(prompt.ratio)
    return _work(Kind.GRID, prompt, cell, partial(drawing.imagined, tuple(given)), given)


def blended(given: Sequence[bytes], dimensions: str) -> Work:
    sketch = Sketch("", drawing.cell_size(DIMENSIONS[dimensions]), seed_of(dimensions))
    return Work(Kind.GRID, sketch, partial(drawing.blended, tuple(given)), weight_bytes=sum(map(len, given)))


def described(given: bytes, size: Size, seed: int) -> Work:
    """Looks at the picture at once: call it in a thread."""
    texts = words.described(given, seed)
    shown = partial(drawing.shown, given)
    return Work(Kind.DESCRIPTION, Sketch("", size, seed), shown, texts=texts, weight_bytes=len(given))


def shortened(prompt: Prompt) -> Work:
    """Each text with the parameters of the prompt; none if there is nothing to leave away."""
    texts = tuple(f"{text} {prompt.tail}".strip() for text in words.shortened(prompt.text))
    return Work(Kind.SHORTENING, Sketch(prompt.text, (1, 1), seed_of(prompt.text)), None, texts=texts)


def edited(prompt: Prompt, given: bytes, size: Size) -> Work:
    cell = drawing.within(size, drawing.MAX_CELL_SIDE)
    return _work(Kind.GRID, prompt, cell, partial(drawing.filled, given), [given])


def swapped(source: bytes, target: bytes, size: Size) -> Work:
    sketch = Sketch("", size, 0)
    paint = partial(drawing.swapped, source, target)
    return Work(Kind.BARE, sketch, paint, weight_bytes=len(source) + len(target))


def filmed(scene: Scene, size: Size, count: int, seed: int) -> Work:
    """Films of a picture; `size` is that of the clips."""
    weight = len(scene.first) + len(scene.last) + len(scene.before)
    return Work(
        Kind.CLIPS,
        Sketch("", size, seed),
        partial(drawing.shown, scene.first),
        film=partial(clips.film, scene),
        clip_count=count,
        weight_bytes=weight,
    )


def seed_of(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "replace"))


def _work(kind: Kind, prompt: Prompt, cell: Size, paint: Paint, given: Sequence[bytes]) -> Work:
    seed = prompt.seed if prompt.seed is not None else seed_of(prompt.text)
    return Work(kind, Sketch(prompt.text, cell, seed), paint, weight_bytes=sum(map(len, given)))
