"""Addresses: where the server of a data folder listens, as it has written it down itself."""

import os
from pathlib import Path

ADDRESS = "address"
"""The file in the data folder that says which process serves it, and where commands on this machine reach it."""


def address_of(data: Path) -> str | None:
    """Where the server of this data folder listens; None if there is none on this machine."""
    try:
        pid, _, url = (data / ADDRESS).read_text().partition(" ")
        os.kill(int(pid), 0)
    except PermissionError:
        return url  # it lives, as another user's process
    except (OSError, ValueError):
        return None  # no file, or one that a server left behind that was killed
    return url
