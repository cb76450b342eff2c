"""What came of the messages that were sent, written down: many in one transaction."""

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.tables.acting import Attempt, Delivery
from core.db.tables.deciding import Alert
from core.db.tables.reaching import Endpoint
from core.delivery import addresses, bundling, endpoint_book, ledger, phone_words, providers, retry
from core.delivery.channel import Refused
from core.delivery.outbox import Claimed, Deferred, Failed, Result, Sent, Suppressed
from core.words import DeliveryState

PATIENCE = timedelta(days=3)
"""So long a provider may be down without costing a message one of its tries."""
_DELIVERIES = table_of(Delivery)
_TRIES = table_of(Attempt)
_END_TRY = update(_TRIES).where(
    _TRIES.c.delivery_id == bindparam("b_id"),
    _TRIES.c.number == bindparam("b_number"),
    or_(_TRIES.c.outcome == "started", _TRIES.c.outcome == "lost"),
)


def record(
    session: Session,
    done: Sequence[tuple[Claimed, Result]],
    *,
    now: datetime,
    fraction: Callable[[], float] = random.random,
) -> list[str]:
    """Record what came of these messages; returns the alerts whose owners they reached first.

    A worker that lost a lease meanwhile records its try and changes nothing else: the message is another's now.
    Rows are locked in one order by everybody, messages before endpoints before providers, so that no two wait for each other.
    """
    if not done:
        return []
    held = _held(session, [claimed for claimed, _ in done])
    _lock_the_gone(session, done)
    changes: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    tries = []
    fine: set[str] = set()
    for claimed, result in sorted(done, key=lambda one: (one[0].channel, one[0].provider)):
        if not (isinstance(result, Sent) and claimed.provider in fine):  # to say so once is enough
            _tell_provider(session, claimed, result, now=now)
        (fine.add if isinstance(result, Sent) else fine.discard)(claimed.provider)
        outcome, detail, values = _outcome(session, claimed, result, fraction=fraction, now=now)
        tries.append({"b_id": claimed.id, "b_number": claimed.attempt, "b_outcome": outcome, "b_detail": detail})
        if claimed.id in held:
            changes[tuple(sorted(values))].append({"b_id": claimed.id, **values})
    for names, rows in changes.items():
        values = {name: bindparam(name) for name in names} | {"leased_by": None, "leased_until": None}
        session.connection().execute(
            update(_DELIVERIES).where(_DELIVERIES.c.id == bindparam("b_id")).values(values), rows
        )
    session.connection().execute(
        _END_TRY.values(finished_at=now, outcome=bindparam("b_outcome"), detail=bindparam("b_detail")), tries
    )
    held_ones = [(claimed, result) for claimed, result in done if claimed.id in held]
    _note(session, held_ones, now=now)
    sent = [(claimed, result.left_out) for claimed, result in held_ones if isinstance(result, Sent)]
    for claimed, _ in sent:
        if claimed.channel in phone_words.CHANNELS:
            phone_words.catch_up(session, claimed.id, now=now)
    return _reached_first(session, sent)


def _held(session: Session, claimed: Sequence[Claimed]) -> set[str]:
    """Those whose leases are still ours, locked."""
    ours = {one.id: (one.worker, one.attempt) for one in claimed}
    rows = session.execute(
        select(Delivery.id, Delivery.leased_by, Delivery.attempts)
        .where(Delivery.id.in_(ours), Delivery.state == DeliveryState.LEASED)
        .order_by(Delivery.id)
        .with_for_update()
    )
    return {row.id for row in rows if (row.leased_by, row.attempts) == ours[row.id]}


def _lock_the_gone(session: Session, done: Sequence[tuple[Claimed, Result]]) -> None:
    """The endpoints that are to be switched off: who changes one locks it before its provider."""
    gone = {one.endpoint_id for one, result in done if isinstance(result, Failed) and result.address is Refused.GONE}
    if any(gone):
        session.scalars(select(Endpoint.id).where(Endpoint.id.in_(gone)).order_by(Endpoint.id).with_for_update()).all()


def _outcome(
    session: Session, claimed: Claimed, result: Result, *, fraction: Callable[[], float], now: datetime
) -> tuple[str, str, dict[str, Any]]:
    """What is written about a try: its outcome, the words, and the delivery's new values."""
    match result:
        case Sent():
            return (
                "sent",
                result.said or result.provider_id,
                {
                    "state": DeliveryState.DELIVERED if result.delivered else DeliveryState.SENT,
                    "provider": result.provider or None,
                    "provider_id": result.provider_id[:200],
                    "sent_at": now,
                    "delivered_at": now if result.delivered else None,
                    "reason": result.said[:300] or None,
                },
            )
        case Suppressed():
            return "suppressed", result.reason, {"state": DeliveryState.SUPPRESSED, "reason": result.reason[:300]}
        case Deferred():
            words = ledger.WORDS[result.rule]
            return (
                "deferred",
                words,
                {
                    "state": DeliveryState.QUEUED,
                    "due_at": result.until,
                    "wanted_at": result.until,
                    "bundle": result.bundle,
                    "reason": words,
                    "payload": {**claimed.payload, "deferrals": int(claimed.payload.get("deferrals", 0)) + 1},
                },
            )
        case Failed():
            young = now - claimed.created_at < PATIENCE
            spared = result.provider_at_fault and young and providers.is_down(session, claimed.provider)
            return _failure(claimed, result, spared=spared, fraction=fraction, now=now)


def _note(session: Session, done: Sequence[tuple[Claimed, Result]], *, now: datetime) -> None:
    """A line in the ledger of each that was not sent, or not yet, or not with all it was to tell."""
    lines: dict[tuple[ledger.What, ledger.Rule, str | None], list[str]] = defaultdict(list)
    for claimed, result in done:
        if isinstance(result, Suppressed):
            lines[(ledger.What.SUPPRESSED, result.rule, result.detail or None)].append(claimed.id)
        elif isinstance(result, Deferred):
            lines[(ledger.What.DEFERRED, result.rule, None)].append(claimed.id)
        if isinstance(result, Sent | Suppressed):
            untold = bundling.untold(claimed.id, claimed.payload, result.rule) if isinstance(result, Suppressed) else {}
            bundling.tell_left_out(session, claimed.id, {**untold, **result.left_out}, now=now)
    for (what, rule, detail), ids in lines.items():
        ledger.note(session, ids, what, rule, detail=detail, now=now)


def _tell_provider(session: Session, claimed: Claimed, result: Result, *, now: datetime) -> None:
    """What the result says about whoever carries it, and about the address; true also of a lease that was lost."""
    if isinstance(result, Sent):
        providers.worked(session, claimed.provider, now=now)
    elif isinstance(result, Failed) and result.provider_at_fault:
        providers.failed(
            session,
            claimed.provider,
            error=result.reason,
            since=claimed.claimed_at,
            retry_after=result.retry_after,
            now=now,
        )
    elif isinstance(result, Failed) and result.answered:
        providers.answered(session, claimed.provider, taken_at=claimed.claimed_at)
    else:
        providers.give_probe_back(session, claimed.provider, taken_at=claimed.claimed_at, now=now)
    if not isinstance(result, Failed):
        return
    if result.address is Refused.GONE and claimed.endpoint_id is not None:
        endpoint_book.switch_off(session, claimed.endpoint_id, result.reason, now=now)
    elif result.address is not None and claimed.address_id is not None:
        addresses.refused(
            session,
            claimed.address_id,
            result.address,
            channel=claimed.channel,
            proof={"delivery": claimed.id, "provider": result.reason},
            now=now,
        )


def _reached_first(session: Session, sent: Sequence[tuple[Claimed, Collection[str]]]) -> list[str]:
    """Alerts that these told their owners of, whose clocks have not started."""
    told = [
        item
        for one, left_out in sent
        for item in bundling.items(one.payload) or [{"alertId": one.alert_id, "owner": one.payload.get("owner")}]
        if item.get("id") not in left_out
    ]
    alert_ids = {item["alertId"] for item in told if item["alertId"] and item["owner"]}
    if not alert_ids:
        return []
    return sorted(session.scalars(select(Alert.id).where(Alert.id.in_(alert_ids), Alert.notified_at.is_(None))))


def _failure(
    claimed: Claimed, failed: Failed, *, spared: bool, fraction: Callable[[], float], now: datetime
) -> tuple[str, str, dict[str, Any]]:
    """What is written about a try that failed: its outcome, the words, and the delivery's new values.

    Args:
        spared: its provider is down, so the try found out about the provider and does not count as one of the message's.
    """
    decision = retry.decide(
        attempt=max(bundling.tried(claimed.attempt, claimed.payload) - spared, 1),
        retryable=failed.retryable,
        retry_after=failed.retry_after,
        fraction=fraction(),
        now=now,
    )
    if isinstance(decision, retry.Retry):
        return (
            "retry",
            failed.reason,
            {
                "state": DeliveryState.QUEUED,
                "due_at": decision.at,
                "reason": failed.reason[:300],
                **(
                    {"payload": {**claimed.payload, "spared": int(claimed.payload.get("spared", 0)) + 1}}
                    if spared
                    else {}
                ),
            },
        )
    why = failed.reason if decision.why == "final" else f"{decision.why}: {failed.reason}"
    return "failed", failed.reason, {"state": DeliveryState.DEAD, "reason": why[:300]}
