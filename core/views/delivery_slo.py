"""The product's own service level: of the messages that were to go out, how many were accepted within a minute.

A message counts from when it was to go out (`wanted_at`: after a step, a digest's or quiet hours' end; else when it was
written). Accepted later, given up or still waiting after the minute is missed; what was rightly not sent does not count, nor
does a test that somebody asked for.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from core.db.dialect import seconds
from core.db.tables.acting import Delivery
from core.delivery.registry import CHANNELS
from core.delivery.scoping import IN_EARNEST
from core.views.days import day_of, spans, start_of
from core.views.intervals import Quantile, Share, quantile, share
from core.words import DeliveryState

TARGET = 0.95
WITHIN = timedelta(seconds=60)
DAYS = 30
_NEWEST = 20_000
"""Times a quantile is taken of at most, of the newest messages."""
_LOOKED_BACK = timedelta(hours=1)
_wanted = func.coalesce(Delivery.wanted_at, Delivery.created_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class DayLevel:
    day: date
    level: Share


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderLevel:
    channel: str
    provider: str
    """The channel's own name where it has only one."""
    level: Share
    median: Quantile | None
    """Seconds from the decision to the provider's yes, of messages that were to go out at once."""
    p95: Quantile | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceLevel:
    channel: str
    days: tuple[DayLevel, ...]
    together: Share
    providers: tuple[ProviderLevel, ...]
    """Of all channels."""


def service_level(session: Session, *, channel: str = "email", timezone: str, now: datetime) -> ServiceLevel:
    """The last thirty local days of one channel, and beside it every channel and provider."""
    first = start_of(day_of(now, timezone) - timedelta(days=DAYS - 1), timezone)
    periods = list(spans(first, now + timedelta(microseconds=1), timezone))
    which = case(*[(_wanted < ends, place) for place, (_, _, ends) in enumerate(periods)], else_=len(periods))
    rows = session.execute(
        select(which, _hits(session), func.count())
        .where(Delivery.channel == channel, *_counted(first, now))
        .group_by(which)
    )
    counts = {place: (hits, total) for place, hits, total in rows}
    levels = tuple(
        DayLevel(day=day, level=share(*counts.get(place, (0, 0)))) for place, (day, _, _) in enumerate(periods)
    )
    return ServiceLevel(
        channel=channel,
        days=levels,
        together=share(sum(one.level.hits for one in levels), sum(one.level.total for one in levels)),
        providers=_providers(session, first, now),
    )


def lately(session: Session, *, channel: str = "email", now: datetime) -> Share:
    """The service level of the last hour."""
    hits, total = session.execute(
        select(_hits(session), func.count()).where(
            Delivery.channel == channel, *_counted(now - _LOOKED_BACK, now), _wanted >= now - _LOOKED_BACK
        )
    ).one()
    return share(hits or 0, total)


def is_broken(level: Share) -> bool:
    """Whether the target is missed beyond what chance explains: one late mail of three is no broken promise."""
    return level.total > 0 and level.high < TARGET


def _hits(session: Session) -> ColumnElement[int]:
    late = seconds(session, _wanted, Delivery.sent_at)
    return func.count().filter(Delivery.sent_at.is_not(None), late < WITHIN.total_seconds() + 0.001)


def _counted(since: datetime, now: datetime) -> list[ColumnElement[bool]]:
    """Written since then; accepted, given up, or waiting for longer than they should."""
    over = Delivery.state.in_((DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.DEAD))
    overdue = Delivery.state.in_((DeliveryState.QUEUED, DeliveryState.LEASED)) & (_wanted < now - WITHIN)
    return [Delivery.created_at >= since, IN_EARNEST, over | overdue]


def _providers(session: Session, since: datetime, now: datetime) -> tuple[ProviderLevel, ...]:
    outside = [name for name, one in CHANNELS.items() if one.write is None]
    provider = func.coalesce(Delivery.provider, Delivery.channel)
    rows = session.execute(
        select(Delivery.channel, provider.label("provider"), _hits(session).label("hits"), func.count().label("total"))
        .where(Delivery.channel.in_(outside), *_counted(since, now))
        .group_by(Delivery.channel, provider)
        .order_by(Delivery.channel, provider)
    ).all()
    waits = _waits(session, since)
    return tuple(
        ProviderLevel(
            channel=row.channel,
            provider=row.provider,
            level=share(row.hits, row.total),
            median=quantile(waits[row.channel, row.provider], 0.5),
            p95=quantile(waits[row.channel, row.provider], 0.95),
        )
        for row in rows
    )


def _waits(session: Session, since: datetime) -> dict[tuple[str, str], Sequence[float]]:
    """Ascending seconds from decision to acceptance, by channel and provider."""
    rows: Any = session.execute(
        select(
            Delivery.channel,
            func.coalesce(Delivery.provider, Delivery.channel),
            seconds(session, Delivery.created_at, Delivery.sent_at),
        )
        .where(
            Delivery.created_at >= since,
            IN_EARNEST,
            Delivery.sent_at.is_not(None),
            Delivery.attempts > 0,
            _wanted == Delivery.created_at,
        )
        .order_by(Delivery.created_at.desc())
        .limit(_NEWEST)
    )
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for channel, provider, waited in rows:
        found[channel, provider].append(max(round(float(waited), 3), 0.0))
    return defaultdict(list, {key: sorted(waited) for key, waited in found.items()})
