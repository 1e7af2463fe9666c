"""Deliveries about tasks: callbacks and webhooks, in order, each once, and nobody waits for others' receivers."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import standardwebhooks
from sqlalchemy import insert, update
from tests.commerce.business import ACCOUNT, SECRET
from tests.commerce.receivers import Hook, dripping, hooked
from tests.commerce.senders import WEBHOOK_SECRET, Sender

from pronghorn.commerce import deliveries, dispatch, webhook
from pronghorn.errors import Conflict
from pronghorn.kit.clock import FakeClock
from pronghorn.store import Database
from pronghorn.store.models import Delivery, Notice

HOUR_S = 3_600
DAY_S = 86_400
STATES = ("task.queued", "task.waiting_input", "task.running")
"""On the way to its end."""
CANARY = "C4N4RY"


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with hooked() as hook:
        yield hook


@pytest.fixture
async def sender(database: Database) -> Sender:
    return await Sender(database, FakeClock(time.time())).begin()


def told(hook: Hook) -> list[tuple[str, str]]:
    """Task and kind of what a callback's receiver got, as `Sender.call_back` writes them."""
    bodies = [json.loads(body) for _, body in hook.got]
    return [(body["task"], body["kind"]) for body in bodies]


async def test_a_callback_is_the_bytes_that_were_given_signed_with_the_accounts_secret(
    sender: Sender, hook: Hook
) -> None:
    await sender.notice(webhook_url="https://elsewhere.example/x", events=["task.*"])
    body = '{"id":  "7","状态":\t"成功","n":1.0}'.encode()
    await sender.call_back(hook.url + "?token=1", body=body)
    await sender.send()
    ((headers, posted),) = hook.got
    assert posted == body
    assert headers["Content-Type"] == "application/json"
    assert hook.verified(WEBHOOK_SECRET) == [json.loads(body)]
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        hook.verified("whsec_" + "A" * 32)
    (row,) = await sender.rows()
    assert (row.way, row.kind, row.subject, row.status, row.attempts) == (
        *("callback", "task.succeeded", "task_1", "sent"),
        1,
    )


async def test_a_callback_of_an_account_without_a_webhook_has_an_id_and_no_signature(
    sender: Sender, hook: Hook
) -> None:
    await sender.call_back(hook.url)
    await sender.send()
    ((headers, _),) = hook.got
    assert headers["webhook-id"] == (await sender.rows())[0].id
    assert "webhook-signature" not in headers


async def test_neither_url_nor_body_of_a_callback_is_kept_in_clear_or_logged(
    sender: Sender, hook: Hook, capsys: pytest.CaptureFixture[str]
) -> None:
    hook.answers = [500, "redirect", 200]
    await sender.call_back(f"{hook.url}/{CANARY}?{CANARY}", body={"video": CANARY})
    await sender.call_back(f"http://{CANARY}@a b/{CANARY}", "task_2", body={"video": CANARY})
    for _ in range(3):
        await sender.send()
        sender.clock.advance(60)
    async with sender.database.write() as tx:
        await tx.execute(
            update(Delivery).values(status="waiting", next_ms=1, sealed="not what the vault sealed")
        )
    await sender.send()
    shown = repr([tuple(row) for row in await sender.rows()]) + "".join(capsys.readouterr())
    assert "delivery.tried" in shown and "SecretError" in shown
    assert CANARY not in shown and CANARY.lower() not in shown
    assert (await sender.rows())[0].target == hook.url.removesuffix("/hook")


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        (None, []),
        (["balance.low"], []),
        (["task.*"], ["task.succeeded", "task.failed", "task.cancelled"]),
        (["task.failed", "balance.low"], ["task.failed"]),
    ],
)
async def test_a_webhook_is_told_what_its_account_chose(
    sender: Sender, hook: Hook, events: list[str] | None, wanted: list[str]
) -> None:
    await sender.notice(webhook_url=hook.url, events=events, emails=["ann@example.com"], threshold=1)
    for kind in ("task.succeeded", "task.failed", "task.cancelled"):
        await sender.happen(kind)
    await sender.send()
    found = hook.verified(WEBHOOK_SECRET)
    assert [event["type"] for event in found] == wanted
    assert all(event["data"] == {"id": "task_1", "status": event["type"][5:]} for event in found)
    assert {row.way for row in await sender.rows()} <= {"webhook"}, "no letters about tasks"


async def test_without_a_webhook_nothing_is_queued(sender: Sender) -> None:
    await sender.happen("task.failed")
    await sender.notice(webhook_url=None, webhook_secret=None, emails=["a@b.example"], threshold=1)
    await sender.happen("task.failed")
    assert await sender.rows() == []


async def test_what_is_told_of_one_task_waits_for_what_was_before_it(sender: Sender, hook: Hook) -> None:
    hook.answers = [500]
    for kind in STATES:
        await sender.call_back(hook.url, "slow", kind)
    await sender.send()
    assert told(hook) == [("slow", "task.queued")]
    assert len({row.next_ms for row in await sender.rows()}) == 1, (
        "those behind it say when they may be tried"
    )
    await sender.send()
    sender.clock.advance(1)
    await sender.call_back(hook.url, "slow", "task.late")
    await sender.send()
    assert len(hook.got) == 1, "none goes before the first"
    hook.answers = [200]
    await sender.call_back(hook.url, "other", "task.queued")
    await sender.send()
    assert told(hook)[1:] == [("other", "task.queued")], "another task does not wait for it"
    sender.clock.advance(dispatch.PAUSES_S[0])
    await sender.send()
    assert told(hook)[2:] == [("slow", kind) for kind in (*STATES, "task.late")]


async def test_what_failed_for_good_holds_nothing_up(sender: Sender, hook: Hook) -> None:
    hook.answers = [500]
    await sender.call_back(hook.url, kind="task.queued")
    await sender.call_back(hook.url, kind="task.running")
    for pause in (0.0, *dispatch.PAUSES_S[:-1]):
        sender.clock.advance(pause)
        await sender.send()
    assert Counter(told(hook)) == {("task_1", "task.queued"): len(dispatch.PAUSES_S)}
    hook.answers = [500, 200]
    sender.clock.advance(dispatch.PAUSES_S[-1])
    await sender.send()
    assert await sender.statuses() == ["failed", "sent"]


@pytest.mark.parametrize("is_told", [True, False], ids=["after a refusal", "before any attempt"])
async def test_the_end_of_a_task_does_not_wait_for_what_was_refused_before_it(
    sender: Sender, hook: Hook, is_told: bool
) -> None:
    hook.answers = [500, 200]
    await sender.call_back(hook.url, kind="task.queued")
    if is_told:
        await sender.send()
    await sender.call_back(hook.url, kind="task.running")
    await sender.call_back(hook.url, kind="task.succeeded")
    await sender.send()
    assert told(hook) == [("task_1", "task.queued"), ("task_1", "task.succeeded")]
    assert [(row.status, row.error) for row in await sender.rows()] == [
        *[("failed", deliveries.SUPERSEDED)] * 2,
        ("sent", ""),
    ]


async def test_where_nothing_was_refused_all_is_told_in_order(sender: Sender, hook: Hook) -> None:
    for kind in (*STATES, "task.succeeded"):
        await sender.call_back(hook.url, kind=kind)
    await sender.send()
    assert [kind for _, kind in told(hook)] == [*STATES, "task.succeeded"]


async def test_callback_and_webhook_of_one_task_do_not_wait_for_each_other(
    sender: Sender, hook: Hook
) -> None:
    async with hooked() as theirs:
        theirs.answers = [500]
        await sender.notice(webhook_url=hook.url, events=["task.*"])
        await sender.call_back(theirs.url)
        await sender.happen("task.failed")
        await sender.happen("task.succeeded")
        await sender.send()
    assert (len(theirs.got), len(hook.got)) == (1, 2)


@pytest.mark.parametrize("failure", [503, "silent"])
async def test_after_an_hour_of_failure_each_arrives_once_and_in_order(
    sender: Sender, hook: Hook, failure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five tasks with three callbacks and one event each. It ends now: the library wants fresh signatures."""
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.1)
    sender.clock.jump(-3 * HOUR_S)
    await sender.notice(webhook_url=hook.url, events=["task.*"])
    tasks = [f"task_{number}" for number in range(5)]
    hook.answers = [failure]
    began = sender.clock.now()
    for kind in STATES:
        for task in tasks:
            await sender.call_back(hook.url, task, kind)
        sender.clock.advance(60)
        await sender.send()
    for task in tasks:
        await sender.happen("task.succeeded", task)
    while sender.clock.now() < began + HOUR_S:
        sender.clock.advance(120)
        await sender.send()
    assert hook.got and "sent" not in await sender.statuses()
    hook.got.clear()
    hook.answers = [204]
    sender.clock.jump(time.time() - sender.clock.now())
    await sender.send()
    assert set(await sender.statuses()) == {"sent"}
    assert sorted(hook.ids) == sorted(row.id for row in await sender.rows())
    callbacks = [body for body in hook.verified(WEBHOOK_SECRET) if "task" in body]
    assert len(hook.got) - len(callbacks) == len(tasks)
    for task in tasks:
        assert [body["kind"] for body in callbacks if body["task"] == task] == list(STATES)


async def test_a_worker_that_is_killed_in_the_middle_sends_again_with_the_same_id(
    sender: Sender, hook: Hook
) -> None:
    hook.answers = ["silent"]
    await sender.call_back(hook.url, kind="task.queued")
    await sender.call_back(hook.url, kind="task.failed")
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", WORKER, sender.database.url, SECRET, str(sender.clock.now())),
    )
    async with asyncio.timeout(20):
        while not hook.got:
            await asyncio.sleep(0.01)
    worker.kill()
    assert await worker.wait() == -signal.SIGKILL
    hook.answers = [200]
    await sender.send()
    assert len(hook.got) == 1, "it is claimed"
    sender.clock.advance(dispatch.CLAIM_S + 1)
    await sender.send()
    assert told(hook) == [("task_1", kind) for kind in ("task.queued", "task.queued", "task.failed")]
    assert hook.ids[0] == hook.ids[1] != hook.ids[2]
    assert [(row.status, row.attempts) for row in await sender.rows()] == [("sent", 2), ("sent", 1)]


WORKER = """
import asyncio, sys
from pathlib import Path
from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import dispatch
from pronghorn.commerce.jobs import Services
from pronghorn.kit.clock import FakeClock
from pronghorn.settings import Settings
from pronghorn.store import Database
url, secret, now_s = sys.argv[1:]
settings = Settings(data=Path("/nowhere"), fetch_allow=("127.0.0.0/8",))
asyncio.run(dispatch.send_due(Services(Database(url), Secrets([secret]), settings, FakeClock(float(now_s)))))
"""


async def test_of_many_workers_at_once_one_sends_each_and_in_order(sender: Sender, hook: Hook) -> None:
    tasks = [f"task_{number}" for number in range(6)]
    for kind in STATES:
        for task in tasks:
            await sender.call_back(hook.url, task, kind)
    others = [
        Sender(Database(sender.database.url), sender.clock).set(fetch_allow=("127.0.0.0/8",))
        for _ in range(5)
    ]
    while "waiting" in await sender.statuses():
        await asyncio.gather(*(other.send() for other in others))
    for other in others:
        await other.database.close()
    assert len(set(hook.ids)) == len(hook.got) == 18
    for task in tasks:
        assert [kind for of, kind in told(hook) if of == task] == list(STATES)
    assert {row.attempts for row in await sender.rows()} == {1}


async def test_a_dead_receiver_with_thousands_waiting_holds_nobody_up(
    sender: Sender, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "EVERY_S", 60.0)
    other = await sender.another("acc_2")
    async with hooked() as dead:
        dead.answers = ["silent"]
        await sender.call_back(dead.url, "dead_0", "task.queued")
        await multiply(sender, 3_000)
        sender.clock.advance(60)
        for number in range(20):
            await sender.call_back(hook.url, f"task_{number}", account_id=other)
        sending = asyncio.ensure_future(sender.send())
        async with asyncio.timeout(webhook.TIMEOUT_S - 1):  # before the dead one's first attempt ends
            while len(hook.got) < 20:
                await asyncio.sleep(0.01)
        assert dead.most_at_once == len(dead.got) == dispatch.AT_ONCE_PER_RECEIVER
        await stop(sending)


async def test_what_becomes_due_does_not_wait_for_what_is_under_way(sender: Sender, hook: Hook) -> None:
    async with hooked() as dead:
        dead.answers = ["silent"]
        await sender.call_back(dead.url)
        sending = asyncio.ensure_future(sender.send())
        async with asyncio.timeout(webhook.TIMEOUT_S - 1):
            while not dead.got:
                await asyncio.sleep(0.01)
            await sender.call_back(hook.url, "later")
            while not hook.got:
                await asyncio.sleep(0.01)
        await stop(sending)


async def multiply(sender: Sender, count: int) -> None:
    """More of the one delivery that there is, of a task each."""
    (row,) = await sender.rows()
    rows = [
        {**row._mapping, "id": f"msg_{number}", "subject": f"dead_{number}"} for number in range(1, count)
    ]
    async with sender.database.write() as tx:
        await tx.execute(insert(Delivery), rows)


async def stop(sending: "asyncio.Future[None]") -> None:
    assert not sending.done()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def test_an_account_with_many_dead_receivers_holds_up_no_other_account(
    sender: Sender, hook: Hook
) -> None:
    other = await sender.another("acc_2")
    async with contextlib.AsyncExitStack() as stack:
        dead = [await stack.enter_async_context(hooked()) for _ in range(dispatch.AT_ONCE_PER_ACCOUNT + 4)]
        for number, one in enumerate(dead):
            one.answers = ["silent"]
            await sender.call_back(one.url, f"dead_{number}")
        sender.clock.advance(60)
        await sender.call_back(hook.url, account_id=other)
        sending = asyncio.ensure_future(sender.send())
        async with asyncio.timeout(5):
            while not hook.got or sum(len(one.got) for one in dead) < dispatch.AT_ONCE_PER_ACCOUNT:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert sum(len(one.got) for one in dead) == dispatch.AT_ONCE_PER_ACCOUNT
        await stop(sending)


async def test_names_that_take_long_to_look_up_hold_up_no_other_account(
    sender: Sender, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await sender.another("acc_2")
    look_up, ended = socket.getaddrinfo, threading.Event()
    asked = []

    def slow(host: Any, *more: Any, **also: Any) -> Any:
        if str(host).startswith("slow"):
            asked.append(host)
            ended.wait(20)
        return look_up("127.0.0.1" if str(host).startswith("slow") else host, *more, **also)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    for number in range(dispatch.AT_ONCE_PER_ACCOUNT):
        await sender.call_back(f"http://slow{number}.example/", f"dead_{number}")
    sending = asyncio.ensure_future(sender.send())
    async with asyncio.timeout(5):
        while len(asked) < dispatch.AT_ONCE_PER_ACCOUNT:
            await asyncio.sleep(0.01)
        await sender.call_back(hook.url.replace("127.0.0.1", "localhost"), account_id=other)
        while not hook.got:
            await asyncio.sleep(0.01)
    await stop(sending)
    ended.set()


async def test_a_callback_is_replayed_with_the_same_id_and_body_and_others_wait_for_it(
    sender: Sender, hook: Hook
) -> None:
    hook.answers = [404]
    await sender.call_back(
        hook.url, kind="task.queued", body=b'{"task":"task_1","kind":"task.queued", "n":1.0}'
    )
    async with sender.database.write() as tx:
        await tx.execute(update(Delivery).values(attempts=len(dispatch.PAUSES_S)))
    await sender.send()
    (row,) = await sender.rows()
    assert row.status == "failed"
    async with sender.database.write() as tx:
        await deliveries.replay(tx, row.id, sender.now_ms)
    with pytest.raises(Conflict):
        async with sender.database.write() as tx:
            await deliveries.replay(tx, row.id, sender.now_ms)
    await sender.call_back(hook.url, kind="task.failed")
    hook.answers = [200]
    await sender.send()
    assert [kind for _, kind in told(hook)] == ["task.queued", "task.queued", "task.failed"]
    assert hook.got[0][1] == hook.got[1][1]
    assert hook.ids[0] == hook.ids[1] == row.id


async def test_what_is_done_is_deleted_after_a_month_and_what_waits_is_not(
    sender: Sender, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "BATCH", 2)
    for number in range(5):
        await sender.call_back(hook.url, f"old_{number}")
    await sender.send()
    async with sender.database.write() as tx:
        await tx.execute(update(Delivery).where(Delivery.subject == "old_0").values(status="failed"))
        await tx.execute(
            update(Delivery).where(Delivery.subject == "old_1").values(status="waiting", next_ms=2**60)
        )
    sender.clock.advance(29 * DAY_S)
    await deliveries.forget_old(sender.services)
    assert len(await sender.rows()) == 5
    await sender.call_back(hook.url, "new")
    await sender.send()
    sender.clock.advance(DAY_S + 1)
    await deliveries.forget_old(sender.services)
    assert [row.subject for row in await sender.rows()] == ["old_1", "new"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"]
)
async def test_no_spelling_of_a_private_address_is_reached(sender: Sender, hook: Hook, host: str) -> None:
    """So neither is the admin port of a gateway."""
    sender.set()
    await sender.call_back(hook.url.replace("127.0.0.1", host))
    await sender.send()
    assert hook.got == []
    (row,) = await sender.rows()
    assert row.error.partition(";")[0] in ("its address is private", "its URL is not one that can be asked")


async def test_no_redirect_is_followed(sender: Sender, hook: Hook) -> None:
    hook.answers = ["redirect", 200]
    await sender.call_back(hook.url)
    await sender.send()
    assert (len(hook.got), (await sender.rows())[0].error) == (1, "answered 302")


async def test_an_endless_answer_is_not_read(sender: Sender, hook: Hook) -> None:
    hook.answers = ["endless"]
    await sender.call_back(hook.url)
    await asyncio.wait_for(sender.send(), 5)
    written = hook.written
    assert written < 16 * 1024 * 1024, "what buffers of the system took"
    await asyncio.sleep(0.1)
    assert hook.written == written, "the connection is closed"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nx-a: ", b"b" * 4_096),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"x" * 4_096),
        (b"HTTP/1.1 200 OK\r\n", b""),
    ],
    ids=["headers", "one header", "continues", "nonsense", "nothing more"],
)
@pytest.mark.parametrize("pause_s", [0.0001, 0.02], ids=["fast", "slow"])
async def test_an_answer_that_never_comes_to_its_end_is_bounded_in_time_and_bytes(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, head: bytes, piece: bytes, pause_s: float
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.5)
    async with dripping(head, piece, pause_s) as drip:
        await sender.call_back(drip.url)
        began = time.monotonic()
        await sender.send()
        took_s = time.monotonic() - began
    (row,) = await sender.rows()
    assert (row.status, row.attempts) == ("waiting", 1)
    assert took_s < 2
    assert drip.written <= 64 * 1024


async def test_a_database_that_takes_no_writes_is_not_asked_without_a_pause(
    sender: Sender, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    @contextlib.asynccontextmanager
    async def full() -> AsyncIterator[Any]:
        nonlocal tries
        tries += 1
        raise OSError("no space left")
        yield

    await sender.call_back(hook.url)
    monkeypatch.setattr(sender.database, "write", full)
    monkeypatch.setattr(dispatch, "EVERY_S", 0.2)
    sending = asyncio.ensure_future(sender.send())
    await asyncio.sleep(1)
    assert 2 <= tries <= 6
    monkeypatch.undo()
    async with asyncio.timeout(5):
        await sending
    assert (len(hook.got), await sender.statuses()) == (1, ["sent"])


async def test_a_notice_made_before_there_was_a_choice_is_told_of_the_balance_alone(
    sender: Sender, hook: Hook
) -> None:
    await sender.notice(webhook_url=hook.url, threshold=5)
    async with sender.database.read() as tx:
        row = (await tx.execute(Notice.__table__.select())).one()
    assert row.events is None and row.account_id == ACCOUNT
    assert deliveries.is_wanted(row.events, "balance.low")
    assert not deliveries.is_wanted(row.events, "task.failed")
