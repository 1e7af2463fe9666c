"""Udio's task object and songs as callers read them, whatever their vendor named and made."""

from typing import Any

from tests.unit.tasks.test_midjourney_family import link, view_of

from pronghorn.tasks.families.udio import family, song_of
from pronghorn.tasks.view import View

TASK = "0d1b8d62-7c7b-4f43-8f2e-8a9c1d6b1a70"
GOOD: dict[str, Any] = {"id": "a", "finished": True, "song_path": "https://vendor.example/a.mp3"}
EARLY: dict[str, Any] = {"id": "b", "finished": False, "song_path": ""}


def view(state: str, *songs: dict[str, Any]) -> View:
    return view_of(id=TASK, family="udio", action="music", state=state, data=list(songs) or None)


def test_clients_find_the_songs_where_rows_of_tasks_have_them_too() -> None:
    shown = family.shown(view("succeeded", GOOD), link)
    assert shown["data"] == {"songs": shown["songs"]}
    assert [song["song_path"] for song in shown["songs"]] == ["https://gw.example/0.mp3"]


def test_a_song_that_was_promised_is_never_unknown() -> None:
    """Both ids were told when it was submitted: who waits for them must hear of both."""
    running, over = view("running", GOOD), view("succeeded", GOOD)
    coming, missing = song_of(running, 1, link), song_of(over, 1, link)
    assert coming is not None and not coming["finished"] and not coming["error_detail"]
    assert missing is not None and missing["error_detail"] == "there is no such song"
    assert song_of(over, 2, link) is None


def test_a_song_that_is_not_finished_at_the_end_is_none() -> None:
    assert [song["finished"] for song in family.shown(view("succeeded", GOOD, EARLY), link)["songs"]] == [
        True
    ]
    assert len(family.shown(view("running", GOOD, EARLY), link)["songs"]) == 2


def test_an_address_by_a_name_that_is_new_is_a_link_too() -> None:
    odd = {
        "share/Url": "https://vendor.example/s",
        "lyrics_url": "none",
        "prompt": "https://a.prompt.example",
    }
    (song,) = family.shown(view("succeeded", GOOD | odd), link)["songs"]
    assert {name: song[name] for name in odd} == odd | {"share/Url": "https://gw.example/0.share_Url"}


def test_what_a_vendor_says_of_a_failure_gives_no_address_away() -> None:
    lost = EARLY | {"error_type": "internal", "error_detail": 'Post "http://10.0.0.7/x": dial tcp'}
    (song,) = family.shown(view("failed", lost), link)["songs"]
    assert (song["error_type"], song["error_detail"]) == ("internal", "the vendor's own request failed")
