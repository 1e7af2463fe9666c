"""A task from its submission to its end, whatever the vendor says on the way; the books agree after each."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.tasks.engine.house import CREDENTIAL, PRICE, SECRET, House

from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import Conflict, NoCredit, PronghornError, UpstreamError
from pronghorn.store import models as tables
from pronghorn.store import revision
from pronghorn.tasks import ending, engine
from pronghorn.tasks.family import load
from pronghorn.tasks.outlook import Outlook
from pronghorn.vendors.task import State

SONG = [{"id": "clip-1", "status": "complete", "audio_url": "https://cdn.example/1.mp3"}]
USD_10 = 10 * 10**9
FAMILY = load()["suno"]


async def test_a_song_is_held_for_made_and_charged_once(house: House) -> None:
    view = await house.submit()
    assert (await house.balance(), await house.pending()) == (USD_10 - PRICE, 1)
    house.studio.say("up-1", "IN_PROGRESS", progress="40%")
    await house.look()
    (row,) = await house.rows()
    assert (row.state, row.percent, row.upstream_id) == ("running", 40, "up-1")
    house.studio.say("up-1", "SUCCESS", progress="100%", data=SONG)
    for _ in range(3):
        await house.look()
    (row,) = await house.rows()
    assert (row.state, row.percent, row.cost) == ("succeeded", 100, PRICE)
    assert (await house.balance(), await house.pending()) == (USD_10 - PRICE, 0)
    (logged,) = await house.log()
    assert (logged.id, logged.cost, logged.end_reason) == (view.request_id, PRICE, "ok")
    assert logged.usage["kind"] == "music"
    made = await house.server.of_part(house.grant, "clip-1")
    assert made is not None and made.id == view.id and made.data == SONG
    await house.check_books()


async def test_a_charge_is_of_the_month_in_which_the_task_came_in_as_its_row_is(house: House) -> None:
    view = await house.submit()
    house.clock.advance(60)
    house.studio.say("up-1", "SUCCESS", data=SONG)
    await house.look()
    (logged,) = await house.log()
    charged = select(tables.Entry.created_ms).where(tables.Entry.reference == f"charge:{view.request_id}")
    async with house.database.read() as tx:
        assert await tx.scalar(charged) == logged.created_ms == view.created_ms


async def test_what_failed_costs_nothing_and_says_why(house: House) -> None:
    await house.submit()
    house.studio.say("up-1", "FAILURE", fail_reason="the singer is ill")
    await house.look()
    (row,) = await house.rows()
    assert (row.state, row.reason, row.cost) == ("failed", "the singer is ill", 0)
    assert (await house.balance(), await house.pending()) == (USD_10, 0)
    (logged,) = await house.log()
    assert (logged.cost, logged.end_reason, logged.error) == (0, "upstream_error", "the singer is ill")
    await house.check_books()


async def test_what_never_ends_fails_at_its_deadline_after_a_last_look(house: House) -> None:
    await house.submit()
    house.studio.say("up-1", "IN_PROGRESS", progress="99%")
    for _ in range(30):
        await house.look(60)
    (row,) = await house.rows()
    assert (row.state, row.reason) == ("failed", ending.TIMEOUT)
    assert await house.balance() == USD_10
    (logged,) = await house.log()
    assert logged.end_reason == "upstream_timeout"
    looks = house.studio.fetches
    await house.look(600)
    assert house.studio.fetches == looks
    await house.check_books()


async def test_the_last_look_may_still_find_a_song(house: House) -> None:
    await house.submit()
    house.studio.say("up-1", "SUCCESS", data=SONG)
    await house.look(5000)
    assert [row.state for row in await house.rows()] == ["succeeded"]


@pytest.mark.parametrize(
    "failure", [(429, "slow down"), (500, "oops"), (401, "who"), (200, "<html>"), (200, "[]")]
)
async def test_a_look_that_fails_says_nothing_of_the_task(house: House, failure: tuple[int, str]) -> None:
    await house.submit()
    house.studio.say("up-1", "IN_PROGRESS", progress="10%")
    await house.look()
    house.studio.fetch_fails = failure
    for _ in range(5):
        await house.look()
    (row,) = await house.rows()
    assert (row.state, row.percent) == ("running", 10)
    house.studio.fetch_fails = None
    house.studio.say("up-1", "SUCCESS", data=SONG)
    await house.look(60)
    assert [row.state for row in await house.rows()] == ["succeeded"]


@pytest.mark.parametrize(
    "odd",
    [
        {"metadata": {"seed": 2**64}},
        {"metadata": {"seed": -(10**400)}},
        {"title": "caf\ud83d"},
        {"title": "ca\0fe"},
        {"id": "clip\0-1"},
        {"\ud83d": {"\0": None}},
    ],
    ids=lambda odd: ascii(odd)[:30],
)
async def test_a_song_with_what_cannot_be_kept_is_a_song(house: House, odd: dict[str, object]) -> None:
    for _ in range(3):
        await house.submit()
    house.studio.say_all("SUCCESS", data=SONG)
    house.studio.say("up-2", "SUCCESS", data=[SONG[0] | odd])
    await house.look()
    assert [row.state for row in await house.rows()] == ["succeeded"] * 3
    await house.check_books()


async def test_a_reason_with_what_cannot_be_kept_is_told_without_it(house: House) -> None:
    await house.submit()
    house.studio.say("up-1", "FAILURE", fail_reason="ba\0d \ud83d")
    await house.look()
    assert [(row.state, row.reason) for row in await house.rows()] == [("failed", "bad ?")]


async def test_a_task_that_breaks_its_look_holds_up_nobody_and_ends_after_its_deadline(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_at_the_second(self: Outlook, row: Any, progress: Any) -> bool:
        if row.upstream_id == "up-2":
            raise OverflowError
        return is_news(self, row, progress)

    is_news = Outlook.is_news
    monkeypatch.setattr(Outlook, "is_news", break_at_the_second)
    for _ in range(3):
        await house.submit()
    house.studio.say_all("SUCCESS", data=SONG)
    await house.look()
    states = {"up-1": "succeeded", "up-2": "queued", "up-3": "succeeded"}
    assert {row.upstream_id: row.state for row in await house.rows()} == states
    await house.look(FAMILY.deadline_s)
    assert {row.upstream_id: row.state for row in await house.rows()} == states, (
        "the fault may be ours, and pass"
    )
    await house.look(engine.OUR_FAULT_MS / 1000)
    (row,) = [row for row in await house.rows() if row.upstream_id == "up-2"]
    assert (row.state, row.reason, await house.pending()) == ("failed", ending.TIMEOUT, 0)
    await house.check_books()


async def test_a_task_that_the_vendor_forgot_fails_only_after_it_said_so_again(house: House) -> None:
    await house.submit()
    del house.studio.jobs["up-1"]
    for _ in range(engine.LOST_TIMES - 1):
        await house.look(20)
        assert [row.state for row in await house.rows()] == ["queued"]
    for _ in range(2):
        await house.look(20)
    (row,) = await house.rows()
    assert (row.state, row.reason) == ("failed", engine.UNKNOWN)
    assert await house.balance() == USD_10


async def test_states_never_go_back_and_unknown_words_change_nothing(house: House) -> None:
    await house.submit()
    seen: list[tuple[State, int]] = []
    for status, progress in (
        ("IN_PROGRESS", "50%"),
        ("SUBMITTED", "0%"),
        ("MARINATING", "60%"),
        ("IN_PROGRESS", "30%"),
    ):
        house.studio.say("up-1", status, progress=progress)
        await house.look()
        (row,) = await house.rows()
        seen.append((row.state, row.percent))
    assert seen == [("running", 50), ("running", 50), ("running", 60), ("running", 60)]
    house.studio.say("up-1", "SUCCESS", data=SONG)
    await house.look()
    house.studio.say("up-1", "FAILURE")
    await house.look()
    assert [row.state for row in await house.rows()] == ["succeeded"]


async def test_a_refusal_leaves_no_task_and_no_hold(house: House) -> None:
    house.studio.refuses = (400, {"code": "invalid_request", "message": "no such voice", "data": None})
    with pytest.raises(PronghornError) as refused:
        await house.submit()
    assert refused.value.message == "no such voice"
    assert await house.rows() == []
    assert (await house.balance(), await house.pending()) == (USD_10, 0)
    (logged,) = await house.log()
    assert (logged.cost, logged.status, logged.end_reason) == (0, 400, "client_error")
    await house.check_books()


async def test_a_dropped_submission_is_found_again_and_not_repeated(house: House) -> None:
    house.studio.drops = True
    with pytest.raises(UpstreamError, match="/v1/tasks/"):
        await house.submit()
    house.studio.drops = False
    await house.look(1)
    house.studio.say("up-1", "SUCCESS", data=SONG)
    await house.look()
    (row,) = await house.rows()
    assert (row.state, row.upstream_id, row.cost) == ("succeeded", "up-1", PRICE)
    assert house.studio.submissions == 1
    await house.check_books()


@pytest.mark.parametrize(
    "answer",
    [
        *((status, "<html>") for status in (200, 408, 504, 524)),
        (504, '{"code": "do_request_failed", "message": "x"}'),
        (200, ""),
        (200, '{"code": "success", "data": null}'),
        (200, f'{{"code": "success", "data": "{"x" * 401}"}}'),
    ],
    ids=lambda answer: f"{answer[0]} {answer[1][:30]}",
)
async def test_a_submission_whose_answer_says_nothing_is_asked_of_nobody_else(
    house: House, answer: tuple[int, str]
) -> None:
    await house.add_channel("chn_2")
    await house.start()
    house.studio.submits_with = answer
    with pytest.raises(UpstreamError, match="/v1/tasks/"):
        await house.submit()
    await house.look(1)
    house.studio.say("up-1", "SUCCESS", data=SONG)
    await house.look()
    (row,) = await house.rows()
    assert (house.studio.submissions, row.state, row.cost) == (1, "succeeded", PRICE)
    await house.check_books()


async def test_an_id_inside_an_object_is_one(house: House) -> None:
    house.studio.submits_with = (200, '{"code": 200, "message": "success", "data": {"task_id": "ID"}}')
    assert (await house.submit()).upstream_id == "up-1"


async def test_where_nobody_can_tell_it_is_not_repeated_and_not_charged(house: House) -> None:
    async with house.database.write() as tx:
        await tx.execute(update(tables.Channel).values(vendor="forgetful"))
        await revision.bump(tx)
    await house.start()
    house.studio.drops = True
    with pytest.raises(UpstreamError):
        await house.submit()
    await house.look(1)
    (row,) = await house.rows()
    assert (row.state, row.reason) == ("failed", engine.NEVER_TAKEN)
    assert (house.studio.submissions, await house.balance()) == (1, USD_10)
    await house.check_books()


async def test_the_last_cents_buy_as_many_songs_as_they_pay(house: House) -> None:
    async def one() -> bool:
        try:
            await house.submit()
        except NoCredit:
            return False
        return True

    made = await asyncio.gather(*(one() for _ in range(130)))
    assert (sum(made), await house.balance(), await house.pending()) == (100, 0, 100)
    house.studio.say_all("FAILURE", fail_reason="x")
    await house.look()
    assert await house.balance() == USD_10
    await house.check_books()


async def test_cancelling_twice_has_one_effect(house: House) -> None:
    view = await house.submit()
    first = await house.server.cancel(view)
    second = await house.server.cancel(first)
    assert (first.state, second.state, house.studio.cancellations) == ("cancelled", "cancelled", 1)
    assert await house.balance() == USD_10
    await house.look()
    await house.check_books()


async def test_a_vendor_that_refuses_what_it_has_cancelled_already_is_understood(house: House) -> None:
    """The answer to the first cancellation was lost, or is still on its way."""
    view = await house.submit()
    house.studio.is_strict = True
    house.studio.say("up-1", "CANCELLED")
    assert (await house.server.cancel(view)).state == "cancelled"
    assert await house.balance() == USD_10
    await house.check_books()


async def test_a_vendor_that_refuses_to_stop_what_is_done_leaves_it_to_the_next_look(house: House) -> None:
    view = await house.submit()
    house.studio.is_strict = True
    house.studio.say("up-1", "SUCCESS", data=SONG)
    with pytest.raises(Conflict, match="did not stop it"):
        await house.server.cancel(view)
    await house.look()
    assert [row.state for row in await house.rows()] == ["succeeded"]
    await house.check_books()


async def test_a_refusal_is_told_though_nothing_more_is_heard_of_the_task(house: House) -> None:
    view = await house.submit()
    house.studio.is_strict = house.studio.fetch_drops = True
    house.studio.say("up-1", "IN_PROGRESS", progress="10%")
    with pytest.raises(Conflict, match="did not stop it"):
        await house.server.cancel(view)
    assert house.studio.fetches == 1
    house.studio.fetch_drops = False
    house.studio.say("up-1", "SUCCESS", data=SONG)
    await house.look()
    assert [row.state for row in await house.rows()] == ["succeeded"]
    await house.check_books()


YES = [
    (200, ""),
    (200, "<html>"),
    (200, '{"code": 1}'),
    (204, ""),
    (200, '{"code": "success", "data": null}'),
]
NO = [(200, '{"code": 4, "description": "任务已完成，无法取消"}'), (409, "{}"), (500, "")]


@pytest.mark.parametrize("answer", [*YES, *NO])
async def test_what_is_done_at_the_vendor_is_not_cancelled_whatever_it_answers(
    house: House, answer: tuple[int, str]
) -> None:
    view = await house.submit()
    house.studio.cancels_with = answer
    house.studio.say("up-1", "SUCCESS", data=SONG)
    with pytest.raises(Conflict, match="did not stop it") as told:
        await house.server.cancel(view)
    assert told.value.code_word == "not_cancelled"
    await house.look(0)
    (row,) = await house.rows()
    assert (row.state, row.cost) == ("succeeded", PRICE)
    await house.check_books()


@pytest.mark.parametrize(
    ("answer", "state"), [*((yes, "cancelled") for yes in YES), *((no, "running") for no in NO)]
)
async def test_a_yes_is_believed_while_the_vendor_still_says_that_it_runs(
    house: House, answer: tuple[int, str], state: State
) -> None:
    view = await house.submit()
    house.studio.cancels_with = answer
    house.studio.say("up-1", "IN_PROGRESS")
    if state == "cancelled":
        assert (await house.server.cancel(view)).state == state
    else:
        with pytest.raises(Conflict, match="did not stop it"):
            await house.server.cancel(view)
    await house.look()
    assert [row.state for row in await house.rows()] == [state]
    await house.check_books()


async def test_a_vendor_that_fails_what_it_was_asked_to_stop_has_cancelled_it(house: House) -> None:
    view = await house.submit()
    house.studio.ends_cancelled_as = "FAILURE"
    assert (await house.server.cancel(view)).state == "cancelled"
    await house.check_books()


async def test_what_was_cancelled_while_it_ran_is_charged(house: House) -> None:
    view = await house.submit()
    house.studio.say("up-1", "IN_PROGRESS", progress="80%")
    await house.look()
    view = await house.server.find(view.id) or view
    assert (await house.server.cancel(view)).cost == PRICE
    await house.check_books()


async def test_a_new_secret_keeps_a_task_with_its_credential_and_its_links(house: House) -> None:
    view = await house.submit()
    pool = house.vault.seal(json.dumps(["sk-another", CREDENTIAL]))
    async with house.database.write() as tx:
        await tx.execute(update(tables.Channel).values(credentials=pool))
        await revision.bump(tx)
    link = house.server.links("").callback(view.id).rpartition("/")[2]
    house.vault = Secrets(["a-newer-secret-of-this-test", SECRET])
    await house.start()
    where = house.server.channel_of(view)
    assert where is not None and where[1] == 1
    assert house.server.links("").is_signed(view.id, "", link)
    house.studio.say("up-1", "SUCCESS", data=SONG)
    await house.look()
    assert house.studio.fetched_with == [f"Bearer {CREDENTIAL}"]
    assert [row.state for row in await house.rows()] == ["succeeded"]


async def test_what_follows_needs_the_account_that_made_it(house: House) -> None:
    made = await house.submit()
    made.credential = "another"
    with pytest.raises(Conflict) as gone:
        await house.submit(parent=made)
    assert gone.value.code_word == "parent_unavailable"
    assert (house.studio.submissions, await house.pending()) == (1, 1)
