"""Citations of answers: Anthropic's five kinds are read for what they share, and given back as they came."""

from pronghorn.convert.messages.signatures import NAME
from pronghorn.convert.turn import Citation, Json


def read_citation(raw: Json) -> Citation:
    """A place in a document has its title and words alone; a search result has an address too."""
    kind = raw.get("type")
    url = raw.get("url") if kind == "web_search_result_location" else None
    if kind == "search_result_location" and str(raw.get("source")).startswith(("http://", "https://")):
        url = raw.get("source")
    title = raw.get("title") or raw.get("document_title")
    return Citation(url=url or "", title=title or "", quote=raw.get("cited_text") or "", origin=NAME, raw=raw)


def write_citation(citation: Citation, text: str) -> Json | None:
    """None for what has neither our own shape nor an address. `text` is the part's, as far as it is known."""
    if citation.origin == NAME and citation.raw is not None:
        return citation.raw
    if not citation.url:
        return None
    return {
        "type": "web_search_result_location",
        "cited_text": citation.quote or text[citation.start or 0 : citation.end],
        "encrypted_index": "",
        "title": citation.title[:512] or None,
        "url": citation.url,
    }
