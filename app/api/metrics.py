"""The numbers of /metrics, read from the database when they are asked for; types and words as Prometheus wants them."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from app.runtime import Runtime
from core import changes
from core.db.dialect import seconds
from core.db.tables import Alert, Event
from core.db.tables.acting import Attempt, Delivery
from core.db.tables.reaching import ProviderState
from core.delivery.scoping import IN_EARNEST
from core.views import delivery_health

BUCKETS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Seconds from the decision to the provider's yes; the service level's minute is one of them."""
_SETTLED = timedelta(seconds=5)
"""A transaction may commit behind one with a larger number: what is younger is left for the next look."""
_OPEN = "started"
_MOST_OPEN = 5_000


class Tries:
    """All tries there ever were but those of tests, counted on from where the last look ended: a scrape costs what is new."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        self._open: set[int] = set()
        self.outcomes: dict[tuple[str, str, str], int] = defaultdict(int)
        """(channel, provider, outcome) to how many."""
        self.waits: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        """Channel to how many were accepted in each bucket; the last is everything slower."""
        self.waited: dict[str, float] = defaultdict(float)

    def look(self, session: Session, *, now: datetime) -> None:
        with self._lock:
            newest = session.scalar(select(func.max(Attempt.id)).where(Attempt.started_at <= now - _SETTLED))
            until = max(newest or 0, self._last)
            fresh = (Attempt.id > self._last) & (Attempt.id <= until)
            which = or_(fresh, Attempt.id.in_(self._open)) if self._open else fresh
            still = set(session.scalars(select(Attempt.id).where(which, Attempt.outcome == _OPEN).limit(_MOST_OPEN)))
            self._count(session, which)
            self._last, self._open = until, still

    def _count(self, session: Session, which: object) -> None:
        provider = func.coalesce(Delivery.provider, Delivery.channel)
        at_once = func.coalesce(Delivery.wanted_at, Delivery.created_at) == Delivery.created_at
        took = seconds(session, Delivery.created_at, Attempt.finished_at)
        accepted = (Attempt.outcome == "sent") & at_once
        bucket = case(
            (~accepted, None), *[(took <= top, place) for place, top in enumerate(BUCKETS)], else_=len(BUCKETS)
        )
        rows = session.execute(
            select(Delivery.channel, provider, Attempt.outcome, bucket, func.count(), func.sum(took))
            .join(Delivery, Delivery.id == Attempt.delivery_id)
            .where(which, Attempt.outcome != _OPEN, IN_EARNEST)  # type: ignore[arg-type]
            .group_by(Delivery.channel, provider, Attempt.outcome, bucket)
        )
        for channel, carrier, outcome, place, number, waited in rows:
            self.outcomes[channel, carrier, outcome] += number
            if place is not None:
                self.waits[channel][place] += number
                self.waited[channel] += float(waited or 0)


class Numbers(Collector):
    """Everything but what only this process knows, which `gauges` adds."""

    def __init__(self, runtime: Runtime, gauges: Mapping[str, float], tries: Tries) -> None:
        self._runtime, self._gauges, self._tries = runtime, gauges, tries

    def collect(self) -> Iterator[Metric]:
        now = self._runtime.clock.now()
        with self._runtime.database.read() as session:
            yield from _line(session)
            yield from _queues(session, now=now)
            self._tries.look(session, now=now)
        yield from _tried(self._tries)
        for name, value in self._gauges.items():
            yield GaugeMetricFamily(f"doorbell_{name}", f"Of this process: {name.replace('_', ' ')}", value=value)


def _line(session: Session) -> Iterator[Metric]:
    waiting = session.scalar(select(func.count()).select_from(Event).where(Event.processed_at.is_(None)))
    yield GaugeMetricFamily("doorbell_events_waiting", "Events not decided on yet", value=waiting or 0)
    yield CounterMetricFamily("doorbell_changes", "Changes told by the feed", value=changes.newest_id(session))
    alerts = GaugeMetricFamily("doorbell_alerts_open", "Open alerts", labels=["status"])
    for status, count in session.execute(
        select(Alert.status, func.count()).where(Alert.closed_at.is_(None)).group_by(Alert.status)
    ):
        alerts.add_metric([status], count)
    yield alerts
    states = GaugeMetricFamily("doorbell_deliveries", "Messages waiting, in hand, or given up", labels=["state"])
    for state, count in session.execute(
        select(Delivery.state, func.count())
        .where(Delivery.state.in_(("queued", "leased", "dead")))
        .group_by(Delivery.state)
    ):
        states.add_metric([state], count)
    yield states


def _queues(session: Session, *, now: datetime) -> Iterator[Metric]:
    depth = GaugeMetricFamily("doorbell_delivery_queue", "Messages due or in hand", labels=["channel"])
    age = GaugeMetricFamily(
        "doorbell_delivery_queue_oldest_seconds", "For how long the oldest message is due", labels=["channel"]
    )
    for name, queue in delivery_health.queues(session, now=now).items():
        depth.add_metric([name], queue.due + queue.sending)
        age.add_metric([name], (now - queue.oldest_due_at).total_seconds() if queue.oldest_due_at else 0)
    yield depth
    yield age
    dead = GaugeMetricFamily("doorbell_delivery_dead", "Dead letters", labels=["channel"])
    for channel, count in session.execute(
        select(Delivery.channel, func.count()).where(Delivery.state == "dead").group_by(Delivery.channel)
    ):
        dead.add_metric([channel], count)
    yield dead
    paused = GaugeMetricFamily("doorbell_delivery_provider_paused", "1 while a provider is paused", labels=["provider"])
    for name in session.scalars(select(ProviderState.name).where(ProviderState.paused_until.is_not(None))):
        paused.add_metric([name], 1)
    yield paused


def _tried(tries: Tries) -> Iterator[Metric]:
    attempts = CounterMetricFamily(
        "doorbell_delivery_attempts", "Tries that ended, by how; no tests", labels=["channel", "provider", "outcome"]
    )
    for labels, count in sorted(tries.outcomes.items()):
        attempts.add_metric(list(labels), count)
    yield attempts
    waits = HistogramMetricFamily(
        "doorbell_delivery_accepted_seconds",
        "From the decision to the provider's yes, of what was to go out at once",
        labels=["channel"],
    )
    for channel, counts in sorted(tries.waits.items()):
        so_far, buckets = 0, []
        for top, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
            so_far += count
            buckets.append((top, float(so_far)))
        waits.add_metric([channel], buckets, sum_value=tries.waited[channel])
    yield waits
