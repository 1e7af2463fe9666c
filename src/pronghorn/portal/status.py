"""Status: what anybody may know of this site: by it tools tell what kind of site it is, and what it says of itself.

Texts are Markdown files that the operator puts into the folder `pages` of the data folder.
"""

import asyncio
from pathlib import Path
from typing import Any

from litestar import get
from litestar.handlers import HTTPRouteHandler

from pronghorn import __version__
from pronghorn.commerce import orders
from pronghorn.kit.quota import QUOTA_PER_USD
from pronghorn.portal.answer import Answer
from pronghorn.portal.given import Shared

SYSTEM_NAME = "Pronghorn"
FOLDER = "pages"
MAX_PAGE_BYTES = 256 * 1024


@get("/api/status")
async def status(desk: Shared) -> Answer:
    settings = desk.context.settings
    pays = orders.providers(settings)
    has = await asyncio.to_thread(_written, settings.data / FOLDER)
    return Answer(
        {
            "version": __version__,
            "start_time": desk.started_s,
            "system_name": SYSTEM_NAME,
            "logo": "",
            "footer_html": "",
            "server_address": settings.public_url,
            "docs_link": "",
            "top_up_link": "",
            **_MONEY,
            "email_verification": False,
            "turnstile_check": False,
            "turnstile_site_key": "",
            "password_login_enabled": True,
            "register_enabled": settings.registration == "open",
            "enable_online_topup": "epay" in pays,
            "enable_stripe_topup": "stripe" in pays,
            "enable_data_export": True,
            "data_export_default_time": "hour",
            **_NOT_HERE,
            "user_agreement_enabled": "user-agreement" in has,
            "privacy_policy_enabled": "privacy-policy" in has,
            "setup": True,
        }
    )


@get("/api/setup")
async def setup() -> Answer:
    """A site that answers is set up."""
    return Answer({"status": True, "root_init": True})


@get("/api/uptime/status")
async def uptime() -> Answer:
    """No monitor is connected; `/healthz` and `/readyz` are there for one."""
    return Answer([])


def _text(path: str, name: str) -> HTTPRouteHandler:
    @get(path)
    async def text(desk: Shared) -> Answer:
        file = desk.context.settings.data / FOLDER / f"{name}.md"
        return Answer(await asyncio.to_thread(_read, file))

    return text


def _read(path: Path) -> str:
    """Empty where nothing was written."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_PAGE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _written(folder: Path) -> set[str]:
    try:
        return {path.stem for path in folder.glob("*.md")}
    except OSError:
        return set()


_MONEY: dict[str, Any] = {
    "quota_per_unit": QUOTA_PER_USD,
    "display_in_currency": True,
    "quota_display_type": "USD",
    "custom_currency_symbol": "",
    "custom_currency_exchange_rate": 1,
    "usd_exchange_rate": 1,
    "price": 1,
    "stripe_unit_price": 1,
}
_NOT_HERE: dict[str, Any] = {
    **dict.fromkeys(
        (
            "github_oauth",
            "discord_oauth",
            "linuxdo_oauth",
            "telegram_oauth",
            "wechat_login",
            "oidc_enabled",
            "passkey_login",
            "enable_drawing",
            "enable_task",
            "enable_batch_update",
            "mj_notify_enabled",
            "default_collapse_sidebar",
            "demo_site_enabled",
            "self_use_mode_enabled",
            "default_use_auto_group",
            "api_info_enabled",
            "announcements_enabled",
            "faq_enabled",
            "uptime_kuma_enabled",
            "checkin_enabled",
        ),
        False,
    ),
    "chats": [],
    "api_info": [],
    "announcements": [],
    "faq": [],
    "custom_oauth_providers": [],
    "HeaderNavModules": "",
    "SidebarModulesAdmin": "",
}
"""What others of this family have and clients look for."""

handlers = [
    status,
    setup,
    uptime,
    _text("/api/notice", "notice"),
    _text("/api/about", "about"),
    _text("/api/home_page_content", "home"),
    _text("/api/user-agreement", "user-agreement"),
    _text("/api/privacy-policy", "privacy-policy"),
]
