"""Reading whole answers of vendors: usage in our shape, how it ended, whether it delivered anything.

A reader raises `UpstreamError` for a body that is not what its route promises: a 200 is not yet a success.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

from pronghorn.convert.chat.finishes import FAILURES
from pronghorn.convert.chat.reply_in import thinking_text
from pronghorn.convert.usage import from_anthropic, from_gemini, from_openai
from pronghorn.errors import UpstreamError
from pronghorn.wire import anthropic, gemini, openai
from pronghorn.wire.usage import Usage


class Reading(msgspec.Struct, gc=False):
    usage: Usage | None
    """None: the vendor gave none, or none that can be believed."""
    finish: str = ""
    is_empty: bool = False
    text: str = ""
    """What was produced, for counting it when there is no usage."""
    calls: int = 0
    """As how many the vendor counts it, where it says so."""


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
        produced, finish = choice_text(choices[0]), how_ended(choices[0])
    else:
        produced = "".join([choice_text(choice) for choice in choices])
        finish = next(filter(None, [how_ended(choice) for choice in choices]), "")
    is_empty = not produced and not any(has_other_content(choice) for choice in choices)
    found = answer.usage
    return Reading(normal_usage(found) if found is not None else None, finish, is_empty, produced)


def how_ended(choice: openai.Choice) -> str:
    """Empty: it has not. Raises `UpstreamError` where the vendor says that it failed: that is no end."""
    word = choice.finish_reason or ""
    if word.lower() in FAILURES:
        raise UpstreamError(f"the vendor could not finish its answer ({word.lower()})")
    return word


def decode_completion(body: bytes) -> openai.Answer | None:
    """A completion or a chunk of one; None for what is neither. Absurd usage is no usage, and no reason to fail."""
    try:
        found: openai.Answer = decode(openai.answer_decoder, body)
    except (ValueError, RecursionError):
        return None
    return found


def _odd_document(body: bytes) -> Any:
    """What passes through untouched must not fail here: broken UTF-8 and halves of surrogate pairs are text too."""
    return json.loads(body.decode("utf-8", "replace"), parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def messages(body: bytes, _content_type: bytes) -> Reading:
    """An answer of the Anthropic dialect."""
    answer = _decode(anthropic.answer_decoder, body)
    if answer.content is None:
        raise UpstreamError("the vendor's answer has no `content`")
    produced = "".join([block_text(block) for block in answer.content])
    found = from_anthropic(answer.usage) if answer.usage is not None else None
    is_empty = not produced and not any(block.type not in TEXT_BLOCKS for block in answer.content)
    return Reading(found, FINISHES.get(answer.stop_reason or "", "stop"), is_empty, produced)


PICTURE = "![]()"
"""A picture beside the text of an answer, as others write it into the text."""
PICTURE_PARTS = ("image_url", "image", "output_image")
TEXT_BLOCKS = ("text", "thinking")
FINISHES = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
}
"""Anthropic's stop reasons; whatever is not here is an ordinary end."""


def block_text(block: anthropic.Block) -> str:
    """The text of a block or of its delta, thinking and tool calls included."""
    if block.type == "tool_use":
        # A whole call has its input; in a stream it begins empty and comes in `partial_json`.
        return (block.name or "") + (msgspec.json.encode(block.input).decode() if block.input else "")
    return block.text or block.thinking or block.partial_json or ""


def response(body: bytes, _content_type: bytes) -> Reading:
    """An answer of OpenAI's Responses."""
    answer = _decode(openai.response_decoder, body)
    if answer.status == "failed":
        raise UpstreamError("the vendor reports that it failed under a status of success")
    if answer.output is None:
        raise UpstreamError("the vendor's answer has no `output`")
    return response_reading(answer)


def response_reading(answer: openai.ResponseObject) -> Reading:
    items = answer.output or []
    produced = "".join([_item_text(item) for item in items])
    reason = answer.incomplete_details.reason if answer.incomplete_details is not None else None
    finish = "length" if reason == "max_output_tokens" else reason or "stop"
    if any(item.type in ("function_call", "custom_tool_call") for item in items):
        finish = "tool_calls"
    is_empty = not produced and not any(item.type not in ("message", "reasoning") for item in items)
    # What runs in the background has no answer yet and is not an empty one.
    is_empty = is_empty and answer.status not in ("queued", "in_progress")
    found = from_openai(answer.usage) if answer.usage is not None else None
    return Reading(found, finish, is_empty, produced)


def _item_text(item: openai.ResponseItem) -> str:
    said: list[Any] = []
    for content in (item.content, item.summary):
        said += (
            [content] if isinstance(content, str) else [part.text or part.refusal for part in content or ()]
        )
    said += (item.name, item.arguments, item.input)
    return "".join([text if isinstance(text, str) else json.dumps(text) for text in said if text])


def generated(body: bytes, _content_type: bytes) -> Reading:
    """An answer of the Gemini dialect."""
    answer = _decode(gemini.answer_decoder, body)
    return generated_reading(answer)


def generated_reading(answer: gemini.Answer) -> Reading:
    """`candidates` may be missing where the prompt was blocked: that is an answer too."""
    is_blocked = answer.promptFeedback is not None and answer.promptFeedback.blockReason is not None
    if answer.candidates is None and not is_blocked and answer.usageMetadata is None:
        raise UpstreamError("the vendor's answer has no `candidates`")
    produced, is_empty, finish = [], True, "content_filter" if is_blocked else ""
    for candidate in answer.candidates or ():
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            produced.append(_part_text(part))
            is_empty = is_empty and not part.text and _has_no_more(part)
        if candidate.finishReason:
            finish = GEMINI_FINISHES.get(candidate.finishReason, "stop")
    found = from_gemini(answer.usageMetadata) if answer.usageMetadata is not None else None
    return Reading(found, finish, is_empty, "".join(produced))


def counted(body: bytes, _content_type: bytes) -> Reading:
    """An answer that only counts tokens; counting costs nothing."""
    _decode(_object_decoder, body)
    return Reading(Usage(), "stop")


def embedded(body: bytes, _content_type: bytes) -> Reading:
    """Embeddings in the Gemini dialect."""
    answer = _decode(gemini.embedding_decoder, body)
    if answer.embedding is None and answer.embeddings is None:
        raise UpstreamError("the vendor's answer has neither `embedding` nor `embeddings`")
    found = from_gemini(answer.usageMetadata) if answer.usageMetadata is not None else None
    return Reading(found, "stop", answer.embedding is None and not answer.embeddings)


class _Object(msgspec.Struct):
    error: Any = None


_object_decoder = msgspec.json.Decoder(_Object)

GEMINI_FINISHES = {"MAX_TOKENS": "length"} | dict.fromkeys(
    (
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    ),
    "content_filter",
)


def _part_text(part: gemini.Part) -> str:
    if part.functionCall is not None:
        return msgspec.json.encode(part.functionCall).decode()
    data = part.inlineData
    if isinstance(data, dict) and str(data.get("mimeType")).startswith("image/"):
        return PICTURE
    return part.text or ""


def _has_no_more(part: gemini.Part) -> bool:
    return not (part.functionCall or part.inlineData or part.executableCode or part.codeExecutionResult)


def listing(body: bytes, _content_type: bytes) -> Reading:
    """Embeddings, moderations, rerankings."""
    answer = _decode(openai.list_decoder, body)
    found = answer.data if answer.data is not None else answer.results
    if found is None:
        raise UpstreamError("the vendor's answer has neither `data` nor `results`")
    # Who counts searches counts no tokens: then they are ours, and so is the rest of the usage.
    return Reading(usage(answer.usage), "stop", not found, calls=_searches(answer.meta))


def _searches(meta: msgspec.Raw) -> int:
    try:
        billed = openai.meta_decoder.decode(meta).billed_units if openai.is_present(meta) else None
    except (ValueError, RecursionError):
        return 0
    units = billed.search_units if billed is not None else None
    return math.ceil(units) if units is not None and 0 <= units < 10_000_000 else 0


def images(body: bytes, _content_type: bytes) -> Reading:
    answer = _decode(openai.list_decoder, body)
    if answer.data is None:
        raise UpstreamError("the vendor's answer has no `data`")
    found = usage(answer.usage) or Usage()
    _count_as_images(found)
    found.images = sum(map(_is_painted, answer.data))
    return Reading(found, "stop", not found.images)


FAILED_PICTURE_BYTES = 16 * 1024


def _is_painted(picture: msgspec.Raw) -> bool:
    """Doubao lists those that failed, too, with an error in the picture's place."""
    if len(picture) > FAILED_PICTURE_BYTES:
        return True
    try:
        return not _object_decoder.decode(picture).error
    except ValueError:
        return True


def binary(body: bytes, content_type: bytes) -> Reading:
    """Sound. A JSON or HTML page in its place is an error, whatever its status."""
    kind = content_type.lower()
    is_page = kind.startswith((b"application/json", b"application/problem", b"text/html"))
    if is_page or (kind.startswith(b"text/") and body.lstrip()[:1] in (b"{", b"[", b"<")):
        raise UpstreamError("the vendor answered with text where sound was due")
    return Reading(None, "stop", not body)


def transcript(body: bytes, content_type: bytes) -> Reading:
    """JSON in several forms, whatever its type says, or plain text, SRT, VTT."""
    kind = content_type.lower()
    if kind.startswith(b"text/html"):
        raise UpstreamError("the vendor answered with a web page where a transcript was due")
    if not kind.startswith(b"application/json") and not _is_object(body):
        text = body.decode("utf-8", "replace")
        return Reading(None, "stop", not text.strip(), text)
    answer = _decode(openai.transcript_decoder, body)
    if answer.text is None:
        raise UpstreamError("the vendor's transcript has no `text`")
    found = usage(answer.usage)
    if found is None and answer.duration is not None:
        found = _duration(answer.duration)
    return Reading(found, "stop", not answer.text.strip(), answer.text)


def _is_object(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=dict)
    except (ValueError, RecursionError):
        return False
    return True


_CUE = re.compile(r"--> *(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?")


def subtitled_s(text: str) -> int:
    """How long the sound of SRT or VTT is at least: the end of its last cue, rounded up; 0 for other text."""
    cues = _CUE.findall(text)
    if not cues:
        return 0
    hours, minutes, seconds, thousandths = cues[-1]
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + bool(thousandths.strip("0"))


def decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """An answer or an event. Usage that cannot be understood is none. Raises `ValueError` or `RecursionError`."""
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError):
        document = _odd_document(body)
    try:
        return msgspec.convert(document, decoder.type)
    except ValueError:
        _mend_usage(document, openai.sound_usage)
    try:
        return msgspec.convert(document, decoder.type)
    except ValueError:
        _mend_usage(document, lambda found: None)
    return msgspec.convert(document, decoder.type)


def _mend_usage(document: Any, mend: Callable[[Any], Any]) -> None:
    if not isinstance(document, dict):
        return
    for holder in (document, document.get("message"), document.get("response")):
        if isinstance(holder, dict):
            for name in holder.keys() & {"usage", "usageMetadata"}:
                holder[name] = mend(holder[name])


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        answer = decode(decoder, body)
    except (ValueError, RecursionError) as error:
        raise UpstreamError("the vendor's answer is not the JSON that this route gives") from error
    found = answer.error
    if openai.is_present(found) if isinstance(found, msgspec.Raw) else found is not None:
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
        message.tool_calls
        or message.reasoning_content
        or message.reasoning
        or message.reasoning_details
        or message.refusal
        or message.images
    ):
        return content
    reasoning = message.reasoning_content or message.reasoning or message.reasoning_details
    parts = [_text(part) for part in (reasoning, content, message.refusal)]
    parts += [_call_text(call) for call in message.tool_calls or ()]
    parts += [PICTURE] * (len(message.images) if isinstance(message.images, list) else 0)
    return "".join(parts)


def has_other_content(choice: openai.Choice) -> bool:
    """Content that is not text: a tool call without arguments, sound, pictures, reasoning that is encrypted."""
    message = choice.message or choice.delta
    return message is not None and bool(
        message.tool_calls
        or message.function_call
        or message.audio
        or message.images
        or message.reasoning_details
        or _has_other_part(message.content)
    )


def _content_text(part: dict[str, Any]) -> str:
    if part.get("type") in PICTURE_PARTS:
        return PICTURE
    return str(part.get("text") or "") or thinking_text(part)


def _has_other_part(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type", "text") not in TEXT_BLOCKS for part in content
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join([_content_text(part) for part in content if isinstance(part, dict)])
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
        pass
    try:
        return usage_of_choice(msgspec.json.decode(raw))
    except (ValueError, RecursionError):
        return None


def normal_usage(found: openai.UsageObject) -> Usage | None:
    """Sound is counted in seconds where it is not counted in tokens."""
    if found.seconds is not None and found.prompt_tokens is None and found.input_tokens is None:
        return _duration(found.seconds)
    result = from_openai(found)
    if found.prompt_audio_seconds and result is not None:
        heard = _duration(found.prompt_audio_seconds)
        result.seconds = heard.seconds if heard is not None else 0
    return result


def usage_of_choice(document: Any) -> Usage | None:
    """The same of a `usage` that stands in a choice."""
    try:
        return normal_usage(msgspec.convert(openai.sound_usage(document), openai.UsageObject))
    except ValueError:
        return None


def _duration(value: Any) -> Usage | None:
    """Seconds of sound, rounded up to a whole one as vendors do, some with their unit; None for what is no number."""
    try:
        seconds = float(value.removesuffix("s") if isinstance(value, str) else value)
    except (ValueError, TypeError):
        return None
    return Usage(seconds=math.ceil(seconds)) if 0 <= seconds < 10_000_000 else None


def _count_as_images(found: Usage) -> None:
    """Image models bill what they put out as image tokens, also where the vendor does not split it."""
    if found.output and not found.image_output:
        found.image_output = found.output
