"""Pictures, sounds, films and documents as parts of chat content. Data is always base64 of the standard alphabet."""

import base64
import binascii
from typing import Literal
from urllib.parse import unquote, unquote_to_bytes

from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.turn import Json, Media

AUDIO_MIMES = {
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
    "webm": "audio/webm",
    "aiff": "audio/aiff",
    "pcm16": "audio/pcm",
}
_AUDIO_FORMATS = {mime: name for name, mime in reversed(AUDIO_MIMES.items())} | {
    "audio/mpeg": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/l16": "pcm16",
}
_BEGINNINGS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": "application/pdf",
}
_AUDIO_BEGINNINGS = {
    "UklGR": "audio/wav",
    "SUQz": "audio/mp3",
    "//": "audio/mp3",
    "T2dnUw": "audio/ogg",
    "ZkxhQw": "audio/flac",
}
_FILE_ENDINGS = {"application/pdf": "pdf", "application/json": "json"}
_MIME_NAMES = {"image/jpg": "image/jpeg"}
_FILE_KINDS: dict[str, Literal["image", "audio", "video"]] = {
    "image": "image",
    "audio": "audio",
    "video": "video",
}


def standard_base64(text: str) -> str:
    """The same bytes in the standard alphabet, padded; line ends, percent signs and the URL-safe one are undone."""
    if "%" in text:
        text = unquote(text)
    if "\n" in text or " " in text:
        text = "".join(text.split())
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    return text + "=" * (-len(text) % 4)


def split_data_url(url: str) -> tuple[str, str] | None:
    """MIME type (may be empty) and base64 data; None for an address of another kind."""
    if url[:5].lower() != "data:":
        return None
    head, comma, data = url[5:].partition(",")
    if not comma:
        return None
    mime, *options = head.split(";")
    mime = mime.strip().lower()
    if not any(option.strip().lower() == "base64" for option in options):
        return mime, base64.b64encode(unquote_to_bytes(data)).decode()
    return _MIME_NAMES.get(mime, mime), standard_base64(data)


def guess_mime(data: str, default: str) -> str:
    """By how the data begins."""
    beginnings = _AUDIO_BEGINNINGS if default.startswith("audio/") else _BEGINNINGS
    return next((mime for start, mime in beginnings.items() if data.startswith(start)), default)


def picture(url: str, at: str = "", detail: str = "") -> Media:
    parts = split_data_url(url)
    if parts is None:
        return Media("image", url=url, detail=detail, at=at)
    mime, data = parts
    return Media("image", mime=mime or guess_mime(data, "image/png"), data=data, detail=detail, at=at)


def data_url(media: Media) -> str:
    """Where it is: its address, or its data as one."""
    return media.url or f"data:{media.mime};base64,{media.data}"


def read_media(kind: str, part: Fields, unknown: list[str]) -> Media | None:
    """One part of a message's content; None for a kind that is no medium. Raises `BadRequest`."""
    if kind in ("image_url", "input_image"):
        url, detail = _address(part, "image_url", unknown)
        return picture(url, part.at, "" if detail == "auto" else detail)
    if kind == "input_audio":
        return _read_audio(_inner(part, kind), part.at, unknown)
    if kind == "file":
        return _read_file(_inner(part, kind), part.at, unknown)
    if kind in ("video_url", "audio_url"):
        return _from_address(kind, _address(part, kind, unknown)[0], part.at)
    return None


def _inner(part: Fields, name: str) -> Fields:
    return Fields(part.take(name), part.path(name))


def _address(part: Fields, name: str, unknown: list[str]) -> tuple[str, str]:
    """The address and the detail, whether it stands bare or in an object."""
    value = part.take(name)
    if isinstance(value, str):
        return value, part.text("detail") or ""
    inner = Fields(value, part.path(name))
    found = inner.required_text("url"), inner.text("detail") or part.text("detail") or ""
    unknown += inner.left()
    return found


def _from_address(kind: str, url: str, at: str) -> Media:
    medium: Literal["video", "audio"] = "video" if kind == "video_url" else "audio"
    parts = split_data_url(url)
    if parts is None:
        return Media(medium, url=url, at=at)
    return Media(
        medium, mime=parts[0] or ("video/mp4" if medium == "video" else "audio/wav"), data=parts[1], at=at
    )


def _read_audio(inner: Fields, at: str, unknown: list[str]) -> Media:
    text, form = inner.required_text("data"), (inner.text("format") or "").lower()
    unknown += inner.left()
    if text[:4].lower() == "http":
        return Media("audio", AUDIO_MIMES.get(form, ""), url=text, at=at)
    mime, data = split_data_url(text) or ("", standard_base64(text))
    mime = AUDIO_MIMES.get(form) or mime or (f"audio/{form}" if form else guess_mime(data, "audio/wav"))
    return Media("audio", mime, data, at=at)


def _read_file(inner: Fields, at: str, unknown: list[str]) -> Media:
    name, file_id, text = inner.text("filename") or "", inner.text("file_id"), inner.text("file_data")
    unknown += inner.left()
    if file_id:
        return Media("document", file_id=file_id, name=name, at=at)
    if not text:
        raise wrong(inner.at, "an object with `file_data` or `file_id`")
    if text[:4].lower() == "http":
        return Media("document", url=text, name=name, at=at)
    mime, data = split_data_url(text) or ("", standard_base64(text))
    mime = mime or guess_mime(data, "application/pdf")
    return Media(_FILE_KINDS.get(mime.partition("/")[0], "document"), mime, data, name=name, at=at)


def write_media(media: Media) -> Json:
    """As a part of a user message's content."""
    if media.file_id:
        return {"type": "file", "file": {"file_id": media.file_id}}
    if media.kind == "image":
        image = {"url": data_url(media)}
        if media.detail:
            image["detail"] = "high" if media.detail == "original" else media.detail
        return {"type": "image_url", "image_url": image}
    if media.kind == "video":
        return {"type": "video_url", "video_url": {"url": data_url(media)}}
    if media.kind == "audio":
        form = _AUDIO_FORMATS.get(media.mime) or media.mime.partition("/")[2] or "wav"
        return {"type": "input_audio", "input_audio": {"data": media.data, "format": form}}
    ending = _FILE_ENDINGS.get(media.mime, "pdf" if media.url else "bin")
    return {
        "type": "file",
        "file": {"filename": media.name or f"document.{ending}", "file_data": data_url(media)},
    }


def read_answer_image(entry: object) -> Media | None:
    """One of the pictures that an answer brings; None for what is none."""
    found = entry.get("image_url") if isinstance(entry, dict) else None
    url = found.get("url") if isinstance(found, dict) else found
    return picture(url) if isinstance(url, str) and url else None


def write_answer_image(media: Media) -> Json:
    return {"type": "image_url", "image_url": {"url": data_url(media)}}


def join_base64(pieces: list[str]) -> str:
    """Pieces that were each encoded on their own, as one. What is no base64 is left out."""
    whole = bytearray()
    for piece in pieces:
        try:
            whole += base64.b64decode(standard_base64(piece))
        except binascii.Error:
            continue
    return base64.b64encode(whole).decode()


def spoken(audio: Json, pieces: list[str] | None = None) -> Media | None:
    """The sound of an answer; None without data."""
    data = join_base64(pieces) if pieces is not None else standard_base64(str(audio.get("data") or ""))
    if not data:
        return None
    transcript = audio.get("transcript")
    return Media(
        "audio",
        guess_mime(data, "audio/pcm"),
        data,
        transcript=transcript if isinstance(transcript, str) else "",
    )
