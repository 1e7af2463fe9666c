"""Reading whole answers of the OpenAI dialect: usage in our shape, how it ended, whether it delivered anything.

A reader raises `UpstreamError` for a body that is not what its route promises: a 200 is not yet a success.
"""

import json
import math
from collections.abc import Callable
from typing import Any

import msgspec

from pronghorn.errors import UpstreamError
from pronghorn.ledger.usage import TOKEN_CAP, Usage
from pronghorn.wire import openai


class Reading(msgspec.Struct, gc=False):
    usage: Usage | None
    """None: the vendor gave none, or none that can be believed."""
    finish: str = ""
    is_empty: bool = False
    text: str = ""
    """What was produced, for counting it when there is no usage."""


Reader = Callable[[bytes, bytes], Reading]
"""(body, content type) to a reading."""


def completion(body: bytes, _content_type: bytes) -> Reading:
    """A chat or text completion."""
    answer = decode_completion(body)
    if answer is None:
        raise UpstreamError("the vendor's answer is not the JSON that this route gives")
    if answer.error is not None:
        raise UpstreamError("the vendor answered with an error under a status of success")
    choices = answer.choices
    if not choices:
        raise UpstreamError("the vendor's answer has no choices")
    if len(choices) == 1:
        produced, finish = choice_text(choices[0]), choices[0].finish_reason or ""
    else:
        produced = "".join([choice_text(choice) for choice in choices])
        finish = next((choice.finish_reason for choice in choices if choice.finish_reason), "")
    is_empty = not produced and not any(has_other_content(choice) for choice in choices)
    found = answer.usage
    return Reading(normal_usage(found) if found is not None else None, finish, is_empty, produced)


def decode_completion(body: bytes) -> openai.Answer | None:
    """A completion or a chunk of one; None for what is neither. Absurd usage is no usage, and no reason to fail."""
    try:
        return openai.answer_decoder.decode(body)
    except (ValueError, RecursionError):
        pass
    try:
        odd: openai.AnswerOddUsage | None = openai.odd_answer_decoder.decode(body)
    except (ValueError, RecursionError):
        odd = _with_odd_text(body)
    return None if odd is None else openai.Answer(choices=odd.choices, error=odd.error)


def _with_odd_text(body: bytes) -> openai.AnswerOddUsage | None:
    """What passes through untouched must not fail here: broken UTF-8 and halves of surrogate pairs are text too."""
    try:
        document = json.loads(body.decode("utf-8", "replace"), parse_constant=_no_constant)
        return msgspec.convert(document, openai.AnswerOddUsage)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def listing(body: bytes, _content_type: bytes) -> Reading:
    """Embeddings, moderations, rerankings."""
    answer = _decode(openai.list_decoder, body)
    found = answer.data if answer.data is not None else answer.results
    if found is None:
        raise UpstreamError("the vendor's answer has neither `data` nor `results`")
    return Reading(usage(answer.usage), "stop", not found)


def images(body: bytes, _content_type: bytes) -> Reading:
    answer = _decode(openai.list_decoder, body)
    if answer.data is None:
        raise UpstreamError("the vendor's answer has no `data`")
    found = usage(answer.usage) or Usage()
    _count_as_images(found)
    found.images = len(answer.data)
    return Reading(found, "stop", not answer.data)


def binary(body: bytes, content_type: bytes) -> Reading:
    """Sound. A JSON or HTML page in its place is an error, whatever its status."""
    if content_type.startswith((b"application/json", b"text/html")):
        raise UpstreamError("the vendor answered with text where sound was due")
    return Reading(None, "stop", not body)


def transcript(body: bytes, content_type: bytes) -> Reading:
    """JSON in several forms, or plain text, SRT, VTT."""
    if content_type.startswith(b"text/html"):
        raise UpstreamError("the vendor answered with a web page where a transcript was due")
    if not content_type.startswith(b"application/json"):
        text = body.decode("utf-8", "replace")
        return Reading(None, "stop", not text.strip(), text)
    answer = _decode(openai.transcript_decoder, body)
    if answer.text is None:
        raise UpstreamError("the vendor's transcript has no `text`")
    found = usage(answer.usage)
    if found is None and answer.duration is not None:
        found = _duration(answer.duration)
    return Reading(found, "stop", not answer.text.strip(), answer.text)


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        answer = decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise UpstreamError("the vendor's answer is not the JSON that this route gives") from error
    if openai.is_present(answer.error):
        raise UpstreamError("the vendor answered with an error under a status of success")
    return answer


def choice_text(choice: openai.Choice) -> str:
    """All text of a choice or a delta, reasoning and tool calls included."""
    if choice.text:
        return choice.text
    message = choice.message or choice.delta
    if message is None:
        return ""
    content = message.content
    if type(content) is str and not (
        message.tool_calls or message.reasoning_content or message.reasoning or message.refusal
    ):
        return content
    parts = [
        _text(part) for part in (message.reasoning_content or message.reasoning, content, message.refusal)
    ]
    parts += [_call_text(call) for call in message.tool_calls or ()]
    return "".join(parts)


def has_other_content(choice: openai.Choice) -> bool:
    """Content that is not text: a tool call without arguments, sound, pictures."""
    message = choice.message or choice.delta
    return message is not None and bool(
        message.tool_calls or message.function_call or message.audio or message.images
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return ""


def _call_text(call: Any) -> str:
    if not isinstance(call, dict):
        return ""
    called = call.get("function") or call.get("custom") or {}
    if not isinstance(called, dict):
        return ""
    return f"{called.get('name') or ''}{called.get('arguments') or called.get('input') or ''}"


def usage(raw: msgspec.Raw) -> Usage | None:
    """A `usage` object in our shape; None if it is missing or absurd."""
    if not openai.is_present(raw):
        return None
    try:
        return normal_usage(openai.usage_decoder.decode(raw))
    except (ValueError, RecursionError):
        return None


def normal_usage(found: openai.UsageObject) -> Usage | None:
    """None if any of its numbers cannot be believed."""
    if found.seconds is not None and found.prompt_tokens is None and found.input_tokens is None:
        return _duration(found.seconds)
    tokens_in = found.prompt_tokens if found.prompt_tokens is not None else found.input_tokens
    tokens_out = found.completion_tokens if found.completion_tokens is not None else found.output_tokens
    if tokens_in is None and tokens_out is None:
        tokens_in = found.total_tokens
    if tokens_in is None and tokens_out is None:
        return None
    result = Usage(input=tokens_in or 0, output=tokens_out or 0)
    into = found.prompt_tokens_details or found.input_tokens_details or found.input_token_details
    if into is not None:
        result.cache_read = into.cached_tokens or 0
        result.cache_write_5m = into.cache_write_tokens or into.cached_creation_tokens or 0
        result.audio_input = into.audio_tokens or 0
        result.image_input = into.image_tokens or 0
    if found.prompt_cache_hit_tokens and not result.cache_read:
        result.cache_read = found.prompt_cache_hit_tokens
    out_of = found.completion_tokens_details or found.output_tokens_details
    if out_of is not None:
        result.reasoning = out_of.reasoning_tokens or 0
        result.audio_output = out_of.audio_tokens or 0
        result.image_output = out_of.image_tokens or 0
    return result if _is_believable(result) else None


def _is_believable(found: Usage) -> bool:
    parts_in = (found.cache_read, found.cache_write_5m, found.audio_input, found.image_input)
    parts_out = (found.reasoning, found.audio_output, found.image_output)
    return (
        0 <= found.input < TOKEN_CAP
        and 0 <= found.output < TOKEN_CAP
        and (not any(parts_in) or 0 <= min(parts_in) <= max(parts_in) <= TOKEN_CAP)
        and (not any(parts_out) or 0 <= min(parts_out) <= max(parts_out) <= TOKEN_CAP)
    )


def _duration(value: float | str) -> Usage | None:
    """Seconds of sound, rounded up to a whole one as vendors do."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return Usage(seconds=math.ceil(seconds)) if 0 <= seconds < 10_000_000 else None


def _count_as_images(found: Usage) -> None:
    """Image models bill what they put out as image tokens, also where the vendor does not split it."""
    if found.output and not found.image_output:
        found.image_output = found.output
