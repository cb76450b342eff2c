"""Doing what the loop decided, in the caller's transaction: the registry moves, the sentence is kept, an admin hears of it."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.db.tables import AlertType, ModelVersion
from core.learning import memory, registry, telling

if TYPE_CHECKING:  # what decides and learns brings SciPy and scikit-learn along, which the web process does without
    from core.learning.fit import Trained
    from core.learning.loop import Material, Verdict


def act(
    session: Session, material: "Material", verdict: "Verdict", *, actor_id: str | None = None, now: datetime
) -> str | None:
    """Carry out a verdict on what is deployed or in shadow; the id of the version it made or moved.

    Raises:
        Conflict: somebody deployed another version since it was decided; nothing is changed.
    """
    intent, version_id = material.target.intent, verdict.version_id
    if verdict.action == "promote" and verdict.version_id is not None:
        registry.promote(session, verdict.version_id, replaces=verdict.replaces, note=verdict.sentence, now=now)
        _tell(session, intent, verdict.version_id, verdict.sentence, now=now)
    elif verdict.action == "retire" and verdict.version_id is not None:
        registry.retire(session, verdict.version_id, note=verdict.sentence, now=now)
    elif verdict.action == "recalibrate":
        row = registry.recalibrate(
            session,
            intent,
            probability=verdict.shifts.get("probability", 0.0),
            confidence=verdict.shifts.get("confidence", 0.0),
            replaces=verdict.replaces,
            actor_id=actor_id,
            note=verdict.sentence,
            now=now,
        )
        version_id = row.id
        row.trained_on = {**row.trained_on, "recalibratedUntil": verdict.until}
        _tell(session, intent, row.id, verdict.sentence, now=now)
    if verdict.version_id is not None and verdict.look is not None:
        tried = session.get_one(ModelVersion, verdict.version_id)
        tried.metrics = {**tried.metrics, "looks": [*tried.metrics.get("looks", ()), dict(verdict.look)]}
    keep(session, material, verdict, now=now)
    return version_id


def admit(
    session: Session, material: "Material", version_id: str, trained: "Trained", verdict: "Verdict", *, now: datetime
) -> None:
    """The training of `version_id` is over: it is kept with its papers, in shadow or put away."""
    registry.finish(
        session,
        version_id,
        kind=trained.kind,
        parameters=trained.parameters,
        metrics=trained.metrics,
        trained_on=trained.trained_on,
        note=verdict.sentence,
        now=now,
    )
    if verdict.action == "shadow":
        registry.shadow(session, version_id, note=verdict.sentence, now=now)
    else:
        registry.retire(session, version_id, note=verdict.sentence, now=now)
    keep(session, material, verdict, now=now)
    memory.remember(
        session, material.target.intent, trainedAt=now.isoformat(), trainedPositives=material.positives, now=now
    )


def keep(session: Session, material: "Material", verdict: "Verdict", *, now: datetime) -> None:
    """Remember what this night said of the intent."""
    memory.remember(
        session,
        material.target.intent,
        action=verdict.action,
        sentence=verdict.sentence,
        rows=len(material.examples),
        positives=material.positives,
        censored=material.labels.censored,
        now=now,
    )


def _tell(session: Session, intent: str, version_id: str, sentence: str, *, now: datetime) -> None:
    own = session.get(AlertType, intent)
    name = own.name if own else intent.replace("_", " ").capitalize()
    done = f"scores are now made by {version_id}."
    if own is not None and own.status != "active":
        done = f"{version_id} is ready to score it. Activate the type on the Alert types page to have it open alerts."
    telling.admins(
        session,
        f"{name}: {done} {sentence}",
        occasion=f"deployed-{version_id}",
        now=now,
    )
