"""Peeking: what the gateway needs to know of a request body; all the rest of it stays as it came."""

import re

import msgspec

from pronghorn.errors import BadRequest, UnsupportedMediaType
from pronghorn.relay.endpoints import JSON
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.form import Form
from pronghorn.wire.openai import Peek

_DIGITS = re.compile(r"\d{1,9}", re.ASCII)


def peek_json(exchange: Exchange) -> Peek:
    body = exchange.incoming.body
    content_type = exchange.incoming.headers.get(b"content-type", JSON)
    if content_type != JSON and (kind := content_type.partition(b";")[0].strip().lower()) not in (JSON, b""):
        raise UnsupportedMediaType(
            f"the Content-Type of this route is application/json, not {kind.decode('latin-1')[:80]!r}"
        )
    try:
        return exchange.endpoint.peek(body)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        name = where.strip("`.") or None
        place = f"`{name}`" if name else "the body"
        raise BadRequest(f"{place} is not valid: {reason}", param=name) from error
    except ValueError as error:  # msgspec's own, or of a text that is not UTF-8
        reason = str(error)
        if "byte" not in reason:
            reason = f"{reason} (byte {len(body)})"
        raise BadRequest(f"the body is not valid JSON: {reason}") from error
    except RecursionError as error:
        raise BadRequest("the body is not valid JSON: it is nested too deeply") from error


def peek_form(form: Form) -> Peek:
    fields = form.fields
    numbers = {name: _number(name, fields[name]) for name in ("n", "partial_images") if fields.get(name)}
    values = {name: fields[name] for name in ("model", "size", "quality") if fields.get(name)}
    stream = fields.get("stream", "").lower() in ("true", "1")
    try:
        return msgspec.convert(values | numbers | {"stream": stream}, Peek)
    except msgspec.ValidationError as error:
        raise BadRequest(f"a field of the form is not valid: {error}") from error


def _number(name: str, text: str) -> int:
    """In the one spelling that a vendor cannot read otherwise."""
    if not _DIGITS.fullmatch(text):
        raise BadRequest(f"the field {name!r} must be a whole number such as 2", param=name)
    return int(text)
