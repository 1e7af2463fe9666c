"""Draft: what is written down of a task before any vendor is asked."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pronghorn.accounts.secrets import Secrets
from pronghorn.relay.endpoints import Endpoint
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.reading import binary
from pronghorn.tasks.family import Family
from pronghorn.tasks.job import Bill, Job, trimmed
from pronghorn.tasks.repository import SUBMIT_MS
from pronghorn.tasks.view import View, sealed
from pronghorn.vendors.task import Parent, Submission
from pronghorn.wire.usage import Usage


class Wanted(msgspec.Struct, kw_only=True):
    """What a door asks for."""

    family: str
    action: str
    body: dict[str, Any]
    """In the family's words, without the callback address."""
    kind: str = ""
    """What it is priced by; empty: the action."""
    model: str = ""
    """Empty: the family's own."""
    speed: str = ""
    label: str = ""
    callback: str = ""
    parent: View | None = None
    """Goes on from this task, on the account that made it."""
    parts: Mapping[str, View] = {}
    """What the body names, and the task that each is of."""
    makes: str = ""
    """The name of a part that is made once for an account. Who wants it too raises `AlreadyMade`."""


def endpoint_of(family: str) -> Endpoint:
    return Endpoint(
        name=family,
        path="",
        dialect=family,
        needs=(family,),
        read=binary,
        measure="free",
        is_repeatable=False,
    )


def drafted(exchange: Exchange, family: Family, wanted: Wanted, now_ms: int) -> View:
    """Priced now, whatever becomes of prices while it runs."""
    grant, incoming = exchange.grant, exchange.incoming
    kind = wanted.kind or wanted.action
    charge = exchange.price.charge(Usage(calls=1, kind=kind), grant.factor_ppm)
    bill = Bill(
        charge=charge.nano,
        lines=charge.lines,
        factor_ppm=grant.factor_ppm,
        kind=kind,
        group=grant.group,
        endpoint=wanted.family,
        upstream_model="",
        client_ip=incoming.client_ip,
    )
    return View(
        id=family.new_id(now_ms),
        family=wanted.family,
        action=wanted.action,
        account_id=grant.account_id,
        mode=grant.mode,
        key_id=grant.key_id,
        model=exchange.model_name,
        request_id=incoming.id,
        channel_id="",
        credential="",
        upstream_id=None,
        parent_id=wanted.parent.id if wanted.parent is not None else None,
        label=wanted.label[:255].replace("\0", ""),
        state="queued",
        percent=0,
        reason="",
        job=Job(trimmed(wanted.body), bill, wanted.speed, wanted.callback),
        data=None,
        cost=0,
        created_ms=now_ms,
        started_ms=None,
        finished_ms=None,
        deadline_ms=now_ms + int(family.deadline_s * 1000),
        fence=0,
        polls=0,
        attempts=[],
    )


def go_on(view: View, dialog: View) -> None:
    """What a dialog's task keeps when it is answered."""
    view.id, view.parent_id, view.created_ms = dialog.id, dialog.parent_id, dialog.created_ms
    view.action, view.data, view.fence = dialog.action, dialog.data, dialog.fence + 1
    view.label = view.label or dialog.label
    view.job.callback = view.job.callback or dialog.job.callback
    view.job.body = dialog.job.body | view.job.body


def row_of(view: View, vault: Secrets, now_ms: int) -> dict[str, Any]:
    return {
        "id": view.id,
        "family": view.family,
        "action": view.action,
        "account_id": view.account_id,
        "mode": view.mode,
        "key_id": view.key_id,
        "model": view.model,
        "request_id": view.request_id,
        "channel_id": view.channel_id,
        "credential": view.credential,
        "parent_id": view.parent_id,
        "label": view.label or None,
        "state": view.state,
        "request": sealed(view.job, vault),
        "has_callback": bool(view.job.callback),
        "created_ms": view.created_ms,
        "deadline_ms": view.deadline_ms,
        "due_ms": now_ms + SUBMIT_MS,
        "attempts": [],
    }


def submission(view: View, wanted: Wanted, model: str, callback_url: str) -> Submission:
    parent = wanted.parent
    return Submission(
        task_id=view.id,
        action=wanted.action,
        body=wanted.body,
        model=model,
        speed=wanted.speed,
        parent=None if parent is None else Parent(parent.upstream_id or "", parent.data),
        parts={name: Parent(one.upstream_id or "", one.data) for name, one in wanted.parts.items()},
        callback_url=callback_url,
    )
