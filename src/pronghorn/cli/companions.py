"""Companions: the processes beside the server, started again with a growing pause when they die.

Each follows the server through a pipe on its standard input: it ends when the server does, however that died.
"""

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import Mapping

import structlog

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STOP_S = 10.0

log = structlog.get_logger()


class Companion:
    """A `pronghorn` command that runs for as long as the server does."""

    def __init__(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """`environment`: None is the server's own."""
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self.port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The first port that it announces on its standard output."""

    @property
    def state(self) -> str:
        is_up = self._process is not None and self._process.returncode is None
        return "running" if is_up else "restarting"

    def add_arguments(self, *arguments: str) -> None:
        """What was not known before."""
        self._arguments = (*self._arguments, *arguments)

    async def start(self) -> None:
        """It is on its way when this returns, not yet ready."""
        self._process = await self._spawned()
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            begun_s = time.monotonic()
            code = await self._ended()
            if self._is_stopping:
                return
            log.error("companion.died", name=self.name, exit_code=code, restart_in_s=pause_s)
            await asyncio.sleep(pause_s)
            lived_s = time.monotonic() - begun_s
            pause_s = FIRST_PAUSE_S if lived_s > LONGEST_PAUSE_S else min(pause_s * 2, LONGEST_PAUSE_S)
            self._process = await self._spawned()

    async def _spawned(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pronghorn",
            *self._arguments,
            "--companion",
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # A Ctrl-C is for the server, which then ends its companions. Not a session of their own: the system
            # would give each session its share of a core, whatever how nice the worker is.
            preexec_fn=os.setpgrp,
        )

    async def _ended(self) -> int:
        """Follows what it says until it has ended; gives its exit code."""
        process = self._process
        assert process is not None and process.stdout is not None
        while line := await process.stdout.readline():
            found = re.search(rb"port (\d+)", line)
            if found and not self.port.done():
                self.port.set_result(int(found[1]))
                # A restart must come back to where the server looks for it.
                self._arguments = (*self._arguments, "--port", found[1].decode())
        return await process.wait()

    async def stop(self) -> None:
        """Ask it to end, and wait until it has finished its work."""
        self._is_stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
