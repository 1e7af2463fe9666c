"""POST /v1/rerank: an answer that both Jina's and Cohere's clients understand, scored by similarity of embeddings."""

from typing import Any

from aiohttp import web

from pronghorn.kit.ids import new_id
from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError, json_body
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.openai.embeddings import embed_all, similarity
from pronghorn.sandbox.reply import reply_json

SIZE = 512
MAX_DOCUMENTS = 1000


async def rerank(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise SandboxError("you must provide a model parameter", param="model")
    check_magic_model(model)
    query = body.get("query")
    if not isinstance(query, str) or not query:
        raise SandboxError("'query' must be a non-empty string", param="query")
    texts = _documents(body.get("documents"))
    wanted, *found = await embed_all([query, *texts], SIZE)
    scored = sorted(
        ((max(0.0, similarity(wanted, vector)), index) for index, vector in enumerate(found)),
        key=lambda pair: (-pair[0], pair[1]),
    )
    shows = body.get("return_documents") is True
    results = [_result(index, score, texts[index] if shows else None) for score, index in scored]
    tokens = counting.count(query) + sum(map(counting.count, texts))
    answer = {
        "id": new_id("rr"),
        "model": model,
        "results": results[: _top_n(body.get("top_n"), len(results))],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "meta": {"billed_units": {"search_units": -(-len(texts) // 100)}},
    }
    return await reply_json(request, answer)


def _documents(given: Any) -> list[str]:
    if not isinstance(given, list) or not given or len(given) > MAX_DOCUMENTS:
        raise SandboxError(f"'documents' must be an array of 1 to {MAX_DOCUMENTS} items", param="documents")
    texts: list[Any] = [item.get("text") if isinstance(item, dict) else item for item in given]
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise SandboxError(
                "documents must be strings or objects with 'text'", param=f"documents[{index}]"
            )
    return texts


def _top_n(given: Any, most: int) -> int:
    if given is None:
        return most
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise SandboxError("'top_n' must be at least 1", param="top_n")
    return given


def _result(index: int, score: float, text: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {"index": index, "relevance_score": round(score, 6)}
    return result if text is None else result | {"document": {"text": text}}


routes = [web.post("/v1/rerank", rerank), web.post("/v2/rerank", rerank), web.post("/rerank", rerank)]
