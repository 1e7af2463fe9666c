"""Unwritten input: what a vendor counts beyond the bytes of a body. Pictures by a table; what a body only names, such
as a file, a cache or a search, by all that the model can read.

The usual chat has neither: without a second list in it there are no parts of messages and no tools.
"""

from typing import Any, NamedTuple

import msgspec

from pronghorn.relay.endpoints import Endpoint
from pronghorn.routing import Model
from pronghorn.wire.openai import NOTHING, Peek, is_present

PICTURE_TOKENS = 7_000
"""The most that one picture costs as input (many tiles, or high input fidelity)."""
_DEAR_PICTURES = {"gpt-4o-mini": 49_000}
"""Models, by how their names begin, whose pictures count for more: eight tiles of 5,667 tokens and 2,833."""
CONTEXT_TOKENS = 200_000
"""Of a model about which nothing is known."""

_HOSTED = ("web_", "file_search", "code_", "mcp", "tool_search")
"""Tools that the vendor runs itself, whose findings the model reads, begin so."""
_ELSEWHERE = ("url", "file")
_OTHER_MEDIA = (b'"video', b'"audio', b'"file')
_PLAIN = ("chat", "messages")
"""Dialects whose usual bodies have one list, the messages with their texts."""


class Unwritten(NamedTuple):
    """Tokens at most."""

    pictures: int
    named: int


NOTHING_UNWRITTEN = Unwritten(0, 0)


class _Place(msgspec.Struct, gc=False):
    """Where a medium is."""

    type: str | None = None
    file_id: msgspec.Raw = NOTHING


class _Part(msgspec.Struct, gc=False):
    """Of a message; or an item of a Responses input, whose parts are its `content` or `output`."""

    type: str | None = None
    image_url: msgspec.Raw = NOTHING
    video_url: msgspec.Raw = NOTHING
    file_id: msgspec.Raw = NOTHING
    file_url: msgspec.Raw = NOTHING
    file: _Place | None = None
    source: _Place | None = None
    content: "str | list[_Part] | None" = None
    output: "str | list[_Part] | None" = None

    def is_picture(self) -> bool:
        return self.type in ("image", "input_image") or is_present(self.image_url)

    def is_named(self) -> bool:
        if self.type == "document" and self.source is not None:
            return self.source.type in _ELSEWHERE
        is_file = is_present(self.file_url) or is_present(self.video_url)
        is_kept = is_present(self.file_id) or (self.file is not None and is_present(self.file.file_id))
        return is_file or (is_kept and not self.is_picture())


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None


class _Body(msgspec.Struct, gc=False):
    """Of a chat, of Messages or of Responses."""

    messages: list[_Part] | None = None
    input: str | list[_Part] | None = None
    system: str | list[_Part] | None = None
    tools: list[_Tool] | None = None
    prompt: msgspec.Raw = NOTHING
    conversation: msgspec.Raw = NOTHING


class _GeneratePart(msgspec.Struct, gc=False):
    inlineData: Any = None
    inline_data: Any = None
    fileData: Any = None
    file_data: Any = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_GeneratePart] | None = None


class _GenerateBody(msgspec.Struct, gc=False):
    contents: list[_Content] | _Content | None = None
    systemInstruction: _Content | None = None
    system_instruction: _Content | None = None
    tools: list[dict[str, Any]] | dict[str, Any] | None = None
    cachedContent: Any = None
    cached_content: Any = None


_decoder = msgspec.json.Decoder(_Body)
_generate_decoder = msgspec.json.Decoder(_GenerateBody)
_DECLARED = frozenset(("functionDeclarations", "function_declarations"))


def unwritten(endpoint: Endpoint, peek: Peek, body: bytes, model: Model) -> Unwritten:
    """A body in another shape than the documents have is one that may name anything."""
    if endpoint.measure == "tokens":
        return _of_list(body, model)
    if endpoint.measure != "chat":
        return NOTHING_UNWRITTEN
    has_one_list = body.find(b"[", body.find(b"[") + 1) < 0
    if has_one_list and endpoint.dialect in _PLAIN and not len(peek.web_search_options):
        return NOTHING_UNWRITTEN
    try:
        if endpoint.dialect == "generate":
            pictures, is_named = _of_generate(_generate_decoder.decode(body))
        else:
            pictures, is_named = _of_body(_decoder.decode(body), is_responses=endpoint.dialect == "responses")
            is_named = is_named or is_present(peek.web_search_options)
    except (ValueError, RecursionError):
        pictures, is_named = 0, True
    context = (model.context_tokens or CONTEXT_TOKENS) if is_named else 0
    return Unwritten(pictures * picture_tokens(model), context)


def _of_list(body: bytes, model: Model) -> Unwritten:
    """What is embedded or ranked has many shapes: whatever is called by the name of a medium may be one."""
    pictures = body.count(b'"image')
    is_named = any(name in body for name in _OTHER_MEDIA)
    if not pictures and not is_named:
        return NOTHING_UNWRITTEN
    context = (model.context_tokens or CONTEXT_TOKENS) if is_named else 0
    return Unwritten(pictures * picture_tokens(model), context)


def picture_tokens(model: Model) -> int:
    for beginning, tokens in _DEAR_PICTURES.items():
        if model.name.startswith(beginning):
            return tokens
    return PICTURE_TOKENS


def _of_body(body: _Body, *, is_responses: bool) -> tuple[int, bool]:
    is_named = is_responses and (is_present(body.prompt) or is_present(body.conversation))
    for tool in body.tools or ():
        is_named = is_named or (tool.type or "").startswith(_HOSTED)
    pictures = 0
    waiting = [part for parts in (body.messages, body.input, body.system) for part in _listed(parts)]
    while waiting:
        part = waiting.pop()
        pictures += part.is_picture()
        is_named = is_named or part.is_named()
        waiting += (*_listed(part.content), *_listed(part.output))
    return pictures, is_named


def _listed(parts: "str | list[_Part] | None") -> "list[_Part]":
    return parts if isinstance(parts, list) else []


def _of_generate(body: _GenerateBody) -> tuple[int, bool]:
    tools = body.tools if isinstance(body.tools, list) else [body.tools or {}]
    is_named = body.cachedContent is not None or body.cached_content is not None
    is_named = is_named or any(tool.keys() - _DECLARED for tool in tools)
    contents = body.contents if isinstance(body.contents, list) else [body.contents]
    pictures = 0
    for content in (*contents, body.systemInstruction, body.system_instruction):
        for part in (content.parts if content is not None else None) or ():
            pictures += part.inlineData is not None or part.inline_data is not None
            is_named = is_named or part.fileData is not None or part.file_data is not None
    return pictures, is_named
