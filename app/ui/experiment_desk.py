"""What the Experiments page reads and does: core.experiments in one unit of work each, refusals as words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import streamlit as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import runtime
from app.ui import queries
from app.ui.commands import Done
from core.db.tables import ModelVersion
from core.errors import DoorbellError, Invalid, NotFound
from core.experiments import lifecycle
from core.experiments.definition import Experiment
from core.experiments.outlook import Outlook, outlook
from core.experiments.prospects import Prospect, prospects
from core.thresholds import adopting
from core.viewer import Viewer
from core.words import ModelStatus, Role


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How much this team has to experiment with."""

    own: Outlook
    prospects: tuple[Prospect, ...]
    alert_types: tuple[str, ...]
    models: Mapping[str, str]
    """Versions in shadow -> intent: what a model experiment can try."""


@st.cache_data(ttl=timedelta(seconds=60), max_entries=4, show_spinner=False)
def reach(_viewer: Viewer) -> Reach:
    """The same for every manager and admin; kept for a minute."""
    with queries.reading() as session:
        own, known = outlook(session, now=queries.now()), lifecycle.known(session)
        shadow = session.execute(
            select(ModelVersion.id, ModelVersion.intent).where(ModelVersion.status == ModelStatus.SHADOW)
        )
        return Reach(
            own=own,
            prospects=prospects(own, known=known),
            alert_types=tuple(known.horizons),
            models={row.id: row.intent for row in shadow},
        )


def every() -> list[Experiment]:
    with queries.reading() as session:
        return lifecycle.list_experiments(session)


def one(experiment_id: str) -> tuple[Experiment, dict[str, Any] | None] | None:
    """An experiment and what it may say by now; None when it is gone."""
    with queries.reading() as session:
        try:
            found = lifecycle.get(session, experiment_id)
        except NotFound:
            return None
        return found, lifecycle.standing(session, found, now=queries.now())


def plan(body: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """The plan of a draft, or what is wrong with each field."""
    with queries.reading() as session:
        try:
            return lifecycle.plan(session, body, now=queries.now()), {}
        except Invalid as refused:
            return None, refused.fields or {"": refused.detail}


def create(viewer: Viewer, body: Mapping[str, Any]) -> Done:
    return _do(viewer, lambda session, now: lifecycle.create(session, body, actor_id=viewer.user_id, now=now))


def start(viewer: Viewer, experiment_id: str) -> Done:
    return _do(viewer, lambda session, now: lifecycle.start(session, experiment_id, actor_id=viewer.user_id, now=now))


def stop(viewer: Viewer, experiment_id: str, reason: str) -> Done:
    return _do(
        viewer,
        lambda session, now: lifecycle.stop(
            session, experiment_id, reason=reason.strip()[:1000], actor_id=viewer.user_id, now=now
        ),
    )


def remove(viewer: Viewer, experiment_id: str) -> Done:
    return _do(viewer, lambda session, now: lifecycle.remove(session, experiment_id, actor_id=viewer.user_id, now=now))


def adopt(viewer: Viewer, experiment_id: str, variant_key: str) -> Done:
    """Make a variant that won the rule."""
    return _do(viewer, lambda session, now: adopting.adopt(session, experiment_id, variant_key, viewer=viewer, now=now))


def _do(viewer: Viewer, step: Callable[[Session, datetime], Experiment | None]) -> Done:
    """One unit of work of an admin; `alert_id` of the answer carries the experiment's id."""
    if viewer.role is not Role.ADMIN:
        return Done(ok=False, text="Only an admin changes experiments.")
    try:
        with runtime.current().database.write() as session:
            done = step(session, runtime.current().clock.now())
    except NotFound:
        return Done(ok=False, text="This experiment is not here any more.")
    except DoorbellError as refused:
        why = "; ".join(refused.fields.values())
        return Done(ok=False, text=f"{refused.detail} ({why})" if why else refused.detail)
    return Done(ok=True, text="", alert_id=done.id if done else "")
