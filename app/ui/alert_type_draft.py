"""A draft of an alert type as the editor holds it: groups of rows, to and from the definition that is stored.

The editor knows groups side by side, all of which must fit; what was written through the API in another shape is shown
and not taken apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as held
from itertools import count
from typing import Any

from core.alert_types.fields import parts_of_count
from core.alert_types.own_type import logit, sigmoid

GROUPS = {"all": "All of these", "any": "Any of these", "none": "None of these"}
_numbers = count(1)


@dataclass
class Row:
    """One condition, or one sign with what it adds."""

    field: str = "feature.value_checks_30d"
    operator: str = "greater_than"
    value: Any = 0.0
    add: float = 0.7
    uid: int = held(default_factory=lambda: next(_numbers))


@dataclass
class Group:
    kind: str = "all"
    rows: list[Row] = held(default_factory=lambda: [Row()])
    uid: int = held(default_factory=lambda: next(_numbers))


@dataclass
class Draft:
    type_id: str | None = None
    version: int | None = None
    status: str = "draft"
    name: str = ""
    description: str = ""
    kind: str = "rule"
    horizon_days: int = 90
    groups: list[Group] = held(default_factory=lambda: [Group()])
    belief: float = 0.6
    start: float = 0.5
    """How sure without any sign, where signs decide."""
    signs: list[Row] = held(default_factory=list)
    """Empty: one belief."""
    label: Mapping[str, Any] | None = None
    """Of a trained type: what it learns."""
    features: list[str] | None = None
    """Of a trained type: what it may look at; None: everything."""
    ruled: bool = True
    """Of a trained type: whether a rule serves until a model does."""
    fixed: Mapping[str, Any] | None = None
    """A definition of another shape, kept as it is."""
    uid: int = held(default_factory=lambda: next(_numbers))

    def written(self) -> dict[str, Any]:
        """As the API takes it."""
        return {
            "name": self.name,
            "description": self.description,
            "kind": self.kind,
            "horizonDays": self.horizon_days,
            "definition": dict(self.fixed) if self.fixed is not None else self._definition(),
        }

    def _definition(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if self.kind == "trained":
            made = {"label": dict(self.label or {"kind": "outcome"}), "features": self.features or "all"}
            if not self.ruled:
                return made
        made["confidence"] = self._confidence()
        groups = [_group(group) for group in self.groups if group.rows]
        if groups:
            made["rule"] = groups[0] if len(groups) == 1 else {"all": groups}
        return made

    def _confidence(self) -> dict[str, Any]:
        if not self.signs:
            return {"belief": self.belief}
        points = [{"when": _condition(row), "add": row.add} for row in self.signs]
        return {"base": round(logit(min(max(self.start, 0.05), 0.95)), 4), "points": points}


def of(
    raw: Mapping[str, Any], *, type_id: str | None = None, version: int | None = None, status: str = "draft"
) -> Draft:
    """The draft of a type as people write it."""
    definition = raw["definition"]
    draft = Draft(
        type_id=type_id,
        version=version,
        status=status,
        name=raw["name"],
        description=raw.get("description") or "",
        kind=raw.get("kind", "rule"),
        horizon_days=raw.get("horizonDays", 90),
        label=definition.get("label"),
    )
    if isinstance(definition.get("features"), list | tuple):
        draft.features = list(definition["features"])
    if draft.kind == "trained" and not definition.get("rule") and not definition.get("confidence"):
        draft.ruled = False
        return draft
    groups, confidence = _groups(definition.get("rule")), definition.get("confidence") or {}
    signs = [_row(point["when"], add=point["add"]) for point in confidence.get("points", ())]
    if groups is None or None in signs or not confidence:
        draft.fixed = definition
        return draft
    draft.groups, draft.signs = groups, [sign for sign in signs if sign is not None]
    draft.belief = confidence.get("belief", 0.6)
    if draft.signs:
        draft.start = round(sigmoid(confidence.get("base", -1.0)), 2)
    return draft


def _groups(rule: Any) -> list[Group] | None:
    if rule is None:
        return []
    if "all" in rule and not any("field" in one for one in rule["all"]):
        found = [_one_group(one) for one in rule["all"]]
        return [one for one in found if one is not None] if None not in found else None
    whole = _one_group(rule)
    if whole is not None:
        return [whole]
    if "all" in rule:  # conditions beside groups: the conditions make a group of their own
        loose = [one for one in rule["all"] if "field" in one]
        found = [_one_group({"all": loose}), *(_one_group(one) for one in rule["all"] if "field" not in one)]
        return [one for one in found if one is not None] if None not in found else None
    return None


def _one_group(raw: Mapping[str, Any]) -> Group | None:
    if "field" in raw:
        return _of_rows("all", [raw])
    if "not" in raw:
        inner = raw["not"]
        return _of_rows("none", [inner] if "field" in inner else inner.get("any") or ())
    kind = "all" if "all" in raw else "any"
    return _of_rows(kind, raw[kind])


def _of_rows(kind: str, raw: Sequence[Mapping[str, Any]]) -> Group | None:
    rows = [_row(one) for one in raw]
    if not rows or None in rows:
        return None
    return Group(kind=kind, rows=[row for row in rows if row is not None])


def _row(raw: Mapping[str, Any], *, add: float = 0.7) -> Row | None:
    if "field" not in raw or (":" in raw["field"] and parts_of_count(raw["field"]) is None):
        return None
    operator, value = raw["operator"], raw.get("value")
    if operator == "exists" and value is False:
        operator = "missing"
    return Row(field=raw["field"], operator=operator, value=value, add=add)


def _group(group: Group) -> dict[str, Any]:
    conditions = [_condition(row) for row in group.rows]
    if group.kind == "none":
        return {"not": {"any": conditions}}
    return {group.kind: conditions}


def _condition(row: Row) -> dict[str, Any]:
    if row.operator in ("exists", "missing"):
        return {"field": row.field, "operator": "exists", "value": row.operator == "exists"}
    return {"field": row.field, "operator": row.operator, "value": row.value}
