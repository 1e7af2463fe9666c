"""Body: how JSON bodies are read. Strict types, unknown fields refused by name, broken JSON with its position."""

from functools import cache
from typing import Any

import msgspec
from litestar._openapi.schema_generation import SchemaCreator
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from pronghorn.errors import BadRequest


class Body(AbstractDTO[Any]):
    """Litestar's own reading would take `"true"` for true and lose what msgspec says of a broken body."""

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        """Bodies that come in, not answers."""
        return field_definition.name == "data"

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Nothing to prepare: `read` decodes."""

    def decode_bytes(self, value: bytes) -> Any:
        handler: Any = self.asgi_connection.route_handler
        return read(value, handler.parsed_data_field.annotation)

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        return schema_creator.for_field_definition(field_definition)


@cache
def _decoder(wanted: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted)


def read(body: bytes, wanted: Any) -> Any:
    """Raises `BadRequest` with the field, where one can be named."""
    if b"\\u0000" in body:
        raise BadRequest("the body holds the character U+0000, which no field takes")
    try:
        return _decoder(wanted).decode(body)
    except msgspec.ValidationError as error:
        message, param = explain(str(error))
        raise BadRequest(message, param=param) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"the body is not valid JSON: {error}", code="invalid_json") from error


def explain(text: str) -> tuple[str, str | None]:
    """msgspec's message with the field at its beginning, and the field.

    "Expected `str`, got `int` - at `$.models[0]`" becomes "models[0]: expected `str`, got `int`".
    """
    message, _, path = text.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    message = message[:1].lower() + message[1:]
    for begin in ("object contains unknown field `", "object missing required field `"):
        if message.startswith(begin):
            name = message.removeprefix(begin).rstrip("`")
            field = f"{path}.{name}" if path else name
            says = "there is no such field" if "unknown" in begin else "this field is required"
            return f"{field}: {says}; see /manage/openapi.json", field
    if message.startswith("invalid enum value"):
        message += "; /manage/openapi.json lists what is taken"
    return (f"{path}: {message}", path) if path else (f"the body: {message}", None)
