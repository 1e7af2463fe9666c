"""Writing: a file of a command is there as a whole, or as it was before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pronghorn.errors import BadRequest


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """What is written becomes `path` at the end of the block, unless the block raises."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("xb") as file:
            yield file
        draft.replace(path)
    except OSError as error:
        raise BadRequest(f"--out: {path} cannot be written: {error.strerror}", param="out") from error
    finally:
        draft.unlink(missing_ok=True)
