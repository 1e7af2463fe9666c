"""Which machine, which versions: a figure without them cannot be compared with anything."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import psutil

from bench import processes, targets

_PACKAGES = ("pronghorn", "uvicorn", "uvloop", "httptools", "msgspec")


def describe() -> dict[str, str]:
    pinned = processes.cores()
    facts = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": f"target on core {pinned[0]}, stub and load on core {pinned[1]}" if pinned else NOT_PINNED,
        "python": platform.python_version(),
        "nginx": targets.nginx_version() if targets.nginx_path() else "none",
    }
    facts |= {package: _version(package) for package in _PACKAGES}
    facts["commit"] = _commit()
    return facts


NOT_PINNED = "nothing is pinned: one core only, or a system without affinity; the figures are rough"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(command, cwd=processes.ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()
