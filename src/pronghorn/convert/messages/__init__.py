"""The dialect of Anthropic's Messages API."""

from pronghorn.convert.custom import unwrap as unwrap_custom
from pronghorn.convert.dialect import Dialect
from pronghorn.convert.messages.reasoning_out import thinking_tokens
from pronghorn.convert.messages.reply_in import read_reply
from pronghorn.convert.messages.reply_out import write_reply
from pronghorn.convert.messages.request_in import read_request
from pronghorn.convert.messages.request_out import takes_url, write_request
from pronghorn.convert.messages.stream_in import Reader
from pronghorn.convert.messages.stream_out import Writer

__all__ = ["dialect", "unwrap_custom"]

_FIELDS = {
    "model": "model",
    "messages": "messages, system",
    "tools": "tools",
    "is_stream": "stream",
    "wants_usage": "always",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "max_output_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop_sequences",
    "choices": "1 only",
    "output_format": "output_config.format",
    "reasoning": "thinking, output_config.effort",
    "modalities": "text only",
    "user": "metadata.user_id",
    "service_tier": "service_tier",
}

dialect = Dialect(
    name="messages",
    fields=_FIELDS,
    carries=frozenset(_FIELDS),
    parts=frozenset(
        {"text", "image", "document", "thinking", "tool_call", "tool_result", "refusal", "web_search"}
    ),
    tool_name=r"[a-zA-Z0-9_-]{1,128}",
    call_id=r"[a-zA-Z0-9_-]+",
    read_request=read_request,
    write_request=write_request,
    takes_url=takes_url,
    thinking_tokens=thinking_tokens,
    read_reply=read_reply,
    write_reply=write_reply,
    reader=Reader,
    writer=Writer,
)
