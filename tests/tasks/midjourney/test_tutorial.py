"""The protocol's tutorial as a client walks it, at each speed: through HTTP, a worker and the sandbox."""

import asyncio
import base64
import io
from typing import Any

import pytest
from PIL import Image
from tests.tasks.midjourney.stand import Caller, Json, Stand
from tests.tasks.parts import nano

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEEDS = {"/mj-relax/mj": "relax", "/mj": "fast", "/mj-fast/mj": "fast", "/turbo/mj": "turbo"}
DRAWN = {"relax": "0.03", "fast": "0.06", "turbo": "0.12"}
PROMPT = "red bicycle, watercolor --ar 1:1 --v 7"


def data_uri(colour: str, size: tuple[int, int] = (64, 64), mode: str = "RGB") -> str:
    held = io.BytesIO()
    Image.new(mode, size, colour).save(held, "PNG")
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"


def button(task: Json, label: str) -> str:
    return next(str(b["customId"]) for b in task["buttons"] if label in (b["label"], b["emoji"]))


def starting(task: Json, start: str) -> str:
    return next(str(b["customId"]) for b in task["buttons"] if b["customId"].startswith(start))


class Walk:
    """One client at one speed: what it submits and waits for."""

    def __init__(self, caller: Caller, prefix: str) -> None:
        self.caller, self.prefix = caller, prefix

    async def submit(self, route: str, **body: Any) -> str:
        return await self.caller.submit(f"{self.prefix}/{route}", body)

    async def drawn(self, route: str, **body: Any) -> Json:
        return await self.caller.until(await self.submit(route, **body))

    async def press(self, task: Json, custom_id: str, **more: Any) -> Json:
        """Only the first request says how fast; what follows goes on like its parent."""
        body = {"taskId": task["id"], "customId": custom_id, **more}
        return await self.caller.until(await self.caller.submit("/mj/submit/action", body))

    async def dialog(self, task: Json, custom_id: str, **more: Any) -> Json:
        body = {"taskId": task["id"], "customId": custom_id, **more}
        answer = await self.caller.post("/mj/submit/action", body)
        assert (answer["code"], answer["description"]) == (21, "Waiting for window confirm")
        assert answer["properties"]["remix"] is True
        opened = await self.caller.fetch(answer["result"])
        assert opened["status"] == "MODAL"
        return opened

    async def answer(self, opened: Json, **more: Any) -> Json:
        body = {"taskId": opened["id"], **more}
        assert await self.caller.submit("/mj/submit/modal", body) == opened["id"]
        return await self.caller.until(opened["id"])


@pytest.mark.timeout(180)
@pytest.mark.parametrize("prefix", SPEEDS)
async def test_the_tutorial_from_the_first_prompt_to_the_film(stand: Stand, prefix: str) -> None:
    caller = await stand.caller("test", simulate="speed=40")
    walk, speed = Walk(caller, prefix), SPEEDS[prefix]

    grid = await walk.drawn("submit/imagine", prompt=PROMPT, state="order-7781")
    assert (grid["action"], grid["state"], grid["mode"]) == ("IMAGINE", "order-7781", speed.upper())
    assert [b["label"] or b["emoji"] for b in grid["buttons"]] == [
        *["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]
    ]
    assert grid["prompt"] == PROMPT
    assert grid["submitTime"] <= grid["startTime"] <= grid["finishTime"]
    kind, bytes_ = await caller.bytes_of(grid["imageUrl"])
    assert kind == "image/png"
    assert Image.open(io.BytesIO(bytes_)).size == (grid["imageWidth"], grid["imageHeight"])
    _, seed = await caller.call("GET", f"{prefix}/task/{grid['id']}/image-seed")
    assert seed["code"] == 1 and seed["result"].isdecimal()

    single = await walk.press(grid, button(grid, "U2"))
    assert (single["action"], single["mode"]) == ("UPSCALE", speed.upper())
    assert single["imageWidth"] == grid["imageWidth"]
    size = (single["imageWidth"], single["imageHeight"])

    varied, zoomed, panned, large, inpaint, zoom = await asyncio.gather(
        walk.press(grid, button(grid, "V3")),
        walk.press(single, starting(single, "MJ::Outpaint::50::")),
        walk.press(single, starting(single, "MJ::JOB::pan_left::")),
        walk.press(single, starting(single, "MJ::JOB::upsample_v7_2x_creative::")),
        walk.dialog(single, starting(single, "MJ::Inpaint::")),
        walk.dialog(single, starting(single, "MJ::CustomZoom::")),
    )
    assert [t["action"] for t in (varied, zoomed, panned, large)] == ["VARIATION", "ZOOM", "PAN", "UPSCALE"]
    assert len(varied["buttons"]) == 9
    assert panned["imageWidth"] > panned["imageHeight"]
    assert large["imageWidth"] > size[0]
    assert (inpaint["action"], zoom["action"]) == ("INPAINT", "CUSTOM_ZOOM")
    assert zoom["properties"]["finalPrompt"].endswith("--zoom 2")

    repainted, wider = await asyncio.gather(
        walk.answer(inpaint, prompt="a straw hat on the saddle", maskBase64=data_uri("white", size, "L")),
        walk.answer(zoom, prompt="red bicycle, watercolor --ar 16:9 --zoom 1.8"),
    )
    assert (repainted["action"], repainted["prompt"]) == ("INPAINT", "a straw hat on the saddle")
    assert repainted["customId"] == inpaint["customId"] != ""
    assert len(repainted["buttons"]) == len(wider["buttons"]) == 9
    assert wider["imageWidth"] > wider["imageHeight"]

    described, blended, shortened, edited, film = await asyncio.gather(
        walk.drawn("submit/describe", base64=data_uri("green")),
        walk.drawn("submit/blend", base64Array=[data_uri("red"), data_uri("blue")], dimensions="PORTRAIT"),
        walk.drawn("submit/shorten", prompt="please draw a very small red bicycle in the morning light"),
        walk.drawn("submit/edits", prompt="a hat", image=data_uri("red")),
        walk.drawn("submit/video", prompt="it rolls away", motion="low", image=data_uri("red")),
    )
    assert described["promptEn"].startswith("1️⃣ ")
    assert [b["label"] for b in shortened["buttons"]][:1] == ["1"]
    assert (blended["action"], edited["action"], film["action"]) == ("BLEND", "EDITS", "VIDEO")
    assert len(film["videoUrls"]) == 4
    kind, bytes_ = await caller.bytes_of(film["videoUrl"])
    assert (kind, bytes_[4:8]) == ("video/mp4", b"ftyp")

    chosen = await walk.dialog(described, starting(described, "MJ::Job::PicReader::1"))
    longer, animated, from_picture = await asyncio.gather(
        walk.drawn("submit/video", action="extend", index=1, taskId=film["id"], motion="low"),
        walk.press(single, starting(single, "MJ::JOB::animate_low::")),
        walk.answer(chosen, prompt=chosen["properties"]["finalPrompt"]),
    )
    assert (longer["action"], animated["action"], from_picture["action"]) == ("VIDEO", "VIDEO", "IMAGINE")

    drawn, cheap = DRAWN[speed], "0.01"
    films = ["0.30"] * 3
    grids = [drawn] * 5  # imagine, variation, zoom, pan, blend
    edits, modals, singles = [drawn], [drawn] * 3, [cheap] * 2
    words = [cheap] * 2  # describe, shorten
    assert await caller.spent() == nano(*films, *grids, *edits, *modals, *singles, *words)
    rows = await caller.rows()
    assert sorted(row.usage["kind"] for row in rows if row.cost) == sorted(
        f"{kind}/{speed}"
        for kind in (
            *("imagine", "variation", "zoom", "pan", "blend", "edits", "modal", "modal", "modal"),
            *("upscale", "upscale", "describe", "shorten", "video", "video", "video"),
        )
    )


@pytest.mark.parametrize(
    ("fate", "reason"),
    [
        ("fail", "[Internal Server Error] The sandbox was asked to fail."),
        (
            "moderated",
            "Sorry! Our AI moderator thinks this prompt is probably against our community standards.",
        ),
    ],
)
async def test_what_fails_in_the_sandbox_is_free(stand: Stand, fate: str, reason: str) -> None:
    caller = await stand.caller("test", simulate=f"speed=40,task={fate}")
    task_id = await caller.submit("/mj/submit/imagine", {"prompt": PROMPT})
    async with asyncio.timeout(20):
        while (task := await caller.fetch(task_id))["status"] != "FAILURE":
            await asyncio.sleep(0.05)
    assert task["failReason"] == reason
    assert await caller.spent() == 0


@pytest.mark.parametrize(
    ("prompt", "code", "properties"),
    [
        ("a bannedword", 24, {"promptEn": "a bannedword", "bannedWord": "bannedword"}),
        ("queue full", 23, {}),
    ],
)
async def test_the_sandbox_refuses_as_servers_do(
    stand: Stand, prompt: str, code: int, properties: Json
) -> None:
    caller = await stand.caller("test")
    answer = await caller.post("/mj/submit/imagine", {"prompt": prompt})
    assert (answer["code"], answer.get("properties", {})) == (code, properties)
    assert await caller.spent() == 0


async def test_a_whole_evening_with_everything_else(stand: Stand) -> None:
    """Swap, upload, all prompts of a description, a favourite, the old changes, remix and a cancellation."""
    caller = await stand.caller("test", simulate="speed=40")
    walk = Walk(caller, "/mj")
    waiting = await caller.post("/mj/submit/imagine", {"prompt": "a queued cat"})
    assert (waiting["code"], waiting["properties"]) == (22, {"numberOfQueues": 1})
    await caller.until(waiting["result"])
    swapped, described, grid = await asyncio.gather(
        walk.drawn("insight-face/swap", sourceBase64=data_uri("red"), targetBase64=data_uri("blue")),
        walk.drawn("submit/describe", base64=data_uri("green")),
        walk.drawn("submit/imagine", prompt=PROMPT),
    )
    assert (swapped["action"], swapped["botType"]) == ("SWAP_FACE", "INSIGHT_FACE")
    uploaded = await caller.post("/mj/submit/upload-discord-images", {"base64Array": [data_uri("red")]})
    assert len(uploaded["result"]) == 1
    fourth = await caller.submit("/mj/submit/simple-change", {"content": f"{grid['id']} U4"})
    change = {"taskId": grid["id"], "action": "REROLL"}
    again = await caller.submit("/mj/submit/change", change)
    remix = await walk.dialog(grid, button(grid, "V1"), enableRemix=True)
    single, rerolled, remixed = await asyncio.gather(
        caller.until(fourth),
        caller.until(again),
        walk.answer(remix, prompt="blue bicycle, watercolor --v 7"),
    )
    assert (single["action"], rerolled["action"]) == ("UPSCALE", "REROLL")
    assert remixed["promptEn"] == "blue bicycle, watercolor --v 7"
    heart = {"taskId": single["id"], "customId": starting(single, "MJ::BOOKMARK::")}
    assert await caller.submit("/mj/submit/action", heart) == single["id"]
    everything = {"taskId": described["id"], "customId": starting(described, "MJ::Job::PicReader::all")}
    ids = (await caller.submit("/mj/submit/action", everything)).split(",")
    texts = [(await caller.until(id))["prompt"] for id in ids]
    assert described["promptEn"] == "\n\n".join(f"{n}️⃣ {text}" for n, text in enumerate(texts, 1))
    slow = await stand.caller("test", simulate="speed=0.1")
    unwanted = await slow.submit("/mj/submit/imagine", {"prompt": PROMPT})
    await slow.submit(f"/mj/task/{unwanted}/cancel", {})
    assert (await slow.fetch(unwanted))["status"] == "CANCEL"
    assert await slow.spent() == 0
    costs = ["0.06", "0.02", "0.01", "0.06", "0.01", "0.01", "0.06", "0.06", *["0.06"] * 4]
    assert await caller.spent() == nano(*costs)
