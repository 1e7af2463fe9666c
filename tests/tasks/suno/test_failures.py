"""Songs that fail, in part or whole: what callers read, and that only what was delivered is paid for."""

import asyncio

import pytest
from tests.tasks.parts import nano
from tests.tasks.suno.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("fail", "Internal error while generating audio."),
        ("refuse", "Your prompt was flagged by moderation."),
    ],
)
@pytest.mark.parametrize("route", ["music", "lyrics"])
async def test_what_fails_costs_nothing(stage: Stage, route: str, prompt: str, reason: str) -> None:
    caller = await stage.caller()
    task = await caller.ended(await caller.submit(f"/suno/submit/{route}", {"prompt": prompt}))
    assert (task["status"], task["fail_reason"], task["progress"]) == ("FAILURE", reason, "100%")
    assert await caller.spent() == 0
    (row,) = await caller.rows()
    assert (row.cost, row.end_reason, row.error) == (0, "upstream_error", reason)
    assert row.hold == nano("0.10" if route == "music" else "0.01")


async def test_of_two_songs_the_good_one_is_delivered_and_the_call_is_paid(stage: Stage) -> None:
    caller = await stage.caller()
    task = await caller.ended(await caller.submit("/suno/submit/music", {"prompt": "half"}))
    assert (task["status"], task["fail_reason"]) == ("SUCCESS", "Internal error while generating audio.")
    (clip,) = task["data"]
    assert clip["status"] == "complete"
    assert (await caller.file(clip["audio_url"]))[0] == "audio/mpeg"
    assert await caller.spent() == nano("0.10")


async def test_a_song_that_is_on_its_way_is_held_for(stage: Stage) -> None:
    caller = await stage.caller(simulate="task=stuck")
    task_id = await caller.submit("/suno/submit/music", {"prompt": "for ever"})
    async with asyncio.timeout(10):
        while (task := (await caller.good("GET", f"/suno/fetch/{task_id}"))["data"])[
            "status"
        ] != "IN_PROGRESS":
            await asyncio.sleep(0.05)
    assert (task["finish_time"], task["fail_reason"]) == (0, "")
    assert task["data"][0]["status"] == "streaming"
    assert (await caller.file(task["data"][0]["audio_url"]))[0] == "audio/mpeg"
    standing = (await stage.gateway.credit.standing([caller.account], "test"))[caller.account]
    assert (standing.held, standing.spent) == (nano("0.10"), 0)


async def test_a_vendor_that_takes_nothing_costs_nothing(stage: Stage) -> None:
    caller = await stage.caller(simulate="status=500")
    status, code, message = await caller.refused("POST", "/suno/submit/music", {"prompt": "x"})
    assert (status, code) == (502, "fail_to_fetch_task")
    assert "nothing was charged" in message
    assert await caller.spent() == 0
