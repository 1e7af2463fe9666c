"""What a Udio client does in both dialects: the bodies and answers of the protocol, at the exact prices."""

import asyncio
from typing import Any

import pytest
from tests.tasks.parts import nano
from tests.tasks.suno.stage import Caller, Json, Stage

from pronghorn.wire.udio import BLANK

pytestmark = pytest.mark.asyncio(loop_scope="module")

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
TASK_MEMBERS = {
    *("task_id", "action", "status", "fail_reason", "submit_time", "start_time", "finish_time"),
    *("progress", "songs", "data"),
}
NOBODYS = "0d1b8d62-7c7b-4f43-8f2e-8a9c1d6b1a70"


async def generated(caller: Caller, body: Json) -> list[Json]:
    """Its songs, once none of them is in the making any more; asked for from the first moment on."""
    answer = await caller.good("POST", "/udio/generate-proxy", body)
    assert set(answer) == {"message", "generation_id", "track_ids"}
    ids = answer["track_ids"]
    async with asyncio.timeout(30):
        while True:
            found = (await caller.good("GET", f"/udio/query?ids={','.join(ids)}"))["songs"]
            assert [song["id"] for song in found] == ids
            assert all(set(song) == set(BLANK) for song in found)
            assert {song["generation_id"] for song in found} == {answer["generation_id"]}
            if all(song["finished"] or song["error_detail"] for song in found):
                return list(found)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("vendor", ["", "udio", "udio_proxy"])
async def test_a_song_is_made_as_a_task(stage: Stage, vendor: str) -> None:
    caller = await stage.caller(vendor)
    task = await caller.made("/udio/submit/music", {"gen_params": PARAMS}, "udio")
    assert set(task) == TASK_MEMBERS
    assert (task["action"], task["progress"], task["fail_reason"]) == ("udio-generate", "100%", "")
    assert 0 < task["submit_time"] <= task["start_time"] <= task["finish_time"]
    assert len(task["songs"]) == 2
    assert task["data"] == {"songs": task["songs"]}
    for song in task["songs"]:
        assert set(song) == set(BLANK)
        assert (song["finished"], song["user_id"], song["duration"]) == (True, "", 32.0)
        assert "instrumental" in song["tags"]
        assert song["song_path"].startswith(f"{stage.url}/media/{task['task_id']}/")
    assert (await caller.file(task["songs"][1]["song_path"]))[0] == "audio/mpeg"
    assert await caller.spent() == nano("0.10")
    (row,) = await caller.rows()
    assert (row.endpoint, row.model, row.usage["kind"]) == ("udio", "udio", "music/32s")


@pytest.mark.parametrize("vendor", ["", "udio", "udio_proxy"])
async def test_songs_are_made_and_asked_for_by_their_ids(stage: Stage, vendor: str) -> None:
    caller = await stage.caller(vendor)
    songs = await generated(caller, {"prompt": PARAMS["prompt"], "lyrics_type": "generate"})
    assert [song["finished"] for song in songs] == [True, True]
    assert songs[0]["lyrics"]
    # The task's own id stands for both of its songs, and is known to the other dialect.
    task_id = songs[0]["generation_id"]
    assert (await caller.good("GET", f"/udio/query?ids={task_id}"))["songs"] == songs
    assert (await caller.good("GET", f"/udio/fetch/{task_id}"))["data"]["songs"] == songs
    assert await caller.spent() == nano("0.10")


@pytest.mark.parametrize(
    ("mode", "usd", "seconds"),
    [
        ("precede", "0.10", 64.0),
        ("continue", "0.10", 64.0),
        ("inpaint", "0.10", 32.0),
        ("remix", "0.10", 32.0),
    ],
)
@pytest.mark.parametrize("vendor", ["udio", "udio_proxy"])
async def test_a_song_is_gone_on_from(stage: Stage, vendor: str, mode: str, usd: str, seconds: float) -> None:
    caller = await stage.caller(vendor)
    song = (await generated(caller, {"gen_params": PARAMS}))[1]
    source = {"source_type": "song", "song_id": song["id"]}
    body = PARAMS | {
        "config": {"mode": mode, "context_length": 130, "source": source},
        "song_section_start": 0.4,
        "song_section_end": 0.6,
    }
    task = await caller.made("/udio/submit/music", {"gen_params": body}, "udio")
    assert [made["audio_conditioning_type"] for made in task["songs"]] == [mode, mode]
    assert task["songs"][0]["duration"] == seconds
    assert await caller.spent() == nano("0.10", usd)


async def test_what_fails_costs_nothing(stage: Stage) -> None:
    caller = await stage.caller()
    for prompt, reason in (
        ("fail", "Internal error while generating audio."),
        ("refuse", "Your prompt was flagged by moderation."),
    ):
        task = await caller.ended(await caller.submit("/udio/submit/music", {"prompt": prompt}), "udio")
        assert (task["status"], task["fail_reason"]) == ("FAILURE", reason)
        songs = await generated(caller, {"prompt": prompt})
        assert [song["error_detail"] for song in songs] == [reason, reason]
    assert await caller.spent() == 0


@pytest.mark.parametrize("vendor", ["", "udio", "udio_proxy"])
async def test_of_two_songs_the_good_one_is_delivered_and_the_call_is_paid(stage: Stage, vendor: str) -> None:
    caller = await stage.caller(vendor)
    songs = await generated(caller, {"prompt": "half"})
    assert [song["finished"] for song in songs] == [True, False]
    task = await caller.ended(songs[0]["generation_id"], "udio")
    assert (task["status"], task["fail_reason"]) == ("SUCCESS", "Internal error while generating audio.")
    assert [song["id"] for song in task["songs"]] == [songs[0]["id"]]
    assert await caller.spent() == nano("0.10")


async def test_without_a_channel_it_is_not_available(stage: Stage) -> None:
    caller = await stage.caller("nobody")
    for path in ("submit/music", "generate-proxy"):
        answer = await caller.call("POST", f"/udio/{path}", {"prompt": "x"})
        assert answer == (
            503,
            {"code": "channel_unavailable", "message": "udio is not available", "data": None},
        )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "submit/music", {}, 400, "invalid_request"),
        ("POST", "submit/music", {"gen_params": {"prompt": " "}}, 400, "invalid_request"),
        ("POST", "submit/music", {"gen_params": "x"}, 400, "invalid_request"),
        ("POST", "generate-proxy", {"prompt": "x", "lyrics_type": "user"}, 400, "invalid_request"),
        ("POST", "generate-proxy", {"prompt": "x", "prompt_strength": 1.5}, 400, "invalid_request"),
        ("POST", "generate-proxy", {"prompt": "x", "config": {"mode": "precede"}}, 400, "invalid_request"),
        ("POST", "generate-proxy", {"prompt": "x", "notify_hook": "http://10.0.0.1"}, 400, "invalid_request"),
        (
            "POST",
            "submit/music",
            {"gen_params": PARAMS | {"callback_url": "http://10.0.0.1"}},
            400,
            "invalid_request",
        ),
        (
            "POST",
            "submit/music",
            {"gen_params": PARAMS | {"Config": {"mode": "remix"}}},
            400,
            "invalid_request",
        ),
        ("GET", "query", None, 400, "invalid_request"),
        ("GET", f"query?ids={','.join(['x'] * 201)}", None, 400, "invalid_request"),
        ("GET", f"fetch/{NOBODYS}", None, 400, "task_not_exist"),
        ("GET", "nothing", None, 404, "invalid_request"),
        ("GET", "generate-proxy", None, 405, "invalid_request"),
    ],
)
async def test_a_wrong_request_is_refused(
    stage: Stage, method: str, path: str, body: Any, status: int, code: str
) -> None:
    caller = await stage.caller()
    found = await caller.refused(method, f"/udio/{path}", body)
    assert found[:2] == (status, code), found
    assert await caller.spent() == 0


async def test_what_is_somebody_elses_is_not_there(stage: Stage) -> None:
    owner, stranger = await stage.caller(), await stage.caller()
    songs = await generated(owner, {"prompt": "mine"})
    song, task_id = songs[0]["id"], songs[0]["generation_id"]
    assert (await stranger.refused("GET", f"/udio/fetch/{task_id}"))[:2] == (400, "task_not_exist")
    assert await stranger.good("GET", f"/udio/query?ids={song},{task_id},{NOBODYS}") == {"songs": []}
    body = {"prompt": "x", "config": {"mode": "remix", "source": {"source_type": "song", "song_id": song}}}
    assert (await stranger.refused("POST", "/udio/submit/music", body))[0] == 400
    # A song that a task does not have is as unknown to its owner.
    missing = song[:-1] + "9"
    assert await owner.good("GET", f"/udio/query?ids={missing}") == {"songs": []}
    body["config"]["source"]["song_id"] = missing  # type: ignore[index]
    assert (await owner.refused("POST", "/udio/submit/music", body))[0] == 400
    await owner.good("GET", f"/udio/query?ids={song}")


async def test_the_body_reaches_the_vendor_as_it_was_but_for_what_is_ours(stage: Stage) -> None:
    caller = await stage.caller("peer_udio")
    stage.peer.forget()
    upstream = "c1f0e6a2-5f43-4a7e-9f0c-7f4b9f4e2d31"
    stage.peer.will_answer("/udio/submit/music", {"code": "success", "message": "", "data": upstream})
    song = {"id": NOBODYS, "finished": True, "song_path": "https://storage.example/samples/umbrella.mp3"}
    task = {"task_id": upstream, "status": "SUCCESS", "songs": [song | {"user_id": "account-7", "likes": 3}]}
    stage.peer.will_answer(f"/udio/fetch/{upstream}", {"code": "success", "message": "", "data": task})
    hook = "http://127.0.0.1:9/mine"
    body = {"gen_params": PARAMS | {"invented": [1]}, "notify_hook": hook, "beside": {"a": 1}}
    made = await caller.made("/udio/submit/music", body, "udio")
    assert stage.peer.asked("/udio/submit/music") == [
        {"gen_params": PARAMS | {"invented": [1]}, "beside": {"a": 1}}
    ]
    (shown,) = made["songs"]
    assert (shown["likes"], shown["user_id"]) == (3, "")
    for secret in (upstream, NOBODYS, "storage.example", "account-7"):
        assert secret not in str(made)
    # What goes on from it names the song as its vendor does.
    source = {"source_type": "song", "song_id": shown["id"]}
    more = {"prompt": "on", "config": {"mode": "continue", "source": source}}
    await caller.made("/udio/submit/music", more, "udio")
    config = {"mode": "continue", "source": {"source_type": "song", "song_id": NOBODYS}}
    assert stage.peer.asked("/udio/submit/music")[-1] == {"gen_params": {"prompt": "on", "config": config}}
    assert await caller.spent() == nano("0.10", "0.10")


@pytest.mark.parametrize(
    ("length", "mode", "kind"),
    [("UDIO130-v1.5", " Remix", "remix/130s"), ("udio32-v1.5", "odd", "music/32s")],
)
async def test_what_a_server_may_make_of_it_is_what_it_is_priced_by(
    stage: Stage, length: str, mode: str, kind: str
) -> None:
    caller = await stage.caller("peer_udio")
    stage.peer.forget()
    stage.peer.will_answer("/udio/submit/music", {"code": "success", "message": "", "data": "t"})
    song = {"id": NOBODYS, "finished": True, "song_path": "https://storage.example/samples/umbrella.mp3"}
    task = {"task_id": "t", "status": "SUCCESS", "data": {"songs": [song]}}
    stage.peer.will_answer("/udio/fetch/t", {"code": "success", "message": "", "data": task})
    made = await caller.made("/udio/submit/music", {"prompt": "x"}, "udio")
    source = {"source_type": "song", "song_id": made["songs"][0]["id"]}
    body = {"prompt": "x", "model_type": length, "config": {"mode": mode, "source": source}}
    await caller.made("/udio/submit/music", body, "udio")
    sent = stage.peer.asked("/udio/submit/music")[-1]["gen_params"]
    assert (sent["model_type"], sent["config"]["mode"]) == (length, mode)
    assert (await caller.rows())[-1].usage["kind"] == kind
