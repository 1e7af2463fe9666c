"""Reading a request for pictures: sizes, formats and limits by model family, refused as OpenAI refuses."""

import base64
import re
from dataclasses import dataclass

from aiohttp import web

from pronghorn.sandbox import picture
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.files import own_file
from pronghorn.sandbox.form import Form
from pronghorn.sandbox.picture import Format

MAX_PICTURES_IN = 16

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_PROMPT_LIMITS = {"gpt-image": 32_000, "dall-e-3": 4_000, "dall-e-2": 1_000, "other": 32_000}
_SIZES = {
    "gpt-image": ((1024, 1024), (1536, 1024), (1024, 1536)),
    "dall-e-2": ((256, 256), (512, 512), (1024, 1024)),
    "dall-e-3": ((1024, 1024), (1792, 1024), (1024, 1792)),
}
_QUALITIES = {
    "gpt-image": ("auto", "low", "medium", "high", "xhigh", "max"),
    "dall-e-2": ("auto", "standard"),
    "dall-e-3": ("auto", "standard", "hd"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request for pictures, checked. `family` is `gpt-image`, `dall-e-2`, `dall-e-3` or `other`."""

    model: str
    family: str
    prompt: str
    count: int
    size: tuple[int, int] | None
    quality: str
    is_transparent: bool
    form: Format
    as_url: bool
    is_streamed: bool
    partials: int


def read(form: Form, *, needs_prompt: bool = True) -> Wanted:
    """Raises `SandboxError` as OpenAI would."""
    model = form.text("model") or _default_model(form)
    check_magic_model(model)
    family = _family(model)
    prompt = form.text("prompt")
    if needs_prompt and not prompt:
        raise SandboxError(
            "Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter"
        )
    if len(prompt) > _PROMPT_LIMITS[family]:
        raise SandboxError(
            f"Invalid 'prompt': string too long. Expected at most {_PROMPT_LIMITS[family]} characters.",
            param="prompt",
            code="string_above_max_length",
        )
    written = _written_as(form)
    is_transparent = form.text("background") == "transparent"
    if is_transparent and written.kind == "jpeg":
        raise SandboxError(
            "Transparent background is not supported for jpeg.", param="background", code="invalid_value"
        )
    return Wanted(
        model=model,
        family=family,
        prompt=prompt,
        count=form.number("n", 1, 1, 1 if family == "dall-e-3" else 10),
        size=_size(form.text("size", "auto"), "any" if model.startswith("gpt-image-2") else family),
        quality=_quality(form.text("quality", "auto"), family),
        is_transparent=is_transparent,
        form=written,
        as_url=_gives_url(form, family),
        is_streamed=form.flag("stream"),
        partials=form.number("partial_images", 0, 0, 3),
    )


def _default_model(form: Form) -> str:
    new_fields = ("background", "output_format", "output_compression", "moderation", "stream")
    return "gpt-image-1" if any(form.value(name) is not None for name in new_fields) else "dall-e-2"


def _family(model: str) -> str:
    if model in ("dall-e-2", "dall-e-3"):
        return model
    return "gpt-image" if model.startswith(("gpt-image", "chatgpt-image")) else "other"


def _size(text: str, family: str) -> tuple[int, int] | None:
    """None for `auto`. Family `any` takes sides that 16 divides, none more than three times the other."""
    if text == "auto":
        return None
    match = _SIZE.fullmatch(text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    allowed = _SIZES.get(family)
    is_odd = family == "any" and (size[0] % 16 or size[1] % 16 or max(size) > 3 * min(size))
    if not min(size) or max(size) > picture.MAX_SIDE or is_odd or (allowed and size not in allowed):
        expected = ", ".join(f"{w}x{h}" for w, h in allowed) if allowed else "WIDTHxHEIGHT up to 4096x4096"
        raise SandboxError(
            f"Invalid size '{text}'. Supported: {expected}.", param="size", code="invalid_size"
        )
    return size


def _quality(text: str, family: str) -> str:
    allowed = _QUALITIES.get(family)
    if allowed and text not in allowed:
        raise SandboxError(
            f"Invalid value: '{text}'. Supported values are: {', '.join(allowed)}.",
            param="quality",
            code="invalid_value",
        )
    return text


def _written_as(form: Form) -> Format:
    kind = form.text("output_format", "png").replace("jpg", "jpeg")
    if kind not in picture.CONTENT_TYPES:
        raise SandboxError(
            f"Invalid value: '{kind}'. Supported values are: png, webp, jpeg.",
            param="output_format",
            code="invalid_value",
        )
    return Format(kind, form.number("output_compression", 100, 0, 100))


def _gives_url(form: Form, family: str) -> bool:
    asked = form.text("response_format")
    if asked and family == "gpt-image":
        raise SandboxError(
            "Unknown parameter: 'response_format'.", param="response_format", code="unknown_parameter"
        )
    if asked not in ("", "url", "b64_json"):
        raise SandboxError(
            f"Invalid value: '{asked}'. Supported values are: url, b64_json.",
            param="response_format",
            code="invalid_value",
        )
    return family != "gpt-image" and asked != "b64_json"


def pictures_in(request: web.Request, form: Form) -> list[bytes]:
    """The pictures to edit: files of the form, or addresses in it or in the JSON variant's `images`."""
    found = [upload.data for upload in form.files("image")]
    given = form.value("images")
    if isinstance(given, list):
        found += [from_reference(request, item, f"images[{index}]") for index, item in enumerate(given)]
    if not found:
        found = [from_address(request, text, "image") for text in form.texts("image")]
    if not found:
        raise SandboxError(
            "Missing required parameter: 'image'.", param="image", code="missing_required_parameter"
        )
    if len(found) > MAX_PICTURES_IN:
        raise SandboxError(
            f"Invalid 'image': array too long. Expected at most {MAX_PICTURES_IN}.",
            param="image",
            code="array_above_max_length",
        )
    return found


def mask_in(request: web.Request, form: Form) -> bytes | None:
    uploads = form.files("mask")
    if uploads:
        return uploads[0].data
    given = form.value("mask")
    return None if given is None else from_reference(request, given, "mask")


def from_reference(request: web.Request, item: object, param: str) -> bytes:
    """`{"image_url": ...}`, or the bare address. Raises `SandboxError`, for a `file_id` too."""
    address = item.get("image_url") if isinstance(item, dict) else item
    if not isinstance(address, str):
        raise SandboxError("The sandbox keeps no files; send image_url as a data URL.", param=param)
    return from_address(request, address, param)


def from_address(request: web.Request, address: str, param: str) -> bytes:
    """A data URL, bare base64, or an address that the sandbox gave out; nothing is ever fetched."""
    if address.startswith(("http://", "https://")):
        data = own_file(request, address)
        if data is None:
            raise SandboxError(
                "The sandbox is offline and does not download pictures; send a data URL.",
                param=param,
                code="invalid_image_url",
            )
        return data
    try:
        return base64.b64decode(address.rpartition(",")[2], validate=True)
    except ValueError as error:
        raise SandboxError("Invalid base64 image_url.", param=param, code="invalid_base64") from error
