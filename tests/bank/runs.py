"""Runs of seeds: one alone, or many on all cores."""

import asyncio
import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import structlog
from tests.bank.memory import Memory
from tests.bank.plan import draw
from tests.bank.simulation import Simulation

CHUNK = 10
REPEAT = "python -m tests.bank {seed}"


async def play(seed: int, template: bytes) -> str:
    """Empty, or what went wrong and how to see it again."""
    memory = Memory(template)
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(draw(seed), memory, Path(folder))
        try:
            await simulation.run()
        except Exception as error:
            # Whatever a seed brings to light is told with the seed, and the others are played all the same.
            befell = "; ".join(simulation.faults)
            return f"seed {seed}: {type(error).__name__}: {error}\n  {REPEAT.format(seed=seed)}\n  befell: {befell}"
        finally:
            memory.close()
    return ""


def play_all(seeds: Sequence[int], template: bytes) -> list[str]:
    """What went wrong."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=context, initializer=_prepare, initargs=(template,)
    ) as pool:
        chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
        return [wrong for found in pool.map(_play_chunk, chunks) for wrong in found]


_template = b""


def _play_chunk(seeds: Sequence[int]) -> list[str]:
    return [wrong for seed in seeds if (wrong := asyncio.run(play(seed, _template)))]


def _prepare(template: bytes) -> None:
    global _template
    _template = template
    # What the gateway logs about a disk that refuses is what these runs are made of.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def assert_none(wrong: list[str]) -> None:
    assert not wrong, "\n".join([f"{len(wrong)} seeds failed", *wrong[:10]])
