"""multipart/form-data from bytes that are already there: fields as text, files as they came.

A name with `[]` at its end is the same field as without: clients disagree about it. Empty texts count as absent.
"""

from dataclasses import dataclass
from email.message import Message
from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError, json_body

MAX_PARTS = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form."""

    name: str
    filename: str
    data: bytes


class Form:
    """What a form, or a JSON object in its place, says."""

    def __init__(self, fields: dict[str, list[Any]], uploads: list[Upload]) -> None:
        self._fields = fields
        self.uploads = uploads

    def text(self, name: str, default: str = "") -> str:
        values = self._fields.get(name)
        return str(values[-1]) if values else default

    def texts(self, name: str) -> list[str]:
        return [str(value) for value in self._fields.get(name, ())]

    def value(self, name: str) -> Any:
        """As it came: text from a form, any JSON from an object; None if absent."""
        values = self._fields.get(name)
        return values[-1] if values else None

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number, written as text or not. Raises `SandboxError`."""
        given = self.value(name)
        if given is None:
            return default
        try:
            number = int(given)
        except (TypeError, ValueError):
            number = low - 1
        if isinstance(given, bool | float) or not low <= number <= high:
            raise SandboxError(
                f"Invalid '{name}': expected an integer from {low} to {high}.",
                param=name,
                code="invalid_value" if isinstance(given, int | str) else "invalid_type",
            )
        return number

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def files(self, name: str) -> list[Upload]:
        return [upload for upload in self.uploads if upload.name == name]


async def read_form(request: web.Request, *, allows_json: bool = False) -> Form:
    """The request's form. Raises `SandboxError` with 415 for another content type."""
    if request.content_type == "application/json" and allows_json:
        body = await json_body(request)
        return Form({name: [value] for name, value in body.items() if value is not None}, [])
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    boundary = header.get_param("boundary")
    if request.content_type != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise SandboxError(
            "Unsupported content type; this endpoint takes multipart/form-data.",
            status=415,
            code="unsupported_content_type",
        )
    return parse(await request.read(), boundary.encode("latin-1", "replace"))


def parse(body: bytes, boundary: bytes) -> Form:
    """Raises `SandboxError` for a body that ends too early or that is no form."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_PARTS + 1)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise SandboxError("Could not parse multipart form.")
    fields: dict[str, list[Any]] = {}
    uploads: list[Upload] = []
    for piece in pieces[1:-1]:
        head, separator, data = piece.partition(b"\r\n\r\n")
        name, filename = _named(head)
        if not separator or not name:
            raise SandboxError("Could not parse multipart form.")
        if filename is not None:
            uploads.append(Upload(name, filename, data))
        elif data:
            fields.setdefault(name, []).append(data.decode("utf-8", "replace"))
    return Form(fields, uploads)


def _named(head: bytes) -> tuple[str, str | None]:
    """The name of a part, and of its file if it is one."""
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-disposition":
            header = Message()
            header["content-disposition"] = value.strip().decode("utf-8", "replace")
            name = header.get_param("name", header="content-disposition")
            filename = header.get_filename()
            return (str(name).removesuffix("[]") if name else ""), filename
    return "", None
