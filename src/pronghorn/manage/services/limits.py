"""Limits: what accounts, groups, channels and keys can have alike; null is none."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

_MOST = 2**31 - 1
_MOST_BYTES = 2**53 - 1
"""The last whole number that every reader of JSON can count to."""

Rpm = Annotated[int, Meta(ge=1, le=_MOST, description="Requests a minute.")]
Tpm = Annotated[int, Meta(ge=1, le=_MOST, description="Tokens a minute.")]
Concurrency = Annotated[int, Meta(ge=1, le=_MOST, description="Requests at one time.")]
BodyBytes = Annotated[int, Meta(ge=1, le=_MOST_BYTES, description="Request bodies in flight, in bytes.")]


class NewLimits(Struct, kw_only=True):
    rpm: Rpm | None = None
    tpm: Tpm | None = None
    concurrency: Concurrency | None = None
    body_bytes: BodyBytes | None = None


class LimitsChange(Struct, kw_only=True):
    """Null clears a limit."""

    rpm: Rpm | UnsetType | None = UNSET
    tpm: Tpm | UnsetType | None = UNSET
    concurrency: Concurrency | UnsetType | None = UNSET
    body_bytes: BodyBytes | UnsetType | None = UNSET


class Limits(Struct, kw_only=True):
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    body_bytes: int | None


NAMES = Limits.__struct_fields__


def view(row: Any) -> dict[str, Any]:
    """The limits of a stored row."""
    return {name: getattr(row, name) for name in NAMES}


def among(given: dict[str, Any]) -> dict[str, Any]:
    """Those of the given fields that are limits; their columns have the same names."""
    return {name: given[name] for name in NAMES if name in given}


def of(new: NewLimits) -> dict[str, Any]:
    """Those that something new has."""
    return {name: value for name in NAMES if (value := getattr(new, name)) is not None}
