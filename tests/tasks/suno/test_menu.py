"""What a Suno client does, entry by entry of the menu: the bodies and answers of the protocol, at the exact prices."""

import asyncio
from typing import Any

import pytest
from tests.tasks.parts import nano
from tests.tasks.suno.stage import Caller, Json, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDEA = {"gpt_description_prompt": "slow synth ballad about a night train"}
TASK_MEMBERS = {
    *("task_id", "notify_hook", "action", "status", "fail_reason", "progress", "data"),
    *("submit_time", "start_time", "finish_time"),
}


async def song(caller: Caller, **more: Any) -> Json:
    task = await caller.made("/suno/submit/music", IDEA | more)
    return dict(task["data"][0])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (IDEA | {"mv": "chirp-bluejay", "make_instrumental": False}, ("chirp-bluejay", "v4.5+")),
        (IDEA, ("chirp-auk", "v4.5")),
        (IDEA | {"mv": "V5"}, ("chirp-crow", "v5")),
        (IDEA | {"mv": "chirp-v3.5"}, ("chirp-v3-5", "v3.5")),
        (IDEA | {"mv": "chirp-unheard-of"}, ("chirp-unheard-of", "v5.5")),
        (
            {
                "prompt": "[Verse]\nRails are humming in the rain\n\n[Chorus]\nCarry me home",
                "tags": "synthpop, female vocals, 92 bpm",
                "negative_tags": "metal",
                "title": "Night Train",
                "mv": "chirp-crow",
            },
            ("chirp-crow", "v5"),
        ),
        (
            {
                "prompt": "",
                "tags": "lo-fi",
                "title": "Platform",
                "mv": "chirp-v4",
                "continue_clip_id": None,
                "continue_at": None,
                "infill_start_s": None,
                "infill_end_s": None,
            },
            ("chirp-v4", "v4"),
        ),
    ],
    ids=["inspiration", "without a version", "alias", "dotted", "unknown", "custom", "instrumental"],
)
async def test_a_song_is_made(stage: Stage, body: Json, said: tuple[str, str]) -> None:
    caller = await stage.caller()
    task = await caller.made("/suno/submit/music", body)
    assert set(task) == TASK_MEMBERS
    assert (task["action"], task["progress"], task["fail_reason"]) == ("MUSIC", "100%", "")
    assert 0 < task["submit_time"] <= task["start_time"] <= task["finish_time"]
    assert len(task["data"]) == 2
    for clip in task["data"]:
        assert (clip["model_name"], clip["major_model_version"]) == said
        assert clip["status"] == "complete"
        assert clip["metadata"]["duration"] == 30.0
        assert clip["title"] == body.get("title", clip["title"]) != ""
        assert not {"user_id", "handle", "display_name", "avatar_image_url"} & set(clip)
        assert all(
            clip[name].startswith(f"{stage.url}/media/{task['task_id']}/")
            for name in ("audio_url", "image_url")
        )
    assert await caller.spent() == nano("0.10")
    (row,) = await caller.rows()
    assert (row.endpoint, row.model, row.status, row.usage["kind"]) == ("suno", "suno", 200, "music")


async def test_its_files_are_what_they_say(stage: Stage) -> None:
    caller = await stage.caller()
    clip = await song(caller)
    kind, sound = await caller.file(clip["audio_url"])
    assert kind == "audio/mpeg"
    assert sound[:3] == b"ID3" or sound[0] == 0xFF
    kind, picture = await caller.file(clip["image_url"])
    assert (kind, picture[:3]) == ("image/jpeg", b"\xff\xd8\xff")


async def test_lyrics_are_written(stage: Stage) -> None:
    caller = await stage.caller()
    task = await caller.made("/suno/submit/lyrics", {"prompt": "a lullaby for a robot"})
    assert task["action"] == "LYRICS"
    assert task["data"]["status"] == "complete"
    assert "robot" in task["data"]["text"].lower()
    assert task["data"]["title"]
    assert await caller.spent() == nano("0.01")


async def test_a_song_is_extended_and_joined(stage: Stage) -> None:
    caller = await stage.caller()
    first = await caller.made("/suno/submit/music", IDEA)
    body = {
        "task": "extend",
        "task_id": first["task_id"],
        "continue_clip_id": first["data"][0]["id"],
        "continue_at": 20.5,
        "prompt": "[Verse 3]\nMorning on the platform",
        "tags": "synthpop",
        "negative_tags": "",
        "title": "Night Train",
        "mv": "chirp-bluejay",
    }
    more = await caller.made("/suno/submit/music", body)
    assert [clip["metadata"]["history"][0]["id"] for clip in more["data"]] == [body["continue_clip_id"]] * 2
    joined = await caller.made("/suno/submit/CONCAT", {"clip_id": more["data"][0]["id"], "is_infill": False})
    (whole,) = joined["data"]
    assert whole["metadata"]["type"] == "concat"
    assert whole["metadata"]["duration"] == 20.5 + 30.0
    assert await caller.spent() == nano("0.10", "0.10", "0.02")


async def test_the_task_of_a_clip_need_not_be_named(stage: Stage) -> None:
    caller = await stage.caller()
    clip = await song(caller)
    await caller.made(
        "/suno/submit/music", {"task": "extend", "continue_clip_id": clip["id"], "prompt": "more"}
    )


async def test_an_upload_is_gone_on_from(stage: Stage) -> None:
    """The song that was made here before is what is uploaded: its link is open to whoever has it."""
    caller = await stage.caller()
    clip = await song(caller)
    uploaded = await caller.submit("/suno/uploads/audio-url", {"url": clip["audio_url"]})
    assert await caller.spent() == nano("0.10", "0.02")
    body = {"task": "upload_extend", "continue_clip_id": uploaded, "continue_at": 10, "prompt": "[Verse]\nOn"}
    more = await caller.made("/suno/submit/music", body)
    cover = {"task": "cover", "cover_clip_id": uploaded, "tags": "swing", "mv": "chirp-auk"}
    assert len((await caller.made("/suno/submit/music", cover))["data"]) == 2
    joined = await caller.made("/suno/submit/concat", {"clip_id": more["data"][1]["id"]})
    assert joined["data"][0]["metadata"]["duration"] == pytest.approx(10 + 30.0, abs=0.1)
    assert await caller.spent() == nano("0.10", "0.02", "0.10", "0.10", "0.02")


@pytest.mark.parametrize(
    ("body", "clips", "usd"),
    [
        ({"task": "cover", "cover_clip_id": "CLIP", "tags": "swing", "mv": "chirp-auk"}, 2, "0.10"),
        (
            {
                "task": "infill",
                "continue_clip_id": "CLIP",
                "infill_start_s": 5,
                "infill_end_s": 9,
                "prompt": "new",
            },
            2,
            "0.10",
        ),
        (
            {
                "task": "gen_stem",
                "generation_type": "TEXT",
                "mv": "chirp-auk",
                "title": "",
                "prompt": "",
                "make_instrumental": True,
                "continue_clip_id": "CLIP",
                "continued_aligned_prompt": None,
                "continue_at": None,
                "stem_type_id": 91,
                "stem_type_group_name": "Two",
                "stem_task": "two",
            },
            2,
            "0.05",
        ),
        (
            {
                "task": "gen_stem",
                "continue_clip_id": "CLIP",
                "stem_type_group_name": "Twelve",
                "stem_task": "twelve",
            },
            12,
            "0.20",
        ),
        (
            {
                "task": "overpainting",
                "overpainting_clip_id": "CLIP",
                "overpainting_start_s": 0,
                "overpainting_end_s": 30,
                "prompt": "la la",
                "override_fields": ["prompt", "tags"],
            },
            2,
            "0.10",
        ),
        ({"task": "underpainting", "underpainting_clip_id": "CLIP", "tags": "strings"}, 2, "0.10"),
    ],
    ids=["cover", "infill", "two stems", "all stems", "overpainting", "underpainting"],
)
async def test_a_clip_is_worked_on(stage: Stage, body: Json, clips: int, usd: str) -> None:
    caller = await stage.caller()
    clip = await song(caller)
    named = {name: clip["id"] if value == "CLIP" else value for name, value in body.items()}
    task = await caller.made("/suno/submit/music", named)
    assert len(task["data"]) == clips
    assert await caller.spent() == nano("0.10", usd)


async def test_what_replaced_a_part_is_joined(stage: Stage) -> None:
    caller = await stage.caller()
    clip = await song(caller)
    body = {
        "task": "infill",
        "continue_clip_id": clip["id"],
        "infill_start_s": 5,
        "infill_end_s": 9,
        "prompt": "new",
    }
    part = (await caller.made("/suno/submit/music", body))["data"][0]
    joined = await caller.made("/suno/submit/concat", {"clip_id": part["id"], "is_infill": True})
    assert joined["data"][0]["metadata"]["duration"] == 30.0


async def test_a_voice_becomes_a_persona_that_sings_again(stage: Stage) -> None:
    caller = await stage.caller()
    clip = await song(caller)
    body = {
        "root_clip_id": clip["id"],
        "name": "Station Voice",
        "description": "warm alto",
        "clips": [clip["id"]],
        "is_public": False,
    }
    persona = await caller.good("POST", "/suno/persona/create/", body)
    assert (persona["name"], persona["root_clip_id"], persona["clip"]) == (
        "Station Voice",
        clip["id"],
        {"id": clip["id"]},
    )
    assert (persona["user_display_name"], persona["user_handle"], persona["user_image_url"]) == ("", "", "")
    assert (await caller.file(persona["image_s3_id"]))[0] == "image/jpeg"
    sung = {
        "task": "artist_consistency",
        "persona_id": persona["id"],
        "artist_clip_id": clip["id"],
        "generation_type": "TEXT",
        "prompt": "[Verse]\nAgain",
        "tags": "synthpop",
        "title": "Again",
        "mv": "chirp-v4-tau",
        "vocal_gender": "f",
    }
    task = await caller.made("/suno/submit/music", sung)
    assert task["data"][0]["metadata"]["persona_id"] == persona["id"]
    assert await caller.spent() == nano("0.10", "0.01", "0.10")


async def test_tasks_are_fetched_together(stage: Stage) -> None:
    caller, stranger = await stage.caller(), await stage.caller()
    ids = [await caller.submit("/suno/submit/lyrics", {"prompt": f"line {number}"}) for number in range(3)]
    foreign = await stranger.submit("/suno/submit/lyrics", {"prompt": "not yours"})
    asked = {"ids": [ids[2], "unknown", foreign, ids[0], ids[0]], "action": "LYRICS"}
    answer = await caller.good("POST", "/suno/fetch", asked)
    assert (answer["code"], answer["message"]) == ("success", "")
    assert [task["task_id"] for task in answer["data"]] == [ids[2], ids[0]]
    assert (await caller.good("POST", "/suno/fetch", {"ids": []}))["data"] == []
    await caller.ended(ids[1])


async def test_what_is_made_of_a_clip_is_paid_for_once(stage: Stage) -> None:
    caller = await stage.caller()
    clip = (await song(caller))["id"]
    first = {act: await caller.good("GET", f"/suno/act/{act}/{clip}") for act in ("timing", "wav", "mp4")}
    words = first["timing"]["aligned_words"]
    assert set(words[0]) == {"word", "success", "start_s", "end_s", "p_align"}
    assert {"waveform_data", "hoot_cer", "is_streamed"} <= set(first["timing"])
    assert (await caller.file(first["wav"]["wav_file_url"]))[0] == "audio/wav"
    assert first["mp4"]["video_url"].startswith(stage.url)
    vox = await caller.good("POST", f"/suno/act/vox/{clip}", {"clip_id": clip})
    assert vox["source_clip_id"] == clip
    assert {"id", "status", "vocal_audio_url", "vocal_start_s", "vocal_end_s", "wave_response"} <= set(vox)
    paid = nano("0.10", "0.01", "0.01", "0.02", "0.01")
    assert await caller.spent() == paid
    again = {act: await caller.good("GET", f"/suno/act/{act}/{clip}") for act in first}
    assert again == first
    assert await caller.spent() == paid


async def test_two_who_ask_for_the_same_at_once_pay_once(stage: Stage) -> None:
    caller = await stage.caller()
    clip = (await song(caller))["id"]
    await asyncio.gather(*(caller.good("GET", f"/suno/act/wav/{clip}") for _ in range(5)))
    file = (await caller.good("GET", f"/suno/act/wav/{clip}"))["wav_file_url"]
    assert (await caller.file(file))[0] == "audio/wav"
    assert await caller.spent() == nano("0.10", "0.01")


async def test_notes_cost_nothing_until_they_are_there(stage: Stage) -> None:
    caller = await stage.caller(simulate="speed=20")
    clip = (await song(caller))["id"]
    assert await caller.good("GET", f"/suno/act/midi/{clip}") == {"state": "running"}
    assert await caller.spent() == nano("0.10")
    async with asyncio.timeout(10):
        while (answer := await caller.good("GET", f"/suno/act/midi/{clip}"))["state"] != "complete":
            await asyncio.sleep(0.05)
    assert {"pitch", "start", "end", "velocity"} == set(answer["instruments"][0]["notes"][0])
    assert await caller.good("GET", f"/suno/act/midi/{clip}") == answer
    assert await caller.spent() == nano("0.10", "0.01")


async def test_tags_are_expanded(stage: Stage) -> None:
    caller = await stage.caller()
    answer = await caller.good("POST", "/suno/act/tags", {"original_tags": "rainy jazz"})
    assert set(answer) == {"upsampled_tags", "request_id"}
    assert answer["upsampled_tags"].startswith("rainy jazz")
    assert await caller.spent() == nano("0.01")


async def test_a_repeated_submission_makes_one_song(stage: Stage) -> None:
    caller = await stage.caller()
    answers = [
        await caller.call("POST", "/suno/submit/music", IDEA, **{"idempotency-key": "one-song"})
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    await caller.ended(answers[0][1]["data"])
    assert await caller.spent() == nano("0.10")


async def test_who_asked_for_it_is_told_when_it_is_over(stage: Stage) -> None:
    """The body is the task as a fetch shows it; the vendor never hears of the address."""
    caller = await stage.caller()
    stage.peer.forget()
    stage.peer.will_answer("/hooks/suno", {})
    hook = f"{stage.peer.url}/hooks/suno"
    task = await caller.made("/suno/submit/lyrics", {"prompt": "a lullaby for a robot", "notify_hook": hook})
    assert task["notify_hook"] == hook
    await stage.deliver()
    told = stage.peer.asked("/hooks/suno")
    assert told[-1] == task
    assert {one["task_id"] for one in told} == {task["task_id"]}
