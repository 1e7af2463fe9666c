"""Starting: the server of `pronghorn up`, while its sandbox starts on another core.

A module of its own, so that the sandbox is under way before the libraries of the server are imported.
"""

import asyncio
import socket
from pathlib import Path

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from pronghorn.app import open_gateway
from pronghorn.cli import listening, options, preparing, serving
from pronghorn.cli.companions import Companion
from pronghorn.cli.explaining import explained
from pronghorn.kit.clock import SystemClock
from pronghorn.manage import bootstrap
from pronghorn.manage.bootstrap import Bootstrapped
from pronghorn.settings import Settings
from pronghorn.store import Database

SANDBOX_START_S = 30.0
FIRST_MODEL = "gpt-4o-mini"


async def start(
    settings: Settings,
    config: Path | None,
    listener: socket.socket,
    simulator: Companion | None,
    worker: Companion,
    bootstrap_file: Path | None,
) -> None:
    """Serve until the process is asked to stop."""
    database = Database(settings.resolved_database_url)
    clock = SystemClock()
    try:
        if not await preparing.is_prepared(database):
            code = await asyncio.to_thread(preparing.prepare, settings, config)
            if code:
                raise typer.Exit(code)
        sandbox_url = await _sandbox_url(simulator) if simulator is not None else settings.sandbox_url
        with explained(database):
            gateway = await open_gateway(settings, clock, sandbox_url=sandbox_url, database=database)
    except BaseException:
        await database.close()
        raise
    try:
        with explained(database):
            first = await bootstrap.ensure(database, gateway.secrets, clock, settings)
            await gateway.loader.refresh()
        gateway.companions = lambda: {c.name: c.state for c in (simulator, worker) if c is not None}
        url = listening.base_url(settings, listener)

        async def started() -> None:
            if bootstrap_file is not None:
                _write(bootstrap_file, first, url)
            _welcome(url, first, has_sandbox=simulator is not None)
            worker.add_arguments("--sandbox-url", sandbox_url)
            await worker.start()  # the journal waits for it, callers need not

        await serving.serve(gateway, listener, started)
    finally:
        await gateway.close()


def _write(path: Path, first: Bootstrapped, url: str) -> None:
    try:
        bootstrap.write_file(path, first, base_url=url, console_url=f"{url}/")
    except OSError as error:
        options.fail(f"--bootstrap-file: {path} cannot be written ({error.strerror}); name another file")


async def _sandbox_url(simulator: Companion) -> str:
    try:
        async with asyncio.timeout(SANDBOX_START_S):
            return f"http://127.0.0.1:{await asyncio.shield(simulator.port)}"
    except TimeoutError:
        options.fail("the sandbox did not start; its error is above. `--no-sandbox` starts without it")


def _welcome(url: str, first: Bootstrapped, *, has_sandbox: bool) -> None:
    """The box with what to open and what to type, and one call that works as it stands."""
    console = Console(soft_wrap=True, highlight=False)
    facts = Table.grid(padding=(0, 2))
    shown = {
        "Base URL": f"{url}/v1",
        "Management API": f"{url}/manage/openapi.json",
        "Login": first.admin_email,
        "Password": first.admin_password,
        "Admin token": first.admin_token,
        "Test key": first.test_key,
    }
    for name, value in shown.items():
        if value is not None:
            facts.add_row(f"[bold]{name}[/bold]", value)
    console.print(Panel(facts, title="Pronghorn is running", expand=False, border_style="green"))
    if first.test_key is not None and has_sandbox:
        console.print("\nTry it (the sandbox answers, free of charge):\n", markup=False)
        print(_first_call(url, first.test_key), flush=True)
    console.print("\nStop it with Ctrl-C.", markup=False)


def _first_call(url: str, key: str) -> str:
    body = f'{{"model":"{FIRST_MODEL}","stream":true,"messages":[{{"role":"user","content":"Hello!"}}]}}'
    return (
        f"curl -N {url}/v1/chat/completions -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
