"""Services in the style of sunoapi.org: requests in camel case, codes, and each kind of record."""

from typing import Any

import pytest

from pronghorn.vendors.suno_sunoapi import NOWHERE, Service
from pronghorn.vendors.task import Ask, Declined, Parent, Submission

SERVICE = Service()
SOUND = "https://cdn.example/c.mp3"
MADE = Parent("up-1", [{"id": "c", "audio_url": SOUND}])


def wanted(action: str = "music", callback: str = "https://us.example/hook", **body: Any) -> Submission:
    return Submission(
        task_id="ours",
        action=action,
        body=body,
        model="suno",
        parent=MADE,
        parts={"c": MADE},
        callback_url=callback,
    )


def song(audio: str = SOUND, stream: str = "https://cdn.example/stream", **more: Any) -> dict[str, Any]:
    found = {"id": "c", "audioUrl": audio, "streamAudioUrl": stream, "imageUrl": "https://cdn.example/i.jpeg"}
    return (
        found
        | {"prompt": "la", "modelName": "chirp-crow", "title": "T", "tags": "x", "duration": "30.5"}
        | more
    )


def record(status: str, response: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "code": 200,
        "msg": "success",
        "data": {"taskId": "1", "status": status, "response": response} | more,
    }


@pytest.mark.parametrize(
    ("body", "path", "sent"),
    [
        (
            {"gpt_description_prompt": "a train", "mv": "chirp-crow"},
            "",
            {"customMode": False, "instrumental": False, "prompt": "a train", "model": "V5"},
        ),
        (
            {
                "prompt": "[V]",
                "tags": "jazz",
                "title": "T",
                "negative_tags": "metal",
                "mv": "chirp-auk-turbo",
                "vocal_gender": "f",
                "metadata": {"control_sliders": {"style_weight": 0.3, "audio_weight": 1}},
            },
            "",
            {
                "customMode": True,
                "instrumental": False,
                "prompt": "[V]",
                "style": "jazz",
                "title": "T",
                "model": "V4_5ALL",
                "negativeTags": "metal",
                "vocalGender": "f",
                "styleWeight": 0.3,
                "audioWeight": 1,
            },
        ),
        (
            {"prompt": "", "tags": "jazz", "title": "T"},
            "",
            {"customMode": True, "instrumental": True, "style": "jazz", "title": "T", "model": "V4_5"},
        ),
        (
            {"task": "extend", "continue_clip_id": "c", "continue_at": 9, "prompt": "[V]"},
            "/extend",
            {"audioId": "c", "defaultParamFlag": True, "prompt": "[V]", "continueAt": 9, "model": "V4_5"},
        ),
        (
            {"task": "extend", "continue_clip_id": "c", "mv": "chirp-v9"},
            "/extend",
            {"audioId": "c", "defaultParamFlag": False, "model": "chirp-v9"},
        ),
        (
            {"task": "cover", "cover_clip_id": "c", "prompt": "[V]", "tags": "swing", "title": "T"},
            "/upload-cover",
            {
                "uploadUrl": SOUND,
                "customMode": True,
                "instrumental": False,
                "prompt": "[V]",
                "style": "swing",
                "title": "T",
                "model": "V4_5",
            },
        ),
        (
            {"task": "upload_extend", "continue_clip_id": "c", "continue_at": 9, "prompt": "[V]"},
            "/upload-extend",
            {
                "uploadUrl": SOUND,
                "defaultParamFlag": True,
                "instrumental": False,
                "prompt": "[V]",
                "continueAt": 9,
                "model": "V4_5",
            },
        ),
        (
            {
                "task": "artist_consistency",
                "persona_id": "p",
                "artist_clip_id": "c",
                "prompt": "[V]",
                "tags": "x",
            }
            | {"title": "T"},
            "",
            {
                "customMode": True,
                "instrumental": False,
                "prompt": "[V]",
                "style": "x",
                "title": "T",
                "model": "V4_5",
                "personaId": "p",
            },
        ),
        (
            {"task": "underpainting", "underpainting_clip_id": "c", "tags": "strings", "title": "T"},
            "/add-instrumental",
            {"uploadUrl": SOUND, "title": "T", "tags": "strings", "model": "V4_5"},
        ),
        (
            {"task": "overpainting", "overpainting_clip_id": "c", "tags": "pop", "prompt": "la"},
            "/add-vocals",
            {"uploadUrl": SOUND, "prompt": "la", "style": "pop", "model": "V4_5"},
        ),
    ],
)
def test_music_is_in_its_words(body: dict[str, Any], path: str, sent: dict[str, Any]) -> None:
    sent = sent | {"callBackUrl": "https://us.example/hook"}
    assert SERVICE.submit(wanted(**body)) == Ask("POST", f"/api/v1/generate{path}", sent)


def test_the_other_actions_are_in_its_words() -> None:
    hook = {"callBackUrl": NOWHERE}
    assert SERVICE.submit(wanted("lyrics", "", prompt="x")) == Ask(
        "POST", "/api/v1/lyrics", {"prompt": "x"} | hook
    )
    of_song = {"taskId": "up-1", "audioId": "c"}
    for act in ("wav", "mp4"):
        assert SERVICE.submit(wanted(act, "", clip_id="c")) == Ask(
            "POST", f"/api/v1/{act}/generate", of_song | hook
        )
    assert SERVICE.submit(wanted("persona", root_clip_id="c", name="N", description="D")) == Ask(
        "POST", "/api/v1/generate/generate-persona", of_song | {"name": "N", "description": "D"}
    )


@pytest.mark.parametrize(
    "body",
    [
        {"task": "infill", "continue_clip_id": "c", "prompt": "x"},
        {"task": "gen_stem", "continue_clip_id": "c"},
        {"task": "cover", "cover_clip_id": "unknown", "tags": "x", "title": "y"},
        {"prompt": "words alone"},
        {"gpt_description_prompt": "a", "title": "T"},
        {"prompt": "x", "tags": "y", "title": "z", "invented": 1},
        {"prompt": "x", "tags": "y", "title": "z", "metadata": {"invented": 1}},
    ],
)
def test_what_it_cannot_carry_is_left_to_another_channel(body: dict[str, Any]) -> None:
    with pytest.raises(Declined) as refusal:
        SERVICE.submit(wanted(**body))
    assert refusal.value.fault == "unable"


@pytest.mark.parametrize(
    ("action", "upstream_id", "path"),
    [
        ("music", "1", "/api/v1/generate/record-info?taskId=1"),
        ("lyrics", "lyrics/1", "/api/v1/lyrics/record-info?taskId=1"),
        ("wav", "wav/c/1", "/api/v1/wav/record-info?taskId=1"),
        ("mp4", "mp4/c/1", "/api/v1/mp4/record-info?taskId=1"),
    ],
)
def test_a_task_is_asked_after_at_its_own_record(action: str, upstream_id: str, path: str) -> None:
    reply = {"code": 200, "msg": "success", "data": {"taskId": "1"}}
    assert SERVICE.accepted(wanted(action, clip_id="c"), 200, reply).upstream_id == upstream_id
    assert SERVICE.poll([upstream_id]) == Ask("GET", path)


@pytest.mark.parametrize(
    ("status", "songs", "state"),
    [
        ("PENDING", [], "queued"),
        ("TEXT_SUCCESS", [song("", "")], "running"),
        ("FIRST_SUCCESS", [song(), song("")], "running"),
        ("SUCCESS", [song(), song()], "succeeded"),
        ("SUCCESS", [], "running"),
        ("CREATE_TASK_FAILED", [], "failed"),
        ("GENERATE_AUDIO_FAILED", [], "failed"),
        ("SENSITIVE_WORD_ERROR", None, "failed"),
        ("SOMETHING_NEW_FAILED", None, "failed"),
        ("CALLBACK_EXCEPTION", [song(), song()], "succeeded"),
        ("CALLBACK_EXCEPTION", [song(), song("")], "running"),
        ("Sensitive_Word_Error", None, "failed"),
        ("first_success", [song(), song("")], "running"),
        ("something_new_failed", None, "failed"),
        ("SUCCESS", [song("", sourceAudioUrl=SOUND)], "succeeded"),
        ("SUCCESS", 7, "running"),
        ("SOMETHING_NEW", [], None),
    ],
)
def test_all_states_of_songs(status: str, songs: Any, state: str | None) -> None:
    found = SERVICE.progress(
        ["1"], 200, record(status, {"taskId": "1", "sunoData": songs}, errorMessage="oops")
    )
    assert found["1"].state == state
    assert found["1"].reason == ("oops" if state == "failed" else "")


@pytest.mark.parametrize(
    ("kind", "member"), [("wav", "audioWavUrl"), ("mp4", "videoUrl"), ("wav", "audio_wav_url")]
)
@pytest.mark.parametrize(
    ("flag", "has_file", "state"),
    [
        ("PENDING", False, "queued"),
        ("SUCCESS", True, "succeeded"),
        ("SUCCESS", False, "running"),
        # That nobody took their callback says nothing of the file.
        ("CALLBACK_EXCEPTION", True, "succeeded"),
        ("CALLBACK_EXCEPTION", False, "running"),
        ("GENERATE_WAV_FAILED", False, "failed"),
    ],
)
def test_the_record_of_a_file_has_a_flag_for_its_state(
    kind: str, member: str, flag: str, has_file: bool, state: str
) -> None:
    response = {member: "https://cdn.example/a"} if has_file else None
    data = {"taskId": "1", "successFlag": flag, "response": response, "errorMessage": None}
    found = SERVICE.progress([f"{kind}/c/1"], 200, {"code": 200, "data": data})[f"{kind}/c/1"]
    assert (found.state, found.reason) == (state, flag if state == "failed" else "")


def test_a_song_has_the_long_form() -> None:
    found = SERVICE.progress(["1"], 200, record("SUCCESS", {"sunoData": [song(), song("", id="lost")]}))["1"]
    clip, lost = found.data
    assert (clip["status"], clip["audio_url"], clip["major_model_version"]) == ("complete", SOUND, "v5")
    assert (clip["metadata"]["duration"], clip["metadata"]["prompt"], clip["metadata"]["tags"]) == (
        30.5,
        "la",
        "x",
    )
    assert (lost["id"], lost["status"]) == ("lost", "error")


def test_a_song_plays_while_it_is_made() -> None:
    found = SERVICE.progress(["1"], 200, record("TEXT_SUCCESS", {"sunoData": [song("")]}))["1"]
    assert (found.data[0]["status"], found.data[0]["audio_url"]) == (
        "streaming",
        "https://cdn.example/stream",
    )


def test_lyrics_and_files_have_records_of_their_own() -> None:
    texts = [{"text": "", "title": ""}, {"text": "la", "title": "T", "status": "complete"}]
    found = SERVICE.progress(["lyrics/1"], 200, record("SUCCESS", {"data": texts}))["lyrics/1"]
    assert (found.state, found.data) == (
        "succeeded",
        {"id": "1", "status": "complete", "title": "T", "text": "la"},
    )
    failed = SERVICE.progress(["lyrics/1"], 200, record("GENERATE_LYRICS_FAILED", None, errorMessage="no"))
    assert (failed["lyrics/1"].state, failed["lyrics/1"].reason) == ("failed", "no")
    wav = SERVICE.progress(["wav/c/1"], 200, record("SUCCESS", {"audioWavUrl": "https://cdn.example/a.wav"}))
    assert wav["wav/c/1"].data == {
        "act": "wav",
        "clip_id": "c",
        "answer": {"wav_file_url": "https://cdn.example/a.wav"},
    }
    mp4 = SERVICE.progress(["mp4/c/1"], 200, record("GENERATE_MP4_FAILED", None, errorMessage="no"))
    assert (mp4["mp4/c/1"].state, mp4["mp4/c/1"].reason) == ("failed", "no")


def test_a_persona_is_there_at_once() -> None:
    reply = {"code": 200, "msg": "success", "data": {"personaId": "p", "name": "N", "description": "D"}}
    made = SERVICE.accepted(wanted("persona", root_clip_id="c", name="N"), 200, reply)
    assert (made.upstream_id, made.state, made.data["id"], made.data["root_clip_id"]) == (
        "",
        "succeeded",
        "p",
        "c",
    )


@pytest.mark.parametrize(
    ("status", "reply", "fault"),
    [
        (200, {"code": 400, "msg": "bad"}, "request"),
        (200, {"code": 413, "msg": "too long"}, "request"),
        (200, {"code": 401, "msg": "who"}, "account"),
        (200, {"code": 402, "msg": "pay"}, "account"),
        (200, {"code": 429, "msg": "Insufficient credits"}, "account"),
        (200, {"code": 429, "msg": "too many"}, "busy"),
        (200, {"code": 430, "msg": "too often"}, "busy"),
        (200, {"code": 455, "msg": "maintenance"}, "vendor"),
        (200, {"code": 500, "msg": "oops"}, "vendor"),
        (200, {"code": "402", "msg": "pay"}, "account"),
        (200, {"code": "oops", "msg": "oops"}, "vendor"),
        (404, None, "vendor"),
    ],
)
def test_whose_fault_it_is(status: int, reply: Any, fault: str) -> None:
    with pytest.raises(Declined) as refusal:
        SERVICE.accepted(wanted(prompt="x"), status, reply)
    assert refusal.value.fault == fault


@pytest.mark.parametrize(("data", "upstream_id"), [({"taskId": "1"}, "1"), ("1", "1"), (None, ""), ({}, "")])
@pytest.mark.parametrize("code", [200, "200"])
def test_what_it_has_taken_is_asked_of_nobody_else(code: Any, data: Any, upstream_id: str) -> None:
    accepted = SERVICE.accepted(wanted(prompt="x"), 200, {"code": code, "msg": "success", "data": data})
    assert accepted.upstream_id == upstream_id


def test_a_task_that_it_does_not_know() -> None:
    assert SERVICE.progress(["1"], 404, {"code": 404, "msg": "none", "data": None}) == {}
    assert SERVICE.progress(["1"], 200, {"code": "404", "msg": "none", "data": None}) == {}
    replies: list[Any] = [None, [], {"code": 500}, {"code": 200, "data": None}]
    for reply in replies:
        with pytest.raises(ValueError):
            SERVICE.progress(["1"], 200, reply)


def test_only_the_callback_of_songs_says_which_task_it_is_of() -> None:
    songs = {"callbackType": "complete", "task_id": "1", "data": [{"id": "c", "audio_url": SOUND}]}
    lyrics = {"callbackType": "complete", "task_id": "1", "data": [{"text": "la"}]}
    bodies: list[Any] = [{"code": 200, "data": songs}, {"code": 200, "data": lyrics}, {"data": None}, None]
    assert [SERVICE.called_back(body) for body in bodies] == ["1", None, None, None]
