"""The active alert types of a team's own as a process keeps them between batches, and what they score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import log, versions
from core.alert_types.definition import read
from core.alert_types.fields import Facts
from core.alert_types.own_type import OUTCOMES, Evidence, OwnType, sigmoid
from core.db.tables import Alert, AlertOutcome, AlertType
from core.errors import Invalid
from core.history import History
from core.scoring import Explanation, Scored
from core.signals import OpenSignal
from core.words import Intent, Outcome

VERSIONS = "alert_types"
_FOUR = frozenset(map(str, Intent))
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
    loaded_at: datetime | None = None
    active: frozenset[str] = frozenset()
    """Their ids; also of those that a model of their own scores (core.scoring.Models)."""
    rules: Mapping[str, OwnType] = field(default_factory=dict)
    """Those with a rule, by id in order; where a model is deployed, the model scores."""

    @classmethod
    def load(cls, session: Session, *, now: datetime | None = None) -> "Types":
        """The active ones; one that no longer reads is left out, and logged."""
        version = versions.number(session, VERSIONS)
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
        seen = evidence(session, [row.id for row in rows])
        rules = {}
        for row in rows:
            try:
                one = compiled(row, seen.get(row.id, Evidence()))
            except Invalid as error:
                _log.error("alert_type_unreadable", alert_type=row.id, fields=error.fields)
                continue
            if one.definition.has_rule:
                rules[one.id] = one
        return cls(version=version, loaded_at=now, active=frozenset(row.id for row in rows), rules=rules)

    def is_stale(self, session: Session, *, now: datetime) -> bool:
        """Whether a definition changed since, or outcomes may have."""
        if self.rules and (self.loaded_at is None or not timedelta() <= now - self.loaded_at < OUTCOMES_AGE):
            return True
        return versions.number(session, VERSIONS) != self.version

    def ruled(self, one: Scored) -> bool:
        """Whether a rule made this score, and explains it."""
        rule = self.rules.get(one.intent)
        return rule is not None and rule.version == one.model_version


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
) -> Mapping[str, tuple[Scored, ...]]:
    """What models scored of each contact, and after it what rules do, in the order of their ids.

    A model of a type that is no longer, or not yet, active scores nothing: it is left out.
    """
    if not types.rules and all(len(each) == len(Intent) for each in scored.values()):
        return scored
    found = {}
    for contact_id, by_models in scored.items():
        known = tuple(one for one in by_models if one.intent in types.active or one.intent in _FOUR)
        learnt = {one.intent for one in known}
        facts = facts_of(known, vectors[contact_id], histories[contact_id], open_signals.get(contact_id, ()))
        found[contact_id] = (*known, *(rule.score(facts) for key, rule in types.rules.items() if key not in learnt))
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
    """Why a rule scored this contact as it did; raises KeyError for a type that has none."""
    return types.rules[alert_type].explain(facts_of(scored, vector, history, open_signals))


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
