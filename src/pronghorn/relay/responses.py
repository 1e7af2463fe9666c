"""Responses that are remembered: `store`, `previous_response_id`, `background`, and what can be asked of them later.

They are kept by the gateway and not by a vendor, so that a conversation goes on whichever channel answers next.
Around the ordinary relay: what goes in is completed before, what comes out is looked at on its way.
"""

import asyncio
import secrets
from typing import Any

import msgspec
import structlog

from pronghorn import convert
from pronghorn.convert.events import replay
from pronghorn.convert.turn import Reply
from pronghorn.errors import BadRequest, Conflict, NotFound, PronghornError
from pronghorn.kit import sse
from pronghorn.kit.clock import Clock
from pronghorn.relay.background import Run
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.incoming import Headers, Incoming, Sink
from pronghorn.relay.keeping import Keeper
from pronghorn.relay.response_memory import ENDED, LAST, Json, Kept, Memory, event_of, failure, rendered
from pronghorn.relay.service import Relay
from pronghorn.routing import Grant
from pronghorn.wire import openai

KIND = "response"
LIFE_S = 30 * 24 * 3600.0
FETCHED_LIFE_S = 24 * 3600.0
"""What ran in the background is kept so long after it was fetched."""
MAX_RUNNING = 1_000
JSON_HEADERS: Headers = [(b"content-type", b"application/json")]

log = structlog.get_logger()


class Responses:
    """One for the process."""

    def __init__(self, relay: Relay, keeper: Keeper, clock: Clock, life: str) -> None:
        self._relay = relay
        self._keeper = keeper
        self._clock = clock
        self._life = life
        self._running: dict[str, Run] = {}

    async def serve(self, incoming: Incoming, grant: Grant, sink: Sink) -> None:
        """POST /v1/responses."""
        endpoint = BY_NAME["responses"]
        asked = _peek(incoming.body)
        is_plain = asked is None or (
            asked.store is False and not asked.previous_response_id and not asked.background
        )
        if is_plain:
            await self._relay.serve(incoming, grant, endpoint, sink)
            return
        assert asked is not None
        body = msgspec.json.decode(incoming.body)
        given = _items(body.get("input"))
        before = await self._before(grant, asked.previous_response_id, body)
        if before or asked.background:
            body["input"] = [*before, *given]
            body.pop("previous_response_id", None)
            body.pop("background", None)
            incoming = msgspec.structs.replace(incoming, body=msgspec.json.encode(body))
        memory = Memory(given, before, asked.previous_response_id)
        if asked.background:
            if asked.store is False:
                raise BadRequest(
                    "`background` needs `store`: leave `store` out or make it true", param="background"
                )
            await self._begin(incoming, grant, body, asked, memory, sink)
        elif asked.store is False:
            await self._relay.serve(incoming, grant, endpoint, sink)
        else:
            await self._relay.serve(
                incoming, grant, endpoint, _Remembering(sink, self._remember, grant, memory)
            )

    async def get(self, grant: Grant, response_id: str, query: dict[str, list[str]], sink: Sink) -> None:
        """GET /v1/responses/{id}, as a stream with `stream=true`."""
        run = self._running.get(response_id)
        is_stream = query.get("stream") == ["true"]
        after = _whole_number(query, "starting_after", -1)
        if run is not None and run.belongs_to(grant) and is_stream:
            await run.follow(sink, after)
            return
        kept = await self._kept(grant, response_id)
        if is_stream:
            await _replay(kept, sink, after)
            return
        if kept.life and kept.response["status"] in ENDED:
            await self._put(grant, response_id, kept, FETCHED_LIFE_S)
        await sink.whole(200, JSON_HEADERS, msgspec.json.encode(kept.response))

    async def delete(self, grant: Grant, response_id: str, sink: Sink) -> None:
        if not await self._keeper.forget(grant, KIND, response_id):
            raise _unknown(response_id)
        gone = {"id": response_id, "object": "response", "deleted": True}
        await sink.whole(200, JSON_HEADERS, msgspec.json.encode(gone))

    async def cancel(self, grant: Grant, response_id: str, sink: Sink) -> None:
        kept = await self._kept(grant, response_id)
        if not kept.response.get("background"):
            raise BadRequest(
                "only a response that runs in the background can be cancelled", param="response_id"
            )
        run = self._running.get(response_id)
        if run is not None and run.belongs_to(grant):
            await run.cancel()
            kept = await self._kept(grant, response_id)
        await sink.whole(200, JSON_HEADERS, msgspec.json.encode(kept.response))

    async def input_items(
        self, grant: Grant, response_id: str, query: dict[str, list[str]], sink: Sink
    ) -> None:
        kept = await self._kept(grant, response_id)
        limit = _whole_number(query, "limit", 20)
        if not 1 <= limit <= 100:
            raise BadRequest("`limit` must be from 1 to 100", param="limit")
        items = kept.input if query.get("order") == ["asc"] else kept.input[::-1]
        if after := query.get("after"):
            place = next((i for i, item in enumerate(items) if item["id"] == after[0]), None)
            if place is None:
                raise BadRequest(f"`after`: there is no item {after[0][:80]!r}", param="after")
            items = items[place + 1 :]
        page, has_more = items[:limit], len(items) > limit
        ends = (page[0]["id"], page[-1]["id"]) if page else (None, None)
        listed = {
            "object": "list",
            "data": page,
            "has_more": has_more,
            "first_id": ends[0],
            "last_id": ends[1],
        }
        await sink.whole(200, JSON_HEADERS, msgspec.json.encode(listed))

    async def close(self) -> None:
        """What still runs is told to end, and is remembered as failed."""
        await asyncio.gather(*(run.cancel() for run in list(self._running.values())), return_exceptions=True)

    # Memory

    async def _before(self, grant: Grant, previous: str | None, body: Json) -> list[Any]:
        if not previous:
            return []
        if body.get("conversation") is not None:
            raise BadRequest(
                "`previous_response_id` and `conversation` exclude each other", param="conversation"
            )
        try:
            kept = await self._kept(grant, previous)
        except NotFound as error:
            raise BadRequest(
                f"Previous response with id {previous[:100]!r} not found: it was not stored, is older than 30 days, "
                "or belongs to another account",
                param="previous_response_id",
                code="previous_response_not_found",
            ) from error
        if kept.response["status"] not in ("completed", "incomplete"):
            raise BadRequest(
                f"the previous response has not ended (it is {kept.response['status']})",
                param="previous_response_id",
            )
        return kept.context

    async def _kept(self, grant: Grant, response_id: str) -> Kept:
        run = self._running.get(response_id)
        if run is not None and run.belongs_to(grant):
            return run.kept  # newer than what is stored
        data = await self._keeper.get(grant, KIND, response_id)
        if data is None:
            raise _unknown(response_id)
        kept = msgspec.json.decode(data, type=Kept)
        is_open = kept.response["status"] not in ENDED
        if (
            is_open
            and kept.life.partition("/")[0] == self._life.partition("/")[0]
            and kept.life != self._life
        ):
            kept.response |= failure("the gateway was restarted while this response ran")
            await self._put(grant, response_id, kept, LIFE_S)
        return kept

    async def _put(self, grant: Grant, response_id: str, kept: Kept, life_s: float) -> bool:
        return await self._keeper.put(grant, KIND, response_id, msgspec.json.encode(kept), life_s)

    async def _remember(self, grant: Grant, response: Json, memory: Memory) -> None:
        output = response.get("output") or []
        response = response | {"previous_response_id": memory.previous, "store": True}
        context = [*memory.before, *memory.given, *_repeatable(output)]
        kept = Kept(response, _with_ids(memory.given), context)
        if not await self._put(grant, str(response.get("id")), kept, LIFE_S):
            log.error("response.not_stored", response=response.get("id"))

    # Background

    async def _begin(
        self,
        incoming: Incoming,
        grant: Grant,
        body: Json,
        asked: openai.ResponsesPeek,
        memory: Memory,
        sink: Sink,
    ) -> None:
        if len(self._running) >= MAX_RUNNING:
            raise Conflict(
                f"{MAX_RUNNING} responses run in the background already; try again when some have ended"
            )
        response_id = f"resp_{secrets.token_hex(24)}"
        queued = self._queued(response_id, body)
        kept = Kept(queued, _with_ids(memory.given), [], self._life)
        if not await self._put(grant, response_id, kept, LIFE_S):
            raise PronghornError("the response could not be stored, so it was not begun; try again")
        run = Run(response_id, grant, kept, memory, self._ended)
        self._running[response_id] = run
        body["stream"] = True
        begun = msgspec.structs.replace(incoming, body=msgspec.json.encode(body))
        run.launch(self._relay.serve(begun, grant, BY_NAME["responses"], run))
        if (refusal := await run.refusal()) is not None:
            try:
                await self._keeper.forget(grant, KIND, response_id)
            except Exception as error:  # it is forgotten by itself in time
                log.error("kept.not_forgotten", kind=KIND, error=repr(error))
            raise refusal
        if asked.stream:
            await run.follow(sink, -1)
        else:
            await sink.whole(200, JSON_HEADERS, msgspec.json.encode(queued))

    def _queued(self, response_id: str, body: Json) -> Json:
        dialect = convert.load()["responses"]
        turn = dialect.read_request(body)
        empty = Reply(response_id, turn.model, [], created_s=int(self._clock.now()))
        shape = dialect.write_reply(empty, turn)
        return shape | {
            "id": response_id,
            "status": "queued",
            "background": True,
            "output": [],
            "usage": None,
        }

    async def _ended(self, run: Run) -> None:
        """A background run is over, whatever became of it."""
        kept = run.kept
        if kept.response["status"] in ("completed", "incomplete"):
            output = kept.response.get("output") or []
            kept.context = [*run.memory.before, *run.memory.given, *_repeatable(output)]
        kept.events = run.told()
        await self._put(run.grant, run.id, kept, LIFE_S)
        self._running.pop(run.id, None)


class _Remembering:
    """A sink that sees the response on its way out, and has it stored before the caller knows that it is there."""

    straight = None

    def __init__(self, inner: Sink, remember: Any, grant: Grant, memory: Memory) -> None:
        self._inner = inner
        self._remember = remember
        self._grant = grant
        self._memory = memory
        self._splitter = sse.Splitter()
        self.on_disconnect = inner.on_disconnect
        self.start = inner.start
        self.end = inner.end
        self.break_off = inner.break_off

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        if status == 200 and dict(headers).get(b"content-type", b"").startswith(b"application/json"):
            await self._remember(self._grant, msgspec.json.decode(body), self._memory)
        await self._inner.whole(status, headers, body)

    async def write(self, data: bytes) -> None:
        for event in self._splitter.feed(data):
            found = event_of(event)
            if found is not None and found["type"] in LAST and isinstance(found.get("response"), dict):
                await self._remember(self._grant, found["response"], self._memory)
        await self._inner.write(data)


def _peek(body: bytes) -> openai.ResponsesPeek | None:
    """None for a body that the relay will find fault with."""
    try:
        return openai.responses_peek_decoder.decode(body)
    except (ValueError, RecursionError):
        return None


def _items(given: Any) -> list[Any]:
    """The input as items; one text is one message."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return list(given) if isinstance(given, list) else []


def _with_ids(items: list[Any]) -> list[Any]:
    return [
        item
        if not isinstance(item, dict) or item.get("id")
        else {"id": f"item_{secrets.token_hex(12)}"} | item
        for item in items
    ]


def _repeatable(output: list[Any]) -> list[Any]:
    """Reasoning can only be said again where it came encrypted: its vendor may be another one next time.

    OpenAI knows by its id what was said after a reasoning, and refuses it without. Without an id it takes it.
    """
    kept = [item for item in output if not _is_bare_reasoning(item)]
    return kept if len(kept) == len(output) else [_without_id(item) for item in kept]


def _is_bare_reasoning(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning" and not item.get("encrypted_content")


_NEEDS_NO_ID = ("message", "function_call", "custom_tool_call")


def _without_id(item: Any) -> Any:
    if not isinstance(item, dict) or item.get("type") not in _NEEDS_NO_ID:
        return item
    return {name: value for name, value in item.items() if name != "id"}


def _unknown(response_id: str) -> NotFound:
    return NotFound(
        f"Response with id {response_id[:100]!r} not found: it was not stored, is older than 30 days, or belongs to "
        "another account",
        param="response_id",
    )


def _whole_number(query: dict[str, list[str]], name: str, default: int) -> int:
    text = query.get(name, [str(default)])[0]
    try:
        return int(text)
    except ValueError as error:
        raise BadRequest(f"`{name}` must be a whole number", param=name) from error


async def _replay(kept: Kept, sink: Sink, after: int) -> None:
    """The events that this response was streamed as, or else would have been."""
    if kept.events:
        await sink.start(200, [(b"content-type", b"text/event-stream; charset=utf-8")])
        await sink.write("".join(kept.events[max(after + 1, 0) :]).encode())
        await sink.end()
        return
    if kept.response["status"] not in ("completed", "incomplete"):
        raise BadRequest(f"this response is {kept.response['status']} and has no stream", param="stream")
    dialect = convert.load()["responses"]
    reply = dialect.read_reply(kept.response)
    turn = dialect.read_request({"model": kept.response.get("model"), "input": []})
    splitter = sse.Splitter()
    events = splitter.feed(dialect.writer(turn).write(list(replay(reply))))
    await sink.start(200, [(b"content-type", b"text/event-stream; charset=utf-8")])
    for event in events:
        found = event_of(event)
        if found is None:
            continue
        if found["type"] in LAST:  # told whatever was heard before: it has the whole answer
            found["sequence_number"] = max(found["sequence_number"], after + 1)
        if found["sequence_number"] > after:
            if isinstance(found.get("response"), dict):
                found["response"] |= {"id": kept.response["id"]}
            await sink.write(rendered(found))
    await sink.end()
