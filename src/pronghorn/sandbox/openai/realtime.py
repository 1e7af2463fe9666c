"""GET /v1/realtime as a WebSocket, and the short-lived keys that let a browser open one."""

import time
from collections import OrderedDict

from aiohttp import web

from pronghorn.kit.ids import random_base62
from pronghorn.sandbox.errors import Dialect, SandboxError, bearer, json_body, openai_error
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.openai import realtime_session
from pronghorn.sandbox.openai.realtime_call import RealtimeCall, tell_error
from pronghorn.sandbox.openai.realtime_frames import Frames
from pronghorn.sandbox.openai.realtime_session import Shape
from pronghorn.sandbox.openai.responses_refusal import missing, wrong_type
from pronghorn.sandbox.openai.responses_request import check_number
from pronghorn.sandbox.reply import reply_json

PATH = "/v1/realtime"
MAX_SECRETS = 1_000
SECRET_S = 600
KEY_PROTOCOL = "openai-insecure-api-key."
BETA_CLOSE_CODE = 4000

_secrets: OrderedDict[str, tuple[float, Shape]] = OrderedDict()
"""Short-lived keys with the time they end and their session: of this process, as they cannot be guessed."""


def credential(request: web.Request) -> str:
    """The key of the header, or the one among the subprotocols, as browsers set no headers."""
    offered = request.headers.get("sec-websocket-protocol", "").split(",")
    keys = [word.strip().removeprefix(KEY_PROTOCOL) for word in offered if KEY_PROTOCOL in word]
    return bearer(request) or next(iter(keys), "")


dialect = Dialect(lambda request: request.path == PATH, credential, openai_error)


async def connect(request: web.Request) -> web.StreamResponse:
    session = _session(request)
    frames = Frames(request, protocols=("realtime",))
    await frames.open()
    beta = f"{request.headers.get('openai-beta', '')},{request.headers.get('sec-websocket-protocol', '')}"
    if "realtime=v1" in beta or "openai-beta.realtime-v1" in beta:
        refusal = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
        await tell_error(frames, SandboxError(refusal, code="beta_api_shape_disabled"))
        await frames.close(BETA_CLOSE_CODE, "beta_api_shape_disabled")
        return frames.socket
    await RealtimeCall(frames, session).run()
    return frames.socket


def _session(request: web.Request) -> Shape:
    """The session to begin with: that of a short-lived key, or a new one. Raises `SandboxError`."""
    key, model = credential(request), request.query.get("model", "")
    if key.startswith("ek_"):
        ends_s, session = _secrets.get(key, (0.0, {}))
        if ends_s < time.time():
            raise SandboxError(
                "The client secret is unknown or has expired.", status=401, code="invalid_api_key"
            )
        return session
    kind = "transcription" if request.query.get("intent") == "transcription" else "realtime"
    if not model and kind == "realtime":
        raise SandboxError("you must provide a model parameter", param="model", code="missing_model")
    check_magic_model(model)
    return realtime_session.new(model, kind)


async def create_secret(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    wanted, ends = body.get("session") or {"type": "realtime"}, body.get("expires_after") or {}
    if not isinstance(wanted, dict) or wanted.get("type") not in ("realtime", "transcription"):
        raise missing("session.type")
    if not isinstance(ends, dict):
        raise wrong_type("expires_after", "an object")
    check_number(ends, "seconds", 10, 7_200, is_whole=True)
    model = str(wanted.get("model") or "gpt-realtime") if wanted["type"] == "realtime" else ""
    check_magic_model(model)
    session = realtime_session.changed(realtime_session.new(model, wanted["type"]), wanted)
    secret, ends_s = f"ek_{random_base62(32)}", int(time.time()) + (ends.get("seconds") or SECRET_S)
    _secrets[secret] = (ends_s, session)
    if len(_secrets) > MAX_SECRETS:
        _secrets.popitem(last=False)
    return await reply_json(request, {"value": secret, "expires_at": ends_s, "session": session})


routes = [web.get(PATH, connect), web.post(f"{PATH}/client_secrets", create_secret)]
