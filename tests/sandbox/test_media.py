"""Pictures and sound of the sandbox are real: they open, they have the asked size, and what was spoken is heard."""

import base64
import io
import json
import wave
from typing import Any

import aiohttp
import pytest
from PIL import Image, ImageChops
from tests.openapi_schema import validate

from pronghorn.kit import sse

TEXTS = ["a", "Hello, sandbox!", "你好，世界 🎉 — Grüße"]
TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


async def speak(client: aiohttp.ClientSession, text: str, kind: str, **more: Any) -> bytes:
    body = {"model": "gpt-4o-mini-tts", "input": text, "voice": "alloy", "response_format": kind} | more
    async with client.post("/v1/audio/speech", json=body) as response:
        assert response.status == 200, await response.text()
        assert response.headers["content-type"].startswith(TYPES[kind])
        return await response.read()


def as_wav(samples: bytes) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(samples)
    return data.getvalue()


async def hear(client: aiohttp.ClientSession, sound: bytes, name: str, **fields: str) -> Any:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(sound), filename=name, content_type="application/octet-stream")
    for key, value in ({"model": "whisper-1"} | fields).items():
        form.add_field(key, value)
    async with client.post("/v1/audio/transcriptions", data=form) as response:
        assert response.status == 200, await response.text()
        is_json = response.headers["content-type"].startswith("application/json")
        return await response.json() if is_json else await response.text()


@pytest.mark.parametrize("kind", TYPES)
async def test_what_was_spoken_is_heard_again(client: aiohttp.ClientSession, kind: str) -> None:
    for text in TEXTS:
        sound = await speak(client, text, kind)
        if kind == "pcm":  # bare samples say nothing of themselves: a client puts them into a file
            sound = as_wav(sound)
        heard = await hear(client, sound, f"speech.{kind}")
        validate("CreateTranscriptionResponseJson", heard)
        assert heard["text"] == text


async def test_chat_understands_what_is_said_and_says_its_answer(client: aiohttp.ClientSession) -> None:
    said = base64.b64encode(await speak(client, "repeat: It works", "mp3")).decode()
    part = {"type": "input_audio", "input_audio": {"data": said, "format": "mp3"}}
    body: dict[str, Any] = {
        "model": "gpt-4o-audio-preview",
        "messages": [{"role": "user", "content": [part]}],
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
    }
    async with client.post("/v1/chat/completions", json=body) as response:
        answer = await response.json()
    validate("CreateChatCompletionResponse", answer)
    message, usage = answer["choices"][0]["message"], answer["usage"]
    assert (message["content"], message["audio"]["transcript"]) == (None, "It works")
    assert (await hear(client, base64.b64decode(message["audio"]["data"]), "a.wav"))["text"] == "It works"
    assert usage["prompt_tokens_details"]["audio_tokens"] > 10
    assert usage["completion_tokens"] > usage["completion_tokens_details"]["audio_tokens"] > 10
    body |= {"stream": True, "audio": {"voice": "alloy", "format": "pcm16"}}
    async with client.post("/v1/chat/completions", json=body) as response:
        events = sse.Splitter().feed(await response.read())
    chunks = [json.loads(data) for event in events if (data := sse.data_of(event)) and data != b"[DONE]"]
    audio = [chunk["choices"][0]["delta"].get("audio", {}) for chunk in chunks]
    samples = b"".join(base64.b64decode(piece.get("data", "")) for piece in audio)
    assert "".join(piece.get("transcript", "") for piece in audio) == "It works"
    assert (await hear(client, as_wav(samples), "a.wav"))["text"] == "It works"


async def test_a_long_text_and_other_speeds_are_heard(client: aiohttp.ClientSession) -> None:
    long = ("The quick brown fox jumps over the lazy dog. " * 91)[:4096]
    assert (await hear(client, await speak(client, long, "mp3"), "a.mp3"))["text"] == long
    for speed in (0.5, 2.0):
        assert (await hear(client, await speak(client, "Hi there", "wav", speed=speed), "a.wav"))[
            "text"
        ] == "Hi there"


async def test_transcripts_in_every_format(client: aiohttp.ClientSession) -> None:
    sound = await speak(client, "One two three. Four five.", "wav")
    verbose = await hear(
        client, sound, "a.wav", response_format="verbose_json", **{"timestamp_granularities[]": "word"}
    )
    validate("CreateTranscriptionResponseVerboseJson", verbose)
    assert [word["word"] for word in verbose["words"]][:2] == ["One", "two"]
    assert (await hear(client, sound, "a.wav", response_format="text")).strip() == "One two three. Four five."
    assert "-->" in await hear(client, sound, "a.wav", response_format="srt")
    assert (await hear(client, sound, "a.wav", response_format="vtt")).startswith("WEBVTT")


@pytest.mark.parametrize(
    ("model", "size", "kind"),
    [
        ("gpt-image-1", "1536x1024", "png"),
        ("gpt-image-1", "1024x1024", "jpeg"),
        ("gpt-image-1", "auto", "webp"),
        ("gpt-image-2", "768x256", "png"),
    ],
)
async def test_pictures_have_the_asked_size_and_format(
    client: aiohttp.ClientSession, model: str, size: str, kind: str
) -> None:
    body = {"model": model, "prompt": "a blue whale", "size": size, "output_format": kind, "quality": "low"}
    async with client.post("/v1/images/generations", json=body) as response:
        answer = await response.json()
    validate("ImagesResponse", answer)
    with Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"]))) as image:
        assert (image.format or "").lower() == kind
        assert size == "auto" or f"{image.width}x{image.height}" == size
    assert answer["usage"]["output_tokens"] > 0


async def test_an_edit_paints_where_the_mask_is_open(client: aiohttp.ClientSession) -> None:
    base, mask = Image.new("RGB", (256, 256), (255, 0, 0)), Image.new("RGBA", (256, 256), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 128, 256))
    form = aiohttp.FormData({"model": "gpt-image-1", "prompt": "blue"})
    for name, picture in (("image", base), ("mask", mask)):
        data = io.BytesIO()
        picture.save(data, "PNG")
        form.add_field(name, data.getvalue(), filename=f"{name}.png", content_type="image/png")
    async with client.post("/v1/images/edits", data=form) as response:
        answer = await response.json()
        assert response.status == 200, answer
    validate("ImagesResponse", answer)
    with Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"]))) as image:
        edited = image.convert("RGB")
        right = edited.getpixel((edited.width * 3 // 4, edited.height // 2))
        left = edited.getpixel((edited.width // 8, edited.height // 8))
    assert isinstance(right, tuple) and right[0] > 200 and max(right[1:]) < 60
    assert left != right


async def test_picture_and_speech_streams_are_typed_events(client: aiohttp.ClientSession) -> None:
    body = {"model": "gpt-image-1", "prompt": "x", "stream": True, "partial_images": 1, "quality": "low"}
    speech = {"model": "gpt-4o-mini-tts", "input": "Hi", "voice": "alloy", "stream_format": "sse"}
    for path, asked, schema, last in (
        ("/v1/images/generations", body, "ImageGenStreamEvent", "image_generation.completed"),
        ("/v1/audio/speech", speech, "CreateSpeechResponseStreamEvent", "speech.audio.done"),
    ):
        async with client.post(path, json=asked) as response:
            events = sse.Splitter().feed(await response.read())
        payloads = [data for event in events if (data := sse.data_of(event)) not in (None, b"[DONE]")]
        found = [json.loads(payload or b"") for payload in payloads]
        for event in found:
            validate(schema, event)
        assert found[-1]["type"] == last
        assert found[-1]["usage"]["output_tokens"] > 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/images/generations", {"model": "gpt-image-1"}),
        ("/v1/images/generations", {"model": "gpt-image-1", "prompt": "x", "size": "7x7x"}),
        ("/v1/images/generations", {"model": "gpt-image-1", "prompt": "x", "size": "512x512"}),
        ("/v1/images/generations", {"model": "gpt-image-2", "prompt": "x", "size": "1024x100"}),
        ("/v1/images/generations", {"model": "gpt-image-2", "prompt": "x", "size": "1024x256"}),
        ("/v1/audio/speech", {"model": "tts-1", "voice": "alloy"}),
        ("/v1/audio/speech", {"model": "tts-1", "voice": "alloy", "input": "x" * 5_000}),
        ("/v1/audio/speech", {"model": "tts-1", "voice": "alloy", "input": "x", "response_format": "midi"}),
    ],
)
async def test_bad_media_requests_are_refused(
    client: aiohttp.ClientSession, path: str, body: dict[str, Any]
) -> None:
    async with client.post(path, json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["message"]


@pytest.mark.parametrize("background", ["opaque", "transparent"])
async def test_a_picture_shows_its_prompt(client: aiohttp.ClientSession, background: str) -> None:
    drawn = []
    for prompt in ("a green frog", "a green frog", "a green toad"):
        body = {"model": "gpt-image-1", "prompt": prompt, "quality": "low", "background": background}
        async with client.post("/v1/images/generations", json=body) as response:
            data = base64.b64decode((await response.json())["data"][0]["b64_json"])
        with Image.open(io.BytesIO(data)) as image:
            drawn.append(image.convert("RGBA"))
    frog, again, toad = drawn
    assert frog == again
    changed = ImageChops.difference(frog, toad).getbbox(alpha_only=False)
    assert changed is not None  # the colour is the same: what differs is the last word
    assert min(changed[:2]) > 100 and max(changed[2:]) < 924
    corner = frog.getpixel((0, 0))
    assert isinstance(corner, tuple) and corner[3] == (0 if background == "transparent" else 255)
