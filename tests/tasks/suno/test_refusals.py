"""Requests that are refused before anybody is asked or paid, in the protocol's words and statuses."""

from typing import Any

import pytest
from tests.tasks.parts import nano
from tests.tasks.suno.stage import Json, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODYS = "b2a64f0e-0c5d-4e4f-8d43-1b2f1f0c7a55"
BODIES: list[tuple[str, Json, str, str]] = [
    ("music", {"prompt": "a", "gpt_description_prompt": "b"}, "invalid_request", "prompt must be empty"),
    ("music", {}, "invalid_request", "prompt_empty"),
    ("music", {"prompt": 7}, "invalid_request", "prompt must be a string"),
    ("music", {"prompt": "a", "mv": 5}, "invalid_request", "mv must be a string"),
    ("music", {"prompt": "a", "task": "cover"}, "invalid_request", "cover_clip_id is empty"),
    ("music", {"prompt": "a", "task": "extend"}, "invalid_request", "continue_clip_id is empty"),
    ("music", {"task": "artist_consistency", "prompt": "a"}, "invalid_request", "persona_id is empty"),
    (
        "music",
        {"prompt": "a", "continue_clip_id": NOBODYS},
        "invalid_request",
        "continue_clip_id: there is no",
    ),
    ("music", {"task": "cover", "cover_clip_id": NOBODYS}, "invalid_request", "cover_clip_id: there is no"),
    (
        "music",
        {"prompt": "a", "invented_clip_ids": [NOBODYS]},
        "invalid_request",
        "invented_clip_ids: there is",
    ),
    (
        "music",
        {"prompt": "a", "metadata_params": [{"cover_clip_id": NOBODYS}]},
        "invalid_request",
        "cover_clip_id: there is no",
    ),
    ("music", {"prompt": "a", "clip_ids": f"{NOBODYS},b"}, "invalid_request", "clip_ids: there is no"),
    ("music", {"prompt": "a", "other_clip_id": [NOBODYS]}, "invalid_request", "other_clip_id: there is no"),
    ("music", {"prompt": "a", "metadata": {"clips": [7, NOBODYS]}}, "invalid_request", "clips: there is no"),
    ("music", {"prompt": "a", "persona_id": NOBODYS}, "invalid_request", "persona_id: there is no"),
    ("music", {"prompt": "a", "task_id": NOBODYS}, "task_not_exist", "task_not_exist"),
    ("music", {"prompt": "a", "notify_hook": "http://10.0.0.1/x"}, "invalid_request", "private address"),
    (
        "music",
        {"task": "gen_stem", "continue_clip_id": NOBODYS, "Stem_task": "twelve"},
        "invalid_request",
        "Stem_task: write stem_task",
    ),
    ("music", {"prompt": "a", "COVER_CLIP_ID": NOBODYS}, "invalid_request", "write cover_clip_id"),
    ("music", {"prompt": "a", "continue_clip_ID": NOBODYS}, "invalid_request", "write continue_clip_id"),
    (
        "music",
        {"prompt": "a", "Invented_Clip_ID": NOBODYS},
        "invalid_request",
        "Invented_Clip_ID: there is no",
    ),
    ("music", {"prompt": "a", "webhook_url": "http://10.0.0.1/x"}, "invalid_request", "private address"),
    ("lyrics", {"prompt": " "}, "invalid_request", "prompt_empty"),
    ("concat", {}, "invalid_request", "clip_id is empty"),
    ("concat", {"clip_id": NOBODYS}, "invalid_request", "clip_id: there is no"),
    ("describe", {"prompt": "a"}, "invalid_request", "invalid_action"),
]


@pytest.mark.parametrize(("action", "body", "code", "message"), BODIES)
async def test_a_wrong_body_is_refused(
    stage: Stage, action: str, body: Json, code: str, message: str
) -> None:
    caller = await stage.caller()
    status, word, said = await caller.refused("POST", f"/suno/submit/{action}", body)
    assert (status, word) == (400, code)
    assert message in said
    assert await caller.spent() == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", f"/suno/fetch/{NOBODYS}", None, 400, "task_not_exist"),
        ("POST", "/suno/fetch", {"ids": "one"}, 400, "invalid_request"),
        ("POST", "/suno/fetch", {"ids": [str(n) for n in range(1001)]}, 400, "invalid_request"),
        ("POST", "/suno/uploads/audio-url", {}, 400, "invalid_request"),
        ("POST", "/suno/uploads/audio-url", {"url": "http://192.168.1.1/a.mp3"}, 400, "invalid_request"),
        ("POST", "/suno/uploads/audio-url", {"url": "http://[::1]/a.mp3"}, 400, "invalid_request"),
        ("POST", "/suno/uploads/audio-url", {"url": "file:///etc/passwd"}, 400, "invalid_request"),
        ("POST", "/suno/uploads/audio", {"extension": "mp3"}, 415, "invalid_request"),
        ("POST", "/suno/persona/create", {"name": "x"}, 400, "invalid_request"),
        ("POST", "/suno/persona/create", {"name": "x", "root_clip_id": NOBODYS}, 400, "invalid_request"),
        ("POST", "/suno/act/tags", {"original_tags": ""}, 400, "invalid_request"),
        ("GET", f"/suno/act/wav/{NOBODYS}", None, 400, "invalid_request"),
        ("POST", f"/suno/act/vox/{NOBODYS}", {"clip_id": "other"}, 400, "invalid_request"),
        ("GET", "/suno/nothing", None, 404, "invalid_request"),
        ("GET", "/suno/submit/music", None, 405, "invalid_request"),
    ],
)
async def test_a_wrong_request_is_refused(
    stage: Stage, method: str, path: str, body: Any, status: int, code: str
) -> None:
    caller = await stage.caller()
    found = await caller.refused(method, path, body)
    assert found[:2] == (status, code), found
    assert await caller.spent() == 0


async def test_a_link_of_ours_must_be_whole(stage: Stage) -> None:
    """Another path of the gateway itself is a private address like any other."""
    caller = await stage.caller()
    for path in ("/manage/v1", "/media/a/0.mp3/0123456789abcdef0123456789abcdef", "/media/../manage/v1/abc"):
        status, code, _ = await caller.refused("POST", "/suno/uploads/audio-url", {"url": stage.url + path})
        assert (status, code) == (400, "invalid_request")


async def test_a_key_that_is_none_is_refused_in_the_same_envelope(stage: Stage) -> None:
    caller = await stage.caller()
    for key in ("Bearer sk-unknown", ""):
        async with caller.http.post("/suno/submit/music", json={}, headers={"authorization": key}) as answer:
            body = await answer.json()
            assert (answer.status, body["code"], body["data"]) == (401, "invalid_request", None)


async def test_without_money_nothing_is_asked(stage: Stage) -> None:
    caller = await stage.caller(usd=0.05)
    status, code, _ = await caller.refused("POST", "/suno/submit/music", {"prompt": "dear"})
    assert (status, code) == (403, "quota_not_enough")
    await caller.made("/suno/submit/lyrics", {"prompt": "cheap"})
    assert await caller.spent() == nano("0.01")


async def test_without_a_channel_there_is_no_provider(stage: Stage) -> None:
    caller = await stage.caller("nobody")
    status, code, _ = await caller.refused("POST", "/suno/submit/music", {"prompt": "x"})
    assert (status, code) == (503, "provider_not_found")


async def test_what_is_somebody_elses_is_not_there(stage: Stage) -> None:
    owner, stranger = await stage.caller(), await stage.caller()
    task = await owner.made("/suno/submit/music", {"prompt": "mine", "tags": "x"})
    clip = task["data"][0]["id"]
    unknown = await stranger.refused("GET", f"/suno/fetch/{task['task_id']}")
    assert unknown[:2] == (400, "task_not_exist")
    for path, body in (
        ("/suno/submit/music", {"task": "extend", "continue_clip_id": clip, "prompt": "a"}),
        ("/suno/submit/music", {"task": "extend", "continue_clip_id": clip, "task_id": task["task_id"]}),
        ("/suno/submit/concat", {"clip_id": clip}),
        ("/suno/persona/create", {"root_clip_id": clip, "name": "stolen"}),
        (f"/suno/act/vox/{clip}", {"clip_id": clip}),
    ):
        assert (await stranger.refused("POST", path, body))[0] == 400
    assert await stranger.spent() == 0


async def test_the_vendors_refusal_is_told_and_costs_nothing(stage: Stage) -> None:
    caller = await stage.caller()
    clip = (await caller.made("/suno/submit/music", {"prompt": "a song", "tags": "x"}))["data"][0]["id"]
    status, code, message = await caller.refused("POST", "/suno/submit/concat", {"clip_id": clip})
    assert (status, code) == (400, "invalid_request")
    assert message == "only clips that continue another one can be joined with it"
    assert await caller.spent() == nano("0.10")
