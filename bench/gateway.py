"""The gateway as a target: started as an operator starts it, furnished through its management API, full duty."""

import subprocess
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec
import psutil

from bench import chat, processes
from bench.processes import BenchError

START_WITHIN_S = 60.0
TAKES_EFFECT_WITHIN_S = 15.0


class _Bootstrap(msgspec.Struct):
    base_url: str
    admin_token: str


class Pronghorn:
    """One data folder; the first start furnishes it, later ones find it as it was."""

    name = "pronghorn"

    def __init__(
        self, stub_port: int, folder: Path, core: int | None, models: Sequence[str], *, sandbox: bool = False
    ) -> None:
        self._folder = folder / ("pronghorn-sandbox" if sandbox else "pronghorn")
        self._folder.mkdir()
        self._log = self._folder / "log"
        self._bootstrap = self._folder / "bootstrap.json"
        self._core = core
        self._stub_port = stub_port
        self._models = models
        self._sandbox = sandbox
        self._port = processes.free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.key = ""

    def _command(self) -> list[str]:
        command = [str(path()), "up", "--port", str(self._port), "--data", str(self._folder / "data")]
        command += ["--bootstrap-file", str(self._bootstrap)]
        return command if self._sandbox else [*command, "--no-sandbox"]

    def start(self) -> None:
        self._process = processes.start(self._command(), self._log, self._core, self._folder)
        processes.wait_until("pronghorn", self._ready, self._process, self._log, START_WITHIN_S)
        if self._models and not self.key:
            self._furnish()

    def stop(self) -> None:
        if self._process is not None:
            processes.stop(self._process)
            self._process = None

    def port(self, *, stream: bool) -> int:
        return self._port

    def pids(self) -> dict[str, list[int]]:
        """`server` is the process that holds the port; the companions are told by their command."""
        roles: dict[str, list[int]] = {}
        for process in processes.tree(self._process.pid) if self._process else []:
            roles.setdefault(self._role(process), []).append(process.pid)
        if "server" not in roles:
            raise BenchError(f"no process of pronghorn listens on port {self._port}")
        return roles

    def _role(self, process: psutil.Process) -> str:
        if any(each.laddr and each.laddr.port == self._port for each in process.net_connections("tcp")):
            return "server"
        words = process.cmdline()
        return next((word for word in ("worker", "sandbox") if word in words), "other")

    def command(self) -> str:
        return " ".join(self._command())

    def _ready(self) -> bool:
        try:
            return self._ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def _ask(self, method: str, target: str, body: bytes = b"", key: str = "") -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json"} if key else {}
            connection.request(method, target, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _furnish(self) -> None:
        """A channel to the stub with a price for each model, and a live key of an account with money."""
        bootstrap = msgspec.json.decode(self._bootstrap.read_bytes(), type=_Bootstrap)
        base = urlsplit(bootstrap.base_url).path.removesuffix("/").removesuffix("/v1") + "/manage/v1"

        def manage(method: str, target: str, what: dict[str, object], wanted: str = "") -> str:
            status, said = self._ask(method, base + target, msgspec.json.encode(what), bootstrap.admin_token)
            if not 200 <= status < 300 or (wanted and f'"{wanted}"'.encode() not in said):
                raise BenchError(f"{method} {target} answered {status}: {said[:500]!r}")
            return str(msgspec.json.decode(said)[wanted]) if wanted else ""

        channel: dict[str, object] = {"name": "bench", "vendor": "openai", "credentials": ["sk-stub"]}
        channel |= {"base_url": f"http://127.0.0.1:{self._stub_port}/v1", "models": list(self._models)}
        manage("POST", "/channels", channel)
        for model in self._models:
            price: dict[str, object] = {"input_usd_per_million": "1", "output_usd_per_million": "2"}
            manage("PUT", f"/prices/{quote(model, safe='')}", price)
        account = manage("POST", "/accounts", {"name": "bench"}, "id")
        manage("POST", f"/accounts/{account}/adjust", {"amount_usd": "100000", "note": "bench"})
        self.key = manage("POST", "/keys", {"account_id": account, "name": "bench", "mode": "live"}, "key")
        for model in self._models:
            self._wait_for(model)

    def _wait_for(self, model: str) -> None:
        """A change reaches the data plane within seconds."""
        body = chat.request_body(model, 0, stream=False)
        deadline = time.monotonic() + TAKES_EFFECT_WITHIN_S
        while True:
            status, said = self._ask("POST", "/v1/chat/completions", body, self.key)
            if status == 200:
                return
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{model} still answers {status} after {TAKES_EFFECT_WITHIN_S:.0f} s: {said[:500]!r}"
                )
            time.sleep(0.1)


def path() -> Path:
    """The command beside the interpreter that runs the bench."""
    return Path(sys.executable).parent / "pronghorn"


def missing() -> str | None:
    """Why there is no gateway to measure, if so."""
    try:
        said = subprocess.run([str(path()), "up", "--help"], capture_output=True, text=True, timeout=60)
    except OSError as error:
        return f"the gateway cannot be started: {error}"
    if said.returncode:
        return f"`pronghorn up --help` fails: {(said.stderr.strip() or said.stdout.strip()).rpartition(chr(10))[2]}"
    return None
