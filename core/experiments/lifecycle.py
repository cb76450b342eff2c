"""The life of an experiment: drafted, started with its plan frozen, stopped with what was known; each step audited."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from core import audit, versions
from core.alerts import priority
from core.db.base import table_of
from core.db.tables import AlertType, ModelVersion
from core.db.tables import Experiment as Row
from core.errors import Conflict, Invalid, NotFound
from core.experiments import analysing, drafting
from core.experiments.definition import Experiment, Kind, Metric, State, Variant, of_row
from core.experiments.outlook import above, outlook
from core.experiments.running import VERSION
from core.experiments.units import units
from core.ids import new_id
from core.words import HORIZON_DAYS, ModelStatus

_ASKED = {"exemptCritical": "exempt_critical"}


def list_experiments(session: Session) -> list[Experiment]:
    """All of them: running ones first, then drafts, then stopped ones; the newest first."""
    found = [of_row(row) for row in session.execute(select(table_of(Row)))]
    order = (State.RUNNING, State.DRAFT, State.STOPPED)
    return sorted(found, key=lambda one: (-order.index(one.status), one.created_at, one.id), reverse=True)


def get(session: Session, experiment_id: str) -> Experiment:
    """One experiment.

    Raises:
        NotFound: there is none with this id.
    """
    row = session.execute(select(table_of(Row)).where(table_of(Row).c.id == experiment_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such experiment.")
    return of_row(row)


def known(session: Session) -> drafting.Known:
    """What there is to experiment with: alert types with their horizons, and models that score."""
    own = session.execute(select(AlertType.id, AlertType.horizon_days).where(AlertType.status == "active"))
    usable = (ModelStatus.DEPLOYED, ModelStatus.SHADOW)
    models = session.execute(select(ModelVersion.id, ModelVersion.intent).where(ModelVersion.status.in_(usable)))
    return drafting.Known(
        horizons={str(intent): days for intent, days in HORIZON_DAYS.items()}
        | {row.id: row.horizon_days for row in own},
        models={row.id: row.intent for row in models},
    )


def plan(session: Session, raw: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """What a draft would take, without keeping it.

    Raises:
        Invalid: naming every wrong field.
    """
    there = known(session)
    return _plan(session, drafting.draft(raw, known=there), there, now=now)


def create(session: Session, raw: Mapping[str, Any], *, actor_id: str | None, now: datetime) -> Experiment:
    """Keep a draft.

    Raises:
        Invalid: naming every wrong field.
    """
    there = known(session)
    drafted = drafting.draft(raw, known=there)
    experiment_id = new_id()
    session.execute(
        insert(table_of(Row)).values(
            id=experiment_id,
            status=State.DRAFT,
            salt=new_id(),
            created_by=actor_id,
            created_at=now,
            **_columns(drafted),
            plan=_plan(session, drafted, there, now=now),
        )
    )
    return _done(session, "experiment.create", experiment_id, before=None, actor_id=actor_id, now=now)


def change(
    session: Session, experiment_id: str, changes: Mapping[str, Any], *, actor_id: str | None, now: datetime
) -> Experiment:
    """Change the named fields of a draft; a named plan replaces the plan.

    Raises:
        NotFound: there is no such experiment.
        Conflict: it is no draft any more.
        Invalid: naming every wrong field.
    """
    before = _draft(session, experiment_id, "What was written down before the start stays as it is")
    there = known(session)
    drafted = drafting.draft(written(before) | dict(changes), known=there)
    values = {**_columns(drafted), "plan": _plan(session, drafted, there, now=now)}
    session.execute(update(table_of(Row)).where(table_of(Row).c.id == experiment_id).values(**values))
    return _done(session, "experiment.change", experiment_id, before=before, actor_id=actor_id, now=now)


def start(session: Session, experiment_id: str, *, actor_id: str | None, now: datetime) -> Experiment:
    """Freeze the plan and let contacts in.

    Raises:
        NotFound: there is no such experiment.
        Conflict: it was started before, or another of its kind runs for one of its alert types.
        Invalid: something it needs is gone since it was drafted.
    """
    before = _draft(session, experiment_id, "It was started already")
    there = known(session)
    drafted = drafting.draft(written(before), known=there)
    for other in list_experiments(session):
        if other.status is State.RUNNING and other.kind is before.kind and _meet(other, before):
            raise Conflict(f"“{other.name}” of the same kind is running for these alert types; stop it first.")
    today = priority.in_force(session, now=now)
    frozen = _plan(session, drafted, there, now=now) | {
        "thresholds": {name: today.set_for(name) for name in (before.alert_types or there.horizons)}
    }
    session.execute(
        update(table_of(Row))
        .where(table_of(Row).c.id == experiment_id)
        .values(
            status=State.RUNNING, plan=frozen, started_at=now, ends_at=now + timedelta(weeks=float(frozen["weeks"]))
        )
    )
    return _done(session, "experiment.start", experiment_id, before=before, actor_id=actor_id, now=now)


def stop(session: Session, experiment_id: str, *, reason: str = "", actor_id: str | None, now: datetime) -> Experiment:
    """End it: everybody gets alerts as before, and what is known now is kept as the conclusion.

    Raises:
        NotFound: there is no such experiment.
        Conflict: it is not running.
        Invalid: the reason is too long.
    """
    if len(reason) > 1000:
        raise Invalid("The reason is too long.", fields={"reason": "at most 1000 letters"})
    versions.bump(session, VERSION)
    before = get(session, experiment_id)
    if before.status is not State.RUNNING:
        raise Conflict("Only a running experiment can be stopped.")
    stopped = update(table_of(Row)).where(table_of(Row).c.id == experiment_id)
    session.execute(stopped.values(status=State.STOPPED, stopped_at=now))
    after = get(session, experiment_id)
    conclusion = analysing.analyse(after, units(session, after), now=now)
    session.execute(stopped.values(conclusion={**conclusion, "reason": reason.strip()}))
    return _done(session, "experiment.stop", experiment_id, before=before, actor_id=actor_id, now=now)


def remove(session: Session, experiment_id: str, *, actor_id: str | None, now: datetime) -> None:
    """Delete a draft.

    Raises:
        NotFound: there is no such experiment.
        Conflict: it was started: what was learned, and that it was tried, stays.
    """
    before = _draft(session, experiment_id, "An experiment that ran is kept")
    session.execute(delete(table_of(Row)).where(table_of(Row).c.id == experiment_id))
    _audit(session, "experiment.delete", experiment_id, before=before, after=None, actor_id=actor_id, now=now)


def standing(session: Session, experiment: Experiment, *, now: datetime) -> dict[str, Any] | None:
    """What it may say by now: nothing of a draft, the conclusion of a stopped one."""
    if experiment.status is State.DRAFT:
        return None
    if experiment.conclusion is not None:
        return dict(experiment.conclusion)
    told = analysing.analyse(experiment, units(session, experiment), now=now)
    tried = {one.config["model"] for one in experiment.variants if "model" in one.config}
    in_shadow = select(ModelVersion.id).where(ModelVersion.status == ModelStatus.SHADOW, ModelVersion.id.in_(tried))
    if tried - set(session.scalars(in_shadow) if tried else ()):
        told["limits"].insert(
            0, "A model it tries is no longer in shadow: since then its variant gets the usual scores. Stop it."
        )
    return told


def winners(experiment: Experiment) -> tuple[str, ...]:
    """The variants that do something else and were better at the planned end of a stopped experiment."""
    told = experiment.conclusion or {}
    if experiment.status is not State.STOPPED or told.get("state") != "final":
        return ()
    better = "lower" if experiment.metric is Metric.RESPONSE_SECONDS else "higher"
    won = {one["variant"] for one in told["results"] if one["verdict"] == better}
    return tuple(one.key for one in experiment.variants if one.key in won and one.config)


def written(experiment: Experiment) -> dict[str, Any]:
    """The draft as it was typed."""
    plan = {_ASKED.get(name, name): value for name, value in experiment.plan.items()}
    asked = ("baseline", "sd", "effect", *drafting.DEFAULTS)
    return {
        "name": experiment.name,
        "hypothesis": experiment.hypothesis,
        "kind": experiment.kind.value,
        "alert_types": list(experiment.alert_types),
        "variants": [variant_row(one) for one in experiment.variants],
        "metric": experiment.metric.value,
        "plan": {name: plan[name] for name in asked if name in plan},
    }


def variant_row(variant: Variant) -> dict[str, Any]:
    return {"key": variant.key, "name": variant.name, "share": variant.share, "config": dict(variant.config)}


def _plan(session: Session, drafted: drafting.Draft, there: drafting.Known, *, now: datetime) -> dict[str, Any]:
    own = outlook(session, alert_types=drafted.alert_types, now=now)
    more = 1.0
    if drafted.kind is Kind.THRESHOLD:
        in_force = priority.in_force(session, now=now)
        today = min(in_force.opening(name) for name in (drafted.alert_types or there.horizons))
        lowest = min([today, *(one.config.get("threshold", today) for one in drafted.variants)])
        more = above(session, lowest=lowest, today=today, alert_types=drafted.alert_types)
    return drafting.worked_out(drafted, own, known=there, more=more)


def _draft(session: Session, experiment_id: str, otherwise: str) -> Experiment:
    versions.bump(session, VERSION)  # who starts, changes or deletes at the same moment stands in line here
    found = get(session, experiment_id)
    if found.status is not State.DRAFT:
        raise Conflict(f"{otherwise}: it is {found.status}.")
    return found


def _meet(one: Experiment, other: Experiment) -> bool:
    return not one.alert_types or not other.alert_types or not set(one.alert_types).isdisjoint(other.alert_types)


def _columns(drafted: drafting.Draft) -> dict[str, Any]:
    return {
        "name": drafted.name,
        "hypothesis": drafted.hypothesis,
        "kind": drafted.kind,
        "alert_types": list(drafted.alert_types),
        "variants": [variant_row(one) for one in drafted.variants],
        "metric": drafted.metric,
    }


def _done(
    session: Session,
    action: str,
    experiment_id: str,
    *,
    before: Experiment | None,
    actor_id: str | None,
    now: datetime,
) -> Experiment:
    after = get(session, experiment_id)
    _audit(session, action, experiment_id, before=before, after=after, actor_id=actor_id, now=now)
    return after


def _audit(
    session: Session,
    action: str,
    experiment_id: str,
    *,
    before: Experiment | None,
    after: Experiment | None,
    actor_id: str | None,
    now: datetime,
) -> None:
    def told(one: Experiment | None) -> dict[str, Any] | None:
        return None if one is None else {**written(one), "status": one.status.value, "conclusion": one.conclusion}

    audit.record(
        session,
        action,
        subject_type="experiment",
        subject_id=experiment_id,
        actor_id=actor_id,
        before=told(before),
        after=told(after),
        now=now,
    )
