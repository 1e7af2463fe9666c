"""Realtime of the sandbox: each event as OpenAI's document and its own client's types have it, and real sound."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import openai
import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from tests.openapi_schema import validate

from pronghorn.sandbox import modem
from pronghorn.sandbox.openai import realtime_audio

Shape = dict[str, Any]
TYPED: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
PATH = "/v1/realtime?model=gpt-realtime"
WEATHER: Shape = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PUSH_TO_TALK: Shape = {"audio": {"input": {"turn_detection": None}}}


class Talk:
    """A connection; every event that comes is validated."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send_json({"type": kind, **fields})

    async def until(self, kind: str) -> list[Shape]:
        events: list[Shape] = []
        while not events or events[-1]["type"] != kind:
            event: Shape = await self.socket.receive_json()
            validate("RealtimeServerEvent", event)
            TYPED.validate_python(event)
            assert event["event_id"]
            events.append(event)
        return events

    async def ask(self, text: str, **options: Any) -> list[Shape]:
        """A user's text, and all events up to the end of the answer."""
        content = [{"type": "input_text", "text": text}]
        await self.say(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content}
        )
        await self.until("conversation.item.done")
        await self.say("response.create", response=options)
        return await self.until("response.done")

    async def update(self, **session: Any) -> Shape:
        await self.say("session.update", session={"type": "realtime", **session})
        updated: Shape = (await self.until("session.updated"))[-1]["session"]
        return updated

    async def hear(self, sound: bytes) -> None:
        for start in range(0, len(sound), 48_000):
            audio = base64.b64encode(sound[start : start + 48_000]).decode()
            await self.say("input_audio_buffer.append", audio=audio)

    async def fails(self, kind: str, **fields: Any) -> Shape:
        await self.say(kind, event_id="mine", **fields)
        error: Shape = (await self.until("error"))[-1]["error"]
        assert error["event_id"] == "mine"
        return error


@asynccontextmanager
async def talking(client: aiohttp.ClientSession, path: str = PATH, **headers: str) -> AsyncIterator[Talk]:
    async with client.ws_connect(path, headers=headers, max_msg_size=0) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        yield talk


def types(events: list[Shape]) -> list[str]:
    """The types in order, runs of the same one told once."""
    found = [event["type"] for event in events]
    return [kind for kind, before in zip(found, [None, *found], strict=False) if kind != before]


def joined(events: list[Shape], kind: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == kind)


def sound_of(events: list[Shape], kind: str = "audio/pcm") -> Any:
    deltas = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
    return realtime_audio.decode(b"".join(base64.b64decode(delta) for delta in deltas), kind)


def words_in(samples: Any, rate: int = 24_000) -> str:
    """What the sandbox's own code of chords says in the sound."""
    step = rate // modem.IN_RATE
    whole = samples[: len(samples) // step * step].astype(np.float32).reshape(-1, step).mean(axis=1)
    return modem.listen(whole / 32_768)[0].text


def speech(text: str) -> bytes:
    """The text as a person would say it, with silence after it."""
    spoken = realtime_audio.spoken(text, voice="alloy", speed=1.0, kind="audio/pcm")
    return bytes(realtime_audio.encode(np.concatenate((spoken, np.zeros(24_000, np.int16))), "audio/pcm"))


async def test_a_text_answer_has_all_its_events_in_order(client: aiohttp.ClientSession) -> None:
    async with talking(client) as talk:
        events = await talk.ask("repeat: 你好, wörld", output_modalities=["text"])
    assert types(events) == [
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert joined(events, "response.output_text.delta") == "你好, wörld"
    done = events[-1]["response"]
    assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "你好, wörld")
    usage = done["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_token_details"]["text_tokens"] == usage["input_tokens"]


@pytest.mark.parametrize("kind", realtime_audio.RATES)
async def test_a_spoken_answer_is_sound_that_says_its_transcript(
    client: aiohttp.ClientSession, kind: str
) -> None:
    async with talking(client) as talk:
        session = await talk.update(audio={"output": {"format": {"type": kind}, "voice": "marin"}})
        assert session["audio"]["output"]["format"]["type"] == kind
        events = await talk.ask("repeat: Hello you")
    assert joined(events, "response.output_audio_transcript.delta") == "Hello you"
    assert words_in(sound_of(events, kind), realtime_audio.RATES[kind]) == "Hello you"
    assert {"response.output_audio.done", "response.output_audio_transcript.done"} < set(types(events))
    assert events[-1]["response"]["usage"]["output_token_details"]["audio_tokens"] > 0


async def test_speech_is_noticed_transcribed_and_answered(client: aiohttp.ClientSession) -> None:
    async with talking(client) as talk:
        await talk.update(
            output_modalities=["text"], audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}}
        )
        await talk.hear(bytes(48_000) + speech("say 2 words"))
        events = await talk.until("response.done")
    assert types(events)[:7] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    started, stopped, committed = events[:3]
    assert started["item_id"] == stopped["item_id"] == committed["item_id"]
    assert 600 <= started["audio_start_ms"] <= 1_000 < stopped["audio_end_ms"]
    heard = next(event for event in events if event["type"].endswith("transcription.completed"))
    assert heard["transcript"] == "say 2 words"
    assert heard["usage"]["input_token_details"]["audio_tokens"] > 0
    assert joined(events, "response.output_text.delta") == "word1 word2"
    assert events[-1]["response"]["usage"]["input_token_details"]["audio_tokens"] > 0


async def test_push_to_talk_commits_when_it_is_told_to(client: aiohttp.ClientSession) -> None:
    async with talking(client) as talk:
        session = await talk.update(output_modalities=["text"], **PUSH_TO_TALK)
        assert session["audio"]["input"]["turn_detection"] is None
        error = await talk.fails("input_audio_buffer.commit")
        assert error["code"] == "input_audio_buffer_commit_empty"
        await talk.hear(speech("gone"))
        await talk.say("input_audio_buffer.clear")
        await talk.until("input_audio_buffer.cleared")
        await talk.hear(speech("repeat: kept"))
        await talk.say("input_audio_buffer.commit")
        item_id = (await talk.until("conversation.item.done"))[-1]["item"]["id"]
        await talk.say("response.create")
        assert joined(await talk.until("response.done"), "response.output_text.delta") == "kept"
        await talk.say("conversation.item.retrieve", item_id=item_id)
        item = (await talk.until("conversation.item.retrieved"))[-1]["item"]
        assert base64.b64decode(item["content"][0]["audio"]) == speech("repeat: kept")


async def test_sound_of_strangers_is_heard_too(client: aiohttp.ClientSession) -> None:
    noise = np.random.default_rng(1).integers(-9_000, 9_000, 24_000).astype("<i2").tobytes()
    async with talking(client, "/v1/realtime?intent=transcription") as talk:
        await talk.hear(noise + bytes(48_000))
        events = await talk.until("conversation.item.input_audio_transcription.completed")
        assert "recording" in events[-1]["transcript"]
        assert (await talk.fails("response.create"))["param"] == "type"


async def test_a_function_is_called_and_its_output_told(client: aiohttp.ClientSession) -> None:
    async with talking(client) as talk:
        await talk.update(tools=[WEATHER], output_modalities=["text"])
        events = await talk.ask("call get_weather for Oslo")
        done = next(e for e in events if e["type"] == "response.function_call_arguments.done")
        assert done["name"] == "get_weather" and "city" in json.loads(done["arguments"])
        assert joined(events, "response.function_call_arguments.delta") == done["arguments"]
        assert events[-1]["response"]["output"][0]["type"] == "function_call"
        output = {"type": "function_call_output", "call_id": done["call_id"], "output": "4 degrees"}
        await talk.say("conversation.item.create", item=output)
        await talk.until("conversation.item.done")
        await talk.say("response.create")
        assert "4 degrees" in joined(await talk.until("response.done"), "response.output_text.delta")
        error = await talk.fails("conversation.item.create", item=output | {"call_id": "call_x"})
        assert error["code"] == "invalid_tool_call_id"


async def test_items_have_an_order_and_can_be_deleted_and_truncated(client: aiohttp.ClientSession) -> None:
    def user(text: str) -> Shape:
        return {
            "type": "message",
            "role": "user",
            "id": text,
            "content": [{"type": "input_text", "text": text}],
        }

    async with talking(client) as talk:
        for text, after, before in (
            ("b", None, None),
            ("a", "root", None),
            ("c", "b", "b"),
            ("d", None, "c"),
        ):
            more = {"previous_item_id": after} if after else {}
            await talk.say("conversation.item.create", item=user(text), **more)
            assert (await talk.until("conversation.item.done"))[-1]["previous_item_id"] == before
        assert (await talk.fails("conversation.item.create", item=user("a")))["code"] == "item_exists"
        await talk.say("conversation.item.delete", item_id="d")
        assert (await talk.until("conversation.item.deleted"))[-1]["item_id"] == "d"
        assert (await talk.fails("conversation.item.delete", item_id="d"))["code"] == "item_not_found"
        item_id = (await talk.ask("repeat: Hi there"))[-1]["response"]["output"][0]["id"]
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": 500}
        await talk.say("conversation.item.truncate", **cut)
        assert (await talk.until("conversation.item.truncated"))[-1]["audio_end_ms"] == 500
        assert (
            "already shorter"
            in (await talk.fails("conversation.item.truncate", **cut | {"audio_end_ms": 900}))["message"]
        )
        await talk.say("conversation.item.retrieve", item_id=item_id)
        item = (await talk.until("conversation.item.retrieved"))[-1]["item"]
        assert item["content"][0]["transcript"] == ""


async def test_a_response_is_cancelled_by_the_client_or_by_speech(client: aiohttp.ClientSession) -> None:
    async with talking(client, **{"x-pronghorn-simulate": "stall=9:60s"}) as talk:
        await talk.say("response.create", response={"input": [], "output_modalities": ["text"]})
        await talk.until("response.output_text.delta")
        assert (await talk.fails("response.create"))["code"] == "conversation_already_has_active_response"
        await talk.say("response.cancel")
        done = (await talk.until("response.done"))[-1]["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert (await talk.fails("response.cancel"))["code"] == "response_cancel_not_active"
    async with talking(client, **{"x-pronghorn-simulate": "stall=9:60s"}) as talk:
        await talk.say("response.create", response={"input": [], "output_modalities": ["text"]})
        await talk.until("response.output_text.delta")
        await talk.hear(speech("stop"))
        done = (await talk.until("response.done"))[-1]["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert (await talk.until("response.done"))[-1]["response"]["status"] == "completed"


async def test_a_response_apart_from_the_conversation_leaves_no_trace(client: aiohttp.ClientSession) -> None:
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "say 9 words"}]}
    apart = {
        "conversation": "none",
        "input": [message],
        "metadata": {"a": "b"},
        "output_modalities": ["text"],
    }
    async with talking(client) as talk:
        await talk.say("response.create", response=apart | {"max_output_tokens": 3})
        events = await talk.until("response.done")
        done = events[-1]["response"]
        assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert done["metadata"] == {"a": "b"} and "conversation_id" not in done
        assert "conversation.item.added" not in types(events)
        again = await talk.ask("repeat: first", output_modalities=["text"])
        assert again[3]["previous_item_id"] is not None and len(again[-1]["response"]["output"]) == 1


@pytest.mark.parametrize(
    ("kind", "fields", "code", "param"),
    [
        ("session.update", {}, "missing_required_parameter", "session.type"),
        ("session.update", {"session": 7}, "invalid_type", "session"),
        ("session.update", {"session": {"type": "realtime", "model": "o"}}, None, "session.model"),
        (
            "session.update",
            {"session": {"type": "realtime", "voice": "x"}},
            "unknown_parameter",
            "session.voice",
        ),
        (
            "session.update",
            {"session": {"type": "realtime", "output_modalities": ["audio", "text"]}},
            "invalid_value",
            "session.output_modalities",
        ),
        (
            "session.update",
            {"session": {"type": "realtime", "audio": {"output": {"speed": 9}}}},
            "invalid_value",
            "session.audio.output.speed",
        ),
        ("input_audio_buffer.append", {"audio": "no base64!"}, "invalid_value", "audio"),
        ("input_audio_buffer.append", {"audio": "AAAA"}, "invalid_value", "audio"),
        ("input_audio_buffer.append", {}, "invalid_value", "audio"),
        ("conversation.item.create", {"item": {"type": "dream"}}, "invalid_value", "item.type"),
        (
            "conversation.item.create",
            {"item": {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}]}},
            "invalid_value",
            "item.content[0].type",
        ),
        ("conversation.item.retrieve", {"item_id": []}, "item_not_found", "item_id"),
        ("conversation.item.truncate", {"item_id": "x"}, "item_not_found", "item_id"),
        (
            "response.create",
            {"response": {"modalities": ["text"]}},
            "unknown_parameter",
            "response.modalities",
        ),
        ("response.create", {"response": {"input": [7]}}, "invalid_value", "response.input[0].type"),
        ("response.dance", {}, "invalid_value", "type"),
    ],
)
async def test_bad_events_are_told_and_the_call_goes_on(
    client: aiohttp.ClientSession, kind: str, fields: Shape, code: str | None, param: str
) -> None:
    async with talking(client) as talk:
        error = await talk.fails(kind, **fields)
        assert (error["code"], error["param"]) == (code, param)
        await talk.socket.send_str("{")
        assert (await talk.until("error"))[-1]["error"]["code"] == "invalid_json"
        assert await talk.update(output_modalities=["text"])


async def test_a_broken_picture_fails_the_response(client: aiohttp.ClientSession) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    item = {"type": "message", "role": "user", "content": [picture]}
    async with talking(client) as talk:
        await talk.say("conversation.item.create", item=item)
        await talk.say("response.create")
        done = (await talk.until("response.done"))[-1]["response"]
    assert done["status"] == "failed" and done["status_details"]["error"]["code"] == "image_parse_error"


async def test_a_browser_gives_its_key_as_a_subprotocol(sandbox_url: str) -> None:
    async with aiohttp.ClientSession(sandbox_url) as stranger:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await stranger.ws_connect(PATH, protocols=["realtime"])
        offered = ["realtime", "openai-insecure-api-key.sandbox"]
        async with stranger.ws_connect(PATH, protocols=offered) as socket:
            assert socket.protocol == "realtime"
            await Talk(socket).until("session.created")


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/realtime", 400), ("/v1/realtime?model=sandbox-503", 503), (PATH, 426)]
)
async def test_what_opens_no_socket_is_refused(client: aiohttp.ClientSession, path: str, status: int) -> None:
    async with client.get(path) as response:
        assert response.status == status
        validate("ErrorResponse", await response.json())


async def test_the_beta_is_closed_with_its_own_code(client: aiohttp.ClientSession) -> None:
    async with client.ws_connect(PATH, headers={"OpenAI-Beta": "realtime=v1"}) as socket:
        error = (await Talk(socket).until("error"))[-1]["error"]
        assert error["code"] == "beta_api_shape_disabled"
        assert (await socket.receive()).type == aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4000


async def test_a_short_lived_key_opens_the_session_it_was_made_for(
    client: aiohttp.ClientSession, sandbox_url: str
) -> None:
    async with openai.AsyncOpenAI(base_url=f"{sandbox_url}/v1", api_key="sandbox") as official:
        made = await official.realtime.client_secrets.create(
            session={"type": "realtime", "model": "gpt-realtime-mini", "instructions": "Be brief."}
        )
    body = {"session": {"type": "transcription"}, "expires_after": {"anchor": "created_at", "seconds": 10}}
    async with client.post("/v1/realtime/client_secrets", json=body) as response:
        validate("RealtimeCreateClientSecretResponse", await response.json())
    async with client.post("/v1/realtime/client_secrets", json={"expires_after": {"seconds": 5}}) as response:
        assert response.status == 400
    async with aiohttp.ClientSession(sandbox_url) as browser:
        offered = ["realtime", f"openai-insecure-api-key.{made.value}"]
        async with browser.ws_connect("/v1/realtime", protocols=offered) as socket:
            session = (await Talk(socket).until("session.created"))[-1]["session"]
        assert (session["model"], session["instructions"]) == ("gpt-realtime-mini", "Be brief.")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await browser.ws_connect("/v1/realtime", protocols=["realtime", "openai-insecure-api-key.ek_no"])


async def test_faults_reach_the_frames(client: aiohttp.ClientSession) -> None:
    async with talking(client, **{"x-pronghorn-simulate": "usage=none"}) as talk:
        assert "usage" not in (await talk.ask("Hi", output_modalities=["text"]))[-1]["response"]
    async with client.ws_connect(PATH, headers={"x-pronghorn-simulate": "malformed=1"}) as socket:
        with pytest.raises(ValueError, match="JSON|delimiter|string"):
            json.loads(await socket.receive_str())
    for simulate, end in (("cut-after=1", 1006), ("end-after=1", 1000)):
        async with talking(client, **{"x-pronghorn-simulate": simulate}) as talk:
            await talk.socket.receive()
            assert talk.socket.close_code == end


def test_g711_keeps_what_it_can() -> None:
    samples = np.array([0, 8, -8, 1_000, -1_000, 20_000, -20_000, 32_000], np.int16)
    for kind in ("audio/pcmu", "audio/pcma"):
        coded = realtime_audio.encode(samples, kind)
        again = realtime_audio.decode(coded, kind)
        assert np.all(np.abs(again.astype(int) - samples) <= 8 + np.abs(samples.astype(int)) // 16)
        assert realtime_audio.encode(again, kind) == coded
    assert realtime_audio.encode(np.array([0], np.int16), "audio/pcma") in (b"\xd5", b"\x55")
    assert realtime_audio.encode(np.array([32_000], np.int16), "audio/pcmu") == b"\x80"
