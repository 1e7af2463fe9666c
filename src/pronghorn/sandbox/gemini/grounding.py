"""What a search on Google seems to have found: one page, which holds up the whole answer."""

from typing import Any

from pronghorn.sandbox import counting

Shape = dict[str, Any]


def is_asked(body: Shape) -> bool:
    return any("googleSearch" in tool or "googleSearchRetrieval" in tool for tool in body.get("tools", ()))


def query(prompt: str) -> str:
    return " ".join(prompt.split())[:120] or "news"


def found_tokens(prompt: str) -> int:
    """What the found page adds to the input: it is not part of the prompt."""
    return 100 + counting.count(query(prompt))


def metadata(prompt: str, text: str) -> Shape:
    """Segments are measured in bytes of UTF-8."""
    segment = {"startIndex": 0, "endIndex": len(text.encode("utf-8", "replace")), "text": text}
    web = {
        "uri": "https://vertexaisearch.cloud.google.com/grounding-api-redirect/sandbox",
        "title": "example.com",
    }
    return {
        "webSearchQueries": [query(prompt)],
        "searchEntryPoint": {"renderedContent": '<div class="container">Google Search</div>'},
        "groundingChunks": [{"web": web}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
    }
