"""Suno's two other dialects in the sandbox: gcui-art's server under /gcui, and sunoapi.org's API under /sunoapi."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from tests.sandbox.songs import Singer, encoded, likeness, seconds, served, singing

from pronghorn.sandbox.suno import order

CUSTOM = {"prompt": "[Verse]\nRails are humming", "tags": "synthpop, 92 bpm", "title": "Night Train"}
OWN = {
    "customMode": True,
    "instrumental": False,
    "model": "V4_5",
    "prompt": "[Verse]\nRails are humming",
    "style": "synthpop, 92 bpm",
    "title": "Night Train",
}
NOBODY = "00000000-0000-4000-8000-000000000009"
ROOT = "/sunoapi/api/v1"


@pytest_asyncio.fixture
async def suno(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Singer]:
    """Its songs are shorter than usual, for the sake of time."""
    monkeypatch.setattr(order, "SECONDS", 12.0)
    async with singing() as singer:
        yield singer


async def generated(suno: Singer) -> Any:
    """A finished clip of gcui-art's kind."""
    clips = await suno.post("/gcui/api/custom_generate", CUSTOM)
    suno.clock.advance(2.0)
    return (await suno.get(f"/gcui/api/get?ids={clips[0]['id']}"))[0]


async def test_gcui_gives_two_clips_and_their_states_by_id(suno: Singer) -> None:
    body = {"prompt": "a night train", "make_instrumental": False, "wait_audio": False}
    clips = await suno.post("/gcui/api/generate", body)
    assert [clip["status"] for clip in clips] == ["submitted", "submitted"]
    assert clips[0]["gpt_description_prompt"] == "a night train" and clips[0]["audio_url"] == ""
    ids = ",".join(clip["id"] for clip in clips)
    seen = []
    for _ in range(4):
        seen.append([clip["status"] for clip in await suno.get(f"/gcui/api/get?ids={ids},{NOBODY}")])
        suno.clock.advance(0.65)
    assert seen == [["submitted"] * 2, ["streaming"] * 2, ["streaming"] * 2, ["complete", "streaming"]]
    done = (await suno.get(f"/gcui/api/get?ids={ids}"))[0]
    assert done.keys() >= {
        "id", "title", "image_url", "lyric", "audio_url", "video_url", "created_at", "model_name", "status",
        "gpt_description_prompt", "prompt", "type", "tags", "negative_tags", "duration",
    }  # fmt: skip
    assert (done["model_name"], done["type"], done["duration"]) == ("chirp-v3-5", "gen", "12.00")
    assert seconds(await suno.sound(done["audio_url"])) == pytest.approx(12.0, abs=0.1)
    assert [clip["id"] for clip in await suno.get("/gcui/api/get")] == [clip["id"] for clip in clips[::-1]]
    assert await suno.get("/gcui/api/get?page=1") == []


async def test_gcui_waits_for_the_sound_if_asked(sandbox_url: str) -> None:
    headers = {"x-pronghorn-simulate": "speed=200"}
    async with (
        aiohttp.ClientSession(sandbox_url, headers=headers) as session,
        session.post("/gcui/api/custom_generate", json=CUSTOM | {"wait_audio": True}) as response,
    ):
        clips = await response.json()
    assert {clip["status"] for clip in clips} <= {"streaming", "complete"} and clips[0]["audio_url"]


async def test_gcui_extends_and_joins(suno: Singer) -> None:
    clip = await generated(suno)
    more = await suno.post(
        "/gcui/api/extend_audio", {"audio_id": clip["id"], "continue_at": 5, "prompt": "x"}
    )
    suno.clock.advance(2.0)
    whole = await suno.post("/gcui/api/concat", {"clip_id": more[0]["id"]})
    assert whole["metadata"]["type"] == "concat" and whole["status"] == "submitted"
    suno.clock.advance(0.5)
    raw = await suno.get(f"/gcui/api/clip?id={whole['id']}")
    assert raw["metadata"]["duration"] == 17.0
    assert seconds(await suno.sound(raw["audio_url"])) == pytest.approx(17.0, abs=0.1)


async def test_gcui_makes_stems_and_times_of_words(suno: Singer) -> None:
    clip = await generated(suno)
    stems = await suno.post("/gcui/api/generate_stems", {"audio_id": clip["id"]})
    assert [set(stem) for stem in stems] == [
        {"id", "status", "created_at", "title", "stem_from_id", "duration"}
    ] * 2
    suno.clock.advance(2.0)
    ids = ",".join(stem["id"] for stem in stems)
    voice, band = [await suno.sound(one["audio_url"]) for one in await suno.get(f"/gcui/api/get?ids={ids}")]
    assert likeness(voice + band, await suno.sound(clip["audio_url"])) > 0.99
    words = await suno.get(f"/gcui/api/get_aligned_lyrics?song_id={clip['id']}")
    assert "".join(word["word"] for word in words).split() == CUSTOM["prompt"].split()


async def test_gcui_writes_lyrics_at_once_and_knows_its_limit(suno: Singer) -> None:
    answer = await suno.post("/gcui/api/generate_lyrics", {"prompt": "a robot"}, simulate="speed=1000")
    assert answer == {"title": "Robot", "text": answer["text"], "status": "complete"}
    limit = await suno.get("/gcui/api/get_limit")
    assert set(limit) == {"credits_left", "period", "monthly_limit", "monthly_usage"}


async def test_gcui_reports_errors_in_its_own_shape(suno: Singer) -> None:
    answer = await suno.post("/gcui/api/generate", CUSTOM, simulate="status=402", status=402)
    assert set(answer) == {"error"} and isinstance(answer["error"], str)
    for path, body in (
        ("generate", {}),
        ("custom_generate", {}),
        ("generate_lyrics", {}),
        ("extend_audio", {"audio_id": NOBODY}),
        ("concat", {"clip_id": NOBODY}),
        ("generate_stems", {}),
    ):
        assert set(await suno.post(f"/gcui/api/{path}", body, status=400)) == {"error"}
    clips = await suno.post("/gcui/api/generate", {"prompt": "fail"})
    suno.clock.advance(2.0)
    failed = (await suno.get(f"/gcui/api/get?ids={clips[0]['id']}"))[0]
    assert failed["status"] == "error" and failed["error_message"] and failed["audio_url"] == ""


async def begun(suno: Singer, path: str, body: dict[str, Any], simulate: str = "") -> str:
    answer = await suno.post(f"{ROOT}/{path}", body, simulate=simulate)
    assert answer == {"code": 200, "msg": "success", "data": {"taskId": answer["data"]["taskId"]}}
    return str(answer["data"]["taskId"])


async def record(suno: Singer, task_id: str, path: str = "generate") -> Any:
    answer = await suno.get(f"{ROOT}/{path}/record-info?taskId={task_id}")
    assert (answer["code"], answer["msg"], answer["data"]["taskId"]) == (200, "success", task_id)
    return answer["data"]


async def test_sunoapi_records_a_task_from_its_text_to_its_songs(suno: Singer) -> None:
    task_id = await begun(suno, "generate", OWN)
    seen = []
    for part in (0.0, 0.3, 0.62, 0.02, 0.1):
        suno.clock.advance(2.0 * part)
        task = await record(suno, task_id)
        seen.append((task["status"], [bool(song["audioUrl"]) for song in task["response"]["sunoData"]]))
    assert seen == [
        ("PENDING", []),
        ("TEXT_SUCCESS", [False, False]),
        ("FIRST_SUCCESS", [True, False]),
        ("FIRST_SUCCESS", [True, False]),
        ("SUCCESS", [True, True]),
    ]
    assert set(task) == {
        "taskId", "parentMusicId", "param", "response", "status", "type", "errorCode", "errorMessage",
    }  # fmt: skip
    assert (task["type"], task["errorCode"], json.loads(task["param"])) == ("GENERATE", None, OWN)
    song = task["response"]["sunoData"][0]
    assert set(song) == {
        "id", "audioUrl", "streamAudioUrl", "imageUrl", "prompt", "modelName", "title", "tags", "createTime",
        "duration",
    }  # fmt: skip
    assert (song["title"], song["tags"], song["duration"]) == ("Night Train", OWN["style"], 12.0)
    assert (song["prompt"], song["modelName"]) == (OWN["prompt"], "chirp-auk")
    assert seconds(await suno.sound(song["audioUrl"])) == pytest.approx(12.0, abs=0.1)
    assert await suno.file(song["imageUrl"], "image/jpeg")


async def test_sunoapi_extends_what_it_made(suno: Singer) -> None:
    task_id = await begun(suno, "generate", OWN)
    suno.clock.advance(2.0)
    source = (await record(suno, task_id))["response"]["sunoData"][0]
    body = {"defaultParamFlag": False, "audioId": source["id"], "model": "V5", "continueAt": 6}
    more_id = await begun(suno, "generate/extend", body)
    suno.clock.advance(2.0)
    more = await record(suno, more_id)
    assert (more["parentMusicId"], more["status"]) == (source["id"], "SUCCESS")
    refused = await suno.post(f"{ROOT}/generate/extend", body | {"continueAt": 12.0}, status=400)
    assert refused == {"code": 400, "msg": "continueAt must be above 0 and below 12", "data": None}


@pytest.mark.parametrize(("path", "length_s"), [("upload-cover", 7.0), ("upload-extend", 12.0)])
async def test_sunoapi_works_on_uploads(suno: Singer, path: str, length_s: float) -> None:
    clip = await generated(suno)
    file = encoded((await suno.sound(clip["audio_url"]))[: 7 * 24_000])

    async def send(_request: web.Request) -> web.Response:
        return web.Response(body=file, content_type="audio/mpeg")

    app = web.Application()
    app.add_routes([web.get("/files/a.mp3", send)])
    async with served(app) as url:
        body = OWN | {"uploadUrl": f"{url}/files/a.mp3", "defaultParamFlag": True, "continueAt": 3}
        task_id = await begun(suno, f"generate/{path}", body)
    suno.clock.advance(2.0)
    song = (await record(suno, task_id))["response"]["sunoData"][0]
    assert song["duration"] == length_s
    assert seconds(await suno.sound(song["audioUrl"])) == pytest.approx(length_s, abs=0.1)


async def test_sunoapi_writes_lyrics_in_two_variants(suno: Singer) -> None:
    task_id = await begun(suno, "lyrics", {"prompt": "a robot at night", "callBackUrl": ""}, "speed=1")
    suno.clock.advance(3.9)
    assert (await record(suno, task_id, "lyrics"))["status"] == "PENDING"
    suno.clock.advance(0.1)
    task = await record(suno, task_id, "lyrics")
    one, other = task["response"]["data"]
    assert (task["status"], task["type"]) == ("SUCCESS", "LYRICS")
    assert set(one) == {"text", "title", "status", "errorMessage"} and one["text"] != other["text"]
    assert (await suno.get(f"{ROOT}/generate/credit"))["data"] > 0


@pytest.mark.parametrize(
    ("simulate", "status"),
    [
        ("task=fail", "GENERATE_AUDIO_FAILED"),
        ("task=moderated", "SENSITIVE_WORD_ERROR"),
        ("task=stuck", "TEXT_SUCCESS"),
    ],
)
async def test_sunoapi_tasks_end_as_asked(suno: Singer, simulate: str, status: str) -> None:
    task_id = await begun(suno, "generate", OWN, simulate)
    suno.clock.advance(1_000.0)
    task = await record(suno, task_id)
    assert task["status"] == status
    assert bool(task["errorMessage"]) == bool(task["errorCode"]) == (simulate != "task=stuck")
    assert (task["response"]["sunoData"] == []) == (simulate != "task=stuck")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "V9"}, "model must be one of V4, V4_5"),
        ({"title": ""}, "style and title are required"),
        ({"prompt": ""}, "prompt is required"),
        ({"prompt": "x" * 5001}, "prompt is too long"),
        ({"model": "V4", "prompt": "x" * 3001}, "prompt is too long"),
        ({"customMode": False, "prompt": "x" * 501}, "prompt is too long"),
        ({"model": "V4_5ALL", "title": "x" * 81}, "title is too long"),
        ({"styleWeight": 1.5}, "styleWeight must be a number from 0 to 1"),
        ({"vocalGender": "x"}, "vocalGender must be one of m, f"),
    ],
)
async def test_sunoapi_refuses_by_name(suno: Singer, change: dict[str, Any], message: str) -> None:
    answer = await suno.post(f"{ROOT}/generate", OWN | change, status=400)
    assert (answer["code"], answer["data"]) == (400, None) and answer["msg"].startswith(message)


async def test_sunoapi_needs_a_key_and_knows_only_its_own_tasks(suno: Singer) -> None:
    path = f"{ROOT}/generate/record-info"
    async with suno.session.get(path, headers={"Authorization": ""}) as response:
        assert (response.status, (await response.json())["code"]) == (401, 401)
    other = (await suno.post("/suno/submit/music", CUSTOM))["data"]
    assert (await suno.get(f"{path}?taskId={other}", status=404))["code"] == 404
    own = await begun(suno, "generate", OWN)
    assert (await suno.get(f"/suno/fetch/{own}", status=400))["code"] == "task_not_exist"


@pytest.mark.parametrize(
    ("simulate", "kind"), [("speed=2000", "complete"), ("speed=2000,task=fail", "error")]
)
async def test_sunoapi_calls_back_once(sandbox_url: str, simulate: str, kind: str) -> None:
    called: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        called.append(await request.json())
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/hook", take)])
    headers = {"Authorization": "Bearer sandbox", "x-pronghorn-simulate": simulate}
    async with served(app) as hooks, aiohttp.ClientSession(sandbox_url, headers=headers) as session:
        async with session.post(f"{ROOT}/generate", json=OWN | {"callBackUrl": f"{hooks}/hook"}) as response:
            task_id = (await response.json())["data"]["taskId"]
        for _ in range(100):
            if called:
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
    (body,) = called
    assert (body["data"]["callbackType"], body["data"]["task_id"]) == (kind, task_id)
    assert (body["code"] == 200) == (kind == "complete") and body["msg"]
    if kind == "complete":
        assert set(body["data"]["data"][0]) == {
            "id", "audio_url", "source_audio_url", "stream_audio_url", "source_stream_audio_url", "image_url",
            "source_image_url", "prompt", "model_name", "title", "tags", "createTime", "duration",
        }  # fmt: skip
        assert body["data"]["data"][0]["audio_url"].startswith(sandbox_url)
