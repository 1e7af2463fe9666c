"""One answer in a Realtime session: its events in order, real speech if it is spoken, and its usage.

It can be cancelled at any time: what was said until then stays.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pronghorn.kit.ids import new_id
from pronghorn.kit.later import Later
from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.openai import chat_answer, chat_prompt, realtime_conversation
from pronghorn.sandbox.openai.chat_answer import Answer, Call
from pronghorn.sandbox.openai.realtime_conversation import Conversation, Item

if TYPE_CHECKING:
    from pronghorn.sandbox.openai import realtime_audio
else:
    realtime_audio = Later("pronghorn.sandbox.openai.realtime_audio")

Shape = dict[str, Any]
Send = Callable[..., Awaitable[None]]

MAX_SPOKEN_CHARACTERS = 4_096
OUTPUT_TOKENS_PER_S = 20
DELTA_S = 0.5
_ARGUMENT_CHARACTERS = 12
_RATE_LIMITS = [
    {"name": "requests", "limit": 1_000, "remaining": 999, "reset_seconds": 0.06},
    {"name": "tokens", "limit": 100_000, "remaining": 99_000, "reset_seconds": 0.6},
]


class Response:
    """`play` it once; `finish` tells how it ended."""

    def __init__(
        self, send: Send, session: Shape, conversation: Conversation, given: list[Item] | None
    ) -> None:
        self.id = new_id("resp")
        self._send = send
        self._session = session
        self._conversation = conversation
        self._heard = list(conversation.items) if given is None else given
        self._output: list[Item] = []
        self._text_tokens = self._sound_tokens = 0

    async def play(self) -> None:
        await self._send("response.created", response=self._shape("in_progress"))
        await self._send("rate_limits.updated", rate_limits=_RATE_LIMITS)
        try:
            decided = await chat_answer.answer(self._chat(), self._messages(hears=True))
        except SandboxError as error:
            failure = {"type": error.type, "code": error.code or "invalid_value"}
            await self.finish("failed", error=failure)
            return
        for call in decided.calls:
            await self._call(call)
        if not decided.calls:
            await self._say(decided)
        reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
        reason = reasons.get(decided.finish)
        await self.finish("incomplete" if reason else "completed", reason=reason)

    async def finish(self, status: str, **details: Any) -> None:
        """The last event. `details` are those of the status, if there are any."""
        known = {name: value for name, value in details.items() if value is not None}
        shape = self._shape(status) | {"usage": self._usage()}
        if known:
            shape["status_details"] = {"type": status} | known
        await self._send("response.done", response=shape)

    def _messages(self, *, hears: bool) -> list[Shape]:
        found = realtime_conversation.messages(self._heard, self._session["instructions"], hears=hears)
        return found or [{"role": "user", "content": ""}]

    def _chat(self) -> Shape:
        limit = self._session["max_output_tokens"]
        return {
            "model": self._session["model"],
            "tools": self._session["tools"],
            "tool_choice": self._session["tool_choice"],
            "parallel_tool_calls": self._session.get("parallel_tool_calls"),
            "max_tokens": limit if isinstance(limit, int) else None,
        }

    def _shape(self, status: str) -> Shape:
        session = self._session
        voice = {name: session["audio"]["output"][name] for name in ("format", "voice")}
        shape = {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "output": [item.shape for item in self._output],
            "output_modalities": session["output_modalities"],
            "max_output_tokens": session["max_output_tokens"],
            "audio": {"output": voice},
            "metadata": session.get("metadata"),
        }
        return shape | ({"conversation_id": self._conversation.id} if self._is_kept else {})

    @property
    def _is_kept(self) -> bool:
        return bool(self._session.get("conversation") != "none")

    def _usage(self) -> Shape:
        """Every answer is charged for the whole conversation again."""
        counted = chat_prompt.count_prompt(self._messages(hears=False), self._session["tools"])
        pictures = chat_prompt.IMAGE_TOKENS * len(chat_prompt.parts(self._messages(hears=False), "image_url"))
        sound = sum(item.sound_tokens for item in self._heard)
        given, made = counted + sound, self._text_tokens + self._sound_tokens
        kinds = {"text_tokens": counted - pictures, "audio_tokens": sound, "image_tokens": pictures}
        cached = {"cached_tokens": 0, "cached_tokens_details": dict.fromkeys(kinds, 0)}
        return {
            "total_tokens": given + made,
            "input_tokens": given,
            "output_tokens": made,
            "input_token_details": kinds | cached,
            "output_token_details": {"text_tokens": self._text_tokens, "audio_tokens": self._sound_tokens},
        }

    async def _begin(self, shape: Shape) -> tuple[Item, Shape]:
        """Announce an item; gives it with what all its events have in common."""
        item = Item({"id": new_id("item"), "object": "realtime.item", "status": "in_progress"} | shape)
        here = {"response_id": self.id, "output_index": len(self._output)}
        self._output.append(item)
        await self._send("response.output_item.added", **here, item=dict(item.shape))
        if self._is_kept:
            before = self._conversation.add(item)
            added = dict(item.shape)
            await self._send("conversation.item.added", previous_item_id=before, item=added)
        return item, here

    async def _end(self, item: Item, here: Shape, status: str = "completed") -> None:
        item.shape["status"] = status
        if self._is_kept:
            place = self._conversation.items.index(item) if item in self._conversation.items else 0
            before = self._conversation.items[place - 1].id if place else None
            await self._send("conversation.item.done", previous_item_id=before, item=item.shape)
        await self._send("response.output_item.done", **here, item=item.shape)

    async def _call(self, call: Call) -> None:
        named = {"call_id": call.id, "name": call.name}
        item, here = await self._begin({"type": "function_call", **named, "arguments": ""})
        here_item = here | {"item_id": item.id, "call_id": call.id}
        kind = "response.function_call_arguments"
        for start in range(0, len(call.arguments), _ARGUMENT_CHARACTERS):
            await self._send(
                f"{kind}.delta", **here_item, delta=call.arguments[start:][:_ARGUMENT_CHARACTERS]
            )
        item.shape["arguments"] = call.arguments
        self._text_tokens += counting.count(call.name + call.arguments)
        await self._send(f"{kind}.done", **here_item, name=call.name, arguments=call.arguments)
        await self._end(item, here)

    async def _say(self, decided: Answer) -> None:
        text = decided.text or decided.refusal
        is_spoken = self._session["output_modalities"] == ["audio"]
        if is_spoken and len(text) > MAX_SPOKEN_CHARACTERS:
            text, decided.finish = text[:MAX_SPOKEN_CHARACTERS], "length"
        item, here = await self._begin({"type": "message", "role": "assistant", "content": []})
        here_part = here | {"item_id": item.id, "content_index": 0}
        await (self._speak if is_spoken else self._write)(item, here_part, text)
        await self._end(item, here, "completed" if decided.finish == "stop" else "incomplete")

    async def _write(self, item: Item, here: Shape, text: str) -> None:
        part = {"type": "output_text", "text": ""}
        item.shape["content"].append(part)
        await self._send("response.content_part.added", **here, part={"type": "text", "text": ""})
        for token in counting.tokens(text):
            part["text"] += token
            self._text_tokens += 1
            await self._send("response.output_text.delta", **here, delta=token)
        await self._send("response.output_text.done", **here, text=text)
        await self._send("response.content_part.done", **here, part={"type": "text", "text": text})

    async def _speak(self, item: Item, here: Shape, text: str) -> None:
        part = {"type": "output_audio", "transcript": ""}
        item.shape["content"].append(part)
        await self._send("response.content_part.added", **here, part={"type": "audio", "transcript": ""})
        kind, sounds = await self._sounds(text)
        for token, sound in zip_longest(counting.tokens(text), sounds):
            if token is not None:
                part["transcript"] += token
                item.words += token
                self._text_tokens += 1
                await self._send("response.output_audio_transcript.delta", **here, delta=token)
            if sound is not None:
                seconds = len(sound) / realtime_audio.RATES[kind]
                item.sound_s += seconds
                self._sound_tokens += round(seconds * OUTPUT_TOKENS_PER_S)
                delta = base64.b64encode(realtime_audio.encode(sound, kind)).decode()
                await self._send("response.output_audio.delta", **here, delta=delta)
        await self._send("response.output_audio.done", **here)
        await self._send("response.output_audio_transcript.done", **here, transcript=text)
        await self._send("response.content_part.done", **here, part={"type": "audio", "transcript": text})

    async def _sounds(self, text: str) -> tuple[str, list[Any]]:
        """The format, and the speech in pieces of `DELTA_S`."""
        output = self._session["audio"]["output"]
        kind = output["format"]["type"]
        sound = await asyncio.to_thread(
            realtime_audio.spoken, text, voice=output["voice"], speed=output["speed"], kind=kind
        )
        size = int(realtime_audio.RATES[kind] * DELTA_S)
        return kind, [sound[start : start + size] for start in range(0, len(sound), size)]
