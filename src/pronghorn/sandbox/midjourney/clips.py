"""Short films: real MP4 in which the camera moves over a picture, each of a job's clips another way."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pronghorn.kit.later import Later
from pronghorn.sandbox import picture
from pronghorn.sandbox.midjourney.drawing import within
from pronghorn.sandbox.midjourney.work import Size, Sketch

if TYPE_CHECKING:
    import av
    from PIL import Image
else:
    av = Later("av")
    Image = Later("PIL.Image")

FRAMES_PER_S = 12
FRAMES = 15
SIDES = {"vid_1.1_i2v_480": 240, "vid_1.1_i2v_720": 360}
"""The longer side of a clip by the type asked for: half of what Midjourney films, so that it is made at once."""
DEFAULT_TYPE = "vid_1.1_i2v_480"
CLIPS = 4
MAX_FRAMES = 5 * FRAMES
"""Of a clip that was extended again and again the end stays."""
MOTIONS = {"low": 0.08, "high": 0.25}

_WAYS = ((1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True, slots=True)
class Scene:
    """`before` is the clip that goes on, if one does; `last` the picture that it shall end with."""

    first: bytes = field(repr=False)
    motion: str
    last: bytes = field(default=b"", repr=False)
    before: bytes = field(default=b"", repr=False)
    is_loop: bool = False


def clip_size(size: Size, video_type: str) -> Size:
    """Even numbers, as the codec wants them."""
    width, height = within(size, SIDES[video_type])
    return max(16, width // 2 * 2), max(16, height // 2 * 2)


def film(scene: Scene, sketch: Sketch, index: int) -> bytes:
    """Clip `index`, from 0."""
    earlier = list(_frames(scene.before)) if scene.before else []
    first = earlier[-1] if earlier else picture.read(scene.first).convert("RGB")
    last = picture.read(scene.last).convert("RGB").resize(sketch.cell) if scene.last else None
    new = _moves(first, last, scene, sketch.cell, _WAYS[(index + sketch.seed) % len(_WAYS)])
    frames = [*(frame.resize(sketch.cell) for frame in earlier), *new]
    return _encoded(frames[-MAX_FRAMES:], sketch.cell)


def _moves(
    first: "Image.Image", last: "Image.Image | None", scene: Scene, size: Size, way: tuple[int, int]
) -> "Iterator[Image.Image]":
    width, height = first.size
    for number in range(FRAMES):
        part = number / (FRAMES - 1)
        far = math.sin(math.pi * part) if scene.is_loop else part
        zoom = MOTIONS[scene.motion] * far
        left, top = width * zoom / 2 * (1 + way[0]), height * zoom / 2 * (1 + way[1])
        box = (left, top, left + width * (1 - zoom), top + height * (1 - zoom))
        frame = first.resize(size, Image.Resampling.BILINEAR, box=box)
        yield frame if last is None else Image.blend(frame, last, part)


def _frames(clip: bytes) -> "Iterator[Image.Image]":
    with av.open(io.BytesIO(clip), "r") as container:
        decoded: Any = container.decode(video=0)
        yield from (frame.to_image() for frame in decoded)


def _encoded(frames: "list[Image.Image]", size: Size) -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=FRAMES_PER_S, options={"preset": "ultrafast"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        from_image: Any = av.VideoFrame.from_image
        for frame in frames:
            container.mux(stream.encode(from_image(frame)))
        container.mux(stream.encode(None))
    return target.getvalue()
