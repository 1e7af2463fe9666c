"""Tasks: long jobs at media vendors. A server submits them, a worker sees them to their end."""

from pronghorn.tasks.service import Tasks, Wanted
from pronghorn.tasks.view import View

__all__ = ["Tasks", "View", "Wanted"]
