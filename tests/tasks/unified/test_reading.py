"""`/v1/tasks`: one task and lists of them, as their owner reads them."""

import asyncio
import base64
import json
from typing import Any

import pytest
from tests.tasks.unified.stand import SONG, Caller, Stand

from pronghorn.api.tasks import door, listing

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = [
    *("id", "object", "vendor", "action", "model", "status", "progress", "created_at", "started_at"),
    *("finished_at", "cost_usd", "parent_id", "label", "output", "error"),
]


async def test_a_song_of_the_sandbox_is_shown_from_its_submission_to_its_files(stand: Stand) -> None:
    caller = await stand.somebody()
    task_id = await caller.sing()
    first = await caller.get(f"/v1/tasks/{task_id}")
    assert list(first) == MEMBERS
    assert (first["object"], first["vendor"], first["action"], first["model"]) == (
        *("task", "suno", "music", "suno"),
    )
    assert (first["status"], first["progress"], first["cost_usd"]) == ("queued", 0, "0.00")
    assert (first["finished_at"], first["error"], first["label"], first["parent_id"]) == (None,) * 4
    last = await caller.until(task_id, "succeeded")
    assert (last["progress"], last["cost_usd"], last["error"]) == (100, "0.10", None)
    assert last["created_at"] <= last["started_at"] <= last["finished_at"]
    assert [file["name"] for file in last["output"]][:2] == ["0.mp3", "0.mp4"]
    assert all(file["url"].startswith(f"{stand.url}/media/{task_id}/") for file in last["output"])
    assert last == await caller.get(f"/tasks/{task_id}")


async def test_what_failed_says_why_and_a_cancelled_one_has_no_error(stand: Stand) -> None:
    caller = await stand.somebody()
    failed = await caller.until(await caller.sing("fail"), "failed")
    assert failed["error"]["code"] == "task_failed"
    assert failed["error"]["message"]
    assert (failed["cost_usd"], failed["output"]) == ("0.00", [])


async def test_a_list_has_every_task_once_newest_first_whatever_the_page(stand: Stand) -> None:
    caller = await stand.somebody()
    made = [await caller.sing(f"song {number}") for number in range(5)]
    for limit in (1, 2, 5, 50):
        assert await _walked(caller, f"limit={limit}") == made[::-1]
    page = await caller.get("/v1/tasks?limit=5")
    assert page["next"] is None
    late = await caller.sing("one that came meanwhile")
    cursor = (await caller.get("/v1/tasks?limit=3"))["next"]
    assert [task["id"] for task in (await caller.get(f"/v1/tasks?cursor={cursor}"))["items"]] == made[2::-1]
    assert (await caller.get("/v1/tasks"))["items"][0]["id"] == late


async def test_lists_are_filtered(stand: Stand) -> None:
    caller = await stand.somebody()
    song = await caller.sing("stuck")
    words = (await caller.call("POST", "/suno/submit/lyrics", {"prompt": "rain"})).body["data"]
    failed = await caller.sing("fail")
    await caller.until(words, "succeeded")
    await caller.until(failed, "failed")
    await caller.until(song, "running")
    assert await _walked(caller, "vendor=suno") == [failed, words, song]
    assert await _walked(caller, "action=lyrics") == [words]
    assert await _walked(caller, "status=failed") == [failed]
    assert await _walked(caller, "status=running,succeeded&limit=1") == [words, song]
    middle = (await caller.get(f"/v1/tasks/{words}"))["created_at"]
    assert await _walked(caller, f"since={middle}") == [failed, words]
    assert await _walked(caller, f"until={middle}") == [song]
    assert await _walked(caller, "action=%25") == []
    assert await _walked(caller, f"parent_id={song}") == []


async def test_what_goes_on_from_a_task_is_found_by_it(stand: Stand) -> None:
    caller = await stand.somebody()
    song = await caller.until(await caller.sing(), "succeeded")
    clips = (await caller.get(f"/suno/fetch/{song['id']}"))["data"]["data"]
    more = {"task": "extend", "task_id": song["id"], "continue_clip_id": clips[0]["id"], "continue_at": 10}
    longer = await caller.sing("and on", **more)
    assert (await caller.get(f"/v1/tasks/{longer}"))["parent_id"] == song["id"]
    assert await _walked(caller, f"parent_id={song['id']}") == [longer]
    other = await stand.somebody()
    assert await _walked(other, f"parent_id={song['id']}") == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e3", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=", "limit"),
        (f"limit={'9' * 5000}", "limit"),
        ("vendor=nobody", "vendor"),
        ("status=done", "status"),
        ("status=", "status"),
        (f"status={','.join(['queued'] * 500)}", "status"),
        ("action=", "action"),
        ("parent_id=%C2%A0", "parent_id"),
        (f"action={'a' * 81}", "action"),
        ("action=%E2%98%83", "action"),
        ("since=yesterday", "since"),
        ("until=9999-12-31T23:59:59Z", "until"),
        ("since=1969-12-31T00:00:00Z", "since"),
        ("cursor=zzz", "cursor"),
        ("cursor=", "cursor"),
        (f"cursor={base64.b64encode(json.dumps([2**70, 'a']).encode()).decode()}", "cursor"),
        (f"cursor={base64.b64encode(json.dumps([1, chr(0)]).encode()).decode()}", "cursor"),
        ("statuss=failed", "statuss"),
    ],
)
async def test_a_wrong_filter_is_refused_by_its_name(stand: Stand, query: str, param: str) -> None:
    caller = await _anybody(stand)
    answer = await caller.call("GET", f"/v1/tasks?{query}")
    assert (answer.status, answer.error["param"], answer.error["type"]) == (
        *(400, param, "invalid_request_error"),
    )
    assert param in answer.error["message"]


async def test_a_list_of_several_parts_leaves_out_nothing(stand: Stand) -> None:
    caller = await stand.somebody("live")
    made = await asyncio.gather(*(caller.sing() for _ in range(door.PART + 3)))
    for upstream_id in list(stand.studio.jobs):
        stand.studio.say(upstream_id, "SUCCESS", progress="100%", data=SONG)
    page = await caller.get(f"/v1/tasks?limit={listing.MAX_LIMIT}")
    found = [task["id"] for task in page["items"]]
    assert (len(found), set(found), page["next"]) == (len(made), set(made), None)
    for limit in (door.PART, door.PART + 1):
        assert await _walked(caller, f"limit={limit}") == found


async def test_other_methods_and_paths_are_refused_in_openais_shape(stand: Stand) -> None:
    caller = await _anybody(stand)
    refused = await caller.call("DELETE", "/v1/tasks/x")
    assert (refused.status, refused.error["code"]) == (405, "method_not_supported")
    assert "GET" in refused.headers["allow"]
    nowhere = await caller.call("GET", "/v1/tasks/x/y")
    assert (nowhere.status, nowhere.error["code"]) == (404, "not_found")
    nobody = Caller(stand.url, "", "", "sk-test-of-nobody")
    assert (await nobody.call("GET", "/v1/tasks")).error["code"] == "invalid_api_key"
    await nobody.http.close()


_callers: dict[str, Caller] = {}


async def _anybody(stand: Stand) -> Caller:
    if stand.url not in _callers:
        _callers[stand.url] = await stand.somebody()
    return _callers[stand.url]


async def _walked(caller: Caller, query: str) -> list[str]:
    """All pages."""
    found: list[Any] = []
    page = await caller.get(f"/v1/tasks?{query}")
    while True:
        found += [task["id"] for task in page["items"]]
        if page["next"] is None:
            return found
        page = await caller.get(f"/v1/tasks?{query}&cursor={page['next']}")
