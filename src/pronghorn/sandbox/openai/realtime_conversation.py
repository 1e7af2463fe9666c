"""The items of a Realtime conversation, in their order, and the chat that they amount to.

What was said aloud is kept as sound and as the words that were heard in it.
"""

import asyncio
import base64
import binascii
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pronghorn.kit.ids import new_id
from pronghorn.kit.later import Later
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.hearing import hear
from pronghorn.sandbox.openai.responses_refusal import missing, not_among

if TYPE_CHECKING:
    from pronghorn.sandbox.openai import realtime_audio
else:
    realtime_audio = Later("pronghorn.sandbox.openai.realtime_audio")

Shape = dict[str, Any]

MAX_ITEMS = 2_000
INPUT_TOKENS_PER_S = 10
_PARTS = {
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text", "output_audio"),
    "system": ("input_text",),
}
_NEEDED = {
    "message": ("role", "content"),
    "function_call": ("name", "arguments"),
    "function_call_output": ("call_id", "output"),
}


@dataclass(slots=True)
class Item:
    """`shape` is what events show; `words` were spoken in it, for `sound_s` seconds."""

    shape: Shape
    words: str = ""
    sound_s: float = 0.0
    sound: str = ""
    """In base64, for who retrieves the item."""

    @property
    def id(self) -> str:
        return str(self.shape["id"])

    @property
    def sound_tokens(self) -> int:
        return math.ceil(self.sound_s * INPUT_TOKENS_PER_S)


async def read(given: Any, place: str, kind: str) -> Item:
    """A client's item; `kind` is the format of its sound. Raises `SandboxError` that names the place."""
    item = given if isinstance(given, dict) else {}
    if item.get("type") not in tuple(_NEEDED):
        raise not_among(f"{place}.type", item.get("type"), _NEEDED)
    for name in _NEEDED[item["type"]]:
        if not isinstance(item.get(name), list if name == "content" else str):
            raise missing(f"{place}.{name}")
    item_id = item.get("id") or new_id("item")
    if not isinstance(item_id, str) or len(item_id) > 64:
        raise SandboxError(f"Invalid '{place}.id'.", param=f"{place}.id", code="invalid_value")
    common = {"id": item_id, "object": "realtime.item", "type": item["type"], "status": "completed"}
    if item["type"] != "message":
        named = {"call_id": item.get("call_id") or new_id("call")}
        return Item(common | {name: item[name] for name in _NEEDED[item["type"]]} | named)
    return await _message(item, common, place, kind)


async def _message(item: Shape, common: Shape, place: str, kind: str) -> Item:
    role = item["role"]
    if role not in tuple(_PARTS):
        raise not_among(f"{place}.role", role, _PARTS)
    made = Item(common | {"role": role, "content": []})
    for index, part in enumerate(item["content"]):
        here = f"{place}.content[{index}]"
        sort = part.get("type") if isinstance(part, dict) else None
        if sort not in _PARTS[role]:
            raise not_among(f"{here}.type", sort, _PARTS[role])
        if sort in ("input_audio", "output_audio"):
            await _add_sound(made, part, here, kind)
        else:
            name = "image_url" if sort == "input_image" else "text"
            if not isinstance(part.get(name), str):
                raise missing(f"{here}.{name}")
            made.shape["content"].append({"type": sort, name: part[name]})
    return made


async def _add_sound(item: Item, part: Shape, place: str, kind: str) -> None:
    transcript = part.get("transcript")
    told = {"transcript": transcript} if isinstance(transcript, str) else {}
    item.shape["content"].append({"type": part["type"]} | told)
    if part.get("audio"):
        samples = decoded(part["audio"], f"{place}.audio", kind)
        await listen(item, samples, kind)
    item.words = str(told.get("transcript", item.words))


def decoded(text: Any, place: str, kind: str) -> Any:
    """Base64 as samples. Raises `SandboxError`."""
    try:
        return realtime_audio.decode(base64.b64decode(text, validate=True), kind)
    except (binascii.Error, ValueError, TypeError) as error:
        raise SandboxError(
            f"Invalid '{place}'. Expected base64-encoded {kind} audio bytes.",
            param=place,
            code="invalid_value",
        ) from error


async def listen(item: Item, samples: Any, kind: str) -> None:
    """Keep the sound with the item, and the words in it."""
    item.sound = base64.b64encode(realtime_audio.encode(samples, kind)).decode()
    item.sound_s = len(samples) / realtime_audio.RATES[kind]
    if len(samples):
        item.words = (await hear(await asyncio.to_thread(realtime_audio.as_wav, samples, kind), "audio")).text


def of_sound() -> Item:
    """A user's turn that will be listened to."""
    common = {"id": new_id("item"), "object": "realtime.item", "type": "message", "status": "completed"}
    return Item(common | {"role": "user", "content": [{"type": "input_audio"}]})


@dataclass(slots=True)
class Conversation:
    id: str = field(default_factory=lambda: new_id("conv"))
    items: list[Item] = field(default_factory=list)

    def check_room(self) -> None:
        """Raises `SandboxError` if the client has put enough into it."""
        if len(self.items) >= MAX_ITEMS:
            raise SandboxError(f"A conversation has at most {MAX_ITEMS} items.", param="item")

    def add(self, item: Item, after: Any = None) -> str | None:
        """Put it behind `after` (`root`: first; None: last); gives the id of the item before it."""
        if any(other.id == item.id for other in self.items):
            raise SandboxError(
                f"An item with id '{item.id}' exists already.", param="item.id", code="item_exists"
            )
        if item.shape["type"] == "function_call_output":
            self._check_call(item.shape["call_id"])
        place = len(self.items)
        if after is not None:
            place = 0 if after == "root" else self._place(after, "previous_item_id") + 1
        self.items.insert(place, item)
        return self.items[place - 1].id if place else None

    def get(self, item_id: Any) -> Item:
        return self.items[self._place(item_id, "item_id")]

    def delete(self, item_id: Any) -> None:
        del self.items[self._place(item_id, "item_id")]

    def truncate(self, item_id: Any, content_index: Any, end_ms: Any) -> None:
        """Cut what was not heard of the assistant's speech; its words go altogether, as their place is not known."""
        item = self.get(item_id)
        content = item.shape.get("content", [])
        is_index = isinstance(content_index, int) and 0 <= content_index < len(content)
        if not is_index or content[content_index]["type"] != "output_audio":
            raise SandboxError("Only audio of the assistant can be truncated.", param="content_index")
        if not isinstance(end_ms, int) or not 0 <= end_ms <= item.sound_s * 1000:
            refusal = f"Audio content of {round(item.sound_s * 1000)}ms is already shorter than {end_ms}ms"
            raise SandboxError(refusal, param="audio_end_ms", code="invalid_value")
        item.sound_s, item.words = end_ms / 1000, ""
        content[content_index]["transcript"] = ""

    def _place(self, item_id: Any, param: str) -> int:
        for place, item in enumerate(self.items):
            if item.id == item_id:
                return place
        raise SandboxError(f"Item with id '{item_id}' not found.", param=param, code="item_not_found")

    def _check_call(self, call_id: str) -> None:
        if not any(i.shape["type"] == "function_call" and i.shape["call_id"] == call_id for i in self.items):
            refusal = f"Tool call ID '{call_id}' not found in conversation."
            raise SandboxError(refusal, param="item.call_id", code="invalid_tool_call_id")


def messages(items: list[Item], instructions: str, *, hears: bool) -> list[Shape]:
    """The chat; with what was said aloud, or without, as tokens of text are counted."""
    told = [{"role": "system", "content": instructions}] if instructions else []
    return told + [_as_message(item, hears) for item in items]


def _as_message(item: Item, hears: bool) -> Shape:
    shape = item.shape
    if shape["type"] == "function_call":
        called = {"name": shape["name"], "arguments": shape["arguments"]}
        call = {"id": shape["call_id"], "type": "function", "function": called}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if shape["type"] == "function_call_output":
        return {"role": "tool", "tool_call_id": shape["call_id"], "content": shape["output"]}
    parts: list[Shape] = []
    for part in shape["content"]:
        if part["type"] == "input_image":
            parts.append({"type": "image_url", "image_url": {"url": part["image_url"]}})
        elif "text" in part:
            parts.append({"type": "text", "text": part["text"]})
    if hears and item.words:
        parts.append({"type": "text", "text": item.words})
    return {"role": shape["role"], "content": parts}
