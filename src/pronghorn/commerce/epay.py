"""Epay (易支付): gateways as they are common in China, for Alipay, WeChat Pay and others.

Both ways carry flat parameters with `sign`: the MD5, in lower case, of all that are not empty but `sign` and
`sign_type`, sorted by name, as `name=value` joined by `&`, and the merchant's key right behind. MD5 was their choice.
Nothing in these parameters is a payer's own text, so nobody else has a say in what is signed.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from urllib.parse import urlencode

from pronghorn.commerce.checkout import Bill, Checkout, Paid, public_url, require
from pronghorn.errors import BadRequest, NotFound, Unauthenticated
from pronghorn.kit.currency import format_minor, parse_minor
from pronghorn.settings import Settings

NAME = "epay"
CURRENCY = "CNY"
NOTIFY_PATH = "/pay/epay/notify"
RETURN_PATH = "/pay/epay/return"
DEFAULT_METHOD = "alipay"
REQUIRED = ("epay_url", "epay_pid", "epay_key")

_METHOD = re.compile(r"[a-z0-9_]{1,20}", re.ASCII)
_PAID = "TRADE_SUCCESS"


def method(given: str) -> str:
    """The kind of payment, in the gateway's words."""
    if given and not _METHOD.fullmatch(given):
        raise BadRequest(
            "method must be one of your gateway's words, such as alipay or wxpay", param="method"
        )
    return given or DEFAULT_METHOD


async def begin(settings: Settings, bill: Bill) -> Checkout:
    """Nothing is asked yet: the payer's browser brings the signed form to the gateway."""
    require(settings, NAME, *REQUIRED)
    form = {
        "pid": settings.epay_pid,
        "type": bill.method,
        "out_trade_no": bill.order_id,
        "notify_url": public_url(settings, NOTIFY_PATH),
        "return_url": public_url(settings, RETURN_PATH),
        "name": bill.title,
        "money": format_minor(bill.price_minor, bill.currency),
    }
    form |= {"sign": sign(form, settings.epay_key), "sign_type": "MD5"}
    action = settings.epay_url.rstrip("/") + "/submit.php"
    return Checkout(f"{action}?{urlencode(form)}", None, action, form)


def sign(parameters: dict[str, str], key: str) -> str:
    signed = sorted((name, text) for name, text in parameters.items() if text)
    joined = "&".join(f"{name}={text}" for name, text in signed if name not in ("sign", "sign_type"))
    return hashlib.md5(f"{joined}{key}".encode(), usedforsecurity=False).hexdigest()


def read_notice(settings: Settings, pairs: Iterable[tuple[str, str]]) -> Paid:
    """What a notice says, if the gateway has signed it. Raises `BadRequest` of some kind for all others."""
    if not (settings.epay_key and settings.epay_pid):
        raise NotFound("payments by Epay are off")
    given = _once(pairs)
    claimed = given.get("sign", "").lower().encode()
    if not hmac.compare_digest(claimed, sign(given, settings.epay_key).encode()):
        raise Unauthenticated("the sign does not fit", code="invalid_signature")
    if given.get("pid") != settings.epay_pid:
        raise Unauthenticated("this notice is for another merchant", code="invalid_signature")
    if given.get("trade_status") != _PAID:
        raise BadRequest(f"trade_status is not {_PAID}: nothing to book", param="trade_status")
    return Paid(_text(given, "out_trade_no"), _money(given), CURRENCY, _text(given, "trade_no"))


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of a parameter that comes twice, the signer and the reader might each mean another one."""
    given: dict[str, str] = {}
    for name, text in pairs:
        if name in given:
            raise BadRequest(f"{name[:40]} is given twice", param=name[:40])
        given[name] = text
    return given


def _text(given: dict[str, str], name: str) -> str:
    text = given.get(name, "")
    if not 0 < len(text) <= 200 or not text.isprintable():
        raise BadRequest(f"{name} is missing, or no such thing", param=name)
    return text


def _money(given: dict[str, str]) -> int:
    try:
        return parse_minor(given.get("money", ""), CURRENCY)
    except ValueError as error:
        raise BadRequest(f"money: {error}", param="money") from error
