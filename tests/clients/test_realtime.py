"""Realtime through the gateway with the official client, and Responses over a socket."""

import base64
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import numpy as np
import openai
import pytest
import pytest_asyncio
from openai.resources.realtime.realtime import AsyncRealtimeConnection, RealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from tests.openapi_schema import validate
from tests.process import Installation

from pronghorn.sandbox.openai import realtime_audio

Shape = dict[str, Any]
MODEL = "voice"
PRICE = {
    "input_usd_per_million": "4",
    "output_usd_per_million": "16",
    "cache_read_usd_per_million": "0.4",
    "audio_input_usd_per_million": "32",
    "audio_output_usd_per_million": "64",
}
TYPED: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
WEATHER: Shape = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}

# The official client opens its sockets in a way that the newest websockets calls outdated.
pytestmark = pytest.mark.filterwarnings("ignore:connect:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def voice(gateway: Installation) -> None:
    """A model of the operator's own, so that its price is known here."""
    gateway.manage("PUT", f"/models/{MODEL}", {"vendor": "openai", "context_tokens": 32_000})
    gateway.manage("PUT", f"/prices/{MODEL}", PRICE)


@pytest_asyncio.fixture
async def official(gateway: Installation) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.base_url}/v1", api_key=gateway.first["test_key"], max_retries=0
    ) as client:
        yield client


def checked(raw: bytes) -> Shape:
    event: Shape = json.loads(raw)
    validate("RealtimeServerEvent", event)
    TYPED.validate_python(event)
    return event


async def until(talk: AsyncRealtimeConnection, kind: str) -> list[Shape]:
    events: list[Shape] = []
    while not events or events[-1]["type"] != kind:
        events.append(checked(await talk.recv_bytes()))
        assert events[-1]["type"] != "error", events[-1]
    return events


def until_sync(talk: RealtimeConnection, kind: str) -> list[Shape]:
    events: list[Shape] = []
    while not events or events[-1]["type"] != kind:
        events.append(checked(talk.recv_bytes()))
    return events


def joined(events: list[Shape], kind: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == kind)


def speech(text: str) -> bytes:
    spoken = realtime_audio.spoken(text, voice="alloy", speed=1.0, kind="audio/pcm")
    return bytes(realtime_audio.encode(np.concatenate((spoken, np.zeros(24_000, np.int16))), "audio/pcm"))


def message(text: str) -> Any:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def test_a_text_session_with_the_sync_client(client: openai.OpenAI) -> None:
    with client.realtime.connect(model=MODEL) as talk:
        until_sync(talk, "session.created")
        talk.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        until_sync(talk, "session.updated")
        talk.conversation.item.create(item=message("repeat: 你好, wörld"))
        talk.response.create()
        events = until_sync(talk, "response.done")
    assert joined(events, "response.output_text.delta") == "你好, wörld"
    assert events[-1]["response"]["status"] == "completed"


async def test_a_spoken_answer_is_sound_with_its_transcript(official: openai.AsyncOpenAI) -> None:
    async with official.realtime.connect(model=MODEL) as talk:
        await talk.conversation.item.create(item=message("repeat: one two"))
        await talk.response.create()
        events = await until(talk, "response.done")
    assert joined(events, "response.output_audio_transcript.delta") == "one two"
    sound = b"".join(
        base64.b64decode(e["delta"]) for e in events if e["type"] == "response.output_audio.delta"
    )
    assert len(sound) > 24_000
    assert events[-1]["response"]["usage"]["output_token_details"]["audio_tokens"] > 0


async def test_speech_is_heard_and_answered_without_being_asked(official: openai.AsyncOpenAI) -> None:
    async with official.realtime.connect(model=MODEL) as talk:
        listening = {"transcription": {"model": "whisper-1"}}
        await talk.session.update(
            session={"type": "realtime", "output_modalities": ["text"], "audio": {"input": listening}}  # type: ignore[typeddict-item]
        )
        await until(talk, "session.updated")
        sound = speech("repeat: hello")
        for start in range(0, len(sound), 48_000):
            await talk.input_audio_buffer.append(audio=base64.b64encode(sound[start:][:48_000]).decode())
        events = await until(talk, "response.done")
    kinds = [event["type"] for event in events]
    assert "input_audio_buffer.speech_started" in kinds and "input_audio_buffer.speech_stopped" in kinds
    heard = next(e for e in events if e["type"].endswith("input_audio_transcription.completed"))
    assert heard["transcript"] == "repeat: hello"
    assert joined(events, "response.output_text.delta") == "hello"


async def test_a_function_is_called_and_its_result_is_used(official: openai.AsyncOpenAI) -> None:
    async with official.realtime.connect(model=MODEL) as talk:
        session: Any = {"type": "realtime", "output_modalities": ["text"], "tools": [WEATHER]}
        await talk.session.update(session=session)
        await talk.conversation.item.create(item=message("call get_weather"))
        await talk.response.create()
        (call,) = (await until(talk, "response.done"))[-1]["response"]["output"]
        assert (call["type"], call["name"]) == ("function_call", "get_weather")
        output: Any = {"type": "function_call_output", "call_id": call["call_id"], "output": "4 degrees"}
        await talk.conversation.item.create(item=output)
        await talk.response.create()
        assert "4 degrees" in joined(await until(talk, "response.done"), "response.output_text.delta")


async def test_each_response_is_billed_by_its_own_usage(
    gateway: Installation, official: openai.AsyncOpenAI
) -> None:
    account = gateway.manage("POST", "/accounts", {"name": "voices"})["id"]
    made = gateway.manage("POST", "/keys", {"account_id": account, "name": "v", "mode": "test"})
    usages = []
    async with official.with_options(api_key=made["key"]).realtime.connect(model=MODEL) as talk:
        for text in ("repeat: one", "repeat: two"):
            await talk.conversation.item.create(item=message(text))
            await talk.response.create()
            usages.append((await until(talk, "response.done"))[-1]["response"]["usage"])
    rows = await settled(gateway, account, 3)
    session, *responses = sorted(rows, key=lambda row: row["cost_usd"] != "0.00")
    assert (session["end_reason"], session["cost_usd"]) == ("ok", "0.00")
    by_input = sorted(responses, key=lambda row: row["usage"]["input"])
    for row, usage in zip(by_input, usages, strict=True):
        assert row["usage"]["input"] == usage["input_tokens"]
        assert row["usage"]["output"] == usage["output_tokens"]
        assert row["usage"]["audio_output"] == usage["output_token_details"]["audio_tokens"]
        assert (row["model"], row["channel"], row["end_reason"]) == (MODEL, "sandbox", "ok")
        text_out = usage["output_token_details"]["text_tokens"]
        expected = usage["input_tokens"] * 4 + text_out * 16 + row["usage"]["audio_output"] * 64
        heard = usage["input_token_details"]["audio_tokens"]
        assert Decimal(row["cost_usd"]) == Decimal(expected + heard * 28) / 1_000_000
    standing = gateway.manage("GET", f"/accounts/{account}?mode=test")
    assert Decimal(standing["spent_usd"]) == sum(Decimal(row["cost_usd"]) for row in rows)
    assert Decimal(standing["held_usd"]) == 0


async def settled(gateway: Installation, account: str, count: int) -> list[Shape]:
    while len(rows := gateway.all_requests(account_id=account, mode="test")) < count:
        pass
    return rows


async def test_a_client_secret_opens_the_session_it_was_made_for(
    gateway: Installation, official: openai.AsyncOpenAI
) -> None:
    made = await official.realtime.client_secrets.create(
        session={"type": "realtime", "model": MODEL, "instructions": "Be brief."},
        expires_after={"anchor": "created_at", "seconds": 60},
    )
    validate("RealtimeCreateClientSecretResponse", made.model_dump(mode="json", exclude_unset=True))
    assert made.value.startswith("ek_")
    async with aiohttp.ClientSession(gateway.base_url) as browser:
        offered = ["realtime", f"openai-insecure-api-key.{made.value}"]
        async with browser.ws_connect("/v1/realtime", protocols=offered) as socket:
            assert socket.protocol == "realtime"
            created = checked((await socket.receive_str()).encode())
            updated = checked((await socket.receive_str()).encode())
    assert created["session"]["model"] == MODEL
    assert updated["session"]["instructions"] == "Be brief."


async def test_responses_over_a_socket_are_ordinary_responses(official: openai.AsyncOpenAI) -> None:
    asked: Any = {"model": "gpt-5-mini", "store": False}
    async with official.responses.connect() as socket:

        async def answer(**more: Any) -> Shape:
            await socket.response.create(**asked, **more)
            event: Shape = {"type": ""}
            while event["type"] not in ("response.completed", "error"):
                event = json.loads(await socket.recv_bytes())
                validate("ResponsesServerEvent", event)
            return event

        first = (await answer(input="call get_weather", tools=[WEATHER | {"strict": False}]))["response"]
        (call,) = [item for item in first["output"] if item["type"] == "function_call"]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "4 degrees"}
        second = (await answer(input=[output], previous_response_id=first["id"]))["response"]
        assert "4 degrees" in json.dumps(second["output"])
        assert (await answer(input="x", previous_response_id="resp_none"))["code"]
