"""How long until an experiment can tell, for the questions most teams ask first."""

from dataclasses import dataclass
from typing import Any

from core.errors import Invalid
from core.experiments.definition import WITHHELD, Kind, Metric
from core.experiments.drafting import Known, draft, worked_out
from core.experiments.outlook import Outlook
from core.experiments.planning import Weeks

_HALVES = [
    {"name": "As today", "share": 0.5},
    {"name": "Another", "share": 0.5, "config": {"threshold": 0.9}},
]
_HOLDOUT = [
    {"name": "Alerted", "share": 0.9},
    {"name": "Withheld", "share": 0.1, "key": WITHHELD, "config": {"withhold": True}},
]
_QUESTIONS: tuple[tuple[Kind, Metric, list[dict[str, Any]], tuple[float, ...]], ...] = (
    (Kind.THRESHOLD, Metric.RIGHT_SHARE, _HALVES, (0.05, 0.10, 0.20)),
    (Kind.HOLDOUT, Metric.TRANSACTED, _HOLDOUT, (0.02, 0.05, 0.10)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prospect:
    """One difference, and what it takes to find it."""

    kind: Kind
    metric: Metric
    baseline: float
    effect: float
    """Points of a share."""
    contacts: int
    weeks: Weeks


def prospects(own: Outlook, *, known: Known) -> tuple[Prospect, ...]:
    """Two halves judged by the right share, and a tenth held out judged by transactions; read once, 80% power, 5% error."""
    found = []
    for kind, metric, variants, effects in _QUESTIONS:
        for effect in effects:
            body = {
                "name": "A question",
                "kind": kind,
                "metric": metric,
                "variants": variants,
                "plan": {"effect": effect},
            }
            try:
                plan = worked_out(draft(body, known=known), own, known=known)
            except Invalid:  # past 100% for this team
                continue
            expected = plan["expected"]
            found.append(
                Prospect(
                    kind=kind,
                    metric=metric,
                    baseline=plan["baseline"],
                    effect=effect,
                    contacts=plan["total"],
                    weeks=Weeks(expected=expected["weeks"], low=expected["weeksLow"], high=expected["weeksHigh"]),
                )
            )
    return tuple(found)
