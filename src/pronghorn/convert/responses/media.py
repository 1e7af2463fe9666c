"""Pictures, files and sounds as parts of input. Data is always base64 of the standard alphabet."""

import base64
from typing import Literal
from urllib.parse import unquote, unquote_to_bytes

from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.turn import Json, Media

_BEGINNINGS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": "application/pdf",
}
_FILE_MIMES = {
    "pdf": "application/pdf",
    "json": "application/json",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
}
_ENDINGS = {mime: ending for ending, mime in _FILE_MIMES.items()}
_MIMES = {"image/jpg": "image/jpeg"}
_AUDIO_MIMES = {"mp3": "audio/mp3", "wav": "audio/wav"}
_KINDS: dict[str, Literal["image", "audio", "video"]] = {"image": "image", "audio": "audio", "video": "video"}


def read_media(kind: str, part: Fields, unknown: list[str]) -> Media | None:
    """One part of a message's content; None for a kind that is no medium. Raises `BadRequest`."""
    if kind == "input_image":
        return _read_image(part)
    if kind == "input_file":
        return _read_file(part)
    if kind == "input_audio":
        return _read_audio(part, unknown)
    return None


def _read_image(part: Fields) -> Media:
    address, file_id = part.take("image_url"), part.text("file_id")
    detail = part.text("detail") or "auto"
    if isinstance(address, dict):  # chat's form
        detail, address = address.get("detail") or detail, address.get("url")
    found = Media("image", detail="" if detail == "auto" else detail, at=part.at)
    if isinstance(address, str) and address:
        _place(found, address, "image/png")
    elif file_id:
        found.file_id = file_id
    else:
        raise wrong(part.path("image_url"), "a string")
    return found


def _read_file(part: Fields) -> Media:
    found = Media("document", name=part.text("filename") or "", at=part.at)
    data, url, file_id = part.text("file_data"), part.text("file_url"), part.text("file_id")
    if file_id:
        found.file_id = file_id
    elif data or url:
        mime = _FILE_MIMES.get(found.name.rpartition(".")[2].lower(), "application/pdf")
        _place(found, data or url or "", mime)
    else:
        raise wrong(part.at, "an object with `file_data`, `file_url` or `file_id`")
    found.kind = _KINDS.get(found.mime.partition("/")[0], "document")
    return found


def _read_audio(part: Fields, unknown: list[str]) -> Media:
    nested = part.nested("input_audio")
    inner = nested or part
    data, form = inner.required_text("data"), (inner.text("format") or "wav").lower()
    if nested is not None:
        unknown += nested.left()
    return Media("audio", _AUDIO_MIMES.get(form, f"audio/{form}"), _standard(data), at=part.at)


def _place(found: Media, text: str, default: str) -> None:
    """`text` is an address, a data URL, or the data itself; `default` is its MIME type if nothing tells it."""
    start = text[:8].lower()
    if start.startswith("data:"):
        head, _, data = text[5:].partition(",")
        mime, *options = (word.strip().lower() for word in head.split(";"))
        is_encoded = "base64" in options
        found.data = _standard(data) if is_encoded else base64.b64encode(unquote_to_bytes(data)).decode()
        found.mime = _MIMES.get(mime, mime) or guess_mime(found.data, default)
    elif found.kind == "image" or start.startswith(("http:", "https:", "gs:")):
        found.url = text
    else:
        found.data = _standard(text)
        found.mime = guess_mime(found.data, default)


def _standard(text: str) -> str:
    """The same bytes in the standard alphabet, padded."""
    if "%" in text:
        text = unquote(text)
    if "\n" in text or " " in text:
        text = "".join(text.split())
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    return text + "=" * (-len(text) % 4)


def guess_mime(data: str, default: str) -> str:
    """By how the data begins."""
    return next((mime for start, mime in _BEGINNINGS.items() if data.startswith(start)), default)


def data_url(media: Media) -> str:
    """Where it is: its address, or its data as one."""
    return media.url or f"data:{media.mime};base64,{media.data}"


def write_media(media: Media) -> Json:
    """A picture or document as a part of input."""
    if media.kind == "image":
        place = {"file_id": media.file_id} if media.file_id else {"image_url": data_url(media)}
        return {"type": "input_image"} | place | {"detail": media.detail or "auto"}
    if media.file_id:
        return {"type": "input_file", "file_id": media.file_id}
    if media.url:
        return {"type": "input_file", "file_url": media.url}
    name = media.name or f"document.{_ENDINGS.get(media.mime, 'bin')}"
    return {"type": "input_file", "filename": name, "file_data": data_url(media)}


def picture(result: str) -> Media:
    """What an image generation made."""
    data = _standard(result)
    return Media("image", guess_mime(data, "image/png"), data)


def told(media: Media) -> str:
    """In words: of a sound what it says, any other by Markdown."""
    if media.kind == "audio" or media.transcript:
        return media.transcript
    return f"![{media.name or media.kind}]({data_url(media)})"
