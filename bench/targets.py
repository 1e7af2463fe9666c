"""What stands between load and stub: nothing (`direct`) or nginx (the yardstick). The gateway is in `bench.gateway`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bench import processes

NGINX_MISSING = (
    "nginx was not found: no yardstick, no ratios. "
    "Debian, Ubuntu: apt-get install nginx-light; macOS: brew install nginx."
)

_NGINX_CONF = """\
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_max_body_size 16m;
  client_body_buffer_size 2m;
  upstream stub {{
    server 127.0.0.1:{stub_port};
    keepalive 4096;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
  }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_read_timeout 120s;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_buffers 8 256k;
    proxy_busy_buffers_size 512k;
    proxy_max_temp_file_size 0;
    location / {{ proxy_pass http://stub; }}
  }}
  server {{
    listen 127.0.0.1:{stream_port} backlog=4096;
    proxy_buffering off;
    location / {{ proxy_pass http://stub; }}
  }}
}}
"""


class Target(Protocol):
    """One thing to measure. Started and stopped as often as a point asks for a fresh one."""

    name: str
    key: str

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def port(self, *, stream: bool) -> int: ...

    def pids(self) -> dict[str, list[int]]:
        """Whose accounts are read: `server` is the figure, any other role a companion of its own row."""

    def command(self) -> str: ...


class Direct:
    """The stub alone: the floor of every delay, and the most that this load can ask for."""

    name = "direct"
    key = "none"

    def __init__(self, stub_port: int) -> None:
        self._port = stub_port

    def start(self) -> None:
        """Nothing to start: the stub runs for all."""

    def stop(self) -> None:
        """Nothing to stop."""

    def port(self, *, stream: bool) -> int:
        return self._port

    def pids(self) -> dict[str, list[int]]:
        return {}

    def command(self) -> str:
        return "(the stub itself)"


class Nginx:
    """`proxy_pass` with keep-alive on both sides, one worker, no access log; streams unbuffered, on their own port."""

    name = "nginx"
    key = "none"

    def __init__(self, stub_port: int, folder: Path, core: int | None, files: int) -> None:
        self._folder = folder / "nginx"
        self._core = core
        self._port = processes.free_port()
        self._stream_port = processes.free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder.mkdir()
        as_root = os.geteuid() == 0
        self.conf = _NGINX_CONF.format(
            user="user root;" if as_root else "",
            files=files,
            connections=files // 2,
            folder=self._folder,
            stub_port=stub_port,
            port=self._port,
            stream_port=self._stream_port,
        )
        (self._folder / "nginx.conf").write_text(self.conf)

    def _command(self) -> list[str]:
        return [nginx_path() or "nginx", "-e", "stderr", "-p", str(self._folder), "-c", "nginx.conf"]

    def start(self) -> None:
        log = self._folder / "log"
        self._process = processes.start(self._command(), log, self._core)
        ready: Callable[[], bool] = lambda: processes.listening(self._stream_port)  # noqa: E731
        processes.wait_until("nginx", ready, self._process, log)

    def stop(self) -> None:
        if self._process is not None:
            processes.stop(self._process)
            self._process = None

    def port(self, *, stream: bool) -> int:
        return self._stream_port if stream else self._port

    def pids(self) -> dict[str, list[int]]:
        return {"server": [each.pid for each in processes.tree(self._process.pid)]} if self._process else {}

    def command(self) -> str:
        return " ".join(self._command())


class Stub:
    """The vendor that every target asks."""

    def __init__(self, folder: Path, core: int | None) -> None:
        self.port = processes.free_port()
        self._log = folder / "stub.log"
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "bench.stub", "--port", str(self.port)]
        self._process = processes.start(command, self._log, self._core)
        processes.wait_until("the stub", lambda: processes.listening(self.port), self._process, self._log)

    def stop(self) -> None:
        if self._process is not None:
            processes.stop(self._process)


def nginx_path() -> str | None:
    """Debian keeps it where an ordinary user's PATH does not look."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def nginx_version() -> str:
    said = subprocess.run([nginx_path() or "nginx", "-v"], capture_output=True, text=True, check=True)
    return said.stderr.strip().removeprefix("nginx version: ")
