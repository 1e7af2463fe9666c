"""The fields of a request and of its blocks, as Anthropic's document has them; what is said with them is elsewhere."""

from typing import Any

from pronghorn.sandbox.anthropic import json_schema
from pronghorn.sandbox.anthropic.shape import (
    Check,
    anything,
    flag,
    listing,
    mapping,
    number,
    one_of,
    record,
    refuse,
    tagged,
    text,
    text_or,
)
from pronghorn.sandbox.errors import SandboxError

MAX_MESSAGES = 100_000

_TYPE = {"type": anything}
_ID = text(pattern="[a-zA-Z0-9_-]+")
_SERVER_ID = text(pattern="srvtoolu_[a-zA-Z0-9_]+")
_CACHE = {"cache_control": tagged({"ephemeral": record(_TYPE, {"ttl": one_of("5m", "1h")})})}
_CITATIONS = record({}, {"enabled": flag})


def _words(value: Any, path: str) -> None:
    text()(value, path)
    if not value:
        raise SandboxError("messages: text content blocks must be non-empty")


_TEXT = record({**_TYPE, "text": _words}, {**_CACHE, "citations": listing(mapping)})
_ADDRESS = record({**_TYPE, "url": text(1)})
_FILE = record({**_TYPE, "file_id": text(1)})
_IMAGE_TYPES = one_of("image/jpeg", "image/png", "image/gif", "image/webp")
_IMAGE = record(
    {
        **_TYPE,
        "source": tagged(
            {
                "base64": record({**_TYPE, "data": text(), "media_type": _IMAGE_TYPES}),
                "url": _ADDRESS,
                "file": _FILE,
            }
        ),
    },
    _CACHE,
)
_DOCUMENT = record(
    {
        **_TYPE,
        "source": tagged(
            {
                "base64": record({**_TYPE, "data": text(), "media_type": one_of("application/pdf")}),
                "text": record({**_TYPE, "data": text(), "media_type": one_of("text/plain")}),
                "content": record(
                    {**_TYPE, "content": text_or(listing(tagged({"text": _TEXT, "image": _IMAGE})))}
                ),
                "url": _ADDRESS,
                "file": _FILE,
            }
        ),
    },
    {**_CACHE, "citations": _CITATIONS, "context": text(1), "title": text(1, 500)},
)
_SEARCH_RESULT = record(
    {**_TYPE, "content": listing(tagged({"text": _TEXT})), "source": text(), "title": text()},
    {**_CACHE, "citations": _CITATIONS},
)
_SHOWN: dict[str, Check] = {
    "text": _TEXT,
    "image": _IMAGE,
    "document": _DOCUMENT,
    "search_result": _SEARCH_RESULT,
}
_CODE_TOOLS = ("code_execution", "bash_code_execution", "text_editor_code_execution")
_SERVER_TOOLS = (
    "web_search",
    "web_fetch",
    *_CODE_TOOLS,
    "tool_search_tool_regex",
    "tool_search_tool_bm25",
)
SERVER_RESULTS = tuple(
    f"{name}_tool_result" for name in ("web_search", "web_fetch", *_CODE_TOOLS, "tool_search")
)
_RESULT = record({**_TYPE, "encrypted_content": text(), "title": text(), "url": text()}, {"page_age": text()})
_FAILURE = record({**_TYPE, "error_code": text()})


def _found(value: Any, path: str) -> None:
    """Results of a web search, or why there are none."""
    if isinstance(value, dict):
        tagged({"web_search_tool_result_error": _FAILURE})(value, path)
    else:
        listing(tagged({"web_search_result": _RESULT}))(value, path)


def _server_result(content: Check) -> Check:
    return record({**_TYPE, "tool_use_id": _SERVER_ID, "content": content}, {**_CACHE, "caller": mapping})


_OPEN = record(_TYPE, is_open=True)

BLOCK = tagged(
    {
        **_SHOWN,
        "tool_use": record(
            {**_TYPE, "id": _ID, "input": mapping, "name": text(1, 200)}, {**_CACHE, "caller": mapping}
        ),
        "tool_result": record(
            {**_TYPE, "tool_use_id": _ID},
            {
                **_CACHE,
                "content": text_or(listing(tagged({**_SHOWN, "tool_reference": _OPEN}))),
                "is_error": flag,
            },
        ),
        "thinking": record({**_TYPE, "thinking": text(), "signature": text()}),
        "redacted_thinking": record({**_TYPE, "data": text()}),
        "server_tool_use": record(
            {**_TYPE, "id": _SERVER_ID, "input": mapping, "name": one_of(*_SERVER_TOOLS)},
            {**_CACHE, "caller": mapping},
        ),
        **dict.fromkeys(SERVER_RESULTS, _server_result(anything)),
        "web_search_tool_result": _server_result(_found),
        "container_upload": record({**_TYPE, "file_id": text(1)}, _CACHE),
        "mid_conv_system": record({**_TYPE, "content": listing(tagged({"text": _TEXT}))}, _CACHE),
        "mcp_tool_use": _OPEN,
        "mcp_tool_result": _OPEN,
    }
)


def _input_schema(value: Any, path: str) -> None:
    mapping(value, path)
    if "type" not in value:
        raise refuse(f"{path}.type", "Field required")
    one_of("object")(value["type"], f"{path}.type")
    json_schema.check(value, path)


_CUSTOM_TOOL = record(
    {"name": text(1, 128, "[a-zA-Z0-9_-]{1,128}"), "input_schema": _input_schema},
    {
        **_TYPE,
        **_CACHE,
        "description": text(),
        "strict": flag,
        "eager_input_streaming": flag,
        "input_examples": listing(mapping),
        "defer_loading": flag,
        "allowed_callers": listing(text()),
    },
)

_OWN_TOOLS = {
    "bash": ("bash_20250124",),
    "str_replace_editor": ("text_editor_20250124",),
    "str_replace_based_edit_tool": ("text_editor_20250429", "text_editor_20250728"),
    "computer": ("computer_20250124", "computer_20251124"),
    "memory": ("memory_20250818",),
    "web_search": ("web_search_20250305", "web_search_20260209"),
    "web_fetch": ("web_fetch_20250910", "web_fetch_20260209", "web_fetch_20260309"),
    "code_execution": (
        "code_execution_20250522",
        "code_execution_20250825",
        "code_execution_20260120",
    ),
    "tool_search_tool_regex": ("tool_search_tool_regex_20251119",),
    "tool_search_tool_bm25": ("tool_search_tool_bm25_20251119",),
}
_OWN_FIELDS = {
    **_CACHE,
    "max_uses": number(1, is_whole=True),
    "allowed_domains": listing(text()),
    "blocked_domains": listing(text()),
}
_TOOL = tagged(
    {"custom": _CUSTOM_TOOL}
    | {
        kind: record({**_TYPE, "name": one_of(name)}, _OWN_FIELDS, is_open=True)
        for name, kinds in _OWN_TOOLS.items()
        for kind in kinds
    },
    default="custom",
)

_PARALLEL = {"disable_parallel_tool_use": flag}
_TOOL_CHOICE = tagged(
    {
        "auto": record(_TYPE, _PARALLEL),
        "any": record(_TYPE, _PARALLEL),
        "tool": record({**_TYPE, "name": text()}, _PARALLEL),
        "none": record(_TYPE),
    }
)

_DISPLAY = {"display": one_of("summarized", "omitted")}
_THINKING = tagged(
    {
        "enabled": record({**_TYPE, "budget_tokens": number(1024, is_whole=True)}, _DISPLAY),
        "adaptive": record(_TYPE, _DISPLAY),
        "disabled": record(_TYPE),
        "between_tools": record(_TYPE, _DISPLAY),
    }
)
_FORMAT = tagged({"json_schema": record({**_TYPE, "schema": json_schema.check})})
_MESSAGE = record(
    {"role": one_of("user", "assistant", "system"), "content": text_or(listing(BLOCK))},
)

_REQUIRED: dict[str, Check] = {"model": text(1, 256), "messages": listing(_MESSAGE, MAX_MESSAGES)}
_SAMPLING: dict[str, Check] = {
    "temperature": number(0, 1),
    "top_p": number(0, 1),
    "top_k": number(0, is_whole=True),
}
_COUNTED: dict[str, Check] = {
    **_CACHE,
    "output_config": record(
        {}, {"effort": one_of("low", "medium", "high", "xhigh", "max"), "format": _FORMAT}
    ),
    "system": text_or(listing(tagged({"text": _TEXT}))),
    "thinking": _THINKING,
    "tool_choice": _TOOL_CHOICE,
    "tools": listing(_TOOL),
}
_GENERATED: dict[str, Check] = {
    "container": anything,
    "diagnostics": mapping,
    "inference_geo": text(),
    "metadata": record({}, {"user_id": text(0, 512)}),
    "service_tier": one_of("auto", "standard_only"),
    "speed": one_of("standard", "fast"),
    "stop_sequences": listing(text(1)),
    "stream": flag,
    "user_profile_id": text(),
}
_BETA_FIELDS: dict[str, tuple[str, Check]] = {
    "context_management": ("context-management-", mapping),
    "mcp_servers": ("mcp-client-", listing(mapping)),
    "output_format": ("structured-outputs-", _FORMAT),
}
"""Field to the start of the beta that it needs."""


def check(body: dict[str, Any], version: str, betas: frozenset[str], *, is_count: bool) -> None:
    """Raises `SandboxError` for the first field that is missing, of the wrong shape or unknown."""
    required, optional = dict(_REQUIRED), dict(_COUNTED)
    if not is_count:
        required["max_tokens"] = number(0, is_whole=True)
        optional |= _GENERATED
    if version < "2026-10-21":
        optional |= _SAMPLING
    for name, (beta, field) in _BETA_FIELDS.items():
        if any(given.startswith(beta) for given in betas):
            optional[name] = field
    record(required, optional)(body, "")
