"""Pictures, sounds, films and documents between `inlineData` or `fileData` and ours."""

from typing import Literal

from pronghorn.convert.turn import Json, Media

Kind = Literal["image", "document", "audio", "video"]

_KINDS: dict[str, Kind] = {"image": "image", "audio": "audio", "video": "video"}
_ENDINGS: dict[str, Kind] = {
    "png": "image",
    "jpg": "image",
    "jpeg": "image",
    "webp": "image",
    "gif": "image",
    "heic": "image",
    "mp3": "audio",
    "wav": "audio",
    "ogg": "audio",
    "flac": "audio",
    "mp4": "video",
    "mov": "video",
    "webm": "video",
}
_YOUTUBE = ("https://www.youtube.com/", "https://youtube.com/", "https://m.youtube.com/", "https://youtu.be/")
_FILES = ("gs://", "https://generativelanguage.googleapis.com/")
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})
"""Read as text by the vendor, if they are called so."""
_MIMES = {"audio/mpeg": "audio/mp3", "audio/x-wav": "audio/wav", "image/jpg": "image/jpeg"}


def is_youtube(url: str) -> bool:
    return url.startswith(_YOUTUBE)


def is_known_to_google(url: str) -> bool:
    """What the vendor fetches by itself, whatever the model."""
    return url.startswith(_YOUTUBE) or url.startswith(_FILES)


def from_data(mime: str, data: str, at: str = "") -> Media:
    return Media(_KINDS.get(mime.partition("/")[0].lower(), "document"), mime, _standard(data), at=at)


def from_address(mime: str, uri: str, at: str = "") -> Media:
    """A plain web address can be fetched by anyone; every other one names a file that the vendor keeps."""
    kind = _KINDS.get(mime.partition("/")[0].lower()) or ("document" if mime else _guess(uri))
    if uri.startswith(("https://", "http://")) and not uri.startswith(_FILES):
        return Media(kind, mime, url=uri, at=at)
    return Media(kind, mime, file_id=uri, at=at)


def _guess(uri: str) -> Kind:
    if is_youtube(uri):
        return "video"
    path = uri.partition("?")[0].partition("#")[0]
    return _ENDINGS.get(path.rpartition(".")[2].lower(), "document")


def _standard(data: str) -> str:
    """Both alphabets of base64 are in use, the padding may be missing."""
    if "-" in data or "_" in data:
        data = data.replace("-", "+").replace("_", "/")
    if "\n" in data or "\r" in data or " " in data:
        data = "".join(data.split())
    return data + "=" * (-len(data) % 4)


def write_media(media: Media) -> Json | None:
    """None for what is somewhere that the vendor does not look."""
    if media.data:
        return {"inlineData": {"mimeType": _mime(media), "data": media.data}}
    uri = media.file_id or media.url
    if "://" not in uri:
        return None
    file: Json = {"fileUri": uri}
    if media.mime:
        file["mimeType"] = media.mime
    elif is_youtube(uri):
        file["mimeType"] = "video/*"
    return {"fileData": file}


def _mime(media: Media) -> str:
    if media.kind == "document" and media.mime in _TEXTS:
        return "text/plain"
    return _MIMES.get(media.mime, media.mime) or "application/octet-stream"
