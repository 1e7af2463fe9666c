"""Claims of idempotency keys, on both databases: who may do the work, and what became of it where nobody said so."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, insert, text
from tests.unit.routing.making import grant

from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import (
    AlreadyStreamed,
    AnswerNotKept,
    CallerGone,
    IdempotencyMismatch,
    IdempotencyRunning,
    OutcomeUnknown,
    PronghornError,
    Unavailable,
    UpstreamError,
)
from pronghorn.kit.clock import FakeClock
from pronghorn.relay import Incoming, Keeper, Sink
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.idempotency import KEPT_WITHIN_S, LIFE_S, Idempotency
from pronghorn.relay.incoming import Headers
from pronghorn.routing import Grant
from pronghorn.store import Database
from pronghorn.store.models import Account, Kept, Lease, Request, Server

MINE, LONGEST_S = grant(), 600.0


class Caller:
    """Keeps what is answered."""

    straight = None

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.answer: tuple[int, Headers, bytes] | None = None

    def on_disconnect(self, callback: Any) -> None:
        pass

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self.answer = (status, headers, body)

    async def start(self, status: int, headers: Headers) -> None:
        self.answer = (status, headers, b"")

    async def write(self, data: bytes) -> None:
        pass

    async def end(self) -> None:
        pass

    def break_off(self) -> None:
        pass


class Life:
    """One life of a server; `done` counts how often it did the work of each request."""

    def __init__(self, database: Database, clock: FakeClock, server: str = "s1", epoch: int = 1) -> None:
        secrets = Secrets(["x" * 32])
        self.done: Counter[str] = Counter()
        self._inner = Idempotency(
            database,
            Keeper(database, secrets, clock),
            secrets,
            clock,
            server=server,
            epoch=epoch,
            longest_s=LONGEST_S,
        )

    async def ask(
        self,
        request_id: str,
        work: Any = None,
        *,
        key: bytes = b"order-1",
        body: bytes = b"{}",
        whose: Grant = MINE,
        endpoint: str = "chat",
        **given: Any,
    ) -> Caller:
        caller = Caller(request_id)
        headers = {b"idempotency-key": key}
        incoming = Incoming(request_id, headers, body, given.pop("upload", None), "::1", 0.0, **given)

        async def counted(sink: Sink) -> None:
            self.done[request_id] += 1
            await (work or answers)(sink)

        await self._inner.serve(incoming, whose, BY_NAME[endpoint], caller, counted)
        return caller


async def answers(sink: Sink) -> None:
    limits = (b"x-ratelimit-remaining-requests", b"7")
    await sink.whole(200, [(b"content-type", b"a/b"), (b"x-pronghorn-cost", b"0.1"), limits], b"said")


async def streams(sink: Sink) -> None:
    await sink.start(200, [])
    await sink.end()


async def breaks_off(sink: Sink) -> None:
    sink.break_off()


async def dies(sink: Sink) -> None:
    """Leaves everything as a killed process does."""
    raise asyncio.CancelledError


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def life(database: Database, clock: FakeClock) -> Life:
    async with database.write() as tx:
        for account_id in ("acc_1", "acc_2"):
            row = {"id": account_id, "name": "a", "group_name": "default", "created_ms": 1}
            await tx.execute(insert(Account).values(row))
        await tx.execute(insert(Server).values(id="s1", epoch=1, started_ms=1))
    return Life(database, clock)


@pytest.fixture
async def other_life(database: Database, clock: FakeClock) -> AsyncIterator[Life]:
    """Another server, with connections of its own."""
    own = Database(database.url)
    yield Life(own, clock, server="s2")
    await own.close()


async def log_row(database: Database, clock: FakeClock, **fields: Any) -> None:
    now_ms = int(clock.now() * 1000)
    row: dict[str, Any] = dict.fromkeys(("key_id", "group_name", "model", "error"), "")
    row |= {"id": "req_1", "created_ms": now_ms, "posted_ms": now_ms, "mode": "live", "account_id": "acc_1"}
    row |= {"endpoint": "chat", "is_stream": False, "status": 200, "end_reason": "ok", "usage": {}}
    row |= {"hold": 0, "cost": 0, "duration_ms": 1, "attempts": [], "explain": []} | fields
    async with database.write() as tx:
        await tx.execute(insert(Request).values(row))


async def test_the_same_again_is_answered_the_same_without_work(life: Life) -> None:
    first, second = await life.ask("req_1"), await life.ask("req_2")
    assert life.done == {"req_1": 1}
    assert first.answer is not None and len(first.answer[1]) == 3
    replay = (b"x-pronghorn-idempotent-replay", b"true")
    kept = [(b"content-type", b"a/b"), (b"x-pronghorn-cost", b"0.1"), replay]
    assert (second.request_id, second.answer) == ("req_1", (200, kept, b"said"))


@pytest.mark.parametrize(
    "other",
    [
        {"whose": grant(account_id="acc_2")},
        {"whose": grant(mode="test")},
        {"endpoint": "messages"},
        {"model": "from-the-path"},
        {"key": b"order-2"},
    ],
    ids=["account", "mode", "route", "model in the path", "key"],
)
async def test_another_scope_is_another_request(life: Life, other: dict[str, Any]) -> None:
    await life.ask("req_1")
    assert (await life.ask("req_2", **other)).request_id == "req_2"
    assert life.done == {"req_1": 1, "req_2": 1}


async def test_another_key_of_the_account_is_the_same_caller(life: Life) -> None:
    await life.ask("req_1")
    assert (await life.ask("req_2", whose=grant(key_id="key_2"))).request_id == "req_1"


@pytest.mark.parametrize("other", [{"body": b"{ }"}, {"is_stream": True}, {"is_array": True}])
async def test_another_request_under_the_key_is_refused(life: Life, other: dict[str, Any]) -> None:
    await life.ask("req_1")
    with pytest.raises(IdempotencyMismatch):
        await life.ask("req_2", **other)
    with pytest.raises(IdempotencyMismatch):
        await life.ask("req_3", streams, **other)
    assert life.done == {"req_1": 1}


async def test_one_of_many_at_once_does_the_work_whichever_server_they_reach(
    life: Life, other_life: Life
) -> None:
    may_end = asyncio.Event()

    async def works(sink: Sink) -> None:
        await may_end.wait()
        await answers(sink)

    servers = (life, other_life) * 25
    asking = [asyncio.ensure_future(server.ask(f"req_{n}", works)) for n, server in enumerate(servers)]
    waiting = set(asking)
    while len(waiting) > 1:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    with pytest.raises(IdempotencyMismatch):
        await life.ask("req_other", body=b"[]")
    may_end.set()
    ended = await asyncio.gather(*asking, return_exceptions=True)
    assert Counter(type(end).__name__ for end in ended) == {"Caller": 1, "IdempotencyRunning": 49}
    assert (life.done + other_life.done).total() == 1
    assert (await other_life.ask("req_late")).answer is not None
    assert (life.done + other_life.done).total() == 1


@pytest.mark.parametrize("error", [UpstreamError(), CallerGone()], ids=repr)
async def test_a_failure_frees_the_key_also_for_another_body(life: Life, error: PronghornError) -> None:
    async def fails(sink: Sink) -> None:
        raise error

    with pytest.raises(type(error)):
        await life.ask("req_1", fails)
    assert (await life.ask("req_2", body=b"[]")).request_id == "req_2"


async def test_an_error_after_the_beginning_frees_nothing(life: Life) -> None:
    async def fails_late(sink: Sink) -> None:
        await sink.start(200, [])
        raise UpstreamError

    with pytest.raises(UpstreamError):
        await life.ask("req_1", fails_late)
    with pytest.raises(IdempotencyRunning):
        await life.ask("req_2")


async def test_a_late_release_leaves_the_next_claim_alone(
    life: Life, database: Database, clock: FakeClock
) -> None:
    """The row of a failure may be in the log before its server comes to take the claim back."""

    async def fails_slowly(sink: Sink) -> None:
        await log_row(database, clock, end_reason="upstream_error")
        await life.ask("req_2")
        raise UpstreamError

    with pytest.raises(UpstreamError):
        await life.ask("req_1", fails_slowly)
    assert (await life.ask("req_3")).request_id == "req_2"


async def test_what_was_streamed_is_not_repeated(life: Life) -> None:
    await life.ask("req_1", streams)
    with pytest.raises(AlreadyStreamed):
        await life.ask("req_2", streams)
    assert life.done == {"req_1": 1}


@pytest.mark.parametrize(("size", "is_kept"), [(1024 * 1024, True), (1024 * 1024 + 1, False)])
async def test_up_to_a_mebibyte_is_kept(life: Life, size: int, is_kept: bool) -> None:
    async def says_much(sink: Sink) -> None:
        await sink.whole(200, [], bytes(size))

    first = await life.ask("req_1", says_much)
    assert first.answer == (200, [], bytes(size))
    if is_kept:
        again = await life.ask("req_2", says_much)
        assert again.answer is not None and again.answer[2] == bytes(size)
    else:
        with pytest.raises(AnswerNotKept):
            await life.ask("req_2", says_much)
    assert life.done == {"req_1": 1}


async def test_a_day_later_the_key_is_forgotten(life: Life, clock: FakeClock) -> None:
    await life.ask("req_1")
    clock.advance(LIFE_S - 1)
    assert (await life.ask("req_2")).request_id == "req_1"
    clock.advance(2)
    assert (await life.ask("req_3")).request_id == "req_3"


async def test_a_broken_answer_is_judged_by_its_log_row(
    life: Life, database: Database, clock: FakeClock
) -> None:
    await life.ask("req_1", breaks_off)
    with pytest.raises(IdempotencyRunning):
        await life.ask("req_2")  # it may have been charged: the row will say
    await log_row(database, clock, cost=5, end_reason="client_gone", is_stream=True)
    with pytest.raises(AlreadyStreamed):
        await life.ask("req_3")
    assert life.done == {"req_1": 1}


@pytest.mark.parametrize("end_reason", ["client_gone", "upstream_error", "shutdown", "bug"])
async def test_one_that_charged_nothing_frees_the_key(
    life: Life, database: Database, clock: FakeClock, end_reason: str
) -> None:
    await life.ask("req_1", breaks_off)
    await log_row(database, clock, end_reason=end_reason)
    assert (await life.ask("req_2", body=b"[]")).request_id == "req_2"


async def test_an_answer_on_its_way_into_the_database_is_waited_for(
    life: Life, database: Database, clock: FakeClock
) -> None:
    await life.ask("req_1")
    await log_row(database, clock)
    async with database.write() as tx:
        await tx.execute(delete(Kept).where(Kept.kind == "outcome"))
    with pytest.raises(IdempotencyRunning):
        await life.ask("req_2")
    clock.advance(KEPT_WITHIN_S + 1)
    with pytest.raises(AnswerNotKept):
        await life.ask("req_3")
    assert life.done == {"req_1": 1}


# A server that died


async def die(life: Life, database: Database, *, with_lease: bool = False) -> None:
    with pytest.raises(asyncio.CancelledError):
        await life.ask("req_1", dies)
    if with_lease:
        lease = {"account_id": "acc_1", "mode": "live", "server": "s1", "epoch": 1, "amount": 5}
        async with database.write() as tx:
            await tx.execute(insert(Lease).values(lease))


async def begin_again(database: Database, clock: FakeClock, epoch: int = 2) -> Life:
    async with database.write() as tx:
        await tx.execute(delete(Server).where(Server.id == "s1"))
        await tx.execute(insert(Server).values(id="s1", epoch=epoch, started_ms=1))
    return Life(database, clock, epoch=epoch)


async def test_what_a_dead_server_never_wrote_down_may_be_done_again_once(
    life: Life, other_life: Life, database: Database, clock: FakeClock
) -> None:
    await die(life, database)
    with pytest.raises(IdempotencyRunning):
        await other_life.ask("req_2")
    next_life = await begin_again(database, clock)
    servers = (next_life, other_life) * 20
    asking = [server.ask(f"req_{n}", streams) for n, server in enumerate(servers, 3)]
    ended = await asyncio.gather(*asking, return_exceptions=True)
    assert (next_life.done + other_life.done).total() == 1
    assert {type(end) for end in ended} <= {Caller, IdempotencyRunning, AlreadyStreamed}


async def test_a_dead_servers_claim_holds_until_its_journal_was_read(
    life: Life, other_life: Life, database: Database, clock: FakeClock
) -> None:
    await die(life, database, with_lease=True)
    await begin_again(database, clock)
    with pytest.raises(OutcomeUnknown):
        await other_life.ask("req_2")
    async with database.write() as tx:
        await tx.execute(delete(Lease))
    assert (await other_life.ask("req_3")).request_id == "req_3"


@pytest.mark.parametrize(("is_stream", "expected"), [(False, AnswerNotKept), (True, AlreadyStreamed)])
async def test_what_a_dead_server_had_charged_is_never_done_again(
    life: Life,
    database: Database,
    clock: FakeClock,
    is_stream: bool,
    expected: type[PronghornError],
) -> None:
    await die(life, database)
    await log_row(database, clock, cost=5, is_stream=is_stream)
    next_life = await begin_again(database, clock)
    with pytest.raises(expected):
        await next_life.ask("req_2")
    assert not next_life.done


async def test_a_lost_servers_claim_is_unknown_after_a_while_and_gone_after_a_day(
    life: Life, other_life: Life, database: Database, clock: FakeClock
) -> None:
    await die(life, database, with_lease=True)
    clock.advance(LONGEST_S - 1)
    with pytest.raises(IdempotencyRunning):
        await other_life.ask("req_2")
    clock.advance(2)
    with pytest.raises(OutcomeUnknown):
        await other_life.ask("req_3")
    clock.advance(LIFE_S)
    assert (await other_life.ask("req_4")).request_id == "req_4"


async def rename(database: Database, old: str, new: str) -> None:
    async with database.write() as tx:
        await tx.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


async def test_an_answer_is_worth_more_than_the_memory_of_it(
    life: Life, database: Database, clock: FakeClock
) -> None:
    async def answers_without_memory(sink: Sink) -> None:
        await rename(database, "kept", "away")
        await answers(sink)

    first = await life.ask("req_1", answers_without_memory)
    assert first.answer is not None and first.answer[2] == b"said"
    await rename(database, "away", "kept")
    await log_row(database, clock)
    clock.advance(KEPT_WITHIN_S + 1)
    with pytest.raises(AnswerNotKept):
        await life.ask("req_2")


async def test_a_key_that_could_not_be_freed_is_free_once_the_failure_is_in_the_log(
    life: Life, database: Database, clock: FakeClock
) -> None:
    async def fails_without_memory(sink: Sink) -> None:
        await rename(database, "kept", "away")
        raise UpstreamError

    with pytest.raises(UpstreamError):
        await life.ask("req_1", fails_without_memory)
    await rename(database, "away", "kept")
    with pytest.raises(IdempotencyRunning):
        await life.ask("req_2")
    await log_row(database, clock, end_reason="upstream_error")
    assert (await life.ask("req_3")).request_id == "req_3"


async def test_without_a_database_nothing_is_begun(clock: FakeClock) -> None:
    away = Database("sqlite+aiosqlite:////nowhere/at/all.db")
    life = Life(away, clock)
    with pytest.raises(Unavailable, match="without the header"):
        await life.ask("req_1")
    assert not life.done
    await away.close()
