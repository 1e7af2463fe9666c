"""POST /v1/audio/transcriptions and /translations: what was said, in every form that it is asked for.

A translation gives the words as they were said: the sandbox knows no languages.
"""

import math
import re
from typing import Any

from aiohttp import web

from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.form import Form, read_form
from pronghorn.sandbox.hearing import Heard, Span, hear
from pronghorn.sandbox.openai import subtitles
from pronghorn.sandbox.reply import Events, reply_bytes, reply_json

INPUT_TOKENS_PER_S = 10
FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
LANGUAGES = {
    "en": "english",
    "zh": "chinese",
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "ja": "japanese",
}

Shape = dict[str, Any]

_HAN = re.compile(r"[\u4e00-\u9fff]")


async def transcribe(request: web.Request) -> web.StreamResponse:
    form, heard = await _heard(request)
    wanted = _format(form)
    if form.flag("stream") and form.text("model").startswith("gpt-"):  # whisper ignores it
        return await _stream(request, form, heard)
    if wanted in ("text", "srt", "vtt"):
        return await _plain(request, heard, wanted)
    return await reply_json(request, _rendered(form, heard, wanted) | {"usage": _usage(form, heard)})


async def translate(request: web.Request) -> web.StreamResponse:
    form, heard = await _heard(request)
    wanted = _format(form)
    if wanted == "diarized_json":
        raise SandboxError("Invalid 'response_format'.", param="response_format", code="invalid_value")
    if wanted in ("text", "srt", "vtt"):
        return await _plain(request, heard, wanted)
    if wanted == "json":
        return await reply_json(request, {"text": heard.text})
    return await reply_json(request, _verbose(form, heard) | {"task": "translate", "language": "english"})


async def _heard(request: web.Request) -> tuple[Form, Heard]:
    """The form and what its file says. Raises `SandboxError` as OpenAI would."""
    form = await read_form(request)
    if not form.text("model"):
        raise SandboxError("you must provide a model parameter", param="model")
    check_magic_model(form.text("model"))
    uploads = form.files("file")
    if not uploads:
        raise SandboxError("Missing required parameter: 'file'.", param="file")
    _format(form)
    return form, await hear(uploads[0].data)


def _format(form: Form) -> str:
    """The form of the answer. Raises `SandboxError` for one that the model does not have."""
    wanted, model = form.text("response_format", "json"), form.text("model")
    if wanted not in FORMATS:
        raise SandboxError(
            f"Invalid 'response_format': expected one of {', '.join(FORMATS)}.",
            param="response_format",
            code="invalid_value",
        )
    is_new = model.startswith("gpt-") and "transcribe" in model
    takes = ("json", "text", "diarized_json") if "diarize" in model else ("json", "text")
    if is_new and wanted not in takes:
        raise SandboxError(
            f"response_format '{wanted}' is not compatible with model '{model}'. Use 'json' or 'text' instead.",
            param="response_format",
            code="unsupported_value",
        )
    return wanted


async def _plain(request: web.Request, heard: Heard, wanted: str) -> web.StreamResponse:
    text = heard.text + "\n" if wanted == "text" else subtitles.render(heard.segments, wanted)
    return await reply_bytes(request, text.encode(), "text/plain; charset=utf-8")


def _rendered(form: Form, heard: Heard, wanted: str) -> Shape:
    if wanted == "verbose_json":
        return _verbose(form, heard)
    if wanted == "diarized_json":
        segments = [_diarized(form, number, span) for number, span in enumerate(heard.segments)]
        return {
            "task": "transcribe",
            "duration": round(heard.duration_s, 2),
            "text": heard.text,
            "segments": segments,
        }
    answer: Shape = {"text": heard.text}
    if "logprobs" in form.texts("include"):
        answer["logprobs"] = _logprobs(heard.text)
    return answer


def _verbose(form: Form, heard: Heard) -> Shape:
    granularities = form.texts("timestamp_granularities") or ["segment"]
    answer: Shape = {
        "task": "transcribe",
        "language": _language(form, heard.text),
        "duration": round(heard.duration_s, 2),
        "text": heard.text,
    }
    if "word" in granularities:
        answer["words"] = [{"word": span.text, **_times(span)} for span in heard.words]
    if "segment" in granularities:
        answer["segments"] = [_segment(number, span) for number, span in enumerate(heard.segments)]
    return answer


def _language(form: Form, text: str) -> str:
    given = form.text("language")
    return LANGUAGES.get(given, given) or ("chinese" if _HAN.search(text) else "english")


def _times(span: Span) -> Shape:
    return {"start": round(span.start_s, 2), "end": round(span.end_s, 2)}


def _segment(number: int, span: Span) -> Shape:
    return {
        "id": number,
        "seek": round(span.start_s * 100),
        **_times(span),
        "text": span.text,
        "tokens": list(range(50_364, 50_364 + counting.count(span.text))),
        "temperature": 0.0,
        "avg_logprob": -0.1,
        "compression_ratio": 1.2,
        "no_speech_prob": 0.01,
    }


def _diarized(form: Form, number: int, span: Span) -> Shape:
    names = form.texts("known_speaker_names")
    speaker = names[span.speaker] if span.speaker < len(names) else chr(ord("A") + span.speaker % 26)
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{number:03d}",
        **_times(span),
        "text": span.text,
        "speaker": speaker,
    }


def _logprobs(text: str) -> list[Shape]:
    return [
        {"token": token, "logprob": -0.01, "bytes": list(token.encode("utf-8", "replace"))}
        for token in counting.tokens(text)
    ]


def _usage(form: Form, heard: Heard) -> Shape:
    """Whole seconds for whisper, tokens for the newer models."""
    if not form.text("model").startswith("gpt-"):
        return {"type": "duration", "seconds": math.ceil(heard.duration_s)}
    text, audio = counting.count(form.text("prompt")), math.ceil(heard.duration_s * INPUT_TOKENS_PER_S)
    made = counting.count(heard.text)
    return {
        "type": "tokens",
        "input_tokens": text + audio,
        "input_token_details": {"text_tokens": text, "audio_tokens": audio},
        "output_tokens": made,
        "total_tokens": text + audio + made,
    }


async def _stream(request: web.Request, form: Form, heard: Heard) -> web.StreamResponse:
    shows_logprobs = "logprobs" in form.texts("include")
    is_diarized = _format(form) == "diarized_json"
    events = Events(request)
    await events.open()
    for number, span in enumerate(heard.segments):
        for token in counting.tokens(span.text):
            delta: Shape = {"type": "transcript.text.delta", "delta": token}
            if shows_logprobs:
                delta["logprobs"] = _logprobs(token)
            if is_diarized:
                delta["segment_id"] = f"seg_{number:03d}"
            await events.send(delta)
        if is_diarized:
            await events.send(_diarized(form, number, span))
    done: Shape = {"type": "transcript.text.done", "text": heard.text}
    if shows_logprobs:
        done["logprobs"] = _logprobs(heard.text)
    await events.send(done | {"usage": _usage(form, heard)})
    return await events.close()


routes = [
    web.post("/v1/audio/transcriptions", transcribe),
    web.post("/v1/audio/translations", translate),
]
