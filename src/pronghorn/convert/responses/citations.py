"""Citations between the annotations of an output text and ours; kinds that others lack are kept as they are."""

from typing import Any

from pronghorn.convert.responses.signatures import NAME
from pronghorn.convert.turn import Citation, Json


def read(annotation: Any) -> Citation | None:
    """None for what is no annotation."""
    if not isinstance(annotation, dict):
        return None
    if annotation.get("type") != "url_citation":
        name = annotation.get("filename")
        return Citation(title=name if isinstance(name, str) else "", origin=NAME, raw=annotation)
    inner = annotation.get("url_citation")  # some servers nest it as chat does
    found = inner if isinstance(inner, dict) else annotation
    url, title = found.get("url"), found.get("title")
    start, end = found.get("start_index"), found.get("end_index")
    if not isinstance(url, str):
        return None
    return Citation(
        url,
        title if isinstance(title, str) else "",
        start=start if isinstance(start, int) else None,
        end=end if isinstance(end, int) else None,
    )


def read_all(annotations: Any) -> list[Citation]:
    found = map(read, annotations) if isinstance(annotations, list) else ()
    return [citation for citation in found if citation is not None]


def write(citation: Citation, length: int) -> Json | None:
    """In a text of that length; one without a span stands behind all of it. None without an address."""
    if citation.origin == NAME and citation.raw is not None:
        return citation.raw
    if not citation.url:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "start_index": citation.start or 0,
        "end_index": length if citation.end is None else citation.end,
        "title": citation.title,
    }
