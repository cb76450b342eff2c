"""How experiments are spoken of: kinds, numbers and times in plain words."""

from collections.abc import Mapping
from typing import Any

from app.ui import words
from core.experiments.definition import Experiment, Kind, Method, Metric, State, Variant
from core.experiments.planning import Weeks
from core.routing.strategies import STRATEGIES

KIND = {
    Kind.HOLDOUT: "Holdout: do alerts cause business?",
    Kind.THRESHOLD: "Threshold: fewer or more alerts",
    Kind.MODEL: "Model: another model scores",
    Kind.ROUTING: "Routing: another way to hand out",
}
SHORT_KIND = {Kind.HOLDOUT: "Holdout", Kind.THRESHOLD: "Threshold", Kind.MODEL: "Model", Kind.ROUTING: "Routing"}
METRIC = {
    Metric.TRANSACTED: "Contacts who transact within the horizon",
    Metric.RIGHT_SHARE: "Alerts that were right",
    Metric.CONVERSION: "Contacts whose alert converted",
    Metric.RESPONSE_SECONDS: "Time until acknowledged",
    Metric.VALUE: "Value a contact brought",
}
STATE = {State.DRAFT: "Draft", State.RUNNING: "Running", State.STOPPED: "Stopped"}
METHOD = {Method.FIXED: "Once, at the end", Method.GROUP_SEQUENTIAL: "At several planned looks"}
STANDING = {
    "not_yet": "Too early to tell",
    "interim": "A planned look: it goes on",
    "final": "The planned end: this is the result",
    "stopped_early": "Stopped before the planned end",
}
_LONG_WEEKS = 20 * 52.18


def strategy(name: str) -> str:
    return STRATEGIES[name].title if name in STRATEGIES else words.sentence(name)


def weeks(number: float | None) -> str:
    """6 weeks, 5 months, 2.4 years."""
    if number is None or number > _LONG_WEEKS:
        return "more than 20 years" if number else "never at this rate"
    if number < 13:
        return words.plural(round(number) or 1, "week")
    if number < 104:
        return words.plural(round(number / 4.348), "month")
    return f"{number / 52.18:.1f} years"


def weeks_range(low: float | None, high: float | None) -> str:
    first, last = weeks(low), weeks(high)
    if first == last:
        return first
    one, unit = first.split(" ", 1)
    same = last.endswith(f" {unit}") and one.replace(".", "").isdigit()
    return f"{one} to {last}" if same else f"{first} to {last}"


def weeks_and_range(found: Weeks) -> str:
    """5 months (4 to 7 months)."""
    expected, span = weeks(found.expected), weeks_range(found.low, found.high)
    endless = found.expected is None or found.expected > _LONG_WEEKS
    return expected if endless or expected == span else f"{expected} ({span})"


def number(metric: Metric, value: float | None) -> str:
    """A metric's number with its unit."""
    if value is None:
        return "–"
    if metric.is_share:
        return words.percent(value)
    return words.span(value) if metric is Metric.RESPONSE_SECONDS else words.money(value)


def difference(metric: Metric, value: float | None) -> str:
    """With its sign: +4.2 points, −12 min, +$1,200."""
    if value is None:
        return "–"
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    if metric.is_share:
        return f"{sign}{abs(value) * 100:.1f} points"
    return f"{sign}{number(metric, abs(value))}"


def gap(metric: Metric, value: float) -> str:
    """A difference without its unit, where the unit is said beside it."""
    return difference(metric, value).removesuffix(" points")


def between(metric: Metric, result: Mapping[str, Any]) -> str:
    """+24.5 (+5.7 to +36.0) points."""
    unit = " points" if metric.is_share else ""
    low, high = gap(metric, result["low"]), gap(metric, result["high"])
    return f"{gap(metric, result['difference'])} ({low} to {high}){unit}"


def said(metric: Metric, result: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """One difference as a sentence."""
    this, other = names[result["variant"]], names[result["against"]]
    if result["verdict"] == "cannot_tell":
        low, high = difference(metric, result["low"]), difference(metric, result["high"])
        return f"“{this}” and “{other}” cannot be told apart: the difference lies between {low} and {high}."
    more = "more" if result["verdict"] == "higher" else "less"
    return f"“{this}” has {more} than “{other}”: {between(metric, result)}."


def adopting(experiment: Experiment, variant: Variant) -> str:
    """What adopting a variant changes."""
    if experiment.kind is Kind.ROUTING:
        way = strategy(variant.config["strategy"])
        if experiment.alert_types:
            return f"It won, for some alert types alone; a team hands out every type in the same way, so {way} stays a finding."
        return f"Every team's usual way of handing out becomes: {way}. Rules go before it, as always."
    if experiment.kind is Kind.MODEL:
        return f"{variant.config['model']} takes the place of the model in service; the Models page can take it back."
    types = ", ".join(words.type_words(one) for one in experiment.alert_types) or "every type without one of its own"
    percent = words.percent(variant.config["threshold"])
    return f"The threshold becomes {percent} for: {types}. The Models page can take it back."


def config(setting: Mapping[str, Any]) -> str:
    """What a variant does differently."""
    if "withhold" in setting:
        return "no alerts"
    if "threshold" in setting:
        return f"an alert from {words.percent(setting['threshold'])} confidence"
    if "model" in setting:
        return f"scored by {setting['model']}"
    if "strategy" in setting:
        return strategy(setting["strategy"]).lower()
    return "as it is today"
