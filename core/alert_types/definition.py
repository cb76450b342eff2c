"""An alert type of a team's own as people write it: read, checked, and turned into what scores.

{"rule": {"all": [{"field": "signal.INSURANCE_CLAIM.strength", "operator": "exists"}, …]}, "confidence": {"belief": 0.6}}
{"rule": …, "confidence": {"base": -1.0, "points": [{"when": {field, operator, value}, "add": 1.2}]}}
{"label": {"kind": "outcome"}, "features": "all", "rule": …, "confidence": …}        trained; the rule is its start
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from typing import Any, Literal

from core import fairness
from core.alert_types import logic
from core.alert_types.fields import Refused, field
from core.alert_types.rules import Node, conditions_of, parse, refusal
from core.errors import Invalid
from core.people.transactions import KINDS as TRANSACTIONS
from core.scoring import features, generic
from core.words import Intent

RULE, TRAINED = "rule", "trained"
LONGEST_NAME, LONGEST_DESCRIPTION, LONGEST_ID = 80, 1_000, 40
LONGEST_HORIZON = 730
LEAST_BELIEF, MOST_BELIEF = 0.05, 0.95
MOST_POINTS, MOST_ADD = 50, 6.0
MOST_FEATURES = 200
_FIELDS = {"name", "description", "kind", "horizonDays", "definition"}
_OF_FOUR = {"likely to sell", "likely to buy", "refinance opportunity", "investment interest"}


@dataclass(frozen=True, kw_only=True)
class Point:
    when: Node
    add: float
    """Log-odds, where `when` holds."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What scores: a rule with a belief or with points; for a trained type also what it learns."""

    rule: Node | None
    belief: float | None
    """That an alert is right where the rule holds; None where points say so, or a model alone."""
    base: float = 0.0
    points: tuple[Point, ...] = ()
    label: Mapping[str, Any] | None = None
    features: tuple[str, ...] | None = None
    """What a model may look at; None: every feature."""

    @property
    def has_rule(self) -> bool:
        """Whether it can score without a model."""
        return self.belief is not None or bool(self.points)


@dataclass(frozen=True, kw_only=True)
class NewType:
    """A checked alert type as people write it."""

    name: str
    description: str
    kind: Literal["rule", "trained"]
    horizon_days: int
    stored: dict[str, Any]
    """The definition, ready for the table."""
    definition: Definition
    warnings: tuple[str, ...]


def validate(raw: object) -> NewType:
    """Read {name, description, kind, horizonDays, definition}; unknown fields are refused.

    Raises:
        Invalid: naming every wrong field at the top, and the first wrong one inside the definition.
    """
    if not isinstance(raw, Mapping):
        raise refusal("alertType", "give an object")
    wrong = {str(name)[:40]: "there is no such field in an alert type" for name in raw if name not in _FIELDS}
    name, description = raw.get("name"), raw.get("description") or ""
    if not isinstance(name, str) or not 2 <= len(name.strip()) <= LONGEST_NAME:
        wrong["name"] = f"give a name of 2 to {LONGEST_NAME} characters"
    elif " ".join(name.split()).casefold() in _OF_FOUR:
        wrong["name"] = "one of the four built-in types is called that"
    if not isinstance(description, str) or len(description) > LONGEST_DESCRIPTION:
        wrong["description"] = f"text of at most {LONGEST_DESCRIPTION} characters"
    for part, text in (("name", name), ("description", description)):
        if isinstance(text, str) and not _storable(text, lines=part == "description"):
            wrong[part] = "the text has characters that cannot be shown"
    kind, horizon = raw.get("kind", RULE), raw.get("horizonDays", 90)
    if kind not in (RULE, TRAINED):
        wrong["kind"] = "rule or trained"
    if isinstance(horizon, bool) or not isinstance(horizon, int) or not 1 <= horizon <= LONGEST_HORIZON:
        wrong["horizonDays"] = f"a whole number of days, 1 to {LONGEST_HORIZON}"
    if not isinstance(raw.get("definition"), Mapping):
        wrong["definition"] = "give an object"
    if wrong:
        raise Invalid("The alert type is not valid.", fields=wrong)
    assert isinstance(name, str)
    assert isinstance(horizon, int)
    definition = read(raw["definition"], kind=kind)
    return NewType(
        name=" ".join(name.split()),
        description=description.strip(),
        kind=kind,
        horizon_days=horizon,
        stored=_plain({**raw["definition"], **({"horizonDays": horizon} if kind == TRAINED else {})}),
        definition=definition,
        warnings=warnings(definition, name=name),
    )


def read(raw: Mapping[str, Any], *, kind: str) -> Definition:
    """The definition behind stored or sent values.

    Raises:
        Invalid: naming the first wrong part.
    """
    allowed = {"rule", "confidence"} if kind == RULE else {"rule", "confidence", "label", "features", "horizonDays"}
    if unknown := sorted(set(map(str, raw)) - allowed):
        raise refusal(f"definition.{unknown[0][:40]}", f"a {kind} type has {', '.join(sorted(allowed))}")
    rule = parse(raw["rule"], at="definition.rule") if raw.get("rule") is not None else None
    belief, base, points = _confidence(raw.get("confidence"), at="definition.confidence")
    if kind == RULE and raw.get("confidence") is None:
        raise refusal("definition.confidence", 'say how sure such an alert is: {"belief": 0.6}, or points')
    if belief is not None and rule is None:
        raise refusal("definition.rule", "a belief needs a rule it belongs to")
    if rule is not None and belief is None and not points:
        raise refusal("definition.confidence", 'say how sure an alert of this rule is: {"belief": 0.6}, or points')
    return Definition(
        rule=rule,
        belief=belief,
        base=base,
        points=points,
        label=_label(raw.get("label")) if kind == TRAINED else None,
        features=_features(raw.get("features", "all")) if kind == TRAINED else None,
    )


def warnings(definition: Definition, *, name: str = "", threshold: float = 0.5) -> tuple[str, ...]:
    """What is allowed and probably not meant, in words."""
    found = []
    if definition.rule is not None and logic.never(definition.rule):
        found.append("The conditions contradict each other: no contact can ever fit, so no alert would open.")
    if definition.rule is not None and logic.always(definition.rule):
        found.append("The conditions hold for every contact: everybody would alert.")
    for place, point in enumerate(definition.points, start=1):
        if logic.never(point.when):
            found.append(f"Point {place} can never hold.")
    if definition.label is not None and definition.label["kind"] == "outcome" and not definition.has_rule:
        found.append("It learns from its own alerts and has no rule to open the first ones with: it would never learn.")
    highest = definition.belief
    if highest is None and definition.points:
        highest = _sigmoid(definition.base + sum(max(point.add, 0.0) for point in definition.points))
    if highest is not None and highest < threshold:
        found.append(f"It reaches {highest:.0%} at most; alerts open from {threshold:.0%}, so none would open.")
    if named := fairness.protected_detail(name):
        found.append(f"The name speaks of {named}. Alerts must not single people out by it; say what they did instead.")
    return tuple(found)


def blocking(definition: Definition) -> str | None:
    """Why it must not become active; None where it may."""
    if definition.rule is not None and logic.never(definition.rule):
        return "no contact can ever fit: its conditions contradict each other"
    if definition.rule is not None and logic.always(definition.rule):
        return "every contact fits: its conditions exclude nobody"
    return None


def id_of(name: str) -> str:
    """The id of a name: upper case letters, digits and underscores; never one of the four, which `validate` refuses."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().upper()
    parts = "".join(letter if letter.isalnum() else " " for letter in letters).split()
    slug = "_".join(parts)[:LONGEST_ID].strip("_") or "OWN_TYPE"
    return f"OWN_{slug}"[:LONGEST_ID] if slug in set(Intent) or not slug[0].isalpha() else slug


def _confidence(raw: object, *, at: str) -> tuple[float | None, float, tuple[Point, ...]]:
    if raw is None:
        return None, 0.0, ()
    if not isinstance(raw, Mapping):
        raise refusal(at, 'give {"belief": 0.6}, or {"base": -1, "points": […]}')
    if set(raw) == {"belief"}:
        belief = _number(raw["belief"], LEAST_BELIEF, MOST_BELIEF, at=f"{at}.belief")
        return belief, 0.0, ()
    if unknown := sorted(set(map(str, raw)) - {"base", "points"}):
        raise refusal(f"{at}.{unknown[0][:40]}", "either belief alone, or base and points")
    listed = raw.get("points")
    if not isinstance(listed, list | tuple) or not 1 <= len(listed) <= MOST_POINTS:
        raise refusal(f"{at}.points", f"a list of 1 to {MOST_POINTS} of {{when, add}}")
    points = []
    for place, one in enumerate(listed):
        here = f"{at}.points.{place}"
        if not isinstance(one, Mapping) or set(one) != {"when", "add"}:
            raise refusal(here, "a point has when (a condition or group) and add (log-odds)")
        when = parse(one["when"], at=f"{here}.when")
        points.append(Point(when=when, add=_number(one["add"], -MOST_ADD, MOST_ADD, at=f"{here}.add")))
    return None, _number(raw.get("base", -1.0), -MOST_ADD, MOST_ADD, at=f"{at}.base"), tuple(points)


def _label(raw: object) -> dict[str, Any]:
    at = "definition.label"
    if not isinstance(raw, Mapping) or raw.get("kind") not in ("outcome", "event", "transaction"):
        raise refusal(
            at, 'what it learns: {"kind": "outcome"}, {"kind": "event", "name"} or {"kind": "transaction", "type"}'
        )
    kind = raw["kind"]
    allowed = {"outcome": {"kind"}, "event": {"kind", "name"}, "transaction": {"kind", "type"}}[kind]
    if unknown := sorted(set(map(str, raw)) - allowed):
        raise refusal(f"{at}.{unknown[0][:40]}", f"a label of kind {kind} has {', '.join(sorted(allowed))}")
    if kind == "event":
        name = raw.get("name")
        if not isinstance(name, str) or not 1 <= len(name.strip()) <= 64 or not _storable(name, lines=False):
            raise refusal(f"{at}.name", "an event name of 1 to 64 characters")
        if named := fairness.protected(name):
            raise refusal(f"{at}.name", f"it speaks of {named}: fair housing law forbids to learn it")
    if kind == "transaction" and raw.get("type", "any") not in (*TRANSACTIONS, "any"):
        raise refusal(f"{at}.type", f"one of {', '.join(TRANSACTIONS)} or any")
    return dict(raw)


def _features(raw: object) -> tuple[str, ...] | None:
    at = "definition.features"
    if raw == "all":
        return None
    if not isinstance(raw, list | tuple) or not 1 <= len(raw) <= MOST_FEATURES:
        raise refusal(at, f'"all", or a list of 1 to {MOST_FEATURES} names')
    for place, name in enumerate(raw):
        if not isinstance(name, str):
            raise refusal(f"{at}.{place}", "a feature's name")
        if name not in features.INDEX:
            try:
                field(name if ":" in name or name in generic.ALWAYS else f"feature.{name}")
            except Refused as error:
                raise refusal(f"{at}.{place}", str(error)) from error
    return tuple(dict.fromkeys(raw))


def _number(raw: object, low: float, high: float, *, at: str) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not low <= raw <= high:
        raise refusal(at, f"a number from {low:g} to {high:g}")
    return float(raw)


def _storable(text: str, *, lines: bool) -> bool:
    return not any(
        unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co") and not (lines and letter in "\n\t") for letter in text
    )


def _plain(value: Any) -> Any:
    """A copy in lists and dicts, as JSON keeps it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def logit(share: float) -> float:
    return log(share / (1 - share))


def fields_of(definition: Definition) -> set[str]:
    """The names of the fields it reads."""
    nodes = ([definition.rule] if definition.rule is not None else []) + [point.when for point in definition.points]
    return {condition.field.name for node in nodes for condition in conditions_of(node)}
