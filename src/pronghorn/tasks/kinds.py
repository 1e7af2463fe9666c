"""Kinds of media: what is said to a caller of the type of a file, whatever its vendor says of it.

Links lie on the gateway's own origin, so nothing is ever sent that a browser would run.
"""

from pronghorn.errors import UpstreamError

ANY = "application/octet-stream"
_ENDINGS = {
    "aac": "audio/aac",
    "avif": "image/avif",
    "flac": "audio/flac",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "m4a": "audio/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "png": "image/png",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
}
_PAGES = frozenset(("text/html", "application/xhtml+xml", "application/json", "application/xml", "text/xml"))
"""What says that something went wrong where a picture or a sound was asked for."""
_RUN = frozenset(("image/svg+xml",))


def kind_of(said: str, name: str) -> str:
    """By the vendor's word, then by the ending of our name. Raises `UpstreamError` for a page in place of a file."""
    said = said.partition(";")[0].strip().lower()
    by_name = _ENDINGS.get(name.rpartition(".")[2].lower())
    if said in _PAGES and (by_name is not None or "html" in said):
        raise UpstreamError("the vendor sent a page in place of the file")
    family, _, rest = said.partition("/")
    is_plain = rest.replace("-", "").replace(".", "").replace("+", "").isalnum() and said.isascii()
    if family in ("audio", "image", "video") and is_plain and said not in _RUN:
        return said
    return by_name or ANY
