"""A glance into a PDF: how many pages it has and which words it shows with simple fonts."""

import re
import zlib

MAX_TEXT = 100_000
_MAX_STREAM_BYTES = 4 * 1024 * 1024

_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"\(((?:\\.|[^()\\])*)\)\s*(?:Tj|'|\")|\[((?:\\.|[^\]\\])*)\]\s*TJ", re.DOTALL)
_PART = re.compile(rb"\(((?:\\.|[^()\\])*)\)", re.DOTALL)
_ESCAPE = re.compile(rb"\\([()\\])")


class NotAPdf(ValueError):
    """The bytes are no PDF."""


def look(data: bytes) -> tuple[int, str]:
    """Pages, at least one, and text. Raises `NotAPdf`."""
    if not data.lstrip()[:5] == b"%PDF-":
        raise NotAPdf
    words = " ".join(filter(None, (_words(_plain(match[1])) for match in _STREAM.finditer(data))))
    return max(1, len(_PAGE.findall(data))), words[:MAX_TEXT]


def _plain(stream: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        return unpacker.decompress(stream, _MAX_STREAM_BYTES)
    except zlib.error:
        return stream[:_MAX_STREAM_BYTES]


def _words(content: bytes) -> str:
    shown = []
    for match in _SHOWN.finditer(content):
        parts = _PART.findall(match[2]) if match[2] is not None else [match[1]]
        shown.append(_ESCAPE.sub(rb"\1", b"".join(parts)).decode("latin-1"))
    return " ".join(shown)
