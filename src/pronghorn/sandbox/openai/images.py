"""POST /v1/images/generations, /edits and /variations: real pictures of the size asked for, that show the prompt.

A prompt that is `refuse` is refused as by moderation.
"""

import asyncio
import base64
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pronghorn.kit.later import Later
from pronghorn.sandbox import counting, picture
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.files import publish
from pronghorn.sandbox.form import read_form
from pronghorn.sandbox.openai import image_request
from pronghorn.sandbox.openai.image_request import Wanted
from pronghorn.sandbox.reply import Events, reply_json

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image")


DEFAULT_SIZE = (1024, 1024)
PARTIAL_TOKENS = 100
MAX_PATCHES = 1536

Shape = dict[str, Any]

_TOKENS = {"low": (272, 408, 400), "medium": (1056, 1584, 1568), "high": (4160, 6240, 6208)}
"""Output tokens of one picture: square, upright, lying. Other sizes count by their area."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be drawn, and how: `paint` makes picture number i."""

    wanted: Wanted
    size: tuple[int, int]
    input_pictures: "list[Image.Image]"
    paint: "Callable[[int], Image.Image]"
    event_prefix: str


async def generate(request: web.Request) -> web.StreamResponse:
    wanted = image_request.read(await read_form(request, allows_json=True))
    size = wanted.size or DEFAULT_SIZE

    def paint(number: int) -> "Image.Image":
        return picture.draw(wanted.prompt, size, number=number, is_transparent=wanted.is_transparent)

    return await _answer(request, Job(wanted, size, [], paint, "image_generation"))


async def edit(request: web.Request) -> web.StreamResponse:
    form = await read_form(request, allows_json=True)
    wanted = image_request.read(form)
    given = image_request.pictures_in(request, form)
    mask_data = image_request.mask_in(request, form)
    pictures = await asyncio.to_thread(lambda: [_picture(data, "image") for data in given])
    mask = None if mask_data is None else await asyncio.to_thread(_picture, mask_data, "mask")
    if mask is not None and mask.size != pictures[0].size:
        raise SandboxError(
            f"Invalid mask image: its size {mask.size} is not that of the image, {pictures[0].size}.",
            param="mask",
            code="invalid_value",
        )
    size = wanted.size or _fitting(pictures[0].size, wanted.family)

    def paint(number: int) -> "Image.Image":
        return picture.edit(pictures[0], wanted.prompt, size, mask=mask, number=number)

    return await _answer(request, Job(wanted, size, pictures, paint, "image_edit"))


async def vary(request: web.Request) -> web.StreamResponse:
    form = await read_form(request)
    wanted = image_request.read(form, needs_prompt=False)
    given = image_request.pictures_in(request, form)
    source = await asyncio.to_thread(_picture, given[0], "image")
    size = wanted.size or DEFAULT_SIZE

    def paint(number: int) -> "Image.Image":
        return picture.vary(source, size, number)

    return await _answer(request, Job(wanted, size, [source], paint, "image_variation"))


def _picture(data: bytes, param: str) -> "Image.Image":
    try:
        return picture.read(data)
    except picture.NotAPicture as error:
        raise SandboxError(
            "Invalid image file or mode for this image.", param=param, code="invalid_image_file"
        ) from error
    except picture.TooManyPixels as error:
        raise SandboxError(
            "The image has too many pixels.", param=param, code="invalid_image_file"
        ) from error


def _fitting(size: tuple[int, int], family: str) -> tuple[int, int]:
    """What `auto` means for an edit: the nearest of the usual shapes, the picture's own for other vendors."""
    if family == "other":
        return min(size[0], picture.MAX_SIDE), min(size[1], picture.MAX_SIDE)
    ratio = size[0] / size[1]
    if family != "gpt-image" or 0.8 < ratio < 1.25:
        return DEFAULT_SIZE
    return (1536, 1024) if ratio > 1 else (1024, 1536)


async def _answer(request: web.Request, job: Job) -> web.StreamResponse:
    wanted = job.wanted
    if wanted.prompt.strip().lower() == "refuse":
        raise SandboxError(
            "Your request was rejected by the safety system.",
            type_="image_generation_user_error",
            code="moderation_blocked",
        )
    if wanted.is_streamed and wanted.family != "dall-e-2" and wanted.family != "dall-e-3":
        return await _stream(request, job)
    data = [await asyncio.to_thread(_painted, job, number) for number in range(wanted.count)]
    answer: Shape = {"created": int(time.time()), "data": [_item(request, wanted, one) for one in data]}
    if wanted.family == "gpt-image":
        usage = _usage(job, wanted.count)
        details = {"image_tokens": usage["output_tokens"], "text_tokens": 0}
        answer |= _described(job) | {"usage": usage | {"output_tokens_details": details}}
    return await reply_json(request, answer)


def _painted(job: Job, number: int) -> bytes:
    return picture.encode(job.paint(number), job.wanted.form)


def _item(request: web.Request, wanted: Wanted, data: bytes) -> Shape:
    if wanted.as_url:
        item = {"url": publish(request, data, picture.CONTENT_TYPES[wanted.form.kind])}
    else:
        item = {"b64_json": base64.b64encode(data).decode()}
    return item | {"revised_prompt": wanted.prompt} if wanted.family == "dall-e-3" else item


def _described(job: Job) -> Shape:
    return {
        "background": "transparent" if job.wanted.is_transparent else "opaque",
        "output_format": job.wanted.form.kind,
        "size": f"{job.size[0]}x{job.size[1]}",
        "quality": _charged_quality(job.wanted),
    }


def _charged_quality(wanted: Wanted) -> str:
    """`auto` is medium; what is better than high costs as high."""
    return {"low": "low", "high": "high", "xhigh": "high", "max": "high"}.get(wanted.quality, "medium")


def _usage(job: Job, count: int) -> Shape:
    """As OpenAI's table has it; partial pictures of a stream cost 100 tokens each."""
    text = counting.count(job.wanted.prompt)
    image = sum(_patches(given.size) for given in job.input_pictures)
    partials = job.wanted.partials if job.wanted.is_streamed else 0
    output = count * (_output_tokens(job.size, _charged_quality(job.wanted)) + partials * PARTIAL_TOKENS)
    return {
        "total_tokens": text + image + output,
        "input_tokens": text + image,
        "output_tokens": output,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
    }


def _patches(size: tuple[int, int]) -> int:
    """A token for every 32x32 pixels begun, at most 1536 a picture."""
    return min(math.ceil(size[0] / 32) * math.ceil(size[1] / 32), MAX_PATCHES)


def _output_tokens(size: tuple[int, int], quality: str) -> int:
    square, upright, lying = _TOKENS[quality]
    known = {(1024, 1024): square, (1024, 1536): upright, (1536, 1024): lying}
    return known.get(size) or max(1, math.ceil(square * size[0] * size[1] / (1024 * 1024)))


async def _stream(request: web.Request, job: Job) -> web.StreamResponse:
    common = _described(job) | {"created_at": int(time.time())}
    events = Events(request)
    await events.open()
    for number in range(job.wanted.count):
        drawn = await asyncio.to_thread(job.paint, number)
        for step in range(job.wanted.partials):
            data = await asyncio.to_thread(_unfinished, job, drawn, step)
            name = f"{job.event_prefix}.partial_image"
            partial = {"type": name, "b64_json": data, "partial_image_index": step} | common
            await events.send(partial, event=name)
        whole = await asyncio.to_thread(picture.encode, drawn, job.wanted.form)
        name = f"{job.event_prefix}.completed"
        done = {"type": name, "b64_json": base64.b64encode(whole).decode(), "usage": _usage(job, 1)} | common
        await events.send(done, event=name)
    return await events.close()


def _unfinished(job: Job, drawn: "Image.Image", step: int) -> str:
    blurred = picture.unfinished(drawn, step, job.wanted.partials)
    return base64.b64encode(picture.encode(blurred, job.wanted.form)).decode()


routes = [
    web.post("/v1/images/generations", generate),
    web.post("/v1/images/edits", edit),
    web.post("/v1/images/variations", vary),
]
