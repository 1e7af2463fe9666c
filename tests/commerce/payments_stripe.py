"""A stand-in for Stripe: its API for checkout sessions, judged by Stripe's documents, and its signed events.

https://docs.stripe.com/api/checkout/sessions/create and https://docs.stripe.com/webhooks#verify-manually
"""

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

SECRET_KEY = "sk_test_51canaryKey"
WEBHOOK_SECRET = "whsec_canarySecret"
CHECKOUT = "https://checkout.stripe.test/c/pay/"

_KNOWN = re.compile(
    r"mode|client_reference_id|metadata\[\w+\]|payment_intent_data\[metadata\]\[\w+\]|success_url|cancel_url"
    r"|line_items\[\d+\]\[(quantity|price_data\]\[(currency|unit_amount|product_data\]\[name))\]"
)
_REQUIRED = ("mode", "success_url", "line_items[0][quantity]", "line_items[0][price_data][currency]")


class Asked(NamedTuple):
    form: dict[str, str]
    headers: dict[str, str]


class Stripe:
    """`asked` is what came; `failures` are answered first, one a request: a status, or `drop` for no answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.sessions: dict[str, dict[str, Any]] = {}
        """By idempotency key: the same key gets the same session."""
        self.failures: list[int | str] = []

    def answer(self, path: str, asked: Asked) -> tuple[int, dict[str, Any]]:
        self.asked.append(asked)
        if asked.headers.get("authorization") != f"Bearer {SECRET_KEY}":
            return _error(401, "Invalid API Key provided: sk_test_****yKey")
        if path != "/v1/checkout/sessions":
            return _error(404, f"Unrecognized request URL ({path})")
        wrong = _wrong(asked.form)
        if wrong:
            return _error(400, wrong)
        key = asked.headers["idempotency-key"]
        return 200, self.sessions.setdefault(key, _session(asked.form, len(self.sessions)))


def _wrong(form: dict[str, str]) -> str:
    for name in form:
        if not _KNOWN.fullmatch(name):
            return f"Received unknown parameter: {name}"
    for name in _REQUIRED:
        if name not in form:
            return f"Missing required param: {name}."
    if form["mode"] == "payment" and int(form["line_items[0][price_data][unit_amount]"]) < 50:
        return "The Checkout Session's total amount due must add up to at least $0.50 usd"
    return ""


def _error(status: int, message: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"type": "invalid_request_error", "message": message}}


def _session(form: dict[str, str], number: int) -> dict[str, Any]:
    price = form["line_items[0][price_data][unit_amount]"]
    quantity = form["line_items[0][quantity]"]
    session = f"cs_test_{number:058d}"
    return {
        "id": session,
        "object": "checkout.session",
        "amount_total": int(price) * int(quantity),
        "client_reference_id": form.get("client_reference_id"),
        "currency": form["line_items[0][price_data][currency]"],
        "metadata": {"order_id": form.get("metadata[order_id]")},
        "mode": form["mode"],
        "payment_status": "unpaid",
        "status": "open",
        "url": CHECKOUT + session,
    }


@contextmanager
def standing_in() -> Iterator[Stripe]:
    """In threads of its own, so that it answers whoever asks."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            headers = {name.lower(): text for name, text in self.headers.items()}
            failure = stripe.failures.pop(0) if stripe.failures else None
            if failure == "drop":
                self.close_connection = True
                return
            asked = Asked(dict(parse_qsl(body, strict_parsing=True)), headers)
            status, document = stripe.answer(self.path, asked)
            if isinstance(failure, int):
                status, document = _error(failure, "An unknown error occurred")
            sent = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: Any) -> None:
            """Not into the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stripe = Stripe(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield stripe
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def event(kind: str, session: dict[str, Any], **changes: Any) -> bytes:
    """An event as Stripe sends it, with parts that nobody here reads."""
    found = session | {"payment_status": "paid", "status": "complete"} | changes
    document = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-01-28",
        "created": 1_780_000_000,
        "data": {"object": found},
        "livemode": False,
        "type": kind,
    }
    return json.dumps(document, indent=2).encode()


def signature(body: bytes, now_s: float, secret: str = WEBHOOK_SECRET, scheme: str = "v1") -> str:
    signed = b"%d.%b" % (int(now_s), body)
    return (
        f"t={int(now_s)},{scheme}={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()},v0=6ffbb5"
    )
