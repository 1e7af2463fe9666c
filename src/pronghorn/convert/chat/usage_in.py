"""The `usage` of a chat answer in any of its spellings; what cannot be understood is none."""

from typing import Any

import msgspec

from pronghorn.convert import usage
from pronghorn.wire.openai import UsageObject, sound_usage
from pronghorn.wire.usage import Usage


def read_usage(found: Any) -> Usage | None:
    if not isinstance(found, dict):
        return None
    try:
        return usage.from_openai(msgspec.convert(sound_usage(found), UsageObject, strict=False))
    except msgspec.ValidationError:
        return None
