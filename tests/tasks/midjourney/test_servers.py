"""The two open servers, each as it is: one without buttons and with six actions, one without the old changes."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.store.databases import SQLite
from tests.tasks.midjourney.stand import CREDENTIAL, Caller, Stand, standing
from tests.tasks.midjourney.test_door import GRID, H
from tests.tasks.parts import nano

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def novicezk(sqlite: SQLite, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    folder = tmp_path_factory.mktemp("novicezk")
    async with sqlite.migrated() as database, standing(database, folder, "midjourney_novicezk") as stand:
        yield stand


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trueai(sqlite: SQLite, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    folder = tmp_path_factory.mktemp("trueai")
    async with sqlite.migrated() as database, standing(database, folder, "midjourney_trueai") as stand:
        yield stand


async def grid_of(stand: Stand, caller: Caller, path: str) -> str:
    stand.proxy.will_answer(path, {"code": 1, "description": "ok", "result": "grid"})
    task_id = await caller.submit("/mj/submit/imagine", {"prompt": "a cat"})
    _, headers, _ = stand.proxy.last
    assert headers["mj-api-secret"] == CREDENTIAL
    assert "authorization" not in headers
    hash_ = {"messageHash": H, "discordInstanceId": "1"}
    await stand.proxy.has("grid", "SUCCESS", action="IMAGINE", properties=hash_, buttons=GRID)
    await caller.until(task_id)
    return task_id


async def test_novicezk_has_the_nine_buttons_of_a_grid(novicezk: Stand) -> None:
    caller = await novicezk.caller()
    task_id = await grid_of(novicezk, caller, "/mj/submit/imagine")
    grid = await caller.fetch(task_id)
    assert grid["buttons"] == GRID
    assert grid["properties"] == {"finalPrompt": "", "finalZhPrompt": ""}
    novicezk.proxy.will_answer("/mj/submit/change", {"code": 1, "description": "ok", "result": "single"})
    body = {"taskId": task_id, "customId": GRID[1]["customId"]}
    single = await caller.submit("/mj/submit/action", body)
    sent = novicezk.proxy.last[2]
    assert {name: sent[name] for name in ("taskId", "action", "index", "state")} == {
        "taskId": "grid",
        "action": "UPSCALE",
        "index": 2,
        "state": single,
    }
    await novicezk.proxy.has("single", "SUCCESS", action="UPSCALE")
    assert (await caller.until(single))["buttons"] == []
    status, answer = await caller.call("GET", f"/mj/task/{task_id}/image-seed")
    assert (status, answer["description"]) == (400, "unknown_relay_action not supported by this channel")
    assert await caller.spent() == nano("0.06", "0.01")


async def test_an_upscale_that_novicezk_has_made_is_told_at_once(novicezk: Stand) -> None:
    caller = await novicezk.caller()
    task_id = await grid_of(novicezk, caller, "/mj/submit/imagine")
    made = {"status": "SUCCESS", "imageUrl": f"{novicezk.proxy.url}/single.png"}
    reply = {"code": 21, "description": "task exists", "result": "made before", "properties": made}
    novicezk.proxy.will_answer("/mj/submit/change", reply)
    answer = await caller.post("/mj/submit/change", {"taskId": task_id, "action": "UPSCALE", "index": 1})
    task = await caller.fetch(answer["result"])
    assert task["status"] == "SUCCESS"
    assert answer["code"] == 21
    assert answer["properties"] == {"status": "SUCCESS", "imageUrl": task["imageUrl"]}
    assert task["imageUrl"].startswith(f"{novicezk.url}/media/")
    assert await caller.spent() == nano("0.06", "0.01")


async def test_what_novicezk_cannot_do_is_not_charged(novicezk: Stand) -> None:
    caller = await novicezk.caller()
    seen = len(novicezk.proxy.seen)
    status, answer = await caller.call("POST", "/mj/submit/shorten", {"prompt": "a very long cat"})
    assert (status, answer["code"]) == (400, 4)
    assert "not supported by this channel" in answer["description"]
    assert (len(novicezk.proxy.seen), await caller.spent()) == (seen, 0)


async def test_trueai_is_asked_for_changes_by_their_buttons(trueai: Stand) -> None:
    caller = await trueai.caller()
    task_id = await grid_of(trueai, caller, "/mj-fast/mj/submit/imagine")
    trueai.proxy.will_answer("/mj-fast/mj/submit/action", {"code": 1, "description": "ok", "result": "v3"})
    varied = await caller.submit("/mj/submit/simple-change", {"content": f"{task_id} V3"})
    sent = trueai.proxy.last[2]
    assert (sent["taskId"], sent["customId"]) == ("grid", f"MJ::JOB::variation::3::{H}")
    assert "content" not in sent
    await trueai.proxy.has("v3", "SUCCESS", buttons=GRID)
    assert (await caller.until(varied))["action"] == "VARIATION"
    trueai.proxy.will_answer("/mj-fast/mj/submit/imagine", {"code": 9, "description": "queue is full"})
    status, answer = await caller.call("POST", "/mj/submit/imagine", {"prompt": "a cat"})
    assert (status, answer["code"]) == (429, 30)
    assert await caller.spent() == nano("0.06", "0.06")
