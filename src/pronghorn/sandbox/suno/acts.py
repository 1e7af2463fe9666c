"""/suno/act/...: what can be had of a finished clip: times of its words, other files, its notes, its voice.

The answers have no envelope. Notes take a moment, so that the first who asks finds them running.
"""

import asyncio
import uuid
from typing import Any

from aiohttp import web

from pronghorn.sandbox.faults import FAULTS
from pronghorn.sandbox.reply import reply_json
from pronghorn.sandbox.song import band, words
from pronghorn.sandbox.song.fields import Shape, read_body, refusal, text
from pronghorn.sandbox.song.files import address, reader
from pronghorn.sandbox.song.takes import Read, Stem, Take
from pronghorn.sandbox.song.tasks import DEFAULT_SPEED, DESK, Clip, Place, Task
from pronghorn.sandbox.suno.order import VENDOR, place

MIDI_S = 5.0
WAVE_POINTS = 200


async def timing(request: web.Request) -> web.StreamResponse:
    clip = _clip(request)
    answer = {
        "aligned_words": aligned(clip),
        "waveform_data": await _wave(request, clip.take),
        "hoot_cer": 0.0,
        "is_streamed": False,
    }
    return await reply_json(request, answer)


def aligned(clip: Clip) -> list[Shape]:
    """The words of its lyrics, one after the other."""
    return [
        {
            "word": word.text + " ",
            "success": True,
            "start_s": round(word.start_s, 3),
            "end_s": round(word.end_s, 3),
            "p_align": 0.98,
        }
        for word in words.timed(clip.lyrics, clip.take.length_s)
    ]


async def wav(request: web.Request) -> web.StreamResponse:
    return await reply_json(request, {"wav_file_url": address(request, _clip(request), "wav")})


async def mp4(request: web.Request) -> web.StreamResponse:
    return await reply_json(request, {"video_url": address(request, _clip(request), "mp4")})


async def midi(request: web.Request) -> web.StreamResponse:
    clip, now_s = _clip(request), request.app[DESK].now_s
    if clip.notes_ready_s is None:
        clip.notes_ready_s = now_s + MIDI_S / (request[FAULTS].speed or DEFAULT_SPEED)
    if now_s < clip.notes_ready_s:
        return await reply_json(request, {"state": "running"})
    instruments = await asyncio.to_thread(_instruments, clip.take, reader(request))
    return await reply_json(request, {"state": "complete", "instruments": instruments})


def _instruments(take: Take, read: Read) -> list[Shape]:
    return [
        {
            "name": part,
            "notes": [
                {
                    "pitch": note.pitch,
                    "start": round(note.start_s, 4),
                    "end": round(note.end_s, 4),
                    "velocity": round(note.velocity / 127, 3),
                }
                for note in notes
            ],
        }
        for part, notes in take.notes(read).items()
        if notes and part != "FX"
    ]


async def vox(request: web.Request) -> web.StreamResponse:
    """The voice alone, as a file."""
    clip = _clip(request)
    body = await read_body(request)
    if text(body, "clip_id") not in ("", clip.id):
        raise refusal("clip_id is not the clip of the path", param="clip_id")
    voice = Clip(Stem(clip.take, band.VOCALS), f"{clip.title} (Vocals)", clip.tags, clip.lyrics, clip.model)
    request.app[DESK].begin(request, Task(VENDOR, "VOX", [voice]), 0.0)
    answer = {
        "id": voice.id,
        "source_clip_id": clip.id,
        "status": "complete",
        "vocal_audio_url": address(request, voice, "mp3"),
        "vocal_start_s": 0.0,
        "vocal_end_s": round(clip.take.length_s, 2),
        "wave_response": {"waveform_data": await _wave(request, voice.take)},
    }
    return await reply_json(request, answer)


async def tags(request: web.Request) -> web.StreamResponse:
    original = text(await read_body(request), "original_tags")
    if not original.strip():
        raise refusal("original_tags is empty", param="original_tags")
    answer = {"upsampled_tags": words.tags(original), "request_id": str(uuid.uuid4())}
    return await reply_json(request, answer)


async def _wave(request: web.Request, take: Take) -> list[float]:
    """How loud the clip is along its length, from 0 to 1."""
    read = reader(request)

    def measure() -> Any:
        sound = abs(take.sound(read))
        size = max(1, len(sound) // WAVE_POINTS)
        rows = sound[: len(sound) // size * size].reshape(-1, size)
        return [round(float(loudest), 3) for loudest in rows.max(axis=1)[:WAVE_POINTS]]

    wave: list[float] = await asyncio.to_thread(measure)
    return wave


def _clip(request: web.Request) -> Clip:
    """The clip of the path, which has to be ready."""
    found: Place = place(request.app[DESK], request.match_info["clip_id"], "clip_id")
    if found.stage(request.app[DESK].now_s) != "complete":
        raise refusal("the clip is not complete", param="clip_id")
    return found.clip


routes = [
    web.post("/suno/act/tags", tags),
    web.get("/suno/act/timing/{clip_id}", timing),
    web.get("/suno/act/wav/{clip_id}", wav),
    web.get("/suno/act/mp4/{clip_id}", mp4),
    web.get("/suno/act/midi/{clip_id}", midi),
    web.post("/suno/act/vox/{clip_id}", vox),
]
