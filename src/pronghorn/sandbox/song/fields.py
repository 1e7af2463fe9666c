"""Fields of a body, one at a time: each reader gives the value or says what is wrong with it."""

from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError, json_body

Shape = dict[str, Any]

MAX_BODY_BYTES = 64 * 1024
"""More than all texts together may have; what is kept of a request is bounded by it."""


async def read_body(request: web.Request) -> Shape:
    """Raises `SandboxError`."""
    if len(await request.read()) > MAX_BODY_BYTES:
        raise SandboxError(
            f"the body has more than {MAX_BODY_BYTES} bytes", status=413, code="invalid_request"
        )
    return await json_body(request)


def refusal(message: str, *, param: str | None = None, code: str = "invalid_request") -> SandboxError:
    return SandboxError(message, code=code, param=param)


def text(body: Shape, name: str, *, most: int = 0) -> str:
    """Empty if it is absent or null."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refusal(f"{name} must be a string", param=name)
    if most and len(value) > most:
        raise refusal(f"{name} is too long: {len(value)} characters, at most {most}", param=name)
    return value


def flag(body: Shape, name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise refusal(f"{name} must be true or false", param=name)
    return bool(value)


def number(body: Shape, name: str, *, low: float = 0.0, high: float = float("inf")) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise refusal(f"{name} must be a number from {low:g} to {high:g}", param=name)
    return float(value)


def choice(body: Shape, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = text(body, name) or default
    if value not in allowed:
        raise refusal(f"{name} must be one of {', '.join(allowed)}", param=name)
    return value


def url(body: Shape, name: str) -> str:
    """An address of the web, or nothing."""
    value = text(body, name)
    if value and not value.startswith(("http://", "https://")):
        raise refusal(f"{name} must be an http or https address", param=name)
    return value
