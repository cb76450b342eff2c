"""One turn of each kind of work, driven by the loops in production and by hand, with fake time, in tests.

Each function opens and commits its own transactions, may be killed at any instant, and may run in any number of processes
at once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import alerts, delivery, escalation, log, pipeline, routing
from core.clock import Clock
from core.db import Database
from core.db.tables import Contact, Event
from core.delivery import Claimed, Deferred, Failed, Result, Sender, Suppressed, announcing
from core.errors import DoorbellError
from core.pipeline import Decided, World
from core.settings import Settings
from jobs.outages import is_outage
from jobs.parking import Parking

Turn = Callable[[], bool]
"""What a loop repeats: whether there may be more to do."""
BATCH = 500
"""Events a transaction: short enough that single posts hardly wait for SQLite's one write lock."""
LEASE = timedelta(minutes=2)
"""Longer than the slowest send: a lease that runs out under a living sender would send twice."""
_log = log.get(__name__)


def decide_once(
    database: Database, world: World, clock: Clock, *, parking: Parking | None = None, limit: int = BATCH
) -> Decided | None:
    """Run one batch of what waits through the line; None when nothing waited.

    A batch that raises is taken apart contact by contact, so that only the contact whose history breaks something waits
    (see jobs.parking); the database being away is not the batch's fault and is raised.
    """
    parking = parking if parking is not None else Parking()
    now = clock.now()
    if parking.holds():
        return _contact_by_contact(database, world, clock, parking, limit=limit)
    with database.read() as session:
        if not _anything_waits(session, clock):
            return None
    try:
        with database.write() as session:
            return pipeline.decide(session, world=world, limit=limit, now=now)
    except Exception as error:
        if is_outage(error):
            raise
        _log.exception("decide_batch_failed")
        return _contact_by_contact(database, world, clock, parking, limit=limit)


def _contact_by_contact(
    database: Database, world: World, clock: Clock, parking: Parking, *, limit: int
) -> Decided | None:
    now = clock.now()
    with database.read() as session:
        contact_ids = _waiting_contacts(session, clock, without=parking.parked(now), limit=limit)
    done: list[Decided] = []
    for contact_id in contact_ids:
        try:
            with database.write() as session:
                done.append(pipeline.score_contact(session, contact_id, world=world, now=now))
            parking.forget(contact_id)
        except Exception as error:
            if is_outage(error):
                raise
            parking.park(contact_id, error, now=now)
    if not contact_ids:
        with database.read() as session:
            parking.keep_only(_waiting_contacts(session, clock, without=(), limit=limit))
        return None
    return Decided(
        events=sum(one.events for one in done),
        contacts=len(done),
        opened=tuple(alert_id for one in done for alert_id in one.opened),
        refreshed=tuple(alert_id for one in done for alert_id in one.refreshed),
    )


def _anything_waits(session: Session, clock: Clock) -> bool:
    """A look at two partial indexes: cheap enough for every wake-up, and it takes no write lock."""
    if session.scalar(select(Event.id).where(Event.processed_at.is_(None)).limit(1)) is not None:
        return True
    return session.scalar(select(Contact.id).where(Contact.rescore_at <= clock.now()).limit(1)) is not None


def _waiting_contacts(session: Session, clock: Clock, *, without: Sequence[str], limit: int) -> list[str]:
    waiting = select(Event.contact_id).where(Event.processed_at.is_(None)).distinct()
    again = select(Contact.id).where(Contact.rescore_at <= clock.now())
    if without:
        waiting = waiting.where(Event.contact_id.not_in(without))
        again = again.where(Contact.id.not_in(without))
    found = list(session.scalars(waiting.limit(limit)))
    return found or list(session.scalars(again.limit(limit)))


def claim_deliveries(
    database: Database,
    clock: Clock,
    *,
    worker: str,
    limit: int | Mapping[str, int],
    channels: Mapping[str, Sender] | None = None,
    busy: bool = False,
) -> list[Claimed] | None:
    """Lease what is due, up to `limit` of each channel; None, without touching the write lock, when nothing is.

    `busy` says that this worker holds messages already.
    """
    now = clock.now()
    waiting = limit if isinstance(limit, Mapping) else delivery.CHANNELS
    with database.read() as session:
        if not delivery.has_due(session, channels=list(waiting), now=now):
            return None
    paces = {name: sender.pace for name, sender in (channels or {}).items()}
    with database.write() as session:
        return delivery.claim(session, worker=worker, limit=limit, lease=LEASE, paces=paces, busy=busy, now=now)


def deliver(
    database: Database, claimed: Claimed, channels: Mapping[str, Sender], clock: Clock, *, settings: Settings
) -> Result:
    """Check one leased message again and send it outside any transaction; what came of it is still to be recorded."""
    try:
        with database.read() as session:
            message = delivery.prepare(session, claimed, settings=settings, now=clock.now())
        return message if isinstance(message, Suppressed | Deferred) else delivery.send(claimed, message, channels)
    except DoorbellError as error:  # it says what somebody has to do first (a secret to be entered again): then replay
        return Failed(reason=error.detail or error.title, retryable=False)
    except (
        Exception
    ) as error:  # a bug in one message's text must not stop the others; it is retried, then a dead letter
        if is_outage(error):
            raise
        _log.exception("delivery_raised", delivery_id=claimed.id)
        return Failed(reason=f"an error of our own: {type(error).__name__}", retryable=True)


def record_deliveries(database: Database, done: Sequence[tuple[Claimed, Result]], clock: Clock) -> None:
    """Record what came of these messages, and start the clocks of alerts whose owners they reached, in one transaction."""
    with database.write() as session:
        now = clock.now()
        escalation.start(session, delivery.record(session, done, now=now), now=now)
    for claimed, result in done:
        _log.info("delivery", delivery_id=claimed.id, channel=claimed.channel, result=type(result).__name__.lower())


def announce_once(database: Database, clock: Clock) -> int:
    """Queue what the change feed has for other systems; how many changes were looked at."""
    with database.read() as session:
        if not announcing.waits(session):
            return 0
    with database.write() as session:
        return announcing.announce(session, now=clock.now())


def send_once(
    database: Database,
    channels: Mapping[str, Sender],
    clock: Clock,
    worker: str,
    settings: Settings,
    *,
    limit: int = 20,
) -> int:
    """Claim what is due and send it, one after the other; how many were claimed."""
    claimed = claim_deliveries(database, clock, worker=worker, limit=limit, channels=channels) or []
    for one in claimed:
        record_deliveries(database, [(one, deliver(database, one, channels, clock, settings=settings))], clock)
    return len(claimed)


def escalate_once(database: Database, state: routing.State, clock: Clock, *, limit: int = 100) -> int:
    """Move on what is overdue; how many alerts were."""
    now = clock.now()
    with database.read() as session:
        overdue = escalation.due(session, now=now, limit=limit)
    moved = 0
    for alert_id in overdue:
        try:
            with database.write() as session:
                state.refresh(session)
                notices = escalation.escalate(session, alert_id, state=state, now=now)
                delivery.enqueue(session, notices, now=now)
                escalation.start(session, [alert_id], now=now)
            moved += bool(notices)
        except Exception as error:
            if is_outage(error):
                raise
            _log.exception("escalation_failed", alert_id=alert_id)
    return moved


def start_clocks_once(database: Database, clock: Clock) -> int:
    """Start the escalation clocks of owners who have come on duty since they were told, or who forgot; how many."""
    now = clock.now()
    with database.read() as session:
        waiting = escalation.waiting_to_start(session, now=now)
        forgetful = escalation.may_be_forgotten(session)
    if not waiting and not forgetful:
        return 0
    with database.write() as session:
        return len(escalation.start(session, waiting, now=now)) + escalation.rearm(session, now=now)


def call_out_once(database: Database, state: routing.State, clock: Clock) -> int:
    """Tell those on call of what waits in the pool because nobody is on duty; how many messages were new."""
    now = clock.now()
    with database.read() as session:
        state.refresh(session)
        notices = escalation.on_call(session, escalation.in_pool(session), state=state, now=now)
        fresh = delivery.untold(session, notices)
    if fresh:
        with database.write() as session:
            delivery.enqueue(session, fresh, now=now)
    return len(fresh)


def watch_once(database: Database, clock: Clock) -> int:
    """How many steps are overdue; whoever runs the place is told once for each stretch of it."""
    now = clock.now()
    with database.read() as session:
        late, since = escalation.overdue(session, now=now)
    if late and since is not None:
        with database.write() as session:
            delivery.enqueue(session, escalation.watchdog_notices(session, late, since), now=now)
    return late


def sweep_once(database: Database, clock: Clock, *, limit: int = 500) -> int:
    """Close alerts whose time has run out, in short transactions; how many. (Silence is core.pipeline's: rescore_at.)"""
    total = 0
    while True:
        with database.write() as session:
            closed = alerts.expire(session, now=clock.now(), limit=limit)
        total += closed
        if closed < limit:
            return total
