"""gcui-art's server: requests in its words, clips out of its answers, and what it cannot carry."""

from typing import Any

import pytest

from pronghorn.vendors.suno_gcui import Server, clip_of
from pronghorn.vendors.task import Ask, Declined, Submission

SERVER = Server()


def wanted(action: str = "music", **body: Any) -> Submission:
    return Submission(task_id="ours", action=action, body=body, model="suno")


def info(id: str, status: str = "complete", **more: Any) -> dict[str, Any]:
    found = {
        "id": id,
        "title": "Night Train",
        "image_url": "https://cdn.example/i.jpeg",
        "lyric": "[Verse]\nRails",
        "audio_url": f"https://cdn.example/{id}.mp3",
        "video_url": "",
        "created_at": "2026-01-01T00:00:00Z",
        "model_name": "chirp-v4",
        "status": status,
        "gpt_description_prompt": "a train",
        "prompt": "",
        "type": "gen",
        "tags": "synthpop",
        "duration": "182.44",
    }
    return found | more


@pytest.mark.parametrize(
    ("asked", "ask"),
    [
        (
            wanted(gpt_description_prompt="a train", mv="V4", make_instrumental=True),
            Ask(
                "POST",
                "/api/generate",
                {"prompt": "a train", "model": "chirp-v4", "wait_audio": False, "make_instrumental": True},
            ),
        ),
        (
            wanted(prompt="[V]", tags="jazz", title="T", negative_tags="metal"),
            Ask(
                "POST",
                "/api/custom_generate",
                {
                    "prompt": "[V]",
                    "tags": "jazz",
                    "negative_tags": "metal",
                    "title": "T",
                    "model": "chirp-auk",
                    "wait_audio": False,
                    "make_instrumental": False,
                },
            ),
        ),
        (
            wanted(task="extend", continue_clip_id="c", continue_at=9.5, prompt="[V]", task_id="t"),
            Ask(
                "POST",
                "/api/extend_audio",
                {
                    "audio_id": "c",
                    "prompt": "[V]",
                    "continue_at": 9.5,
                    "model": "chirp-auk",
                    "wait_audio": False,
                },
            ),
        ),
        (
            wanted(task="gen_stem", continue_clip_id="c"),
            Ask("POST", "/api/generate_stems", {"audio_id": "c"}),
        ),
        (wanted("concat", clip_id="c", is_infill=False), Ask("POST", "/api/concat", {"clip_id": "c"})),
        (wanted("lyrics", prompt="x"), Ask("POST", "/api/generate_lyrics", {"prompt": "x"})),
        (wanted("timing", clip_id="c"), Ask("GET", "/api/get_aligned_lyrics?song_id=c")),
    ],
)
def test_requests_are_in_its_words(asked: Submission, ask: Ask) -> None:
    assert SERVER.submit(asked) == ask


@pytest.mark.parametrize(
    "body",
    [
        {"task": "cover", "cover_clip_id": "c"},
        {"task": "infill", "continue_clip_id": "c", "infill_start_s": 1, "infill_end_s": 2},
        {"task": "artist_consistency", "persona_id": "p"},
        {"task": "gen_stem", "continue_clip_id": "c", "stem_task": "twelve"},
        {"prompt": "x", "vocal_gender": "f"},
        {"gpt_description_prompt": "x", "tags": "jazz"},
        {"prompt": "x", "invented": 1},
    ],
)
def test_what_it_cannot_carry_is_left_to_another_channel(body: dict[str, Any]) -> None:
    with pytest.raises(Declined) as refusal:
        SERVER.submit(wanted(**body))
    assert refusal.value.fault == "unable"


def test_a_clip_has_the_long_form() -> None:
    clip = clip_of(info("c"))
    assert (clip["id"], clip["status"], clip["major_model_version"]) == ("c", "complete", "v4")
    assert clip["metadata"] == {
        "tags": "synthpop",
        "prompt": "[Verse]\nRails",
        "gpt_description_prompt": "a train",
        "duration": 182.44,
        "type": "gen",
        "audio_prompt_id": None,
        "error_type": None,
        "error_message": None,
    }


def test_the_ids_of_its_clips_are_the_id_of_a_task() -> None:
    accepted = SERVER.accepted(wanted(prompt="x"), 200, [info("a", "submitted"), info("b", "submitted")])
    assert (accepted.upstream_id, accepted.state, len(accepted.data)) == ("a,b", "queued", 2)
    assert SERVER.accepted(wanted("concat"), 200, info("c", "queued")).upstream_id == "c"
    assert SERVER.poll(["a,b", "c"]) == Ask("GET", "/api/get?ids=a,b,c")
    stems = [{"id": "v", "status": "queued", "title": "V", "stem_from_id": "c", "duration": "30.0"}]
    accepted = SERVER.accepted(wanted(task="gen_stem"), 200, stems)
    assert accepted.data[0]["metadata"]["stem_from_id"] == "c"


def test_what_is_there_at_once() -> None:
    written = SERVER.accepted(wanted("lyrics"), 200, {"title": "T", "text": "la", "status": "complete"})
    assert (written.upstream_id, written.state) == ("", "succeeded")
    assert written.data == {"id": "ours", "status": "complete", "title": "T", "text": "la"}
    words = [{"word": "la", "start_s": 0.0, "end_s": 1.0, "success": True, "p_align": 1.0}]
    timed = SERVER.accepted(wanted("timing", clip_id="c"), 200, words)
    assert timed.data == {"act": "timing", "clip_id": "c", "answer": {"aligned_words": words}}


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (("submitted", "queued"), "queued"),
        (("queued", "streaming"), "running"),
        (("complete", "streaming"), "running"),
        (("complete", "complete"), "succeeded"),
        (("complete", "error"), "succeeded"),
        (("error", "error"), "failed"),
        (("humming", "humming"), None),
    ],
)
def test_a_task_is_where_its_clips_are(states: tuple[str, str], state: str | None) -> None:
    reply = [
        info("b", states[1], error_message="oops"),
        info("a", states[0], error_message="oops"),
        info("z"),
    ]
    found = SERVER.progress(["a,b", "gone"], 200, reply)
    assert set(found) == {"a,b"}
    assert found["a,b"].state == state
    assert [clip["id"] for clip in found["a,b"].data] == ["a", "b"]
    assert found["a,b"].reason == ("oops" if "error" in states else "")


def test_a_complete_clip_without_its_sound_is_still_made() -> None:
    found = SERVER.progress(["a"], 200, [info("a", audio_url="")])
    assert found["a"].state == "running"


@pytest.mark.parametrize(
    ("status", "reply", "fault"),
    [
        (400, {"error": "Model not found"}, "request"),
        (402, {"error": "no credits"}, "account"),
        (429, {"error": "slow"}, "busy"),
        (500, {"error": "Internal server error"}, "vendor"),
        (503, None, "vendor"),
        (200, [], "vendor"),
        (200, {"error": "x"}, "vendor"),
    ],
)
def test_whose_fault_it_is(status: int, reply: Any, fault: str) -> None:
    with pytest.raises(Declined) as refusal:
        SERVER.accepted(wanted(prompt="x"), status, reply)
    assert refusal.value.fault == fault


@pytest.mark.parametrize(("status", "reply"), [(500, []), (200, {"error": "x"}), (200, None)])
def test_no_list_is_no_answer(status: int, reply: Any) -> None:
    with pytest.raises(ValueError):
        SERVER.progress(["a"], status, reply)


def test_an_odd_clip_keeps_no_other_waiting() -> None:
    odd: list[Any] = [{"error": "x"}, {"id": "b", "status": "complete"}, {"id": None}, None]
    found = SERVER.progress(["a", "b"], 200, [*odd, info("a")])
    assert {name: one.state for name, one in found.items()} == {"a": "succeeded", "b": "running"}


def test_times_that_are_none_are_not_charged() -> None:
    for reply in ("soon", {"aligned_words": None}, None, 7):
        with pytest.raises(Declined) as refusal:
            SERVER.accepted(wanted("timing", clip_id="c"), 200, reply)
        assert refusal.value.fault == "vendor"
