"""Versions of Suno: their names, and how many characters of words and of style each takes."""

from dataclasses import dataclass

DEFAULT = "chirp-v3-0"


@dataclass(frozen=True, slots=True)
class Version:
    """`major` is what a clip reports; limits are in characters."""

    major: str
    lyrics: int
    tags: int


_SMALL, _LARGE = (3_000, 200), (5_000, 1_000)

_VERSIONS = {
    "chirp-v3-0": Version("v3", *_SMALL),
    "chirp-v3-5": Version("v3.5", *_SMALL),
    "chirp-v4": Version("v4", *_SMALL),
    "chirp-auk": Version("v4.5", *_LARGE),
    "chirp-bluejay": Version("v4.5+", *_LARGE),
    "chirp-auk-turbo": Version("v4.5-all", *_LARGE),
    "chirp-crow": Version("v5", *_LARGE),
    "chirp-fenix": Version("v5.5", *_LARGE),
}
CAMEL = {
    "V4": "chirp-v4",
    "V4_5": "chirp-auk",
    "V4_5PLUS": "chirp-bluejay",
    "V4_5ALL": "chirp-auk-turbo",
    "V5": "chirp-crow",
    "V5_5": "chirp-fenix",
}
"""The names of sunoapi.org's kind."""


def version(name: str) -> Version:
    """What nobody knows yet is taken for the newest."""
    return _VERSIONS.get(name.replace(".", "-"), _VERSIONS["chirp-fenix"])
