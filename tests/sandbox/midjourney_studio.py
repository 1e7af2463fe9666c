"""A client of the sandbox's Midjourney whose clock stands still until it waits for a task."""

import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from pronghorn import sandbox
from pronghorn.kit.clock import FakeClock
from pronghorn.sandbox import midjourney

Shape = dict[str, Any]
KEY = {"mj-api-secret": "sandbox"}
LONGEST_S = 60.0


class Studio:
    """Sends with a key, and with `x-pronghorn-simulate` where `simulate` is given."""

    def __init__(self, client: "TestClient[Any, Any]", clock: FakeClock) -> None:
        self.client = client
        self.clock = clock

    async def post(self, path: str, body: Shape, *, simulate: str = "") -> tuple[int, Any]:
        headers = KEY | ({"x-pronghorn-simulate": simulate} if simulate else {})
        async with self.client.post(path, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def submit(self, name: str, body: Shape, *, simulate: str = "", prefix: str = "") -> Shape:
        """The answer, which must come with HTTP 200."""
        status, answer = await self.post(f"{prefix}/mj/submit/{name}", body, simulate=simulate)
        assert status == 200, answer
        return dict(answer)

    async def fetch(self, task_id: str) -> Shape:
        async with self.client.get(f"/mj/task/{task_id}/fetch", headers=KEY) as response:
            assert response.status == 200
            return dict(await response.json())

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.client.get(path, headers=KEY) as response:
            return response.status, await response.json()

    async def done(self, answer: Shape) -> Shape:
        """The task of an answer, when its time is over."""
        assert answer["code"] in (1, 22), answer
        self.clock.advance(LONGEST_S)
        task = await self.fetch(answer["result"])
        assert task["status"] == "SUCCESS", task
        return task

    async def imagine(self, prompt: str, **more: Any) -> Shape:
        return await self.done(await self.submit("imagine", {"prompt": prompt} | more))

    async def press(self, task: Shape, start: str, **more: Any) -> Shape:
        """The answer to the first button of the task that begins so."""
        body = {"taskId": task["id"], "customId": button(task, start)}
        return await self.submit("action", body | more)

    async def pressed(self, task: Shape, start: str, **more: Any) -> Shape:
        return await self.done(await self.press(task, start, **more))

    async def picture(self, task: Shape) -> Image.Image:
        """What the task's own address gives, without a key, and of the size that the task tells."""
        opened = Image.open(io.BytesIO(await self.download(task["imageUrl"])))
        assert opened.size == (task["imageWidth"], task["imageHeight"])
        return opened.convert("RGB")

    async def download(self, url: str) -> bytes:
        async with self.client.session.get(url) as response:
            assert response.status == 200, await response.text()
            return await response.read()


def button(task: Shape, start: str) -> str:
    ids: list[str] = [b["customId"] for b in task["buttons"]]
    return next(found for found in ids if found.startswith(start))


def as_uri(picture: Image.Image) -> str:
    target = io.BytesIO()
    picture.save(target, "PNG")
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()


def cells(grid: Image.Image) -> list[Image.Image]:
    width, height = grid.width // 2, grid.height // 2
    corners = [(0, 0), (width, 0), (0, height), (width, height)]
    return [grid.crop((x, y, x + width, y + height)) for x, y in corners]


def same_shape(one: Any, other: Any) -> bool:
    """The same fields with the same kinds of values, all the way down."""
    if isinstance(one, dict):
        return isinstance(other, dict) and all(
            name in other and same_shape(one[name], other[name]) for name in one
        )
    if isinstance(one, list):
        return isinstance(other, list) and (not one or all(same_shape(one[0], value) for value in other))
    return type(one) is type(other)


@asynccontextmanager
async def open_studio() -> AsyncIterator[Studio]:
    app, clock = sandbox.create_app(), FakeClock()
    app[midjourney.DESK].clock = clock
    async with TestClient(TestServer(app)) as client:
        yield Studio(client, clock)


SAMPLE: Shape = json.loads(
    """{
  "id": "1761004412873519", "action": "IMAGINE", "customId": "", "botType": "",
  "prompt": "a lighthouse made of blue glass --ar 3:2 --v 7",
  "promptEn": "a lighthouse made of blue glass --ar 3:2 --v 7",
  "description": "Submit success", "state": "order-7781", "mode": "FAST", "proxy": "",
  "submitTime": 1761004412873, "startTime": 1761004414020, "finishTime": 1761004461877,
  "imageUrl": "https://gw.example/mj/image/1761004412873519",
  "imageHeight": 1792, "imageWidth": 2688,
  "videoUrl": "", "videoUrls": [],
  "status": "SUCCESS", "progress": "100%", "failReason": "",
  "buttons": [
    {"customId":"MJ::JOB::upsample::1::7c1d52f8-9b60-4e0a-a4f1-5f0d4f3b8e21","emoji":"","label":"U1","type":2,"style":2},
    {"customId":"MJ::JOB::reroll::0::7c1d52f8-9b60-4e0a-a4f1-5f0d4f3b8e21::SOLO","emoji":"🔄","label":"","type":2,"style":2},
    {"customId":"MJ::JOB::variation::1::7c1d52f8-9b60-4e0a-a4f1-5f0d4f3b8e21","emoji":"","label":"V1","type":2,"style":2}
  ],
  "maskBase64": "",
  "properties": {"finalPrompt": "a lighthouse made of blue glass --ar 3:2 --v 7.0", "finalZhPrompt": ""}
}"""
)
"""A finished grid as servers of the protocol tell of it."""
