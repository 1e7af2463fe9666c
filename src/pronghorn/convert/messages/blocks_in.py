"""Content blocks of a request as canonical parts. A block of a kind that is not known here is foreign, not wrong."""

import base64
from collections.abc import Callable
from typing import Any

from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.messages.arguments import arguments_text
from pronghorn.convert.messages.citations import read_citation
from pronghorn.convert.messages.signatures import NAME, read_signature
from pronghorn.convert.turn import Foreign, Media, Part, Text, Thinking, ToolCall, ToolResult

Unknown = list[str]


def read_content(value: Any, at: str, unknown: Unknown) -> list[Part]:
    if value is None:
        return []
    if isinstance(value, str):
        return [Text(value, at=at)]
    if not isinstance(value, list):
        raise wrong(at, "a string or a list of blocks")
    return [read_block(block, f"{at}[{i}]", unknown) for i, block in enumerate(value)]


def read_block(value: Any, at: str, unknown: Unknown) -> Part:
    if isinstance(value, str):
        return Text(value, at=at)
    if (
        type(value) is dict
        and len(value) == 2
        and type(text := value.get("text")) is str
        and value.get("type") == "text"
    ):
        return Text(text, at=at)  # nearly every block
    fields = Fields(value, at)
    reader = _READERS.get(fields.required_text("type"))
    if reader is None:
        return Foreign(NAME, fields.members, at)
    part = reader(fields, unknown)
    if not isinstance(part, Foreign):
        unknown += fields.left()
    return part


def read_cache(fields: Fields, unknown: Unknown) -> str:
    """`5m`, `1h`, or empty."""
    if "cache_control" not in fields.members:
        return ""  # as nearly always
    found = fields.nested("cache_control")
    if found is None:
        return ""
    if found.text("type") != "ephemeral":
        raise wrong(found.path("type"), "`ephemeral`")
    ttl = found.text("ttl") or "5m"
    if ttl not in ("5m", "1h"):
        raise wrong(found.path("ttl"), "`5m` or `1h`")
    unknown += found.left()
    return ttl


def _text(fields: Fields, unknown: Unknown) -> Part:
    citations = fields.listing("citations") or []
    return Text(
        fields.required_text("text"),
        [read_citation(raw) for raw in citations if isinstance(raw, dict)],
        cache=read_cache(fields, unknown),
        at=fields.at,
    )


def _image(fields: Fields, unknown: Unknown) -> Part:
    media = Media("image", cache=read_cache(fields, unknown), at=fields.at)
    return media if _read_source(fields, media, unknown) else Foreign(NAME, fields.members, fields.at)


def _document(fields: Fields, unknown: Unknown) -> Part:
    media = Media("document", cache=read_cache(fields, unknown), at=fields.at)
    media.name = fields.text("title") or ""
    citations = fields.nested("citations")
    if citations is not None:
        media.wants_citations = citations.flag("enabled") or False
        unknown += citations.left()
    return media if _read_source(fields, media, unknown) else Foreign(NAME, fields.members, fields.at)


def _read_source(fields: Fields, media: Media, unknown: Unknown) -> bool:
    """False for a source of a kind that no other dialect has."""
    source = fields.nested("source")
    if source is None:
        raise wrong(fields.path("source"), "an object")
    kind = source.required_text("type")
    if kind == "base64":
        media.mime = source.required_text("media_type")
        media.data = _standard(source.required_text("data"))
    elif kind == "text":
        source.take("media_type")
        media.mime = "text/plain"
        media.data = base64.b64encode(source.required_text("data").encode()).decode()
    elif kind == "url":
        media.url = source.required_text("url")
    elif kind == "file":
        media.file_id = source.required_text("file_id")
    elif kind == "content" and (text := _plain(source.take("content"))) is not None:
        media.mime = "text/plain"
        media.data = base64.b64encode(text.encode()).decode()
    else:
        return False
    unknown += source.left()
    return True


def _standard(data: str) -> str:
    """Some clients break lines, leave the padding out or use the alphabet for addresses."""
    if "\n" in data or "\r" in data:
        data = "".join(data.split())
    if "-" in data or "_" in data:
        data = data.replace("-", "+").replace("_", "/")
    return data + "=" * (-len(data) % 4)


def _plain(content: Any) -> str | None:
    """The text of a document that comes in pieces; None if there is more than text in it."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [
        block.get("text") for block in content if isinstance(block, dict) and block.get("type") == "text"
    ]
    known = [text for text in texts if isinstance(text, str)]
    return "\n".join(known) if len(known) == len(content) else None


def _search_result(fields: Fields, unknown: Unknown) -> Part:
    """As text: no other dialect lets the caller bring search results of its own."""
    head = [fields.text("title"), fields.text("source")]
    body = _plain(fields.take("content"))
    if body is None:
        return Foreign(NAME, fields.members, fields.at)
    cache = read_cache(fields, unknown)
    citations = fields.nested("citations")
    if citations is not None and citations.flag("enabled"):
        unknown.append(citations.at)
    return Text("\n".join([*filter(None, head), "", body]), cache=cache, at=fields.at)


def _thinking(fields: Fields, unknown: Unknown) -> Part:
    signature = read_signature(fields.text("signature"))
    return Thinking(fields.text("thinking") or "", signature, at=fields.at)


def _redacted_thinking(fields: Fields, unknown: Unknown) -> Part:
    return Thinking(signature=read_signature(fields.required_text("data")), is_redacted=True, at=fields.at)


def _tool_use(fields: Fields, unknown: Unknown) -> Part:
    arguments = fields.take("input")
    if arguments is not None and not isinstance(arguments, dict | str):
        raise wrong(fields.path("input"), "an object")
    caller = fields.mapping("caller")
    if caller is not None and caller.get("type") != "direct":
        unknown.append(fields.path("caller"))
    return ToolCall(
        fields.required_text("id"),
        fields.required_text("name"),
        arguments_text(arguments),
        cache=read_cache(fields, unknown),
        at=fields.at,
    )


def _tool_result(fields: Fields, unknown: Unknown) -> Part:
    parts: list[Text | Media] = []
    for part in read_content(fields.take("content"), fields.path("content"), unknown):
        if isinstance(part, Text | Media):
            parts.append(part)
        else:
            unknown.append(part.at)
    return ToolResult(
        fields.required_text("tool_use_id"),
        parts,
        is_error=fields.flag("is_error") or False,
        cache=read_cache(fields, unknown),
        at=fields.at,
    )


_READERS: dict[str, Callable[[Fields, Unknown], Part]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
