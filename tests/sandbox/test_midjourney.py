"""The sandbox's Midjourney speaks as servers of the plus protocol do: codes, states by time, buttons, dialogs."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image
from tests.sandbox.midjourney_studio import KEY, SAMPLE, Studio, as_uri, button, open_studio, same_shape

from pronghorn.kit.clock import FakeClock
from pronghorn.sandbox.midjourney import making
from pronghorn.sandbox.midjourney import prompt as prompts
from pronghorn.sandbox.midjourney.desk import Desk
from pronghorn.sandbox.midjourney.task import Order

JOB = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest_asyncio.fixture
async def studio() -> AsyncIterator[Studio]:
    async with open_studio() as opened:
        yield opened


async def test_a_submit_is_answered_as_the_page_has_it(studio: Studio) -> None:
    answer = await studio.submit("imagine", {"prompt": "a red bicycle", "state": "order-7781"})
    assert re.fullmatch(r"\d{16}", answer.pop("result"))
    account = "1204417760023145572"
    properties = {"discordInstanceId": account, "discordChannelId": account}
    assert answer == {"code": 1, "description": "Submit success", "properties": properties}


async def test_a_finished_grid_has_every_field_of_the_page(studio: Studio) -> None:
    task = await studio.imagine(SAMPLE["prompt"], state="order-7781")
    assert same_shape(SAMPLE, task)
    varying = {"id", "submitTime", "startTime", "finishTime", "imageUrl", "imageHeight", "imageWidth"}
    varying |= {"botType", "buttons", "properties"}
    assert {n: task[n] for n in SAMPLE.keys() - varying} == {n: SAMPLE[n] for n in SAMPLE.keys() - varying}
    assert task["properties"]["finalPrompt"] == SAMPLE["properties"]["finalPrompt"]
    assert task["submitTime"] < task["startTime"] < task["finishTime"] == task["submitTime"] + 2_000
    assert task["imageUrl"].endswith(f"/mj/image/{task['id']}")
    assert task["imageWidth"] * 2 == task["imageHeight"] * 3


async def test_the_buttons_of_a_grid(studio: Studio) -> None:
    task = await studio.imagine("a red bicycle")
    labels = [b["label"] or b["emoji"] for b in task["buttons"]]
    assert labels == ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]
    ids = [b["customId"] for b in task["buttons"]]
    for number in range(1, 5):
        assert re.fullmatch(f"MJ::JOB::upsample::{number}::{JOB}", ids[number - 1])
        assert re.fullmatch(f"MJ::JOB::variation::{number}::{JOB}", ids[number + 4])
    assert re.fullmatch(f"MJ::JOB::reroll::0::{JOB}::SOLO", ids[4])
    assert {(b["type"], b["style"]) for b in task["buttons"]} == {(2, 2)}
    await studio.press(task, "MJ::JOB::upsample::2")
    styles = [b["style"] for b in (await studio.fetch(task["id"]))["buttons"]]
    assert styles == [2, 1, 2, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("parameters", "upscalers", "has_canvas"),
    [
        ("", ("v7_2x_subtle", "v7_2x_creative"), True),
        ("--niji 7", ("v7_2x_subtle", "v7_2x_creative"), True),
        ("--v 6.1", ("v6r1_2x_subtle", "v6r1_2x_creative"), True),
        ("--v 6", ("v6_2x_subtle", "v6_2x_creative"), True),
        ("--niji 6", ("v6_2x_subtle", "v6_2x_creative"), True),
        ("--v 5.2", ("v5_2x", "v5_4x"), True),
        ("--v 8.1", (), False),
        ("--v 4", (), False),
    ],
)
async def test_the_buttons_after_an_upscale_follow_the_version(
    studio: Studio, parameters: str, upscalers: tuple[str, ...], has_canvas: bool
) -> None:
    grid = await studio.imagine(f"a red bicycle {parameters}")
    task = await studio.pressed(grid, "MJ::JOB::upsample::3")
    assert (task["action"], task["parentId"]) == ("UPSCALE", grid["id"])
    job = task["jobId"]
    solos = [f"MJ::JOB::upsample_{name}::1::" for name in upscalers]
    solos += ["MJ::JOB::low_variation::1::", "MJ::JOB::high_variation::1::"]
    expected = [f"{start}{job}::SOLO" for start in solos]
    if has_canvas:
        canvas = ["Inpaint::1", "Outpaint::50::1", "Outpaint::75::1"]
        expected += [f"MJ::{name}::{job}::SOLO" for name in canvas] + [f"MJ::CustomZoom::{job}"]
        expected += [f"MJ::JOB::pan_{way}::1::{job}::SOLO" for way in ("left", "right", "up", "down")]
    expected += [f"MJ::JOB::animate_{motion}::1::{job}::SOLO" for motion in ("high", "low")]
    assert [b["customId"] for b in task["buttons"]] == [*expected, f"MJ::BOOKMARK::{job}"]


TIMES = [
    ("", "", 2.0),
    ("", "speed=1", 20.0),
    ("/mj-fast", "speed=1", 20.0),
    ("/mj-relax", "speed=1", 40.0),
    ("/mj-turbo", "speed=1", 8.0),
    ("/mj-turbo", "speed=4", 2.0),
]


@pytest.mark.parametrize(("prefix", "simulate", "seconds"), TIMES)
async def test_a_grid_takes_as_long_as_its_mode(
    studio: Studio, prefix: str, simulate: str, seconds: float
) -> None:
    answer = await studio.submit("imagine", {"prompt": "x"}, simulate=simulate, prefix=prefix)
    seen = []
    for _ in range(11):
        task = await studio.fetch(answer["result"])
        seen.append((task["status"], task["progress"], bool(task["imageUrl"]), task["failReason"]))
        studio.clock.advance(seconds / 10 + 1e-5)
    assert seen[0] == ("SUBMITTED", "0%", False, None)
    assert seen[1:10] == [("IN_PROGRESS", f"{10 * step}%", True, None) for step in range(1, 10)]
    assert seen[10] == ("SUCCESS", "100%", True, "")


async def test_quick_jobs_take_three_seconds(studio: Studio) -> None:
    grid = await studio.imagine("a red bicycle in the rain")
    upscale = {"taskId": grid["id"], "customId": button(grid, "MJ::JOB::upsample::1")}
    jobs: list[tuple[str, dict[str, Any]]] = [
        ("action", upscale),
        ("shorten", {"prompt": "a red bicycle in the rain"}),
        ("describe", {"base64": as_uri(Image.new("RGB", (8, 8), "red"))}),
    ]
    for name, body in jobs:
        answer = await studio.submit(name, body, simulate="speed=1")
        studio.clock.advance(2.999)
        assert (await studio.fetch(answer["result"]))["status"] == "IN_PROGRESS"
        studio.clock.advance(0.002)
        assert (await studio.fetch(answer["result"]))["status"] == "SUCCESS"


async def test_a_preview_is_there_before_the_picture(studio: Studio) -> None:
    answer = await studio.submit("imagine", {"prompt": "x"}, simulate="speed=1")
    path = f"/mj/image/{answer['result']}"
    async with studio.client.get(path) as response:
        assert response.status == 400
        assert await response.json() == {"error": "midjourney_task_not_found"}
    studio.clock.advance(10)
    task = await studio.fetch(answer["result"])
    assert re.search(rf"{path}\?rand=\d+$", task["imageUrl"])
    assert (task["buttons"], task["finishTime"], task["imageWidth"]) == ([], 0, 0)
    preview = await studio.download(task["imageUrl"])
    assert preview[:4] == b"RIFF"
    studio.clock.advance(10)
    assert (await studio.download(task["imageUrl"]))[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("prefix", "modes", "flag", "mode"),
    [
        ("", None, "", "FAST"),
        ("", None, " --relax", "RELAX"),
        ("", ["TURBO", "FAST"], " --relax", "TURBO"),
        ("/mj-fast", ["TURBO"], " --relax", "FAST"),
        ("/mj-relax", None, "", "RELAX"),
    ],
)
async def test_the_path_says_the_mode_before_the_filter_before_the_prompt(
    studio: Studio, prefix: str, modes: list[str] | None, flag: str, mode: str
) -> None:
    body = {"prompt": f"a red bicycle{flag}", "accountFilter": {"modes": modes}}
    task = await studio.done(await studio.submit("imagine", body, prefix=prefix))
    assert task["mode"] == mode
    assert task["properties"]["finalPrompt"] == "a red bicycle --v 7.0"
    assert (await studio.pressed(task, "MJ::JOB::variation::1"))["mode"] == mode


async def test_either_header_is_a_credential_and_pictures_need_none(studio: Studio) -> None:
    task = await studio.imagine("x")
    path = f"/mj/task/{task['id']}/fetch"
    async with studio.client.get(path) as response:
        assert (response.status, await response.text()) == (401, "Authorization header missing.")
    for headers in (KEY, {"Authorization": "Bearer any"}, {"Authorization": "any"}):
        async with studio.client.get(path, headers=headers) as response:
            assert response.status == 200
    assert await studio.download(task["imageUrl"])


@pytest.mark.parametrize(
    ("fate", "status", "reason"),
    [
        ("fail", "FAILURE", "[Internal Server Error] The sandbox was asked to fail."),
        ("moderated", "FAILURE", "Sorry! Our AI moderator"),
        ("stuck", "IN_PROGRESS", None),
    ],
)
async def test_a_task_ends_as_its_submit_was_told(
    studio: Studio, fate: str, status: str, reason: str | None
) -> None:
    answer = await studio.submit("imagine", {"prompt": "x"}, simulate=f"task={fate}, speed=1")
    studio.clock.advance(19)
    assert (await studio.fetch(answer["result"]))["status"] == "IN_PROGRESS"
    studio.clock.advance(10_000)
    task = await studio.fetch(answer["result"])
    assert (task["status"], task["buttons"]) == (status, [])
    assert task["failReason"] is None if reason is None else task["failReason"].startswith(reason)
    assert (task["finishTime"] == 0) == (fate == "stuck")


@pytest.mark.parametrize("wrong", ["--ar 0:1", "--ar 99:1", "--ar wide", "--s 5000", "--zoom 3", "--iw x"])
async def test_a_parameter_out_of_range_fails_the_job(studio: Studio, wrong: str) -> None:
    answer = await studio.submit("imagine", {"prompt": f"a bicycle {wrong}"})
    studio.clock.advance(60)
    task = await studio.fetch(answer["result"])
    assert (task["status"], task["imageUrl"]) == ("FAILURE", "")
    assert task["failReason"].startswith(f"[Invalid parameter] `{wrong}`")


async def test_a_forbidden_word_is_named(studio: Studio) -> None:
    for name in ("imagine", "shorten"):
        answer = await studio.submit(name, {"prompt": "A very BannedWord thing"})
        properties = {"promptEn": "A very BannedWord thing", "bannedWord": "BannedWord"}
        assert answer == {
            "code": 24,
            "description": "may contain sensitive words",
            "properties": properties,
        }
    assert (await studio.submit("imagine", {"prompt": "bannedwords are other words"}))["code"] == 1


async def test_a_queue_can_be_full_or_long(studio: Studio) -> None:
    full = await studio.submit("imagine", {"prompt": "queue full"})
    assert (full["code"], "result" in full) == (23, False)
    queued = await studio.submit("imagine", {"prompt": "I am queued"}, simulate="speed=1")
    assert (queued["code"], queued["properties"]["numberOfQueues"]) == (22, 1)
    assert "1 task" in queued["description"]
    assert (await studio.fetch(queued["result"]))["status"] == "NOT_START"
    studio.clock.advance(2.5)
    assert (await studio.fetch(queued["result"]))["status"] == "SUBMITTED"
    await studio.done(queued)


INVALID: list[tuple[str, dict[str, Any]]] = [
    ("imagine", {}),
    ("imagine", {"prompt": "  "}),
    ("imagine", {"prompt": 5}),
    ("imagine", {"prompt": "x", "botType": "DALLE"}),
    ("imagine", {"prompt": "x", "state": "s" * 256}),
    ("imagine", {"prompt": "x", "accountFilter": {"modes": ["SLOW"]}}),
    ("imagine", {"prompt": "x", "base64Array": ["no base64!"]}),
    ("blend", {"base64Array": []}),
    ("describe", {}),
    ("describe", {"link": "https://pictures.example/a.png"}),
    ("describe", {"link": "http://["}),
    ("describe", {"base64": "bm90IGEgcGljdHVyZQ=="}),
    ("shorten", {"prompt": "bicycle"}),
    ("edits", {"prompt": "x"}),
    ("video", {"motion": "low"}),
    ("upload-discord-images", {"base64Array": []}),
    ("change", {"taskId": "1", "action": "UPSCALE", "index": 5}),
    ("change", {"taskId": "1", "action": "ZOOM", "index": 1}),
    ("simple-change", {"content": "123  U1"}),
    ("simple-change", {"content": "123 U5"}),
]


@pytest.mark.parametrize(("name", "body"), INVALID)
async def test_what_cannot_be_done_is_code_4(studio: Studio, name: str, body: dict[str, Any]) -> None:
    answer = await studio.submit(name, body)
    assert answer.keys() == {"code", "description"}
    assert answer["code"] == 4


async def test_an_address_that_cannot_be_read_is_part_of_the_prompt(studio: Studio) -> None:
    for link in ("https://pictures.example/a.png", "http://["):
        task = await studio.imagine(f"{link} a red bicycle")
        assert task["prompt"] == f"{link} a red bicycle"
        assert (await studio.picture(task)).size == (768, 768)


async def test_a_body_that_is_no_json_is_refused_with_400(studio: Studio) -> None:
    async with studio.client.post("/mj/submit/imagine", data=b"{", headers=KEY) as response:
        assert (response.status, (await response.json())["code"]) == (400, 4)


async def test_simulated_statuses_have_the_shape_of_the_protocol(studio: Studio) -> None:
    for status, code in ((503, 9), (429, 30), (403, 4)):
        given = await studio.post("/mj/submit/imagine", {"prompt": "x"}, simulate=f"status={status}")
        assert (given[0], given[1]["code"], type(given[1]["description"])) == (status, code, str)


async def test_only_buttons_of_finished_tasks_can_be_pressed(studio: Studio) -> None:
    one, other = await studio.imagine("x"), await studio.imagine("y")
    u1 = button(one, "MJ::JOB::upsample::1")
    foreign = await studio.submit("action", {"taskId": other["id"], "customId": u1})
    assert foreign["code"] == 4
    assert u1 in foreign["description"]
    unknown = {"code": 3, "description": "The related task does not exist or has expired"}
    assert await studio.post("/mj/submit/action", {"taskId": "17", "customId": u1}) == (404, unknown)
    for wrong in ({"taskId": "17"}, {"customId": u1}, {}):
        assert (await studio.submit("action", wrong))["code"] == 4
    for short in ("MJ", "MJ::JOB", "upsample", "MJ::JOB::upsample"):
        answer = await studio.submit("action", {"taskId": one["id"], "customId": short})
        assert answer["code"] == 4
    running = await studio.submit("imagine", {"prompt": "x"})
    early = await studio.submit("change", {"taskId": running["result"], "action": "UPSCALE", "index": 1})
    assert (early["code"], early["description"]) == (4, "The related task has not succeeded")


async def test_changes_by_number_press_the_same_buttons(studio: Studio) -> None:
    grid = await studio.imagine("a red bicycle")
    pressed = await studio.pressed(grid, "MJ::JOB::upsample::4")
    body: dict[str, Any] = {"taskId": grid["id"], "action": "UPSCALE", "index": 4}
    changed = await studio.done(await studio.submit("change", body))
    short = await studio.done(await studio.submit("simple-change", {"content": f"{grid['id']} u4"}))
    assert {task["customId"] for task in (pressed, changed, short)} == {pressed["customId"]}
    assert (await studio.picture(changed)).tobytes() == (await studio.picture(pressed)).tobytes()
    reroll = await studio.done(await studio.submit("simple-change", {"content": f"{grid['id']} R"}))
    assert (reroll["action"], reroll["customId"]) == ("IMAGINE", button(grid, "MJ::JOB::reroll"))
    varied = await studio.submit("change", {"taskId": grid["id"], "action": "VARIATION", "index": 3})
    assert (await studio.done(varied))["action"] == "VARIATION"
    late = await studio.submit("change", {"taskId": pressed["id"], "action": "UPSCALE", "index": 1})
    assert late["code"] == 4


async def test_a_dialog_waits_for_its_answer(studio: Studio) -> None:
    single = await studio.pressed(await studio.imagine("a red bicycle"), "MJ::JOB::upsample::1")
    answer = await studio.press(single, "MJ::CustomZoom", state="mine")
    suggested = "a red bicycle --zoom 2"
    assert (answer["code"], answer["description"]) == (21, "Waiting for window confirm")
    assert answer["properties"] == {"finalPrompt": suggested, "remix": True}
    studio.clock.advance(1_000)
    waiting = await studio.fetch(answer["result"])
    assert (waiting["status"], waiting["progress"], waiting["prompt"]) == ("MODAL", "0%", suggested)
    assert (waiting["action"], waiting["state"], waiting["startTime"]) == ("ZOOM", "mine", 0)

    banned = await studio.submit("modal", {"taskId": answer["result"], "prompt": "bannedword"})
    assert banned["code"] == 24
    text = {"taskId": answer["result"], "prompt": "a blue boat --ar 16:9 --zoom 1.8"}
    confirmed = await studio.submit("modal", text)
    assert (confirmed["code"], confirmed["result"]) == (1, answer["result"])
    assert (await studio.fetch(answer["result"]))["status"] == "SUBMITTED"
    task = await studio.done(confirmed)
    assert (task["prompt"], task["state"], len(task["buttons"])) == (text["prompt"], "mine", 9)
    assert (await studio.submit("modal", text))["code"] == 4
    assert (await studio.post("/mj/submit/modal", {"taskId": "17"}))[0] == 404


async def test_a_dialog_is_as_fast_and_fails_as_its_button_or_its_answer_says(studio: Studio) -> None:
    single = await studio.pressed(await studio.imagine("a red bicycle"), "MJ::JOB::upsample::1")
    body = {"taskId": single["id"], "customId": button(single, "MJ::CustomZoom")}
    opened = await studio.submit("action", body, simulate="task=fail,speed=1", prefix="/mj-turbo")
    await studio.submit("modal", {"taskId": opened["result"]})
    studio.clock.advance(7.9)
    assert (await studio.fetch(opened["result"]))["status"] == "IN_PROGRESS"
    studio.clock.advance(0.2)
    task = await studio.fetch(opened["result"])
    assert (task["status"], task["mode"]) == ("FAILURE", "TURBO")
    opened = await studio.submit("action", body)
    await studio.submit("modal", {"taskId": opened["result"]}, simulate="task=moderated")
    studio.clock.advance(60)
    assert (await studio.fetch(opened["result"]))["failReason"].startswith("Sorry!")


@pytest.mark.parametrize("start", ["MJ::JOB::variation::2", "MJ::JOB::reroll"])
async def test_remix_asks_for_a_text_where_none_is_needed(studio: Studio, start: str) -> None:
    grid = await studio.imagine("a red bicycle --ar 2:1")
    opened = await studio.press(grid, start, enableRemix=True)
    assert opened["code"] == 21
    text = {"taskId": opened["result"], "prompt": "a green car --ar 1:2"}
    task = await studio.done(await studio.submit("modal", text))
    assert task["prompt"] == "a green car --ar 1:2"
    assert task["imageHeight"] == task["imageWidth"] * 2


async def test_a_described_picture_can_be_imagined(studio: Studio) -> None:
    sent = {"base64": as_uri(Image.new("RGB", (60, 40), (220, 30, 30)))}
    described = await studio.done(await studio.submit("describe", sent))
    ids = [b["customId"] for b in described["buttons"]]
    numbers = [f"MJ::Job::PicReader::{number}" for number in range(1, 5)]
    assert ids == [*numbers, "MJ::Picread::Retry", "MJ::Job::PicReader::all"]
    texts = [text[4:] for text in described["promptEn"].split("\n\n")]
    opened = await studio.press(described, "MJ::Job::PicReader::3")
    assert (opened["code"], opened["properties"]["finalPrompt"]) == (21, texts[2])
    task = await studio.done(await studio.submit("modal", {"taskId": opened["result"]}))
    assert (task["action"], task["prompt"]) == ("IMAGINE", texts[2])

    everything = await studio.press(described, "MJ::Job::PicReader::all")
    studio.clock.advance(60)
    tasks = [await studio.fetch(task_id) for task_id in everything["result"].split(",")]
    assert [(t["action"], t["status"], t["prompt"]) for t in tasks] == [
        ("IMAGINE", "SUCCESS", text) for text in texts
    ]
    again = await studio.pressed(described, "MJ::Picread::Retry")
    assert again["action"] == "DESCRIBE"
    assert again["promptEn"] != described["promptEn"]


async def test_a_favourite_makes_no_task(studio: Studio) -> None:
    single = await studio.pressed(await studio.imagine("x"), "MJ::JOB::upsample::1")
    answer = await studio.press(single, "MJ::BOOKMARK")
    assert (answer["code"], answer["result"]) == (1, single["id"])
    assert len((await studio.get("/mj/task/list"))[1]) == 2


async def test_tasks_are_found_by_id_in_lists_and_pages(studio: Studio) -> None:
    tasks = [await studio.imagine(f"number {at}", state=f"s{at % 2}") for at in range(5)]
    ids = [task["id"] for task in tasks]
    assert await studio.post("/mj/task/list-by-condition", {"ids": []}) == (200, [])
    _, found = await studio.post("/mj/task/list-by-condition", {"ids": [ids[3], "17", ids[0], ids[0]]})
    assert found == [tasks[3], tasks[0]]
    _, listed = await studio.get("/mj/task/list")
    assert [task["id"] for task in listed] == ids[::-1]
    _, page = await studio.get("/mj/task/list?pageNumber=1&pageSize=2")
    assert [task["id"] for task in page["content"]] == [ids[2], ids[1]]
    numbers = {"number": 1, "size": 2, "totalElements": 5, "totalPages": 3, "numberOfElements": 2}
    assert {name: page[name] for name in numbers} == numbers
    assert (page["first"], page["last"], page["empty"]) == (False, False, False)
    assert page["pageable"]["offset"] == 2
    assert (await studio.get("/mj/task/list?pageSize=0"))[0] == 400


async def test_a_query_takes_conditions(studio: Studio) -> None:
    ids = [(await studio.imagine(f"number {at}", state=f"s{at % 2}"))["id"] for at in range(5)]
    running = (await studio.submit("imagine", {"prompt": "number 9", "state": "s1"}))["result"]
    conditions: list[tuple[dict[str, Any], list[str]]] = [
        ({"state": "s1"}, [running, ids[3], ids[1]]),
        ({"state": "s1", "status": "SUCCESS"}, [ids[3], ids[1]]),
        ({"state": "s1", "sort": "id,asc"}, [ids[1], ids[3], running]),
        ({"statusSet": ["SUBMITTED", "FAILURE"]}, [running]),
        ({"ids": [ids[0], "17"]}, [ids[0]]),
        ({"prompt": "number 2"}, [ids[2]]),
        ({"action": "UPSCALE"}, []),
    ]
    for wanted, expected in conditions:
        status, page = await studio.post("/mj/task/query", wanted)
        assert (status, [task["id"] for task in page["content"]]) == (200, expected)
        assert (page["empty"], page["last"]) == (not expected, True)


async def test_an_unknown_task_is_nothing(studio: Studio) -> None:
    async with studio.client.get("/mj/task/17/fetch", headers=KEY) as response:
        assert (response.status, await response.read()) == (204, b"")
    assert (await studio.get("/mj/task/17/image-seed"))[0] == 404
    assert (await studio.post("/mj/task/17/cancel", {}))[0] == 404


async def test_a_seed_draws_the_same_grid_again(studio: Studio) -> None:
    answer = await studio.submit("imagine", {"prompt": "a red bicycle --seed 2914408812"})
    path = f"/mj/task/{answer['result']}/image-seed"
    status, early = await studio.get(path)
    assert (status, early["code"]) == (400, 4)
    first = await studio.picture(await studio.done(answer))
    seed = {"code": 1, "description": "success", "result": "2914408812", "properties": {}}
    assert await studio.get(path) == (200, seed)

    plain = await studio.imagine("a red bicycle")
    _, told = await studio.get(f"/mj/task/{plain['id']}/image-seed")
    again = await studio.imagine(f"a red bicycle --seed {told['result']}")
    assert (await studio.picture(plain)).tobytes() == (await studio.picture(again)).tobytes()
    assert (await studio.picture(plain)).tobytes() != first.tobytes()


async def test_a_cancelled_task_stays_cancelled(studio: Studio) -> None:
    answer = await studio.submit("imagine", {"prompt": "x"})
    status, cancelled = await studio.post(f"/mj/task/{answer['result']}/cancel", {})
    assert (status, cancelled["code"]) == (200, 1)
    studio.clock.advance(60)
    task = await studio.fetch(answer["result"])
    assert (task["status"], task["finishTime"], task["buttons"]) == ("CANCEL", task["submitTime"], [])
    assert (await studio.post(f"/mj/task/{answer['result']}/cancel", {}))[1]["code"] == 4


async def test_a_hook_is_told_of_the_beginning_and_the_end(client: aiohttp.ClientSession) -> None:
    """With a real clock: a grid at this speed takes a second."""
    told: list[dict[str, Any]] = []
    is_over = asyncio.Event()

    async def receive(request: web.Request) -> web.Response:
        told.append(await request.json())
        if told[-1]["status"] == "SUCCESS":
            is_over.set()
        return web.Response(status=500)

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with TestServer(app) as server:
        body = {"prompt": "x", "state": "mine", "notifyHook": str(server.make_url("/hook"))}
        headers = {"x-pronghorn-simulate": "speed=20"}
        async with client.post("/mj/submit/imagine", json=body, headers=headers) as response:
            answer = await response.json()
        await asyncio.wait_for(is_over.wait(), 5)
        await asyncio.sleep(0.05)
    async with client.get(f"/mj/task/{answer['result']}/fetch") as response:
        task = await response.json()
    assert [shape["status"] for shape in told] == ["IN_PROGRESS", "SUCCESS"]
    assert told[1] == task
    assert (told[0]["state"], told[0]["finishTime"], told[0]["failReason"]) == ("mine", 0, None)


def test_the_oldest_tasks_go_first() -> None:
    work = making.imagined(prompts.parse("x"), [b"-" * 1_000])
    few = Desk(FakeClock(), max_tasks=3)
    ids = [few.open(Order("IMAGINE"), work).id for _ in range(5)]
    assert [task.id for task in few.newest()] == ids[:1:-1]
    assert len(set(ids)) == 5
    small = Desk(FakeClock(), max_bytes=2_500)
    ids = [small.open(Order("IMAGINE"), work).id for _ in range(4)]
    assert [task.id for task in small.newest()] == [ids[3], ids[2]]


async def test_a_drawn_picture_counts_as_weight() -> None:
    desk = Desk(FakeClock(), max_bytes=20_000)
    older, newer = (desk.open(Order("IMAGINE"), making.imagined(prompts.parse(text))) for text in "ab")
    assert len(await desk.picture(newer)) > 20_000
    assert [task.id for task in desk.newest()] == [newer.id]
    assert desk.get(older.id) is None
