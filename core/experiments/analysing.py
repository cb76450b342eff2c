"""What an experiment may say by now: counts always, differences only at the looks its plan allows.

A look is not when somebody opens the page: look k is the instant at which the k-th part of the planned contacts had been
followed up, and it reads what had matured by then. So opening the page often shows nothing more, and the error stays as planned.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import scipy  # not scipy.special: 0.15 s at the start of every web process, loaded at its first use instead

from core import wire
from core.experiments import intervals, sequential
from core.experiments.definition import Experiment, Kind, Method, Metric, State
from core.experiments.units import Unit
from core.words import Priority

SRM_ALARM = 0.001
"""Fabijan et al. 2019 (KDD): below this, the split itself is broken and no difference may be believed."""
_EARLY = "It was stopped before the planned size: it is less sure than planned, and a real difference may be missed."


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A reading that the plan allows."""

    number: int
    at: datetime
    boundary: float
    """Standard errors to each side."""
    final: bool


def analyse(experiment: Experiment, units: Sequence[Unit], *, now: datetime) -> dict[str, Any]:
    """The present standing as it is told on the wire and kept as the conclusion.

    {"state": "not_yet" | "interim" | "final" | "stopped_early", "method", "looks": {"planned", "reached"}, "readAt",
    "contacts": {"planned", "counted"}, "variants": [counts], "split": {"p", "warning"}, "results": [differences],
    "tiers": [the same, of a holdout], "limits": [sentences]}
    """
    look = reached(experiment, units, now=now)
    stopping = experiment.status is State.STOPPED
    early = stopping and (look is None or not look.final)
    if early and experiment.plan["method"] == Method.FIXED:
        # Nothing was shown until now, so stopping cannot have been decided by it: one look at what is there is honest.
        look = Look(number=1, at=now, boundary=_boundary_of_one(experiment), final=False)
    read = [one for one in units if look and one.value is not None and one.matures_at <= look.at]
    results = _results(experiment, read, look) if look else []
    state = "not_yet" if look is None else "final" if look.final else "interim"
    return {
        "state": "stopped_early" if early else state,
        "method": method_sentence(experiment),
        "looks": {"planned": experiment.plan["looks"], "reached": look.number if look else 0},
        "readAt": wire.to_iso(look.at) if look else None,
        "contacts": {
            "planned": experiment.plan["total"],
            "counted": sum(one.value is not None and one.matures_at <= now for one in units),
        },
        "variants": _counts(experiment, units, now=now),
        "split": split_check(experiment, units),
        "results": results,
        "tiers": _by_tier(experiment, read, look) if look and results and experiment.kind is Kind.HOLDOUT else [],
        "limits": [*([_EARLY] if early else []), *limits(experiment)],
    }


def reached(experiment: Experiment, units: Sequence[Unit], *, now: datetime) -> Look | None:
    """The newest look that the plan allows by now; None before the first."""
    plan = experiment.plan
    fractions = sequential.equally(plan["looks"])
    matured = sorted(one.matures_at for one in units if one.value is not None)
    instants: list[datetime] = []
    for fraction in fractions:
        needed = math.ceil(fraction * plan["total"] - 1e-9)
        if needed > len(matured) or matured[needed - 1] > now:
            break
        instants.append(matured[needed - 1])
    number = len(instants)
    alpha = _alpha(experiment)
    closed = experiment.ends_at is not None and now >= experiment.ends_at
    if number < len(fractions) and closed and matured and all(one.matures_at <= now for one in units):
        last = len(matured) / plan["total"]
        if number and last <= fractions[number - 1] + 1e-9:  # nobody came since the last look
            bounds = sequential.boundaries((*fractions[: number - 1], last), alpha)
        else:
            bounds, number = sequential.boundaries((*fractions[:number], last), alpha), number + 1
        return Look(number=number, at=max(one.matures_at for one in units), boundary=bounds[-1], final=True)
    if number == 0:
        return None
    bounds = sequential.boundaries(fractions, alpha)
    return Look(number=number, at=instants[-1], boundary=bounds[number - 1], final=number == len(fractions))


def split_check(experiment: Experiment, units: Sequence[Unit]) -> dict[str, Any]:
    """Whether contacts entered the variants in the planned shares: Pearson's chi-square."""
    got, total = Counter(one.variant for one in units), len(units)
    if not total:
        return {"p": None, "warning": None}
    expected = {one.key: one.share * total for one in experiment.variants}
    statistic = sum((got[key] - value) ** 2 / value for key, value in expected.items())
    p = float(scipy.special.chdtrc(len(expected) - 1, statistic))
    warning = (
        "The variants did not get their planned shares of contacts. Something in front of the experiment treats them "
        "differently: find it before believing any difference."
    )
    return {"p": p, "warning": warning if p < SRM_ALARM else None}


def method_sentence(experiment: Experiment) -> str:
    """How it is read, as stated before the start."""
    plan = experiment.plan
    error = f"{plan['alpha']:.0%}" if plan["alpha"] >= 0.01 else f"{plan['alpha']:.1%}"
    end = f"the planned {plan['total']:,} contacts have been followed up for {plan['followUpDays']} days"
    if plan["method"] == Method.FIXED:
        return f"Fixed horizon: read once, when {end}; wrong about a difference at most {error} of the time."
    return (
        f"Group-sequential: read at {plan['looks']} planned looks, the last when {end}; all looks together are wrong "
        f"about a difference at most {error} of the time (O'Brien-Fleming type spending)."
    )


def limits(experiment: Experiment) -> list[str]:
    """What the numbers do not say."""
    found = ["Contacts count in the variant they were given, whatever happened to them."]
    if experiment.metric is Metric.TRANSACTED:
        found.append("Contacts whose horizon is still open are not counted yet, in any variant.")
    if experiment.metric is Metric.RIGHT_SHARE:
        found.append("Alerts that nobody labelled as right or wrong within 60 days are not counted.")
    if experiment.metric is Metric.RESPONSE_SECONDS:
        found.append("An alert nobody acknowledged within 7 days counts as 7 days.")
    if experiment.kind is Kind.HOLDOUT and experiment.plan.get("exemptCritical"):
        found.append("Critical alerts are never withheld, so this says nothing about what those cause.")
    if len(experiment.alert_types) != 1:
        found.append("A contact exposed for several alert types counts once, from the first of them.")
    if len(experiment.variants) > 2:
        found.append("Each variant is compared with the first; the error is shared among the comparisons.")
    return found


def _alpha(experiment: Experiment) -> float:
    """Shared among the comparisons with the control (Bonferroni)."""
    return float(experiment.plan["alpha"]) / (len(experiment.variants) - 1)


def _boundary_of_one(experiment: Experiment) -> float:
    return sequential.boundaries((1.0,), _alpha(experiment))[0]


def _counts(experiment: Experiment, units: Sequence[Unit], *, now: datetime) -> list[dict[str, Any]]:
    found = []
    for variant in experiment.variants:
        of_variant = [one for one in units if one.variant == variant.key]
        matured = [one for one in of_variant if one.matures_at <= now]
        counted = sum(one.value is not None for one in matured)
        found.append(
            {
                "key": variant.key,
                "name": variant.name,
                "share": variant.share,
                "planned": experiment.plan["sizes"][variant.key],
                "entered": len(of_variant),
                "alerted": sum(one.alerted for one in of_variant),
                "counted": counted,
                "uncounted": len(matured) - counted,
                "waiting": len(of_variant) - len(matured),
            }
        )
    return found


def _results(experiment: Experiment, read: Sequence[Unit], look: Look) -> list[dict[str, Any]]:
    """Every other variant against the control; a holdout the other way round: alerted against withheld."""
    control, *others = experiment.variants
    pairs = [(control, others[0])] if experiment.kind is Kind.HOLDOUT else [(one, control) for one in others]
    found = []
    for this, against in pairs:
        compared = _compared(experiment, read, this.key, against.key, look)
        if compared is not None:
            found.append({"variant": this.key, "against": against.key, **compared})
    return found


def _by_tier(experiment: Experiment, read: Sequence[Unit], look: Look) -> list[dict[str, Any]]:
    alerted, withheld = experiment.variants
    found = []
    for tier in Priority:
        of_tier = [one for one in read if one.tier == tier]
        compared = _compared(experiment, of_tier, alerted.key, withheld.key, look)
        if compared is not None:
            found.append({"tier": tier.value, "variant": alerted.key, "against": withheld.key, **compared})
    return found


def _compared(
    experiment: Experiment, read: Sequence[Unit], this: str, against: str, look: Look
) -> dict[str, Any] | None:
    """this - against; None while a side has too few."""
    a, b = ([one.value for one in read if one.variant == key and one.value is not None] for key in (this, against))
    if experiment.metric.is_share:
        if not a or not b:
            return None
        found = intervals.newcombe(int(sum(a)), len(a), int(sum(b)), len(b), z=look.boundary)
    else:
        if min(len(a), len(b)) < 2:
            return None
        found = intervals.bootstrap(a, b, seed=int(experiment.salt[:8], 16), z=look.boundary)
    verdict = "higher" if found.low > 0 else "lower" if found.high < 0 else "cannot_tell"
    return {
        "this": _side(experiment, a, look),
        "other": _side(experiment, b, look),
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "verdict": verdict,
    }


def _side(experiment: Experiment, values: Sequence[float], look: Look) -> dict[str, Any]:
    """A variant's own number with its interval, as wide as the look asks."""
    total, rate = len(values), sum(values) / len(values)
    if experiment.metric.is_share:
        low, high = intervals.wilson(int(sum(values)), total, z=look.boundary)
        return {"total": total, "hits": int(sum(values)), "number": rate, "low": low, "high": high}
    error = math.sqrt(sum((one - rate) ** 2 for one in values) / (total - 1) / total) * look.boundary
    return {"total": total, "hits": None, "number": rate, "low": max(rate - error, 0.0), "high": rate + error}
