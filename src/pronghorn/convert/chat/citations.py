"""Citations between `url_citation` annotations of a message's text and ours, which are of one part of it."""

from typing import Any

from pronghorn.convert.turn import Citation, Json


def read(annotation: Any, base: int = 0) -> Citation | None:
    """`base`: how much of the message's text comes before the part. None for an annotation of another kind."""
    found = annotation.get("url_citation") if isinstance(annotation, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("url"), str):
        return None
    start, end = found.get("start_index"), found.get("end_index")
    return Citation(
        found["url"],
        _text(found.get("title")),
        _text(found.get("content") or found.get("snippet")),
        max(0, start - base) if isinstance(start, int) else None,
        max(0, end - base) if isinstance(end, int) else None,
    )


def read_all(annotations: Any) -> list[Citation]:
    found = map(read, _as_list(annotations))
    return [citation for citation in found if citation is not None]


def of_answer(answer: Json) -> list[Citation]:
    """What Perplexity and xAI list beside the choices: results of a search, or their addresses alone."""
    found = answer.get("search_results") or answer.get("citations")
    entries = [{"url": entry} if isinstance(entry, str) else entry for entry in _as_list(found)]
    return read_all([{"url_citation": entry} for entry in entries])


def _as_list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def write(citations: list[Citation], base: int, length: int) -> list[Json]:
    """Of a part that is `length` long; one without a span stands behind all of it. Without an address: left out."""
    return [_write(citation, base, length) for citation in citations if citation.url]


def _write(citation: Citation, base: int, length: int) -> Json:
    found: Json = {
        "start_index": base + (citation.start or 0),
        "end_index": base + (length if citation.end is None else citation.end),
        "url": citation.url,
        "title": citation.title,
    }
    if citation.quote:
        found["content"] = citation.quote
    return {"type": "url_citation", "url_citation": found}
