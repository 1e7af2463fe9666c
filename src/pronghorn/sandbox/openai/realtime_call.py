"""One Realtime connection: what each event of the client does, and which events answer it.

At most one response is on its way. Whatever is wrong with an event is told by an `error` event; the call goes on.
"""

import asyncio
import math
from typing import TYPE_CHECKING, Any

from pronghorn.kit.ids import new_id
from pronghorn.kit.later import Later
from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.openai import realtime_conversation, realtime_session
from pronghorn.sandbox.openai.realtime_answer import Response
from pronghorn.sandbox.openai.realtime_conversation import Conversation, Item
from pronghorn.sandbox.openai.realtime_frames import Frames
from pronghorn.sandbox.openai.responses_refusal import not_among, wrong_type

if TYPE_CHECKING:
    from pronghorn.sandbox.openai import realtime_audio
else:
    realtime_audio = Later("pronghorn.sandbox.openai.realtime_audio")

Shape = dict[str, Any]

MAX_BUFFER_S = 600
MIN_COMMIT_MS = 100


class RealtimeCall:
    def __init__(self, frames: Frames, session: Shape) -> None:
        self._frames = frames
        self._session = session
        self._conversation = Conversation()
        self._buffer = realtime_audio.Buffer()
        self._speaking = realtime_conversation.of_sound()
        self._response: Response | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the client has gone."""
        await self._send("session.created", session=self._session)
        async with asyncio.TaskGroup() as self._tasks:
            async for event in self._frames.events():
                try:
                    await self._take(event)
                except SandboxError as error:
                    given = event.get("event_id") if isinstance(event, dict) else None
                    await tell_error(self._frames, error, given if isinstance(given, str) else None)
            if self._task is not None:
                self._task.cancel()

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._frames.send({"event_id": new_id("event"), "type": kind, **fields})

    async def _take(self, event: Shape | SandboxError) -> None:
        if isinstance(event, SandboxError):
            raise event
        handler = _HANDLERS.get(event["type"])
        if handler is None:
            raise not_among("type", event["type"], _HANDLERS)
        await handler(self, event)

    async def _update_session(self, event: Shape) -> None:
        before = self._format
        self._session = realtime_session.changed(self._session, event.get("session"))
        if self._format != before:
            self._buffer = realtime_audio.Buffer()
        await self._send("session.updated", session=self._session)

    @property
    def _format(self) -> str:
        return str(realtime_session.listening(self._session)["format"]["type"])

    async def _append(self, event: Shape) -> None:
        """No answer but what the detection of turns notices."""
        kind = self._format
        self._buffer.append(realtime_conversation.decoded(event.get("audio"), "audio", kind))
        rate = realtime_audio.RATES[kind]
        if self._buffer.samples > MAX_BUFFER_S * rate:
            self._buffer.take()
            raise SandboxError(f"The audio buffer holds at most {MAX_BUFFER_S} s.", param="audio")
        detection = realtime_session.detection(self._session)
        if detection is None:
            return
        for turn in self._buffer.notice(detection, rate):
            if turn.sound is None:
                await self._begin_turn(turn.at_ms, detection)
            else:
                await self._send(
                    "input_audio_buffer.speech_stopped", audio_end_ms=turn.at_ms, item_id=self._speaking.id
                )
                await self._commit_sound(turn.sound)
                if detection["create_response"] and self._session["type"] == "realtime":
                    await self._cancel_response("turn_detected")
                    self._respond(self._session, None)

    async def _begin_turn(self, at_ms: int, detection: Shape) -> None:
        started = {"audio_start_ms": at_ms, "item_id": self._speaking.id}
        await self._send("input_audio_buffer.speech_started", **started)
        if detection["interrupt_response"]:
            await self._cancel_response("turn_detected")

    async def _commit(self, _event: Shape) -> None:
        length_ms = self._buffer.samples * 1000 / realtime_audio.RATES[self._format]
        if length_ms < MIN_COMMIT_MS:
            raise SandboxError(
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{MIN_COMMIT_MS}ms of audio, but buffer only has {length_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        await self._commit_sound(self._buffer.take())

    async def _clear(self, _event: Shape) -> None:
        self._buffer.take()
        await self._send("input_audio_buffer.cleared")

    async def _commit_sound(self, samples: Any) -> None:
        """The sound becomes an item; its transcription follows if it was asked for."""
        self._conversation.check_room()
        item, self._speaking = self._speaking, realtime_conversation.of_sound()
        await realtime_conversation.listen(item, samples, self._format)
        before = self._conversation.add(item)
        await self._send("input_audio_buffer.committed", previous_item_id=before, item_id=item.id)
        await self._send("conversation.item.added", previous_item_id=before, item=item.shape)
        await self._send("conversation.item.done", previous_item_id=before, item=item.shape)
        wanted = realtime_session.listening(self._session).get("transcription")
        if wanted:
            await self._transcribe(item, str(wanted.get("model") or "whisper-1"))

    async def _transcribe(self, item: Item, model: str) -> None:
        kind, place = "conversation.item.input_audio_transcription", {"item_id": item.id, "content_index": 0}
        for token in counting.tokens(item.words):
            await self._send(f"{kind}.delta", **place, delta=token)
        item.shape["content"][0]["transcript"] = item.words
        usage: Shape = {"type": "duration", "seconds": math.ceil(item.sound_s)}
        if model != "whisper-1":
            made = counting.count(item.words)
            given = {"text_tokens": 0, "audio_tokens": item.sound_tokens}
            usage = {"type": "tokens", "input_tokens": item.sound_tokens, "input_token_details": given}
            usage |= {"output_tokens": made, "total_tokens": item.sound_tokens + made}
        await self._send(f"{kind}.completed", **place, transcript=item.words, usage=usage)

    async def _create_item(self, event: Shape) -> None:
        self._conversation.check_room()
        item = await realtime_conversation.read(event.get("item"), "item", self._format)
        before = self._conversation.add(item, event.get("previous_item_id"))
        await self._send("conversation.item.added", previous_item_id=before, item=item.shape)
        await self._send("conversation.item.done", previous_item_id=before, item=item.shape)

    async def _retrieve_item(self, event: Shape) -> None:
        item = self._conversation.get(event.get("item_id"))
        content = [
            part | {"audio": item.sound} if part["type"] == "input_audio" else part
            for part in item.shape.get("content", ())
        ]
        shape = item.shape | ({"content": content} if content else {})
        await self._send("conversation.item.retrieved", item=shape)

    async def _delete_item(self, event: Shape) -> None:
        self._conversation.delete(event.get("item_id"))
        await self._send("conversation.item.deleted", item_id=event["item_id"])

    async def _truncate_item(self, event: Shape) -> None:
        told = {name: event.get(name) for name in ("item_id", "content_index", "audio_end_ms")}
        self._conversation.truncate(*told.values())
        await self._send("conversation.item.truncated", **told)

    async def _create_response(self, event: Shape) -> None:
        if self._session["type"] != "realtime":
            raise SandboxError("A transcription session has no responses.", param="type")
        if self._is_responding:
            raise SandboxError(
                "Conversation already has an active response in progress. Wait until it is finished.",
                code="conversation_already_has_active_response",
            )
        given = event.get("response")
        session = realtime_session.for_response(self._session, given)
        self._respond(session, await self._given_items(given))

    async def _given_items(self, given: Any) -> list[Item] | None:
        """The response's own input; a reference stands for an item of the conversation."""
        if not isinstance(given, dict) or given.get("input") is None:
            return None
        if not isinstance(given["input"], list):
            raise wrong_type("response.input", "an array")
        items = []
        for index, item in enumerate(given["input"]):
            if isinstance(item, dict) and item.get("type") == "item_reference":
                items.append(self._conversation.get(item.get("id")))
            else:
                place = f"response.input[{index}]"
                items.append(await realtime_conversation.read(item, place, self._format))
        return items

    @property
    def _is_responding(self) -> bool:
        return self._task is not None and not self._task.done()

    def _respond(self, session: Shape, given: list[Item] | None) -> None:
        self._response = Response(self._send, session, self._conversation, given)
        self._task = self._tasks.create_task(self._response.play())

    async def _cancel(self, event: Shape) -> None:
        wanted = event.get("response_id")
        is_other = self._response is not None and wanted not in (None, self._response.id)
        if is_other or not self._is_responding:
            raise SandboxError(
                "Cancellation failed: no active response found", code="response_cancel_not_active"
            )
        await self._cancel_response("client_cancelled")

    async def _cancel_response(self, reason: str) -> None:
        if self._task is None or self._response is None or self._task.done():
            return
        self._task.cancel()
        await asyncio.wait((self._task,))
        if self._task.cancelled():
            await self._response.finish("cancelled", reason=reason)


async def tell_error(frames: Frames, error: SandboxError, event_id: str | None = None) -> None:
    """The `error` event; `event_id` is that of the event it is about."""
    told = {"type": error.type, "code": error.code, "message": error.message, "param": error.param}
    shape = {"event_id": new_id("event"), "type": "error", "error": told | {"event_id": event_id}}
    await frames.send(shape)


_HANDLERS = {
    "session.update": RealtimeCall._update_session,
    "input_audio_buffer.append": RealtimeCall._append,
    "input_audio_buffer.commit": RealtimeCall._commit,
    "input_audio_buffer.clear": RealtimeCall._clear,
    "conversation.item.create": RealtimeCall._create_item,
    "conversation.item.retrieve": RealtimeCall._retrieve_item,
    "conversation.item.delete": RealtimeCall._delete_item,
    "conversation.item.truncate": RealtimeCall._truncate_item,
    "response.create": RealtimeCall._create_response,
    "response.cancel": RealtimeCall._cancel,
}
