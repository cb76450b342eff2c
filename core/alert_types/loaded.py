"""The active alert types of a team's own as a process keeps them between batches, and what they score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import log, scoring, versions
from core.alert_types.definition import TRAINED, read
from core.alert_types.fields import Facts
from core.alert_types.own_type import OUTCOMES, Evidence, OwnType, sigmoid
from core.db.tables import Alert, AlertOutcome, AlertType, ModelVersion
from core.errors import Invalid
from core.history import History
from core.scoring import Explanation, Scored, features
from core.scoring.deployed import VERSIONS as MODELS
from core.scoring.model import Compiled, digest, parse
from core.signals import OpenSignal
from core.words import ModelStatus, Outcome

VERSIONS = "alert_types"
DRAFT, ACTIVE, RETIRED = "draft", "active", "retired"
OUTCOMES_AGE = timedelta(minutes=10)
"""Outcomes change no definition, so no counter tells of them: they are looked at again after this long."""
_TOLD = 500
"""Of a type with points, the newest worked alerts whose expected share is averaged."""
_log = log.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Types:
    """Empty where a team has none: then nothing is computed."""

    version: int = -1
    """The counter of core.versions these were loaded at."""
    models_version: int = -1
    """The counter of deployed models, likewise; watched where some type learns."""
    loaded_at: datetime | None = None
    types: tuple[OwnType, ...] = ()
    """Those scored by a rule, by their ids."""
    models: scoring.Models | None = None
    """Those scored by a model of their own; None where there are none."""
    ids: frozenset[str] = frozenset()
    """Of both."""
    by_id: Mapping[str, OwnType] = field(default_factory=dict)
    has_trained: bool = False
    """Some learn: a newly deployed model of theirs counts at once."""

    @classmethod
    def load(cls, session: Session, *, now: datetime | None = None) -> "Types":
        """The active ones; one that no longer reads is left out, and logged."""
        version, models_version = versions.number(session, VERSIONS), versions.number(session, MODELS)
        rows = session.execute(
            select(
                AlertType.id,
                AlertType.name,
                AlertType.kind,
                AlertType.definition,
                AlertType.horizon_days,
                AlertType.version,
            )
            .where(AlertType.status == ACTIVE)
            .order_by(AlertType.id)
        ).all()
        models = _models(session, [row.id for row in rows if row.kind == TRAINED])
        learnt = {model.intent for model in models.compiled.models} if models else set()
        ruled = [row for row in rows if row.id not in learnt]
        seen = evidence(session, [row.id for row in ruled])
        found = []
        for row in ruled:
            try:
                found.append(compiled(row, seen.get(row.id, Evidence())))
            except Invalid as error:
                _log.error("alert_type_unreadable", alert_type=row.id, fields=error.fields)
        by_id = {one.id: one for one in found if one.definition.has_rule}
        return cls(
            version=version,
            models_version=models_version,
            loaded_at=now,
            types=tuple(by_id.values()),
            models=models,
            ids=frozenset(by_id) | learnt,
            by_id=by_id,
            has_trained=any(row.kind == TRAINED for row in rows),
        )

    def is_stale(self, session: Session, *, now: datetime) -> bool:
        """Whether a definition changed since, or outcomes may have."""
        if self.types and (self.loaded_at is None or not timedelta() <= now - self.loaded_at < OUTCOMES_AGE):
            return True
        if self.has_trained and versions.number(session, MODELS) != self.models_version:
            return True
        return versions.number(session, VERSIONS) != self.version


def _models(session: Session, type_ids: Sequence[str]) -> scoring.Models | None:
    """The deployed models of these types, verified as the four's are; one that is not what was deployed is left out."""
    if not type_ids:
        return None
    found = []
    for row in session.execute(
        select(ModelVersion.id, ModelVersion.intent, ModelVersion.kind, ModelVersion.parameters, ModelVersion.sha256)
        .where(ModelVersion.intent.in_(type_ids), ModelVersion.status == ModelStatus.DEPLOYED)
        .order_by(ModelVersion.intent)
    ):
        try:
            if digest(row.parameters) != row.sha256:
                raise Invalid(f"The parameters of {row.id} are not what was deployed: their digest differs")
            found.append(parse(row.parameters, id=row.id, intent=row.intent, kind=row.kind))
        except Invalid as error:
            _log.error("alert_type_model_refused", model=row.id, reason=error.detail)
    return scoring.Models(0, Compiled(found, features.NAMES)) if found else None


def compiled(row: Any, seen: Evidence) -> OwnType:
    """A stored type, ready to score; raises Invalid where its definition no longer reads."""
    return OwnType(
        id=row.id,
        name=row.name,
        horizon_days=row.horizon_days,
        version=f"{row.id.lower()}-rule-{row.version}",
        definition=read(row.definition, kind=row.kind),
        evidence=seen,
    )


def score(
    types: Types,
    scored: Mapping[str, tuple[Scored, ...]],
    *,
    vectors: Mapping[str, Sequence[float]],
    histories: Mapping[str, History],
    open_signals: Mapping[str, Sequence[OpenSignal]],
) -> dict[str, tuple[Scored, ...]]:
    """What the four scored of each contact, and after it what the team's own types do, in the order of their ids."""
    found = {}
    for contact_id, four in scored.items():
        facts = facts_of(four, vectors[contact_id], histories[contact_id], open_signals.get(contact_id, ()))
        learnt = types.models.compiled.one(vectors[contact_id]) if types.models is not None else ()
        found[contact_id] = (*four, *(one.score(facts) for one in types.types), *learnt)
    return found


def explain(
    types: Types,
    alert_type: str,
    scored: Sequence[Scored],
    vector: Sequence[float],
    *,
    history: History,
    open_signals: Sequence[OpenSignal],
) -> Explanation:
    """Why an own type scored this contact as it did; raises KeyError for a type that is not among them."""
    if types.models is not None and alert_type not in types.by_id:
        return scoring.why(types.models, alert_type, vector, history=history)
    return types.by_id[alert_type].explain(facts_of(scored, vector, history, open_signals))


def facts_of(
    scored: Sequence[Scored],
    vector: Sequence[float],
    history: History,
    open_signals: Sequence[OpenSignal],
) -> Facts:
    """What conditions read of a contact at the instant of its history."""
    return Facts(vector, history, open_signals, {one.intent: one for one in scored}, history.now)


def evidence(session: Session, type_ids: Sequence[str]) -> dict[str, Evidence]:
    """What became of the alerts of these types: final outcomes alone count."""
    if not type_ids:
        return {}
    right, wrong = Outcome.TRUE_POSITIVE.value, Outcome.FALSE_POSITIVE.value
    rows = session.execute(
        select(
            Alert.alert_type,
            func.count().filter(AlertOutcome.outcome == right).label("right"),
            func.count().filter(AlertOutcome.outcome == wrong).label("wrong"),
            func.count().filter(AlertOutcome.converted).label("converted"),
        )
        .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(Alert.alert_type.in_(type_ids))
        .group_by(Alert.alert_type)
    )
    return {
        row.alert_type: Evidence(
            right=row.right,
            wrong=row.wrong,
            converted=row.converted,
            expected=_expected(session, row.alert_type) if row.right + row.wrong else None,
        )
        for row in rows
    }


def _expected(session: Session, alert_type: str) -> float | None:
    """The mean confidence its definition alone gave the worked alerts: their log-odds without the line of outcomes."""
    told = session.scalars(
        select(Alert.explanation)
        .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(
            Alert.alert_type == alert_type,
            AlertOutcome.outcome.in_([Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE]),
        )
        .order_by(AlertOutcome.recorded_at.desc())
        .limit(_TOLD)
    )
    shares = [
        sigmoid(
            each.get("base", 0.0)
            + sum(part["contribution"] for part in each.get("contributions", ()) if part["feature"] != OUTCOMES)
        )
        for each in told
    ]
    return sum(shares) / len(shares) if shares else None
