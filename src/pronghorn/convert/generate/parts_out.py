"""Canonical parts as parts of contents. What cannot be said there is left out and named as lost."""

from typing import Any

import msgspec

from pronghorn.convert import custom
from pronghorn.convert.arguments import as_object
from pronghorn.convert.dialect import Losses
from pronghorn.convert.generate.media import write_media
from pronghorn.convert.generate.models import Facts
from pronghorn.convert.generate.signatures import NAME
from pronghorn.convert.turn import (
    Foreign,
    Json,
    Media,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

_LEVELS = {
    "low": "MEDIA_RESOLUTION_LOW",
    "high": "MEDIA_RESOLUTION_HIGH",
    "original": "MEDIA_RESOLUTION_ULTRA_HIGH",
}


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None


class Parts:
    """Writes one request's parts."""

    def __init__(self, model: Facts, lost: Losses) -> None:
        self._model = model
        self._lost = lost

    def write(self, parts: list[Part]) -> list[Json]:
        if len(parts) == 1 and type(text := parts[0]) is Text and _is_bare(text):
            return [{"text": text.text}]  # nearly every message
        written = [self._part(part) for part in parts]
        return [part for part in written if part is not None]

    def _part(self, part: Part) -> Json | None:
        if type(part) is Text:
            return self._text(part)
        if type(part) is Media:
            return self._media(part)
        if type(part) is ToolCall:
            return self._call(part)
        if type(part) is Refusal and part.text:
            return {"text": part.text}
        if type(part) is Thinking:
            proof = _own(part.signature)
            if proof:
                return {"text": part.text, "thought": True, "thoughtSignature": proof}
        if type(part) is Foreign and part.origin == NAME:
            return part.raw
        self._lost.add(part.at)
        return None

    def _text(self, part: Text) -> Json | None:
        if part.cache:
            self._lose_cache(part.cache, part.at)
        if part.citations:
            self._lost.add(part.at)
        proof = _own(part.signature) if part.signature is not None else ""
        if proof:
            return {"text": part.text, "thoughtSignature": proof}
        return {"text": part.text} if part.text else None

    def _call(self, part: ToolCall) -> Json:
        self._lose_cache(part.cache, part.at)
        arguments = custom.wrap(part.arguments) if part.is_custom else as_object(part.arguments)
        written: Json = {"functionCall": {"id": part.id, "name": part.name, "args": arguments}}
        proof = _own(part.signature)
        if proof:
            written["thoughtSignature"] = proof
        return written

    def _media(self, part: Media) -> Json | None:
        self._lose_cache(part.cache, part.at)
        written = write_media(part)
        if written is None:
            self._lost.add(part.at)
            return None
        if part.wants_citations:
            self._lost.add(f"{part.at}.citations")
        if part.name:
            self._lost.add(f"{part.at}.filename")
        if part.detail and self._model.is_new:
            written["mediaResolution"] = {"level": _LEVELS.get(part.detail, _LEVELS["high"])}
        elif part.detail:
            self._lost.add(f"{part.at}.detail")
        proof = _own(part.signature)
        if proof:
            written["thoughtSignature"] = proof
        return written

    def result(self, part: ToolResult) -> tuple[Json, list[Json]]:
        """The response, and what of it has to be shown after it in a content of its own."""
        self._lose_cache(part.cache, part.at)
        texts = [item for item in part.parts if type(item) is Text]
        for text in texts:
            self._lose_cache(text.cache, text.at)
        response: Json = {"id": part.call_id, "name": part.name}
        response["response"] = _told("\n".join([text.text for text in texts]), is_error=part.is_error)
        inside: list[Json] = []
        after: list[Json] = []
        for item in part.parts:
            written = self._media(item) if type(item) is Media else None
            if written is None:
                continue
            if self._model.is_new and "inlineData" in written:
                inside.append({"inlineData": written["inlineData"]})
                if "mediaResolution" in written:
                    self._lost.add(f"{item.at}.detail")
            else:
                after.append(written)
        if inside:
            response["parts"] = inside
        if after:
            after.insert(0, {"text": f"From the result of `{part.name}`:"})
        return {"functionResponse": response}, after

    def _lose_cache(self, cache: str, at: str) -> None:
        if cache:
            self._lost.add(f"{at}.cache_control")


def _is_bare(text: Text) -> bool:
    return bool(text.text) and not (text.cache or text.citations or text.signature)


def _own(signature: Signature | None) -> str:
    return signature.data if signature is not None and signature.origin == NAME else ""


def _told(text: str, *, is_error: bool) -> Json:
    if is_error:
        return {"error": text}
    value = _decoded(text) if text[:1] == "{" else None
    return value if isinstance(value, dict) else {"result": text}
