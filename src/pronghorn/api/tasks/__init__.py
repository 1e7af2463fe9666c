"""Doors of long jobs: each vendor's own format, and one format for all. Found by walking this folder."""

from pronghorn.api.tasks.office import Office

__all__ = ["Office"]
