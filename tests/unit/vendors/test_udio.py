"""Udio's two dialects: ids, songs and states, each as its page has them."""

from typing import Any

import pytest

from pronghorn.vendors.task import Accepted, Ask, Declined, Submission
from pronghorn.vendors.udio import TaskDialect, progress_of
from pronghorn.vendors.udio_proxy import ProxyDialect
from pronghorn.wire.udio import BLANK, place_of, song_id_of, task_id_of

TASKS, SONGS = TaskDialect(), ProxyDialect()
WANTED = Submission(task_id="ours", action="music", body={"gen_params": {"prompt": "x"}}, model="udio")
GOOD = {"id": "a", "finished": True, "song_path": "https://storage.example/a.mp3", "error_code": None}
EARLY: dict[str, Any] = {"id": "a", "finished": False, "song_path": ""}
EMPTY = {"id": "a", "finished": True, "song_path": ""}
LOST = {"id": "a", "finished": False, "song_path": "", "error_type": "internal_error", "error_detail": "oops"}


def test_the_body_goes_as_it_is() -> None:
    assert TASKS.submit(WANTED) == Ask("POST", "/udio/submit/music", {"gen_params": {"prompt": "x"}})
    assert SONGS.submit(WANTED) == Ask("POST", "/udio/generate-proxy", {"gen_params": {"prompt": "x"}})


def test_a_task_is_accepted() -> None:
    assert TASKS.accepted(WANTED, 200, {"code": "success", "message": "", "data": "t"}) == Accepted("t")
    assert TASKS.accepted(WANTED, 200, {"code": 1, "data": {"task_id": "t"}}) == Accepted("t")
    assert TASKS.accepted(WANTED, 202, {"code": "200", "data": {"task_id": 7}}) == Accepted("7")
    assert TASKS.poll(["t"]) == Ask("GET", "/udio/fetch/t")


@pytest.mark.parametrize(
    "reply",
    [
        {"message": "success", "generation_id": "g", "track_ids": ["a", "b"]},
        {"songs": [{"id": "a"}, {"id": "b"}]},
        {"code": "success", "data": {"track_ids": ["a", "b"]}},
    ],
)
def test_songs_are_accepted(reply: Any) -> None:
    assert SONGS.accepted(WANTED, 200, reply) == Accepted("a,b", data=[{"id": "a"}, {"id": "b"}])
    assert SONGS.poll(["a,b", "c,d"]) == Ask("GET", "/udio/query?ids=a,b,c,d")


@pytest.mark.parametrize(
    ("adapter", "reply"),
    [
        (TASKS, {"code": "success", "message": "", "data": None}),
        (TASKS, {"code": "SUCCESS", "data": {}}),
        (SONGS, {"message": "success", "generation_id": "g", "track_ids": []}),
        (SONGS, {"code": "success", "data": {}}),
    ],
)
def test_what_was_taken_without_a_name_is_asked_of_nobody_else(adapter: Any, reply: Any) -> None:
    assert adapter.accepted(WANTED, 200, reply) == Accepted("")


@pytest.mark.parametrize(
    ("status", "reply", "fault"),
    [
        (400, {"message": "prompt is empty"}, "request"),
        (400, {"code": "invalid_request", "message": "x"}, "request"),
        (401, {}, "account"),
        (429, {}, "busy"),
        (404, None, "unable"),
        (500, None, "vendor"),
        (200, {"code": "internal_error"}, "vendor"),
        (200, None, "vendor"),
    ],
)
@pytest.mark.parametrize("adapter", [TASKS, SONGS])
def test_whose_fault_it_is(adapter: Any, status: int, reply: Any, fault: str) -> None:
    with pytest.raises(Declined) as refusal:
        adapter.accepted(WANTED, status, reply)
    assert refusal.value.fault == fault
    if fault == "request":
        assert set(refusal.value.answer) == {"code", "message", "data"}


@pytest.mark.parametrize(
    ("songs", "state", "reason"),
    [
        ([EARLY, EARLY], "running", ""),
        ([GOOD, EARLY], "running", ""),
        ([LOST, EARLY], "running", "oops"),
        ([GOOD, GOOD], "succeeded", ""),
        ([GOOD, EMPTY], "running", ""),
        ([GOOD, LOST], "succeeded", "oops"),
        ([LOST, LOST], "failed", "oops"),
        ([], "queued", ""),
    ],
)
def test_a_task_is_where_its_songs_are(songs: list[Any], state: str, reason: str) -> None:
    found = progress_of(songs, {})
    assert (found.state, found.reason) == (state, reason)


@pytest.mark.parametrize(
    ("task", "songs", "state"),
    [
        ({"status": "SUBMITTED"}, [EARLY, EARLY], "queued"),
        ({"status": "IN_PROGRESS"}, [EARLY, GOOD], "running"),
        ({"status": "SUCCESS"}, [], "running"),
        ({"status": "SUCCESS"}, [GOOD, LOST], "succeeded"),
        ({"status": "FAILURE", "fail_reason": "banned"}, [], "failed"),
        ({"status": "FAILURE", "fail_reason": "banned"}, [EARLY, EARLY], "failed"),
        ({"status": "FAILURE"}, [GOOD, LOST], "succeeded"),
        # What it calls done goes no further.
        ({"status": "SUCCESS"}, [GOOD, EARLY], "succeeded"),
        ({"status": "SUCCESS"}, [{"id": "a", "song_path": GOOD["song_path"]}], "succeeded"),
        ({"status": "SUCCESS"}, [EMPTY, EARLY], "running"),
    ],
)
def test_a_tasks_own_word_counts_too(task: Any, songs: list[Any], state: str) -> None:
    assert progress_of(songs, task).state == state


ROW = {"task_id": "t", "status": "SUCCESS"}


@pytest.mark.parametrize(
    "data",
    [
        ROW | {"songs": [GOOD]},
        {"task": ROW, "songs": [GOOD]},
        # The row of a task as most gateways have it: its data are what the vendor said.
        ROW | {"data": {"songs": [GOOD]}},
        ROW | {"data": [GOOD]},
    ],
)
def test_songs_lie_in_the_task_or_beside_it(data: Any) -> None:
    found = TASKS.progress(["t"], 200, {"code": "success", "message": "", "data": data})
    assert (found["t"].state, found["t"].data) == ("succeeded", [GOOD])


def test_a_song_of_what_is_done_is_finished_though_it_does_not_say_so() -> None:
    song = {"id": "a", "song_path": GOOD["song_path"]}
    assert progress_of([song, EARLY], ROW).data == [song | {"finished": True}, EARLY]


def test_songs_keep_their_place_when_one_is_missing() -> None:
    second = GOOD | {"id": "b"}
    found = SONGS.progress(["a,b", "x,y"], 200, {"songs": [second]})
    assert set(found) == {"a,b"}
    assert (found["a,b"].state, found["a,b"].data) == ("running", [{"id": "a"}, second])


def test_what_a_vendor_does_not_know() -> None:
    assert TASKS.progress(["t"], 400, {"code": "task_not_exist", "message": "", "data": None}) == {}
    for adapter in (TASKS, SONGS):
        for status, reply in ((500, None), (200, None), (200, {"code": "internal_error"})):
            with pytest.raises(ValueError):
                adapter.progress(["t"], status, reply)


def test_the_id_of_a_song_says_whose_it_is() -> None:
    task_id = task_id_of("0d1b8d62-7c7b-4f43-8f2e-8a9c1d6b1a7f")
    assert task_id == "0d1b8d62-7c7b-4f43-8f2e-8a9c1d6b1a70"
    ids = [song_id_of(task_id, number) for number in range(15)]
    assert len({task_id, *ids}) == 16
    assert [place_of(one) for one in ids] == [(task_id, number) for number in range(15)]
    assert place_of(ids[14].upper())[1] == 14
    assert [place_of(one)[1] for one in (task_id, "", "xyz-")] == [None, None, None]


def test_a_song_has_all_fields_from_the_beginning() -> None:
    assert len(BLANK) == 31
