"""Capabilities: what a model is asked for, told from its name."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

CHAT = ("chat",)
NONE: tuple[str, ...] = ()

_RULES: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("gpt-realtime-whisper*", "gpt-realtime-translate*"), NONE),
    (("gpt-realtime*", "gpt-4o*-realtime*"), ("realtime",)),
    # No route of the gateway serves these, so the catalogue leaves them out.
    (("*realtime*", "*-live*", "grok-voice-*", "*native-audio*", "*-streaming-*"), NONE),
    (("gemini-omni-*", "*ocr*"), NONE),
    # Gemini speaks and paints through its chat method, too.
    (("gemini-*-tts*",), ("chat", "speech")),
    (("gemini-*-image*", "gemini-nano-banana*"), ("chat", "images")),
    (("tts-*", "*-tts", "*-tts-*", "*orpheus*"), ("speech",)),
    (("*whisper*", "*transcribe*", "voxtral-mini*"), ("transcription",)),
    (("voxtral-small*",), ("chat", "transcription")),
    (("*moderation*",), ("moderations",)),
    (("*rerank*",), ("rerank",)),
    (("*embed*", "voyage-*"), ("embeddings",)),
    (("gpt-image*", "dall-e*", "*-image", "*-image-*"), ("images",)),
    (("ada", "babbage*", "curie", "davinci*", "text-ada-*", "text-curie-*"), ("completions",)),
    (("text-davinci-*", "gpt-3.5-turbo-instruct*"), ("completions",)),
]


def capabilities_of(name: str) -> tuple[str, ...]:
    """What the first rule that matches says; chat if none does."""
    for patterns, capabilities in _RULES:
        if matches(name, patterns):
            return capabilities
    return CHAT


def matches(name: str, patterns: Iterable[str]) -> bool:
    lower = name.lower()
    return any(fnmatchcase(lower, pattern) for pattern in patterns)
