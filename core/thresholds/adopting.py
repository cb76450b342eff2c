"""A won experiment becomes the rule: the team's threshold, the model in service, or how every team hands out."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import audit, versions
from core.db.base import table_of
from core.db.dialect import upsert
from core.db.tables import Experiment as Row
from core.db.tables import Setting, Team
from core.errors import Conflict, Forbidden, Invalid
from core.experiments import lifecycle
from core.experiments.definition import Experiment, Kind, Variant
from core.learning import registry
from core.routing.state import VERSION
from core.thresholds import setting
from core.viewer import Viewer
from core.words import Role


def adopt(session: Session, experiment_id: str, variant_key: str, *, viewer: Viewer, now: datetime) -> Experiment:
    """Make a variant that won a stopped experiment what everybody gets.

    Raises:
        Forbidden: only an admin may.
        NotFound: there is no such experiment, or the model it tried is gone.
        Invalid: it has no such variant, or the threshold cannot be set.
        Conflict: it is not over, this variant did not win, its model is no longer in shadow, or there is no way of
            handing out for some types alone.
    """
    if viewer.role is not Role.ADMIN:
        raise Forbidden("Only an admin adopts what an experiment found.")
    before = lifecycle.get(session, experiment_id)
    variant = before.variant(variant_key)
    if variant is None:
        known = ", ".join(one.key for one in before.variants)
        raise Invalid("There is no such variant.", fields={"variant": f"one of {known}"})
    if variant_key not in lifecycle.winners(before):
        raise Conflict("Only a variant that was better at the planned end of a stopped experiment can be adopted.")
    teams = session.execute(select(Team.id, Team.default_strategy).order_by(Team.id))
    ways = {row.id: row.default_strategy for row in teams} if before.kind is Kind.ROUTING else None
    _put(session, before, variant, viewer=viewer, now=now)
    adopted = {"variant": variant.key, "at": now.isoformat(), "by": viewer.user_id}
    session.execute(
        update(table_of(Row))
        .where(table_of(Row).c.id == experiment_id)
        .values(conclusion={**(before.conclusion or {}), "adopted": adopted})
    )
    audit.record(
        session,
        "experiment.adopt",
        subject_type="experiment",
        subject_id=experiment_id,
        actor_id=viewer.user_id or None,
        before={"adopted": (before.conclusion or {}).get("adopted"), "teams": ways},
        after={"adopted": adopted, "config": dict(variant.config)},
        now=now,
    )
    return lifecycle.get(session, experiment_id)


def _put(session: Session, experiment: Experiment, variant: Variant, *, viewer: Viewer, now: datetime) -> None:
    if experiment.kind is Kind.THRESHOLD:
        confidence = variant.config["threshold"]
        own = setting.stored(session).get("types") or {}
        named = {"types": {**own, **dict.fromkeys(experiment.alert_types, confidence)}}
        setting.save(session, named if experiment.alert_types else {"confidence": confidence}, viewer=viewer, now=now)
    elif experiment.kind is Kind.MODEL:
        note = f"Adopted from the experiment “{experiment.name}”."
        registry.promote(session, variant.config["model"], actor_id=viewer.user_id or None, note=note, now=now)
    elif experiment.alert_types:
        raise Conflict("It was tried on some alert types alone, and a team hands out every type in the same way.")
    else:
        _hand_out(session, variant.config["strategy"], now=now)


def _hand_out(session: Session, strategy: str, *, now: datetime) -> None:
    """Every team's usual way, and the house's where no team is at home."""
    house = session.scalar(select(Setting.value).where(Setting.key == VERSION)) or {}
    row = {"value": {**house, "default_strategy": strategy}, "updated_at": now}
    statement = upsert(session, Setting).values(key=VERSION, **row)
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=row))
    session.execute(update(table_of(Team)).values(default_strategy=strategy))
    versions.bump(session, VERSION)
