"""/v1/responses: OpenAI's Responses, whole, streamed or in the background, remembered for who made them."""

import time
from typing import Any

from aiohttp import web

from pronghorn.kit.ids import new_id
from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError, bearer, json_body
from pronghorn.sandbox.faults import FAULTS
from pronghorn.sandbox.openai import chat_prompt, responses_output, responses_request, responses_socket
from pronghorn.sandbox.openai.responses_items import CALLS
from pronghorn.sandbox.openai.responses_kept import MEMORY, Kept
from pronghorn.sandbox.openai.responses_seal import seal
from pronghorn.sandbox.reply import Events, reply_json, with_usage

Shape = dict[str, Any]

MAX_SUMMARY_CHARACTERS = 4_000
MAX_PAGE = 100


async def create(request: web.Request) -> web.StreamResponse:
    body, key = await json_body(request), bearer(request)
    kept = await responses_output.respond(body, MEMORY, key, request[FAULTS])
    if kept.final["store"]:
        MEMORY.put(key, kept)
    if body.get("stream") is True:
        return await _stream(request, kept, -1)
    response = kept.now()
    responses_output.check_refused(response)
    return await reply_json(request, response)


async def retrieve(request: web.Request) -> web.StreamResponse:
    kept = _found(request)
    if request.query.get("stream") == "true":
        return await _stream(request, kept, _whole_number(request, "starting_after", -1, low=-1))
    return await reply_json(request, kept.now())


async def delete(request: web.Request) -> web.StreamResponse:
    kept = _found(request)
    MEMORY.delete(bearer(request), kept.final["id"])
    return await reply_json(request, {"id": kept.final["id"], "object": "response", "deleted": True})


async def cancel(request: web.Request) -> web.StreamResponse:
    kept = _found(request)
    if not kept.is_background:
        raise SandboxError("Only responses created with background=true can be cancelled.")
    return await reply_json(request, kept.cancel())


async def input_items(request: web.Request) -> web.StreamResponse:
    """What the model was given, earlier turns included; the newest first unless `order=asc`."""
    key, kept = bearer(request), _found(request)
    previous_id = kept.final["previous_response_id"]
    items = (MEMORY.conversation(key, previous_id) if previous_id else []) + kept.items
    if request.query.get("order", "desc") != "asc":
        items = items[::-1]
    if after := request.query.get("after"):
        places = [place for place, item in enumerate(items) if item["id"] == after]
        if not places:
            raise SandboxError(f"Item with id '{after}' not found.", status=404, param="after")
        items = items[places[0] + 1 :]
    limit = _whole_number(request, "limit", 20, low=1, high=MAX_PAGE)
    page = [_listed(item) for item in items[:limit]]
    ends = {"first_id": page[0]["id"] if page else "", "last_id": page[-1]["id"] if page else ""}
    return await reply_json(request, {"object": "list", "data": page, "has_more": len(items) > limit, **ends})


def _listed(item: Shape) -> Shape:
    """An item as lists have it: there a call of any kind has a status."""
    return {"status": "completed"} | item if item["type"] in CALLS else item


async def input_tokens(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    asked = await responses_request.read(body, MEMORY, bearer(request), needs_model=False)
    count = chat_prompt.count_prompt(asked.messages, body.get("tools"))
    return await reply_json(request, {"object": "response.input_tokens", "input_tokens": count})


async def compact(request: web.Request) -> web.StreamResponse:
    """The user's messages as they were, and everything else in one sealed item that a later input may hold."""
    body = await json_body(request)
    asked = await responses_request.read(body, MEMORY, bearer(request))
    told = "\n".join(f"{message['role']}: {chat_prompt.text_of(message)}" for message in asked.messages)
    summary, item_id = told[:MAX_SUMMARY_CHARACTERS], new_id("cmp")
    sealed = seal("compaction", {"id": item_id, "text": summary})
    item = {"id": item_id, "type": "compaction", "encrypted_content": sealed}
    users = [item for item in asked.items if item["type"] == "message" and item["role"] == "user"]
    given, made = chat_prompt.count_prompt(asked.messages, None), counting.count(summary)
    usage = {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": given + made,
    }
    answer = {"id": new_id("resp"), "object": "response.compaction", "created_at": int(time.time())}
    return await reply_json(request, answer | {"output": [*users, item], "usage": usage})


def _found(request: web.Request) -> Kept:
    """The response that the path names. Raises `SandboxError`, for other keys' responses too."""
    response_id = request.match_info["id"]
    kept = MEMORY.get(bearer(request), response_id)
    if kept is None:
        raise SandboxError(f"Response with id '{response_id}' not found.", status=404)
    return kept


def _whole_number(request: web.Request, name: str, default: int, *, low: int, high: int = 10**9) -> int:
    text = request.query.get(name)
    try:
        number = int(text) if text else default
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise SandboxError(f"Invalid '{name}': must be a whole number.", param=name, code="invalid_value")
    return number


async def _stream(request: web.Request, kept: Kept, after: int) -> web.StreamResponse:
    events = Events(request)
    await events.open()
    async for event in kept.follow(after):
        if "response" in event:
            event = event | {"response": with_usage(event["response"], request[FAULTS])}
        await events.send(event, event=event["type"])
    return await events.close()


routes = [
    web.post("/v1/responses", create),
    web.get("/v1/responses", responses_socket.connect),
    web.post("/v1/responses/input_tokens", input_tokens),
    web.post("/v1/responses/compact", compact),
    web.get("/v1/responses/{id}", retrieve),
    web.delete("/v1/responses/{id}", delete),
    web.post("/v1/responses/{id}/cancel", cancel),
    web.get("/v1/responses/{id}/input_items", input_items),
]
