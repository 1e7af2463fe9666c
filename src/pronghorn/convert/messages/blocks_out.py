"""Canonical parts as content blocks of a request. What cannot be said there gives None and is named as lost."""

import base64

from pronghorn.convert import custom
from pronghorn.convert.arguments import as_object
from pronghorn.convert.dialect import Losses
from pronghorn.convert.messages.signatures import NAME
from pronghorn.convert.turn import (
    Foreign,
    Json,
    Media,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})
_MAX_BREAKPOINTS = 4


class Blocks:
    """Writes one request's blocks, in their order, and counts the cache breakpoints among them."""

    def __init__(self, lost: Losses) -> None:
        self._lost = lost
        self._breakpoints: list[tuple[Json, str]] = []

    def mark(self, block: Json, cache: str, at: str) -> Json:
        if cache:
            block["cache_control"] = (
                {"type": "ephemeral"} if cache == "5m" else {"type": "ephemeral", "ttl": cache}
            )
            self._breakpoints.append((block, at))
        return block

    def keep_last_breakpoints(self) -> None:
        for block, at in self._breakpoints[:-_MAX_BREAKPOINTS]:
            del block["cache_control"]
            self._lost.add(f"{at}.cache_control")

    def write(self, parts: list[Part], role: Role) -> list[Json]:
        if len(parts) == 1 and type(text := parts[0]) is Text and _is_bare(text):
            return [{"type": "text", "text": text.text}]  # nearly every message
        written = [self._block(part, role) for part in parts]
        return [block for block in written if block is not None]

    def _block(self, part: Part, role: Role) -> Json | None:
        if type(part) is Text:
            return self._text(part, role)
        if type(part) is Refusal:
            return {"type": "text", "text": part.text} if part.text.strip() else None
        if type(part) is ToolCall:
            arguments = custom.wrap(part.arguments) if part.is_custom else as_object(part.arguments)
            block = {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
            self._lose_signature(part)
            return self.mark(block, part.cache, part.at)
        if type(part) is ToolResult:
            return self._tool_result(part)
        if type(part) is Thinking and role == "assistant":
            return self._thinking(part)
        if type(part) is Media and role in ("user", "tool"):
            return self._media(part)
        if type(part) is Foreign and part.origin == NAME:
            return part.raw
        self._lost.add(part.at)
        return None

    def _text(self, part: Text, role: Role) -> Json | None:
        self._lose_signature(part)
        if not part.text.strip():
            if part.cache:
                self._lost.add(f"{part.at}.cache_control")
            return None  # refused as empty, and says nothing
        block: Json = {"type": "text", "text": part.text}
        if part.citations:
            known = [c.raw for c in part.citations if c.origin == NAME and c.raw is not None]
            if role == "assistant" and known:
                block["citations"] = known
            if role != "assistant" or len(known) < len(part.citations):
                self._lost.add(part.at)
        return self.mark(block, part.cache, part.at)

    def _lose_signature(self, part: Text | ToolCall | Media) -> None:
        """Those of parts are Gemini's alone."""
        if part.signature is not None and part.at:
            self._lost.add(f"{part.at}.thoughtSignature")

    def _thinking(self, part: Thinking) -> Json | None:
        signature = part.signature
        if signature is None or signature.origin != NAME:
            self._lost.add(part.at)
            return None
        if part.is_redacted:
            return {"type": "redacted_thinking", "data": signature.data}
        return {"type": "thinking", "thinking": part.text, "signature": signature.data}

    def _tool_result(self, part: ToolResult) -> Json:
        block: Json = {"type": "tool_result", "tool_use_id": part.call_id}
        only = part.parts[0] if len(part.parts) == 1 else None
        if isinstance(only, Text) and only.text.strip() and not only.cache and not only.citations:
            block["content"] = only.text
        elif content := self.write([*part.parts], "tool"):
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return self.mark(block, part.cache, part.at)

    def _media(self, part: Media) -> Json | None:
        self._lose_signature(part)
        source = _source(part)
        if source is None:
            self._lost.add(part.at)
            return None
        block: Json = {"type": part.kind, "source": source}
        if part.kind == "document":
            if part.name:
                block["title"] = part.name[:500]
            if part.wants_citations:
                block["citations"] = {"enabled": True}
        elif part.detail:
            self._lost.add(f"{part.at}.detail")
        return self.mark(block, part.cache, part.at)


def takes_data(kind: str, mime: str) -> bool:
    if kind == "image":
        return mime in IMAGES
    return kind == "document" and (mime == "application/pdf" or mime.startswith("text/") or mime in _TEXTS)


def _source(part: Media) -> Json | None:
    if part.kind not in ("image", "document"):
        return None
    if part.file_id:
        return {"type": "file", "file_id": part.file_id}
    if part.url:
        return {"type": "url", "url": part.url}
    if not takes_data(part.kind, part.mime):
        return None
    if part.kind == "image" or part.mime == "application/pdf":
        return {"type": "base64", "media_type": part.mime, "data": part.data}
    try:
        text = base64.b64decode(part.data).decode()
    except ValueError:
        return None
    return {"type": "text", "media_type": "text/plain", "data": text} if text else None


def _is_bare(text: Text) -> bool:
    is_said = bool(text.text) and not text.text.isspace()
    return is_said and not (text.cache or text.citations or text.signature)
