"""Live jobs by a scripted server: what it is told, what callers are told, and what each end costs."""

import asyncio
from typing import Any

import pytest
from tests.tasks.midjourney.stand import CREDENTIAL, Hook, Json, Stand
from tests.tasks.midjourney.test_door import GRID, PNG, grid_of
from tests.tasks.parts import nano

from pronghorn.api.tasks import midjourney_press

pytestmark = pytest.mark.asyncio(loop_scope="module")

IMAGINE = "/mj-fast/mj/submit/imagine"


def taken(upstream_id: str, **more: Any) -> Json:
    return {"code": 1, "description": "Submit success", "result": upstream_id} | more


async def test_a_job_goes_out_and_comes_back_without_anybodys_secrets(stand: Stand) -> None:
    caller = await stand.caller()
    account = {"discordInstanceId": "1204417760023145572", "discordChannelId": "1204417760023145572"}
    stand.proxy.will_answer("/mj-relax/mj/submit/imagine", taken("secretive", properties=account))
    async with Hook().running() as hook:
        body = {
            "prompt": "a cat --turbo --v 7",
            "state": "order-1",
            "notifyHook": hook.url,
            "callback_url": hook.url,
            "webhook": hook.url,
            "accountFilter": {"instanceId": "1", "modes": ["TURBO"]},
            "customId": GRID[0]["customId"],
            "taskId": "of-somebody-else",
            "anything": {"new": 1},
        }
        answer = await caller.post("/relax/mj/submit/imagine", body)
        assert answer == taken(answer["result"], properties={})
        task_id = answer["result"]
        path, headers, sent = stand.proxy.last
        assert path == "/mj-relax/mj/submit/imagine"
        assert headers["authorization"] == f"Bearer {CREDENTIAL}"
        assert headers["mj-api-secret"] == CREDENTIAL
        assert sent == {
            "prompt": "a cat --v 7",
            "state": task_id,
            "notifyHook": stand.proxy.hooks["secretive"],
            "accountFilter": {"modes": ["RELAX"]},
            "anything": {"new": 1},
        }
        assert sent["notifyHook"].startswith(f"{stand.url}/hooks/tasks/{task_id}/")

        shown = {"imageUrl": f"{stand.proxy.url}/mj/image/1", "prompt": "a cat --v 7", "state": task_id}
        secret = {
            "properties": {**account, "finalPrompt": "a cat --v 7.0", "notifyHook": "x"},
            "instanceId": "1",
        }
        await stand.proxy.has("secretive", "IN_PROGRESS", progress="62%", **shown, **secret)
        running = await caller.until(task_id, "IN_PROGRESS")
        assert (running["progress"], running["state"], running["mode"]) == ("62%", "order-1", "RELAX")
        assert running["properties"] == {"finalPrompt": "a cat --v 7.0", "finalZhPrompt": ""}
        assert running["imageUrl"].startswith(f"{stand.url}/media/{task_id}/image.png/")
        assert running["imageUrl"].endswith("?rand=62")
        await stand.proxy.has("secretive", "SUCCESS", progress="100%", buttons=GRID, **shown, **secret)
        done = await caller.until(task_id)
        assert done["buttons"] == GRID
        assert "1204417760023145572" not in str((running, done))
        assert stand.proxy.url not in str((running, done))
        assert await caller.spent() == nano("0.03")
        status, _ = await caller.call("GET", f"/mj/image/{task_id}")
        assert status == 302


async def test_a_failed_job_is_free_and_says_why(stand: Stand) -> None:
    caller = await stand.caller()
    stand.proxy.will_answer(IMAGINE, taken("failing"))
    task_id = await caller.submit("/mj/submit/imagine", {"prompt": "a cat"})
    await stand.proxy.has("failing", "FAILURE", failReason="[Banned prompt detected] no", progress="")
    async with asyncio.timeout(20):
        while (task := await caller.fetch(task_id))["status"] != "FAILURE":
            await asyncio.sleep(0.05)
    assert (task["failReason"], task["progress"]) == ("[Banned prompt detected] no", "100%")
    assert await caller.spent() == 0


@pytest.mark.parametrize(
    ("status", "reply", "told"),
    [
        (
            200,
            {
                "code": 24,
                "description": "sensitive",
                "properties": {"bannedWord": "w", "discordInstanceId": "1"},
            },
            (200, {"code": 24, "description": "sensitive", "properties": {"bannedWord": "w"}}),
        ),
        (200, {"code": 23, "description": "full"}, (200, {"code": 23, "description": "full"})),
        (200, {"code": 4, "description": "bad"}, (200, {"code": 4, "description": "bad"})),
        (
            400,
            {"code": 4, "description": "bad ", "type": "upstream_error"},
            (400, {"code": 4, "description": "bad "}),
        ),
        (429, {"code": 30, "description": "saturated"}, (429, 30)),
        (200, {"code": 3, "description": "No available account instance"}, (502, 5)),
        (200, {"code": 9, "description": "internal"}, (502, 5)),
        (401, None, (502, 5)),
        (500, None, (502, 5)),
        (200, [], (502, 5)),
    ],
)
async def test_what_was_not_taken_is_not_charged(stand: Stand, status: int, reply: Any, told: Any) -> None:
    caller = await stand.caller()
    stand.proxy.will_answer(IMAGINE, reply, status)
    found, answer = await caller.call("POST", "/mj/submit/imagine", {"prompt": "a cat"})
    assert (found, answer if isinstance(told[1], dict) else answer["code"]) == told
    assert CREDENTIAL not in str(answer)
    assert await caller.spent() == 0
    assert (await caller.call("GET", "/mj/task/list")) == (200, [])


async def test_a_dialog_is_free_and_its_answer_is_paid(stand: Stand) -> None:
    caller = await stand.caller()
    grid = await grid_of(stand, caller, "of-dialogs")
    spent = await caller.spent()
    asked = {
        "code": 21,
        "description": "Waiting for window confirm",
        "result": "dialog",
        "properties": {"finalPrompt": "a cat --v 7", "remix": True, "discordInstanceId": "1"},
    }
    stand.proxy.will_answer("/mj-fast/mj/submit/action", asked)
    body = {"taskId": grid["id"], "customId": GRID[5]["customId"], "enableRemix": True, "state": "remix"}
    answer = await caller.post("/mj/submit/action", body)
    assert answer == {
        "code": 21,
        "description": "Waiting for window confirm",
        "result": answer["result"],
        "properties": {"finalPrompt": "a cat --v 7", "remix": True},
    }
    _, _, sent = stand.proxy.last
    assert (sent["taskId"], sent["customId"]) == ("of-dialogs", GRID[5]["customId"])
    assert sent["enableRemix"] is True
    assert await caller.spent() == spent

    opened = await caller.fetch(answer["result"])
    assert (opened["status"], opened["action"], opened["state"]) == ("MODAL", "VARIATION", "remix")
    assert opened["properties"]["finalPrompt"] == "a cat --v 7"

    refusal = {"code": 24, "description": "sensitive", "properties": {"bannedWord": "w"}}
    stand.proxy.will_answer("/mj-turbo/mj/submit/modal", refusal)
    modal = {"taskId": opened["id"], "prompt": "a w --turbo", "maskBase64": PNG}
    assert await caller.post("/mj/submit/modal", modal) == refusal
    assert (await caller.fetch(opened["id"]))["status"] == "MODAL"

    stand.proxy.will_answer("/mj-turbo/mj/submit/modal", taken("dialog"))
    modal["prompt"] = "a dog --turbo"
    assert await caller.submit("/mj/submit/modal", modal) == opened["id"]
    _, _, sent = stand.proxy.last
    assert (sent["taskId"], sent["prompt"], sent["maskBase64"]) == ("dialog", "a dog", PNG)
    assert "customId" not in sent
    status, again = await caller.call("POST", "/mj/submit/modal", modal)
    assert (status, again["code"]) == (400, 4)

    await stand.proxy.has("dialog", "MODAL")
    assert (await caller.fetch(opened["id"]))["status"] == "IN_PROGRESS"
    await stand.proxy.has("dialog", "SUCCESS", buttons=GRID)
    done = await caller.until(opened["id"])
    assert (done["customId"], done["prompt"], done["mode"]) == (GRID[5]["customId"], "a dog --turbo", "TURBO")
    assert await caller.spent() == spent + nano("0.12")


async def test_a_film_costs_the_same_behind_a_dialog(stand: Stand) -> None:
    caller = await stand.caller()
    animate = {"customId": "MJ::JOB::animate_high::1::h::SOLO", "label": "Animate (High motion)"}
    single = await grid_of(stand, caller, "of-films", [animate])
    spent = await caller.spent()
    stand.proxy.will_answer(
        "/mj-fast/mj/submit/action", {"code": 21, "result": "film", "properties": {"remix": True}}
    )
    body = {"taskId": single["id"], "customId": animate["customId"], "enableRemix": True}
    task_id = await caller.submit("/mj/submit/action", body, code=21)
    stand.proxy.will_answer("/mj-fast/mj/submit/modal", taken("film"))
    await caller.submit("/mj/submit/modal", {"taskId": task_id, "prompt": "it runs"})
    await stand.proxy.has("film", "SUCCESS", videoUrl="https://up.example/0.mp4")
    done = await caller.until(task_id)
    assert (done["action"], done["videoUrl"][:4]) == ("VIDEO", "http")
    assert await caller.spent() == spent + nano("0.30")


async def test_all_prompts_of_a_picture_are_a_job_each(stand: Stand) -> None:
    caller = await stand.caller()
    everything = {"customId": "MJ::Job::PicReader::all", "label": "Imagine all"}
    described = await grid_of(stand, caller, "described", [everything])
    await asyncio.sleep(0)
    stand.proxy.tasks["described-2"] = {}
    body = {"taskId": described["id"], "customId": everything["customId"]}
    status, answer = await caller.call("POST", "/mj/submit/action", body)
    assert (status, answer["description"]) == (400, "unknown_action the task has no prompts")

    stand.proxy.will_answer("/mj-fast/mj/submit/describe", taken("told"))
    task_id = await caller.submit("/mj/submit/describe", {"base64": PNG})
    told = "1️⃣ a red cat\n\n2️⃣ a cat in oil --ar 3:2\n\n3️⃣ cats\n\n4️⃣ a cat"
    await stand.proxy.has("told", "SUCCESS", promptEn=told, buttons=[everything])
    await caller.until(task_id)
    spent = await caller.spent()
    for number in (1, 2, 3):
        stand.proxy.will_answer(IMAGINE, taken(f"cat-{number}"))
    stand.proxy.will_answer(IMAGINE, {"code": 23, "description": "full"})
    answer = await caller.post("/mj/submit/action", {"taskId": task_id, "customId": everything["customId"]})
    ids = answer["result"].split(",")
    assert len(ids) == 3
    assert [sent["prompt"] for path, _, sent in stand.proxy.seen[-4:] if path == IMAGINE] == [
        "a red cat",
        "a cat in oil --ar 3:2",
        "cats",
        "a cat",
    ]
    for number, id in enumerate(ids, 1):
        await stand.proxy.has(f"cat-{number}", "SUCCESS", buttons=GRID)
        await caller.until(id)
    assert await caller.spent() == spent + nano("0.06") * 3


async def test_a_favourite_and_a_seed_are_free(stand: Stand) -> None:
    caller = await stand.caller()
    heart = {"customId": "MJ::BOOKMARK::h", "emoji": "❤️"}
    grid = await grid_of(stand, caller, "loved", [*GRID, heart])
    spent = await caller.spent()
    stand.proxy.will_answer("/mj/submit/action", taken("loved"))
    body = {"taskId": grid["id"], "customId": heart["customId"]}
    assert (await caller.post("/mj/submit/action", body))["result"] == grid["id"]
    assert stand.proxy.last[2] == {"taskId": "loved", "customId": "MJ::BOOKMARK::h"}
    seed = {"code": 1, "description": "success", "result": "2914408812", "properties": {}}
    stand.proxy.will_answer("/mj/task/loved/image-seed", seed)
    assert await caller.call("GET", f"/mj/task/{grid['id']}/image-seed") == (200, seed)
    for said, told in (
        ("no seed", "no seed"),
        ('Get "http://10.9.8.7/mj": dial tcp 10.9.8.7:80', "the vendor's own request failed"),
    ):
        stand.proxy.will_answer("/mj/task/loved/image-seed", {"code": 9, "description": said})
        status, answer = await caller.call("GET", f"/mj/task/{grid['id']}/image-seed")
        assert (status, answer["description"], answer["code"]) == (502, f"do_request_failed {told}", 5)
    assert await caller.spent() == spent
    assert len((await caller.call("GET", "/mj/task/list"))[1]) == 1


async def test_a_seed_is_waited_for_as_long_as_a_server_asks_its_bot(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert midjourney_press.SEEDING.first_byte > 60
    monkeypatch.setattr(midjourney_press, "SEEDING", midjourney_press.SEEDING._replace(first_byte=0.1))
    caller = await stand.caller()
    grid = await grid_of(stand, caller, "slow-seed")
    stand.proxy.will_answer("/mj/task/slow-seed/image-seed", taken("17"))
    stand.proxy.pause_s = 0.5
    assert (await caller.call("GET", f"/mj/task/{grid['id']}/image-seed"))[0] == 504
    stand.proxy.pause_s = 0.0


async def test_a_server_without_a_list_is_asked_after_each_job(stand: Stand) -> None:
    caller = await stand.caller()
    stand.proxy.has_list = False
    stand.proxy.will_answer(IMAGINE, taken("unlisted"))
    task_id = await caller.submit("/mj/submit/imagine", {"prompt": "a cat"})
    for status in ("IN_PROGRESS", "SUCCESS"):
        await stand.proxy.has("unlisted", status)
        await caller.until(task_id, status)
    stand.proxy.will_answer(IMAGINE, taken("unlisted-too"))
    task_id = await caller.submit("/mj/submit/imagine", {"prompt": "a cat"})
    stand.proxy.will_answer("/mj/task/unlisted-too/cancel", taken("unlisted-too"))
    await stand.proxy.has("unlisted-too", "SUCCESS")
    assert (await caller.call("POST", f"/mj/task/{task_id}/cancel"))[0] >= 400
    await caller.until(task_id)
    stand.proxy.has_list = True
    asked = [ids for ids in stand.proxy.lists_refused if "unlisted" in ids]
    assert asked == [["unlisted"]], "it was remembered"


async def test_a_job_is_cancelled_once(stand: Stand) -> None:
    caller = await stand.caller()
    stand.proxy.will_answer(IMAGINE, taken("unwanted"))
    task_id = await caller.submit("/mj/submit/imagine", {"prompt": "a cat"})
    stand.proxy.will_answer("/mj/task/unwanted/cancel", taken("unwanted"))
    cancelled = {"code": 1, "description": "success", "result": task_id, "properties": {}}
    assert await caller.post(f"/mj/task/{task_id}/cancel", None) == cancelled
    seen = len(stand.proxy.seen)
    assert await caller.post(f"/mj/task/{task_id}/cancel", None) == cancelled
    assert len(stand.proxy.seen) == seen
    assert (await caller.fetch(task_id))["status"] == "CANCEL"
    assert await caller.spent() == 0
    grid = await grid_of(stand, caller, "done-already")
    status, answer = await caller.call("POST", f"/mj/task/{grid['id']}/cancel")
    assert (status, answer["description"]) == (400, "task_has_ended it ended before: succeeded")


async def test_uploads_are_told_at_once(stand: Stand) -> None:
    caller = await stand.caller()
    urls = ["https://cdn.discordapp.com/attachments/1/2/a.png"]
    stand.proxy.will_answer("/mj-fast/mj/submit/upload-discord-images", taken(urls))  # type: ignore[arg-type]
    answer = await caller.post("/mj/submit/upload-discord-images", {"base64Array": [PNG]})
    assert answer == {"code": 1, "description": "Submit success", "result": urls, "properties": {}}
    assert await caller.spent() == nano("0.01")
    ((task),) = (await caller.call("GET", "/mj/task/list"))[1]
    assert (task["action"], task["status"], task["progress"]) == ("UPLOAD", "SUCCESS", "100%")


async def test_a_server_without_buttons_is_asked_for_changes(stand: Stand) -> None:
    caller = await stand.caller()
    grid = await grid_of(stand, caller, "plain", None)
    stand.proxy.will_answer("/mj-fast/mj/submit/simple-change", taken("plain-u1"))
    task_id = await caller.submit("/mj/submit/simple-change", {"content": f"{grid['id']} u1"})
    assert stand.proxy.last[2]["content"] == "plain u1"
    await stand.proxy.has("plain-u1", "SUCCESS")
    assert (await caller.until(task_id))["action"] == "UPSCALE"
    assert await caller.spent() == nano("0.06", "0.01")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "fast"),
        ({"accountFilter": {"modes": ["RELAX", "FAST"]}}, "relax"),
        ({"prompt": "a cat --turbo"}, "turbo"),
        ({"prompt": "a cat --turbo", "accountFilter": {"modes": ["relax"]}}, "relax"),
    ],
)
async def test_the_speed_is_said_in_several_places(stand: Stand, body: Json, path: str) -> None:
    caller = await stand.caller()
    refusal = {"code": 4, "description": "enough"}
    stand.proxy.will_answer(f"/mj-{path}/mj/submit/imagine", refusal)
    assert await caller.post("/mj/submit/imagine", {"prompt": "a cat"} | body) == refusal
    assert stand.proxy.last[2]["prompt"] == "a cat"
    stand.proxy.will_answer("/mj-fast/mj/submit/imagine", refusal)
    assert await caller.post("/mj-fast/mj/submit/imagine", {"prompt": "a cat"} | body) == refusal


async def test_the_parents_speed_and_account_hold_for_its_children(stand: Stand) -> None:
    caller = await stand.caller()
    stand.proxy.will_answer("/mj-turbo/mj/submit/imagine", taken("quick"))
    task_id = await caller.submit("/turbo/mj/submit/imagine", {"prompt": "a cat"})
    await stand.proxy.has("quick", "SUCCESS", buttons=GRID)
    await caller.until(task_id)
    stand.proxy.will_answer("/mj-turbo/mj/submit/action", taken("quick-v1"))
    body = {"taskId": int(task_id), "customId": GRID[5]["customId"]}
    child = await caller.submit("/mj/submit/action", body)
    await stand.proxy.has("quick-v1", "SUCCESS", buttons=GRID)
    assert (await caller.until(child))["mode"] == "TURBO"
    assert await caller.spent() == nano("0.12", "0.12")


async def test_callers_are_told_what_a_fetch_would_say(stand: Stand) -> None:
    caller = await stand.caller()
    stand.proxy.will_answer(IMAGINE, taken("told-of"))
    async with Hook().running() as hook:
        body = {"prompt": "a cat", "notifyHook": hook.url, "state": "order-2"}
        task_id = await caller.submit("/mj/submit/imagine", body)
        await stand.proxy.has("told-of", "IN_PROGRESS", progress="62%")
        await caller.until(task_id, "IN_PROGRESS")
        await stand.proxy.has("told-of", "SUCCESS", buttons=GRID)
        done = await caller.until(task_id)
        async with asyncio.timeout(20):
            while done not in hook.told:
                await asyncio.sleep(0.05)
    assert {one["id"] for one in hook.told} == {task_id}
    assert {one["state"] for one in hook.told} == {"order-2"}


async def test_a_job_whose_answer_was_lost_is_found_again(stand: Stand) -> None:
    caller = await stand.caller()
    stand.proxy.will_answer(IMAGINE, taken("found-again"))
    stand.proxy.drops = True
    status, answer = await caller.call("POST", "/mj/submit/imagine", {"prompt": "a cat", "state": "order-3"})
    assert (status, answer["code"]) == (502, 5)
    assert "nothing is charged if it did not" in answer["description"]
    ours = next(sent["state"] for path, _, sent in reversed(stand.proxy.seen) if path == IMAGINE)
    assert ours in answer["description"]
    stand.proxy.tasks["found-again"] = {
        "id": "found-again",
        "status": "SUCCESS",
        "buttons": GRID,
        "imageUrl": f"{stand.proxy.url}/a.png",
    }
    page = {"content": [{"id": "another", "state": "x"}, {"id": "found-again", "state": ours}]}
    for _ in range(3):
        stand.proxy.will_answer("/mj/task/query", page)
    task = await caller.until(ours)
    assert (task["state"], task["buttons"]) == ("order-3", GRID)
    asked = next(sent for path, _, sent in reversed(stand.proxy.seen) if path == "/mj/task/query")
    assert asked == {"pageNumber": 0, "pageSize": 10, "state": ours}
    assert await caller.spent() == nano("0.06")
    stand.proxy.replies.clear()


async def test_without_the_account_that_made_a_task_nothing_goes_on_from_it(stand: Stand) -> None:
    caller = await stand.caller()
    heart = {"customId": "MJ::BOOKMARK::h", "emoji": "❤️"}
    grid = await grid_of(stand, caller, "orphaned", [*GRID, heart])
    spent, seen = await caller.spent(), len(stand.proxy.seen)
    await stand.disable_channels()
    for button in (GRID[0], heart):
        body = {"taskId": grid["id"], "customId": button["customId"]}
        status, answer = await caller.call("POST", "/mj/submit/action", body)
        assert (status, answer["type"], answer["code"]) == (400, "upstream_error", 4)
        assert answer["description"].startswith("parent_unavailable the account that made this")
    status, answer = await caller.call("GET", f"/mj/task/{grid['id']}/image-seed")
    assert (status, answer["description"].partition(" ")[0]) == (400, "parent_unavailable")
    assert (await caller.fetch(grid["id"]))["status"] == "SUCCESS"
    assert (len(stand.proxy.seen), await caller.spent()) == (seen, spent)
    status, answer = await caller.call("POST", "/mj/submit/imagine", {"prompt": "a cat"})
    assert (status, answer["type"], answer["code"]) == (503, "new_api_error", 5)
    assert answer["description"].startswith("no_channel ")
