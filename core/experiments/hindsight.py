"""What another strategy would have brought, from the decisions there were: each is made anew and asked how likely the other
strategy would have chosen the same agent.

Only where chance had a part does the past know anything of another way: in the draw among those who stood level, in the tenth that
`performance` gives to newcomers, and in the arms of experiments. How much that is, is said beside every figure.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import Alert, AlertOutcome, Decision, RoutingHouse
from core.errors import Invalid
from core.experiments.definition import FOLLOW_UP_DAYS, Metric
from core.experiments.off_policy import Estimate, Logged, estimate
from core.routing import ledger, snapshot
from core.routing.choosing import chances, mixed
from core.routing.dispatch import OPENED
from core.routing.state import House
from core.routing.strategies import STRATEGIES
from core.words import Outcome

METRICS = (Metric.CONVERSION, Metric.RIGHT_SHARE, Metric.RESPONSE_SECONDS, Metric.VALUE)
MOST_DAYS = 730
MOST = 2_000
"""Decisions made anew, the newest: some seconds for a house of a thousand agents."""
TOO_FEW = 30.0
"""Hand-outs' worth below which nothing is told apart: the interval itself is no longer to be trusted."""
_WORDS = {
    Metric.CONVERSION: "share that converted",
    Metric.RIGHT_SHARE: "share that was right",
    Metric.RESPONSE_SECONDS: "time until acknowledged",
    Metric.VALUE: "dollars an alert",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One decision beside the other strategy."""

    propensity: float
    """With which probability its agent was chosen."""
    wanted: float
    """With which probability the other strategy would have chosen them."""
    covered: float
    """With which probability the other strategy would have chosen somebody who had a chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    strategy: str
    metric: Metric
    decisions: int
    """First hand-outs that were looked at."""
    left_out: dict[str, int]
    """by_rule, matched (or decided before chances were kept), not_kept (loads), no_number, and those beyond the newest (older)."""
    actual: Estimate | None
    """What was, over the decisions that count."""
    would_be: Estimate | None
    """What the other strategy would have brought where it chooses among those who had a chance; None where too little is known."""
    covered: float
    """How much of its choosing that is, 0 to 1."""
    bounds: tuple[float, float] | None
    """Of a share, over all of its choosing: the interval with nothing and with everything for what is not known."""
    sentences: tuple[str, ...]


def compare(inputs: bytes, house: House, strategy: str, *, at: datetime) -> Compared | None:
    """One stored decision (core.routing.ledger) beside this strategy; None where it left nothing to chance that is known, or the
    strategy would look at people whose loads were not kept."""
    was = ledger.again(inputs, house, at=at)
    choice, case, queues = was.choice, was.case, was.queues
    if choice.position is None or choice.rule is not None or "propensity" not in choice.trace:
        return None
    out = was.exclude | queues.too_heavy(case.units)
    chain = (was.trial.strategy,) if was.trial.strategy else house.chain_for(case.territory)
    logged = mixed(case, chain, was.trial.arms, house, queues, out)
    other = chances(case, (strategy,), queues, out)
    if not queues.looked_at() <= was.known:
        return None
    return Compared(
        propensity=logged.get(choice.position, 0.0),
        wanted=other.get(choice.position, 0.0),
        covered=sum(chance for position, chance in other.items() if logged.get(position, 0.0) > 0),
    )


def hindsight(
    session: Session,
    *,
    strategy: str,
    metric: str,
    days: int = 365,
    alert_type: str | None = None,
    now: datetime,
) -> Hindsight:
    """What this strategy would have brought with the alerts opened in the last `days`, as far as what was done can tell.

    Of the whole house: to look at one team's alerts alone would be to choose decisions by how they came out.

    Args:
        metric: conversion, right_share, response_seconds or value; read as long after the hand-out as in experiments.

    Raises:
        Invalid: naming each wrong field.
    """
    _check(strategy, metric, days)
    how = Metric(metric)
    follow_up = timedelta(days=FOLLOW_UP_DAYS[how])
    rows = session.execute(
        _statement(since=now - timedelta(days=days), until=now - follow_up, alert_type=alert_type).limit(MOST + 1)
    ).all()
    left_out: Counter[str] = Counter(older=max(0, len(rows) - MOST))
    houses: dict[tuple[str, int], House] = {}
    logged: list[Logged] = []
    covered = 0.0
    for row in rows[:MOST]:
        if row.rule_id is not None or row.inputs is None or "propensity" not in row.trace:
            left_out["by_rule" if row.rule_id is not None else "matched"] += 1
            continue
        value = _value(row, how, until=row.decided_at + follow_up)
        if value is None:
            left_out["no_number"] += 1
            continue
        key = (row.house_id, row.trace["versions"]["routing"])
        if key not in houses:
            content = session.scalars(select(RoutingHouse.content).where(RoutingHouse.id == row.house_id)).one()
            houses[key] = snapshot.load(content, version=key[1])
        one = compare(row.inputs, houses[key], strategy, at=row.decided_at)
        if one is None or one.propensity <= 0:
            left_out["not_kept"] += 1
            continue
        covered += one.covered
        logged.append(Logged(value=value, propensity=one.propensity, wanted=one.wanted, group=row.contact_id))
    return tell(strategy, how, logged, covered / max(len(logged), 1), left_out, decisions=min(len(rows), MOST))


def _check(strategy: str, metric: str, days: int) -> None:
    wrong = {}
    if strategy not in STRATEGIES or STRATEGIES[strategy].matches_batches:
        wrong["strategy"] = f"one of {', '.join(one.id for one in STRATEGIES.values() if not one.matches_batches)}"
    if metric not in METRICS:
        wrong["metric"] = f"one of {', '.join(METRICS)}"
    if not 1 <= days <= MOST_DAYS:
        wrong["days"] = f"1 to {MOST_DAYS}"
    if wrong:
        raise Invalid("This cannot be asked.", fields=wrong)


def _statement(*, since: datetime, until: datetime, alert_type: str | None) -> Any:
    statement = (
        select(
            Decision.decided_at,
            Decision.rule_id,
            Decision.trace,
            Decision.house_id,
            Decision.inputs,
            Alert.contact_id,
            Alert.opened_at,
            Alert.acknowledged_at,
            AlertOutcome.outcome,
            AlertOutcome.converted,
            AlertOutcome.value,
            AlertOutcome.recorded_at,
        )
        .join(Alert, Alert.id == Decision.alert_id)
        .outerjoin(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(
            Decision.trigger == OPENED,
            Decision.agent_id.is_not(None),
            Decision.overflow.is_(False),
            Decision.decided_at > since,
            Decision.decided_at <= until,
        )
        .order_by(Decision.decided_at.desc(), Decision.id.desc())
    )
    return statement if alert_type is None else statement.where(Alert.alert_type == alert_type)


def _value(row: Any, metric: Metric, *, until: datetime) -> float | None:
    """What came of the alert, whoever had it later: by whom it was given first."""
    known = row.recorded_at is not None and row.recorded_at <= until
    if metric is Metric.CONVERSION:
        return float(known and row.converted)
    if metric is Metric.VALUE:
        return float(row.value or 0.0) if known and row.converted else 0.0
    if metric is Metric.RIGHT_SHARE:
        labels = (Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE)
        return float(row.outcome == Outcome.TRUE_POSITIVE) if known and row.outcome in labels else None
    answered = row.acknowledged_at if row.acknowledged_at is not None else until
    waited: timedelta = min(answered, until) - row.opened_at
    return max(0.0, waited.total_seconds())


def tell(
    strategy: str, metric: Metric, logged: Sequence[Logged], covered: float, left_out: Counter[str], *, decisions: int
) -> Hindsight:
    """What these decisions say, with what it rests on. Pure."""
    found = estimate(logged)
    enough = found is not None and found.effective >= TOO_FEW
    bounds = None
    if found is not None and enough and metric.is_share:
        low, high = covered * max(0.0, found.low), covered * min(1.0, found.high)
        bounds = (low, high + 1 - covered)
    plain = [Logged(value=one.value, propensity=1.0, wanted=1.0, group=one.group) for one in logged]
    return Hindsight(
        strategy=strategy,
        metric=metric,
        decisions=decisions,
        left_out={reason: number for reason, number in left_out.items() if number},
        actual=estimate(plain),
        would_be=found if enough else None,
        covered=covered,
        bounds=bounds,
        sentences=tuple(_sentences(strategy, metric, len(logged), found, covered, bounds)),
    )


def _sentences(
    strategy: str,
    metric: Metric,
    number: int,
    found: Estimate | None,
    covered: float,
    bounds: tuple[float, float] | None,
) -> list[str]:
    title = f"“{STRATEGIES[strategy].title}”"
    if not number:
        return [
            "No hand-out of these days says anything about it: rules decided, or it is too early to know what came of them."
        ]
    if found is None:
        return [
            f"{title} would have chosen none of those who were chosen, so nothing can be said. An experiment would tell."
        ]
    worth = f"{number:,} hand-outs count; they say as much as about {found.effective:,.0f} by {title} itself would."
    if found.effective < TOO_FEW:
        return [worth, "That is too few to say anything. An experiment would tell."]
    told = [worth]
    if covered < 0.995:
        told.append(
            f"In {covered:.0%} of its choices it would have taken somebody who had a chance to be chosen; the figure is of those alone."
        )
        if bounds is not None:
            told.append(
                f"Of the others nothing is known: over all of them the {_WORDS[metric]} lies between {bounds[0]:.0%} and {bounds[1]:.0%}."
            )
        else:
            told.append("Of the others nothing is known.")
    else:
        told.append("Everybody it would have chosen had a chance to be chosen.")
    told.append("Loads are taken as they were: how it would have filled people up over time is not foreseen.")
    return told
