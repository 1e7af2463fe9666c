"""Who may call what, and which channel answers: one immutable snapshot of the configuration, swapped on change."""

from pronghorn.routing.grant import Grant, Meter
from pronghorn.routing.health import Candidate
from pronghorn.routing.load import Loader
from pronghorn.routing.plan import Candidates, plan
from pronghorn.routing.snapshot import Channel, Model, Snapshot

__all__ = ["Candidate", "Candidates", "Channel", "Grant", "Loader", "Meter", "Model", "Snapshot", "plan"]
