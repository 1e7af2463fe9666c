"""Citations between a candidate's grounding and ours.

Google counts bytes of UTF-8 from the start of a part, or of all of the answer's text where it names no part; we count
characters of the part. A chunk that nothing refers to stands behind the last text.
"""

from typing import NamedTuple

from pronghorn.convert.generate.signatures import NAME
from pronghorn.convert.turn import Citation, Json


class Span(NamedTuple):
    """A citation as it was found. `end` is None where it has no place."""

    citation: Citation
    part: int
    start: int
    end: int | None


class Spot(NamedTuple):
    """A citation of `text`, which begins at the byte `base` of what offsets are counted in."""

    citation: Citation
    text: str
    part: int
    base: int


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def read(candidate: Json, chunks: list[Json]) -> list[Span]:
    """`chunks` are those of the stream so far; the candidate's are put behind them."""
    metadata = candidate.get("groundingMetadata") or {}
    before = len(chunks)
    chunks += metadata.get("groundingChunks") or ()
    spans: list[Span] = []
    used: set[int] = set()
    for support in metadata.get("groundingSupports") or ():
        segment = support.get("segment") or {}
        for index in support.get("groundingChunkIndices") or ():
            if isinstance(index, int) and 0 <= index < len(chunks):
                used.add(index)
                start, end = segment.get("startIndex") or 0, segment.get("endIndex")
                spans.append(Span(_read_chunk(chunks[index]), segment.get("partIndex") or 0, start, end))
    unused = [index for index in range(before, len(chunks)) if index not in used]
    spans += [Span(_read_chunk(chunks[index]), 0, 0, None) for index in unused]
    return spans + _read_sources(candidate.get("citationMetadata") or {})


def _read_chunk(chunk: Json) -> Citation:
    found = next((value for value in chunk.values() if isinstance(value, dict)), {})
    return Citation(
        found.get("uri") or found.get("sourceUri") or "",
        found.get("title") or "",
        found.get("text") or "",
        origin=NAME,
        raw=chunk,
    )


def _read_sources(metadata: Json) -> list[Span]:
    """What the answer recites. Vertex AI calls the list by another name."""
    sources = metadata.get("citationSources") or metadata.get("citations") or ()
    return [
        Span(
            Citation(source["uri"], source.get("title") or ""),
            0,
            source.get("startIndex") or 0,
            source.get("endIndex"),
        )
        for source in sources
        if source.get("uri")
    ]


def placed(span: Span, text: bytes, base: int) -> Citation:
    """In a part that holds `text` from the byte `base` on."""
    citation = span.citation
    if span.end is not None and span.end > base and span.start < base + len(text):
        citation.start = _characters(text, span.start - base)
        citation.end = _characters(text, span.end - base)
    return citation


def _characters(text: bytes, size: int) -> int:
    return len(text[: max(0, size)].decode("utf-8", "ignore"))


def write(spots: list[Spot]) -> Json:
    """The field of a candidate; empty if nothing is cited."""
    chunks: list[Json] = []
    supports: dict[tuple[int, int, int], Json] = {}
    for spot in spots:
        chunk = _write_chunk(spot.citation)
        if chunk is None:
            continue
        if chunk not in chunks:
            chunks.append(chunk)
        if spot.citation.start is not None or spot.citation.end is not None:
            _support(spot, chunks.index(chunk), supports)
    if not chunks:
        return {}
    metadata: Json = {"groundingChunks": chunks}
    if supports:
        metadata["groundingSupports"] = list(supports.values())
    return {"groundingMetadata": metadata}


def _support(spot: Spot, index: int, supports: dict[tuple[int, int, int], Json]) -> None:
    begin = spot.citation.start or 0
    text = spot.text[begin : spot.citation.end]
    start = spot.base + len(encoded(spot.text[:begin]))
    end = start + len(encoded(text))
    known = supports.get((spot.part, start, end))
    if known is None:
        segment: Json = {"startIndex": start, "endIndex": end, "text": text}
        if spot.part:
            segment["partIndex"] = spot.part
        supports[spot.part, start, end] = {"segment": segment, "groundingChunkIndices": [index]}
    elif index not in known["groundingChunkIndices"]:
        known["groundingChunkIndices"].append(index)


def _write_chunk(citation: Citation) -> Json | None:
    if citation.origin == NAME and citation.raw is not None:
        return citation.raw
    if citation.url:
        return {"web": {"uri": citation.url, "title": citation.title}}
    if citation.title or citation.quote:
        return {"retrievedContext": {"title": citation.title, "text": citation.quote}}
    return None
