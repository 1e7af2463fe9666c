"""Udio's public words: the fields of a song, and ids of songs that say of themselves which task they are of."""

from typing import Any

SONGS = 2
"""Of one generation."""

BLANK: dict[str, Any] = {
    "id": "",
    "generation_id": "",
    "title": "",
    "artist": "",
    "artist_image": "",
    "description": "",
    "attribution": "",
    "prompt": "",
    "lyrics": "",
    "tags": [],
    "user_tags": [],
    "replaced_tags": {},
    "duration": 0.0,
    "song_path": "",
    "image_path": "",
    "video_path": None,
    "original_song_path": None,
    "audio_conditioning_type": None,
    "finished": False,
    "error_id": None,
    "error_code": None,
    "error_type": None,
    "error_detail": None,
    "created_at": None,
    "published_at": None,
    "likes": 0,
    "plays": 0,
    "liked": False,
    "disliked": False,
    "publishable": False,
    "user_id": "",
}
"""All fields of a song, as they are before anything is known of it."""
ERRORS = ("error_detail", "error_type", "error_code", "error_id")


def task_id_of(random_id: str) -> str:
    """A task's id ends in 0, and those of its songs in the other digits: a song is known before its vendor names it."""
    return random_id[:-1] + "0"


def song_id_of(task_id: str, number: int) -> str:
    return f"{task_id[:-1]}{number + 1:x}"


def place_of(song_id: str) -> tuple[str, int | None]:
    """The task, and which of its songs; None: all of them, since it is the task's own id."""
    last = song_id[-1:].lower()
    if last not in "123456789abcdef" or not last:
        return song_id, None
    return task_id_of(song_id), int(last, 16) - 1


def has_failed(song: dict[str, Any]) -> bool:
    return any(song.get(name) for name in ERRORS)
