"""The doors of the data plane: raw ASGI, matched before any framework is asked."""

from pronghorn.api.dispatcher import Dispatcher
from pronghorn.api.http_limits import HttpLimits
from pronghorn.api.http_protocol import protocol_class

__all__ = ["Dispatcher", "HttpLimits", "protocol_class"]
