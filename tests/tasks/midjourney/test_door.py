"""Requests that are wrong are refused in the protocol's words, before any server is asked and anything is held."""

import base64
from typing import Any

import pytest
from tests.tasks.midjourney.stand import Caller, Json, Stand
from tests.tasks.parts import nano

from pronghorn.wire.midjourney import buttons

pytestmark = pytest.mark.asyncio(loop_scope="module")

H = "7c1d52f8-9b60-4e0a-a4f1-5f0d4f3b8e21"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
GIF, JPEG = (
    base64.b64encode(b"GIF89a" + bytes(64)).decode(),
    base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(64)).decode(),
)
WEBP = base64.b64encode(b"RIFF\0\0\0\0WEBPVP8 " + bytes(64)).decode()
GRID = buttons.grid(H)


async def grid_of(stand: Stand, caller: Caller, upstream_id: str, shown: Any = GRID) -> Json:
    """A finished task of the scripted server."""
    reply = {"code": 1, "description": "Submit success", "result": upstream_id}
    stand.proxy.will_answer("/mj-fast/mj/submit/imagine", reply)
    task_id = await caller.submit("/mj/submit/imagine", {"prompt": "a cat"})
    await stand.proxy.has(upstream_id, "SUCCESS", buttons=shown)
    return await caller.until(task_id)


WRONG: list[tuple[str, Any, str]] = [
    ("submit/imagine", {}, "prompt_is_required "),
    ("submit/imagine", {"prompt": "  "}, "prompt_is_required "),
    ("submit/imagine", {"prompt": 7}, "bind_request_body_failed prompt must be a string"),
    ("submit/imagine", [], "bind_request_body_failed the body must be a JSON object"),
    (
        "submit/imagine",
        {"prompt": "a cat --repeat 4"},
        "bind_request_body_failed prompt: one task cannot hold --repeat; send the request as often",
    ),
    (
        "submit/imagine",
        {"prompt": "a cat", "state": "x" * 256},
        "bind_request_body_failed state has more than 255 characters",
    ),
    (
        "submit/imagine",
        {"prompt": "a cat", "accountFilter": {"modes": ["SOON"]}},
        "bind_request_body_failed accountFilter.modes must hold FAST, RELAX or TURBO",
    ),
    (
        "submit/imagine",
        {"prompt": "a cat", "base64Array": [PNG, base64.b64encode(b"%PDF-1.7" + bytes(64)).decode()]},
        "bind_request_body_failed base64Array[1] is no PNG, JPEG, WebP or GIF in base64",
    ),
    (
        "submit/imagine",
        {"prompt": "a cat", "base64Array": ["not base64!"]},
        "bind_request_body_failed base64Array[0] is no PNG, JPEG, WebP or GIF in base64",
    ),
    (
        "submit/imagine",
        {"prompt": "a cat", "base64Array": ["data:image/png;base64," + PNG + "A" * 28_000_000]},
        "bind_request_body_failed base64Array[0] is larger than 20 MB",
    ),
    (
        "submit/imagine",
        {"prompt": "a cat", "base64Array": ["http://169.254.169.254/latest"]},
        "bind_request_body_failed base64Array[0] is a private address; the setting fetch_allow says which of those "
        "may be reached",
    ),
    (
        "submit/imagine",
        {"prompt": "https://a.example/1.png a cat --sref http://[::1]:80/x.png"},
        "bind_request_body_failed prompt has a private address",
    ),
    (
        "submit/imagine",
        {"prompt": "a cat", "notifyHook": "http://10.0.0.1/hook"},
        "bind_request_body_failed callback_url is a private address; the setting fetch_allow says which of those "
        "may be reached",
    ),
    (
        "submit/blend",
        {"base64Array": [PNG]},
        "bind_request_body_failed base64Array must hold 2 to 5 pictures",
    ),
    (
        "submit/blend",
        {"base64Array": [PNG] * 6},
        "bind_request_body_failed base64Array must hold 2 to 5 pictures",
    ),
    *(
        (f"submit/{route}", body, f"bind_request_body_failed {odd}: write {right}, as it is called here")
        for route, body, odd, right in (
            ("imagine", {"prompt": "a cat", "Prompt": "a dog --turbo"}, "Prompt", "prompt"),
            ("imagine", {"prompt": "a cat", "NotifyHook": "http://10.0.0.1"}, "NotifyHook", "notify_hook"),
            ("action", {"customId": "x", "CustomId": "y"}, "CustomId", "customId"),
            ("change", {"taskId": "17", "TaskId": "18"}, "TaskId", "taskId"),
            ("change", {"task_id": "17"}, "task_id", "taskId"),
        )
    ),
    ("submit/describe", {}, "bind_request_body_failed base64 or link is required"),
    ("submit/shorten", {}, "prompt_is_required "),
    ("submit/edits", {"prompt": "a hat"}, "bind_request_body_failed image is required"),
    ("submit/edit", {"image": PNG}, "prompt_is_required "),
    ("submit/video", {"prompt": "it moves"}, "bind_request_body_failed image is required"),
    ("submit/video", {"action": "cut"}, "unknown_action action must be extend, or left out"),
    ("submit/video", {"action": "extend"}, "index_is_required which clip of the task, from 0 to 3"),
    ("submit/video", {"action": "extend", "index": 0}, "task_id_is_required "),
    ("submit/video", {"action": "extend", "index": 0, "taskId": "17"}, "task_not_found "),
    (
        "submit/upload-discord-images",
        {},
        "bind_request_body_failed base64Array must hold a picture",
    ),
    ("insight-face/swap", {"sourceBase64": PNG}, "sour_base64_and_target_base64_is_required "),
    ("submit/action", {"taskId": "17"}, "custom_id_is_required "),
    ("submit/action", {"customId": f"MJ::JOB::upsample::1::{H}"}, "task_id_is_required "),
    ("submit/action", {"taskId": "17", "customId": f"MJ::JOB::upsample::1::{H}"}, "task_not_found "),
    ("submit/change", {"action": "UPSCALE", "index": 1}, "task_id_is_required "),
    ("submit/change", {"taskId": "17"}, "action_is_required "),
    (
        "submit/change",
        {"taskId": "17", "action": "PAINT"},
        "unknown_action action must be UPSCALE, VARIATION or REROLL",
    ),
    ("submit/change", {"taskId": "17", "action": "UPSCALE"}, "index_is_required index must be 1, 2, 3 or 4"),
    ("submit/change", {"taskId": "17", "action": "REROLL"}, "task_not_found "),
    ("submit/change", {"taskId": "17", "action": "UPSCALE", "index": "1"}, "task_not_found "),
    (
        "submit/change",
        {"taskId": "17", "action": "UPSCALE", "index": "5"},
        "index_is_required index must be 1, 2, 3 or 4",
    ),
    ("submit/simple-change", {}, "content_is_required "),
    (
        "submit/simple-change",
        {"content": "17  U1"},
        "content_parse_failed content must be a task id and U1 to U4, V1 to V4 or R",
    ),
    ("submit/simple-change", {"content": "17 U1"}, "task_not_found "),
    ("submit/modal", {}, "task_id_is_required "),
    ("submit/modal", {"taskId": 17}, "task_not_found "),
    ("task/17/cancel", {}, "task_no_found "),
    (
        "task/query",
        {"prompt": "cat"},
        "bind_request_body_failed prompt: lists cannot be searched by it",
    ),
    (
        "task/query",
        {"pageSize": 1000},
        "bind_request_body_failed pageSize must be a whole number from 1 to 100",
    ),
    (
        "task/query",
        {"status": "SOON"},
        "bind_request_body_failed status must be one that tasks have, such as SUCCESS",
    ),
]


@pytest.mark.parametrize(("route", "body", "description"), WRONG)
async def test_a_wrong_request_reaches_nobody(stand: Stand, route: str, body: Any, description: str) -> None:
    caller = await stand.caller()
    seen = len(stand.proxy.seen)
    answer = await caller.call("POST", f"/mj/{route}", body)
    assert answer == (400, {"description": description, "type": "upstream_error", "code": 4})
    assert len(stand.proxy.seen) == seen
    assert await caller.spent() == 0


@pytest.mark.parametrize(
    "picture", [PNG, GIF, JPEG, WEBP, f"data:image/png;base64,{PNG}", "https://a.example/b.png"]
)
async def test_pictures_of_the_web_are_let_through(stand: Stand, picture: str) -> None:
    caller = await stand.caller()
    stand.proxy.will_answer("/mj-fast/mj/submit/describe", {"code": 24, "description": "no"})
    answer = await caller.post("/mj/submit/describe", {"base64": picture})
    assert answer == {"code": 24, "description": "no", "properties": {}}
    assert stand.proxy.last[2]["base64"] == picture


@pytest.mark.parametrize("path", ["/mj/task/17/fetch", "/mj/task/17/image-seed"])
async def test_nobody_elses_task_is_there(stand: Stand, path: str) -> None:
    owner, other = await stand.caller(), await stand.caller()
    task = await grid_of(stand, owner, f"upstream-of-{path}")
    missing = (400, {"description": "task_no_found ", "type": "upstream_error", "code": 4})
    assert await other.call("GET", path) == missing
    assert await other.call("GET", path.replace("17", task["id"])) == missing
    assert await other.call("POST", f"/mj/task/{task['id']}/cancel") == missing
    assert await other.call("GET", f"/mj/image/{task['id']}") == (400, {"error": "midjourney_task_not_found"})
    body = {"taskId": task["id"], "customId": task["buttons"][0]["customId"]}
    assert (await other.call("POST", "/mj/submit/action", body))[1]["description"] == "task_not_found "
    assert (await other.call("POST", "/mj/submit/modal", body))[1]["description"] == "task_not_found "
    body = {"content": f"{task['id']} U1"}
    assert (await other.call("POST", "/mj/submit/simple-change", body))[1]["description"] == "task_not_found "
    assert await other.call("POST", "/mj/task/list-by-condition", {"ids": [task["id"]]}) == (200, [])
    assert (await other.post("/mj/task/query", {"ids": [task["id"]]}))["content"] == []
    assert await other.spent() == 0


async def test_a_button_that_is_not_there_cannot_be_pressed(stand: Stand) -> None:
    caller = await stand.caller()
    task = await grid_of(stand, caller, "for-buttons", [*GRID[:2], {"customId": "MJ::JOB::unheard_of::1::h"}])
    seen, spent = len(stand.proxy.seen), await caller.spent()

    async def refusal(route: str, **body: Any) -> Any:
        status, answer = await caller.call("POST", f"/mj/submit/{route}", body)
        assert (status, answer["code"]) == (400, 4)
        return answer["description"]

    for custom_id in (GRID[5]["customId"], f"MJ::JOB::upsample::1::another-{H}", "MJ::JOB::unheard_of::1::h"):
        assert await refusal("action", taskId=task["id"], customId=custom_id) == (
            f"unknown_action:{custom_id} the task has no such button"
        )
    assert await refusal("change", taskId=task["id"], action="VARIATION", index=2) == (
        "unknown_action the task has no button for VARIATION 2"
    )
    assert await refusal("simple-change", content=f"{task['id']} R") == (
        "unknown_action the task has no button for REROLL"
    )
    assert (len(stand.proxy.seen), await caller.spent()) == (seen, spent)


async def test_only_what_has_succeeded_has_buttons_and_a_seed(stand: Stand) -> None:
    caller = await stand.caller()
    reply = {"code": 22, "description": "In queue", "result": "slow", "properties": {"numberOfQueues": 1}}
    stand.proxy.will_answer("/mj-fast/mj/submit/imagine", reply)
    task_id = await caller.submit("/mj/submit/imagine", {"prompt": "a cat"}, code=22)
    unfinished = (400, {"description": "task_status_not_success ", "type": "upstream_error", "code": 4})
    body = {"taskId": task_id, "customId": GRID[0]["customId"]}
    assert await caller.call("POST", "/mj/submit/action", body) == unfinished
    assert await caller.call("GET", f"/mj/task/{task_id}/image-seed") == unfinished
    status, answer = await caller.call("POST", "/mj/submit/modal", body)
    assert (status, answer["description"]) == (
        400,
        "task_status_not_modal the task does not wait for a dialog's answer",
    )
    await stand.proxy.has("slow", "SUCCESS")
    await caller.until(task_id)


async def test_money_and_keys_are_refused_in_the_protocols_words(stand: Stand) -> None:
    poor = await stand.caller(usd=0.01)
    status, answer = await poor.call("POST", "/mj/submit/imagine", {"prompt": "a cat"})
    assert (status, answer["type"], answer["code"]) == (400, "upstream_error", 4)
    assert answer["description"].startswith("quota_not_enough ")
    poor.http.headers["mj-api-secret"] = poor.key[:-1]
    status, answer = await poor.call("GET", "/mj/task/list")
    assert (status, answer["type"], answer["code"]) == (401, "new_api_error", 4)
    assert answer["description"].startswith("invalid_api_key ")
    del poor.http.headers["mj-api-secret"]
    assert (await poor.call("GET", "/mj/task/list"))[0] == 401


@pytest.mark.parametrize("header", ["mj-api-secret", "authorization"])
async def test_a_key_is_found_where_clients_put_it(stand: Stand, header: str) -> None:
    caller = await stand.caller()
    del caller.http.headers["mj-api-secret"]
    caller.http.headers[header] = f"Bearer {caller.key}"
    assert await caller.call("GET", "/mj/task/list") == (200, [])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/mj/submit/imagine", 405), ("POST", "/mj/submit/nothing", 404), ("GET", "/mj", 404)],
)
async def test_other_routes_are_refused(stand: Stand, method: str, path: str, status: int) -> None:
    caller = await stand.caller()
    found, answer = await caller.call(method, path, {} if method == "POST" else None)
    assert (found, answer["type"], answer["code"]) == (status, "new_api_error", 4)


async def test_every_answer_has_the_requests_id(stand: Stand) -> None:
    caller = await stand.caller()
    for path in ("/mj/task/list", "/mj/task/17/fetch"):
        async with caller.http.get(path) as answer:
            assert answer.headers["x-oneapi-request-id"] == answer.headers["x-request-id"]


async def test_tasks_are_listed_in_pages_of_the_callers_own(stand: Stand) -> None:
    caller = await stand.caller()
    assert (await caller.call("GET", "/mj/task/list?pageSize=2"))[1] | {"content": []} == {
        "content": [],
        "number": 0,
        "size": 2,
        "totalElements": 0,
        "totalPages": 0,
        "numberOfElements": 0,
        "first": True,
        "last": True,
        "empty": True,
        "sort": {"empty": False, "sorted": True, "unsorted": False},
        "pageable": {
            "pageNumber": 0,
            "pageSize": 2,
            "offset": 0,
            "paged": True,
            "unpaged": False,
            "sort": {"empty": False, "sorted": True, "unsorted": False},
        },
    }
    tasks = [await grid_of(stand, caller, f"listed-{number}") for number in range(3)]
    ids = [task["id"] for task in reversed(tasks)]

    async def listed(query: str) -> list[str]:
        _, found = await caller.call("GET", f"/mj/task/list{query}")
        return [task["id"] for task in (found["content"] if isinstance(found, dict) else found)]

    assert await listed("") == ids
    assert await listed("?pageSize=2") == ids[:2]
    assert await listed("?pageSize=2&pageNumber=1") == ids[2:]
    assert await listed("?status=SUCCESS&action=IMAGINE") == ids
    assert await listed("?status=FAILURE") == await listed("?action=LOW_VARIATION") == []
    assert await listed("?state=nothing") == []
    assert [t["id"] for t in (await caller.call("GET", "/mj/task/queue"))[1]] == []
    page = await caller.post("/mj/task/query", {"ids": ids[1:], "statusSet": ["SUCCESS"], "pageSize": 1})
    assert ([t["id"] for t in page["content"]], page["last"]) == (ids[1:2], False)
    _, several = await caller.call("POST", "/mj/task/list-by-ids", {"ids": [ids[2], "17", ids[0], ids[2]]})
    assert [task["id"] for task in several] == [ids[2], ids[0]]
    assert await caller.spent() == nano("0.06") * 3
