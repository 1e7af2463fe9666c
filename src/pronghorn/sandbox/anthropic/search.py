"""The web search of the sandbox: made-up pages that are always the same for the same question."""

import hashlib
import re
from typing import Any

from pronghorn.kit.ids import random_base62
from pronghorn.sandbox.anthropic.seal import Seal

RESULTS = 2
_WANTS_SEARCH = re.compile(r"\b(search|look (it )?up|web|latest|news)\b", re.IGNORECASE)

Shape = dict[str, Any]


def tool_of(body: Shape) -> Shape | None:
    tools = body.get("tools") or ()
    return next((tool for tool in tools if str(tool.get("type")).startswith("web_search_")), None)


def is_wanted(body: Shape, prompt: str) -> bool:
    choice = body.get("tool_choice") or {"type": "auto"}
    if tool_of(body) is None or choice["type"] == "none":
        return False
    is_forced = choice["type"] == "any" or choice.get("name") == "web_search"
    return is_forced or _WANTS_SEARCH.search(prompt) is not None


def call(query: str) -> Shape:
    return {
        "type": "server_tool_use",
        "id": f"srvtoolu_{random_base62(24)}",
        "name": "web_search",
        "input": {"query": query[:200]},
        "caller": {"type": "direct"},
    }


def answer(called: Shape, body: Shape, seal: Seal) -> list[Shape]:
    """The results, and a text that cites each of them."""
    query = str(called["input"].get("query", ""))
    domain = ((tool_of(body) or {}).get("allowed_domains") or ["example.com"])[0]
    results = [_result(query, domain, number, seal) for number in range(1, RESULTS + 1)]
    found = {
        "type": "web_search_tool_result",
        "tool_use_id": called["id"],
        "content": results,
        "caller": {"type": "direct"},
    }
    cited = [
        {
            "type": "web_search_result_location",
            "cited_text": f"{result['title']}.",
            "encrypted_index": seal.wrap("index", result["url"]),
            "title": result["title"],
            "url": result["url"],
        }
        for result in results
    ]
    said = f"I found {RESULTS} pages on the web: {', '.join(result['title'] for result in results)}."
    return [found, {"type": "text", "text": said, "citations": cited}]


def _result(query: str, domain: str, number: int, seal: Seal) -> Shape:
    name = hashlib.sha256(query.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    url = f"https://{domain}/{name}/{number}"
    return {
        "type": "web_search_result",
        "url": url,
        "title": f"Page {number} about {query[:80] or 'nothing'}",
        "encrypted_content": seal.wrap("search", url),
        "page_age": None,
    }
