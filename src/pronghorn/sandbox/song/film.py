"""A song with a still picture as mp4: H.264 and AAC, as players want it."""

import io
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from pronghorn.sandbox.modem import OUT_RATE, Signal

if TYPE_CHECKING:
    from PIL import Image

FRAMES_PER_S = 1


def encode(sound: Signal, still: "Image.Image") -> bytes:
    """The picture stands for as long as the song lasts; its sides have to be even."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        options = {"preset": "ultrafast", "tune": "stillimage"}
        video: Any = container.add_stream("libx264", rate=FRAMES_PER_S, options=options)
        video.width, video.height, video.pix_fmt = still.width, still.height, "yuv420p"
        audio: Any = container.add_stream("aac", rate=OUT_RATE, options={"aac_coder": "fast"})
        audio.layout, audio.bit_rate = "mono", 96_000
        picture = av.VideoFrame.from_ndarray(np.asarray(still.convert("RGB")), format="rgb24")
        for second in range(max(1, -(-len(sound) // OUT_RATE))):
            picture.pts = second
            container.mux(video.encode(picture))
            part = np.clip(sound[None, second * OUT_RATE : (second + 1) * OUT_RATE], -1.0, 1.0)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = OUT_RATE, second * OUT_RATE
            container.mux(audio.encode(frame))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return target.getvalue()
