"""OpenAI's Responses: between their JSON and the canonical turn. Pure translation, no I/O."""

from pronghorn.convert.dialect import Dialect
from pronghorn.convert.responses.reply_in import read_reply
from pronghorn.convert.responses.reply_out import write_reply
from pronghorn.convert.responses.request_in import read_request
from pronghorn.convert.responses.request_out import takes_url, tokens_beyond, write_request
from pronghorn.convert.responses.stream_in import Reader
from pronghorn.convert.responses.stream_out import Writer

__all__ = ["dialect"]

_FIELDS = {
    "model": "model",
    "messages": "input, instructions",
    "tools": "tools",
    "is_stream": "stream",
    "wants_usage": "always",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_tool_calls",
    "max_output_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "choices": "1 only",
    "logprobs": "include",
    "top_logprobs": "top_logprobs",
    "output_format": "text.format",
    "reasoning": "reasoning",
    "verbosity": "text.verbosity",
    "modalities": "text only",
    "user": "user",
    "metadata": "metadata",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}

dialect = Dialect(
    name="responses",
    fields=_FIELDS,
    carries=frozenset(_FIELDS),
    parts=frozenset(
        {"text", "image", "document", "thinking", "tool_call", "tool_result", "refusal", "web_search"}
    ),
    tool_name=r"[a-zA-Z0-9_-]{1,64}",
    call_id=r".{1,64}",
    read_request=read_request,
    write_request=write_request,
    takes_url=takes_url,
    thinking_tokens=tokens_beyond,
    read_reply=read_reply,
    write_reply=write_reply,
    reader=Reader,
    writer=Writer,
)
