"""Every part of `x-pronghorn-simulate`: what it does to a stream and to a whole answer, alone and combined."""

import json
import time
from typing import Any

import aiohttp
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.openapi_schema import validate

from pronghorn.kit import sse
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.faults import HEADER, Faults, parse

CHAT = "/v1/chat/completions"
EVENTS = 12
"""Of `asked` as a stream: the role, nine words, the finish, and `[DONE]`."""


def asked(**more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "repeat: a b c d e f g h i"}]
    return {"model": "gpt-4o-mini", "messages": messages} | more


class Got:
    """An answer as far as it came, with the times in seconds at which its pieces did."""

    def __init__(self) -> None:
        self.data = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_broken = False
        self.times_s: list[float] = []

    @property
    def events(self) -> list[bytes]:
        payloads = (sse.data_of(event) for event in sse.Splitter().feed(self.data))
        return [payload for payload in payloads if payload is not None]

    @property
    def longest_silence_s(self) -> float:
        return max(after - before for before, after in zip(self.times_s, self.times_s[1:], strict=False))


async def play(
    client: aiohttp.ClientSession, simulate: str, path: str = CHAT, *, data: Any = None, **body: Any
) -> Got:
    """Ask with these faults; a stream if `body` says so."""
    got = Got()
    got.times_s.append(time.monotonic())
    sent: dict[str, Any] = {"data": data} if data is not None else {"json": body or asked()}
    async with client.post(path, headers={HEADER: simulate}, **sent) as response:
        got.status, got.headers = response.status, {k.lower(): v for k, v in response.headers.items()}
        got.times_s.append(time.monotonic())
        try:
            async for piece in response.content.iter_any():
                got.data += piece
                got.times_s.append(time.monotonic())
        except aiohttp.ClientPayloadError:
            got.is_broken = True
    return got


async def stream(client: aiohttp.ClientSession, simulate: str, **more: Any) -> Got:
    return await play(client, simulate, **asked(stream=True, **more))


def is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", Faults()),
        (" , ,", Faults()),
        ("status=429", Faults(status=429)),
        ("status=503/2", Faults(status=503, times=2)),
        ("delay=500ms", Faults(delay_s=0.5)),
        ("delay=1.5s", Faults(delay_s=1.5)),
        ("delay=2m", Faults(delay_s=120.0)),
        ("cut-after=3", Faults(cut_after=3)),
        ("end-after=3", Faults(end_after=3)),
        ("stall=3:10s", Faults(stall_after=3, stall_s=10.0)),
        ("drip=100/s", Faults(drip_bytes_per_s=100.0)),
        ("malformed=3", Faults(malformed=3)),
        ("length=wrong", Faults(has_wrong_length=True)),
        ("usage=none", Faults(usage="none")),
        ("usage=absurd", Faults(usage="absurd")),
        ("task=fail", Faults(task="fail")),
        ("task=stuck", Faults(task="stuck")),
        ("task=moderated", Faults(task="moderated")),
        ("speed=4", Faults(speed=4.0)),
        ("speed=0.5", Faults(speed=0.5)),
        (
            "status=503/1, delay=1s,usage=none , task=stuck,speed=2",
            Faults(status=503, times=1, delay_s=1.0, usage="none", task="stuck", speed=2.0),
        ),
        ("cut-after=3,cut-after=5", Faults(cut_after=5)),
    ],
)
def test_every_part_is_read(text: str, faults: Faults) -> None:
    assert parse(text) == faults


BAD = (
    "status",
    "status=",
    "status=200",
    "status=99",
    "status=503/0",
    "status=503/",
    "status=503/-1",
    "delay=5",
    "delay=-1s",
    "delay=11m",
    "delay=1h",
    "delay=1e3s",
    "delay=٣s",
    "cut-after=0",
    "cut-after=-1",
    "cut-after=two",
    "end-after=",
    "stall=3",
    "stall=0:1s",
    "stall=3:",
    "stall=3:1s:1s",
    "drip=0/s",
    "drip=100",
    "drip=100/m",
    "malformed=",
    "malformed=1.5",
    "length=right",
    "usage=some",
    "task=lost",
    "speed=0",
    "speed=fast",
    "speed=-1",
    "flap=503",
    "flap=503:2",
    "flap=200:2/3",
    "flap=503:0/3",
    "answer=pdf",
    "unheard-of=1",
    "Status=503",
    "status = 503",
)


@pytest.mark.parametrize("part", BAD)
def test_what_cannot_be_read_is_named(part: str) -> None:
    with pytest.raises(SandboxError) as refused:
        parse(f"delay=1ms,{part},speed=2")
    assert (refused.value.status, refused.value.param) == (400, HEADER)
    assert repr(part) in refused.value.message


@given(st.text("=/:,.0123456789msdelaycut-frp ", max_size=40))
@example("delay=1" + "0" * 400 + "s")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        faults = parse(text)
    except SandboxError as refused:
        assert refused.status == 400
    else:
        assert 0 <= faults.delay_s <= 600


async def test_a_bad_part_is_refused_before_anything_else(client: aiohttp.ClientSession) -> None:
    got = await play(client, "delay=30s,status=503,nonsense")
    assert got.status == 400
    validate("ErrorResponse", json.loads(got.data))
    assert json.loads(got.data)["error"]["param"] == HEADER


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "invalid_request_error", "invalid_api_key"),
        (404, "invalid_request_error", "model_not_found"),
        (429, "invalid_request_error", "rate_limit_exceeded"),
        (500, "server_error", None),
        (503, "server_error", "slow_down"),
        (529, "server_error", None),
    ],
)
async def test_a_status_is_answered_in_openais_shape(
    client: aiohttp.ClientSession, status: int, kind: str, code: str | None
) -> None:
    for body in (asked(), asked(stream=True), asked(model=f"sandbox-{status}")):
        simulate = "" if body["model"].startswith("sandbox-") else f"status={status}"
        got = await play(client, simulate, **body)
        assert got.status == status
        validate("ErrorResponse", json.loads(got.data))
        error = json.loads(got.data)["error"]
        assert (error["type"], error["code"]) == (kind, code)
        assert ("retry-after" in got.headers) == (status == 429)


async def test_a_status_passes_after_so_many_times_for_each_request(client: aiohttp.ClientSession) -> None:
    for body in (asked(), asked(user="another")):
        assert [(await play(client, "status=503/2", **body)).status for _ in range(4)] == [503, 503, 200, 200]
    assert (await play(client, "status=503/3", **asked())).status == 503


async def test_a_flapping_vendor_fails_and_succeeds_in_turn_whatever_is_asked(
    client: aiohttp.ClientSession,
) -> None:
    statuses = [(await play(client, "flap=503:2/3", **asked(user=str(n)))).status for n in range(12)]
    assert statuses == [503, 503, 200, 200, 200, 503, 503, 200, 200, 200, 503, 503]


@pytest.mark.parametrize("kind", ["html", "error", "empty", "other"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_a_success_that_is_no_answer(client: aiohttp.ClientSession, kind: str, is_stream: bool) -> None:
    got = await play(client, f"answer={kind}", **asked(stream=is_stream))
    assert got.status == 200
    assert b"choices" not in got.data
    assert (b"<html>" in got.data) == (kind == "html")
    assert (not got.data) == (kind == "empty")


async def test_a_form_is_the_same_request_whatever_its_boundary(client: aiohttp.ClientSession) -> None:
    statuses = []
    for _ in range(3):
        form = aiohttp.FormData({"model": "whisper-1"}, default_to_multipart=True)
        got = await play(client, "status=429/2", "/v1/audio/transcriptions", data=form)
        statuses.append(got.status)
    assert statuses == [429, 429, 400]


async def test_a_delay_comes_before_the_answer_whatever_it_is(client: aiohttp.ClientSession) -> None:
    for simulate, status in (("delay=200ms", 200), ("delay=200ms,status=500", 500)):
        got = await play(client, simulate)
        assert (got.status, got.times_s[1] - got.times_s[0] >= 0.2) == (status, True)


async def test_a_cut_stream_has_its_first_events_and_no_end(client: aiohttp.ClientSession) -> None:
    whole = await stream(client, "")
    assert (len(whole.events), whole.events[-1], whole.is_broken) == (EVENTS, b"[DONE]", False)
    cut = await stream(client, "cut-after=3")
    assert (len(cut.events), cut.is_broken) == (3, True)
    assert all(map(is_json, cut.events))
    late = await stream(client, f"cut-after={EVENTS + 1}")
    assert (late.events[-1], late.is_broken) == (b"[DONE]", False)


async def test_an_early_end_is_clean(client: aiohttp.ClientSession) -> None:
    ended = await stream(client, "end-after=3")
    assert (len(ended.events), ended.is_broken) == (3, False)
    assert all(map(is_json, ended.events))


async def test_a_whole_answer_is_cut_or_ends_in_its_middle(client: aiohttp.ClientSession) -> None:
    full = (await play(client, "")).headers["content-length"]
    cut = await play(client, "cut-after=1")
    assert cut.is_broken and not is_json(cut.data) and cut.headers["content-length"] == full
    ended = await play(client, "end-after=1")
    assert not ended.is_broken and not is_json(ended.data)
    assert len(ended.data) == int(ended.headers["content-length"]) == int(full) // 2


async def test_sound_is_cut_too(client: aiohttp.ClientSession) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello", "response_format": "wav"}
    whole = await play(client, "", "/v1/audio/speech", **body)
    cut = await play(client, "cut-after=1", "/v1/audio/speech", **body)
    assert cut.is_broken and cut.data == whole.data[: len(whole.data) // 2]


async def test_a_stall_is_a_silence_in_the_middle(client: aiohttp.ClientSession) -> None:
    stalled = await stream(client, "stall=3:300ms")
    assert (len(stalled.events), stalled.longest_silence_s >= 0.25) == (EVENTS, True)
    whole = await play(client, "stall=1:300ms")
    assert is_json(whole.data) and whole.longest_silence_s >= 0.25


async def test_a_drip_takes_its_time(client: aiohttp.ClientSession) -> None:
    for body in (asked(stream=True, max_tokens=2), asked()):
        got = await play(client, "drip=4000/s", **body)
        before_the_last_drop = len(got.data) - 200
        assert got.times_s[-1] - got.times_s[0] >= 0.9 * before_the_last_drop / 4_000
        assert not got.is_broken


async def test_one_event_is_damaged(client: aiohttp.ClientSession) -> None:
    got = await stream(client, "malformed=3")
    assert [is_json(event) for event in got.events[:-1]] == [True, True, *[False], *[True] * 8]
    assert got.events[-1] == b"[DONE]"
    whole = await play(client, "malformed=1")
    assert (whole.status, is_json(whole.data), whole.is_broken) == (200, False, False)


async def test_a_wrong_length_promises_more_than_comes(client: aiohttp.ClientSession) -> None:
    for body in (asked(), asked(stream=True)):
        got = await play(client, "length=wrong", **body)
        assert got.is_broken and int(got.headers["content-length"]) > len(got.data)
    assert got.events[-1] == b"[DONE]"


async def test_usage_goes_missing_or_mad(client: aiohttp.ClientSession) -> None:
    options = {"stream_options": {"include_usage": True}}
    for simulate in ("usage=none", "usage=absurd"):
        whole = json.loads((await play(client, simulate)).data)
        streamed = [json.loads(event) for event in (await stream(client, simulate, **options)).events[:-1]]
        for usage in (whole.get("usage"), streamed[-1].get("usage")):
            if simulate == "usage=none":
                assert usage is None
            else:
                assert usage["prompt_tokens"] < 0
                assert usage["completion_tokens"] > 10**12
                assert usage["total_tokens"] is None


async def test_speed_sets_the_pace(client: aiohttp.ClientSession) -> None:
    got = await stream(client, "speed=2")
    assert got.times_s[-1] - got.times_s[0] >= (EVENTS - 1) / 100
    assert (await stream(client, "speed=1000")).events[-1] == b"[DONE]"


@pytest.mark.parametrize(
    ("simulate", "readable", "is_broken"),
    [
        ("malformed=2,cut-after=3", [True, False, True], True),
        ("malformed=2,end-after=2", [True, False], False),
        ("cut-after=2,end-after=4", [True, True], True),
        ("cut-after=4,end-after=2", [True, True], False),
        ("stall=1:100ms,drip=20000/s,cut-after=2", [True, True], True),
        ("length=wrong,cut-after=1", [True], True),
        ("length=wrong,end-after=2", [True, True], True),
        ("speed=50,usage=none,end-after=1", [True], False),
    ],
)
async def test_parts_combine(
    client: aiohttp.ClientSession, simulate: str, readable: list[bool], is_broken: bool
) -> None:
    got = await stream(client, simulate)
    assert ([is_json(event) for event in got.events], got.is_broken) == (readable, is_broken)
    assert got.longest_silence_s >= 0.08 or "stall" not in simulate


async def test_a_status_wins_over_what_would_spoil_the_answer_after_it(client: aiohttp.ClientSession) -> None:
    simulate = "status=503/1,cut-after=2"
    assert (await stream(client, simulate)).status == 503
    retried = await stream(client, simulate)
    assert (retried.status, len(retried.events), retried.is_broken) == (200, 2, True)
