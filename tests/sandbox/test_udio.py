"""Udio of the sandbox: both dialects, every field of a song, and songs that grow at either end."""

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from tests.sandbox.songs import Singer, likeness, seconds, singing

PARAMS = {
    "prompt": "rainy city, lo-fi jazz, brushed drums",
    "lyrics": "",
    "lyrics_type": "instrumental",
    "bypass_prompt_optimization": False,
    "seed": -1,
    "song_section_start": 0,
    "song_section_end": 1,
    "prompt_strength": 0.5,
    "clarity_strength": 0.25,
    "lyrics_strength": 0.5,
    "generation_quality": 0.75,
    "negative_prompt": "",
    "model_type": "udio32-v1.5",
    "config": {"mode": "regular"},
}
NOBODY = "00000000-0000-4000-8000-000000000009"
FIELDS = {
    "id": str,
    "generation_id": str,
    "title": str,
    "artist": str,
    "artist_image": str,
    "description": str,
    "attribution": str,
    "prompt": str,
    "lyrics": str,
    "tags": list,
    "user_tags": list,
    "replaced_tags": dict,
    "duration": float,
    "song_path": str,
    "image_path": str,
    "video_path": type(None),
    "original_song_path": type(None),
    "audio_conditioning_type": type(None),
    "finished": bool,
    "error_id": type(None),
    "error_code": type(None),
    "error_type": type(None),
    "error_detail": type(None),
    "created_at": str,
    "published_at": type(None),
    "likes": int,
    "plays": int,
    "liked": bool,
    "disliked": bool,
    "publishable": bool,
    "user_id": str,
}


@pytest_asyncio.fixture
async def udio() -> AsyncIterator[Singer]:
    async with singing() as singer:
        yield singer


async def submitted(udio: Singer, body: dict[str, Any], simulate: str = "") -> str:
    answer = await udio.post("/udio/submit/music", body, simulate=simulate)
    assert answer == {"code": "success", "message": "", "data": answer["data"]}
    return str(answer["data"])


async def fetched(udio: Singer, task_id: str) -> Any:
    answer = await udio.get(f"/udio/fetch/{task_id}")
    assert (answer["code"], answer["message"], answer["data"]["task_id"]) == ("success", "", task_id)
    return answer["data"]


async def made(udio: Singer, **more: Any) -> Any:
    """The first song of a task that has ended well."""
    task_id = await submitted(udio, {"gen_params": PARAMS | more})
    udio.clock.advance(1.5)
    task = await fetched(udio, task_id)
    assert task["status"] == "SUCCESS", task
    return task["songs"][0]


async def test_a_task_is_shown_as_the_page_has_it(udio: Singer) -> None:
    began = int(udio.clock.now())
    task_id = await submitted(udio, {"gen_params": PARAMS}, "speed=1")
    seen = []
    for step_s in (0.0, 3.1, 10.4, 1.5):
        udio.clock.advance(step_s)
        task = await fetched(udio, task_id)
        finished = [song["finished"] for song in task["songs"]]
        assert finished == [bool(song["song_path"]) for song in task["songs"]]
        seen.append((task["status"], task["progress"], finished))
    assert seen == [
        ("SUBMITTED", "0%", [False, False]),
        ("IN_PROGRESS", "21%", [False, False]),
        ("IN_PROGRESS", "90%", [True, False]),
        ("SUCCESS", "100%", [True, True]),
    ]
    songs = task.pop("songs")
    assert task == {
        "task_id": task_id,
        "action": "udio-generate",
        "status": "SUCCESS",
        "fail_reason": "",
        "submit_time": began,
        "start_time": began + 3,
        "finish_time": began + 15,
        "progress": "100%",
    }
    song = songs[0]
    assert {name: type(value) for name, value in song.items()} == FIELDS and len(FIELDS) == 31
    assert (song["generation_id"], song["duration"], song["prompt"]) == (task_id, 32.0, PARAMS["prompt"])
    assert song["title"] == "Rainy City Lo-Fi Jazz" and song["tags"][-1] == "instrumental"
    sounds = [await udio.sound(song["song_path"]) for song in songs]
    assert [seconds(sound) for sound in sounds] == [pytest.approx(32.0, abs=0.1)] * 2
    assert likeness(*sounds) < 0.8
    assert await udio.file(song["image_path"], "image/jpeg")


async def test_songs_are_asked_for_by_their_ids(udio: Singer) -> None:
    answer = await udio.post("/udio/generate-proxy", {"gen_params": PARAMS})
    assert set(answer) == {"message", "generation_id", "track_ids"} and len(answer["track_ids"]) == 2
    udio.clock.advance(1.5)
    ids = ",".join([*answer["track_ids"], NOBODY])
    found = await udio.get(f"/udio/query?ids={ids}")
    assert set(found) == {"songs"} and [song["id"] for song in found["songs"]] == answer["track_ids"]
    assert {song["generation_id"] for song in found["songs"]} == {answer["generation_id"]}
    assert all(song["finished"] for song in found["songs"])
    assert (await udio.get("/udio/query", status=400))["message"] == "ids is empty"


async def test_fields_may_stand_at_the_top(udio: Singer) -> None:
    task_id = await submitted(udio, PARAMS | {"lyrics_type": "generate"})
    udio.clock.advance(1.5)
    song = (await fetched(udio, task_id))["songs"][0]
    assert "[Verse 1]" in song["lyrics"] and "instrumental" not in song["tags"]
    again = await made(udio, lyrics_type="generate")
    assert (again["lyrics"], again["title"]) == (song["lyrics"], song["title"])


async def test_the_long_model_makes_long_songs(udio: Singer) -> None:
    song = await made(udio, model_type="udio130-v1.5", lyrics_type="user", lyrics="[Verse]\nRain")
    assert (song["duration"], song["lyrics"]) == (130.0, "[Verse]\nRain")
    assert seconds(await udio.sound(song["song_path"])) == pytest.approx(130.0, abs=0.1)


def going_on(mode: str, song: Any) -> dict[str, Any]:
    source = {"source_type": "song", "song_id": song["id"]}
    return {"mode": mode, "context_length": 130, "source": source}


async def test_a_song_grows_before_and_after_itself(udio: Singer) -> None:
    source = await made(udio)
    before = await udio.sound(source["song_path"])
    size = len(before)
    for mode, same in (("precede", slice(size, 2 * size)), ("continue", slice(0, size))):
        song = await made(udio, config=going_on(mode, source), seed=7)
        assert (song["duration"], song["audio_conditioning_type"]) == (64.0, mode)
        sound = await udio.sound(song["song_path"])
        assert seconds(sound) == pytest.approx(64.0, abs=0.1)
        # An encoder needs a moment until what it keeps in mind is the same.
        assert likeness(sound[same][24_000:], before[24_000:]) > 0.97


async def test_a_window_of_a_song_is_painted_anew(udio: Singer) -> None:
    source = await made(udio)
    config = going_on("inpaint", source)
    song = await made(udio, config=config, song_section_start=0.25, song_section_end=0.5)
    assert song["duration"] == 32.0
    before, after = await udio.sound(source["song_path"]), await udio.sound(song["song_path"])

    def alike(start_s: int, end_s: int) -> float:
        return likeness(before[start_s * 24_000 : end_s * 24_000], after[start_s * 24_000 : end_s * 24_000])

    assert alike(0, 7) > 0.98 and alike(17, 31) > 0.98 and alike(9, 15) < 0.8


async def test_a_remix_is_the_song_with_another_sound(udio: Singer) -> None:
    source = await made(udio)
    song = await made(udio, config=going_on("remix", source), prompt="heavy metal")
    assert (song["duration"], song["audio_conditioning_type"]) == (32.0, "remix")
    one, other = await udio.sound(source["song_path"]), await udio.sound(song["song_path"])
    assert 0.02 < abs(likeness(one, other)) < 0.9 and np.abs(other).max() > 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": ""}, "prompt_empty"),
        ({"lyrics_type": "user"}, "lyrics are empty"),
        ({"lyrics_type": "hum"}, "lyrics_type must be one of generate, user, instrumental"),
        ({"model_type": "udio99"}, "model_type must be one of udio32-v1.5, udio130-v1.5"),
        ({"prompt_strength": 1.5}, "prompt_strength must be a number from 0 to 1"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"config": {"mode": "dance"}}, "mode must be one of regular, precede"),
        ({"config": {"mode": "precede"}}, "config.source.song_id is required"),
        ({"config": going_on("continue", {"id": NOBODY})}, "there is no finished song"),
        ({"config": "regular"}, "config must be an object"),
    ],
)
async def test_bad_orders_are_refused(udio: Singer, change: dict[str, Any], message: str) -> None:
    for path in ("/udio/submit/music", "/udio/generate-proxy"):
        answer = await udio.post(path, {"gen_params": PARAMS | change}, status=400)
        assert (answer["code"], answer["data"]) == ("invalid_request", None)
        assert answer["message"].startswith(message)


async def test_unknown_and_foreign_tasks_look_alike(udio: Singer) -> None:
    suno = (await udio.post("/suno/submit/music", {"gpt_description_prompt": "x"}))["data"]
    for task_id in (NOBODY, suno):
        answer = await udio.get(f"/udio/fetch/{task_id}", status=400)
        assert answer == {"code": "task_not_exist", "message": "task not exist", "data": None}
    clip = (await udio.get(f"/suno/fetch/{suno}"))["data"]["data"][0]
    assert await udio.get(f"/udio/query?ids={clip['id']}") == {"songs": []}


@pytest.mark.parametrize(
    ("prompt", "simulate", "kind"),
    [
        ("x", "task=fail", "internal_error"),
        ("refuse", "", "moderation_failure"),
        ("fail", "", "internal_error"),
    ],
)
async def test_a_task_fails(udio: Singer, prompt: str, simulate: str, kind: str) -> None:
    task_id = await submitted(udio, PARAMS | {"prompt": prompt}, simulate)
    udio.clock.advance(1.5)
    task = await fetched(udio, task_id)
    song = task["songs"][0]
    assert (task["status"], task["progress"], task["fail_reason"]) == (
        "FAILURE",
        "100%",
        song["error_detail"],
    )
    assert (song["error_type"], song["finished"], song["song_path"]) == (kind, False, "")
    assert song["error_code"] and song["error_id"]


async def test_a_task_is_stuck_or_loses_one_song(udio: Singer) -> None:
    stuck, half = (
        await submitted(udio, PARAMS, "task=stuck"),
        await submitted(udio, PARAMS | {"prompt": "half"}),
    )
    udio.clock.advance(1_000.0)
    task = await fetched(udio, stuck)
    assert (task["status"], task["progress"]) == ("IN_PROGRESS", "50%")
    task = await fetched(udio, half)
    assert (task["status"], task["fail_reason"]) == ("SUCCESS", "")
    assert [(song["finished"], song["error_type"]) for song in task["songs"]] == [
        (True, None),
        (False, "internal_error"),
    ]
