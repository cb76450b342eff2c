"""Whether a rule can hold at all, and whether it can fail to: small contradictions found before anybody waits for an alert.

A rule is unfolded into alternatives of conditions that must hold together; fields are taken as independent of each other,
and each is tried at the values where one of its conditions turns. So what is told is true; what is not told may still be odd.
"""

from itertools import pairwise
from math import ceil, floor

from core.alert_types.fields import Field
from core.alert_types.rules import Condition, Group, Node
from core.routing.logic import Alternative, Literal, alternatives


def never(node: Node) -> bool:
    """Whether no contact can satisfy it; False also where that is too much to work out."""
    found = alternatives(node)
    return found is not None and not any(map(_can_hold, found))


def always(node: Node) -> bool:
    """Whether every contact satisfies it."""
    found = alternatives(node, wanted=False)
    return found is not None and not any(map(_can_hold, found))


def _can_hold(alternative: Alternative) -> bool:
    of_field: dict[str, list[Literal]] = {}
    for literal in alternative:
        of_field.setdefault(literal[0].field.name, []).append(literal)
    return all(
        any(all(condition.test(value) is wanted for condition, wanted in literals) for value in _telling(literals))
        for literals in of_field.values()
    )


def _telling(literals: list[Literal]) -> list[float | None]:
    """Values of the field between which none of these conditions changes its answer, and unknown where that occurs."""
    of = literals[0][0].field
    turns = {bound for bound in (of.least, of.most) if bound is not None}
    for condition, _ in literals:
        if condition.operator != "exists":
            turns.update(condition.value if isinstance(condition.value, list) else [condition.value])
    ordered = sorted(turns) or [0.0]
    values = [ordered[0] - 1, *ordered, ordered[-1] + 1, *((low + high) / 2 for low, high in pairwise(ordered))]
    if of.whole:
        values = sorted(
            {float(whole) for value in values for whole in (floor(value), ceil(value))}
            | {float(whole + step) for value in ordered for whole in (floor(value), ceil(value)) for step in (-1, 1)}
        )
    inside: list[float | None] = [value for value in values if _within(of, value)]
    return [*inside, None] if of.may_be_unknown else inside


def _within(of: Field, value: float) -> bool:
    return (of.least is None or value >= of.least) and (of.most is None or value <= of.most)


def groups_of(node: Node) -> list[Group]:
    """Every group in it, the outermost first."""
    if isinstance(node, Condition):
        return []
    return [node, *(inner for member in node.members for inner in groups_of(member))]
