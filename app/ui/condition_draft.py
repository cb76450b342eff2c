"""Conditions as an editor holds them: a tree of rows and groups that people change in place, to and from how they are written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as held
from itertools import count
from typing import Any, Literal, Union

Kind = Literal["all", "any", "none"]
KINDS: Mapping[Kind, str] = {"all": "All of these", "any": "Any of these", "none": "None of these"}
_numbers = count(1)


@dataclass
class Row:
    """One condition. Beside the operators that are written, "missing" stands for exists false, "empty" and "not_empty" for
    (not) equal to null."""

    field: str
    operator: str
    value: Any = None
    add: float = 0.7
    """Of a sign: what it adds, in log-odds."""
    uid: int = held(default_factory=lambda: next(_numbers))


@dataclass
class Group:
    kind: Kind = "all"
    members: list[Union[Row, "Group"]] = held(default_factory=list)
    uid: int = held(default_factory=lambda: next(_numbers))


def read(raw: Mapping[str, Any] | Sequence[Any] | None) -> Group:
    """The tree of conditions that were checked: a list, of which all must hold, one condition, one group or none at all."""
    listed = [] if raw is None else [raw] if isinstance(raw, Mapping) else raw
    members = [_node(one) for one in listed]
    if len(members) == 1 and isinstance(members[0], Group):
        return members[0]
    return Group(members=members)


def listed(root: Group) -> list[dict[str, Any]]:
    """As a list of which all must hold."""
    if root.kind == "all":
        return [written(one) for one in root.members]
    return [written(root)] if root.members else []


def written(node: Row | Group) -> dict[str, Any]:
    """As one condition or group."""
    if isinstance(node, Row):
        return _row_written(node)
    members = [written(one) for one in node.members]
    if node.kind == "none":
        return {"not": members[0] if len(members) == 1 else {"any": members}}
    return {node.kind: members}


def rows(root: Group) -> Iterator[Row]:
    for one in root.members:
        if isinstance(one, Row):
            yield one
        else:
            yield from rows(one)


def row(raw: Mapping[str, Any], *, add: float = 0.7) -> Row:
    """The row of {field, operator, value}."""
    operator, value = raw["operator"], raw.get("value", True if raw["operator"] == "exists" else None)
    if operator == "exists" and value is False:
        operator, value = "missing", None
    elif value is None and operator in ("equals", "not_equals"):
        operator = "empty" if operator == "equals" else "not_empty"
    return Row(field=raw["field"], operator=operator, value=value, add=add)


def _node(raw: Mapping[str, Any]) -> Row | Group:
    if "not" in raw:
        inner = raw["not"]
        return Group("none", [_node(one) for one in inner["any"]] if "any" in inner else [_node(inner)])
    if "all" in raw:
        return Group("all", [_node(one) for one in raw["all"]])
    if "any" in raw:
        return Group("any", [_node(one) for one in raw["any"]])
    return row(raw)


def _row_written(row: Row) -> dict[str, Any]:
    operator, value = row.operator, row.value
    if operator in ("exists", "missing"):
        operator, value = "exists", operator == "exists"
    elif operator in ("empty", "not_empty"):
        operator, value = "equals" if operator == "empty" else "not_equals", None
    return {"field": row.field, "operator": operator, "value": _plain(value)}


def _plain(value: Any) -> Any:
    """Fields offer words such as Intent.LIKELY_TO_SELL, which are written as the text they are."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, str) else value
