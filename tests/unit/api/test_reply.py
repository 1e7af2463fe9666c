"""A page in a browser may read every header that we send on purpose."""

import re
from pathlib import Path

import pronghorn
from pronghorn.api.reply import CORS

HEADER = re.compile(rb'b"((?:x-pronghorn-|x-should-|retry-|x-request-|request-)[a-z-]+)",')
SOURCE = Path(pronghorn.__file__).parent
ASKED = {b"x-pronghorn-simulate", b"x-pronghorn-strict", b"x-pronghorn-route"}
"""These are callers' own."""


def test_every_header_of_ours_is_exposed() -> None:
    exposed = set(dict(CORS)[b"access-control-expose-headers"].split(b", "))
    files = [path for folder in ("api", "relay", "convert") for path in (SOURCE / folder).rglob("*.py")]
    sent = {name for path in files for name in HEADER.findall(path.read_bytes())}
    assert {b"request-id", b"x-request-id", b"retry-after", b"x-pronghorn-end-reason"} <= sent
    assert sent - ASKED <= exposed
