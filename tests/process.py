"""The real thing as a newcomer starts it: `pronghorn up` in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

START_S = 40.0


class Installation:
    """A data folder and the gateway that runs on it; `start` again after `stop` or `kill`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.log = folder / "up.log"
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.first: dict[str, str] = {}

    @property
    def base_url(self) -> str:
        return self.first["base_url"]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> "Installation":
        bootstrap = self.folder / "bootstrap.json"
        bootstrap.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "pronghorn",
            "up",
            "--port",
            "0",
            "--data",
            str(self.folder / "data"),
        ]
        command += ["--bootstrap-file", str(bootstrap), *self._arguments]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not bootstrap.exists():
            assert self._process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        self.first = json.loads(bootstrap.read_text())
        return self

    def stop(self) -> int:
        """SIGTERM, and wait for the end; gives the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=START_S)

    def kill(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=START_S)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def manage(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the management API; raises `AssertionError` with the answer if it fails."""
        status, answer = self.call(method, f"/manage/v1{path}", body, self.first["admin_token"])
        assert status < 300, (status, answer)
        return answer

    def call(self, method: str, path: str, body: Any, key: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(self.base_url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def request_row(self, request_id: str) -> dict[str, Any]:
        """The log row of a request that has ended; it is there within a second."""
        deadline = time.monotonic() + 10
        while True:
            status, row = self.call(
                "GET", f"/manage/v1/requests/{request_id}", None, self.first["admin_token"]
            )
            if status == 200:
                found: dict[str, Any] = row
                return found
            assert time.monotonic() < deadline, row
            time.sleep(0.05)

    def wait_for_requests(self, **filters: str) -> list[dict[str, Any]]:
        """The log rows, once there are any."""
        deadline = time.monotonic() + 10
        while not (found := self.all_requests(**filters)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return found

    def all_requests(self, **filters: str) -> list[dict[str, Any]]:
        query = "&".join(f"{name}={value}" for name, value in ({"limit": "1000"} | filters).items())
        found: list[dict[str, Any]] = self.manage("GET", f"/requests?{query}")["items"]
        return found
