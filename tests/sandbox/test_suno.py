"""Suno of the sandbox: its task API field by field, states by the clock, and songs that are really there."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web
from PIL import Image
from tests.sandbox.songs import Singer, encoded, is_heard, likeness, samples, seconds, served, singing

from pronghorn.sandbox.suno import order

IDEA = {"gpt_description_prompt": "slow synth ballad about a night train", "mv": "chirp-bluejay"}
CUSTOM = {
    "prompt": "[Verse]\nRails are humming in the rain\n\n[Chorus]\nCarry me home",
    "tags": "synthpop, female vocals, 92 bpm",
    "negative_tags": "metal",
    "title": "Night Train",
    "mv": "chirp-crow",
}
NOBODY = "00000000-0000-4000-8000-000000000009"


@pytest_asyncio.fixture
async def suno(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Singer]:
    """Its songs are shorter than usual, for the sake of time."""
    monkeypatch.setattr(order, "SECONDS", 12.0)
    async with singing() as singer:
        yield singer


@pytest_asyncio.fixture
async def whole() -> AsyncIterator[Singer]:
    async with singing() as singer:
        yield singer


async def submitted(suno: Singer, body: dict[str, Any], action: str = "music", simulate: str = "") -> str:
    answer = await suno.post(f"/suno/submit/{action}", body, simulate=simulate)
    assert answer == {"code": "success", "message": "", "data": answer["data"]}
    assert isinstance(answer["data"], str) and len(answer["data"]) == 36
    return str(answer["data"])


async def fetched(suno: Singer, task_id: str) -> Any:
    answer = await suno.get(f"/suno/fetch/{task_id}")
    assert (answer["code"], answer["message"]) == ("success", "")
    return answer["data"]


async def made(suno: Singer, body: dict[str, Any], action: str = "music") -> Any:
    """The task, when it has ended well."""
    task_id = await submitted(suno, body, action)
    suno.clock.advance(2.1)
    task = await fetched(suno, task_id)
    assert (task["status"], task["progress"]) == ("SUCCESS", "100%"), task
    return task


async def test_a_song_is_shown_as_the_page_has_it(suno: Singer) -> None:
    began = int(suno.clock.now())
    task = await made(suno, CUSTOM)
    clips = task.pop("data")
    assert task == {
        "task_id": task["task_id"],
        "notify_hook": "",
        "action": "MUSIC",
        "status": "SUCCESS",
        "fail_reason": "",
        "submit_time": began,
        "start_time": began,
        "finish_time": began + 2,
        "progress": "100%",
    }
    assert len(clips) == 2 and clips[0]["id"] != clips[1]["id"]
    clip = clips[0]
    expected = {
        "title": "Night Train",
        "status": "complete",
        "model_name": "chirp-crow",
        "major_model_version": "v5",
        "is_video_pending": False,
        "entity_type": "song_schema",
        "display_tags": CUSTOM["tags"],
        "text": "",
        "reaction": None,
        "play_count": 0,
        "upvote_count": 0,
        "flag_count": 0,
        "is_liked": False,
        "is_public": False,
        "is_trashed": False,
        "is_handle_updated": False,
        "allow_comments": True,
    }
    assert {name: clip[name] for name in expected} == expected
    texts = ("handle", "display_name", "user_id", "avatar_image_url", "created_at", "video_url")
    assert all(isinstance(clip[name], str) for name in texts)
    metadata = {
        "tags": CUSTOM["tags"],
        "prompt": CUSTOM["prompt"],
        "negative_tags": "metal",
        "duration": 12.0,
        "type": "gen",
        "stream": True,
        "error_type": None,
        "error_message": None,
        "audio_prompt_id": None,
        "gpt_description_prompt": None,
        "history": None,
        "concat_history": None,
        "refund_credits": None,
    }
    assert {name: clip["metadata"][name] for name in metadata} == metadata


async def test_an_idea_becomes_a_song_with_lyrics_and_tags(suno: Singer) -> None:
    clip = (await made(suno, IDEA))["data"][0]
    assert clip["title"] == "Slow Synth Ballad Night"
    assert clip["metadata"]["gpt_description_prompt"] == IDEA["gpt_description_prompt"]
    assert "[Verse 1]" in clip["metadata"]["prompt"] and "train" in clip["metadata"]["prompt"].lower()
    assert clip["metadata"]["tags"].startswith("slow synth ballad")
    silent = (await made(suno, IDEA | {"prompt": "", "make_instrumental": True}))["data"][0]
    assert silent["metadata"]["prompt"] == ""


@pytest.mark.parametrize(("simulate", "whole_s"), [("", 2.0), ("speed=1", 20.0), ("speed=2", 10.0)])
async def test_states_follow_the_clock(suno: Singer, simulate: str, whole_s: float) -> None:
    task_id = await submitted(suno, CUSTOM, simulate=simulate)
    began, seen = suno.clock.monotonic(), []
    for part in (0.0, 0.06, 0.21, 0.5, 0.91, 0.99, 1.0):
        suno.clock.advance(began + part * whole_s - suno.clock.monotonic())
        task = await fetched(suno, task_id)
        second = task["data"][1]
        seen.append((task["status"], task["progress"], *(clip["status"] for clip in task["data"])))
        assert (task["start_time"] > 0, task["finish_time"] > 0) == (part >= 0.2, part == 1.0)
        assert bool(second["audio_url"]) == (part >= 0.2)
        assert (second["metadata"]["duration"] is None) == (part < 1)
    assert seen == [
        ("SUBMITTED", "0%", "submitted", "submitted"),
        ("QUEUED", "0%", "queued", "queued"),
        ("IN_PROGRESS", "21%", "streaming", "streaming"),
        ("IN_PROGRESS", "50%", "streaming", "streaming"),
        ("IN_PROGRESS", "91%", "complete", "streaming"),
        ("IN_PROGRESS", "99%", "complete", "streaming"),
        ("SUCCESS", "100%", "complete", "complete"),
    ]


async def test_a_song_plays_while_it_streams_and_not_before(suno: Singer) -> None:
    task_id = await submitted(suno, CUSTOM)
    clip = (await fetched(suno, task_id))["data"][0]
    assert clip["audio_url"] == clip["image_url"] == clip["video_url"] == ""
    await suno.get(f"/files/songs/{clip['id']}.mp3", status=404)
    suno.clock.advance(1.0)
    streaming = (await fetched(suno, task_id))["data"][0]
    assert streaming["audio_url"].endswith(f"/files/songs/stream?item_id={clip['id']}")
    early = await suno.sound(streaming["audio_url"])
    suno.clock.advance(1.0)
    final = (await fetched(suno, task_id))["data"][0]
    assert final["audio_url"].endswith(f"/files/songs/{clip['id']}.mp3")
    assert np.array_equal(early, await suno.sound(final["audio_url"]))


async def test_files_of_a_song_are_real(whole: Singer) -> None:
    """At the length that everybody gets."""
    suno = whole
    one, other = (await made(suno, CUSTOM))["data"]
    song, second = await suno.sound(one["audio_url"]), await suno.sound(other["audio_url"])
    assert seconds(song) == pytest.approx(30.0, abs=0.1) and seconds(second) == pytest.approx(30.0, abs=0.1)
    assert likeness(song, second) < 0.8 and 0.5 < np.abs(song).max() <= 1.0
    for name, size in (("image_url", (360, 360)), ("image_large_url", (720, 720))):
        with Image.open(io.BytesIO(await suno.file(one[name], "image/jpeg"))) as cover:
            assert (cover.format, cover.size) == ("JPEG", size)
    with av.open(io.BytesIO(await suno.file(one["video_url"], "video/mp4")), "r") as film:
        assert film.duration is not None and film.duration / 1e6 == pytest.approx(30.0, abs=0.1)
        assert (film.streams.video[0].width, film.streams.audio[0].codec_context.name) == (720, "aac")
        sound = np.concatenate([frame.to_ndarray()[0] for frame in film.decode(audio=0)])
    assert likeness(sound[1024:], song[1024:]) > 0.9 or likeness(sound[2048:], song[1024:]) > 0.9


async def test_the_same_words_make_the_same_song_again(suno: Singer) -> None:
    one, other = (await made(suno, CUSTOM))["data"][0], (await made(suno, CUSTOM))["data"][0]
    assert one["id"] != other["id"]
    assert await suno.file(one["audio_url"], "audio/mpeg") == await suno.file(
        other["audio_url"], "audio/mpeg"
    )


async def extended(suno: Singer, **more: Any) -> tuple[Any, Any]:
    """A clip, and a continuation of it from second 5."""
    task = await made(suno, CUSTOM)
    source = task["data"][0]
    body = {"task": "extend", "task_id": task["task_id"], "continue_clip_id": source["id"], "continue_at": 5}
    return source, (await made(suno, CUSTOM | body | more))["data"][0]


async def test_an_extension_is_only_the_continuation_and_concat_joins_it(suno: Singer) -> None:
    source, more = await extended(suno)
    assert more["metadata"]["audio_prompt_id"] == source["id"]
    assert more["metadata"]["history"] == [{"id": source["id"], "continue_at": 5.0}]
    task = await made(suno, {"clip_id": more["id"], "is_infill": False}, "concat")
    assert task["action"] == "CONCAT" and len(task["data"]) == 1
    whole = task["data"][0]
    assert (whole["metadata"]["type"], whole["metadata"]["duration"]) == ("concat", 17.0)
    sounds = [await suno.sound(clip["audio_url"]) for clip in (source, more, whole)]
    assert [round(seconds(sound), 1) for sound in sounds] == [12.0, 12.0, 17.0]
    cut = 5 * 24_000
    assert likeness(sounds[2][: cut - 2_000], sounds[0]) > 0.98
    assert likeness(sounds[2][cut + 4_800 :], sounds[1][4_800:]) > 0.9


async def test_concat_takes_five_seconds_at_full_length(suno: Singer) -> None:
    _, more = await extended(suno)
    task_id = await submitted(suno, {"clip_id": more["id"]}, "concat", "speed=1")
    suno.clock.advance(4.9)
    assert (await fetched(suno, task_id))["status"] == "IN_PROGRESS"
    suno.clock.advance(0.1)
    assert (await fetched(suno, task_id))["status"] == "SUCCESS"


async def test_an_infill_replaces_its_window(suno: Singer) -> None:
    source = (await made(suno, CUSTOM))["data"][0]
    body = {"task": "infill", "continue_clip_id": source["id"], "infill_start_s": 4, "infill_end_s": 8}
    new = (await made(suno, CUSTOM | body | {"prompt": "[Bridge]\nOther words"}))["data"][0]
    assert new["metadata"]["duration"] == 4.0
    whole = (await made(suno, {"clip_id": new["id"], "is_infill": True}, "concat"))["data"][0]
    before, after = await suno.sound(source["audio_url"]), await suno.sound(whole["audio_url"])
    assert seconds(after) == pytest.approx(12.0, abs=0.1)

    def alike(start_s: int, end_s: int) -> float:
        return likeness(before[start_s * 24_000 : end_s * 24_000], after[start_s * 24_000 : end_s * 24_000])

    assert alike(0, 4) > 0.98 and alike(9, 12) > 0.98 and alike(5, 7) < 0.7


async def melody(suno: Singer, clip: Any) -> list[tuple[int, float, float]]:
    """The notes of its voice; at first they are being written down."""
    assert await suno.get(f"/suno/act/midi/{clip['id']}") == {"state": "running"}
    suno.clock.advance(1.0)
    answer = await suno.get(f"/suno/act/midi/{clip['id']}")
    assert answer["state"] == "complete"
    voice = next(one for one in answer["instruments"] if one["name"] == "Vocals")
    return [(note["pitch"], note["start"], note["end"]) for note in voice["notes"]]


async def test_a_cover_keeps_the_melody_and_changes_the_sound(suno: Singer) -> None:
    source = (await made(suno, CUSTOM))["data"][0]
    body = {"task": "cover", "cover_clip_id": source["id"], "tags": "folk, acoustic", "mv": "chirp-auk"}
    cover, other = (await made(suno, body))["data"]
    assert cover["title"] == "Night Train" and cover["metadata"]["is_remix"] is True
    notes = await melody(suno, source)
    assert len(notes) > 9 and await melody(suno, cover) == notes
    one, two = await suno.sound(source["audio_url"]), await suno.sound(cover["audio_url"])
    assert seconds(two) == pytest.approx(12.0, abs=0.1) and likeness(one, two) < 0.85
    assert likeness(two, await suno.sound(other["audio_url"])) < 0.99
    vox = await suno.post(f"/suno/act/vox/{cover['id']}", {"clip_id": cover["id"]})
    voice = await suno.sound(vox["vocal_audio_url"])
    long = [note for note in notes if note[2] - note[1] > 0.3][:20]
    assert len(long) > 3 and all(is_heard(voice, *note) for note in long)


async def test_two_stems_are_parts_whose_mix_is_the_song(suno: Singer) -> None:
    task = await made(suno, CUSTOM)
    source = task["data"][0]
    body = {
        "task": "gen_stem",
        "generation_type": "TEXT",
        "mv": "chirp-auk",
        "title": "",
        "prompt": "",
        "make_instrumental": True,
        "task_id": task["task_id"],
        "continue_clip_id": source["id"],
        "continued_aligned_prompt": None,
        "continue_at": None,
        "stem_type_id": 91,
        "stem_type_group_name": "Two",
        "stem_task": "two",
    }
    stems = (await made(suno, body))["data"]
    assert [stem["title"] for stem in stems] == ["Night Train (Vocals)", "Night Train (Instrumental)"]
    known = {"stem_from_id": source["id"], "stem_task": "two", "stem_type_id": 91}
    assert known.items() <= stems[0]["metadata"].items()
    voice, band = [await suno.sound(stem["audio_url"]) for stem in stems]
    whole = await suno.sound(source["audio_url"])
    assert min(np.abs(voice).max(), np.abs(band).max()) > 0.1 and abs(likeness(voice, band)) < 0.3
    assert likeness(voice + band, whole) > 0.99 > max(likeness(voice, whole), likeness(band, whole))


async def test_all_stems_come_as_the_vendors_own_object(suno: Singer) -> None:
    task = await made(suno, CUSTOM)
    source = task["data"][0]
    body = {"task": "gen_stem", "task_id": task["task_id"], "continue_clip_id": source["id"]}
    answer = await suno.post("/suno/submit/music", body | {"stem_task": "twelve"})
    assert "code" not in answer and len(answer["clips"]) == 12 and "metadata" in answer
    suno.clock.advance(2.0)
    stems = (await fetched(suno, answer["id"]))["data"]
    assert [stem["id"] for stem in stems] == [clip["id"] for clip in answer["clips"]]
    assert {stem["status"] for stem in stems} == {"complete"}
    assert stems[3]["title"] == "Night Train (Bass)"
    await suno.get(f"/suno/act/midi/{stems[3]['id']}")
    suno.clock.advance(1.0)
    notes = await suno.get(f"/suno/act/midi/{stems[3]['id']}")
    assert [one["name"] for one in notes["instruments"]] == ["Bass"]


@pytest.mark.parametrize("kind", ["overpainting", "underpainting"])
async def test_painting_adds_to_what_is_there(suno: Singer, kind: str) -> None:
    source = (await made(suno, CUSTOM | {"prompt": ""}))["data"][0]
    body = CUSTOM | {"task": kind, f"{kind}_clip_id": source["id"], "override_fields": ["prompt", "tags"]}
    painted = (await made(suno, body))["data"][0]
    before, after = await suno.sound(source["audio_url"]), await suno.sound(painted["audio_url"])
    added = 2 * after - before
    assert np.abs(added[24_000:]).max() > 0.1 and 0.3 < likeness(before, after) < 0.97


async def test_a_persona_sings_with_the_voice_of_its_song(suno: Singer) -> None:
    source = (await made(suno, CUSTOM))["data"][0]
    body = {
        "root_clip_id": source["id"],
        "name": "Station Voice",
        "description": "warm alto",
        "clips": [source["id"]],
        "is_public": False,
    }
    persona = await suno.post("/suno/persona/create", body)
    expected = {
        "name": "Station Voice",
        "description": "warm alto",
        "root_clip_id": source["id"],
        "clip": {"id": source["id"]},
        "user_display_name": "",
        "user_handle": "",
        "user_image_url": "",
    }
    assert expected.items() <= persona.items() and "code" not in persona
    assert await suno.file(persona["image_s3_id"], "image/jpeg")
    asked = {"task": "artist_consistency", "persona_id": persona["id"], "artist_clip_id": source["id"]}
    song = (await made(suno, CUSTOM | asked))["data"][0]
    assert song["metadata"]["persona_id"] == persona["id"]
    assert likeness(await suno.sound(song["audio_url"]), await suno.sound(source["audio_url"])) < 0.999
    await suno.post("/suno/submit/music", CUSTOM | asked | {"persona_id": NOBODY}, status=400)


async def test_lyrics_take_their_time(suno: Singer) -> None:
    task_id = await submitted(suno, {"prompt": "a lullaby for a robot"}, "lyrics", "speed=1")
    suno.clock.advance(3.9)
    running = await fetched(suno, task_id)
    assert (running["action"], running["status"], running["data"]) == ("LYRICS", "IN_PROGRESS", None)
    suno.clock.advance(0.1)
    task = await fetched(suno, task_id)
    assert (task["status"], task["progress"]) == ("SUCCESS", "100%")
    data = task["data"]
    assert set(data) == {"id", "status", "title", "text", "tags", "error_message"}
    assert (data["status"], data["title"]) == ("complete", "Lullaby Robot")
    assert "[Verse 1]" in data["text"] and "[Chorus]" in data["text"] and len(data["tags"]) > 2


async def test_several_tasks_are_fetched_at_once(suno: Singer) -> None:
    ids = [await submitted(suno, CUSTOM), await submitted(suno, {"prompt": "x"}, "lyrics")]
    answer = await suno.post("/suno/fetch", {"ids": [ids[1], NOBODY, ids[0]], "action": "MUSIC"})
    assert [task["task_id"] for task in answer["data"]] == [ids[1], ids[0]]
    assert (await suno.post("/suno/fetch", {"ids": []}))["data"] == []


async def upload(suno: Singer, data: bytes, kind: str = "audio/mpeg", status: int = 200) -> Any:
    """Through a server of its own, that has the file."""

    async def send(_request: web.Request) -> web.Response:
        return web.Response(body=data, content_type=kind)

    app = web.Application()
    app.add_routes([web.get("/files/demo.mp3", send)])
    async with served(app) as url:
        return await suno.post("/suno/uploads/audio-url", {"url": f"{url}/files/demo.mp3"}, status=status)


async def test_an_upload_is_fetched_and_goes_on(suno: Singer) -> None:
    source = (await made(suno, CUSTOM))["data"][0]
    file = encoded((await suno.sound(source["audio_url"]))[: 8 * 24_000])
    clip_id = (await upload(suno, file))["data"]
    body = {"task": "upload_extend", "continue_clip_id": clip_id, "continue_at": None}
    more = (await made(suno, CUSTOM | body))["data"][0]
    assert more["metadata"]["audio_prompt_id"] == clip_id
    whole = (await made(suno, {"clip_id": more["id"]}, "concat"))["data"][0]
    sound = await suno.sound(whole["audio_url"])
    assert seconds(sound) == pytest.approx(20.0, abs=0.1)
    assert likeness(sound[: 7 * 24_000], samples(file)) > 0.8  # telephone quality: higher tones are gone
    cover = (await made(suno, CUSTOM | {"task": "cover", "cover_clip_id": clip_id}))["data"][0]
    assert seconds(await suno.sound(cover["audio_url"])) == pytest.approx(8.0, abs=0.1)
    body = {"root_clip_id": clip_id, "name": "x"}
    assert "upload" in (await suno.post("/suno/persona/create", body, status=400))["message"]


async def test_what_is_no_sound_is_not_uploaded(suno: Singer) -> None:
    refused = await upload(suno, b"<html>", "text/html", 400)
    assert refused["code"] == "invalid_request" and "no sound" in refused["message"]
    for url in ("", "ftp://files.example/a.mp3", "http://127.0.0.1:9/a.mp3"):
        answer = await suno.post("/suno/uploads/audio-url", {"url": url}, status=400)
        assert answer["message"].startswith(("url", "the url"))


async def test_a_test_key_reaches_nothing_else_in_the_house(suno: Singer) -> None:
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.path)
        raise web.HTTPFound("/private")

    app = web.Application()
    app.add_routes([web.get("/private", note), web.get("/files/leads-on", note)])
    async with served(app) as url:
        for address in (f"{url}/private", f"{url}/files/leads-on", "http://169.254.169.254/files/a.mp3"):
            await suno.post("/suno/uploads/audio-url", {"url": address}, status=400)
    assert seen == ["/files/leads-on"], "no redirect is followed, and no other path is asked for"


async def test_what_can_be_had_of_a_clip(suno: Singer) -> None:
    clip = (await made(suno, CUSTOM))["data"][0]
    timing = await suno.get(f"/suno/act/timing/{clip['id']}")
    assert set(timing) == {"aligned_words", "waveform_data", "hoot_cer", "is_streamed"}
    words = timing["aligned_words"]
    assert set(words[0]) == {"word", "success", "start_s", "end_s", "p_align"}
    assert "".join(word["word"] for word in words).split() == CUSTOM["prompt"].split()
    assert 0 < words[0]["start_s"] < words[-1]["end_s"] < 12 and len(timing["waveform_data"]) == 200
    data = await suno.file((await suno.get(f"/suno/act/wav/{clip['id']}"))["wav_file_url"], "audio/wav")
    with wave.open(io.BytesIO(data)) as file:
        assert file.getnframes() / file.getframerate() == 12.0
        lossless = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32_767
    assert likeness(lossless.astype(np.float32), await suno.sound(clip["audio_url"])) > 0.99
    assert (await suno.get(f"/suno/act/mp4/{clip['id']}"))["video_url"] == clip["video_url"]
    vox = await suno.post(f"/suno/act/vox/{clip['id']}", {"clip_id": clip["id"]})
    assert (vox["source_clip_id"], vox["status"], vox["vocal_end_s"]) == (clip["id"], "complete", 12.0)
    tags = await suno.post("/suno/act/tags", {"original_tags": "rainy jazz"})
    assert tags["upsampled_tags"].startswith("rainy jazz, ") and tags["request_id"]
    account = await suno.get("/suno/account")
    assert account["code"] == "success" and account["data"]["credits_left"] > 0


async def test_a_clip_that_is_not_ready_gives_nothing_yet(suno: Singer) -> None:
    clip = (await fetched(suno, await submitted(suno, CUSTOM)))["data"][0]
    for act in ("timing", "wav", "mp4", "midi"):
        answer = await suno.get(f"/suno/act/{act}/{clip['id']}", status=400)
        assert (answer["code"], answer["message"]) == ("invalid_request", "the clip is not complete")


@pytest.mark.parametrize(
    ("action", "body", "code", "message"),
    [
        ("music", {"mv": "chirp-auk"}, "invalid_request", "prompt_empty"),
        ("music", IDEA | {"prompt": "x"}, "invalid_request", "prompt must be empty beside"),
        ("music", CUSTOM | {"tags": 5}, "invalid_request", "tags must be a string"),
        ("music", CUSTOM | {"mv": "chirp-v4", "tags": "x" * 201}, "invalid_request", "tags is too long"),
        ("music", CUSTOM | {"prompt": "x" * 5001}, "invalid_request", "prompt is too long"),
        ("music", CUSTOM | {"task": "dance"}, "invalid_request", "task must be one of"),
        ("music", CUSTOM | {"make_instrumental": "yes"}, "invalid_request", "make_instrumental"),
        ("music", CUSTOM | {"continue_clip_id": NOBODY}, "invalid_request", "task id is empty"),
        (
            "music",
            CUSTOM | {"task": "extend", "continue_clip_id": NOBODY},
            "invalid_request",
            "task id is empty",
        ),
        ("music", CUSTOM | {"task": "extend", "task_id": NOBODY}, "task_not_exist", "task not exist"),
        ("music", CUSTOM | {"task": "cover"}, "invalid_request", "cover_clip_id is empty"),
        ("music", CUSTOM | {"task": "cover", "cover_clip_id": NOBODY}, "invalid_request", "cover_clip_id"),
        (
            "music",
            CUSTOM | {"task": "infill", "continue_clip_id": NOBODY},
            "invalid_request",
            "infill_start_s",
        ),
        ("music", CUSTOM | {"notify_hook": "ftp://x"}, "invalid_request", "notify_hook"),
        ("lyrics", {}, "invalid_request", "prompt_empty"),
        ("lyrics", {"prompt": "  "}, "invalid_request", "prompt_empty"),
        ("concat", {"clip_id": NOBODY}, "invalid_request", "clip_id"),
        ("dance", {}, "invalid_request", "invalid_action"),
    ],
)
async def test_bad_orders_are_refused(
    suno: Singer, action: str, body: dict[str, Any], code: str, message: str
) -> None:
    answer = await suno.post(f"/suno/submit/{action}", body, status=400)
    assert (answer["code"], answer["data"]) == (code, None)
    assert answer["message"].startswith(message)


async def test_other_refusals_have_the_envelope_too(suno: Singer) -> None:
    unknown = await suno.get(f"/suno/fetch/{NOBODY}", status=400)
    assert unknown == {"code": "task_not_exist", "message": "task not exist", "data": None}
    plain = (await made(suno, CUSTOM))["data"][0]
    assert (
        "continue"
        in (await suno.post("/suno/submit/concat", {"clip_id": plain["id"]}, status=400))["message"]
    )
    async with suno.session.post("/suno/submit/music", data=b"{") as response:
        assert (response.status, (await response.json())["code"]) == (400, "invalid_request")
    async with suno.session.get("/suno/fetch/x", headers={"Authorization": ""}) as response:
        assert (response.status, (await response.json())["code"]) == (401, "invalid_request")
    limited = await suno.post("/suno/submit/music", CUSTOM, simulate="status=429", status=429)
    assert (limited["code"], limited["data"]) == ("rate_limit_exceeded", None)
    await suno.post("/suno/submit/music", CUSTOM | {"mv": "sandbox-503"}, status=503)


async def test_what_is_too_large_is_not_kept(suno: Singer) -> None:
    answer = await suno.post("/suno/submit/music", CUSTOM | {"title": "x" * 70_000}, status=413)
    assert (answer["code"], answer["data"]) == ("invalid_request", None)


async def test_bad_follow_ups_are_refused(suno: Singer) -> None:
    task = await made(suno, CUSTOM)
    infill = CUSTOM | {"task": "infill", "continue_clip_id": task["data"][0]["id"]}
    for window in ((5, 5), (8, 4), (0, 13), (-1, 4)):
        body = infill | dict(zip(("infill_start_s", "infill_end_s"), window, strict=True))
        answer = await suno.post("/suno/submit/music", body, status=400)
        assert answer["message"].startswith("infill_start_s")
    failed_id = await submitted(suno, CUSTOM, simulate="task=fail")
    suno.clock.advance(2.0)
    clip = (await fetched(suno, failed_id))["data"][0]
    cover = CUSTOM | {"task": "cover", "cover_clip_id": clip["id"]}
    assert "failed" in (await suno.post("/suno/submit/music", cover, status=400))["message"]


async def test_a_song_grows_to_eight_minutes_and_is_reworked_forty_times_at_most(suno: Singer) -> None:
    """So that no chain of songs made of songs is endless."""
    clip = (await made(suno, CUSTOM))["data"][0]
    for count in range(100):
        body = CUSTOM | {"task": "upload_extend", "continue_clip_id": clip["id"]}
        answer = await suno.post("/suno/submit/music", body, status=200 if count < 39 else 400)
        if answer["data"] is None:
            break
        suno.clock.advance(2.0)
        more = (await fetched(suno, answer["data"]))["data"][0]
        clip = (await made(suno, {"clip_id": more["id"]}, "concat"))["data"][0]
    assert (count, answer["message"]) == (39, "the song would be 492 seconds long, at most 480")
    clip = (await made(suno, CUSTOM))["data"][0]
    for count in range(100):
        body = CUSTOM | {"task": "cover", "cover_clip_id": clip["id"]}
        answer = await suno.post("/suno/submit/music", body, status=200 if count < 40 else 400)
        if answer["data"] is None:
            break
        suno.clock.advance(2.0)
        clip = (await fetched(suno, answer["data"]))["data"][0]
    assert (count, answer["message"]) == (40, "this song has been reworked 40 times, which is the most")
    assert seconds(await suno.sound(clip["audio_url"])) == pytest.approx(12.0, abs=0.1)


async def test_the_upper_case_of_an_action_is_the_same_action(suno: Singer) -> None:
    assert (await suno.post("/suno/submit/MUSIC", CUSTOM))["code"] == "success"


@pytest.mark.parametrize(
    ("asked", "error_type", "at_s"),
    [("fail", "internal_error", 1.2), ("moderated", "moderation_failure", 0.4)],
)
@pytest.mark.parametrize("by_prompt", [False, True])
async def test_a_task_fails(suno: Singer, asked: str, error_type: str, at_s: float, by_prompt: bool) -> None:
    word = {"fail": "fail", "moderated": "refuse"}[asked]
    body = {"gpt_description_prompt": f" {word.capitalize()} "} if by_prompt else CUSTOM
    task_id = await submitted(suno, body, simulate="" if by_prompt else f"task={asked}")
    suno.clock.advance(at_s - 0.1)
    assert (await fetched(suno, task_id))["status"] in ("QUEUED", "IN_PROGRESS")
    suno.clock.advance(0.11)
    task = await fetched(suno, task_id)
    assert (task["status"], task["progress"]) == ("FAILURE", "100%") and task["finish_time"]
    metadata = task["data"][0]["metadata"]
    assert (task["fail_reason"], error_type) == (metadata["error_message"], metadata["error_type"])
    assert {clip["status"] for clip in task["data"]} == {"error"}
    await suno.get(f"/files/songs/{task['data'][0]['id']}.mp3", status=404)


@pytest.mark.parametrize("simulate", ["", "task=stuck"])
async def test_a_task_is_stuck(suno: Singer, simulate: str) -> None:
    body = CUSTOM if simulate else {"prompt": "stuck", "tags": "pop"}
    task_id = await submitted(suno, body, simulate=simulate)
    suno.clock.advance(100_000)
    task = await fetched(suno, task_id)
    assert (task["status"], task["progress"], task["finish_time"]) == ("IN_PROGRESS", "50%", 0)


async def test_one_of_two_clips_may_fail(suno: Singer) -> None:
    task_id = await submitted(suno, {"gpt_description_prompt": "half"})
    suno.clock.advance(1.5)
    running = await fetched(suno, task_id)
    assert running["status"] == "IN_PROGRESS"
    assert [clip["status"] for clip in running["data"]] == ["streaming", "error"]
    suno.clock.advance(0.5)
    task = await fetched(suno, task_id)
    assert task["status"] == "FAILURE" and task["fail_reason"]
    assert [clip["status"] for clip in task["data"]] == ["complete", "error"]
    assert seconds(await suno.sound(task["data"][0]["audio_url"])) == pytest.approx(12.0, abs=0.1)


async def test_lyrics_fail_too(suno: Singer) -> None:
    task_id = await submitted(suno, {"prompt": "x"}, "lyrics", "task=fail")
    suno.clock.advance(1.0)
    task = await fetched(suno, task_id)
    assert task["status"] == "FAILURE" and task["data"]["error_message"] == task["fail_reason"] != ""


@pytest.mark.parametrize("simulate", ["speed=2000", "speed=2000,task=fail"])
async def test_the_hook_is_called_once_at_the_end(sandbox_url: str, simulate: str) -> None:
    """With the sandbox's own clock, for the end has to come by itself."""
    called: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        called.append(await request.json())
        return web.Response(status=500)

    app = web.Application()
    app.add_routes([web.post("/hook", take)])
    headers = {"Authorization": "Bearer sandbox", "x-pronghorn-simulate": simulate}
    async with served(app) as hooks, aiohttp.ClientSession(sandbox_url, headers=headers) as session:
        body = CUSTOM | {"notify_hook": f"{hooks}/hook"}
        async with session.post("/suno/submit/music", json=body) as response:
            task_id = (await response.json())["data"]
        for _ in range(100):
            if called:
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        async with session.get(f"/suno/fetch/{task_id}") as response:
            task = (await response.json())["data"]
    assert called == [task]
    assert task["status"] == ("FAILURE" if "fail" in simulate else "SUCCESS")
