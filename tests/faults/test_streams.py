"""Streams through the gateway: the same events however they are split, and never a cut that looks like an end."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.gateway import MODEL, STREAM_HEAD, Seen, answer, chunk, running, send

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
COST = 10 * 1_000 + 5 * 2_000
"""Nano-dollars of `USAGE`."""


def event(**members: Any) -> bytes:
    return (
        b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", **members}).encode() + b"\n\n"
    )


def delta(text: str | None, finish: str | None = None, **more: Any) -> bytes:
    inner = {"content": text, **more} if text is not None else more
    return event(choices=[{"index": 0, "delta": inner, "finish_reason": finish}])


ROLE, ONE, TWO = delta("", role="assistant"), delta("Grüße 你"), delta("好 🎉", x_new={"kept": 1})
FINISH, USED, DONE = delta(None, "stop"), event(choices=[], usage=USAGE), b"data: [DONE]\n\n"
WHOLE = [b": a comment\n\n", ROLE, ONE, TWO, FINISH, USED, DONE]
SHOWN = b"".join(WHOLE).replace(USED, b"")


async def test_every_split_gives_the_same_bytes(tmp_path: Path) -> None:
    stream = b"".join(WHOLE)
    async with running(tmp_path) as run:

        async def once(cut: int) -> bytes:
            response = await run.chat(stream=True, user=str(cut))
            return await response.read()

        async def script(writer: asyncio.StreamWriter, seen: Seen) -> None:
            cut = int(json.loads(seen.body)["user"])
            for piece in (STREAM_HEAD, chunk(stream[:cut]), chunk(stream[cut:]), b"0\r\n\r\n"):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)

        run.vendor.script = script
        for start in range(1, len(stream), 40):
            cuts = range(start, min(start + 40, len(stream)))
            for cut, got in zip(cuts, await asyncio.gather(*map(once, cuts)), strict=True):
                assert got == SHOWN, cut
        rows = await run.rows()
    assert {row.cost for row in rows} == {COST}
    assert {row.end_reason for row in rows} == {"ok"}


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
async def test_other_line_ends_pass_through(tmp_path: Path, line_end: bytes) -> None:
    stream = b"".join(WHOLE).replace(b"\n", line_end)
    async with running(tmp_path) as run:
        run.vendor.script = send(
            STREAM_HEAD, *(chunk(stream[i : i + 1]) for i in range(len(stream))), b"0\r\n\r\n"
        )
        response = await run.chat(stream=True)
        assert await response.read() == SHOWN.replace(b"\n", line_end)


async def test_usage_is_shown_to_those_who_ask_and_unknown_fields_survive(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        run.vendor.script = send(STREAM_HEAD, *map(chunk, WHOLE), b"0\r\n\r\n")
        response = await run.chat(
            stream=True, stream_options={"include_usage": True, "x": 1}, x_new={"a": [1.50]}
        )
        assert await response.read() == b"".join(WHOLE)
        sent = json.loads(run.vendor.seen[0].body)
    assert sent["stream_options"] == {"include_usage": True, "x": 1}
    assert sent["x_new"] == {"a": [1.5]}


@pytest.mark.parametrize("then", ["close", "reset", "end"])
@pytest.mark.parametrize("events", [2, 3, 4, 5, 6], ids=lambda count: f"{count}events")
async def test_a_stream_without_its_end_is_never_a_success(tmp_path: Path, events: int, then: str) -> None:
    """Cut off, or ended cleanly, after so many events; the second is the last without content."""
    pieces = [STREAM_HEAD, *map(chunk, WHOLE[:events])]
    pause_s = 0.02  # so that content is on its way before the vendor breaks off
    async with running(tmp_path) as run:
        run.vendor.script = (
            send(*pieces, b"0\r\n\r\n", pause_s=pause_s)
            if then == "end"
            else send(*pieces, then=then, pause_s=pause_s)
        )
        response = await run.chat(stream=True)
        if events == 2:
            body = await response.json()
            assert response.status == 502
            assert body["error"]["code"] == "upstream_error"
        else:
            got = await _read_broken(response)
            assert b"[DONE]" not in got
            last = json.loads(got.rstrip().rsplit(b"data: ", 1)[1])
            assert last["error"]["code"] == "upstream_truncated"
        row = await run.only_row()
    assert row.end_reason == "upstream_truncated"
    assert (row.cost == 0) == (events == 2)
    assert row.cost == COST or events < 6


async def _read_broken(response: aiohttp.ClientResponse) -> bytes:
    """What came before the connection broke; it has to break."""
    got = b""
    with pytest.raises(aiohttp.ClientPayloadError):
        async for data in response.content.iter_any():
            got += data
    response.close()
    return got


@pytest.mark.parametrize(
    "malformed",
    [
        b"data: {broken\n\n",
        b'data: {"choices": 7}\n\n',
        b'data: {"a": NaN}\n\n',
        b"data: " + b"[" * 10_000 + b"\n\n",
    ],
)
async def test_an_event_that_makes_no_sense_is_an_error_and_no_gap(tmp_path: Path, malformed: bytes) -> None:
    async with running(tmp_path) as run:
        pieces = [STREAM_HEAD, *map(chunk, [ROLE, ONE, malformed, TWO, FINISH, DONE]), b"0\r\n\r\n"]
        run.vendor.script = send(*pieces, pause_s=0.02)
        got = await _read_broken(await run.chat(stream=True))
        row = await run.only_row()
    assert ONE in got
    assert TWO not in got
    assert row.end_reason == "upstream_error"
    assert row.usage["is_estimated"]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>busy</html>",
        b"",
        b'{"error": {"message": "no"}}',
        b'{"choices": []}',
        b"[1]",
        b'{"choices": [{"message": {"content": "half',
    ],
)
async def test_a_200_that_is_no_answer_is_an_error_and_costs_nothing(tmp_path: Path, body: bytes) -> None:
    async with running(tmp_path) as run:
        run.vendor.script = send(answer(body))
        response = await run.chat()
        assert response.status == 502
        assert (await response.json())["error"]["code"] == "upstream_error"
        row = await run.only_row()
    assert row.cost == 0


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": 10**13},
        "many",
        {"prompt_tokens": "x"},
    ],
)
async def test_absurd_usage_is_replaced_by_our_own_count(tmp_path: Path, usage: Any) -> None:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "one two three"},
        "finish_reason": "stop",
    }
    async with running(tmp_path) as run:
        run.vendor.script = send(answer(json.dumps({"choices": [choice], "usage": usage}).encode()))
        assert (await run.chat()).status == 200
        row = await run.only_row()
    assert row.usage["is_estimated"]
    assert row.usage["output"] == 3
    assert 0 < row.cost <= row.hold


@pytest.mark.parametrize(
    ("status", "seen_as", "code"),
    [
        (b"401 No", 502, "upstream_error"),
        (b"429 Slow", 429, "rate_limit_exceeded"),
        (b"500 Oops", 502, "upstream_error"),
        (b"302 Found", 502, "upstream_error"),
        (b"400 Bad", 400, "context_length_exceeded"),
    ],
)
async def test_a_vendors_status_means_something_for_the_caller(
    tmp_path: Path, status: bytes, seen_as: int, code: str
) -> None:
    said = {"error": {"message": "key sk-canary-5b1d9e is bad", "code": "context_length_exceeded"}}
    async with running(tmp_path) as run:
        run.vendor.script = send(answer(json.dumps(said).encode(), status, retry_after="7"))
        response = await run.chat()
        text = await response.text()
        row = await run.only_row()
    assert response.status == seen_as
    assert json.loads(text)["error"]["code"] == code
    assert "canary" not in text
    assert row.cost == 0
    assert response.headers.get("retry-after") == ("7" if seen_as == 429 else None)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_the_vendors_socket_is_closed_when_the_caller_hangs_up(tmp_path: Path, is_stream: bool) -> None:
    async with running(tmp_path) as run:
        pieces = [STREAM_HEAD, chunk(ROLE), chunk(ONE)] if is_stream else []
        run.vendor.script = send(*pieces, then="silent")
        calling = asyncio.ensure_future(run.chat(stream=is_stream))
        if is_stream:
            response = await calling
            await response.content.readuntil(ONE[-20:])
            response.close()
        else:
            while not run.vendor.seen:
                await asyncio.sleep(0.005)
            calling.cancel()
        await asyncio.wait_for(run.vendor.seen[0].closed.wait(), 0.5)
        row = await run.only_row()
    assert row.end_reason == "client_gone"
    assert (row.cost > 0) == is_stream


async def test_timeouts_end_a_silent_vendor(tmp_path: Path) -> None:
    async with running(tmp_path, first_byte_timeout_s=0.5, idle_timeout_s=0.5) as run:
        run.vendor.script = send(then="silent")
        response = await asyncio.wait_for(run.chat(), 1.5)
        assert response.status == 504
        run.vendor.script = send(STREAM_HEAD, chunk(ROLE), chunk(ONE), then="silent")
        got = await asyncio.wait_for(_read_broken(await run.chat(stream=True)), 1.5)
        assert b"upstream_timeout" in got
        while len(await run.rows()) < 2:
            await asyncio.sleep(0.01)


async def test_the_alias_is_translated_and_said(tmp_path: Path) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    async with running(tmp_path) as run:
        run.vendor.script = send(answer(json.dumps({"choices": [choice], "usage": USAGE}).encode()))
        response = await run.chat(model="alias")
        assert response.headers["x-pronghorn-model"] == "alias -> the-vendors-name"
        assert json.loads(run.vendor.seen[0].body)["model"] == "the-vendors-name"
        assert f"Bearer {'sk-canary-5b1d9e'}".encode() in run.vendor.seen[0].head
        assert run.key.encode() not in run.vendor.seen[0].head


async def test_the_last_cent_is_spent_once(tmp_path: Path) -> None:
    """A balance for ten calls, a hundred at once: ten succeed, the others are told to top up."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 0, "completion_tokens": 100}
    body = json.dumps({"choices": [choice], "usage": usage}).encode()
    async with running(tmp_path, usd=0, credit_wait_s=0.2, low_balance="refuse") as run:
        one = len(
            json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100})
        )
        await run.gateway.credit.adjust("acc_1", "live", 10 * (200_000 + one * 1_000), note="", now_ms=0)
        release = asyncio.Event()

        async def script(writer: asyncio.StreamWriter, seen: Seen) -> None:
            await release.wait()
            writer.write(answer(body))

        run.vendor.script = script
        calls = [asyncio.ensure_future(run.chat()) for _ in range(100)]
        refused = [await call for call in itertools.islice(asyncio.as_completed(calls), 90)]
        release.set()
        responses = await asyncio.gather(*calls)
        assert {response.status for response in refused} == {402}
        assert refused[0].headers["x-should-retry"] == "false"
        assert (await refused[0].json())["error"]["code"] == "insufficient_quota"
        assert [response.status for response in responses].count(200) == 10
