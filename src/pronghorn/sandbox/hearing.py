"""What was said in a recording, and when: exactly, if the sandbox spoke it; else a sentence that states its length."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pronghorn.kit.later import Later
from pronghorn.sandbox.errors import SandboxError

if TYPE_CHECKING:
    from pronghorn.sandbox import modem, soundfile
else:
    modem = Later("pronghorn.sandbox.modem")
    soundfile = Later("pronghorn.sandbox.soundfile")

MAX_FILE_BYTES = 25 * 1024 * 1024
MAX_SEGMENT_CHARACTERS = 120

# Scripts without blanks between words count by character.
_WORD = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_SENTENCE = re.compile(r".+?(?:[.!?](?=\s)|[。！？]|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text with its time in seconds. `speaker` counts the messages of a recording from 0."""

    text: str
    start_s: float
    end_s: float
    speaker: int = 0


@dataclass(slots=True)
class Heard:
    """A recording, understood. The texts of `segments` joined are `text`."""

    duration_s: float
    text: str = ""
    words: list[Span] = field(default_factory=list)
    segments: list[Span] = field(default_factory=list)


async def hear(data: bytes, param: str = "file") -> Heard:
    """Raises `SandboxError` if this is no recording, or too large a one."""
    if len(data) > MAX_FILE_BYTES:
        raise SandboxError(
            f"Maximum content size limit ({MAX_FILE_BYTES}) exceeded ({len(data)} bytes read)", status=413
        )
    return await asyncio.to_thread(_hear, data, param)


def _hear(data: bytes, param: str) -> Heard:
    try:
        sound = soundfile.decode(data)
    except soundfile.TooLong as error:
        raise SandboxError(
            f"The audio is longer than {soundfile.MAX_SECONDS} seconds, which is the maximum.",
            param=param,
            code="invalid_value",
        ) from error
    except soundfile.NotSound as error:
        raise SandboxError(
            "Audio file might be corrupted or unsupported", param=param, code="invalid_value"
        ) from error
    heard = Heard(len(sound) / modem.IN_RATE)
    messages = modem.listen(sound)
    for number, message in enumerate(messages):
        _add(heard, message.text, message.start_s, message.chord_s, number)
    if not messages:
        text = f"This is a recording of {heard.duration_s:.1f} seconds."
        _add(heard, text, 0.0, heard.duration_s / len(text.encode()), 0)
    return heard


def _add(heard: Heard, text: str, start_s: float, byte_s: float, speaker: int) -> None:
    """Put `text` behind what is there; every byte of it took `byte_s`."""
    times = [start_s]
    for character in text:
        times.append(times[-1] + byte_s * len(character.encode("utf-8", "replace")))
    glue = " " if heard.text else ""
    heard.text += glue + text
    for match in _WORD.finditer(text):
        heard.words.append(Span(match[0], times[match.start()], times[match.end()], speaker))
    position = 0
    for piece in _pieces(text):
        end = position + len(piece)
        heard.segments.append(Span(glue + piece, times[position], times[end], speaker))
        glue, position = "", end


def _pieces(text: str) -> list[str]:
    """Sentences, cut further where they are long; joined they are the text."""
    pieces: list[str] = []
    for sentence in _SENTENCE.findall(text):
        while len(sentence) > MAX_SEGMENT_CHARACTERS:
            cut = sentence.rfind(" ", 1, MAX_SEGMENT_CHARACTERS)
            cut = cut if cut > 0 else MAX_SEGMENT_CHARACTERS
            pieces.append(sentence[:cut])
            sentence = sentence[cut:]
        pieces.append(sentence)
    return pieces
