"""A Responses stream, read. Items that interleave wait for their turn; what the deltas left out, the whole ones tell.

The vendor's own end is `response.completed` or `response.incomplete`; after a failure nothing more is believed.
"""

from typing import Any

import msgspec

from pronghorn.convert.events import Closed, Counted, Ended, Event, Finished, Opened, Started
from pronghorn.convert.responses import finishes
from pronghorn.convert.responses.reply_in import read_detail, read_usage
from pronghorn.convert.responses.stream_item import CALL, REFUSAL, TEXT, THINKING, Item, Known, part_index
from pronghorn.convert.turn import Json, Text

_decode = msgspec.json.Decoder().decode
_DELTAS = {
    "response.output_text.delta": TEXT,
    "response.refusal.delta": REFUSAL,
    "response.reasoning_summary_text.delta": THINKING,
    "response.reasoning_text.delta": THINKING,
    "response.function_call_arguments.delta": CALL,
    "response.custom_tool_call_input.delta": CALL,
}
_WHOLES = {
    "response.output_text.done": (TEXT, "text"),
    "response.refusal.done": (REFUSAL, "refusal"),
    "response.reasoning_summary_text.done": (THINKING, "text"),
    "response.reasoning_text.done": (THINKING, "text"),
    "response.function_call_arguments.done": (CALL, "arguments"),
    "response.custom_tool_call_input.done": (CALL, "input"),
}
_BEGINNINGS = ("response.created", "response.in_progress", "response.queued")
_ENDS = ("response.completed", "response.incomplete", "response.done")
_FAILURES = ("response.failed", "response.cancelled")


class Reader:
    def __init__(self) -> None:
        self._items: dict[Any, Item] = {}
        """All items by their `output_index`."""
        self._queue: list[Item] = []
        """Those that are not done, in order; only the first one's events go out."""
        self._known = Known()
        self._is_started = False
        self._is_ended = False

    def feed(self, data: bytes) -> list[Event]:
        try:
            event = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        if self._is_ended or not isinstance(event, dict):
            return []
        kind = event.get("type")
        if not isinstance(kind, str) or not kind.startswith("response."):
            return []
        events: list[Event] = []
        if not self._is_started:
            self._start(event, events)
        if kind in _ENDS:
            self._finish(event, events)
        elif kind in _FAILURES:
            self._fail(event, events)
        elif kind not in _BEGINNINGS:
            self._read(kind, event, events)
        return events

    def end(self) -> list[Event]:
        """Without the vendor's own end: what came is given, and nothing says that it was all."""
        events: list[Event] = []
        if not self._is_ended:
            self._settle_all(events)
            self._is_ended = True
        return events

    def _start(self, event: Json, events: list[Event]) -> None:
        self._is_started = True
        found = _response(event)
        created, tier = found.get("created_at"), found.get("service_tier")
        events.append(
            Started(
                str(found.get("id") or ""),
                str(found.get("model") or ""),
                int(created) if isinstance(created, int | float) else 0,
                tier if isinstance(tier, str) and tier != "auto" else "",
            )
        )

    def _read(self, kind: str, event: Json, events: list[Event]) -> None:
        item = self._item(event)
        if item.is_done:
            return
        delta = _DELTAS.get(kind)
        if delta is not None:
            text = event.get("delta")
            if isinstance(text, str):
                item.grow(delta, part_index(event), text, event)
        elif kind in _WHOLES:
            part_kind, name = _WHOLES[kind]
            text = event.get(name)
            if isinstance(text, str):
                item.settle(part_kind, part_index(event), text, event)
        elif kind == "response.output_item.added":
            item.announce(_object(event, "item"))
        elif kind == "response.output_item.done":
            item.finish(_object(event, "item"))
        elif kind == "response.content_part.added":
            item.open_content(_object(event, "part"), part_index(event))
        elif kind == "response.content_part.done":
            item.settle_content(_object(event, "part"), part_index(event))
        elif kind == "response.output_text.annotation.added":
            item.cite(event.get("annotation"))
        self._flow(events)

    def _item(self, event: Json) -> Item:
        """The item that an event is about; servers that say no index mean the last one."""
        key = event.get("output_index")
        if not isinstance(key, int):
            named = event.get("item_id")
            key = next((key for key, item in self._items.items() if named and item.id == named), None)
            if key is None:
                key = len(self._items) - 1 if self._queue else len(self._items)
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = Item(self._known)
            self._queue.append(item)
        return item

    def _flow(self, events: list[Event]) -> None:
        while self._queue:
            item = self._queue[0]
            if item.events:
                events += item.events
                item.events = []
            if not item.is_done:
                return
            self._queue.pop(0)

    def _settle_all(self, events: list[Event]) -> None:
        for item in self._queue:
            item.finish({})
        self._flow(events)
        self._give_up(events)

    def _give_up(self, events: list[Event]) -> None:
        kept = self._known.carry(None)
        if kept is not None:
            events += [Opened(Text("", signature=kept)), Closed()]

    def _finish(self, event: Json, events: list[Event]) -> None:
        response = _response(event)
        output = response.get("output")
        for index, found in enumerate(output if isinstance(output, list) else ()):
            if isinstance(found, dict):
                item = self._item({"output_index": index})
                if not item.is_done:
                    item.finish(found)
        self._settle_all(events)
        self._is_ended = True
        if "status" not in response:
            response = response | {"status": str(event["type"]).removeprefix("response.")}
        finish = finishes.read(response, has_calls=self._known.has_calls, has_refusal=self._known.has_refusal)
        events.append(Finished(finish, detail=read_detail(response)))
        self._count(response, events)
        events.append(Ended())

    def _fail(self, event: Json, events: list[Event]) -> None:
        self._settle_all(events)
        self._is_ended = True
        response = _response(event)
        events.append(Finished("error", detail=read_detail(response)))
        self._count(response, events)

    @staticmethod
    def _count(response: Json, events: list[Event]) -> None:
        usage = read_usage(response.get("usage"))
        if usage is not None:
            events.append(Counted(usage))


def _response(event: Json) -> Json:
    return _object(event, "response")


def _object(event: Json, name: str) -> Json:
    found = event.get(name)
    return found if isinstance(found, dict) else {}
