"""From a pressed button to the work: what is made of the parent's picture."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from pronghorn.sandbox import picture
from pronghorn.sandbox.midjourney import clips, drawing, making
from pronghorn.sandbox.midjourney.buttons import Press
from pronghorn.sandbox.midjourney.clips import Scene
from pronghorn.sandbox.midjourney.prompt import Prompt
from pronghorn.sandbox.midjourney.work import Kind, Paint, Size, Sketch, Work

VARIATION = 0.35
SUBTLE_VARIATION, STRONG_VARIATION = 0.2, 0.6
PAN = 1.5
ZOOMS = {"50": 2.0, "75": 1.5}
CUSTOM_ZOOM = 2.0

_ACTIONS = {
    "upsample": "UPSCALE",
    "variation": "VARIATION",
    "low_variation": "VARIATION",
    "high_variation": "VARIATION",
    "Inpaint": "VARIATION",
    "Outpaint": "ZOOM",
    "CustomZoom": "ZOOM",
    "PicReader": "IMAGINE",
    "Picread": "DESCRIBE",
    "PromptAnalyzer": "IMAGINE",
    "video_virtual_upscale": "UPSCALE",
}
_PREFIXES = {"pan_": "PAN", "upsample_v": "UPSCALE_HD", "animate_": "VIDEO"}


@dataclass(frozen=True, slots=True)
class Source:
    """What a child keeps of its parent: bytes, and never the parent itself, which may have to go."""

    action: str
    prompt: str
    work: Work
    picture: bytes = field(repr=False)
    clip: bytes = field(default=b"", repr=False)

    @property
    def size(self) -> Size:
        return self.work.size


@dataclass(frozen=True, slots=True)
class Dialog:
    """A button that waits for a text."""

    press: Press
    source: Source
    suggested: str
    is_strong: bool = False

    @property
    def weight_bytes(self) -> int:
        return len(self.source.picture) + len(self.source.clip) + self.source.work.weight_bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """A pressed button with all it needs. `is_remixed`: the prompt is not the parent's."""

    press: Press
    source: Source
    prompt: Prompt
    is_strong: bool = False
    is_remixed: bool = False
    mask: bytes = field(default=b"", repr=False)

    @property
    def seed(self) -> int:
        if self.is_remixed and self.prompt.seed is not None:
            return self.prompt.seed
        return making.seed_of(f"{self.source.work.sketch.seed} {self.press.name} {self.press.number}")

    def work(self, kind: Kind, cell: Size, paint: Paint) -> Work:
        weight = len(self.source.picture) + len(self.mask)
        return Work(kind, Sketch(self.prompt.text, cell, self.seed), paint, weight_bytes=weight)


def action_of(press: Press, source: Source) -> str:
    if press.name == "reroll":
        return source.action
    found = next((action for prefix, action in _PREFIXES.items() if press.name.startswith(prefix)), "")
    return found or _ACTIONS[press.name]


def suggestion(press: Press, source: Source) -> str:
    """What the button's dialog offers as a prompt."""
    if press.name in ("PicReader", "PromptAnalyzer"):
        return source.work.texts[press.index - 1]
    return f"{source.prompt} --zoom {CUSTOM_ZOOM:g}" if press.name == "CustomZoom" else source.prompt


def work_of(ask: Ask) -> Work:
    """Some look at pictures at once: call it in a thread."""
    name = ask.press.name
    if name in _WORKS:
        return _WORKS[name](ask)
    if name.startswith("pan_"):
        return _panned(ask)
    if name.startswith("upsample_v"):
        return _enlarged(ask)
    return _extended(ask) if name.endswith("_extend") else _animated(ask)


def _upscaled(ask: Ask) -> Work:
    cell = drawing.full_size(ask.source.work.sketch.cell)
    return ask.work(Kind.SINGLE, cell, partial(drawing.cut_out, ask.source.picture, ask.press.index))


def _enlarged(ask: Ask) -> Work:
    factor = 4 if "_4x" in ask.press.name else 2
    width, height = ask.source.size
    cell = drawing.within((width * factor, height * factor), picture.MAX_SIDE)
    is_creative = ask.press.name.endswith("creative")
    return ask.work(Kind.LARGE, cell, partial(drawing.enlarged, ask.source.picture, is_creative))


def _cell_varied(ask: Ask) -> Work:
    strength = STRONG_VARIATION if ask.is_strong else VARIATION
    return _varied(ask, ask.source.work.sketch.cell, ask.press.index, strength)


def _whole_varied(ask: Ask) -> Work:
    strength = SUBTLE_VARIATION if ask.press.name == "low_variation" else STRONG_VARIATION
    width, height = ask.source.size
    factor = max(1, round(math.sqrt(width * height / drawing.CELL_AREA)))
    return _varied(ask, (max(1, width // factor), max(1, height // factor)), 0, strength)


def _varied(ask: Ask, cell: Size, number: int, strength: float) -> Work:
    cell = _remixed_cell(ask) or cell
    return ask.work(Kind.GRID, cell, partial(drawing.varied, ask.source.picture, number, strength))


def _rerolled(ask: Ask) -> Work:
    """The parent's work once more, with the next seed."""
    old = ask.source.work.sketch
    may_reshape = ask.source.action in ("IMAGINE", "VARIATION")
    cell = (_remixed_cell(ask) if may_reshape else None) or old.cell
    return ask.source.work.again(Sketch(ask.prompt.text, cell, old.seed + 1))


def _remixed_cell(ask: Ask) -> Size | None:
    is_reshaped = ask.is_remixed and "ar" in ask.prompt.parameters
    return drawing.cell_size(ask.prompt.ratio) if is_reshaped else None


def _zoomed(ask: Ask) -> Work:
    cell = drawing.within(ask.source.size, drawing.MAX_CELL_SIDE)
    return _surrounded(ask, cell, ZOOMS[ask.press.number])


def _custom_zoomed(ask: Ask) -> Work:
    cell = drawing.within(ask.source.size, drawing.MAX_CELL_SIDE)
    if "ar" in ask.prompt.parameters:
        cell = drawing.cell_size(ask.prompt.ratio, drawing.FULL_AREA)
    return _surrounded(ask, cell, ask.prompt.zoom)


def _surrounded(ask: Ask, cell: Size, zoom: float) -> Work:
    """The picture, as large as fits, `zoom` times smaller in the middle."""
    old = ask.source.size
    scale = min(cell[0] / old[0], cell[1] / old[1]) / zoom
    width, height = max(1, round(old[0] * scale)), max(1, round(old[1] * scale))
    box = ((cell[0] - width) // 2, (cell[1] - height) // 2, width, height)
    return ask.work(Kind.GRID, cell, partial(drawing.surrounded, ask.source.picture, box))


def _panned(ask: Ask) -> Work:
    """Half as much again on one side; the picture stays at the other."""
    way = ask.press.name.removeprefix("pan_")
    old = ask.source.size
    is_across = way in ("left", "right")
    wanted = (round(old[0] * PAN), old[1]) if is_across else (old[0], round(old[1] * PAN))
    cell = drawing.within(wanted, drawing.MAX_CELL_SIDE)
    width = round(old[0] * cell[0] / wanted[0])
    height = round(old[1] * cell[1] / wanted[1])
    box = (
        cell[0] - width if way == "left" else 0,
        cell[1] - height if way == "up" else 0,
        width,
        height,
    )
    return ask.work(Kind.GRID, cell, partial(drawing.surrounded, ask.source.picture, box))


def _repainted(ask: Ask) -> Work:
    cell = drawing.within(ask.source.size, drawing.MAX_CELL_SIDE)
    return ask.work(Kind.GRID, cell, partial(drawing.repainted, ask.source.picture, ask.mask))


def _imagined(ask: Ask) -> Work:
    return making.imagined(ask.prompt)


def _described(ask: Ask) -> Work:
    return making.described(ask.source.picture, ask.source.size, ask.source.work.sketch.seed + 1)


def _animated(ask: Ask) -> Work:
    motion = "high" if "high" in ask.press.name else "low"
    size = clips.clip_size(ask.source.size, clips.DEFAULT_TYPE)
    return making.filmed(Scene(ask.source.picture, motion), size, clips.CLIPS, ask.seed)


def _extended(ask: Ask) -> Work:
    motion = "high" if "high" in ask.press.name else "low"
    scene = Scene(ask.source.picture, motion, before=ask.source.clip)
    return making.filmed(scene, ask.source.work.sketch.cell, clips.CLIPS, ask.seed)


def _picked(ask: Ask) -> Work:
    """One of the clips by itself."""
    clip, shown = ask.source.clip, partial(drawing.shown, ask.source.picture)
    return Work(
        Kind.CLIP,
        Sketch("", ask.source.work.sketch.cell, ask.seed),
        shown,
        film=lambda _sketch, _index: clip,
        clip_count=1,
        weight_bytes=len(clip) + len(ask.source.picture),
    )


_WORKS: dict[str, Callable[[Ask], Work]] = {
    "upsample": _upscaled,
    "variation": _cell_varied,
    "low_variation": _whole_varied,
    "high_variation": _whole_varied,
    "reroll": _rerolled,
    "Inpaint": _repainted,
    "Outpaint": _zoomed,
    "CustomZoom": _custom_zoomed,
    "PicReader": _imagined,
    "Picread": _described,
    "PromptAnalyzer": _imagined,
    "video_virtual_upscale": _picked,
}
