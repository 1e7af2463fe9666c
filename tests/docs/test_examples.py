"""The marked examples of the documents run as they are printed, against a gateway of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.test_docs import Example, marked_examples
from tests.process import Installation

SHELL = 'curl() { command curl --silent --show-error --fail-with-body "$@"; }\n'
"""A printed `curl` is silent about a status of failure; here it fails."""
NAMED = """
API=http://127.0.0.1:8400/manage/v1
ADMIN="Authorization: Bearer pht-..."
JSON="Content-Type: application/json"
KEY=sk-test...
"""
"""What earlier examples of a page give names to."""


class Stage:
    """A gateway on which everything that the examples name is there."""

    def __init__(self, folder: Path) -> None:
        self.installation = Installation(folder).start()
        (self.account,) = self.installation.manage("GET", "/accounts")["items"]
        # An example pays some back, so there is some.
        money = {"amount_usd": "10.00", "note": "to begin with"}
        self.installation.manage("POST", f"/accounts/{self.account['id']}/adjust", money)
        budget = {"scope": "account", "subject": self.account["id"], "amount_usd": "100", "period": "week"}
        self.budget = self.installation.manage("POST", "/budgets", budget)
        answered = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
        status, _ = self.installation.call(
            "POST", "/v1/chat/completions", answered, self.installation.first["test_key"]
        )
        assert status == 200
        self.request = self.installation.wait_for_requests(mode="test")[0]

    def fill(self, code: str) -> str:
        """The example with what a reader would have put into it."""
        first = self.installation.first
        for printed, real in (
            ("http://127.0.0.1:8400", first["base_url"]),
            ("sk-test...", first["test_key"]),
            ("pht-...", first["admin_token"]),
            ("acc_...", self.account["id"]),
            ("req_...", self.request["id"]),
            ("bud_...", self.budget["id"]),
        ):
            code = code.replace(printed, real)
        return code

    def run(self, example: Example, folder: Path) -> subprocess.CompletedProcess[str]:
        is_python = example.language == "python"
        code = self.fill(example.code if is_python else SHELL + NAMED + example.code)
        command = [sys.executable, "-c", code] if is_python else ["bash", "-eu", "-c", code]
        environment = os.environ | {  # noqa: TID251 - a shell of its own
            "PRONGHORN_DATA": str(self.installation.folder / "data"),
            "OPENAI_API_KEY": "sk-proj-of-the-example",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # noqa: TID251
        }
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=50, check=False
        )


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("examples"))
    yield stage
    stage.installation.close()


@pytest.mark.parametrize("example", marked_examples(), ids=lambda example: example.where)
def test_example_runs(example: Example, stage: Stage, tmp_path: Path) -> None:
    """In the order of the pages: a page may build on what it showed before."""
    ran = stage.run(example, tmp_path)
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    assert "Traceback" not in ran.stderr
