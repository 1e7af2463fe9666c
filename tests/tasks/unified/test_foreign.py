"""Tasks of others: whoever asks, by whatever route, is told the same as of one that does not exist."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.tasks.unified.stand import Answered, Caller, Stand

from pronghorn.api.tasks import unified

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN = "c9ce2135-d266-46ba-bd72-8e069d15ea5e"
ROUTES = sorted(unified.ROUTES)


def _paths(task_id: str) -> Iterator[tuple[str, str]]:
    for method, pattern in ROUTES:
        if "{}" in pattern:
            yield method, pattern.replace("{}", task_id)


async def _is_unknown_to(caller: Caller, task_id: str) -> None:
    for (method, path), (_, nowhere) in zip(_paths(task_id), _paths(UNKNOWN), strict=True):
        foreign, unknown = await caller.call(method, path), await caller.call(method, nowhere)
        assert (foreign.status, foreign.error) == (404, unknown.error), path
        assert task_id not in str(foreign.body)
    assert (await caller.get("/v1/tasks?limit=1000"))["items"] == []


async def _is_unknown_to_suno_of(caller: Caller, task_id: str) -> None:
    for method, path, body in (
        ("GET", "/suno/fetch/{}", None),
        ("POST", "/suno/fetch", {"ids": ["{}"]}),
        ("POST", "/suno/submit/music", {"prompt": "p", "task_id": "{}"}),
    ):
        foreign, unknown = [await _by_id(caller, method, path, body, one) for one in (task_id, UNKNOWN)]
        assert (foreign.status, _without_id(foreign)) == (unknown.status, _without_id(unknown)), path
        assert not foreign.body["data"] and task_id not in str(foreign.body)


async def _by_id(caller: Caller, method: str, path: str, body: Any, task_id: str) -> Answered:
    filled = json.loads(json.dumps(body).replace("{}", task_id))
    return await caller.call(method, path.replace("{}", task_id), filled)


def _without_id(answer: Answered) -> Any:
    return answer.body | {"message": answer.body["message"].partition(" (request id")[0]}


PICTURES: list[tuple[str, str, Any]] = [
    ("GET", "/mj/task/{}/fetch", None),
    ("GET", "/mj/task/{}/image-seed", None),
    ("POST", "/mj/task/{}/cancel", {}),
    ("POST", "/mj/task/list-by-condition", {"ids": ["{}"]}),
    ("POST", "/mj/submit/change", {"taskId": "{}", "action": "UPSCALE", "index": 1}),
    ("POST", "/mj/submit/simple-change", {"content": "{} U1"}),
    ("POST", "/mj/submit/action", {"taskId": "{}", "customId": "MJ::JOB::upsample::1::x"}),
    ("POST", "/mj/submit/modal", {"taskId": "{}", "prompt": "p"}),
]


async def test_nobody_touches_the_pictures_of_another_account(stand: Stand) -> None:
    owner, thief = await stand.somebody(), await stand.somebody()
    made = await owner.call("POST", "/mj/submit/imagine", {"prompt": "a cat"})
    task_id: str = made.body["result"]
    await owner.until(task_id, "succeeded")
    await _is_unknown_to(thief, task_id)
    unknown = "9" * len(task_id)
    for method, path, body in PICTURES:
        told = []
        for one in (task_id, unknown):
            answer = await _by_id(thief, method, path, body, one)
            text = re.sub(r"\(request id: \w+\)", "", json.dumps(answer.body)).replace(one, "ID")
            told.append((answer.status, text))
        assert told[0] == told[1], path
    assert (await thief.get("/v1/tasks"))["items"] == []
    assert (await owner.get(f"/v1/tasks/{task_id}"))["output"]
    assert (await owner.get(f"/mj/task/{task_id}/fetch"))["id"] == task_id


async def test_nobody_reads_follows_or_cancels_the_tasks_of_another_account(stand: Stand) -> None:
    owner, thief = await stand.somebody(), await stand.somebody()
    task_id = await owner.sing("stuck")
    await owner.until(task_id, "running")
    await _is_unknown_to(thief, task_id)
    await _is_unknown_to_suno_of(thief, task_id)
    assert (await owner.get(f"/v1/tasks/{task_id}"))["status"] == "running"


@pytest.mark.parametrize("mode", ["live", "test"])
async def test_live_and_test_mode_of_one_account_do_not_see_each_others_tasks(
    stand: Stand, mode: str
) -> None:
    account = await stand.account("both")
    owner = await stand.caller(account, mode)
    other = await stand.caller(account, "test" if mode == "live" else "live")
    task_id = await owner.sing("stuck")
    await _is_unknown_to(other, task_id)
    await _is_unknown_to_suno_of(other, task_id)
    assert (await owner.get("/v1/tasks"))["items"][0]["id"] == task_id


async def test_two_keys_of_one_account_and_mode_see_the_same(stand: Stand) -> None:
    account = await stand.account("shared")
    first, second = await stand.caller(account), await stand.caller(account)
    task_id = await first.sing("stuck")
    assert (await second.get("/v1/tasks"))["items"][0]["id"] == task_id


async def test_a_cursor_opens_nothing(stand: Stand) -> None:
    owner, thief = await stand.somebody(), await stand.somebody()
    for _ in range(2):
        await owner.sing("stuck")
    cursor = (await owner.get("/v1/tasks?limit=1"))["next"]
    assert (await thief.get(f"/v1/tasks?cursor={cursor}"))["items"] == []


@pytest.mark.parametrize("task_id", ["x", "%20", "a" * 5000, "%25", "'", "%F0%9F%8E%B5", "null", "%7F"])
async def test_what_can_be_no_id_is_told_the_same(stand: Stand, task_id: str) -> None:
    caller = await stand.somebody()
    for method, path in _paths(task_id):
        answer = await caller.call(method, path)
        assert answer.status in (400, 404, 405), (path, answer.status)
        assert re.fullmatch(r"[a-z_]+", answer.error["code"])


NAMELESS: list[tuple[str, str, Any]] = [
    ("GET", "/suno/fetch/{}", None),
    ("POST", "/suno/fetch", {"ids": ["\0", "a\0b"]}),
    ("POST", "/suno/submit/music", {"prompt": "p", "task_id": "\0"}),
    ("POST", "/suno/submit/music", {"task": "cover", "cover_clip_id": "\0"}),
    ("GET", "/suno/act/wav/{}", None),
    ("GET", "/udio/fetch/{}", None),
    ("GET", "/udio/query?ids={}", None),
    ("GET", "/mj/task/{}/fetch", None),
    ("POST", "/mj/task/{}/cancel", {}),
    ("POST", "/mj/task/list-by-condition", {"ids": ["\0"]}),
    ("POST", "/mj/task/query", {"state": "\0", "action": "\0"}),
    ("POST", "/mj/submit/change", {"taskId": "\0", "action": "UPSCALE", "index": 1}),
    ("GET", "/v1/tasks?action={}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), NAMELESS)
async def test_what_no_database_can_look_for_is_not_there(
    stand: Stand, method: str, path: str, body: Any
) -> None:
    caller = await stand.somebody()
    for odd in ("%00", "%ED%A0%80") if "{}" in path else ("",):
        answer = await caller.call(method, path.replace("{}", odd), body)
        assert answer.status in (200, 400, 404), (odd, answer.status, answer.body)
