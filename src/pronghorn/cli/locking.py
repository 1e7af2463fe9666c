"""One server a data folder: a lock that the system itself lets go of when the process dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataFolderInUse(Exception):
    """Another server runs on this data folder."""


@contextmanager
def lock_data_folder(data: Path) -> Iterator[None]:
    """Raises `DataFolderInUse` that says which process has it."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise DataFolderInUse(
                f"the data folder {data} is in use by process {file.read().strip() or '?'}; "
                "stop that one, or choose another folder with --data"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
