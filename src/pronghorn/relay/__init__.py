"""The life of one synchronous request: admit, hold, ask a channel, relay its answer, settle, write it down."""

from pronghorn.relay.endpoints import ENDPOINTS, Endpoint
from pronghorn.relay.incoming import Incoming, Sink
from pronghorn.relay.keeping import Keeper
from pronghorn.relay.responses import Responses
from pronghorn.relay.service import Relay

__all__ = ["ENDPOINTS", "Endpoint", "Incoming", "Keeper", "Relay", "Responses", "Sink"]
