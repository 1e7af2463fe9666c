"""Agents that others made, with a tool of their own, on models of any format.

The AI SDK is small and always played. The command lines of Claude Code and Codex are large programs: `make
test-nightly` fetches and plays them.
"""

import json
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.clients.node.test_node import INSTALL_S, install
from tests.process import Installation

HERE = Path(__file__).parent
CLI = HERE / "cli"
PLAY_S = 60

GPT, CLAUDE, GEMINI, DEEPSEEK = "gpt-5-mini", "claude-sonnet-5", "gemini-3.5-flash", "deepseek-chat"
PROVIDERS = ("openai_chat", "openai_responses", "anthropic", "google")
WAYS = ("whole", "streamed")
RUNS = ["/".join(run) for run in product(PROVIDERS, (GPT, CLAUDE, GEMINI, DEEPSEEK), WAYS)]
ASKED_BASH = "call Bash: pwd 60000"
"""The number becomes the time in ms after which the tool gives up."""
ASKED_EXEC = "call exec_command: pwd justified prefix bash inner 10000 10000"
"""The words fill the tool's arguments in their order; `inner` is the folder to work in."""

CODEX_CONFIG = """
model_provider = "pronghorn"
include_environment_context = false

[model_providers.pronghorn]
name = "Pronghorn"
base_url = "{base_url}/v1"
wire_api = "responses"
env_key = "PRONGHORN_KEY"
"""
"""The sandbox takes its arguments from the user's words, so there are no others."""

pytestmark = pytest.mark.timeout(INSTALL_S + PLAY_S + 60)


def play(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The lines of JSON that a client wrote. Fails with all that it said unless it ends well."""
    played = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PLAY_S,
    )
    assert played.returncode == 0, f"{played.stdout}\n{played.stderr}"
    return [json.loads(line) for line in played.stdout.splitlines()]


@pytest.fixture(scope="module")
def sdk_runs(gateway: Installation) -> dict[str, dict[str, Any]]:
    """Each run of the AI SDK, and how it went."""
    node = install(HERE)
    lines = play([*node, "ai_sdk.mjs", gateway.base_url, gateway.first["test_key"]], HERE)
    return {line.pop("run"): line for line in lines}


@pytest.mark.parametrize("run", RUNS)
def test_ai_sdk_calls_its_tool_and_closes(sdk_runs: dict[str, dict[str, Any]], run: str) -> None:
    went = sdk_runs[run]
    assert "failed" not in went, went["failed"]
    assert went["given"] == [{"city": "Oslo"}]
    assert (went["steps"], went["finish"]) == (2, "stop")
    assert went["text"].startswith("The tool says: ") and "4 degrees" in went["text"]


def test_ai_sdk_plays_nothing_else(sdk_runs: dict[str, dict[str, Any]]) -> None:
    assert set(sdk_runs) == set(RUNS)


@pytest.fixture(scope="module")
def node_of_cli() -> list[str]:
    return install(CLI)


def environment_of(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the machine's own but where its programs are."""
    home.mkdir()
    shell = shutil.which("sh")
    assert shell is not None
    return {"HOME": str(home), "PATH": str(Path(shell).parent), **more}


def play_claude_code(
    node: list[str], gateway: Installation, tmp_path: Path, key: str, model: str, *options: str
) -> list[dict[str, Any]]:
    """Claude Code's messages; `key` is the variable that it finds the key in."""
    environment = environment_of(
        tmp_path / "home",
        ANTHROPIC_BASE_URL=gateway.base_url,
        ANTHROPIC_MODEL=model,
        CLAUDE_CODE_DISABLE_BACKGROUND_TASKS="1",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        **{key: gateway.first["test_key"]},
    )
    work = tmp_path / "work"
    work.mkdir()
    program = CLI / "node_modules" / "@anthropic-ai" / "claude-code" / "cli-wrapper.cjs"
    command = [*node, str(program), "--print", ASKED_BASH, "--output-format", "stream-json", "--verbose"]
    command += ["--max-turns", "3", "--tools", "Bash", "--allowedTools", "Bash", *options]
    return play(command, work, environment)


def check_bash_ran(lines: list[dict[str, Any]], work: Path) -> None:
    """Bash was called once, told where it is, and the model's last words tell the same."""
    blocks = [block for line in lines if "message" in line for block in line["message"]["content"]]
    (called,) = [block for block in blocks if block["type"] == "tool_use"]
    (result,) = [block for block in blocks if block["type"] == "tool_result"]
    assert (called["name"], called["input"]["command"]) == ("Bash", "pwd")
    assert (result["tool_use_id"], result["is_error"]) == (called["id"], False)
    assert result["content"] == str(work.resolve())
    end = lines[-1]
    assert (end["type"], end["subtype"], end["is_error"], end["num_turns"]) == ("result", "success", False, 2)
    assert end["result"] == f"The tool says: {work.resolve()}"


@pytest.mark.nightly
@pytest.mark.parametrize("model", [CLAUDE, GPT, GEMINI, DEEPSEEK])
def test_claude_code_runs_bash(
    node_of_cli: list[str], gateway: Installation, tmp_path: Path, model: str
) -> None:
    """All of Claude Code but what would put words of its own before the user's."""
    options = ["--disable-slash-commands", "--strict-mcp-config"]
    options += ["--settings", json.dumps({"attribution": {"commit": "", "pr": ""}})]
    lines = play_claude_code(node_of_cli, gateway, tmp_path, "ANTHROPIC_AUTH_TOKEN", model, *options)
    check_bash_ran(lines, tmp_path / "work")


@pytest.mark.nightly
@pytest.mark.parametrize("model", [CLAUDE, GPT, GEMINI, DEEPSEEK])
def test_bare_claude_code_runs_bash(
    node_of_cli: list[str], gateway: Installation, tmp_path: Path, model: str
) -> None:
    lines = play_claude_code(node_of_cli, gateway, tmp_path, "ANTHROPIC_API_KEY", model, "--bare")
    check_bash_ran(lines, tmp_path / "work")


@pytest.mark.nightly
@pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI, DEEPSEEK])
def test_codex_runs_a_command(
    node_of_cli: list[str], gateway: Installation, tmp_path: Path, model: str
) -> None:
    environment = environment_of(
        tmp_path / "home", CODEX_HOME=str(tmp_path / "home"), PRONGHORN_KEY=gateway.first["test_key"]
    )
    (tmp_path / "home" / "config.toml").write_text(CODEX_CONFIG.format(base_url=gateway.base_url))
    inner = tmp_path / "work" / "inner"
    inner.mkdir(parents=True)
    program = CLI / "node_modules" / "@openai" / "codex" / "bin" / "codex.js"
    command = [*node_of_cli, str(program), "exec", "--skip-git-repo-check", "--json", "--model", model]
    command += ["--dangerously-bypass-approvals-and-sandbox", ASKED_EXEC]
    lines = play(command, inner.parent, environment)
    assert lines[-1]["type"] == "turn.completed"
    items = [line["item"] for line in lines if line["type"] == "item.completed"]
    (ran,) = [item for item in items if item["type"] == "command_execution"]
    assert (ran["status"], ran["exit_code"]) == ("completed", 0)
    assert ran["aggregated_output"].strip() == str(inner.resolve())
    assert items[-1]["type"] == "agent_message"
    assert items[-1]["text"].startswith("The tool says: ") and str(inner.resolve()) in items[-1]["text"]
