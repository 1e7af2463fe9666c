"""One frozen settings object: defaults, then the TOML file, then the environment, then the command line.

The environment is read here and nowhere else: `PRONGHORN_` and the field's name in capitals.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec

from pronghorn.kit.currency import parse_rate
from pronghorn.kit.money import parse_usd
from pronghorn.kit.network import parse_network

ENVIRONMENT_PREFIX = "PRONGHORN_"

LONGEST_S = 1_000_000_000
"""Some thirty years: whoever means for ever can say so, and no clock overflows."""
Positive = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_S)]
PositiveOrZero = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_S)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]

LISTS = frozenset(("fetch_allow", "top_up_rates", "trusted_proxies"))
"""In the environment comma-separated."""
SECRET_FIELDS = frozenset(
    (
        "database_url",
        "epay_key",
        "secret",
        "smtp_password",
        "stripe_secret_key",
        "stripe_webhook_secret",
    )
)
"""What no log, no error and no list of processes shows."""

SSL_MODES = frozenset(("disable", "allow", "prefer", "require", "verify-ca", "verify-full"))
POSTGRESQL_OPTIONS = frozenset(("host", "port", "prepared_statement_cache_size", "ssl"))
"""What may follow the `?` of a URL, as the driver names it."""


class SettingsError(ValueError):
    """A setting is missing, unknown or of the wrong kind; the message names it and the way out."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every field has a default that suits one machine."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 8400
    """Port to listen on; 0 takes a free one."""
    data: Path = Path("data")
    """Folder for the database, the journal and the secret."""
    database_url: str = ""
    """`sqlite:///path` or `postgresql://user@host/name`; empty means SQLite inside the data folder."""
    secret: str = ""
    """Comma-separated secrets, the first is current; empty means `<data>/secret`, made at first start."""
    sandbox_url: str = ""
    """Base URL of the sandbox that test keys reach; `up` fills it in."""
    public_url: str = ""
    """Base URL that users see; empty means the address that is listened on."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose `X-Forwarded-For` is believed."""
    fetch_allow: tuple[str, ...] = ()
    """Private networks that may be reached for callers: pictures, documents, webhooks; such as `10.1.0.0/16`."""
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 64 * 1024 * 1024
    """Largest JSON body that is taken."""
    bodies_in_flight_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 128 * 1024 * 1024
    """How much of large JSON bodies is held in memory at once; more is refused for a moment."""
    max_upload_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 512 * 1024 * 1024
    """Largest multipart body that is streamed through."""
    max_answer_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 256 * 1024 * 1024
    """Largest answer of a vendor that is taken whole."""
    connect_timeout_s: Positive = 10.0
    """Time to reach a vendor, TLS included."""
    first_byte_timeout_s: Positive = 600.0
    """Time to a vendor's first byte when the answer is not streamed."""
    first_event_timeout_s: Positive = 300.0
    """Time to a vendor's first byte when the answer is streamed."""
    idle_timeout_s: Positive = 120.0
    """Longest silence inside a vendor's answer."""
    event_timeout_s: Positive = 60.0
    """Longest time from the first byte of a stream's event to its last."""
    ping_s: Positive = 15.0
    """After this long without content the head of a stream is sent, and then a ping each time."""
    max_open_requests: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Requests at one time, more are refused for a moment; 0: as many as the limit of open files allows."""
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 1
    """How often all channels are asked again, after a short pause, when none of them could answer."""
    chat_pings: bool = False
    """Send pings to callers of other dialects than Anthropic's, too, as comment lines."""
    total_timeout_s: Positive = 3600.0
    """Longest time for one whole answer."""
    probe_s: PositiveOrZero = 0.0
    """How often what was closed and may be tried again is asked by the gateway itself; 0 leaves that to requests."""
    socket_message_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 16 * 1024 * 1024
    """Largest message of a WebSocket, either way."""
    socket_idle_s: Positive = 600.0
    """Longest time without a message on a WebSocket."""
    socket_total_s: Positive = 3600.0
    """Longest life of a WebSocket."""
    credit_wait_s: PositiveOrZero = 2.0
    """How long a request waits for open holds of its account to settle."""
    journal_sync_ms: Annotated[int, msgspec.Meta(ge=0)] = 50
    """Group commit of the journal; 0 syncs each record before its answer ends."""
    low_balance: str = "adjust"
    """`adjust` lowers the output limit to what the balance buys, `refuse` refuses."""
    allow_unpriced: bool = False
    """Serve models without a price for free instead of refusing them."""
    cancelled_running: Literal["charge", "refund"] = "charge"
    """What becomes of the price of a task that was cancelled after it had begun; one that had not costs nothing."""
    drain_s: Positive = 30.0
    """How long open requests may finish after a stop was asked for."""
    media_store: str = ""
    """Where what tasks made is copied to: a folder, `s3://`, `gs://` or `az://`; empty: nothing is copied."""
    media_keep_days: Annotated[int, msgspec.Meta(ge=0)] = 30
    """How long a copy is kept; 0: for ever."""
    media_max_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 1024 * 1024 * 1024
    """Largest file of a vendor that is passed on or copied."""
    registration: Literal["off", "open"] = "off"
    """`open`: anybody may open an account by `POST /api/user/register`."""
    smtp_host: str = ""
    """Mail server that letters are handed to; empty: no e-mail."""
    smtp_port: Port = 587
    """Its port."""
    smtp_security: Literal["starttls", "ssl", "none"] = "starttls"
    """How the way to it is encrypted."""
    smtp_user: str = ""
    """Who logs in there; empty: nobody does."""
    smtp_password: str = ""
    """With which password."""
    smtp_from: str = ""
    """The sender, such as `Pronghorn <ai@example.com>`."""
    publish_ratios: bool = False
    """Let other gateways copy the price list from `/api/ratio_config`."""
    welcome_credit_usd: str = "0"
    """What a new account begins with when somebody signs up; 0: nothing."""
    welcome_all: bool = False
    """Give it to accounts that an operator makes, too."""
    inviter_reward_usd: str = "0"
    """What an account gets for each one that came by its invite code; 0: nothing."""
    invitee_reward_usd: str = "0"
    """What the account that came gets; 0: nothing."""
    reward_on: Literal["top_up", "sign_up"] = "top_up"
    """When both rewards are given: at the first order that is paid, or at once."""
    stripe_secret_key: str = ""
    """Secret key of the operator's Stripe account; empty: no payments by Stripe."""
    stripe_webhook_secret: str = ""
    """What Stripe signs its notices with, `whsec_...`; empty: the route for them is off."""
    stripe_api_base: str = "https://api.stripe.com"
    """Where Stripe's API is."""
    epay_url: str = ""
    """Address of an Epay gateway, without `/submit.php`; empty: no payments by it."""
    epay_pid: str = ""
    """The merchant's number there."""
    epay_key: str = ""
    """The merchant's key there, which signs both ways; empty: the route for notices is off."""
    top_up_minimum_usd: str = "1"
    """The least that a top-up may be for."""
    top_up_maximum_usd: str = "10000"
    """The most that a top-up may be for."""
    top_up_rates: tuple[str, ...] = ("USD=1",)
    """What a US dollar costs, by currency, such as `CNY=7.30`; the first is taken if an order names none."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        values = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, "***" if value and name in SECRET_FIELDS else value) for name, value in values]

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    @property
    def resolved_database_url(self) -> str:
        """The URL with the async driver that SQLAlchemy needs."""
        url = self.database_url or f"sqlite:///{quote(str(self.data.resolve() / 'pronghorn.db'))}"
        scheme, separator, rest = url.partition("://")
        if scheme in ("sqlite", "sqlite+aiosqlite") and rest.startswith("/"):
            if rest.partition("?")[0] in ("/", "/:memory:"):
                raise SettingsError(
                    "database_url must name a file: sqlite:///path; several processes share it"
                )
            return f"sqlite+aiosqlite://{rest}"
        if scheme in ("postgres", "postgresql", "postgresql+asyncpg"):
            return f"postgresql+asyncpg://{_postgresql(rest)}"
        said = f", not with {scheme}://" if separator else ""
        raise SettingsError(f"database_url must start with sqlite:/// or postgresql://{said}")


def _postgresql(rest: str) -> str:
    """What stands behind the scheme, with its options in the driver's words: no message shows what may be secret."""
    credentials, at, place = rest.rpartition("@")
    place, question, query = place.partition("?")
    port = place.partition("/")[0].rpartition("]")[2].partition(":")[2]
    if port and not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise SettingsError("database_url: the port behind the host must be a number up to 65535")
    options = [("ssl" if name == "sslmode" else name, value) for name, value in parse_qsl(query)]
    if unknown := {name for name, _ in options} - POSTGRESQL_OPTIONS:
        known = ", ".join(sorted(POSTGRESQL_OPTIONS | {"sslmode"}))
        raise SettingsError(
            f"database_url: leave out {', '.join(sorted(unknown))}; known options are {known}"
        )
    if not {value for name, value in options if name == "ssl"} <= SSL_MODES:
        raise SettingsError(f"database_url: sslmode must be one of {', '.join(sorted(SSL_MODES))}")
    return credentials + at + place + question + urlencode(options, safe="/:")


def load(config: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings. `overrides` are command-line values; None means not given. Raises `SettingsError`."""
    values: dict[str, Any] = {}
    if config is not None:
        try:
            values |= tomllib.loads(config.read_text("utf-8"))
        except OSError as error:
            raise SettingsError(f"cannot read {config}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{config} is not UTF-8 text; save it as UTF-8") from error
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{config} is not valid TOML: {error}") from error
    values |= _environment()
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{error} (settings are listed in docs/en/settings.md)") from error
    if settings.low_balance not in ("adjust", "refuse"):
        raise SettingsError(f"low_balance must be `adjust` or `refuse`, not {settings.low_balance!r}")
    _ = settings.resolved_database_url
    _check_networks(settings)
    _check_addresses(settings)
    _check_gifts(settings)
    _check_mail(settings)
    _check_top_ups(settings)
    _check_media_store(settings)
    return settings


def environment_for(settings: Settings) -> dict[str, str]:
    """The environment of a child process. What is secret goes this way: its arguments are for everybody to read."""
    secret = {name: getattr(settings, name) for name in SECRET_FIELDS}
    given = {ENVIRONMENT_PREFIX + name.upper(): value for name, value in secret.items() if value}
    return dict(os.environ) | given  # noqa: TID251 - the one place that reads it


def _check_networks(settings: Settings) -> None:
    for name in ("trusted_proxies", "fetch_allow"):
        for text in getattr(settings, name):
            try:
                parse_network(text, strict=False)
            except ValueError as error:
                raise SettingsError(
                    f"{name}: {text!r} is no address or network such as 10.0.0.0/8"
                ) from error


def _check_addresses(settings: Settings) -> None:
    for name in ("public_url", "sandbox_url", "stripe_api_base", "epay_url"):
        if (url := getattr(settings, name)) and not _is_address(url):
            raise SettingsError(f"{name} must be an address such as https://ai.example.com, not {url!r}")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False  # brackets or a port that are none


def _check_media_store(settings: Settings) -> None:
    scheme, is_url, _ = settings.media_store.partition("://")
    if is_url and scheme not in ("s3", "gs", "az"):
        raise SettingsError(
            f"media_store must be a folder, or begin with s3://, gs:// or az://, not {scheme}://"
        )


def _check_top_ups(settings: Settings) -> None:
    name = "top_up_rates"
    try:
        for text in settings.top_up_rates:
            parse_rate(text)
        name = "top_up_minimum_usd"
        least = parse_usd(settings.top_up_minimum_usd)
        if least <= 0:
            raise ValueError("must be more than 0")
        name = "top_up_maximum_usd"
        if parse_usd(settings.top_up_maximum_usd) < least:
            raise ValueError("must not be less than top_up_minimum_usd")
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from error


def _check_gifts(settings: Settings) -> None:
    for name in ("welcome_credit_usd", "inviter_reward_usd", "invitee_reward_usd"):
        try:
            if parse_usd(getattr(settings, name)) < 0:
                raise ValueError("must be 0 or more")
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from error


def _check_mail(settings: Settings) -> None:
    if settings.smtp_host and ("@" not in settings.smtp_from or not settings.smtp_from.isprintable()):
        raise SettingsError(
            "smtp_from must be an address such as `Pronghorn <ai@example.com>`: smtp_host is set"
        )


def _decode(kind: type, value: Any) -> Any:
    """The kinds that TOML and the environment can only write as text."""
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise NotImplementedError(f"no setting is a {kind}")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _environment() -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in Settings.__struct_fields__:
        text = os.environ.get(ENVIRONMENT_PREFIX + field.upper())  # noqa: TID251 - the one place that reads it
        if text is not None:
            values[field] = _listed(text) if field in LISTS else text
    return values
