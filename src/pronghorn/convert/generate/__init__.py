"""The dialect of Gemini's `generateContent`."""

from pronghorn.convert.dialect import Dialect
from pronghorn.convert.generate.reply_in import read_reply
from pronghorn.convert.generate.reply_out import write_reply
from pronghorn.convert.generate.request_in import read_request
from pronghorn.convert.generate.request_out import takes_url, write_request
from pronghorn.convert.generate.signatures import NAME
from pronghorn.convert.generate.stream_in import Reader
from pronghorn.convert.generate.stream_out import Writer

__all__ = ["dialect"]

_FIELDS = {
    "model": "in the path",
    "messages": "contents, systemInstruction",
    "tools": "tools",
    "is_stream": "in the path",
    "wants_usage": "always",
    "tool_choice": "toolConfig.functionCallingConfig",
    "parallel_tool_calls": "true only",
    "max_output_tokens": "generationConfig.maxOutputTokens",
    "temperature": "generationConfig.temperature",
    "top_p": "generationConfig.topP",
    "top_k": "generationConfig.topK",
    "stop": "generationConfig.stopSequences",
    "choices": "generationConfig.candidateCount",
    "seed": "generationConfig.seed",
    "presence_penalty": "generationConfig.presencePenalty",
    "frequency_penalty": "generationConfig.frequencyPenalty",
    "logprobs": "generationConfig.responseLogprobs",
    "top_logprobs": "generationConfig.logprobs",
    "output_format": "generationConfig.responseMimeType, responseJsonSchema",
    "reasoning": "generationConfig.thinkingConfig",
    "modalities": "generationConfig.responseModalities",
    "audio": "generationConfig.speechConfig",
    "service_tier": "serviceTier",
}

dialect = Dialect(
    name=NAME,
    fields=_FIELDS,
    carries=frozenset(_FIELDS),
    parts=frozenset(
        {"text", "image", "document", "audio", "video", "thinking"}
        | {"tool_call", "tool_result", "refusal", "web_search"}
    ),
    tool_name=r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}",
    call_id=r"[^\s]{1,128}",
    read_request=read_request,
    write_request=write_request,
    takes_url=takes_url,
    read_reply=read_reply,
    write_reply=write_reply,
    reader=Reader,
    writer=Writer,
)
