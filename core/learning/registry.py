"""The life of a model version: training -> validating -> shadow -> deployed -> retired, and back by one call.

Each step is one function here, audited, and tells every process that scores. Steps are taken one after the other, and of an
intent one version is deployed, which the database guards too; who comes too late is told so (Conflict) and nothing changes. A version is verified (its digest, and that
its parameters are a model) before it may score, also beside another.
"""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import audit, ids, versions
from core.db.tables import ModelVersion
from core.errors import Conflict, NotFound
from core.learning import moving
from core.scoring import features, generic
from core.scoring.deployed import VERSIONS
from core.scoring.model import Compiled, digest, parse
from core.words import ModelStatus

LOOKS = (30, 60, 120)
"""Days in shadow after which a challenger is looked at (core.learning.loop)."""
_BEFORE_SHADOW = (ModelStatus.VALIDATING, ModelStatus.RETIRED)
_NOT_YET_DEPLOYED = (ModelStatus.TRAINING, ModelStatus.VALIDATING, ModelStatus.SHADOW)


def begin(session: Session, intent: str, *, note: str, now: datetime) -> str:
    """A version that is being trained; its id."""
    return _insert(session, intent, ModelStatus.TRAINING, kind="learning", parameters={}, note=note, now=now)


def finish(
    session: Session,
    version_id: str,
    *,
    kind: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, Any],
    trained_on: Mapping[str, Any],
    note: str,
    now: datetime,
) -> None:
    """Training is over: the version is validating.

    Raises:
        Invalid: the parameters are no model.
        Conflict: it is not in training (any more).
    """
    _in_turn(session)
    row = _locked(session, version_id)
    _check_status(row, ModelStatus.TRAINING, to="validating")
    _parse(version_id, row.intent, kind, parameters)
    row.kind, row.parameters, row.sha256 = kind, dict(parameters), digest(parameters)
    row.metrics, row.trained_on, row.note = dict(metrics), dict(trained_on), note
    _move(session, row, ModelStatus.VALIDATING, "model.trained", actor_id=None, now=now)


def give_up(session: Session, version_id: str, *, note: str, now: datetime) -> None:
    """Training came to nothing, or its process is gone: nothing of it may ever score."""
    _in_turn(session)
    row = _locked(session, version_id)
    _check_status(row, ModelStatus.TRAINING, to="retired")
    row.note, row.retired_at = note, now
    _move(session, row, ModelStatus.RETIRED, "model.given_up", actor_id=None, now=now)


def in_training(session: Session) -> list[str]:
    """The ids of versions that are being trained."""
    return list(session.scalars(select(ModelVersion.id).where(ModelVersion.status == ModelStatus.TRAINING)))


def shadow(
    session: Session, version_id: str, *, actor_id: str | None = None, note: str | None = None, now: datetime
) -> ModelVersion:
    """Have it score beside the deployed one, which goes on deciding alone. One version of an intent at a time does.

    Raises:
        NotFound, Invalid: no such version, or its parameters are not what was trained.
        Conflict: its status does not allow it, or another of the intent is in shadow.
    """
    _in_turn(session)
    row = _locked(session, version_id)
    _check_status(row, *_BEFORE_SHADOW, to="shadow")
    verify(row)
    beside = session.scalar(
        select(ModelVersion.id).where(ModelVersion.intent == row.intent, ModelVersion.status == ModelStatus.SHADOW)
    )
    if beside is not None:
        raise Conflict(f"{beside} is in shadow already; retire or promote it first.")
    row.shadowed_at, row.retired_at, row.note = now, None, note or row.note
    _move(session, row, ModelStatus.SHADOW, "model.shadowed", actor_id=actor_id, now=now)
    return row


def promote(
    session: Session,
    version_id: str,
    *,
    replaces: str | None = None,
    actor_id: str | None = None,
    note: str | None = None,
    now: datetime,
) -> ModelVersion:
    """Deploy a version that is in shadow; the deployed one is retired, and a rollback brings it back.

    Args:
        replaces: the version that the caller believes is deployed.

    Raises:
        NotFound, Invalid: no such version, or its parameters are not what was trained.
        Conflict: it is not in shadow, or another version was deployed meanwhile.
    """
    _in_turn(session)
    row = _locked(session, version_id)
    _check_status(row, ModelStatus.SHADOW, to="deployed")
    verify(row)
    before = _deployed(session, row.intent)
    if replaces is not None and (before.id if before else None) != replaces:
        raise Conflict(f"{before.id if before else 'No version'} is deployed by now, not {replaces}: look again.")
    _deploy(session, row, before, "model.promoted", actor_id=actor_id, note=note, now=now)
    if before is not None:
        row.previous_id = before.id
    return row


def rollback(session: Session, intent: str, *, actor_id: str | None = None, now: datetime) -> ModelVersion:
    """Deploy the version that the deployed one took the place of.

    Raises:
        NotFound: the intent has no deployed version.
        Conflict: there is nothing before it, or that version is not retired.
    """
    _in_turn(session)
    present = _deployed(session, intent)
    if present is None:
        raise NotFound(f"No version of {intent} is deployed.")
    if present.previous_id is None:
        raise Conflict(f"{present.id} is the first version of {intent}: there is nothing to go back to.")
    row = _locked(session, present.previous_id)
    _check_status(row, ModelStatus.RETIRED, to="deployed")
    verify(row)
    _deploy(
        session, row, present, "model.rolled_back", actor_id=actor_id, note=f"Rolled back from {present.id}.", now=now
    )
    return row


def retire(
    session: Session, version_id: str, *, actor_id: str | None = None, note: str | None = None, now: datetime
) -> ModelVersion:
    """Put away a version that is not deployed.

    Raises:
        Conflict: it is deployed (another must take its place), or retired already.
    """
    _in_turn(session)
    row = _locked(session, version_id)
    _check_status(row, *_NOT_YET_DEPLOYED, to="retired")
    row.retired_at, row.note = now, note or row.note
    _move(session, row, ModelStatus.RETIRED, "model.retired", actor_id=actor_id, now=now)
    return row


def recalibrate(
    session: Session,
    intent: str,
    *,
    probability: float = 0.0,
    confidence: float = 0.0,
    replaces: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    actor_id: str | None = None,
    note: str,
    now: datetime,
) -> ModelVersion:
    """Deploy a new version that is the deployed one with the intercepts of its curves moved by so much; the order of
    contacts stays as it is.

    Raises:
        NotFound: the intent has no deployed version.
        Conflict: another version was deployed meanwhile.
    """
    _in_turn(session)
    present = _deployed(session, intent)
    if present is None:
        raise NotFound(f"No version of {intent} is deployed.")
    if replaces is not None and present.id != replaces:
        raise Conflict(f"{present.id} is deployed by now, not {replaces}: look again.")
    verify(present)
    parameters = copy.deepcopy(present.parameters)
    for name, by in (("probability", probability), ("confidence", confidence)):
        if by:
            parameters[name] = moving.shifted(parameters[name], by)
    _parse(present.id, intent, present.kind, parameters)
    version_id = _insert(
        session, intent, ModelStatus.VALIDATING, kind=present.kind, parameters=parameters, note=note, now=now
    )
    row = _locked(session, version_id)
    row.metrics = {**present.metrics, **(metrics or {})}
    row.trained_on = {**present.trained_on, "recalibratedFrom": present.id}
    row.previous_id = present.id
    _deploy(session, row, present, "model.recalibrated", actor_id=actor_id, note=note, now=now)
    return row


def verify(row: ModelVersion) -> None:
    """Raises Invalid when the parameters are not what was stored with the version, or are no model we can score with."""
    if digest(row.parameters) != row.sha256:
        raise Tampered(row.id)
    _parse(row.id, row.intent, row.kind, row.parameters)


class Tampered(Conflict):
    """The parameters of a version are not what was trained."""

    def __init__(self, version_id: str) -> None:
        super().__init__(f"The parameters of {version_id} are not what was trained: their digest differs.")


def _parse(version_id: str, intent: str, kind: str, parameters: Mapping[str, Any]) -> None:
    model = parse(parameters, id=version_id, intent=intent, kind=kind)
    own = sorted(model.features - features.INDEX.keys())
    for name in own:
        generic.parse(name)  # raises Invalid for what is no feature, or speaks of a protected class
    Compiled([model], (*features.NAMES, *own))


def _insert(
    session: Session,
    intent: str,
    status: ModelStatus,
    *,
    kind: str,
    parameters: Mapping[str, Any],
    note: str,
    now: datetime,
) -> str:
    version_id = f"{intent.lower()[:40]}-{now:%Y-%m-%d}-{ids.new_id()[-6:]}"
    session.add(
        ModelVersion(
            id=version_id,
            intent=intent,
            status=status,
            kind=kind,
            parameters=dict(parameters),
            sha256=digest(parameters),
            metrics={},
            trained_on={},
            created_at=now,
            note=note,
        )
    )
    session.flush()
    audit.record(
        session,
        "model.begun",
        subject_type="model",
        subject_id=version_id,
        actor_id=None,
        after={"status": status, "intent": intent},
        now=now,
    )
    return version_id


def _in_turn(session: Session) -> None:
    """Wait for whoever moves a version, and tell every process that scores: the counter's row is held until the commit.

    Before any other lock: rows locked in the order each step needs them would stop two steps for good (a deadlock).
    """
    versions.bump(session, VERSIONS)


def _locked(session: Session, version_id: str) -> ModelVersion:
    row = session.scalar(
        select(ModelVersion)
        .where(ModelVersion.id == version_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound("There is no such model version.")
    return row


def _deployed(session: Session, intent: str) -> ModelVersion | None:
    return session.scalar(
        select(ModelVersion)
        .where(ModelVersion.intent == intent, ModelVersion.status == ModelStatus.DEPLOYED)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _check_status(row: ModelVersion, *allowed: ModelStatus, to: str) -> None:
    if row.status not in allowed:
        legal = " or ".join(allowed)
        raise Conflict(f"{row.id} is {row.status}; only a version that is {legal} can become {to}.")


def _deploy(
    session: Session,
    row: ModelVersion,
    before: ModelVersion | None,
    action: str,
    *,
    actor_id: str | None,
    note: str | None,
    now: datetime,
) -> None:
    if before is not None:
        before.status, before.retired_at = ModelStatus.RETIRED, now
        session.flush()  # the index allows one deployed version at a time, also within a transaction
    row.deployed_at, row.retired_at, row.note = now, None, note or row.note
    replaced = before.id if before is not None else None
    _move(session, row, ModelStatus.DEPLOYED, action, actor_id=actor_id, replaced=replaced, now=now)


def _move(
    session: Session,
    row: ModelVersion,
    to: ModelStatus,
    action: str,
    *,
    actor_id: str | None,
    replaced: str | None = None,
    now: datetime,
) -> None:
    before, row.status = row.status, to
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"Another version of {row.intent} was deployed at the same moment: look again.") from error
    audit.record(
        session,
        action,
        subject_type="model",
        subject_id=row.id,
        actor_id=actor_id,
        before={"status": before, **({"deployed": replaced} if replaced else {})},
        after={"status": to, "intent": row.intent, "note": row.note},
        now=now,
    )
