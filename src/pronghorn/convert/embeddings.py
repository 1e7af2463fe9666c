"""Embeddings between Gemini's callers and vendors of the OpenAI dialect: one text or many, floats back."""

import msgspec

from pronghorn.convert.dialect import Losses
from pronghorn.convert.fields import Fields
from pronghorn.convert.turn import Json
from pronghorn.errors import BadRequest, UpstreamError

_DIMENSIONS = ("outputDimensionality", "output_dimensionality")


class EmbeddingConversion:
    """`is_batch`: `batchEmbedContents`, else `embedContent`."""

    def __init__(self, body: Json, model: str, *, is_batch: bool) -> None:
        self.losses = Losses()
        self._model = model
        self._is_batch = is_batch
        outer = Fields(body, "$")
        outer.take("model")
        asked = [Fields(one, f"$.requests[{i}]") for i, one in enumerate(outer.listing("requests") or ())]
        self._texts, dimensions = [], set()
        for one in asked if is_batch else [outer]:
            one.take("model")
            self._texts.append(_text(one))
            dimensions.add(self._dimensions(one))
        if not self._texts:
            raise BadRequest("`requests` must have at least one request", param="requests")
        if len(dimensions) > 1:
            raise BadRequest(
                "all requests of a batch must ask for the same outputDimensionality", param="requests"
            )
        self._dimension = dimensions.pop()
        for path in outer.left() if is_batch else ():
            self.losses.add(path)

    def request(self) -> Json:
        body: Json = {"model": self._model, "input": self._texts, "encoding_format": "float"}
        return body if self._dimension is None else body | {"dimensions": self._dimension}

    def reply(self, body: bytes) -> bytes:
        """Raises `UpstreamError` for an answer that makes no sense."""
        try:
            return msgspec.json.encode(self._reply(msgspec.json.decode(body)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UpstreamError("the vendor's answer is not what its dialect promises") from error

    def _reply(self, answer: Json) -> Json:
        vectors = [
            {"values": item["embedding"]}
            for item in sorted(answer["data"], key=lambda item: item.get("index", 0))
        ]
        counted = (answer.get("usage") or {}).get("prompt_tokens")
        usage: Json = {} if counted is None else {"usageMetadata": {"promptTokenCount": counted}}
        return ({"embeddings": vectors} if self._is_batch else {"embedding": vectors[0]}) | usage

    def _dimensions(self, one: Fields) -> int | None:
        """How long the vectors shall be; what else is asked for is lost."""
        config = one.nested("embedContentConfig")
        places = [one] if config is None else [one, config]
        found = [place.integer(name) for place in places for name in _DIMENSIONS]
        for place in places:
            for path in place.left():
                self.losses.add(path)
        return next((value for value in found if value is not None), None)


def _text(one: Fields) -> str:
    content = one.take("content")
    if isinstance(content, str):
        return content
    parts = Fields(content, one.path("content")).listing("parts") or []
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    if not texts or len(texts) < len(parts):
        raise BadRequest("this model's vendor embeds texts alone", param="content")
    return "\n".join(texts)
