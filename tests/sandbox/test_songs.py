"""What the sandbox sings: the same words are the same song, its parts add up to it, and its melody is really heard."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tests.sandbox.songs import encoded, is_heard, likeness

from pronghorn.kit.clock import FakeClock
from pronghorn.sandbox.files import File
from pronghorn.sandbox.song import band, ear, files, tasks, words
from pronghorn.sandbox.song.score import Note, style_of
from pronghorn.sandbox.song.takes import ALL, Arranged, Composed, Joined, Recorded, Stem, Take
from pronghorn.sandbox.song.tasks import Clip, Desk, Task

STYLE = style_of("synthpop, 110 bpm, D minor")
SONG = Composed(STYLE, "a", 12.0, is_sung=True)
MORE = Composed(STYLE, "b", 6.0, is_sung=True, is_continuation=True)
HELD = Composed(style_of("slow, 60 bpm"), "c", 10.0, is_sung=True)
UPLOAD = encoded(HELD.sound(lambda _: b"", frozenset({"Vocals"})), "wav")
RECORDED = Recorded("upload", 10.0, style_of("anything"))


def read(file_id: str) -> bytes:
    assert file_id == "upload"
    return UPLOAD


def test_key_and_tempo_are_those_that_the_words_name() -> None:
    assert (STYLE.key, STYLE.is_minor, STYLE.bpm) == (2, True, 110)
    flat = style_of("jazz in Bb major, 240bpm")
    assert (flat.key, flat.is_minor, flat.bpm) == (10, False, 240)


def test_mood_decides_what_the_words_do_not_name() -> None:
    assert style_of("a slow lullaby").bpm < style_of("just a song").bpm < style_of("fast techno").bpm
    assert style_of("dark and sad").is_minor and not style_of("happy and sunny").is_minor


def test_the_same_words_are_the_same_song_and_others_are_not() -> None:
    again = Composed(STYLE, "a", 12.0, is_sung=True)
    assert np.array_equal(SONG.sound(read), again.sound(read))
    assert likeness(SONG.sound(read), replace(SONG, seed="b").sound(read)) < 0.9
    assert likeness(SONG.sound(read), replace(SONG, style=replace(STYLE, sound="x")).sound(read)) < 0.95


@pytest.mark.parametrize(
    "take",
    [
        pytest.param(SONG, id="composed"),
        pytest.param(Joined(SONG, 5.0, MORE, 8.0), id="joined"),
        pytest.param(Arranged(SONG, replace(STYLE, sound="brass"), True), id="cover"),
        pytest.param(Arranged(SONG, STYLE, True, band.VOCALS), id="overpainted"),
        pytest.param(RECORDED, id="recorded"),
    ],
)
def test_parts_add_up_to_the_song(take: Take) -> None:
    whole = take.sound(read)
    assert len(whole) == round(take.length_s * 24_000)
    parts = [take.sound(read, frozenset({part})) for part in band.PARTS]
    assert np.abs(sum(parts) - whole).max() < 1e-3
    halves = [Stem(take, parts).sound(read) for parts in (band.VOCALS, band.INSTRUMENTS)]
    assert np.abs(sum(halves) - whole).max() < 1e-3
    assert all(np.abs(half).max() > 0.05 for half in halves)


def test_every_part_of_a_sung_song_is_heard() -> None:
    song = replace(SONG, length_s=16.0)
    silent = [part for part in band.PARTS if np.abs(song.sound(read, frozenset({part}))).max() < 0.005]
    assert silent == []


@pytest.mark.parametrize(("is_sung", "part"), [(True, "Vocals"), (False, "Synth")])
def test_the_melody_is_heard_where_its_notes_say(is_sung: bool, part: str) -> None:
    song = replace(SONG, is_sung=is_sung)
    sound, melody = song.sound(read, frozenset({part})), song.melody(read)
    assert song.notes(read)[part] == list(melody)
    long = [note for note in melody if note.end_s - note.start_s > 0.2 and note.end_s < 11.5]
    assert len(long) > 8
    assert all(is_heard(sound, note.pitch, note.start_s, note.end_s) for note in long)


def test_a_cover_sings_the_same_melody_with_another_sound() -> None:
    cover = Arranged(SONG, replace(STYLE, sound="cover brass"), True)
    assert cover.melody(read) == SONG.melody(read) == tuple(cover.notes(read)["Vocals"])
    voice = frozenset({"Vocals"})
    assert likeness(cover.sound(read, voice), SONG.sound(read, voice)) < 0.95
    assert likeness(cover.sound(read), SONG.sound(read)) < 0.8


def test_the_melody_of_a_recording_is_heard() -> None:
    sung, heard = HELD.melody(read), RECORDED.melody(read)
    before_the_fade = [note for note in sung if note.end_s - note.start_s > 0.4 and note.end_s < 9.4]
    assert len(before_the_fade) > 8
    for note in before_the_fade:
        assert [other.pitch for other in heard if _overlap(other, note) > 0.13] == [note.pitch]
    assert ear.length_s(UPLOAD) == pytest.approx(10.0, abs=0.01)


def _overlap(one: Note, other: Note) -> float:
    return min(one.end_s, other.end_s) - max(one.start_s, other.start_s)


def test_joined_takes_are_as_long_as_their_pieces_and_sound_like_them() -> None:
    for take, length_s in ((Joined(SONG, 5.0, MORE), 11.0), (Joined(SONG, 5.0, MORE, 8.0), 15.0)):
        sound = take.sound(read)
        assert take.length_s == length_s == len(sound) / 24_000
        assert np.array_equal(sound[: 5 * 24_000], SONG.sound(read)[: 5 * 24_000])
        assert np.array_equal(sound[5 * 24_000 : 11 * 24_000], MORE.sound(read))
        melody = take.melody(read)
        moved = [note for note in melody if 5.0 <= note.start_s < 11.0]
        assert [note.pitch for note in moved] == [note.pitch for note in MORE.melody(read)]
    assert np.array_equal(sound[11 * 24_000 :], SONG.sound(read)[8 * 24_000 :])


def test_lyrics_are_about_the_idea_and_the_same_each_time() -> None:
    written = words.write("a lullaby for a robot")
    assert written == words.write("a lullaby for a robot") != words.write("a lullaby for a whale")
    assert written.title == "Lullaby Robot"
    assert re.findall(r"\[(\w+)", written.text) == ["Verse", "Chorus", "Verse", "Chorus", "Outro"]
    assert "robot" in written.text.lower()


def test_words_are_sung_one_after_the_other_within_the_song() -> None:
    written = words.write("night train").text
    timed = words.timed(written, 30.0)
    assert " ".join(word.text for word in timed).split() == written.split()
    ends = [word.end_s for word in timed]
    assert timed[0].start_s == 1.5 and ends[-1] == pytest.approx(28.5)
    assert all(a.end_s == b.start_s and a.start_s < a.end_s for a, b in pairwise(timed))
    assert words.timed("", 30.0) == []


def test_old_tasks_make_room_with_their_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MAX_TASKS", 3)
    desk = Desk(FakeClock())
    kept = [desk.keep(Task("suno", "MUSIC", [Clip(SONG, "t", "", "")]), 1.0) for _ in range(5)]
    found = [desk.task(task.id, "suno") is not None for task in kept]
    assert found == [desk.place(task.clips[0].id) is not None for task in kept] == [False] * 2 + [True] * 3
    assert desk.task(kept[4].id, "udio") is None and desk.place(kept[4].clips[0].id, "udio") is None


async def test_files_are_made_once_and_the_longest_unasked_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 25)
    studio, made = files.Studio(), []

    def make(name: str) -> File:
        made.append(name)
        return File(b"x" * 10, "audio/mpeg")

    for name in ("a", "b", "a", "c", "a", "b"):
        await studio.file(name, lambda name=name: make(name))  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]


def test_all_parts_have_a_player() -> None:
    assert len(ALL) == 12 == len(band.FRONT_FIRST) and set(band.FRONT_FIRST) == ALL
