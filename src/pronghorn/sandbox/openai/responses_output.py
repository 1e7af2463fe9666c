"""Answering a Responses request: what the chat's engine decided, as output items and a whole response object.

A search is made when it is demanded, or when the message asks to search; its text then cites the sandbox's page.
"""

import json
import re
import time
from typing import Any
from urllib.parse import quote

from pronghorn.kit.ids import new_id
from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.faults import Faults
from pronghorn.sandbox.openai import chat_answer, chat_prompt, responses_request
from pronghorn.sandbox.openai.chat_answer import Answer, Call
from pronghorn.sandbox.openai.responses_kept import Kept, Memory
from pronghorn.sandbox.openai.responses_request import Asked
from pronghorn.sandbox.openai.responses_seal import seal

Shape = dict[str, Any]

_SEARCHES = re.compile(r"\b(search|look up|the web)\b", re.IGNORECASE)
_SEARCH_PAGE = "https://sandbox.example/search?q="
REFUSED_PROMPT = "Invalid prompt: your prompt was flagged as potentially violating our usage policy."
_SIMPLE_ECHOES = ("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")


async def respond(body: Shape, memory: Memory, key: str, faults: Faults) -> Kept:
    """The answer to a request, which the caller remembers if it is to be stored. Raises `SandboxError`."""
    asked = await responses_request.read(body, memory, key)
    final = await _answer(asked, faults)
    size_bytes = len(json.dumps([asked.items, final]))
    return Kept(final, asked.items, size_bytes, faults.speed, is_stuck=faults.task == "stuck")


async def _answer(asked: Asked, faults: Faults) -> Shape:
    """The response as it is in the end."""
    decided = await chat_answer.answer(asked.chat, asked.messages)
    output = _items(asked, decided)
    body = asked.body
    response = _echo(body, asked.tools) | {
        "id": new_id("resp"),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": output,
        "usage": usage(chat_prompt.count_prompt(asked.messages, body.get("tools")), decided),
    }
    if reason := {"length": "max_output_tokens", "content_filter": "content_filter"}.get(decided.finish):
        response |= {"status": "incomplete", "completed_at": None, "incomplete_details": {"reason": reason}}
    return _failed(response, faults)


def usage(input_tokens: int, decided: Answer) -> Shape:
    made = decided.output_tokens()
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": len(decided.reasoning)},
        "total_tokens": input_tokens + made,
    }


def _echo(body: Shape, tools: list[Shape]) -> Shape:
    """The settings that were used, as every response tells them."""
    reasoning, text = body.get("reasoning") or {}, body.get("text") or {}
    tier = body.get("service_tier")
    now = int(time.time())
    told = {
        "object": "response",
        "created_at": now,
        "completed_at": now,
        "background": body.get("background") is True,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "metadata": body.get("metadata") or {},
        "model": body["model"],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "service_tier": tier if tier not in (None, "auto") else "default",
        "store": body.get("store") is not False,
        "temperature": _or(body.get("temperature"), 1.0),
        "text": {
            "format": text.get("format") or {"type": "text"},
            "verbosity": text.get("verbosity") or "medium",
        },
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": tools,
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": _or(body.get("top_p"), 1.0),
        "truncation": body.get("truncation") or "disabled",
    }
    return told | {name: body[name] for name in _SIMPLE_ECHOES if isinstance(body.get(name), str)}


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _failed(response: Shape, faults: Faults) -> Shape:
    """The response as `task=` wants it: failed, or its prompt refused."""
    if faults.task == "fail":
        error = {"code": "server_error", "message": "The sandbox was asked to fail."}
    elif faults.task == "moderated":
        error = {"code": "invalid_prompt", "message": REFUSED_PROMPT}
    else:
        return response
    return response | {"status": "failed", "completed_at": None, "incomplete_details": None, "error": error}


def check_refused(response: Shape) -> None:
    """A refused prompt is an error for who waits for the whole answer. Raises `SandboxError`."""
    if response["error"] and response["error"]["code"] == "invalid_prompt":
        raise SandboxError(REFUSED_PROMPT, code="invalid_prompt")


def _items(asked: Asked, decided: Answer) -> list[Shape]:
    items = [_reasoning(asked, decided)] if decided.reasoning else []
    if decided.calls:
        return items + [_call(call, _namespace_of(call, asked.tools)) for call in decided.calls]
    prompt = chat_prompt.last_user_text(asked.messages)
    if asked.must_search or (asked.may_search and _wants_search(asked, prompt)):
        items.append(_search(asked, prompt))
    if decided.refusal:
        return [*items, _message({"type": "refusal", "refusal": decided.refusal}, "completed")]
    if decided.tokens or decided.finish != "length":
        part = _text(asked, decided, prompt if items and items[-1]["type"] == "web_search_call" else None)
        items.append(_message(part, "completed" if decided.finish == "stop" else "incomplete"))
    return items


def _wants_search(asked: Asked, prompt: str) -> bool:
    return asked.messages[-1]["role"] == "user" and _SEARCHES.search(prompt) is not None


def _reasoning(asked: Asked, decided: Answer) -> Shape:
    """The thought itself stays hidden; its summary is shown if one was asked for."""
    text = "".join(decided.reasoning)
    wants = asked.body.get("reasoning") or {}
    is_shown = bool(wants.get("summary") or wants.get("generate_summary"))
    item: Shape = {
        "id": new_id("rs"),
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}] if is_shown else [],
    }
    if "reasoning.encrypted_content" in asked.include:
        item["encrypted_content"] = seal("reasoning", {"id": item["id"], "text": text})
    return item


def _namespace_of(call: Call, tools: list[Shape]) -> str | None:
    if any(tool.get("name") == call.name and tool["type"] != "namespace" for tool in tools):
        return None
    spaces = [tool for tool in tools if tool["type"] == "namespace"]
    return next(
        (tool["name"] for tool in spaces if any(one["name"] == call.name for one in tool["tools"])), None
    )


def _call(call: Call, namespace: str | None) -> Shape:
    common = {"call_id": call.id, "name": call.name}
    if namespace is not None:
        common["namespace"] = namespace
    if call.is_custom:
        return {"id": new_id("ctc"), "type": "custom_tool_call", **common, "input": call.arguments}
    told = {"arguments": call.arguments, "status": "completed"}
    return {"id": new_id("fc"), "type": "function_call", **common, **told}


def _search(asked: Asked, prompt: str) -> Shape:
    query = prompt[:200]
    action: Shape = {"type": "search", "query": query, "queries": [query]}
    if "web_search_call.action.sources" in asked.include:
        action["sources"] = [{"type": "url", "url": _SEARCH_PAGE + quote(query, errors="replace")}]
    return {"id": new_id("ws"), "type": "web_search_call", "status": "completed", "action": action}


def _message(part: Shape, status: str) -> Shape:
    return {"id": new_id("msg"), "type": "message", "role": "assistant", "status": status, "content": [part]}


def _text(asked: Asked, decided: Answer, searched: str | None) -> Shape:
    annotations = []
    if searched is not None and decided.finish == "stop" and asked.chat["response_format"]["type"] == "text":
        text = decided.text
        url = _SEARCH_PAGE + quote(searched[:200], errors="replace")
        decided.tokens = counting.tokens(f"{text} ([sandbox.example]({url}))")
        cited = {"type": "url_citation", "url": url, "title": "Sandbox search"}
        annotations.append(cited | {"start_index": len(text) + 1, "end_index": len(decided.text)})
    top = asked.body.get("top_logprobs") or 0
    logprobs = [_logprob(token, top) for token in decided.tokens] if asked.shows_logprobs else []
    return {"type": "output_text", "text": decided.text, "annotations": annotations, "logprobs": logprobs}


def _logprob(token: str, top: int) -> Shape:
    """Every token is certain but for a little; the alternatives are the token in other letters."""

    def one(text: str, value: float) -> Shape:
        return {"token": text, "logprob": value, "bytes": list(text.encode("utf-8", "replace"))}

    others = [token, token.upper(), token.lower(), token.title(), token.strip()]
    return one(token, -0.01) | {"top_logprobs": [one(o, -0.01 - 2.0 * n) for n, o in enumerate(others[:top])]}
