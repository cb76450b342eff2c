"""Running experiments as the line meets them: who gets what, what is withheld, and the log of it with its propensities."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from core import versions
from core.alerts import Candidate
from core.alerts.opening import QUIET_DAYS
from core.alerts.priority import Thresholds, raised
from core.db.base import table_of
from core.db.dialect import upsert
from core.db.tables import Alert, Exposure
from core.db.tables import Experiment as Row
from core.experiments.assigning import assign
from core.experiments.definition import Experiment, Kind, State, Variant, of_row
from core.routing.strategy import Trial
from core.scoring import Explanation, Scored
from core.words import Priority, Status

VERSION = "experiments"
_ORDER = (Kind.MODEL, Kind.THRESHOLD, Kind.HOLDOUT, Kind.ROUTING)
"""As the line goes: a score, what opens an alert, whether it is withheld, who gets it."""
Another = Callable[[str, str], tuple[Scored, Callable[[], Explanation]] | None]
"""(contact id, model version) -> that model's score and its explanation; None where it does not score (any more)."""
_Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Met:
    """The candidates as the experiments want them, and what the alerts that open from them are told."""

    candidates: Sequence[Candidate]
    given: dict[_Key, list[tuple[Experiment, Variant]]] = field(default_factory=dict)
    """(contact id, alert type) -> the variants it got."""

    def opened(self, session: Session, alert_ids: Sequence[str]) -> dict[str, Trial]:
        """Note the alerts on their exposures; alert id -> what a routing experiment says about it."""
        if not self.given or not alert_ids:
            return {}
        rows = session.execute(select(Alert.id, Alert.contact_id, Alert.alert_type).where(Alert.id.in_(alert_ids)))
        strategies: dict[str, Trial] = {}
        links = []
        for alert_id, contact_id, alert_type in rows:
            for experiment, variant in self.given.get((contact_id, alert_type), ()):
                links.append({"e": experiment.id, "c": contact_id, "t": alert_type, "alert": alert_id})
                if experiment.kind is Kind.ROUTING:
                    arms = tuple((one.share, one.config.get("strategy")) for one in experiment.variants)
                    strategies[alert_id] = Trial(variant.config.get("strategy"), arms)
        if links:
            table = table_of(Exposure)
            session.connection().execute(
                update(table)
                .where(
                    table.c.experiment_id == bindparam("e"),
                    table.c.contact_id == bindparam("c"),
                    table.c.alert_type == bindparam("t"),
                    table.c.alert_id.is_(None),
                )
                .values(alert_id=bindparam("alert")),
                links,
            )
        return strategies


@dataclass(frozen=True, kw_only=True)
class Running:
    """What a process keeps of the running experiments; without any, the line pays nothing for them."""

    version: int = -1
    """The counter of core.versions these were loaded at."""
    experiments: tuple[Experiment, ...] = ()

    @classmethod
    def load(cls, session: Session) -> "Running":
        version = versions.number(session, VERSION)
        rows = session.execute(select(table_of(Row)).where(table_of(Row).c.status == State.RUNNING))
        found = sorted((of_row(row) for row in rows), key=lambda one: (_ORDER.index(one.kind), one.id))
        return cls(version=version, experiments=tuple(found))

    def is_stale(self, session: Session) -> bool:
        """Whether one was started or stopped since."""
        return versions.number(session, VERSION) != self.version

    @property
    def models(self) -> frozenset[str]:
        """The versions whose scores are asked for."""
        return frozenset(
            variant.config["model"]
            for experiment in self.experiments
            if experiment.kind is Kind.MODEL
            for variant in experiment.variants
            if "model" in variant.config
        )

    def meet(
        self,
        session: Session,
        candidates: Sequence[Candidate],
        *,
        thresholds: Thresholds,
        another: Another | None = None,
        now: datetime,
    ) -> Met:
        """Give each candidate what its contact's variants say, and log every first exposure.

        A contact enters when it would get an alert under any variant, and has none of these types open or just closed: so
        entering does not depend on the variant. From then on it stays in its variant until the experiment stops.

        Args:
            another: the scores of other models, for experiments with models.
        """
        if not self.experiments or not candidates:
            return Met(candidates=candidates)
        look = _Look(thresholds, another)
        meeting = {
            one.contact_id
            for one in candidates
            if any(look.covers(each, one) and look.over(each, one) for each in self.experiments)
        }
        if not meeting:
            return Met(candidates=candidates)
        log = _Log(session, [each.id for each in self.experiments], sorted(meeting), now=now)
        found = list(candidates)
        for place, candidate in enumerate(candidates):
            if candidate.contact_id in meeting:
                for experiment in self.experiments:
                    if look.covers(experiment, candidate) and look.over(experiment, found[place]):
                        found[place] = _met(experiment, found[place], look, log)
        log.write(session)
        return Met(candidates=found, given=log.given)


def trial_of(session: Session, model_version: str) -> str | None:
    """The name of the running experiment that serves this model to some contacts, if any."""
    running = Running.load(session).experiments
    return next(
        (each.name for each in running if any(one.config.get("model") == model_version for one in each.variants)), None
    )


@dataclass(frozen=True)
class _Look:
    """What a score is worth under each variant."""

    thresholds: Thresholds
    another: Another | None

    def covers(self, experiment: Experiment, candidate: Candidate) -> bool:
        """Whether it tries anything on this type: a threshold for every type leaves those with one of their own alone,
        because adopting it would too."""
        intent = candidate.scored.intent
        own = experiment.kind is Kind.THRESHOLD and not experiment.alert_types and intent in self.thresholds.types
        return experiment.covers(intent) and not own

    def over(self, experiment: Experiment, candidate: Candidate) -> bool:
        """Whether it is worth an alert under any variant."""
        return self.most(experiment, candidate) >= self.bar(experiment, candidate)

    def bar(self, experiment: Experiment, candidate: Candidate) -> float:
        today = candidate.threshold
        if today is None:
            today = self.thresholds.opening(candidate.scored.intent)
        if experiment.kind is not Kind.THRESHOLD:
            return today
        return min(today, *(self.threshold(one) for one in experiment.variants if "threshold" in one.config))

    def threshold(self, variant: Variant) -> float:
        """A variant's own, raised by the use of the year's budget as everybody's is."""
        return raised(float(variant.config["threshold"]), used=self.thresholds.used)

    def most(self, experiment: Experiment, candidate: Candidate) -> float:
        found = candidate.scored.confidence
        if experiment.kind is Kind.MODEL:
            others = (self.other(candidate, variant) for variant in experiment.variants)
            found = max(found, *(one[0].confidence for one in others if one is not None), 0.0)
        return found

    def other(self, candidate: Candidate, variant: Variant) -> tuple[Scored, Callable[[], Explanation]] | None:
        version = variant.config.get("model")
        if version is None or self.another is None or version == candidate.scored.model_version:
            return None
        return self.another(candidate.contact_id, version)

    def tier(self, candidate: Candidate, bar: float) -> Priority | None:
        one = candidate.scored
        return self.thresholds.tier(one.intent, one.confidence, candidate.signal_strength, threshold=bar)


class _Log:
    """Who is in already, who cannot enter now, and the exposures to be written."""

    def __init__(
        self, session: Session, experiment_ids: Sequence[str], contact_ids: Sequence[str], *, now: datetime
    ) -> None:
        self.now = now
        self.given: dict[_Key, list[tuple[Experiment, Variant]]] = {}
        self._rows: list[dict[str, Any]] = []
        exposed = session.execute(
            select(Exposure.experiment_id, Exposure.contact_id, Exposure.alert_type).where(
                Exposure.contact_id.in_(contact_ids), Exposure.experiment_id.in_(experiment_ids)
            )
        ).all()
        self._exposed = {tuple(row) for row in exposed}
        self._entered = {(row[0], row[1]) for row in exposed}
        self._busy = _busy(session, contact_ids, now=now)

    def is_in(self, experiment: Experiment, contact_id: str) -> bool:
        return (experiment.id, contact_id) in self._entered

    def may_enter(self, experiment: Experiment, contact_id: str) -> bool:
        if experiment.ends_at is not None and self.now >= experiment.ends_at:
            return False
        return not any(experiment.covers(one) for one in self._busy.get(contact_id, ()))

    def expose(self, experiment: Experiment, candidate: Candidate, variant: Variant, tier: Priority | None) -> None:
        contact_id, alert_type = candidate.contact_id, candidate.scored.intent
        self.given.setdefault((contact_id, alert_type), []).append((experiment, variant))
        if (experiment.id, contact_id, alert_type) in self._exposed:
            return
        self._exposed.add((experiment.id, contact_id, alert_type))
        self._entered.add((experiment.id, contact_id))
        self._rows.append(
            {
                "experiment_id": experiment.id,
                "contact_id": contact_id,
                "alert_type": alert_type,
                "variant": variant.key,
                "propensity": variant.share,
                "at": self.now,
                "confidence": candidate.scored.confidence,
                "probability": candidate.scored.probability,
                "details": {"tier": tier, "modelVersion": candidate.scored.model_version},
            }
        )

    def write(self, session: Session) -> None:
        if self._rows:
            session.connection().execute(upsert(session, Exposure).on_conflict_do_nothing(), self._rows)


def _met(experiment: Experiment, candidate: Candidate, look: _Look, log: _Log) -> Candidate:
    """One candidate after one experiment it is worth an alert in."""
    contact_id, tier = candidate.contact_id, look.tier(candidate, look.bar(experiment, candidate))
    spared = experiment.kind is Kind.HOLDOUT and tier is Priority.CRITICAL and bool(experiment.plan["exemptCritical"])
    if not log.is_in(experiment, contact_id) and (spared or not log.may_enter(experiment, contact_id)):
        return candidate
    variant = assign(experiment.variants, experiment.salt, contact_id)
    log.expose(experiment, candidate, variant, tier)
    if "threshold" in variant.config:
        return replace(candidate, threshold=look.threshold(variant))
    if "withhold" in variant.config:
        return replace(candidate, withheld=not spared)
    other = look.other(candidate, variant)
    return candidate if other is None else replace(candidate, scored=other[0], explain=other[1])


def _busy(session: Session, contact_ids: Collection[str], *, now: datetime) -> dict[str, set[str]]:
    """Contact -> alert types that are open, or quiet because one was closed lately."""
    quiet = [
        (Alert.status == status) & (Alert.closed_at > now - timedelta(days=QUIET_DAYS[status]))
        for status in Status
        if status in QUIET_DAYS
    ]
    rows = session.execute(
        select(Alert.contact_id, Alert.alert_type).where(
            Alert.contact_id.in_(contact_ids), or_(Alert.closed_at.is_(None), *quiet)
        )
    )
    found: dict[str, set[str]] = {}
    for contact_id, alert_type in rows:
        found.setdefault(contact_id, set()).add(alert_type)
    return found
