"""Logs as events with fields, and metrics. Secrets never come in, so they never come out."""

from pronghorn.observability.logs import configure
from pronghorn.observability.metrics import Metrics

__all__ = ["Metrics", "configure"]
