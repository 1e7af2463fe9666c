"""Who may call what, and which channel answers: one immutable snapshot of the configuration, swapped on change."""

from pronghorn.routing.grant import Grant, Meter
from pronghorn.routing.load import Loader
from pronghorn.routing.plan import Candidate, Plan, plan
from pronghorn.routing.snapshot import Channel, Model, Snapshot

__all__ = ["Candidate", "Channel", "Grant", "Loader", "Meter", "Model", "Plan", "Snapshot", "plan"]
