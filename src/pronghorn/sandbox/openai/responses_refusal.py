"""What OpenAI says when a field is missing, of the wrong type, unknown, or has no value that it knows."""

from collections.abc import Iterable
from typing import Any

from pronghorn.sandbox.errors import SandboxError


def missing(place: str) -> SandboxError:
    return SandboxError(
        f"Missing required parameter: '{place}'.", param=place, code="missing_required_parameter"
    )


def wrong_type(place: str, wanted: str) -> SandboxError:
    return SandboxError(f"Invalid type for '{place}': expected {wanted}.", param=place, code="invalid_type")


def not_among(place: str, value: Any, allowed: Iterable[str]) -> SandboxError:
    known = ", ".join(f"'{name}'" for name in allowed)
    return SandboxError(
        f"Invalid value: '{value}'. Supported values are: {known}.", param=place, code="invalid_value"
    )


def unknown(place: str) -> SandboxError:
    return SandboxError(f"Unknown parameter: '{place}'.", param=place, code="unknown_parameter")
