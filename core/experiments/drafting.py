"""From what a person typed to an experiment that can be started: each wrong field is named, and the plan worked out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from core.errors import Invalid
from core.experiments import planning, sequential
from core.experiments.definition import (
    FOLLOW_UP_DAYS,
    METRICS_OF,
    MOST_WITHHELD,
    SETTLING_DAYS,
    WITHHELD,
    Kind,
    Method,
    Metric,
    Variant,
)
from core.experiments.outlook import Outlook
from core.routing.strategies import STRATEGIES

MOST_VARIANTS = 4
LEAST_SHARE = 0.05
MONTHS = (3, 6, 12)
DEFAULTS: dict[str, Any] = {
    "power": 0.8,
    "alpha": 0.05,
    "method": Method.FIXED,
    "looks": 1,
    "weeks": 52,
    "exempt_critical": False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What exists to experiment with."""

    horizons: Mapping[str, int]
    """Alert type -> days."""
    models: Mapping[str, str]
    """Deployed and shadow version -> its intent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    name: str
    hypothesis: str
    kind: Kind
    alert_types: tuple[str, ...]
    variants: tuple[Variant, ...]
    metric: Metric
    plan: Mapping[str, Any]
    """What was asked for: baseline, effect, power, alpha, method, looks, weeks, sd, exempt_critical."""


def draft(raw: Mapping[str, Any], *, known: Known) -> Draft:
    """The draft of a body.

    Raises:
        Invalid: naming every wrong field.
    """
    wrong: dict[str, str] = {}
    kind = _one_of(Kind, raw.get("kind"), "kind", wrong)
    metric = _one_of(Metric, raw.get("metric"), "metric", wrong)
    name = str(raw.get("name") or "").strip()
    if not 1 <= len(name) <= 120:
        wrong["name"] = "1 to 120 letters"
    hypothesis = str(raw.get("hypothesis") or "").strip()
    if len(hypothesis) > 2000:
        wrong["hypothesis"] = "at most 2000 letters"
    types = tuple(dict.fromkeys(raw.get("alert_types") or ()))
    if unknown := [one for one in types if one not in known.horizons]:
        wrong["alertTypes"] = f"there is no alert type {', '.join(unknown)}"
    if kind and metric and metric not in METRICS_OF[kind]:
        allowed = ", ".join(METRICS_OF[kind])
        wrong["metric"] = f"a {kind} experiment can be judged by {allowed}"
    variants = _variants(raw.get("variants") or (), kind, types, known, wrong)
    plan = _plan(raw.get("plan") or {}, metric, wrong)
    if wrong or kind is None or metric is None:
        raise Invalid("The experiment is not valid.", fields=wrong)
    return Draft(
        name=name,
        hypothesis=hypothesis,
        kind=kind,
        alert_types=types,
        variants=variants,
        metric=metric,
        plan=plan,
    )


def worked_out(one: Draft, own: Outlook, *, known: Known, more: float = 1.0) -> dict[str, Any]:
    """The plan as it is stored: what was asked for, the sizes, how long they take, and what is left to be told in less.

    Args:
        more: how many times as many contacts come as have alerts today (a lower threshold).

    Raises:
        Invalid: the effect leads out of 0-100%, or there is no spread to plan with.
    """
    asked, metric = one.plan, one.metric
    baseline = asked["baseline"] if asked["baseline"] is not None else own.baselines[metric]
    sd = None if metric.is_share else (asked["sd"] or own.spreads[metric])
    if sd == 0:
        raise Invalid(
            "There are no numbers of your own yet to plan with.", fields={"plan.sd": "say how much it varies"}
        )
    alpha, power = asked["alpha"] / (len(one.variants) - 1), asked["power"]
    shares = tuple(variant.share for variant in one.variants)
    looks = asked["looks"] if asked["method"] is Method.GROUP_SEQUENTIAL else 1
    factor = sequential.inflation(looks, alpha, power)

    def sizes(effect: float) -> tuple[int, ...]:
        ratio = min(shares[1:]) / shares[0]
        if sd is not None:
            pair = planning.mean_sizes(sd, effect, power=power, alpha=alpha, ratio=ratio)
        elif one.kind is Kind.HOLDOUT:  # alerts are hoped to add to what happens without them
            pair = planning.share_sizes(baseline + effect, baseline, power=power, alpha=alpha, ratio=ratio)
        else:
            pair = planning.share_sizes(baseline, baseline + effect, power=power, alpha=alpha, ratio=ratio)
        return tuple(math.ceil(size * factor) for size in planning.split(pair, shares))

    def both(effect: float) -> tuple[int, int]:
        found = sizes(effect)
        return found[0], sum(found[1:])

    if metric.is_share and not baseline + asked["effect"] < 1:
        raise Invalid("The effect leads past 100%.", fields={"plan.effect": f"less than {1 - baseline:.2f}"})
    found = sizes(asked["effect"])
    after = _days(one, known)
    came = own.arriving(metric)
    came = planning.Rate(per_week=came.per_week * more, low=came.low * more, high=came.high * more)
    weeks = planning.weeks_until(sum(found), came, follow_up_days=after)
    most = 0.999 - baseline if metric.is_share else baseline or math.inf
    return {
        "baseline": baseline,
        "effect": asked["effect"],
        "power": power,
        "alpha": asked["alpha"],
        "method": asked["method"].value,
        "looks": looks,
        "weeks": asked["weeks"],
        "sd": sd,
        "exemptCritical": asked["exempt_critical"],
        "guessed": asked["baseline"] is None and metric in own.guessed,
        "perVariant": min(found),
        "sizes": {variant.key: size for variant, size in zip(one.variants, found, strict=True)},
        "total": sum(found),
        "followUpDays": after,
        "horizons": {name: known.horizons[name] for name in (one.alert_types or known.horizons)},
        "expected": {
            "perWeek": came.per_week,
            "perWeekLow": came.low,
            "perWeekHigh": came.high,
            "weeks": weeks.expected,
            "weeksLow": weeks.low,
            "weeksHigh": weeks.high,
        },
        "reachable": {
            "contacts": round(came.per_week * asked["weeks"]),
            "effect": planning.smallest_effect(came.per_week * asked["weeks"], both, most=most),
        },
        "smallest": [
            {
                "months": months,
                "effect": planning.smallest_effect(
                    came.per_week * max(months * planning.MONTH_WEEKS - after / 7, 0.0), both, most=most
                ),
            }
            for months in MONTHS
        ],
    }


def _days(one: Draft, known: Known) -> int:
    if one.metric is not Metric.TRANSACTED:
        return FOLLOW_UP_DAYS[one.metric]
    return max(known.horizons[name] for name in (one.alert_types or known.horizons)) + SETTLING_DAYS


def _variants(
    given: Sequence[Mapping[str, Any]],
    kind: Kind | None,
    types: Sequence[str],
    known: Known,
    wrong: dict[str, str],
) -> tuple[Variant, ...]:
    if not 2 <= len(given) <= MOST_VARIANTS:
        wrong["variants"] = f"2 to {MOST_VARIANTS}; the first is how it is today"
        return ()
    keys = ("alerted", WITHHELD, "c", "d") if kind is Kind.HOLDOUT else ("control", "b", "c", "d")
    found = []
    for number, raw in enumerate(given):
        name = str(raw.get("name") or "").strip()
        share = raw.get("share")
        if not 1 <= len(name) <= 60:
            wrong[f"variants.{number}.name"] = "1 to 60 letters"
        if not isinstance(share, int | float) or not LEAST_SHARE <= share <= 1 - LEAST_SHARE:
            wrong[f"variants.{number}.share"] = f"between {LEAST_SHARE} and {1 - LEAST_SHARE}"
            share = 0.0
        key = str(raw.get("key") or keys[number])
        if not 1 <= len(key) <= 32 or not key.replace("_", "").replace("-", "").isalnum():
            wrong[f"variants.{number}.key"] = "letters, digits, - and _, at most 32"
        found.append(Variant(key=key, name=name, share=float(share), config=dict(raw.get("config") or {})))
    if len({one.key for one in found}) < len(found):
        wrong["variants"] = "each has a key of its own"
    if abs(sum(one.share for one in found) - 1) > 1e-6:
        wrong.setdefault("variants", "their shares add up to 1")
    if kind is not None:
        _configs(found, kind, types, known, wrong)
    return tuple(found)


def _configs(
    variants: Sequence[Variant], kind: Kind, types: Sequence[str], known: Known, wrong: dict[str, str]
) -> None:
    name = {Kind.MODEL: "model", Kind.THRESHOLD: "threshold", Kind.ROUTING: "strategy", Kind.HOLDOUT: "withhold"}[kind]
    if variants[0].config:
        wrong["variants.0.config"] = "the first is how it is today: {}"
    for number, variant in enumerate(variants[1:], start=1):
        where = f"variants.{number}.config"
        if set(variant.config) != {name}:
            wrong[where] = f'{{"{name}": …}} and nothing else'
            continue
        if refused := _refused(kind, variant.config[name], types, known):
            wrong[where] = refused
    if kind is Kind.HOLDOUT:
        if len(variants) != 2:
            wrong["variants"] = "two: alerted and withheld"
        elif variants[1].key != WITHHELD:
            wrong["variants.1.key"] = f"{WITHHELD}"
        elif variants[1].share > MOST_WITHHELD + 1e-9:
            wrong["variants.1.share"] = f"at most {MOST_WITHHELD}: withholding costs leads"
    texts = [repr(variant.config) for variant in variants]
    if any(one == other for one, other in pairwise(sorted(texts))):
        wrong.setdefault("variants", "two of them are the same")


def _refused(kind: Kind, value: object, types: Sequence[str], known: Known) -> str:
    if kind is Kind.THRESHOLD:
        ok = isinstance(value, int | float) and not isinstance(value, bool) and 0.2 <= value <= 0.95
        return "" if ok else "a threshold between 0.2 and 0.95: what the team may set"
    if kind is Kind.ROUTING:
        return "" if isinstance(value, str) and value in STRATEGIES else f"one of {', '.join(STRATEGIES)}"
    if kind is Kind.HOLDOUT:
        return "" if value is True else "true"
    intent = known.models.get(str(value))
    if intent is None:
        return "there is no deployed or shadow model of this id"
    return "" if tuple(types) == (intent,) else f"this model is for {intent}: name that alert type alone"


def _plan(raw: Mapping[str, Any], metric: Metric | None, wrong: dict[str, str]) -> dict[str, Any]:
    plan = {
        "baseline": None,
        "sd": None,
        "effect": None,
        **DEFAULTS,
        **{key: value for key, value in raw.items() if value is not None},
    }
    method = plan["method"] = _one_of(Method, plan["method"], "plan.method", wrong)
    share = metric is not None and metric.is_share
    bounds: dict[str, tuple[float, float]] = {
        "effect": (0.001, 0.99) if share else (1e-9, 1e12),
        "power": (0.5, 0.99),
        "alpha": (0.001, 0.2),
        "weeks": (1, 156),
    }
    if plan["baseline"] is not None:
        bounds["baseline"] = (0.001, 0.99) if share else (0, 1e12)
    if plan["sd"] is not None:
        bounds["sd"] = (1e-9, 1e12)
    if method is Method.GROUP_SEQUENTIAL:
        bounds["looks"] = (2, 10)
    for name, (low, high) in bounds.items():
        value = plan[name]
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            wrong[f"plan.{name}"] = f"a number from {low:g} to {high:g}"
    if unknown := set(plan) - {"baseline", "sd", "effect", *DEFAULTS}:
        wrong["plan"] = f"there is no {', '.join(sorted(unknown))}"
    return plan


def _one_of(words: Any, given: object, name: str, wrong: dict[str, str]) -> Any:
    try:
        return words(given)
    except ValueError:
        wrong[name] = f"one of {', '.join(words)}"
        return None
