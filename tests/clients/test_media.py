"""Pictures and sound through the gateway, with OpenAI's own package, blocking and async."""

import base64
import inspect
import io
import time
import wave
from collections.abc import AsyncIterator
from typing import Any

import av
import openai
import pytest
import pytest_asyncio
from PIL import Image
from tests.process import Installation

Box = tuple[int, int, int, int]
SAID = "Hello 世界, it is 5 o'clock."

FORMATS = {"mp3": ("mp3", "mp3"), "opus": ("ogg", "opus"), "aac": ("aac", "aac"), "flac": ("flac", "flac")}
"""What a file asked for so really is: its container and its codec, as FFmpeg calls them."""


class Sdk:
    """The package's client of either kind, used alike."""

    def __init__(self, client: Any) -> None:
        self.images, self.audio = client.images, client.audio

    async def done(self, answer: Any) -> Any:
        return await answer if inspect.isawaitable(answer) else answer

    async def deprecated(self, method: Any, **fields: Any) -> Any:
        """A call that the package advises against, as OpenAI's newest document does, and that still works."""
        with pytest.warns(DeprecationWarning):
            return await self.done(method(**fields))

    async def events(self, stream: Any) -> list[Any]:
        stream = await self.done(stream)
        return [event async for event in stream] if hasattr(stream, "__aiter__") else list(stream)


@pytest_asyncio.fixture(params=["blocking", "async"])
async def sdk(request: pytest.FixtureRequest, gateway: Installation) -> AsyncIterator[Sdk]:
    where: dict[str, Any] = {"base_url": f"{gateway.base_url}/v1", "api_key": gateway.first["test_key"]}
    if request.param == "async":
        async with openai.AsyncOpenAI(**where, max_retries=0) as client:
            yield Sdk(client)
    else:
        with openai.OpenAI(**where, max_retries=0) as blocking:
            yield Sdk(blocking)


def png(colour: tuple[int, ...], hole: Box | None = None) -> io.BytesIO:
    """A picture of 256x256 in one colour; transparent in the hole."""
    picture = Image.new("RGBA", (256, 256), (*colour, 255))
    if hole:
        picture.paste((0, 0, 0, 0), hole)
    data = io.BytesIO()
    picture.save(data, "PNG")
    data.name = "picture.png"
    data.seek(0)
    return data


def opened(answer: Any) -> Image.Image:
    """The first picture of an answer or the one of an event."""
    text = answer.b64_json if hasattr(answer, "b64_json") else answer.data[0].b64_json
    return Image.open(io.BytesIO(base64.b64decode(text)))


def pixel(image: Image.Image, x: float, y: float) -> tuple[int, int, int]:
    """The colour at a place given in parts of the whole, from 0 to 1."""
    found = image.convert("RGB").getpixel((int(image.width * x), int(image.height * y)))
    assert isinstance(found, tuple) and len(found) == 3
    return found


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
async def test_a_picture_is_drawn_in_the_asked_size_and_format(sdk: Sdk, kind: str) -> None:
    made = await sdk.done(
        sdk.images.generate(
            model="gpt-image-1", prompt="a green frog", size="1536x1024", quality="low", output_format=kind
        )
    )
    with opened(made) as image:
        assert (image.size, image.format) == ((1536, 1024), kind.upper())
        red, green, blue = pixel(image, 0.01, 0.01)
        assert green > 2 * max(red, blue)
        assert len(set(image.convert("L").resize((64, 64)).tobytes())) > 10  # more than one plain colour
    assert (made.size, made.output_format, made.quality) == ("1536x1024", kind, "low")
    assert made.usage.output_tokens == 400


async def test_an_edit_changes_what_the_mask_leaves_open_and_nothing_else(sdk: Sdk) -> None:
    edited = await sdk.done(
        sdk.images.edit(
            model="gpt-image-1",
            image=png((255, 0, 0)),
            mask=png((0, 0, 0), hole=(0, 0, 128, 256)),
            prompt="blue",
        )
    )
    assert edited.usage.input_tokens_details.image_tokens == 64
    with opened(edited) as image:
        red, _, blue = pixel(image, 0.02, 0.02)
        assert blue > 2 * red
        assert {pixel(image, x, y) for x in (0.6, 0.8, 0.99) for y in (0.01, 0.5, 0.99)} == {(255, 0, 0)}


async def test_several_pictures_are_edited_and_one_is_varied(sdk: Sdk) -> None:
    pair = [png((255, 0, 0)), png((0, 255, 0))]
    edited = await sdk.done(sdk.images.edit(model="gpt-image-1", image=pair, prompt="both"))
    assert edited.usage.input_tokens_details.image_tokens == 128
    varied = await sdk.deprecated(
        sdk.images.create_variation,
        model="dall-e-2",
        image=png((0, 255, 0)),
        response_format="b64_json",
        size="256x256",
        n=2,
    )
    assert len(varied.data) == 2
    assert varied.data[0].b64_json != varied.data[1].b64_json
    with opened(varied) as image:
        assert (image.size, image.format) == ((256, 256), "PNG")


async def test_a_picture_is_streamed_from_blurred_to_whole(sdk: Sdk) -> None:
    asked = {"model": "gpt-image-1", "prompt": "a frog", "size": "1024x1024", "quality": "low"}
    for name, call in (("image_generation", sdk.images.generate), ("image_edit", sdk.images.edit)):
        given = {"image": png((0, 0, 255))} if name == "image_edit" else {}
        events = await sdk.events(call(**asked, **given, stream=True, partial_images=2))
        assert [event.type.removeprefix(f"{name}.") for event in events] == ["partial_image"] * 2 + [
            "completed"
        ]
        assert [event.partial_image_index for event in events[:-1]] == [0, 1]
        assert events[-1].usage.output_tokens == 272 + 200
        assert len({event.b64_json for event in events}) == 3
        for event in events:
            with opened(event) as image:
                assert image.size == (1024, 1024)


async def speech(sdk: Sdk, kind: str) -> bytes:
    answer = await sdk.done(
        sdk.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input=SAID, response_format=kind)
    )
    sound: bytes = answer.content
    return sound


def as_wav(samples: bytes) -> bytes:
    """Bare samples in a file; they say nothing of themselves."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(samples)
    return data.getvalue()


@pytest.mark.parametrize("kind", [*FORMATS, "wav", "pcm"])
async def test_speech_is_what_it_is_called_and_is_heard_again(sdk: Sdk, kind: str) -> None:
    sound = await speech(sdk, kind)
    if kind in FORMATS:
        with av.open(io.BytesIO(sound), "r") as container:
            codec = container.streams.audio[0].codec_context
            assert (container.format.name, codec.name.removesuffix("float")) == FORMATS[kind]
            frames = list(container.decode(audio=0))
            seconds = sum(frame.samples for frame in frames) / frames[0].sample_rate
    else:
        sound = as_wav(sound) if kind == "pcm" else sound
        with wave.open(io.BytesIO(sound)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
            seconds = file.getnframes() / file.getframerate()
    assert 1 < seconds < 6
    given = (f"speech.{'wav' if kind == 'pcm' else kind}", sound)
    heard = await sdk.done(sdk.audio.transcriptions.create(model="gpt-4o-transcribe", file=given))
    assert heard.text == SAID
    assert heard.usage.output_tokens > 0


async def test_a_recording_is_written_down_in_every_form(sdk: Sdk) -> None:
    given = ("speech.mp3", await speech(sdk, "mp3"))

    async def written(model: str, **more: Any) -> Any:
        return await sdk.done(sdk.audio.transcriptions.create(model=model, file=given, **more))

    verbose = await written(
        "whisper-1", response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert verbose.text == SAID == "".join(segment.text for segment in verbose.segments)
    assert [word.word for word in verbose.words] == ["Hello", "世", "界", ",", "it", "is", "5", "o'clock."]
    assert (await written("whisper-1", response_format="text")).strip() == SAID
    assert f"\n{SAID}\n" in await written("whisper-1", response_format="srt")
    assert (await written("whisper-1", response_format="vtt")).startswith("WEBVTT\n")
    split = await written("gpt-4o-transcribe-diarize", response_format="diarized_json")
    assert {segment.speaker for segment in split.segments} == {"A"}
    events = await sdk.events(
        sdk.audio.transcriptions.create(model="gpt-4o-mini-transcribe", file=given, stream=True)
    )
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == SAID


async def test_a_translation_gives_the_words(sdk: Sdk) -> None:
    given = ("speech.wav", await speech(sdk, "wav"))
    translated = await sdk.deprecated(sdk.audio.translations.create, model="whisper-1", file=given)
    assert translated.text == SAID


async def test_media_are_billed(sdk: Sdk, gateway: Installation) -> None:
    sound = ("speech.wav", await speech(sdk, "wav"))
    drawn = {"prompt": "a frog", "quality": "low", "model": "gpt-image-1"}
    images, audio = sdk.images.with_raw_response, sdk.audio
    answers = {
        "images_generations": images.generate(**drawn),
        "images_edits": images.edit(**drawn, image=png((0, 0, 255))),
        "speech": audio.speech.with_raw_response.create(model="tts-1", voice="alloy", input=SAID),
        "transcriptions": audio.transcriptions.with_raw_response.create(model="whisper-1", file=sound),
    }
    ids = {name: (await sdk.done(answer)).headers["x-request-id"] for name, answer in answers.items()}
    for name, call, fields in (
        ("images_variations", images.create_variation, {"model": "dall-e-2", "image": png((0, 0, 255))}),
        ("translations", audio.translations.with_raw_response.create, {"model": "whisper-1", "file": sound}),
    ):
        ids[name] = (await sdk.deprecated(call, **fields)).headers["x-request-id"]
    rows: dict[str, Any] = {}
    deadline = time.monotonic() + 5
    while len(rows) < len(ids) and time.monotonic() < deadline:
        logged = {row["id"]: row for row in gateway.all_requests(mode="test")}
        rows = {name: logged[id_] for name, id_ in ids.items() if id_ in logged}
    assert rows.keys() == ids.keys()
    assert {name: row["endpoint"] for name, row in rows.items()} == {name: name for name in ids}
    assert all(float(row["cost_usd"]) > 0 for row in rows.values()), rows
    assert {(row["end_reason"], row["shortfall_usd"]) for row in rows.values()} == {("ok", "0.00")}
