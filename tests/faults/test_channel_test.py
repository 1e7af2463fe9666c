"""A channel's test: what the vendor is asked, what the operator is told, what becomes of health, and nobody pays."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, insert, select
from tests.faults.dialects import DIALECTS
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import CANARY
from tests.faults.upstream import End, Seen, Step, completion, refusing_port, whole
from tests.serving import playing

from pronghorn.manage import bootstrap
from pronghorn.routing import health
from pronghorn.sandbox.bedrock.signature import ACCESS_KEY, SECRET_KEY
from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE_S = 2.0
WAIT_S = 20.0
Document = dict[str, Any]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    async with running(folder, first_byte_timeout_s=PATIENCE_S) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def manage(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    inner = gateway.inner
    first = await bootstrap.ensure(inner.database, inner.secrets, inner.clock, inner.settings)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(inner.asgi),
        base_url="http://pronghorn/manage/v1",
        headers={"authorization": f"Bearer {first.admin_token}"},
        timeout=WAIT_S,
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def case(gateway: Gateway, manage: httpx.AsyncClient) -> AsyncIterator[Case]:
    gateway.upstream.plays(*whole(completion()))
    case = await gateway.case()
    yield case
    await case.assert_invariants()


async def call(manage: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Document:
    answer = await manage.request(method, path, json=body)
    assert answer.status_code in (200, 201), answer.text
    assert CANARY not in answer.text
    found: Document = answer.json()
    return found


async def channel(
    manage: httpx.AsyncClient, gateway: Gateway, credentials: Sequence[str] = (CANARY,), **more: Any
) -> str:
    body = {"name": "c", "vendor": "openai", "base_url": gateway.upstream.url, "models": ["house-model"]}
    return str((await call(manage, "POST", "/channels", body | {"credentials": credentials} | more))["id"])


async def ask(manage: httpx.AsyncClient, channel_id: str, **body: Any) -> list[Document]:
    found = await call(manage, "POST", f"/channels/{channel_id}/test", body)
    return list(found["items"])


async def health_of(manage: httpx.AsyncClient, channel_id: str) -> Document:
    found = (await call(manage, "GET", f"/channels/{channel_id}"))["health"]
    assert isinstance(found, dict)
    return found


def refusal(status: str, message: str = "no", headers: str = "", **more: Any) -> tuple[bytes]:
    return whole({"error": {"message": message, "type": "t"} | more}, status, headers=headers)


def by_key(bad: int, answer: Sequence[Step]) -> Callable[[Seen], Sequence[Step]]:
    """A vendor that refuses one credential and takes the others."""

    def choose(seen: Seen) -> Sequence[Step]:
        is_bad = seen.header("authorization").endswith(f"{CANARY}-{bad}")
        return answer if is_bad else whole(completion())

    return choose


async def test_of_ten_credentials_the_bad_one_is_named_and_callers_never_meet_it(
    gateway: Gateway, manage: httpx.AsyncClient, case: Case
) -> None:
    pool = [f"{CANARY}-{number}" for number in range(10)]
    echo = f"Incorrect API key provided: {CANARY}-7, asked of {gateway.upstream.url}"
    gateway.upstream.choose = by_key(7, refusal("401 No", echo))
    found = await channel(manage, gateway, pool, models=[case.model], priority=9)
    rows = await ask(manage, found)
    assert [row["place"] for row in rows] == list(range(10))
    assert [row["ok"] for row in rows] == [place != 7 for place in range(10)]
    assert (rows[7]["status"], rows[7]["model"], rows[7]["endpoint"]) == (401, case.model, "chat")
    assert "Incorrect API key provided: ***" in rows[7]["error"]
    assert "127.0.0.1" not in rows[7]["error"]
    assert {row["error"] for row in rows if row["place"] != 7} == {None}
    seen = await health_of(manage, found)
    assert (seen["state"], seen["summary"]) == ("ok", "1 of 10 credentials closed: refused")
    states = [(way["place"], way["state"], way["cause"]) for way in seen["credentials"] if way["cause"]]
    assert states == [(7, "closed", "refused")]
    until = datetime.fromisoformat(seen["credentials"][7]["closed_until"])
    left_s = (until - datetime.now(UTC)).total_seconds()
    assert health.REFUSED_S - 60 < left_s <= health.REFUSED_S
    gateway.upstream.seen = []
    for _ in range(30):
        assert (await case.chat()).status == 200
    assert not [one for one in gateway.upstream.seen if one.header("authorization").endswith("-7")]
    assert {row.channel_id for row in await case.rows()} == {found}
    await manage.delete(f"/channels/{found}")


LIMIT = "retry-after: 30\r\n"
FAILURES: dict[str, tuple[tuple[Step, ...], int | None, str | None, str]] = {
    "401": (refusal("401 No"), 401, "refused", "credential"),
    "403": (refusal("403 No"), 403, "refused", "credential"),
    "402": (refusal("402 Pay"), 402, "quota", "credential"),
    "429": (refusal("429 Slow", headers=LIMIT), 429, "limited", "limit"),
    "429 for want of money": (refusal("429 Pay", code="insufficient_quota"), 429, "quota", "credential"),
    "500": (refusal("500 Oops"), 500, None, "status 500"),
    "503 in HTML": (whole(b"<html>", "503 Busy", kind="text/html"), 503, None, "status 503"),
    "a web page": (whole(b"<html>", kind="text/html"), 200, None, "JSON"),
    "an error under 200": (refusal("200 OK"), 200, None, "error under a status of success"),
    "silence": ((End.SILENT,), None, None, f"within {PATIENCE_S:g} s"),
    "reset": ((End.RESET,), None, None, "without an answer"),
    "cut": ((whole(completion())[0][:-9], End.CLOSE), None, None, "before the end of its answer"),
}


@pytest.mark.parametrize("what", FAILURES)
async def test_what_went_wrong_is_told_and_counts_as_in_traffic(
    gateway: Gateway, manage: httpx.AsyncClient, what: str
) -> None:
    script, status, cause, words = FAILURES[what]
    gateway.upstream.plays(*script)
    found = await channel(manage, gateway)
    (row,) = await ask(manage, found)
    assert not row["ok"]
    assert words.replace("credential", "credential") in row["error"]
    assert row["status"] == status
    assert row["latency_ms"] >= (PATIENCE_S * 1000 if what == "silence" else 0)
    seen = await health_of(manage, found)
    (way,) = seen["credentials"]
    assert (way["state"], way["cause"]) == ("closed" if cause else "ok", cause)
    assert way["open_calls"] == seen["open_calls"] == 0
    assert seen["state"] == "ok"
    if cause is None:  # the vendor's fault: it takes a few in a row, of requests or of tests
        for _ in range(health.FAULTS_IN_A_ROW - 1 if what != "silence" else 0):
            await ask(manage, found)
        seen = await health_of(manage, found)
        assert what == "silence" or seen["summary"] in ("closed: fault", "probing: fault")


async def test_nobody_there_is_told(gateway: Gateway, manage: httpx.AsyncClient) -> None:
    async with refusing_port() as nowhere:
        found = await channel(manage, gateway, base_url=nowhere)
        (row,) = await ask(manage, found)
    assert (row["ok"], row["status"]) == (False, None)
    assert "could not be reached" in row["error"]


async def test_a_request_that_the_vendor_finds_fault_with_says_so_and_hurts_nothing(
    gateway: Gateway, manage: httpx.AsyncClient
) -> None:
    gateway.upstream.plays(*refusal("404 Gone", f"no model house-model for {CANARY} \x1b[31m"))
    found = await channel(manage, gateway, vendor="moonshot")
    (row,) = await ask(manage, found)
    assert (row["ok"], row["status"]) == (False, 404)
    assert "no model house-model for ***" in row["error"]
    assert row["error"].isprintable()
    assert (await health_of(manage, found))["summary"] == "ok"


async def test_a_test_that_succeeds_heals_at_once_and_a_reset_does_without_asking(
    gateway: Gateway, manage: httpx.AsyncClient, case: Case
) -> None:
    gateway.upstream.plays(*refusal("402 Pay"))
    found = await channel(manage, gateway, models=[case.model], priority=9)
    await ask(manage, found)
    assert (await health_of(manage, found))["summary"] == "1 of 1 credentials closed: quota"
    gateway.upstream.plays(*whole(completion()))
    (row,) = await ask(manage, found)
    assert (row["ok"], row["status"], row["error"]) == (True, 200, None)
    assert (await health_of(manage, found))["summary"] == "ok"
    gateway.upstream.plays(*refusal("500 Oops"))
    for _ in range(health.FAULTS_IN_A_ROW):
        await ask(manage, found)
    assert (await health_of(manage, found))["state"] in ("closed", "probing")
    gateway.upstream.plays(*whole(completion()))
    reset = await call(manage, "POST", f"/channels/{found}/reset")
    assert reset["health"]["summary"] == "ok"
    assert gateway.upstream.seen == []
    assert (await case.chat()).status == 200
    assert {row.channel_id for row in await case.rows()} == {found}
    await manage.delete(f"/channels/{found}")


async def test_a_test_is_in_the_audit_and_in_nobodys_log_or_ledger(
    gateway: Gateway, manage: httpx.AsyncClient, case: Case
) -> None:
    async def counted() -> list[int]:
        await gateway.post()
        async with gateway.inner.database.read() as tx:
            found = [tables.Request, tables.Entry]
            return [int(await tx.scalar(select(func.count()).select_from(table)) or 0) for table in found]

    gateway.upstream.choose = by_key(1, refusal("401 No"))
    found = await channel(manage, gateway, [f"{CANARY}-0", f"{CANARY}-1"], models=["m-1", "m-2"])
    before = await counted()
    assert len(await ask(manage, found)) == 2
    (row,) = await ask(manage, found, model="m-2", credential=1)
    assert (row["place"], row["model"], row["ok"]) == (1, "m-2", False)
    await call(manage, "POST", f"/channels/{found}/reset")
    assert await counted() == before
    rows = (await call(manage, "GET", f"/audit?subject={found}"))["items"]
    assert [(row["action"], row["detail"]) for row in rows[:3]] == [
        ("channel.reset", {}),
        ("channel.test", {"model": "m-2", "ok": 0, "failed": 1}),
        ("channel.test", {"model": "m-1", "ok": 1, "failed": 1}),
    ]


ANSWERS = {name: dialect.whole for name, dialect in DIALECTS.items()}
VENDORS: dict[str, tuple[str, str, str, tuple[str, str]]] = {
    "openai": ("/v1", "/v1/chat/completions", "chat", ("authorization", f"Bearer {CANARY}")),
    "mistral": ("", "/v1/chat/completions", "chat", ("authorization", f"Bearer {CANARY}")),
    "azure": ("", "/openai/v1/chat/completions", "chat", ("api-key", CANARY)),
    "anthropic": ("", "/v1/messages", "messages", ("x-api-key", CANARY)),
    "gemini": ("", "/v1beta/models/theirs:generateContent", "generate", ("x-goog-api-key", CANARY)),
    "openrouter": ("", "/v1/chat/completions", "chat", ("authorization", f"Bearer {CANARY}")),
}


@pytest.mark.parametrize("vendor", VENDORS)
async def test_each_vendor_is_asked_in_its_own_dialect(
    gateway: Gateway, manage: httpx.AsyncClient, vendor: str
) -> None:
    base, path, dialect, (header, value) = VENDORS[vendor]
    gateway.upstream.plays(*whole(ANSWERS[dialect]))
    url = gateway.upstream.url + base
    found = await channel(manage, gateway, vendor=vendor, base_url=url, models={"house-model": "theirs"})
    (row,) = await ask(manage, found)
    assert (row["ok"], row["status"], row["endpoint"]) == (True, 200, dialect), row
    (seen,) = gateway.upstream.seen
    assert seen.path.endswith(path) or vendor == "openrouter", seen.path
    assert seen.header(header) == value
    assert seen.header("anthropic-version") == ("2023-06-01" if vendor == "anthropic" else "")
    body = seen.json()
    assert body.get("model") == (None if vendor == "gemini" else "theirs")
    config = body.get("generationConfig", body)
    limits = ("max_tokens", "max_completion_tokens", "maxOutputTokens")
    assert [config[name] for name in limits if name in config] == [16]
    assert len(seen.body) < 500


async def test_a_model_that_speaks_responses_alone_is_asked_there(
    gateway: Gateway, manage: httpx.AsyncClient
) -> None:
    def choose(seen: Seen) -> Sequence[Step]:
        if seen.path == "/v1/responses":
            return whole(DIALECTS["responses"].whole)
        return refusal("404 Gone", "This is not a chat model")

    gateway.upstream.plays(b"")
    gateway.upstream.choose = choose
    found = await channel(manage, gateway)
    (row,) = await ask(manage, found)
    assert (row["ok"], row["endpoint"], row["error"]) == (True, "responses", None)
    assert [seen.path for seen in gateway.upstream.seen] == ["/v1/chat/completions", "/v1/responses"]
    assert gateway.upstream.seen[1].json()["store"] is False
    assert (await health_of(manage, found))["summary"] == "ok"


LISTED = {"data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
OTHERS: dict[str, tuple[str, str, str, Any]] = {
    "embeddings": ("openai", "text-embedding-3-small", "/v1/embeddings", LISTED),
    "embeddings of a vendor without chat": ("voyageai", "voyage-3.5", "/v1/embeddings", LISTED),
    "moderations": ("openai", "omni-moderation-latest", "/v1/moderations", {"results": [{"flagged": False}]}),
    "rerank": ("siliconflow", "house-rerank", "/v1/rerank", {"results": [{"index": 0}]}),
    "completions": (
        "openai",
        "gpt-3.5-turbo-instruct",
        "/v1/completions",
        {"object": "text_completion", "choices": [{"text": "pong", "index": 0, "finish_reason": "stop"}]},
    ),
}


@pytest.mark.parametrize("what", OTHERS)
async def test_models_without_chat_are_asked_for_what_they_have(
    gateway: Gateway, manage: httpx.AsyncClient, what: str
) -> None:
    vendor, model, path, answer = OTHERS[what]
    gateway.upstream.plays(*whole(answer))
    found = await channel(manage, gateway, vendor=vendor, models=["gpt-image-1", model])
    (row,) = await ask(manage, found)
    assert (row["ok"], row["model"]) == (True, model), row
    assert [seen.path for seen in gateway.upstream.seen] == [path]


async def test_what_would_cost_more_is_not_asked_and_the_answer_says_what_can_be(
    gateway: Gateway, manage: httpx.AsyncClient
) -> None:
    async def refused(channel_id: str, **body: Any) -> Document:
        answer = await manage.post(f"/channels/{channel_id}/test", json=body)
        assert answer.status_code == 400, answer.text
        error: Document = answer.json()["error"]
        return error

    gateway.upstream.plays(*whole(completion()))
    painter = await channel(manage, gateway, models=["gpt-image-1"])
    assert "no model can be" in (await refused(painter))["message"]
    mixed = await channel(manage, gateway, models=["gpt-image-1", "gpt-4o-mini"])
    error = await refused(mixed, model="gpt-image-1")
    assert (error["param"], "gpt-4o-mini" in error["message"]) == ("model", True)
    assert (await refused(mixed, model="nothing"))["param"] == "model"
    assert (await refused(mixed, credential=1))["param"] == "credential"
    assert gateway.upstream.seen == []


async def test_a_channel_that_is_not_in_use_has_no_health_and_no_test(
    gateway: Gateway, manage: httpx.AsyncClient
) -> None:
    found = await channel(manage, gateway)
    await call(manage, "PATCH", f"/channels/{found}", {"disabled": True})
    assert (await call(manage, "GET", f"/channels/{found}"))["health"] is None
    for action in ("test", "reset"):
        answer = await manage.post(f"/channels/{found}/{action}", json={})
        assert (answer.status_code, "disabled" in answer.text) == (409, True)
        assert (await manage.post(f"/channels/chn_none/{action}", json={})).status_code == 404


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sandbox_url() -> AsyncIterator[str]:
    async with playing() as url:
        yield url


SIGNED = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PLAYED = {
    "openai": ("gpt-4o-mini", "sk-any-key-will-do"),
    "anthropic": ("claude-sonnet-4-5", "sk-ant-any-key"),
    "gemini": ("gemini-2.5-flash", "any-google-key"),
    "azure": ("gpt-4o-mini", "any-azure-key"),
    "bedrock": (SIGNED, f"{ACCESS_KEY}:{SECRET_KEY}"),
}


@pytest.mark.parametrize("vendor", PLAYED)
async def test_the_sandbox_takes_the_request_as_each_vendor(
    gateway: Gateway, manage: httpx.AsyncClient, sandbox_url: str, vendor: str
) -> None:
    """It was written from the vendors' own documents, and refuses what they refuse."""
    model, credential = PLAYED[vendor]
    models = {"house-model": model}
    found = await channel(manage, gateway, [credential], vendor=vendor, base_url=sandbox_url, models=models)
    (row,) = await ask(manage, found)
    assert (row["ok"], row["status"], row["error"]) == (True, 200, None), row


async def test_a_signature_that_does_not_hold_is_a_credential_refused(
    gateway: Gateway, manage: httpx.AsyncClient, sandbox_url: str
) -> None:
    pool = [f"{ACCESS_KEY}:{SECRET_KEY}", f"{ACCESS_KEY}:{CANARY}"]
    models = {"house-model": SIGNED}
    found = await channel(manage, gateway, pool, vendor="bedrock", base_url=sandbox_url, models=models)
    good, bad = await ask(manage, found)
    assert (good["ok"], bad["ok"], bad["status"]) == (True, False, 403)
    assert ACCESS_KEY not in bad["error"]
    assert (await health_of(manage, found))["summary"] == "1 of 2 credentials closed: refused"


async def test_the_sandbox_is_tested_by_its_name_and_its_failures_mean_nothing(
    gateway: Gateway, manage: httpx.AsyncClient
) -> None:
    gateway.upstream.plays(*whole(completion()))
    assert [row["ok"] for row in await ask(manage, "sandbox")] == [True]
    gateway.upstream.plays(*refusal("401 No"))
    assert [row["ok"] for row in await ask(manage, "sandbox")] == [False]
    assert gateway.inner.loader.snapshot.sandbox["openai"].candidates[0].is_well()


# Active probes


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("watched"), probe_s=0.05) as gateway:
        yield gateway


async def add(gateway: Gateway, case: Case, pool: Sequence[str]) -> Any:
    """A better channel than the case's own, as the server uses it."""
    inner, found = gateway.inner, f"better-{case.account}"
    async with inner.database.write() as tx:
        row: dict[str, Any] = {"id": found, "name": "c", "vendor": "openai", "base_url": gateway.upstream.url}
        sealed = inner.secrets.seal(json.dumps(list(pool)))
        row |= {"credentials": sealed, "models": {case.model: case.model}, "groups": ["default"]}
        await tx.execute(insert(tables.Channel).values(**row, priority=9, created_ms=0))
        await revision.bump(tx)
    await inner.loader.refresh()
    return next(one for one in inner.loader.snapshot.channels if one.id == found)


async def ask_until(case: Case, is_so: Callable[[], bool]) -> None:
    """One conversation after the other, as each of them stays with one credential."""
    for talk in range(200):
        if is_so():
            return
        assert (await case.chat(prompt_cache_key=f"talk-{talk}")).status == 200
    raise AssertionError("200 conversations made no difference")


async def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_what_was_closed_is_tried_by_the_gateway_and_no_caller_has_to(watched: Gateway) -> None:
    case = await watched.case()
    pool = [f"{CANARY}-{number}" for number in range(3)]
    watched.upstream.plays(b"")
    watched.upstream.choose = by_key(0, refusal("429 Slow", headers="retry-after: 1\r\n"))
    better = await add(watched, case, pool)
    limited, others = better.healths[0], better.healths[1:]
    await ask_until(case, lambda: bool(limited.until_s))
    watched.upstream.seen = []
    await until(lambda: len(watched.upstream.seen) >= 2)  # it failed once more, and waits for longer
    assert {seen.header("authorization") for seen in watched.upstream.seen} == {f"Bearer {pool[0]}"}
    watched.upstream.plays(*whole(completion()))
    await until(lambda: not limited.until_s)
    assert limited.state(time.monotonic()) == "slow_start"
    assert not any(way.until_s for way in others)
    assert await case.rows() and {row.status for row in await case.rows()} == {200}
    await case.assert_invariants()


async def test_a_refused_credential_is_left_alone_until_its_time(watched: Gateway) -> None:
    case = await watched.case()
    watched.upstream.plays(b"")
    watched.upstream.choose = by_key(0, refusal("401 No"))
    better = await add(watched, case, [f"{CANARY}-0", f"{CANARY}-1"])
    await ask_until(case, lambda: bool(better.healths[0].until_s))
    watched.upstream.seen = []
    # A channel that is limited for a second shows that the watch went on looking meanwhile.
    other = await watched.case()
    watched.upstream.choose = by_key(2, refusal("429 Slow", headers="retry-after: 1\r\n"))
    limited = await add(watched, other, [f"{CANARY}-2"])
    assert (await other.chat()).status == 200
    await until(lambda: len(watched.upstream.seen) >= 4)
    assert limited.healths[0].cause == "limited"
    assert not [seen for seen in watched.upstream.seen if seen.header("authorization").endswith("-0")]


async def test_a_server_that_stops_ends_the_trial_it_is_in(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with running(tmp_path_factory.mktemp("stopping"), probe_s=0.02) as gateway:
        case = await gateway.case()
        gateway.upstream.plays(*refusal("429 Slow", headers="retry-after: 1\r\n"))
        better = await add(gateway, case, [f"{CANARY}-0"])
        assert (await case.chat()).status == 429
        gateway.upstream.plays(End.SILENT)
        seen = await gateway.upstream.reached()
        assert better.vitals.channel.open_calls + better.healths[0].open_calls >= 1
        for task in gateway.inner.tasks:
            task.cancel()
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*gateway.inner.tasks, return_exceptions=True)
            await seen.closed.wait()
        pool = better.vitals.channel
        assert pool.open_calls == better.healths[0].open_calls == 0
        # One more than these would close it, and so would these if the stop had counted as a fault.
        for _ in range(health.FAULTS_IN_A_ROW - 1):
            pool.begin(0.0)
            pool.fail("fault", 0.0)
        assert pool.is_open(0.0)
