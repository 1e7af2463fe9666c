"""Versions by all their names, and clips of the flat form."""

from typing import Any

import pytest

from pronghorn.wire.suno import CAMEL, VERSIONS, long_clip, seconds, version


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("chirp-v3.0", "chirp-v3-0"),
        ("chirp-v3.5", "chirp-v3-5"),
        ("chirp-v4-5", "chirp-auk"),
        ("chirp-v4-5+", "chirp-bluejay"),
        ("chirp-v4-5-all", "chirp-auk-turbo"),
        ("chirp-v5", "chirp-crow"),
        ("chirp-v5-5", "chirp-fenix"),
        ("V4", "chirp-v4"),
        ("V4_5PLUS", "chirp-bluejay"),
        ("v5.5", "chirp-fenix"),
        ("chirp-v4-tau", "chirp-v4-tau"),
        ("Chirp-Of-Tomorrow", "Chirp-Of-Tomorrow"),
        ("", ""),
    ],
)
def test_a_version_has_several_names(name: str, meant: str) -> None:
    assert version(name) == meant


def test_first_names_stay() -> None:
    assert [version(name) for name in VERSIONS] == list(VERSIONS)
    assert {version(other): other for other in CAMEL.values()} == dict(CAMEL)


@pytest.mark.parametrize(
    ("value", "found"), [("182.44", 182.44), (30, 30.0), ("", None), (None, None), ("nan", None), ("x", None)]
)
def test_durations_may_be_text(value: Any, found: float | None) -> None:
    assert seconds(value) == found


def test_a_flat_clip_gets_the_long_form_and_keeps_its_own() -> None:
    flat = {
        "id": "row-7",
        "clip_id": "clip-1",
        "task_id": "task_1",
        "mv": "chirp-auk",
        "msg": "",
        "tags": "synthpop",
        "state": "succeeded",
        "title": "Night Train",
        "prompt": "[Verse]",
        "status": "complete",
        "duration": "182.44",
        "audio_url": "https://cdn.example/1.mp3",
    }
    clip = long_clip(flat)
    assert clip["id"] == "clip-1"
    assert {name: clip[name] for name in flat if name != "id"} == {n: v for n, v in flat.items() if n != "id"}
    assert (clip["metadata"]["tags"], clip["metadata"]["prompt"]) == ("synthpop", "[Verse]")
    assert (clip["metadata"]["duration"], clip["metadata"]["error_message"]) == (182.44, None)


def test_a_flat_clip_says_why_it_failed() -> None:
    clip = long_clip({"clip_id": "c", "state": "failed", "msg": "too quiet"})
    assert (clip["status"], clip["metadata"]["error_message"]) == ("error", "too quiet")


def test_a_long_clip_stays() -> None:
    clip: dict[str, Any] = {"id": "c", "metadata": {"tags": "x"}, "duration": 3}
    assert long_clip(clip) is clip
