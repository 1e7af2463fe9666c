"""Thought signatures: made by the sandbox for one model and one function, and known again when they come back.

Google's rule for Gemini 3: in the current turn, the first call of every step must carry the signature it came with.
Source: https://ai.google.dev/gemini-api/docs/thought-signatures
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Any

from pronghorn.sandbox.errors import SandboxError

DUMMIES = ("context_engineering_is_the_way_to_go", "skip_thought_signature_validator")
"""What Google lets pass for calls that another model made."""

_SECRET = b"the sandbox signs its thoughts"
_NONCE_BYTES = 24
_STRICT = re.compile(r"gemini-([3-9]|\d{2,})\b")

Shape = dict[str, Any]


def is_strict(model: str) -> bool:
    """Whether the model insists on its signatures."""
    return _STRICT.match(model) is not None


def sign(model: str, about: str) -> str:
    """A signature of the call of the function `about`, or of a text if that is empty; no two are alike."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.b64encode(nonce + _seal(nonce, model, about)).decode()


def is_ours(signature: str, model: str, about: str) -> bool:
    data = base64.b64decode(signature)
    nonce, seal = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
    return hmac.compare_digest(seal, _seal(nonce, model, about))


def _seal(nonce: bytes, model: str, about: str) -> bytes:
    return hmac.digest(
        _SECRET,
        b"\0".join((nonce, model.encode("utf-8", "replace"), about.encode("utf-8", "replace"))),
        hashlib.sha256,
    )


def check(model: str, contents: list[Shape]) -> None:
    """Raises `SandboxError` in Google's words if the current turn lacks a signature or has a wrong one."""
    if not is_strict(model):
        return
    for position in range(_turn_start(contents), len(contents)):
        if contents[position].get("role") == "model":
            calls = [part for part in contents[position]["parts"] if "functionCall" in part]
            if calls:
                _check_call(model, calls[0], position)


def _turn_start(contents: list[Shape]) -> int:
    """Where the current turn begins: the last content in which the user speaks, not a function."""
    for position in range(len(contents) - 1, -1, -1):
        content = contents[position]
        if content.get("role", "user") == "user" and not any(
            "functionResponse" in part for part in content["parts"]
        ):
            return position
    return 0


def _check_call(model: str, part: Shape, position: int) -> None:
    name = part["functionCall"].get("name", "")
    signature = part.get("thoughtSignature")
    if not signature:
        raise SandboxError(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
            "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
            f"data, function call `default_api:{name}` , position {position + 1}. Please refer to "
            "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
        )
    is_dummy = signature in [dummy.replace("_", "/") for dummy in DUMMIES]
    if not is_dummy and not is_ours(signature, model, name):
        raise SandboxError("Corrupted thought signature.")
