"""One server a data folder: a lock that the system itself lets go of when the process dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pronghorn.cli.folder import make_data_folder, unusable
from pronghorn.settings import SettingsError


class DataFolderInUse(SettingsError):
    """Another server runs on this data folder."""


@contextmanager
def lock_data_folder(data: Path) -> Iterator[None]:
    """Raises `DataFolderInUse` that says which process has it, or another `SettingsError`."""
    make_data_folder(data)
    try:
        lock = (data / "lock").open("a+")
    except OSError as error:
        raise unusable(data, error) from error
    with lock as file:
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
