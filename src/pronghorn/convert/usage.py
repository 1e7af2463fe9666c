"""Usage between the dialects and the one shape of ours: input = uncached + cache read + cache write (5m + 1h).

Reading gives None for counts that cannot be believed; then the gateway counts itself.
"""

from pronghorn.convert.turn import Json
from pronghorn.wire import anthropic, gemini, openai
from pronghorn.wire.usage import TOKEN_CAP, Usage


def from_openai(found: openai.UsageObject) -> Usage | None:
    """Chat, responses, images, audio: the cached tokens are part of the input, reasoning is part of the output."""
    tokens_in = found.prompt_tokens if found.prompt_tokens is not None else found.input_tokens
    tokens_out = found.completion_tokens if found.completion_tokens is not None else found.output_tokens
    if tokens_in is None or tokens_out is None:
        tokens_in, tokens_out = _from_total(tokens_in, tokens_out, found.total_tokens)
    if tokens_in is None:
        return None
    result = Usage(input=tokens_in, output=tokens_out)
    into = found.prompt_tokens_details or found.input_tokens_details or found.input_token_details
    if into is not None:
        result.cache_read = into.cached_tokens or 0
        result.cache_write_5m = into.cache_write_tokens or into.cached_creation_tokens or 0
        result.audio_input = into.audio_tokens or 0
        result.image_input = into.image_tokens or 0
    if not result.cache_read:
        result.cache_read = found.prompt_cache_hit_tokens or found.cached_tokens or 0
    out_of = found.completion_tokens_details or found.output_tokens_details or found.output_token_details
    if out_of is not None:
        result.reasoning = out_of.reasoning_tokens or 0
        if result.reasoning and _is_beside(result, found.total_tokens):
            result.output += result.reasoning
        result.audio_output = out_of.audio_tokens or 0
        result.image_output = out_of.image_tokens or 0
    if is_believable(result):
        return result
    totals = Usage(input=result.input, output=result.output)
    return totals if is_believable(totals) else None


def _from_total(tokens_in: int | None, tokens_out: int | None, total: int | None) -> tuple[int | None, int]:
    """Both counts where one is missing. None: nobody says how much the input was."""
    if total is None:
        return tokens_in, tokens_out or 0
    if tokens_in is None:
        return total - (tokens_out or 0), tokens_out or 0
    return tokens_in, max(total - tokens_in, 0)


def _is_beside(counted: Usage, total: int | None) -> bool:
    """xAI counts reasoning beside the output, which its total shows."""
    return total == counted.input + counted.output + counted.reasoning


def from_anthropic(found: anthropic.UsageObject) -> Usage | None:
    """The three counts of input are disjoint. A write without its split is one for five minutes."""
    if found.input_tokens is None and found.output_tokens is None:
        return None
    written, split = found.cache_creation_input_tokens or 0, found.cache_creation
    for_1h = (split.ephemeral_1h_input_tokens or 0) if split is not None else 0
    for_5m = (split.ephemeral_5m_input_tokens or 0) if split is not None else 0
    written = max(written, for_5m + for_1h)
    read = found.cache_read_input_tokens or 0
    details = found.output_tokens_details
    result = Usage(
        input=(found.input_tokens or 0) + written + read,
        output=found.output_tokens or 0,
        cache_read=read,
        cache_write_5m=written - for_1h,
        cache_write_1h=for_1h,
        reasoning=(details.thinking_tokens or 0) if details is not None else 0,
    )
    return result if is_believable(result) else None


def from_gemini(found: gemini.UsageMetadata) -> Usage | None:
    """Thoughts are not in the candidates' count, and what tools read is not in the prompt's."""
    if (
        found.promptTokenCount is None
        and found.candidatesTokenCount is None
        and found.totalTokenCount is None
    ):
        return None
    thoughts = found.thoughtsTokenCount or 0
    tokens_in = (found.promptTokenCount or 0) + (found.toolUsePromptTokenCount or 0)
    tokens_out = (found.candidatesTokenCount or 0) + thoughts
    result = Usage(
        input=tokens_in,
        output=tokens_out,
        cache_read=found.cachedContentTokenCount or 0,
        audio_input=_of(found.promptTokensDetails, "AUDIO") - _of(found.cacheTokensDetails, "AUDIO"),
        image_input=_of(found.promptTokensDetails, "IMAGE") - _of(found.cacheTokensDetails, "IMAGE"),
        reasoning=thoughts,
        audio_output=_of(found.candidatesTokensDetails, "AUDIO"),
        image_output=_of(found.candidatesTokensDetails, "IMAGE"),
    )
    return result if is_believable(result) else None


def _of(details: list[gemini.ModalityCount] | None, modality: str) -> int:
    return sum(part.tokenCount or 0 for part in details or () if part.modality == modality)


def is_believable(found: Usage) -> bool:
    parts_in = (
        found.cache_read,
        found.cache_write_5m,
        found.cache_write_1h,
        found.audio_input,
        found.image_input,
    )
    parts_out = (found.reasoning, found.audio_output, found.image_output)
    return (
        0 <= found.input < TOKEN_CAP
        and 0 <= found.output < TOKEN_CAP
        and (not any(parts_in) or 0 <= min(parts_in) <= max(parts_in) <= TOKEN_CAP)
        and (not any(parts_out) or 0 <= min(parts_out) <= max(parts_out) <= TOKEN_CAP)
    )


def to_chat(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "audio_tokens": usage.audio_input,
        }
        | _if_any("cache_write_tokens", usage.cache_write_5m + usage.cache_write_1h)
        | _if_any("image_tokens", usage.image_input),
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
        | _if_any("image_tokens", usage.image_output),
    }


def to_responses(usage: Usage) -> Json:
    written = usage.cache_write_5m + usage.cache_write_1h
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def to_messages(usage: Usage) -> Json:
    written = usage.cache_write_5m + usage.cache_write_1h
    return {
        "input_tokens": max(0, usage.input - usage.cache_read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


def to_generate(usage: Usage) -> Json:
    metadata: Json = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": max(0, usage.output - usage.reasoning),
        "totalTokenCount": usage.input + usage.output,
    }
    return (
        metadata
        | _if_any("thoughtsTokenCount", usage.reasoning)
        | _if_any("cachedContentTokenCount", usage.cache_read)
        | _details("promptTokensDetails", AUDIO=usage.audio_input, IMAGE=usage.image_input)
        | _details("candidatesTokensDetails", AUDIO=usage.audio_output, IMAGE=usage.image_output)
    )


def _details(name: str, **counts: int) -> Json:
    found = [{"modality": modality, "tokenCount": count} for modality, count in counts.items() if count]
    return {name: found} if found else {}


def _if_any(name: str, count: int) -> Json:
    return {name: count} if count else {}
