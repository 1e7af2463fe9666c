"""The one HTTP client towards vendors: HTTP/1.1 on asyncio and httptools, with pools, deadlines and backpressure."""

from pronghorn.upstream.answer import Answer
from pronghorn.upstream.client import Call, Client, Deadlines, Handle, request_head
from pronghorn.upstream.origin import Origin

__all__ = ["Answer", "Call", "Client", "Deadlines", "Handle", "Origin", "request_head"]
