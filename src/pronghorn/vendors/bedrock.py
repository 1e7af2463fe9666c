"""Amazon Bedrock: Claude through InvokeModel. The model is in the path, never in the body, and so is streaming.

Anthropic's version and betas are members of the body; a stream comes in Amazon's binary frames. The credential is
`ACCESS_KEY:SECRET_KEY[:SESSION_TOKEN]`, with which each request is signed, or a Bedrock API key, which has no colon.
Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
"""

import base64
import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from pronghorn.vendors import signature_v4
from pronghorn.vendors.base import Bearer, ChatVendor, Json, Unsigned
from pronghorn.vendors.event_stream import Frame, Frames

VERSION = "bedrock-2023-05-31"
DEFAULT_REGION = "us-east-1"
"""For a host, such as a proxy of one's own, that does not name one."""

_REGION = re.compile(r"(?<![a-z0-9-])[a-z]{2}(?:-[a-z]+)+-\d(?![a-z0-9-])")
_ERRORS = {
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
}
"""Exceptions inside a stream, in Anthropic's words; whatever is not here is an `api_error`."""


class _Chunk(msgspec.Struct):
    bytes: str


class _Event(msgspec.Struct):
    type: str


class _Exception(msgspec.Struct):
    message: str = ""


_chunk_decoder = msgspec.json.Decoder(_Chunk)
_event_decoder = msgspec.json.Decoder(_Event)
_exception_decoder = msgspec.json.Decoder(_Exception)


class Events:
    """Anthropic's events out of Amazon's frames."""

    def __init__(self) -> None:
        self._frames = Frames()

    def feed(self, data: bytes) -> bytes:
        """Raises `ValueError` for a frame that is damaged or holds no event."""
        return b"".join([_event(frame) for frame in self._frames.feed(data)])


def _event(frame: Frame) -> bytes:
    kind = frame.headers.get(":message-type", "event")
    if kind != "event":
        return _error(frame, kind)
    if frame.headers.get(":event-type") != "chunk":
        return b""  # a kind of event that is newer than this code carries none of Anthropic's
    payload = base64.b64decode(_chunk_decoder.decode(frame.payload).bytes, validate=True)
    name = _event_decoder.decode(payload).type
    return b"event: %b\ndata: %b\n\n" % (name.encode(), payload.replace(b"\n", b"").replace(b"\r", b""))


def _error(frame: Frame, kind: str) -> bytes:
    if kind == "exception":
        name = frame.headers.get(":exception-type", "")
        message = _exception_decoder.decode(frame.payload).message
    else:
        name, message = frame.headers.get(":error-code", ""), frame.headers.get(":error-message", "")
    error = {"type": _ERRORS.get(name, "api_error"), "message": message or name}
    return b"event: error\ndata: %b\n\n" % msgspec.json.encode({"type": "error", "error": error})


def _shape(_endpoint: str, body: Json, headers: Mapping[bytes, bytes]) -> Json:
    shaped = {name: value for name, value in body.items() if name not in ("model", "stream")}
    betas = headers.get(b"anthropic-beta", b"").decode("latin-1").replace(" ", "").split(",")
    if any(betas):
        shaped.setdefault("anthropic_beta", [beta for beta in betas if beta])
    return {"anthropic_version": VERSION} | shaped


def region(host: str) -> str:
    found = _REGION.search(host)
    return found[0] if found else DEFAULT_REGION


def _sign(request: Unsigned, credential: str) -> bytes:
    if ":" not in credential:
        return Bearer().head(credential)
    keys = signature_v4.Keys(*credential.split(":", 2))
    return signature_v4.head(request, keys, region=region(request.host), service="bedrock")


vendor = ChatVendor(
    name="bedrock",
    base_url="https://bedrock-runtime.us-east-1.amazonaws.com",
    root="",
    paths=MappingProxyType({"messages": "/model/{model}/invoke"}),
    stream_paths=MappingProxyType({"messages": "/model/{model}/invoke-with-response-stream"}),
    shape=_shape,
    sign=_sign,
    unframe=Events,
    words="message",
    traits=frozenset(("no_addresses",)),
)
