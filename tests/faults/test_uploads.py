"""Multipart bodies stream through: early, unchanged but for the model, bounded, and never whole in memory."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
import pytest_asyncio
from tests.faults import raw
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import RawAnswer, RawConnection, request
from tests.faults.upstream import End, completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 256 * 2**20
BOUNDARY = "b0undary"
TEXT = whole({"text": "hello there"})
PATH = "/v1/audio/transcriptions"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    async with running(folder, max_upload_bytes=LIMIT, max_body_bytes=2**20) as gateway:
        yield gateway


def field(name: str, value: str) -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


FILE = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="../../x.mp3"\r\n'
    "Content-Type: audio/mpeg\r\n\r\n"
).encode()
END = f"\r\n--{BOUNDARY}--\r\n".encode()
SOUND = bytes(range(256)) * 40


def head(case: Case, length: int | None, path: str = PATH, **more: str) -> bytes:
    framing = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return request(
        "POST", path, {"authorization": f"Bearer {case.key}", "content-type": kind} | framing | more
    )


async def upload(case: Case, body: bytes, path: str = PATH) -> RawAnswer:
    return await case.call(head(case, len(body), path) + body)


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
async def test_the_vendor_hears_the_beginning_before_the_caller_has_said_the_end(
    case: Case, is_chunked: bool
) -> None:
    case.gateway.upstream.plays(*TEXT)
    first, rest = field("model", case.model) + FILE + SOUND, SOUND + END
    wrap = chunked if is_chunked else bytes
    data = head(case, None if is_chunked else len(first + rest)) + wrap(first)
    async with case.open(data) as connection:
        seen = await case.gateway.upstream.reached()
        await asyncio.wait_for(seen.has_body.wait(), 5)
        assert not seen.is_complete
        await connection.send(wrap(rest) + (b"0\r\n\r\n" if is_chunked else b""))
        answer = await connection.answer()
    assert answer.json() == {"text": "hello there"}
    assert seen.body == first + rest
    row = await case.row()
    assert row.usage["output"] == 2
    assert row.cost > 0


SECONDS: dict[str, tuple[Any, str, int]] = {
    "no usage": ({"text": "hi"}, "application/json", 33),  # of 16000 bytes each
    "plain text": (b"hi", "text/plain", 33),
    "subtitles": (b"1\n00:00:00,000 --> 00:00:09,500\nhi\n\n", "text/plain", 10),
    "JSON under another name": ({"text": "hi", "duration": "8.47s"}, "text/plain", 9),
}


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("what", SECONDS)
async def test_seconds_are_those_of_the_answer_or_else_of_the_bytes_that_came(
    case: Case, what: str, is_chunked: bool
) -> None:
    answer, kind, seconds = SECONDS[what]
    case.gateway.upstream.plays(*whole(answer, kind=kind))
    body = field("model", case.model) + FILE + bytes(32 * 16_000) + END
    data = (
        head(case, None, PATH) + chunked(body) + b"0\r\n\r\n" if is_chunked else head(case, len(body)) + body
    )
    assert (await case.call(data)).status == 200
    assert (await case.row()).usage["seconds"] == seconds


async def test_a_transcript_is_delivered_though_its_vendor_does_not_stream(case: Case) -> None:
    case.gateway.upstream.plays(*TEXT)
    answer = await upload(case, field("model", case.model) + field("stream", "true") + FILE + SOUND + END)
    assert (answer.status, answer.json()) == (200, {"text": "hello there"})
    row = await case.row()
    assert (row.end_reason, row.is_stream) == ("ok", False)


@pytest.mark.parametrize("is_behind", [False, True], ids=["before the file", "behind it"])
async def test_all_pictures_of_an_edit_are_paid_wherever_the_form_says_how_many(
    gateway: Gateway, is_behind: bool
) -> None:
    case = await gateway.case(price={"per_image_usd": {"high": "0.19", "default": "0.04"}})
    gateway.upstream.plays(*whole({"created": 1, "data": [{"b64_json": "AA=="}] * 4}))
    picture = FILE.replace(b'name="file"', b'name="image"') + SOUND * 30 + b"\r\n"
    said = field("n", "4") + field("quality", "high")
    rest = picture + said if is_behind else said + picture
    answer = await upload(case, field("model", case.model) + rest + END[2:], "/v1/images/edits")
    assert answer.status == 200
    row = await case.row()
    assert (row.usage["images"], row.usage["image_kind"]) == (4, "high/1024x1024")
    assert (row.cost, row.shortfall) == (760_000_000, 0)


ORDERS: dict[str, tuple[bytes, ...]] = {
    "first": (b"MODEL", FILE + SOUND + b"\r\n", field("prompt", "p")),
    "after the file": (FILE + SOUND + b"\r\n", b"MODEL"),
    "after a file of 3 MB": (FILE + SOUND * 300 + b"\r\n", b"MODEL", field("n", "1")),
}


@pytest.mark.parametrize("order", ORDERS)
async def test_the_model_is_put_in_place_and_all_else_stays(gateway: Gateway, order: str) -> None:
    case = await gateway.case(alias="the-vendors-much-longer-name")
    gateway.upstream.plays(*TEXT)
    closing = f"--{BOUNDARY}--\r\n".encode()
    parts = b"".join(ORDERS[order]) + closing
    answer = await upload(case, parts.replace(b"MODEL", field("model", case.model)))
    assert answer.status == 200
    assert answer.header("x-pronghorn-model") == f"{case.model} -> the-vendors-much-longer-name"
    seen = gateway.upstream.seen[0]
    wanted = parts.replace(b"MODEL", field("model", "the-vendors-much-longer-name"))
    assert seen.body_bytes == len(wanted)
    assert seen.body == wanted[: len(seen.body)]
    await case.assert_invariants()


DAMAGED: dict[str, bytes] = {
    "no last boundary": field("model", "MODEL") + FILE + SOUND,
    "no last boundary and no model": FILE + SOUND,
    "nothing": b"",
    "no boundary at all": b"x" * 1_000,
    "a boundary that goes on": field("model", "MODEL") + f"--{BOUNDARY}x\r\n\r\n\r\n".encode(),
    "the model twice": field("model", "MODEL") * 2 + FILE + SOUND + END,
    "a model of 100 KB": field("model", "m" * 100_000) + FILE + SOUND + END,
    "headers of 1 MB": f"--{BOUNDARY}\r\nx: {'a' * 1_000_000}\r\n\r\n".encode() + END,
    "100000 parts": field("x", "1") * 100_000 + field("model", "MODEL") + END,
    "100000 parts after the model": field("model", "MODEL") + field("x", "1") * 100_000 + END,
}


@pytest.mark.parametrize("what", DAMAGED)
async def test_a_damaged_form_is_a_400_and_free(case: Case, what: str) -> None:
    case.gateway.upstream.plays(*TEXT)
    answer = await upload(case, DAMAGED[what].replace(b"MODEL", case.model.encode()))
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    row = await case.row()
    assert (row.cost, row.end_reason) == (0, "client_error")
    if what != "no last boundary":  # which shows with the last byte only
        assert not any(seen.is_complete for seen in case.gateway.upstream.seen)


async def test_a_form_without_a_model_is_told_so(case: Case) -> None:
    answer = await upload(case, FILE + SOUND + END, "/v1/images/edits")
    assert answer.status == 404, "the route's default model, which this gateway does not have"


@pytest.mark.parametrize("number", ["+2", "2.0", "1_0", "\u0662", "-1", "9" * 5_000])
async def test_a_number_in_a_spelling_that_a_vendor_may_read_otherwise_is_refused(
    case: Case, number: str
) -> None:
    answer = await upload(case, field("model", case.model) + field("n", number) + FILE + SOUND + END)
    assert (answer.status, answer.error["param"]) == (400, "n")


async def test_too_long_a_body_is_refused_before_it_is_sent(case: Case) -> None:
    async with case.open(head(case, LIMIT + 1)) as connection:
        answer = await connection.answer()
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")


async def test_too_long_a_body_is_refused_before_100_continue(case: Case) -> None:
    async with case.open(head(case, LIMIT + 1, expect="100-continue")) as connection:
        assert (await connection.reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_an_endless_chunked_body_is_refused_at_the_limit(tmp_path: Any) -> None:
    async with running(tmp_path, max_upload_bytes=2**20, max_body_bytes=2**20) as gateway:
        case = await gateway.case()
        gateway.upstream.plays(*TEXT)
        for begin in (field("model", case.model) + FILE, FILE):
            async with case.open(head(case, None) + chunked(begin)) as connection:
                answer = await flood(connection)
            assert answer.status == 413
        data = {"authorization": f"Bearer {case.key}", "transfer-encoding": "chunked"}
        async with case.open(request("POST", "/v1/chat/completions", data)) as connection:
            answer = await flood(connection)
        assert answer.status == 413
        assert gateway.upstream.seen[0].body_bytes <= 2**20 + 64 * 1024
        await case.assert_invariants()


async def flood(connection: RawConnection, piece: bytes = chunked(b"a" * 16_384)) -> RawAnswer:
    """Send, at the pace of a fast network and not of a memory bus, until there is an answer."""
    answering = asyncio.ensure_future(connection.answer())
    sent = 0
    while not answering.done():
        try:
            await connection.send(piece)
        except ConnectionError:
            break
        sent += len(piece)
        assert sent < 64 * 2**20, "it reads on and on"
        await asyncio.sleep(0.001)
    return await answering


@pytest.mark.parametrize("is_model_first", [True, False], ids=["model first", "model last"])
async def test_two_hundred_megabytes_do_not_live_in_memory(case: Case, is_model_first: bool) -> None:
    case.gateway.upstream.plays(*TEXT)
    model, piece, count = field("model", case.model), b"\0" * 2**20, 200
    first = (model if is_model_first else b"") + FILE
    last = END if is_model_first else b"\r\n" + model + f"--{BOUNDARY}--\r\n".encode()
    process = psutil.Process()
    before = most = process.memory_info().rss
    async with raw.connect(case.gateway.port) as connection:
        await connection.send(head(case, len(first) + len(piece) * count + len(last)) + first)
        for _ in range(count):
            await connection.send(piece)
            most = max(most, process.memory_info().rss)
        await connection.send(last)
        answer = await connection.answer()
        most = max(most, process.memory_info().rss)
    assert answer.status == 200
    assert case.gateway.upstream.seen[0].body_bytes == len(first) + len(piece) * count + len(last)
    assert most - before < 40 * 2**20


async def test_a_vendor_who_answers_early_is_heard(case: Case) -> None:
    case.gateway.upstream.plays(End.EARLY, *whole({"error": {"code": "too_big", "message": "m"}}, "413 Big"))
    async with case.open(head(case, 10**8) + field("model", case.model) + FILE) as connection:
        answer = await flood(connection, SOUND)
    assert (answer.status, answer.error["code"]) == (413, "too_big")
    assert (await case.row()).cost == 0


async def test_a_caller_who_leaves_in_the_middle_of_an_upload_is_gone(case: Case) -> None:
    case.gateway.upstream.plays(*TEXT)
    async with case.open(head(case, 10**6) + field("model", case.model) + FILE + SOUND):
        seen = await case.gateway.upstream.reached()
        await asyncio.wait_for(seen.has_body.wait(), 5)
    await asyncio.wait_for(seen.closed.wait(), 0.5)
    row = await case.row()
    assert (row.cost, row.end_reason) == (0, "client_gone")


async def test_a_vendor_that_dies_in_the_middle_of_an_upload_is_a_502(case: Case) -> None:
    case.gateway.upstream.plays(End.EARLY, End.RESET)
    async with case.open(head(case, 10**8) + field("model", case.model) + FILE + SOUND) as connection:
        answer = await flood(connection, SOUND)
    assert answer.status == 502
    assert (await case.row()).cost == 0


async def test_a_gzip_bomb_of_a_vendor_ends_at_the_limit(tmp_path: Any) -> None:
    import gzip

    bomb = gzip.compress(b"\0" * (100 * 2**20))
    async with running(tmp_path, max_answer_bytes=1_000_000) as gateway:
        case = await gateway.case()
        before = psutil.Process().memory_info().rss
        for name in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
            gateway.upstream.plays(*whole(bomb, headers=f"content-encoding: {name}\r\n"))
            answer = await case.chat()
            assert answer.status == 502, name
            case.heal()
        assert psutil.Process().memory_info().rss - before < 50 * 2**20
        gateway.upstream.plays(*whole(completion("a" * 1_100_000)))
        assert (await case.chat()).status == 502
        small = gzip.compress(raw_json(completion("fine")))
        gateway.upstream.plays(*whole(small, headers="content-encoding: gzip\r\n"))
        answer = await case.chat()
        assert (answer.status, answer.json()["choices"][0]["message"]["content"]) == (200, "fine")
        assert answer.header("content-encoding") == ""
        assert [row.cost > 0 for row in await case.rows()].count(True) == 1
        await case.assert_invariants()


def raw_json(document: Any) -> bytes:
    import json

    return json.dumps(document).encode()
