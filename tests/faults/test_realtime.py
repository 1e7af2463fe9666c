"""Realtime when it goes wrong: who is refused, who leaves, who breaks off, and who pays for what was said."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web
from sqlalchemy import update
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import CANARY
from tests.faults.upstream import STREAM_HEAD, End, chunk
from tests.openapi_schema import validate

from pronghorn.relay.realtime_secret import ClientSecret, seal
from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

Shape = dict[str, Any]
GONE_S = 0.5
USAGE: Shape = {
    "total_tokens": 150,
    "input_tokens": 100,
    "output_tokens": 50,
    "input_token_details": {"text_tokens": 40, "audio_tokens": 60, "cached_tokens": 0},
    "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
}
PRICE = {"input_usd_per_million": "10", "output_usd_per_million": "100"}
COST = 100 * 10_000 + 50 * 100_000
"""Of a response with `USAGE`, in nano-dollars."""


@dataclass
class Call:
    """One session as the vendor sees it."""

    socket: web.WebSocketResponse
    request: web.Request
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    closed_at: float = 0.0

    async def hear(self, kind: str) -> Shape:
        """The next event of that type; the others are let go."""
        async with asyncio.timeout(5):
            while (event := json.loads(await self.socket.receive_str()))["type"] != kind:
                pass
        found: Shape = event
        return found

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send_json({"event_id": "event_1", "type": kind, **fields})

    async def created(self, response_id: str = "resp_1") -> None:
        await self.say("response.created", response={"id": response_id, "status": "in_progress"})

    async def words(self, text: str, response_id: str = "resp_1") -> None:
        await self.say("response.output_text.delta", response_id=response_id, delta=text)

    async def done(self, usage: Shape | None = USAGE, status: str = "completed", **more: Any) -> None:
        shape = {"id": "resp_1", "status": status, "output": [{"type": "message"}]}
        await self.say("response.done", response=shape | ({"usage": usage} if usage else {}) | more)

    def cut(self) -> None:
        assert self.request.transport is not None
        self.request.transport.abort()


Script = Callable[[Call], Awaitable[None]]


class Vendor:
    """Plays `script` for each session, then waits for its end."""

    def __init__(self) -> None:
        self.script: Script = answer_forever
        self.refuses: web.Response | None = None
        self.calls: list[Call] = []
        self.arrived = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.refuses is not None:
            return self.refuses
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        call = Call(socket, request)
        self.calls.append(call)
        self.arrived.set()
        try:
            await self.script(call)
            while not socket.closed:
                await socket.receive()
        except (ConnectionError, TypeError):
            pass  # the gateway has closed it in the middle of the script
        finally:
            call.closed_at = time.monotonic()
            call.closed.set()
        return socket


async def answer_forever(call: Call) -> None:
    while True:
        await call.hear("response.create")
        await call.created()
        await call.words("Hi")
        await call.done()


async def speak_and_stall(call: Call) -> None:
    await call.hear("response.create")
    await call.created()
    await call.say("response.output_audio.delta", response_id="resp_1", delta="A" * 64_000)  # 1 s of sound
    await call.words(" ".join(["word"] * 100))


def listening() -> tuple[asyncio.Queue[Shape], Script]:
    """A script that says nothing, and what it hears."""
    heard: asyncio.Queue[Shape] = asyncio.Queue()

    async def script(call: Call) -> None:
        while True:
            await heard.put(json.loads(await call.socket.receive_str()))

    return heard, script


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Vendor]:
    vendor = Vendor()
    app = web.Application()
    app.router.add_get("/v1/realtime", vendor.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield vendor
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def vendor() -> AsyncIterator[Vendor]:
    async with serving() as vendor:
        yield vendor


@pytest_asyncio.fixture(loop_scope="module")
async def voice(gateway: Gateway, vendor: Vendor) -> AsyncIterator[Case]:
    case = await gateway.case(vendor.url, price=PRICE, alias="vendors-own-name")
    yield case
    await case.assert_invariants()


class Talk:
    """The caller's side."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send_json({"type": kind, **fields})

    async def until(self, kind: str) -> list[Shape]:
        events: list[Shape] = []
        async with asyncio.timeout(5):
            while not events or events[-1]["type"] != kind:
                events.append(json.loads(await self.socket.receive_str()))
        return events

    async def error(self) -> Shape:
        event = (await self.until("error"))[-1]
        validate("RealtimeServerEventError", event)
        found: Shape = event["error"]
        return found

    async def close_code(self) -> int | None:
        async with asyncio.timeout(5):
            message = await self.socket.receive()
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING), message
        return self.socket.close_code


def path_of(case: Case) -> str:
    return f"/v1/realtime?model={case.model}"


@contextlib.asynccontextmanager
async def talking(case: Case, path: str = "", **headers: str) -> AsyncIterator[Talk]:
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{case.gateway.port}") as client,
        client.ws_connect(
            path or path_of(case), headers={"authorization": f"Bearer {case.key}"} | headers, max_msg_size=0
        ) as socket,
    ):
        yield Talk(socket)


async def refused(case: Case, path: str = "", **headers: str) -> tuple[int, Shape]:
    """The answer to a handshake."""
    asked = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "authorization": f"Bearer {case.key}",
    }
    url = f"http://127.0.0.1:{case.gateway.port}{path or path_of(case)}"
    async with aiohttp.ClientSession() as client, client.get(url, headers=asked | headers) as response:
        text = await response.text()
        assert case.key not in text and CANARY not in text and "127.0.0.1" not in text
        assert response.headers["x-request-id"] in text
        case.ids.append("" if response.status == 401 else response.headers["x-request-id"])
        error: Shape = json.loads(text)["error"]
        plain = {name: error[name] for name in ("message", "type", "param", "code")}
        validate("ErrorResponse", {"error": plain})
        return response.status, error


# The handshake


async def test_a_wrong_key_is_refused_in_the_handshake(voice: Case) -> None:
    status, error = await refused(voice, authorization="Bearer sk-live" + "a" * 44)
    assert (status, error["code"]) == (401, "invalid_api_key")
    status, error = await refused(voice, authorization="Bearer ek_" + "a" * 120)
    assert (status, error["code"]) == (401, "invalid_api_key")


async def test_a_model_is_needed_and_has_to_exist(voice: Case) -> None:
    assert (await refused(voice, "/v1/realtime?model=nonesuch"))[0] == 404
    status, error = await refused(voice, "/v1/realtime?intent=transcription")
    voice.ids[-1:] = []  # never reached the relay
    assert (status, error["param"]) == (400, "model")


async def test_no_money_and_no_room_are_refused_in_the_handshake(gateway: Gateway, vendor: Vendor) -> None:
    poor = await gateway.case(vendor.url, price=PRICE, usd=0.01)
    status, error = await refused(poor)
    assert (status, error["code"]) == (402, "insufficient_quota")
    await poor.assert_invariants()
    busy = await gateway.case(vendor.url, price=PRICE, concurrency=1)
    async with talking(busy):
        status, error = await refused(busy)
        assert (status, error["code"]) == (429, "rate_limit_exceeded")
    await busy.assert_invariants()
    assert len(vendor.calls) == 1


async def test_the_vendors_refusal_of_our_key_stays_between_us(voice: Case, vendor: Vendor) -> None:
    vendor.refuses = web.json_response({"error": {"message": f"bad key {CANARY}", "code": "x"}}, status=401)
    status, error = await refused(voice)
    assert (status, error["code"]) == (502, "upstream_error")


async def test_the_vendors_words_about_the_request_are_passed_on(voice: Case, vendor: Vendor) -> None:
    told = {
        "error": {"message": "no such voice", "type": "invalid_request_error", "param": None, "code": "x"}
    }
    vendor.refuses = web.json_response(told, status=400)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{voice.gateway.port}") as client:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
            await client.ws_connect(path_of(voice), headers={"authorization": f"Bearer {voice.key}"})


async def test_another_channel_opens_the_session_when_the_first_does_not(
    gateway: Gateway, vendor: Vendor
) -> None:
    async with serving() as broken:
        broken.refuses = web.Response(status=503)
        case = await gateway.case("http://127.0.0.1:1", broken.url, vendor.url, price=PRICE)
        async with talking(case) as talk:
            await talk.say("response.create")
            await talk.until("response.done")
        row = next(row for row in await case.rows() if row.cost == 0)
        assert [attempt["status"] for attempt in row.attempts] == [0, 503, 101]
        await case.assert_invariants()


async def test_other_paths_have_no_socket(voice: Case) -> None:
    status, _ = await refused(voice, "/v1/chat/completions")
    voice.ids.pop()
    assert status == 426


async def test_a_header_too_long_for_the_socket_ends_the_connection(voice: Case) -> None:
    with pytest.raises(aiohttp.ClientError):
        await refused(voice, **{"x-long": "a" * 20_000})


# A session


async def test_names_and_credentials_are_the_channels_own(voice: Case, vendor: Vendor) -> None:
    heard, script = listening()
    vendor.script = script
    async with talking(voice, **{"openai-beta": "realtime=v1"}) as talk:
        await talk.say("session.update", session={"type": "realtime", "model": voice.model})
        told = await asyncio.wait_for(heard.get(), 5)
    assert told["session"]["model"] == "vendors-own-name"
    seen = vendor.calls[0].request
    assert seen.query["model"] == "vendors-own-name"
    assert seen.headers["authorization"] == f"Bearer {CANARY}"
    assert voice.key not in str(seen.headers) and "openai-beta" not in seen.headers


async def test_each_response_is_a_record_and_the_session_is_one(voice: Case) -> None:
    async with talking(voice) as talk:
        for _ in range(3):
            await talk.say("response.create")
            await talk.until("response.done")
    rows = await voice.rows()
    assert sorted(row.cost for row in rows) == [0, COST, COST, COST]
    assert {row.endpoint for row in rows} == {"realtime"}
    assert {row.end_reason for row in rows} == {"ok"}
    assert voice.grant.meter.open_requests == 0


async def test_when_the_money_ends_the_caller_is_told_and_the_socket_closes(
    gateway: Gateway, vendor: Vendor
) -> None:
    # A hold of 2,048 tokens in and 4,096 out is 0.43 USD: the balance is enough for one response and not for two.
    case = await gateway.case(vendor.url, price=PRICE, usd=0.432)
    async with talking(case) as talk:
        await talk.say("response.create")
        await talk.until("response.done")
        error = await talk.error()
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
        assert await talk.close_code() == 1008
    assert sorted((row.end_reason, row.cost) for row in await case.rows()) == [("no_credit", 0), ("ok", COST)]
    await case.assert_invariants()


async def test_what_is_said_makes_the_hold_grow_before_the_vendor_hears_it(
    gateway: Gateway, vendor: Vendor
) -> None:
    case = await gateway.case(vendor.url, price=PRICE, usd=0.5)
    heard, script = listening()
    vendor.script = script
    async with talking(case) as talk:
        before = case.grant.purse.held
        await talk.say("conversation.item.create", item={"text": "a" * 1_500})
        await asyncio.wait_for(heard.get(), 5)
        assert case.grant.purse.held == before + 2_048 * 10_000
        await talk.say("conversation.item.create", item={"text": "a" * 100_000})
        assert (await talk.error())["code"] == "insufficient_quota"
        assert await talk.close_code() == 1008
    await case.assert_invariants()


async def test_a_key_that_is_taken_away_ends_the_session_at_its_next_response(
    voice: Case, gateway: Gateway
) -> None:
    async with talking(voice) as talk:
        grant = voice.grant
        async with gateway.inner.database.write() as tx:
            await tx.execute(update(tables.Key).where(tables.Key.id == grant.key_id).values(is_disabled=True))
            await revision.bump(tx)
        await gateway.inner.loader.refresh()
        await talk.say("response.create")
        await talk.until("response.done")
        assert (await talk.error())["code"] == "invalid_api_key"
        assert await talk.close_code() == 1008
    async with gateway.inner.database.write() as tx:
        await tx.execute(update(tables.Key).where(tables.Key.id == grant.key_id).values(is_disabled=False))
        await revision.bump(tx)
    await gateway.inner.loader.refresh()


async def test_a_key_that_has_used_up_its_tokens_ends_the_session(gateway: Gateway, vendor: Vendor) -> None:
    case = await gateway.case(vendor.url, price=PRICE, tpm=100)
    async with talking(case) as talk:
        await talk.say("response.create")
        await talk.until("response.done")
        assert (await talk.error())["code"] == "rate_limit_exceeded"
        assert await talk.close_code() == 1008
    assert {row.end_reason for row in await case.rows()} == {"ok", "limited"}
    await case.assert_invariants()


async def test_a_transcription_session_is_billed_by_its_transcripts(gateway: Gateway, vendor: Vendor) -> None:
    case = await gateway.case(vendor.url, price={"per_second_usd": "0.001"})

    async def script(call: Call) -> None:
        assert call.request.query == {"intent": "transcription"}
        for _ in range(2):
            await call.hear("input_audio_buffer.append")
            kind = "conversation.item.input_audio_transcription.completed"
            await call.say(kind, item_id="i", usage={"type": "duration", "seconds": 1})

    vendor.script = script
    async with talking(case, f"/v1/realtime?intent=transcription&model={case.model}") as talk:
        for _ in range(2):
            await talk.say("input_audio_buffer.append", audio="A" * 64_000)
            await talk.until("conversation.item.input_audio_transcription.completed")
    rows = await case.rows()
    assert sorted(row.cost for row in rows) == [0, 1_000_000, 1_000_000]
    assert {(row.endpoint, row.end_reason) for row in rows} == {("realtime_transcription", "ok")}
    await case.assert_invariants()


async def test_a_vendor_without_usage_is_counted_by_what_it_said(voice: Case, vendor: Vendor) -> None:
    async def script(call: Call) -> None:
        await speak_and_stall(call)
        await call.done(usage=None)

    vendor.script = script
    async with talking(voice) as talk:
        await talk.say("response.create")
        await talk.until("response.done")
    row = next(row for row in await voice.rows() if row.cost)
    assert row.usage["is_estimated"] and row.usage["audio_output"] == 20
    assert 100 <= row.usage["output"] - 20 <= 110


async def test_sound_is_counted_as_sound_by_its_first_name_too(voice: Case, vendor: Vendor) -> None:
    async def script(call: Call) -> None:
        await call.hear("response.create")
        await call.created()
        await call.say("response.audio.delta", response_id="resp_1", delta="A" * 64_000)  # 1 s of sound
        await call.done(usage=None)

    vendor.script = script
    async with talking(voice) as talk:
        await talk.say("response.create")
        await talk.until("response.done")
    row = next(row for row in await voice.rows() if row.cost)
    assert (row.usage["output"], row.usage["audio_output"]) == (20, 20)


async def test_what_is_written_of_a_picture_or_sound_is_no_text(voice: Case, vendor: Vendor) -> None:
    vendor.script = speak_and_stall
    async with talking(voice) as talk:
        content = [
            {"type": "input_audio", "audio": "A" * 640_000},  # 10 s of sound
            {"type": "input_image", "image_url": f"data:image/png;base64,{'A' * 400_000}"},
            {"type": "input_text", "text": "Which one?"},
        ]
        await talk.say(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content}
        )
        await talk.say("response.create")
        await talk.until("response.output_text.delta")
    row = next(row for row in await voice.rows() if row.cost)
    assert (row.usage["audio_input"], row.usage["image_input"]) == (100, 7_000)
    assert row.usage["input"] < 7_100 + 200


@pytest.mark.parametrize("beside", [{"conversation_id": None}, {}], ids=["said", "left out"])
async def test_a_response_beside_the_conversation_makes_it_no_shorter(
    voice: Case, vendor: Vendor, beside: Shape
) -> None:
    long = USAGE | {"input_tokens": 50_000, "input_token_details": {"audio_tokens": 0}}

    async def script(call: Call) -> None:
        for place, usage in (
            ({"conversation_id": "conv_1"}, long),
            (beside, USAGE),
            ({"conversation_id": "conv_1"}, long),
        ):
            await call.hear("response.create")
            await call.say("response.created", response={"id": "resp_1", "status": "in_progress"} | place)
            await call.words("Hi")
            await call.done(usage)

    vendor.script = script
    async with talking(voice) as talk:
        words = {"type": "message", "content": [{"type": "input_text", "text": "a" * 50_000}]}
        await talk.say("conversation.item.create", item=words)
        for _ in range(3):
            await talk.say("response.create", response={"conversation": "none"})
            await talk.until("response.done")
    rows = await voice.rows()
    whole = 50_000 * 10_000 + 50 * 100_000
    assert sorted((row.cost, row.shortfall) for row in rows) == [(0, 0), (COST, 0), (whole, 0), (whole, 0)]


async def test_a_response_that_failed_costs_nothing(voice: Case, vendor: Vendor) -> None:
    async def script(call: Call) -> None:
        await call.hear("response.create")
        await call.created()
        error = {"code": "server_error", "message": f"at {voice.gateway.port} with {CANARY}"}
        await call.done(status="failed", output=[], status_details={"type": "failed", "error": error})

    vendor.script = script
    async with talking(voice) as talk:
        await talk.say("response.create")
        (*_, done) = await talk.until("response.done")
        assert CANARY not in json.dumps(done)
    assert sorted((row.end_reason, row.cost) for row in await voice.rows()) == [
        ("ok", 0),
        ("upstream_error", 0),
    ]


async def test_two_responses_at_once_are_both_billed(voice: Case, vendor: Vendor) -> None:
    async def script(call: Call) -> None:
        await call.hear("response.create")
        for name in ("resp_1", "resp_2"):
            await call.created(name)
            await call.words("Hi", name)
        for name in ("resp_1", "resp_2"):
            await call.done(id=name)

    vendor.script = script
    async with talking(voice) as talk:
        await talk.say("response.create")
        await talk.until("response.done")
        await talk.until("response.done")
    assert sorted(row.cost for row in await voice.rows()) == [0, COST, COST]


async def test_a_transcript_is_billed_at_the_price_of_its_own_model(
    voice: Case, gateway: Gateway, vendor: Vendor
) -> None:
    writer = await gateway.case(vendor.url, price={"per_second_usd": "0.001"})

    async def script(call: Call) -> None:
        told = await call.hear("session.update")
        assert told["session"]["audio"]["input"]["transcription"]["model"] == writer.model
        kind = "conversation.item.input_audio_transcription.completed"
        await call.say(kind, item_id="i", usage={"type": "duration", "seconds": 2.5})

    vendor.script = script
    async with talking(voice) as talk:
        hears: Shape = {"type": "realtime", "audio": {"input": {"transcription": {"model": "nonesuch"}}}}
        await talk.say("session.update", event_id="mine", session=hears)
        error = await talk.error()
        assert (error["code"], error["event_id"]) == ("model_not_found", "mine")
        hears["audio"]["input"]["transcription"] = {"language": "en"}  # by a model of the vendor's choice
        await talk.say("session.update", event_id="mine", session=hears)
        error = await talk.error()
        assert (error["param"], error["event_id"]) == ("session.audio.input.transcription.model", "mine")
        hears["audio"]["input"]["transcription"]["model"] = writer.model
        await talk.say("session.update", session=hears)
        await talk.until("conversation.item.input_audio_transcription.completed")
    row = next(row for row in await voice.rows() if row.cost)
    assert (row.model, row.usage["seconds"], row.cost) == (writer.model, 3, 3_000_000)


async def test_what_is_no_event_reaches_the_vendor_and_comes_back_as_it_is(
    voice: Case, vendor: Vendor
) -> None:
    async def echo(call: Call) -> None:
        while True:
            await call.socket.send_str(await call.socket.receive_str())

    vendor.script = echo
    async with talking(voice) as talk:
        for text in ("{", "[1]", '{"type":7}', "\u0000ü漢😀", '{"type":"new.event","x":1e400}'):
            await talk.socket.send_str(text)
            assert await talk.socket.receive_str() == text
        large = json.dumps({"type": "large", "x": "y" * 2_000_000})
        await talk.socket.send_bytes(large.encode())
        assert await talk.socket.receive_str() == large


# Ends


async def test_a_caller_who_leaves_pays_what_was_said_and_the_vendor_is_let_go(
    voice: Case, vendor: Vendor
) -> None:
    vendor.script = speak_and_stall
    async with talking(voice) as talk:
        await talk.say("response.create")
        await talk.until("response.output_text.delta")
        assert talk.socket._response.connection is not None
        transport = talk.socket._response.connection.transport
        assert transport is not None
        left_at = time.monotonic()
        transport.abort()
        (call,) = vendor.calls
        async with asyncio.timeout(5):
            await call.closed.wait()
        assert call.closed_at - left_at < GONE_S
    rows = {row.cost > 0: row for row in await voice.rows()}
    assert (rows[True].end_reason, rows[True].finish) == ("client_gone", "truncated")
    assert rows[True].usage["audio_output"] == 20
    assert rows[False].end_reason == "client_gone"


async def test_a_vendor_that_breaks_off_is_told_of_and_never_looks_complete(
    voice: Case, vendor: Vendor
) -> None:
    async def script(call: Call) -> None:
        await speak_and_stall(call)
        call.cut()

    vendor.script = script
    async with talking(voice) as talk:
        await talk.say("response.create")
        assert (await talk.error())["type"] == "server_error"
        assert await talk.close_code() == 1011
    rows = await voice.rows()
    assert {row.end_reason for row in rows} == {"upstream_truncated"}
    assert sum(row.cost > 0 for row in rows) == 1


async def test_a_vendor_that_ends_properly_in_the_middle_of_an_answer_broke_off_too(
    voice: Case, vendor: Vendor
) -> None:
    async def script(call: Call) -> None:
        await speak_and_stall(call)
        await call.socket.close(code=1000)

    vendor.script = script
    async with talking(voice) as talk:
        await talk.say("response.create")
        await talk.error()
        assert await talk.close_code() == 1011


async def test_the_vendors_own_close_is_passed_on(voice: Case, vendor: Vendor) -> None:
    async def script(call: Call) -> None:
        await call.socket.close(code=4000, message=f"said {CANARY}".encode())

    vendor.script = script
    async with talking(voice) as talk:
        assert await talk.close_code() == 4000
    assert (await voice.row()).end_reason == "ok"


async def test_the_vendors_words_about_our_account_are_not(voice: Case, vendor: Vendor) -> None:
    async def script(call: Call) -> None:
        for code in ("insufficient_quota", "invalid_value"):
            said = {"type": "x", "code": code, "message": f"{CANARY} of our plan", "param": None}
            await call.say("error", error=said)

    vendor.script = script
    async with talking(voice) as talk:
        first, second = await talk.error(), await talk.error()
    assert first["code"] == "upstream_error" and "plan" not in first["message"]
    assert second == {"type": "x", "code": "invalid_value", "message": "*** of our plan", "param": None}


async def test_frames_that_are_too_large_end_the_session(tmp_path: Path) -> None:
    async with serving() as vendor, running(tmp_path, socket_message_bytes=10_000) as gateway:
        case = await gateway.case(vendor.url, price=PRICE)
        async with talking(case) as talk:
            await talk.socket.send_str("x" * 20_000)
            assert await talk.close_code() == 1009
        assert (await case.row()).end_reason == "client_error"

        async def flood(call: Call) -> None:
            await call.say("large", x="y" * 20_000)

        vendor.script = flood
        async with talking(case) as talk:
            await talk.error()
            assert await talk.close_code() == 1011
        async with asyncio.timeout(5):
            for call in vendor.calls:
                await call.closed.wait()
        await case.assert_invariants()


async def test_silence_and_length_have_an_end(tmp_path: Path) -> None:
    async with serving() as vendor, running(tmp_path / "idle", socket_idle_s=0.1) as gateway:
        case = await gateway.case(vendor.url, price=PRICE)
        async with talking(case) as talk:
            assert (await talk.error())["code"] == "session_idle"
            assert await talk.close_code() == 1001
        assert (await case.row()).end_reason == "limited"
        await case.assert_invariants()
    async with serving() as vendor, running(tmp_path / "total", socket_total_s=0.1) as gateway:
        case = await gateway.case(vendor.url, price=PRICE)
        async with talking(case) as talk:
            assert (await talk.error())["code"] == "session_expired"


async def test_a_caller_who_reads_slowly_slows_the_vendor_down(voice: Case, vendor: Vendor) -> None:
    sent = 0
    stuck = asyncio.Event()

    async def flood(call: Call) -> None:
        nonlocal sent
        with contextlib.suppress(TimeoutError):
            while sent < 64_000_000:
                async with asyncio.timeout(0.5):
                    await call.say("noise", x="y" * 100_000)
                sent += 100_000
        stuck.set()

    vendor.script = flood
    async with talking(voice) as talk:
        assert talk.socket._response.connection is not None
        transport = talk.socket._response.connection.transport
        assert transport is not None
        transport.pause_reading()
        await stuck.wait()
        assert sent < 32_000_000
        transport.abort()


# Client secrets


async def made(case: Case, **body: Any) -> tuple[int, Shape]:
    url = f"http://127.0.0.1:{case.gateway.port}/v1/realtime/client_secrets"
    headers = {"authorization": f"Bearer {case.key}"}
    async with aiohttp.ClientSession() as client, client.post(url, json=body, headers=headers) as response:
        found: Shape = await response.json()
        return response.status, found


async def test_a_client_secret_is_bound_to_its_session(voice: Case, vendor: Vendor) -> None:
    heard, script = listening()
    vendor.script = script
    status, secret = await made(
        voice, session={"type": "realtime", "model": voice.model, "instructions": "Be brief."}
    )
    assert status == 200
    validate("RealtimeCreateClientSecretResponse", secret)
    assert 590 <= secret["expires_at"] - time.time() <= 600
    offered = f"realtime, openai-insecure-api-key.{secret['value']}"
    async with talking(
        voice, "/v1/realtime?model=other", authorization="", **{"sec-websocket-protocol": offered}
    ) as talk:
        assert talk.socket._response.headers["sec-websocket-protocol"] == "realtime"
        told = await asyncio.wait_for(heard.get(), 5)
    assert told == {"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}}
    assert vendor.calls[0].request.query["model"] == "vendors-own-name"


async def test_a_client_secret_ends_and_makes_no_other(voice: Case, gateway: Gateway) -> None:
    old = ClientSecret(voice.grant.key_id, int(time.time()) - 1, voice.model, False, "")
    assert (await refused(voice, authorization=f"Bearer {seal(gateway.inner.secrets, old)}"))[0] == 401
    fresh = ClientSecret(voice.grant.key_id, int(time.time()) + 60, voice.model, False, "")
    voice_of_secret = Case(gateway, voice.model, voice.account, seal(gateway.inner.secrets, fresh), b"")
    assert (await made(voice_of_secret))[0] == 403
    assert (await refused(voice_of_secret, "/v1/responses"))[0] == 403


@pytest.mark.parametrize(
    "body",
    [
        {"session": {"type": "song"}},
        {"session": [1]},
        {"session": {"type": "realtime", "model": "nonesuch"}},
        {"expires_after": {"seconds": 5}},
        {"expires_after": {"seconds": "soon"}},
    ],
)
async def test_a_client_secret_is_not_made_of_nonsense(voice: Case, body: Shape) -> None:
    if "expires_after" in body:
        body["session"] = {"type": "realtime", "model": voice.model}
    status, answer = await made(voice, **body)
    assert status in (400, 404)
    validate("ErrorResponse", answer)


async def test_a_session_too_large_for_a_secret_is_refused(voice: Case) -> None:
    text = "".join(chr(0x4E00 + number % 20_000) for number in range(20_000))
    session = {"type": "realtime", "model": voice.model, "instructions": text}
    status, answer = await made(voice, session=session)
    assert (status, answer["error"]["param"]) == (400, "session")


# Responses over a socket


async def test_what_is_no_request_is_an_error_event_and_the_socket_stays(case: Case) -> None:
    async with talking(case, "/v1/responses") as talk:
        codes = []
        for text in ("{", '{"type":"response.dance"}', '{"type":"response.create","background":true}'):
            await talk.socket.send_str(text)
            (event,) = await talk.until("error")
            validate("ResponsesServerEvent", event)
            codes.append(event["code"])
        assert codes == ["invalid_json", "invalid_value", "invalid_request_error"]
        await talk.say("response.create", model="nonesuch", input="Hi")
        assert (await talk.until("error"))[0]["code"] == "model_not_found"


async def test_a_caller_who_leaves_the_socket_of_responses_cancels_the_vendor(case: Case) -> None:
    upstream = case.gateway.upstream
    delta = b'data: {"type":"response.output_text.delta","delta":"Hi"}\n\n'
    upstream.plays(STREAM_HEAD, chunk(delta), End.SILENT)
    async with talking(case, "/v1/responses") as talk:
        await talk.say("response.create", model=case.model, input="Hi", store=False)
        await talk.until("response.output_text.delta")
        seen = await upstream.reached()
        left_at = time.monotonic()
    async with asyncio.timeout(5):
        await seen.closed.wait()
    assert seen.closed_at - left_at < GONE_S
    assert (await case.row()).end_reason == "client_gone"
