"""Requests that are wrong, by accident or on purpose: told what and where, cheaply, and nothing is charged."""

import asyncio
import gzip
import json
import random
import statistics
import time
import zlib
from collections.abc import AsyncIterator
from typing import Any

import numpy
import pytest
import pytest_asyncio
from tests.faults import raw
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import request
from tests.faults.upstream import completion, whole

from pronghorn.accounts import keys
from pronghorn.api.credentials import Doorkeeper
from pronghorn.errors import Unauthenticated

pytestmark = pytest.mark.asyncio(loop_scope="module")

CPU_S = 0.15
LIMIT = 8 * 2**20


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("gateway"), max_body_bytes=LIMIT) as gateway:
        yield gateway


def with_member(text: bytes) -> bytes:
    return b'{"model":"MODEL","messages":[{"role":"user","content":"Hi"}],' + text + b"}"


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "byte"),
    "blanks": (b"   ", "byte"),
    "no JSON": (b"model=x", "byte 0"),
    "half of it": (with_member(b'"a":1')[:-5], "byte"),
    "a comma too many": (with_member(b'"a":1,'), "byte"),
    "something after it": (with_member(b'"a":1') + b"}", "byte"),
    "NaN": (with_member(b'"temperature":NaN'), "byte"),
    "Infinity": (with_member(b'"temperature":Infinity'), "byte"),
    "single quotes": (b"{'model':'x'}", "byte 1"),
    "a list": (b"[1]", "object"),
    "a text": (b'"model"', "object"),
    "null": (b"null", "object"),
    "UTF-16": ('{"model":"x"}'.encode("utf-16"), "byte"),
    "invalid UTF-8 in the model": (b'{"model":"\xff\xfe"}', ""),
    "a member cut by a control character": (b'{"model":"a\x00b"}', "byte"),
    "an array of depth 100000": (with_member(b'"x":' + b"[" * 100_000 + b"]" * 100_000), "deep"),
    "an object of depth 100000": (with_member(b'"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "deep"),
    "no model": (b'{"messages":[]}', "model"),
    "a model that is null": (b'{"model":null}', "model"),
    "a model that is empty": (b'{"model":""}', "model"),
    "a model that is a number": (b'{"model":7}', "model"),
    "a model that is a list": (b'{"model":["MODEL"]}', "model"),
    "negative max_tokens": (with_member(b'"max_tokens":-1'), "max_tokens"),
    "max_tokens of 10^12": (with_member(b'"max_tokens":1000000000000'), "max_tokens"),
    "max_tokens of 10^30": (with_member(b'"max_tokens":1' + b"0" * 30), "max_tokens"),
    "max_tokens with a fraction": (with_member(b'"max_tokens":1.5'), "max_tokens"),
    "max_tokens as text": (with_member(b'"max_tokens":"100"'), "max_tokens"),
    "max_completion_tokens of -5": (with_member(b'"max_completion_tokens":-5'), "max_completion_tokens"),
    "n of a million": (with_member(b'"n":1000000'), "n"),
    "n of 0": (with_member(b'"n":0'), "n"),
    "n of -1": (with_member(b'"n":-1'), "n"),
    "n as text": (with_member(b'"n":"2"'), "n"),
    "n that is true": (with_member(b'"n":true'), "n"),
    "stream as text": (with_member(b'"stream":"yes"'), "stream"),
    "stream as number": (with_member(b'"stream":1'), "stream"),
    "stream_options as list": (with_member(b'"stream_options":[]'), "stream_options"),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_body_is_a_400_that_says_where(case: Case, what: str) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    body, hint = BAD[what]
    begun = time.process_time()
    answer = await case.call(case.post("/v1/chat/completions", body.replace(b"MODEL", case.model.encode())))
    assert time.process_time() - begun < CPU_S
    assert answer.status in ((400, 404) if "UTF-8" in what else (400,))
    assert set(answer.error) >= {"message", "type", "param", "code"}
    assert answer.error["type"] == "invalid_request_error"
    assert hint in answer.error["message"] or hint == answer.error["param"]
    if hint in ("model", "max_tokens", "n", "stream", "stream_options", "max_completion_tokens"):
        assert answer.error["param"] == hint
    assert answer.header("x-request-id") in answer.error["message"]
    row = await case.row()
    assert (row.cost, row.hold, row.end_reason) == (0, 0, "client_error")
    assert case.gateway.upstream.seen == []


HEAVY: dict[str, bytes] = {
    "100000 messages": with_member(b'"messages":[' + b'{"role":"user","content":"a"},' * 99_999 + b"{}]"),
    "10000 tools": with_member(b'"tools":[' + b'{"type":"function"},' * 9_999 + b"{}]"),
    "a text of 7 MB": with_member(b'"user":"' + b"a" * 7_000_000 + b'"'),
    "100000 members": with_member(b",".join(b'"m%d":1' % n for n in range(100_000))),
    "big numbers": with_member(b'"seed":' + b"9" * 4_000),
    "1e400": with_member(b'"temperature":1e400'),
    "__proto__": with_member(b'"__proto__":{"model":"other"},"constructor":{}'),
    "duplicates": with_member(b'"max_tokens":1,"max_tokens":50'),
}


@pytest.mark.parametrize("what", HEAVY)
async def test_a_heavy_but_valid_body_passes_cheaply(case: Case, what: str) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    data = case.post("/v1/chat/completions", HEAVY[what].replace(b"MODEL", case.model.encode()))
    begun = time.process_time()
    answer = await case.call(data)
    assert answer.status == 200
    assert time.process_time() - begun < 1.0, "both sockets' work included"
    row = await case.row()
    assert row.hold < 10 * 10**9


DOUBLED = (
    b'{"model":"MODEL","model":"other","messages":[]}',
    b'{"model":"other","model":"MODEL","messages":[]}',
    b'{"model":"MODEL","messages":[],"max_tokens":1000000,"max_tokens":10}',
    b'{"model":"MODEL","messages":[],"max_tokens":10,"max_tokens":1000000}',
    b'{"model":"MODEL","messages":[],"max_tokens":10,"max\\u005ftokens":1000000}',
    b'{"model":"MODEL","messages":[],"n":1,"n":100,"max_tokens":10}',
    b'{"model":"MODEL","messages":[],"\\u006e":100,"max_tokens":10}',
    b'{"model":"MODEL","messages":[],"max_tokens":10,"stream":true,"stream":false}',
)


@pytest.mark.parametrize("body", DOUBLED)
async def test_a_vendor_reads_of_a_doubled_member_what_we_did(case: Case, body: bytes) -> None:
    """Or the hold would be for another request than the vendor answers."""
    case.gateway.upstream.plays(*whole(completion()))
    answer = await case.call(case.post("/v1/chat/completions", body.replace(b"MODEL", case.model.encode())))
    if not case.gateway.upstream.seen:
        assert answer.status in (400, 404)
        return
    pairs: list[tuple[str, Any]] = json.loads(
        case.gateway.upstream.seen[0].body, object_pairs_hook=lambda found: found
    )
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), "whichever parser the vendor has, it reads the same"
    sent = dict(pairs)
    row = await case.row()
    assert sent["model"] == row.upstream_model
    bound = sent.get("max_tokens", 0) * sent.get("n", 1) * 2_000
    assert row.hold >= bound


async def test_a_gzip_request_is_unpacked_and_a_bomb_is_not(case: Case) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    plain = with_member(b'"max_tokens":5').replace(b"MODEL", case.model.encode())
    for name, data in (("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain))):
        answer = await case.call(case.post("/v1/chat/completions", data, content_encoding=name))
        assert answer.status == 200
    assert {seen.body for seen in case.gateway.upstream.seen} == {plain}
    bomb = gzip.compress(b"\0" * (200 * 2**20), 1)
    begun = time.process_time()
    answer = await raw.call(
        case.gateway.port, case.post("/v1/chat/completions", bomb, content_encoding="gzip")
    )
    assert answer.status == 413
    assert time.process_time() - begun < 0.3
    for name, data, status in (
        ("gzip", gzip.compress(plain)[:-9], 400),
        ("gzip", b"no gzip", 400),
        ("br", b"x", 415),
        ("gzip, gzip", b"x", 415),
    ):
        answer = await raw.call(
            case.gateway.port, case.post("/v1/chat/completions", data, content_encoding=name)
        )
        assert answer.status == status, name


KINDS = [
    ("text/plain", 415),
    ("application/x-www-form-urlencoded", 415),
    ("application/json; charset=utf-8", 200),
]


@pytest.mark.parametrize(
    ("kind", "status"), [*KINDS, ("APPLICATION/JSON", 200), ("multipart/form-data", 415)]
)
async def test_a_content_type_is_taken_by_its_meaning(case: Case, kind: str, status: int) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    body = with_member(b'"max_tokens":5').replace(b"MODEL", case.model.encode())
    answer = await raw.call(case.gateway.port, case.post("/v1/chat/completions", body, content_type=kind))
    assert answer.status == status


INJECTED = [
    "a\r\nx-evil: 1",
    "a\nb",
    "é",
    "🎉",
    "a\u0000b",
    "x" * 10_000,
    "<script>",
    "${jndi:ldap://x}",
    "\ud800",
]


@pytest.mark.parametrize("name", INJECTED, ids=range(len(INJECTED)))
async def test_a_models_name_goes_nowhere_but_into_text(case: Case, name: str) -> None:
    answer = await case.chat(model=name)
    assert answer.status in (400, 404)
    assert answer.header("x-evil") == ""
    assert len(answer.body) < 2_000


def payloads(seed: int, count: int) -> list[bytes]:
    """What people and programs put into `Authorization`, within what HTTP allows there."""
    chosen = random.Random(seed)
    good = keys.new_key("live").secret
    made = [
        *(
            good,
            good[:-1],
            good + "x",
            good.lower(),
            good.replace("sk-live", "sk-test"),
            "sk-",
            "pht-" + "a" * 44,
        ),
        *(f"Bearer Bearer {good}", f"Bearer  {good}", f"bearer {good}", f"Token {good}", f"Basic {good}"),
        *("' OR 1=1 --", '" OR ""="', "admin'--", "1; DROP TABLE keys", "../../etc/passwd", "%00", "\\x00"),
        *(
            "Bearer",
            "Bearer null",
            "Bearer undefined",
            "Bearer ${KEY}",
            "Basic YTpi",
            "Negotiate",
            "é",
            "×" * 100,
        ),
        *(
            "a" * 255,
            "a" * 256,
            "a" * 257,
            "a" * 30_000,
            "Bearer " + "🎉",
            "{{7*7}}",
            "$(id)",
            "sk-test" + "0" * 44,
        ),
    ]
    found = [text.encode() for text in made]
    allowed = bytes([9, *range(32, 127), *range(128, 256)])
    while len(found) < count:
        if chosen.random() < 0.3:
            body = chosen.choice(("live", "test")) + "".join(chosen.choices("abcXYZ019", k=38))
            found.append(b"Bearer sk-" + (body + keys.checksum(body)).encode())
        else:
            scheme = chosen.choice((b"", b"Bearer ", b"bearer ", b"Token ", b"Key ", b"Basic "))
            found.append(
                scheme + bytes(chosen.choices(allowed, k=chosen.randrange(1, 300))).strip(b" \t") + b"x"
            )
    return found


async def test_two_thousand_wrong_keys_get_one_answer(gateway: Gateway) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    bodies: set[bytes] = set()
    took = []
    gateway.upstream.plays(*whole(completion()))
    async with raw.connect(gateway.port) as connection:
        for payload in payloads(seed, 2_000):
            doubled = b"authorization: x\r\n" if len(payload) % 7 == 0 else b""
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n"
            head += b"%bauthorization: %b\r\n\r\n{}"
            begun = time.perf_counter()
            await connection.send(head % (doubled, payload))
            answer = await connection.answer()
            took.append(time.perf_counter() - begun)
            assert answer.status == 401, payload
            bodies.add(answer.body.replace(answer.header("x-request-id").encode(), b""))
    assert len(bodies) == 1
    assert gateway.upstream.seen == []
    assert statistics.quantiles(took, n=100)[98] < 0.02


async def test_a_key_of_no_length_or_in_no_place_is_a_401(gateway: Gateway) -> None:
    for headers in ({}, {"authorization": ""}, {"authorization": "   "}, {"cookie": "key=1"}):
        answer = await raw.call(gateway.port, request("POST", "/v1/chat/completions", headers, b"{}"))
        assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")


@pytest.mark.nightly
async def test_the_time_of_a_refusal_tells_nothing_about_keys(case: Case) -> None:
    """Keys that share all but their end with a real one, against random ones; all with right checksums."""
    inner = case.gateway.inner
    doorkeeper = Doorkeeper(inner.secrets, ())
    chosen = random.Random(7)
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def scope(start: str) -> dict[str, Any]:
        body = start + "".join(chosen.choices(alphabet, k=42 - len(start)))
        value = f"Bearer sk-{body}{keys.checksum(body)}".encode()
        return {"headers": [(b"authorization", value)], "query_string": b"", "client": ("127.0.0.1", 1)}

    samples: tuple[list[int], list[int]] = ([], [])
    for number in range(200_000):
        kind = number % 2
        asked = scope(case.key[3:40] if kind else "live")
        begun = time.perf_counter_ns()
        try:
            doorkeeper.admit(inner.loader.snapshot, asked, 0.0)
        except Unauthenticated:
            samples[kind].append(time.perf_counter_ns() - begun)
    one, other = (numpy.sort(numpy.array(found))[: int(len(found) * 0.99)] for found in samples)
    difference = abs(numpy.median(one) - numpy.median(other))
    assert difference < 5_000
    assert difference < 0.05 * max(numpy.std(one), numpy.std(other)) or difference < 50


async def test_the_gateway_is_as_it_was(case: Case) -> None:
    """After all of the above: nothing open, nothing stuck, a good request works."""
    await asyncio.sleep(0)
    case.gateway.upstream.plays(*whole(completion()))
    assert (await case.chat()).status == 200
