"""Live keys: what each kind of server is sent, byte for byte where the protocol is its own, and what comes of it."""

from typing import Any

import pytest
from tests.tasks.parts import nano
from tests.tasks.suno.stage import CREDENTIAL, Caller, Json, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIP = "b2a64f0e-0c5d-4e4f-8d43-1b2f1f0c7a55"
UPSTREAM = "5f0c9a14-58be-4f0e-9b37-6d4a4f8a2c10"
SAMPLE: Json = {
    "id": CLIP,
    "title": "Night Train",
    "status": "complete",
    "metadata": {
        "tags": "synthpop, female vocals",
        "prompt": "[Verse]\nRails are humming",
        "duration": 182.44,
        "type": "gen",
        "stream": True,
        "error_type": None,
        "error_message": None,
        "audio_prompt_id": None,
        "gpt_description_prompt": None,
    },
    "audio_url": f"https://cdn1.suno.ai/{CLIP}.mp3",
    "image_url": f"https://cdn2.suno.ai/image_{CLIP}.jpeg",
    "image_large_url": f"https://cdn2.suno.ai/image_large_{CLIP}.jpeg",
    "video_url": "",
    "model_name": "chirp-crow",
    "major_model_version": "v5",
    "handle": "someone",
    "user_id": "account-7",
}


def success(data: Any) -> Json:
    return {"code": "success", "message": "", "data": data}


def row(status: str, **more: Any) -> Json:
    task = {"task_id": UPSTREAM, "action": "MUSIC", "status": status, "fail_reason": "", "progress": "100%"}
    return task | {"submit_time": 1, "start_time": 2, "finish_time": 3, "data": [SAMPLE]} | more


async def sung(stage: Stage, caller: Caller, **more: Any) -> Json:
    """A finished song of the scripted server."""
    stage.peer.forget()
    stage.peer.will_answer("/suno/submit/music", success(UPSTREAM))
    stage.peer.will_answer("/suno/fetch", success([row("SUCCESS")]))
    body = {"prompt": "[Verse]\nRails", "tags": "synthpop", "title": "Night Train"}
    return await caller.made("/suno/submit/music", body | more)


async def test_the_body_reaches_the_vendor_as_it_was_but_for_what_is_ours(stage: Stage) -> None:
    caller = await stage.caller("peer_suno")
    more = {
        "mv": "chirp-v5",
        "notify_hook": "http://127.0.0.1:9/mine",
        "callBackUrl": "http://127.0.0.1:9/mine",
        "invented_tomorrow": {"deep": [1, 2.5, None]},
        "vocal_gender": "f",
    }
    task = await sung(stage, caller, **more)
    method, path, headers, body = stage.peer.seen[0]
    assert (method, path, headers["Authorization"]) == ("POST", "/suno/submit/music", f"Bearer {CREDENTIAL}")
    assert body == {
        "prompt": "[Verse]\nRails",
        "tags": "synthpop",
        "title": "Night Train",
        "mv": "chirp-crow",
        "invented_tomorrow": {"deep": [1, 2.5, None]},
        "vocal_gender": "f",
    }
    assert stage.peer.asked("/suno/fetch")[0] == {"ids": [UPSTREAM]}
    assert task["notify_hook"] == "http://127.0.0.1:9/mine"
    assert task["task_id"] != UPSTREAM
    (clip,) = task["data"]
    kept = {name: value for name, value in SAMPLE.items() if name not in ("handle", "user_id")}
    base = f"{stage.url}/media/{task['task_id']}/0"
    assert clip["audio_url"].startswith(f"{base}.mp3/")
    assert clip["image_large_url"].startswith(f"{base}.large.jpeg/")
    links = ("audio_url", "image_url", "image_large_url")
    assert {name: clip[name] for name in clip if name not in links} == {
        name: value for name, value in kept.items() if name not in links
    }
    assert "suno.ai" not in str(task) and UPSTREAM not in str(task)
    assert await caller.spent() == nano("0.10")


async def test_the_operator_says_which_version_is_meant_without_one(stage: Stage) -> None:
    caller = await stage.caller("peer_suno")
    await sung(stage, caller)
    assert stage.peer.asked("/suno/submit/music")[0]["mv"] == "chirp-auk"
    await stage.set_channel("chn_peer_suno", models={"suno": "chirp-fenix"})
    await sung(stage, caller)
    assert stage.peer.asked("/suno/submit/music")[0]["mv"] == "chirp-fenix"
    await stage.set_channel("chn_peer_suno", models={"suno": "suno"})


async def test_an_extension_names_the_vendors_task(stage: Stage) -> None:
    caller = await stage.caller("peer_suno")
    task = await sung(stage, caller)
    for named in ({"task_id": task["task_id"]}, {}):
        body = {
            "task": "extend",
            "continue_clip_id": CLIP,
            "continue_at": 96.5,
            "mv": "chirp-bluejay",
        } | named
        await caller.submit("/suno/submit/music", body)
        assert stage.peer.asked("/suno/submit/music")[-1] == body | {"task_id": UPSTREAM}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"continue_clip_id": CLIP, "continue_at": 96.5}, "extend"),
        ({"task": "Extend", "continue_clip_id": CLIP}, "extend"),
        ({"task": "GEN_STEM ", "continue_clip_id": CLIP, "stem_task": " Twelve"}, "stems/all"),
        ({"task": "Cover", "cover_clip_id": CLIP}, "cover"),
        ({"task": "invented", "tags": "x"}, "music"),
    ],
)
async def test_what_a_server_may_make_of_it_is_what_it_is_priced_by(
    stage: Stage, body: Json, kind: str
) -> None:
    caller = await stage.caller("peer_suno")
    await sung(stage, caller)
    await caller.made("/suno/submit/music", body)
    assert stage.peer.asked("/suno/submit/music")[-1].get("task") == body.get("task")
    assert (await caller.rows())[-1].usage["kind"] == kind


async def test_files_and_words_are_asked_of_the_account_that_has_the_clip(stage: Stage) -> None:
    caller = await stage.caller("peer_suno")
    await sung(stage, caller)
    words = {
        "aligned_words": [{"word": "Rails ", "success": True, "start_s": 1.0, "end_s": 1.5, "p_align": 1.0}]
    }
    stage.peer.will_answer(f"/suno/act/timing/{CLIP}", words)
    stage.peer.will_answer(f"/suno/act/vox/{CLIP}", {"detail": "no voice"}, status=422)
    assert await caller.good("GET", f"/suno/act/timing/{CLIP}") == words
    # The answers of these have no envelope, and what is wrong is told as it was said.
    assert await caller.call("POST", f"/suno/act/vox/{CLIP}", {"clip_id": CLIP}) == (
        422,
        {"detail": "no voice"},
    )
    assert [(seen[0], seen[1]) for seen in stage.peer.seen[-2:]] == [
        ("GET", f"/suno/act/timing/{CLIP}"),
        ("POST", f"/suno/act/vox/{CLIP}"),
    ]
    assert await caller.spent() == nano("0.10", "0.01")


async def test_a_file_that_takes_long_is_a_task(stage: Stage) -> None:
    caller = await stage.caller("peer_suno")
    await sung(stage, caller)
    stage.peer.will_answer(f"/suno/act/wav/{CLIP}", success("wav-task"))
    file = {"wav_file_url": "https://cdn1.suno.ai/a.wav"}
    stage.peer.replies["/suno/fetch"] = [(200, success([row("SUCCESS", task_id="wav-task", data=file)]))]
    answer = await caller.good("GET", f"/suno/act/wav/{CLIP}")
    task = await caller.ended(answer["data"])
    assert task["data"]["wav_file_url"].startswith(f"{stage.url}/media/{task['task_id']}/")
    assert await caller.spent() == nano("0.10", "0.01")


async def test_a_server_that_lost_its_channel_is_not_replaced_by_another(stage: Stage) -> None:
    caller = await stage.caller("peer_suno")
    await sung(stage, caller)
    await stage.set_channel("chn_peer_suno", credentials=stage.gateway.secrets.seal('["another"]'))
    status, code, _ = await caller.refused("POST", "/suno/submit/concat", {"clip_id": CLIP})
    assert (status, code) == (400, "channel_not_found")
    await stage.set_channel("chn_peer_suno", credentials=stage.gateway.secrets.seal(f'["{CREDENTIAL}"]'))


@pytest.mark.parametrize(
    ("status", "reply", "told"),
    [
        (
            400,
            {"code": "invalid_request", "message": "bad tags", "data": None},
            (400, "invalid_request", "bad tags"),
        ),
        (400, {"code": 400, "message": "bad tags", "data": {"x": 1}}, (400, "invalid_request", "bad tags")),
        (
            401,
            {"code": "invalid_request", "message": f"wrong key {CREDENTIAL}"},
            (502, "fail_to_fetch_task", ""),
        ),
        (403, {"code": "quota_not_enough", "message": "pay"}, (502, "fail_to_fetch_task", "")),
        (429, {"code": "busy", "message": "slow down"}, (429, "fail_to_fetch_task", "")),
        (
            500,
            {"code": "do_request_failed", "message": 'Post "https://secret.example/x": dial tcp'},
            (502, "", ""),
        ),
        (200, {"code": "internal_error", "message": "oops"}, (502, "fail_to_fetch_task", "oops")),
        (404, None, (400, "invalid_request", "cannot do")),
    ],
)
async def test_what_a_vendor_refuses_costs_nothing_and_says_no_secret(
    stage: Stage, status: int, reply: Any, told: tuple[int, str, str]
) -> None:
    caller = await stage.caller("peer_suno")
    stage.peer.forget()
    stage.peer.will_answer("/suno/submit/music", reply, status)
    found, code, message = await caller.refused("POST", "/suno/submit/music", {"prompt": "x", "tags": "y"})
    assert found == told[0]
    assert told[1] in code and told[2] in message
    assert CREDENTIAL not in message and "secret.example" not in message and "127.0.0.1" not in message
    assert await caller.spent() == 0
    await stage.gateway.loader.refresh()
    for channel in stage.gateway.loader.snapshot.channels:
        if channel.vitals is not None:
            channel.vitals.channel.reset()
        for health in channel.healths:
            health.reset()


async def test_what_one_server_cannot_do_is_asked_of_the_next(stage: Stage) -> None:
    """gcui-art's has no persona and no vocal gender; the next one has."""
    await stage.set_channel("chn_suno_gcui", groups=["suno_gcui", "both"], priority=5)
    await stage.set_channel("chn_suno", groups=["suno", "both"])
    caller = await stage.caller("both")
    await caller.made("/suno/submit/music", {"prompt": "a", "tags": "b", "title": "c", "vocal_gender": "f"})
    (logged,) = await caller.rows()
    assert [attempt["channel"] for attempt in logged.attempts] == ["chn_suno_gcui", "chn_suno"]
    assert await caller.spent() == nano("0.10")


async def test_gcui_sings_writes_goes_on_and_joins(stage: Stage) -> None:
    caller = await stage.caller("suno_gcui")
    task = await caller.made(
        "/suno/submit/music", {"gpt_description_prompt": "night train", "mv": "chirp-v4"}
    )
    assert len(task["data"]) == 2
    clip = task["data"][0]
    assert (clip["status"], clip["model_name"], clip["metadata"]["duration"]) == (
        "complete",
        "chirp-v4",
        30.0,
    )
    assert clip["metadata"]["prompt"] and clip["metadata"]["gpt_description_prompt"] == "night train"
    custom = await caller.made("/suno/submit/music", {"prompt": "[Verse]\nx", "tags": "jazz", "title": "T"})
    assert custom["data"][0]["metadata"]["tags"] == "jazz"
    body = {"task": "extend", "continue_clip_id": clip["id"], "continue_at": 12, "prompt": "[Verse]\nmore"}
    more = await caller.made("/suno/submit/music", body)
    joined = await caller.made("/suno/submit/concat", {"clip_id": more["data"][0]["id"]})
    assert joined["data"][0]["metadata"]["duration"] == 12 + 30.0
    stems = {
        "task": "gen_stem",
        "continue_clip_id": clip["id"],
        "stem_task": "two",
        "make_instrumental": True,
    }
    assert len((await caller.made("/suno/submit/music", stems))["data"]) == 2
    lyrics = await caller.made("/suno/submit/lyrics", {"prompt": "robot"})
    assert lyrics["data"]["text"]
    assert (await caller.good("GET", f"/suno/act/timing/{clip['id']}"))["aligned_words"]
    prices = ("0.10", "0.10", "0.10", "0.02", "0.05", "0.01", "0.01")
    assert await caller.spent() == nano(*prices)
    cover = {"task": "cover", "cover_clip_id": clip["id"], "tags": "x"}
    status, code, message = await caller.refused("POST", "/suno/submit/music", cover)
    assert (status, code) == (400, "invalid_request") and "cover_clip_id" in message
    assert await caller.spent() == nano(*prices)


async def test_gcui_fails_as_its_clips_do(stage: Stage) -> None:
    caller = await stage.caller("suno_gcui")
    lost = await caller.ended(await caller.submit("/suno/submit/music", {"prompt": "refuse", "tags": "x"}))
    assert (lost["status"], lost["fail_reason"]) == ("FAILURE", "Your prompt was flagged by moderation.")
    half = await caller.ended(await caller.submit("/suno/submit/music", {"prompt": "half", "tags": "x"}))
    assert (half["status"], len(half["data"])) == ("SUCCESS", 1)
    assert await caller.spent() == nano("0.10")


async def test_sunoapi_sings_writes_goes_on_and_covers(stage: Stage) -> None:
    caller = await stage.caller("suno_sunoapi")
    task = await caller.made(
        "/suno/submit/music", {"gpt_description_prompt": "night train", "mv": "chirp-crow"}
    )
    assert len(task["data"]) == 2
    clip = task["data"][0]
    assert (clip["status"], clip["metadata"]["duration"], clip["major_model_version"]) == (
        "complete",
        30.0,
        "v5",
    )
    assert (await caller.file(clip["audio_url"]))[0] == "audio/mpeg"
    custom = {
        "prompt": "[Verse]\nx",
        "tags": "jazz",
        "title": "T",
        "mv": "V4_5PLUS",
        "metadata": {"control_sliders": {"style_weight": 0.4}},
    }
    assert (await caller.made("/suno/submit/music", custom))["data"][0]["metadata"]["tags"] == "jazz"
    extend = {
        "task": "extend",
        "continue_clip_id": clip["id"],
        "continue_at": 12,
        "prompt": "[Verse]\nmore",
        "tags": "x",
        "title": "y",
    }
    await caller.made("/suno/submit/music", extend)
    cover = {
        "task": "cover",
        "cover_clip_id": clip["id"],
        "tags": "swing",
        "title": "Cover",
        "prompt": "[V]\nz",
    }
    await caller.made("/suno/submit/music", cover)
    lyrics = await caller.made("/suno/submit/lyrics", {"prompt": "robot"})
    assert lyrics["data"]["text"] and lyrics["data"]["status"] == "complete"
    lost = await caller.ended(
        await caller.submit("/suno/submit/music", {"prompt": "refuse", "tags": "x", "title": "y"})
    )
    assert (lost["status"], lost["fail_reason"]) == ("FAILURE", "Your prompt was flagged by moderation.")
    assert await caller.spent() == nano("0.10", "0.10", "0.10", "0.10", "0.01")


async def test_the_same_protocol_at_another_gateway(stage: Stage) -> None:
    """A live channel to the sandbox's own task API, with all stems and an upload."""
    caller = await stage.caller("suno")
    clip = (await caller.made("/suno/submit/music", {"gpt_description_prompt": "a train"}))["data"][0]
    stems = {"task": "gen_stem", "continue_clip_id": clip["id"], "stem_task": "twelve"}
    assert len((await caller.made("/suno/submit/music", stems))["data"]) == 12
    assert await caller.submit("/suno/uploads/audio-url", {"url": clip["audio_url"]})
    assert await caller.spent() == nano("0.10", "0.20", "0.02")
