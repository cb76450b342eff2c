"""Experiments and candidates for tests, made with as little said as possible."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core import alerts
from core.alerts import Candidate
from core.alerts.priority import Thresholds
from core.db.base import table_of
from core.db.tables import Contact, Exposure
from core.db.tables import Experiment as Row
from core.experiments import Another, Running, lifecycle
from core.experiments.definition import Experiment, Kind, Method, Metric, State, Variant
from core.experiments.units import Unit
from core.scoring import Explanation, Scored
from core.words import Intent

SALT = "0123456789abcdef"
SELL = Intent.LIKELY_TO_SELL.value
HALVES = [{"name": "As today", "share": 0.5}]
CONFIGS: dict[str, list[dict[str, Any]]] = {
    "holdout": [
        {"name": "Alerted", "share": 0.8},
        {"name": "Withheld", "share": 0.2, "config": {"withhold": True}},
    ],
    "threshold": [*HALVES, {"name": "Stricter", "share": 0.5, "config": {"threshold": 0.7}}],
    "routing": [*HALVES, {"name": "In turn", "share": 0.5, "config": {"strategy": "round_robin"}}],
    "model": [*HALVES, {"name": "New model", "share": 0.5, "config": {"model": "challenger"}}],
}
METRIC = {
    "holdout": "transacted",
    "threshold": "right_share",
    "routing": "response_seconds",
    "model": "right_share",
}


def a_body(kind: str = "holdout", **values: Any) -> dict[str, Any]:
    """What a person types, in the words of core."""
    plan: dict[str, Any] = {"baseline": 0.05, "effect": 0.1}
    if kind == "routing":
        plan = {"baseline": 3600.0, "effect": 900.0, "sd": 3600.0}
    body = {
        "name": f"A {kind} experiment",
        "kind": kind,
        "alert_types": [SELL],
        "variants": CONFIGS[kind],
        "metric": METRIC[kind],
        "plan": plan,
    }
    return body | values


def running(session: Session, kind: str = "holdout", *, now: datetime, **values: Any) -> Experiment:
    """An experiment that was started; its salt is the same every time, so that a test does not hang on luck."""
    made = lifecycle.create(session, a_body(kind, **values), actor_id=None, now=now)
    session.execute(update(Row).where(Row.id == made.id).values(salt=SALT))
    return lifecycle.start(session, made.id, actor_id=None, now=now)


def won(
    session: Session, kind: str, *, verdict: str = "higher", state: str = "final", now: datetime, **values: Any
) -> str:
    """The id of a stopped experiment whose second variant came out like that."""
    made = running(session, kind, now=now, **values)
    lifecycle.stop(session, made.id, actor_id=None, now=now)
    key = made.variants[1].key
    told = {"state": state, "results": [{"variant": key, "against": made.variants[0].key, "verdict": verdict}]}
    session.execute(update(Row).where(Row.id == made.id).values(conclusion=told))
    return made.id


def contacts(session: Session, number: int, *, now: datetime) -> list[str]:
    ids = [f"c{one:04d}" for one in range(number)]
    rows = [
        {"id": one, "territory": "oak-park", "attributes": {}, "first_seen_at": now, "updated_at": now} for one in ids
    ]
    session.execute(insert(table_of(Contact)), rows)
    return ids


def a_candidate(contact_id: str, confidence: float = 0.6, *, strength: float = 0.65, intent: str = SELL) -> Candidate:
    scored = a_score(intent, confidence, "champion")
    return Candidate(
        contact_id=contact_id,
        scored=scored,
        signal_strength=strength,
        signal_count=2,
        explain=lambda: an_explanation(scored),
    )


def a_score(intent: str, confidence: float, version: str) -> Scored:
    third = confidence / 3
    return Scored(intent, third, third, third, confidence, confidence, confidence, 5.0, 0.025, -1.0, version)


def an_explanation(scored: Scored) -> Explanation:
    return Explanation(
        base=-3.0,
        contributions=[],
        top_factors=[],
        text=f"By {scored.model_version}.",
        log_odds=-1.0,
        probability=scored.probability,
        confidence=scored.confidence,
    )


def pass_by(
    session: Session,
    candidates: Sequence[Candidate],
    *,
    another: Another | None = None,
    thresholds: Thresholds | None = None,
    now: datetime,
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The part of the line that experiments touch: the alerts opened, and their strategies."""
    thresholds = thresholds or Thresholds()
    met = Running.load(session).meet(session, candidates, thresholds=thresholds, another=another, now=now)
    opened = alerts.open_or_refresh(session, met.candidates, thresholds=thresholds, now=now).opened
    return opened, met.opened(session, opened)


def exposures(session: Session) -> dict[str, Exposure]:
    """By contact."""
    return {row.contact_id: row for row in session.scalars(select(Exposure))}


def an_experiment(
    now: datetime,
    *,
    kind: Kind = Kind.HOLDOUT,
    metric: Metric = Metric.TRANSACTED,
    total: int = 200,
    looks: int = 1,
    withheld: float = 0.2,
    days: int = 104,
) -> Experiment:
    """A running experiment without a database."""
    shares = (1 - withheld, withheld)
    keys = ("alerted", "withheld") if kind is Kind.HOLDOUT else ("control", "b")
    return Experiment(
        id="e1",
        name="Test",
        hypothesis="",
        kind=kind,
        status=State.RUNNING,
        salt="0123456789abcdef",
        alert_types=(Intent.REFINANCE_OPPORTUNITY.value,),
        variants=tuple(Variant(key=key, name=key, share=share) for key, share in zip(keys, shares, strict=True)),
        metric=metric,
        plan={
            "alpha": 0.05,
            "total": total,
            "looks": looks,
            "method": Method.FIXED if looks == 1 else Method.GROUP_SEQUENTIAL,
            "sizes": {key: round(total * share) for key, share in zip(keys, shares, strict=True)},
            "followUpDays": days,
            "exemptCritical": False,
            "horizons": {Intent.REFINANCE_OPPORTUNITY.value: 90},
        },
        conclusion=None,
        created_by=None,
        created_at=now,
        started_at=now,
        ends_at=now + timedelta(weeks=52),
        stopped_at=None,
    )


def a_unit(number: int, variant: str, value: float | None, *, now: datetime, days: float = 104) -> Unit:
    """The contact that entered `number` hours after the start."""
    entered = now + timedelta(hours=number)
    return Unit(
        contact_id=f"c{number}",
        variant=variant,
        entered_at=entered,
        matures_at=entered + timedelta(days=days),
        value=value,
        alerted=variant != "withheld",
        tier="MEDIUM",
    )


def stopped(experiment: Experiment, *, at: datetime) -> Experiment:
    return replace(experiment, status=State.STOPPED, stopped_at=at)
