"""What a job makes: a picture that is painted when it is asked for, and with it maybe a text or clips."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

Size = tuple[int, int]


class Kind(Enum):
    """What lies on the table at the end; the buttons under it follow from this."""

    GRID = "grid"
    SINGLE = "single"
    LARGE = "large"
    BARE = "bare"
    DESCRIPTION = "description"
    SHORTENING = "shortening"
    CLIPS = "clips"
    CLIP = "clip"


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a painter is told: the text to show, the size of one picture, and the seed."""

    text: str
    cell: Size
    seed: int


Paint = Callable[[Sketch], "Image.Image"]
Film = Callable[[Sketch, int], bytes]


@dataclass(frozen=True, slots=True)
class Work:
    """`paint` and `film` take long and belong into a thread; the same sketch gives the same bytes."""

    kind: Kind
    sketch: Sketch
    paint: Paint | None = field(repr=False)
    texts: tuple[str, ...] = ()
    film: Film | None = field(default=None, repr=False)
    clip_count: int = 0
    weight_bytes: int = 0
    """Of the pictures that were sent and that the painter needs."""

    @property
    def size(self) -> Size:
        width, height = self.sketch.cell
        return (width * 2, height * 2) if self.kind is Kind.GRID else (width, height)

    @property
    def text(self) -> str:
        """The texts as Midjourney numbers them."""
        return "\n\n".join(f"{keycap(number)} {text}" for number, text in enumerate(self.texts, 1))

    def again(self, sketch: Sketch) -> "Work":
        return replace(self, sketch=sketch)


def keycap(number: int) -> str:
    return f"{number}\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}"
