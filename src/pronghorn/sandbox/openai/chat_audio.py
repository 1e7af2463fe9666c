"""Chat answers that are spoken: the text of the answer as sound that the sandbox understands again."""

import asyncio
import base64
import math
import time
from dataclasses import dataclass
from typing import Any

from pronghorn.kit.ids import new_id
from pronghorn.sandbox import counting
from pronghorn.sandbox.openai.chat_answer import Answer
from pronghorn.sandbox.openai.speech import OUTPUT_TOKENS_PER_S, spoken, voice_name

LIFE_S = 3600
DELTA_BYTES = 24_000
"""Half a second of pcm16."""

Shape = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Speech:
    """One spoken choice."""

    id: str
    data: bytes
    tokens: int
    transcript: str
    expires_at: int


async def speak(body: Shape, answers: list[Answer]) -> list[Speech | None]:
    """The sound of each answer; None for one that says nothing."""
    return list(await asyncio.gather(*(_speak(body["audio"], answer) for answer in answers)))


async def _speak(audio: Shape, answer: Answer) -> Speech | None:
    if not answer.text:
        return None
    data, seconds = await spoken(answer.text, voice=voice_name(audio["voice"]), kind=audio["format"])
    tokens = math.ceil(seconds * OUTPUT_TOKENS_PER_S)
    return Speech(new_id("audio"), data, tokens, answer.text, int(time.time()) + LIFE_S)


def whole(speech: Speech) -> Shape:
    """`message.audio`."""
    return {
        "id": speech.id,
        "data": base64.b64encode(speech.data).decode(),
        "expires_at": speech.expires_at,
        "transcript": speech.transcript,
    }


def deltas(speech: Speech) -> list[Shape]:
    """What `delta.audio` is, one after the other."""
    pieces = [speech.data[start : start + DELTA_BYTES] for start in range(0, len(speech.data), DELTA_BYTES)]
    return [
        {"id": speech.id},
        *({"transcript": token} for token in counting.tokens(speech.transcript)),
        *({"data": base64.b64encode(piece).decode()} for piece in pieces),
        {"expires_at": speech.expires_at},
    ]
