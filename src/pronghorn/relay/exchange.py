"""Exchange: one request between admission and settlement, and the single place where it is settled."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from pronghorn.convert.conversion import Conversion
from pronghorn.convert.embeddings import EmbeddingConversion
from pronghorn.errors import PronghornError, Unavailable
from pronghorn.kit.money import MAX_NANO
from pronghorn.ledger.credit import Purse
from pronghorn.ledger.journal import Attempt, Journal, Record
from pronghorn.ledger.prices import FREE, Charge, Price
from pronghorn.observability import Metrics
from pronghorn.relay.endpoints import Endpoint
from pronghorn.relay.incoming import Incoming
from pronghorn.routing import Channel, Grant, Model
from pronghorn.wire.usage import Usage

if TYPE_CHECKING:
    from pronghorn.relay.form import Form
    from pronghorn.relay.pulse import Pulse

NOTHING = Usage()
STRICT = b"x-pronghorn-strict"
MAX_ERROR_CHARACTERS = 300

log = structlog.get_logger()


class Exchange:
    """Begins when the key is known; `settle` ends it, once, whatever happened."""

    # What is the same for every new exchange costs nothing as a class attribute.
    conversion: Conversion | EmbeddingConversion | None = None
    model: Model | None = None
    """The one that is asked now."""
    model_name = ""
    """As the caller asked for it."""
    ours: tuple[str, ...] = ()
    """Members of the body that were meant for us, and are not for every vendor."""
    upstream_model = ""
    upstream_request_id = ""
    channel: Channel | None = None
    place = 0
    """Of the credential in the channel's pool."""
    upstream_failure: PronghornError | None = None
    """What broke the answer off after a part of it had been delivered."""
    price: Price = FREE
    hold = 0
    budgets: Sequence[Purse] = ()
    """Of the windows that the hold counts against, beside the account's purse."""
    charge = 0
    tokens = 0
    adjusted_limit = 0
    more_output = 0
    """Output tokens of a choice that are held beside the caller's limit, for thinking."""
    is_stream = False
    is_timed = False
    is_settled = False
    lives_on = False
    """A task came of it, or may have: that one will be in the log."""
    has_entered = False
    is_begun = False
    """The head of a streamed answer is out."""
    pulse: "Pulse | None" = None
    form: "Form | None" = None
    first_byte_ms = -1

    def __init__(
        self, incoming: Incoming, grant: Grant, endpoint: Endpoint, journal: Journal, metrics: Metrics
    ) -> None:
        self.incoming = incoming
        self.grant = grant
        self.endpoint = endpoint
        self.target = endpoint
        """What is asked of the vendor; another than `endpoint` where it speaks another dialect."""
        self._journal = journal
        self._metrics = metrics
        self.started_s = time.monotonic()
        self.body_bytes = len(incoming.body)
        self.dropped: list[str] = []
        """What the vendor was not told, as JSON paths of the caller's request."""
        self.attempts: list[Attempt] = []

    def elapsed_ms(self) -> int:
        return int((time.monotonic() - self.started_s) * 1000)

    def unsaid(self) -> list[str]:
        """What of the answer, as far as it has come, the caller's dialect could not say."""
        return list(self.conversion.unsaid) if isinstance(self.conversion, Conversion) else []

    def is_strict(self) -> bool:
        """Nothing of the request may be left out."""
        return self.grant.is_strict or self.incoming.headers.get(STRICT, b"") not in (b"", b"0", b"false")

    def take_hold(self, amount: int, budgets: Sequence[Purse] = ()) -> None:
        """Set `amount` aside, or so much more. The caller has checked, without a pause, that all have it free."""
        purse = self.grant.purse
        purse.free -= amount
        purse.held += amount
        for purse in budgets:
            purse.take(amount)
        self.budgets = budgets
        self.hold += amount

    def return_hold(self) -> None:
        """Nothing is done for it: another model is asked, with another price, or nobody."""
        self._end_hold(0)
        self.hold = self.adjusted_limit = self.more_output = 0

    def move_hold(self) -> None:
        """It lies in the database now, as a hold of its own: this server has that money no more."""
        self._end_hold(self.hold)
        self.hold = 0

    def _end_hold(self, charge: int) -> None:
        self.grant.purse.settle(self.hold, charge)
        for purse in self.budgets:
            purse.settle(self.hold, charge)

    def settle(
        self,
        status: int,
        end_reason: str,
        *,
        usage: Usage = NOTHING,
        is_free: bool = False,
        finish: str = "",
        error: str = "",
    ) -> None:
        """Charge `usage`, write the record, end the hold. A second call does nothing.

        The record is on its way to the disk before the hold is released: a crash in between loses no charge.
        Raises `Unavailable` if it cannot be written; then nothing is charged.
        """
        if self.is_settled:
            return
        charge = 0
        try:
            record = self.draw_up(status, end_reason, usage, is_free=is_free, finish=finish, error=error)
            self._journal.append(record)
            charge = record.charge
        except OSError as failure:
            raise unwritten(self.incoming.id, failure) from failure
        finally:
            self.close(end_reason, usage, charge)

    def close(self, end_reason: str, usage: Usage, charge: int) -> None:
        """The second half of `settle`: end the hold, once it is known whether the record could be written."""
        self.is_settled = True
        self.charge = charge
        grant = self.grant
        self._end_hold(charge)
        self.tokens = usage.input + usage.output
        if self.has_entered:
            grant.leave(self.tokens, self.body_bytes)
        self._count(end_reason, usage)

    def _count(self, end_reason: str, usage: Usage) -> None:
        metrics, endpoint = self._metrics, self.endpoint.name
        metrics.requests[endpoint, self.grant.mode, end_reason] += 1
        metrics.input_tokens[endpoint] += usage.input
        metrics.output_tokens[endpoint] += usage.output

    def draw_up(
        self,
        status: int,
        end_reason: str,
        usage: Usage,
        *,
        is_free: bool = False,
        finish: str = "",
        error: str = "",
    ) -> Record:
        """The first half of `settle`: what is to be written down, and charged if it was."""
        incoming, grant, channel = self.incoming, self.grant, self.channel
        is_charged = usage is not NOTHING and not is_free
        cost = self.price.charge(usage, grant.factor_ppm) if is_charged else _NO_CHARGE
        charge = min(cost.nano, self.hold)
        is_known = self.model is not None  # then its names are the operator's, and were looked at
        if self.conversion is not None and (unsaid := self.unsaid()):
            lost = f"not carried: {', '.join(unsaid)}"
            error = f"{error}; {lost}" if error else lost
        duration_ms = self.elapsed_ms()
        self._metrics.duration_ms[self.endpoint.name] += duration_ms
        return Record(
            incoming.id,
            int(incoming.received_s * 1000),
            grant.mode,
            grant.account_id,
            grant.key_id,
            grant.group,
            self.endpoint.name,
            self.model_name if is_known else _text(self.model_name, 200),
            self.upstream_model if is_known else _text(self.upstream_model, 200),
            channel.id if channel is not None else "",
            self.is_stream,
            status,
            end_reason,
            _text(finish, 20),
            _text(error, MAX_ERROR_CHARACTERS) if error else "",
            usage,
            self.hold,
            charge,
            min(cost.nano - charge, MAX_NANO),
            cost.lines,
            grant.factor_ppm,
            self.first_byte_ms if self.is_stream else duration_ms,
            duration_ms,
            _text(self.upstream_request_id, 200),
            _text(incoming.client_ip, 60),
            self.attempts,
            [purse.name for purse in self.budgets] if self.budgets else _NO_WINDOWS,
        )


def unwritten(request_id: str, failure: OSError) -> Unavailable:
    log.error("journal.write_failed", request_id=request_id, error=str(failure))
    return Unavailable("the gateway cannot write its journal; nothing was charged")


def _text(text: str, limit: int) -> str:
    """As the database takes it: PostgreSQL refuses NUL, and one text would keep all records from being posted."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # half of a surrogate pair is no text to a database
    return text[:limit].replace("\0", "")


_NO_CHARGE = Charge(0, [])
_NO_WINDOWS: list[str] = []
