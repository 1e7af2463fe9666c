"""OpenAI's chat completions: between their JSON and the canonical turn. Pure translation, no I/O."""

from pronghorn.convert.chat.reply_in import read_reply
from pronghorn.convert.chat.reply_out import write_reply
from pronghorn.convert.chat.request_in import read_request
from pronghorn.convert.chat.request_out import takes_url, write_request
from pronghorn.convert.chat.stream_in import Reader
from pronghorn.convert.chat.stream_out import Writer
from pronghorn.convert.dialect import Dialect

__all__ = ["dialect"]

_FIELDS = {
    "model": "model",
    "messages": "messages",
    "tools": "tools",
    "is_stream": "stream",
    "wants_usage": "stream_options.include_usage",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_tool_calls",
    "max_output_tokens": "max_completion_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop",
    "choices": "n",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "output_format": "response_format",
    "reasoning": "reasoning_effort",
    "verbosity": "verbosity",
    "modalities": "modalities",
    "audio": "audio",
    "user": "user",
    "metadata": "metadata",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}

dialect = Dialect(
    name="chat",
    fields=_FIELDS,
    carries=frozenset(_FIELDS),
    parts=frozenset(
        {"text", "image", "document", "audio", "video", "thinking"}
        | {"tool_call", "tool_result", "refusal", "foreign", "web_search"}
    ),
    tool_name="^[a-zA-Z0-9_-]{1,64}$",
    call_id="^[a-zA-Z0-9_-]{1,40}$",
    read_request=read_request,
    write_request=write_request,
    takes_url=takes_url,
    read_reply=read_reply,
    write_reply=write_reply,
    reader=Reader,
    writer=Writer,
)
