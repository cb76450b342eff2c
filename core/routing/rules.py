"""Rules: conditions that must all hold (or groups of them), and actions tried in order; validated on saving, compiled on loading."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from core.errors import Invalid
from core.routing import fields
from core.routing.actions import Action, compile_action
from core.routing.conditions import INDEXED, Condition, Node, Test, compile_all, compile_node, leaves, normal
from core.routing.fields import Facts

MOST_ACTIONS = 20
_PRIORITIES = range(-1_000_000, 1_000_001)
_MOST_PATHS = 12
"""Fields by whose being there rules are found; rules over rarer ones are simply tried."""
_MOST_KEPT = 5_000
_FIRST = 20
_FIELDS = {"name", "priority", "enabled", "description", "conditions", "actions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRule:
    """A checked rule as people write it."""

    name: str
    priority: int
    enabled: bool
    description: str
    conditions: tuple[Mapping[str, Any], ...]
    actions: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Compiled:
    id: str
    name: str
    version: int
    conditions: tuple[Node, ...]
    actions: tuple[Action, ...]
    written: Mapping[str, Any]
    """{conditions, actions} as they are stored."""
    priority: int = 0

    @property
    def assigns(self) -> bool:
        """Whether it can give the alert to somebody, rather than only tell."""
        return any(action.kind != "notify" for action in self.actions)

    @cached_property
    def misses(self) -> tuple[dict[str, Any], ...]:
        """Per condition, what the trace says when it is the one that fails; shared between decisions."""
        return tuple(
            {"id": self.id, "outcome": "no_match", "why": f"not: {condition.says}"} for condition in self.conditions
        )

    def miss(self, facts: Facts) -> dict[str, Any] | None:
        """What the trace says of the first condition that does not hold; None when all do."""
        for condition, said in zip(self.conditions, self.misses, strict=True):
            if not condition.test(facts):
                return said
        return None


def validate(raw: object) -> NewRule:
    """Read {name, priority, enabled, description, conditions, actions}; unknown fields are refused.

    Raises:
        Invalid: naming every wrong field at the top, and the first wrong one inside a condition or action.
    """
    if not isinstance(raw, Mapping):
        raise Invalid("The rule is not valid.", fields={"rule": "give an object"})
    wrong = {str(name): "there is no such field in a rule" for name in raw if name not in _FIELDS}
    name = raw.get("name")
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= 120:
        wrong["name"] = "give a name of 1 to 120 characters"
    priority = raw.get("priority", 0)
    if isinstance(priority, bool) or not isinstance(priority, int) or priority not in _PRIORITIES:
        wrong["priority"] = "a whole number; larger ones are tried first"
    if not isinstance(raw.get("enabled", True), bool):
        wrong["enabled"] = "true or false"
    description = raw.get("description") or ""
    if not isinstance(description, str) or len(description) > 2_000:
        wrong["description"] = "text of at most 2000 characters"
    conditions = [] if raw.get("conditions") is None else raw["conditions"]
    if not isinstance(conditions, list | tuple) and not (conditions and isinstance(conditions, Mapping)):
        wrong["conditions"] = "a list of conditions, or a group {all: […]}, {any: […]} or {not: …}"
    actions = raw.get("actions")
    if not isinstance(actions, list | tuple) or not 1 <= len(actions) <= MOST_ACTIONS:
        wrong["actions"] = f"a list of 1 to {MOST_ACTIONS}"
    for part, text in (("name", name), ("description", description)):
        if isinstance(text, str) and ("\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text)):
            wrong[part] = "the text has characters that cannot be stored"
    if wrong:
        raise Invalid("The rule is not valid.", fields=wrong)
    assert isinstance(name, str)
    assert isinstance(actions, list | tuple)
    _compile_parts(conditions, actions)
    return NewRule(
        name=name.strip(),
        priority=priority,
        enabled=raw.get("enabled", True),
        description=description,
        conditions=tuple(normal([conditions] if isinstance(conditions, Mapping) else conditions)),
        actions=tuple({"params": {}, **action} for action in actions),
    )


def wrong_parts(raw: Mapping[str, Any]) -> dict[str, str]:
    """Everything that is wrong with a rule, by its place (conditions.1.any.0.value): where `validate` stops at the first of a
    condition or action, this goes on to the next. Empty: it is valid."""
    try:
        validate(raw)
    except Invalid as error:
        found = dict(error.fields)
    else:
        return {}
    conditions, actions = raw.get("conditions"), raw.get("actions")
    for at, one in _leaves([conditions] if isinstance(conditions, Mapping) else conditions, "conditions"):
        try:
            compile_node(one, at=at)
        except Invalid as error:
            found.update(error.fields)
    for number, one in enumerate(actions if isinstance(actions, list | tuple) else ()):
        try:
            compile_action(one, at=f"actions.{number}")
        except Invalid as error:
            found.update(error.fields)
    return found


def _leaves(raw: object, at: str) -> Iterator[tuple[str, object]]:
    """Every condition with its place, whatever group it is in."""
    if isinstance(raw, list | tuple):
        for number, one in enumerate(raw):
            yield from _leaves(one, f"{at}.{number}")
    elif isinstance(raw, Mapping) and (kinds := [kind for kind in ("all", "any", "not") if kind in raw]):
        yield from _leaves(raw[kinds[0]], f"{at}.{kinds[0]}")
    else:
        yield at, raw


def compile_rule(
    rule_id: str,
    *,
    name: str,
    version: int,
    conditions: Mapping[str, Any] | Sequence[Any],
    actions: Sequence[Any],
    priority: int = 0,
) -> Compiled:
    """Turn a stored rule into closures.

    Raises:
        Invalid: it no longer reads; whoever loads it leaves it out and says so.
    """
    tests, deeds = _compile_parts(conditions, actions)
    return Compiled(
        id=rule_id,
        name=name,
        version=version,
        conditions=tests,
        actions=deeds,
        written={"conditions": conditions, "actions": actions},
        priority=priority,
    )


def _compile_parts(
    conditions: Mapping[str, Any] | Sequence[Any], actions: Sequence[Any]
) -> tuple[tuple[Node, ...], tuple[Action, ...]]:
    return (
        compile_all(conditions, at="conditions"),
        tuple(compile_action(raw, at=f"actions.{number}") for number, raw in enumerate(actions)),
    )


Untold = tuple[Test, dict[str, Any]]
"""A condition's test, and what the trace says where it fails."""


class Promising(NamedTuple):
    positions: tuple[int, ...]
    untold: tuple[tuple[Untold, ...], ...]
    """For each of them its conditions that are not known to hold by what it was found by."""
    first_others: tuple[int, ...]
    """The first of those that cannot hold."""
    first_misses: tuple[dict[str, Any], ...]
    """What the trace says of these. Shared between decisions."""


class RuleSet:
    """Compiled rules in the order they are tried, found by what an alert has instead of being tried one by one.

    A rule that asks for `alert.territory equals riverside` is only tried for Riverside's alerts, one that looks for a
    pattern in `metadata.campaign` only for alerts that have a campaign. What is left for each combination is worked out
    once: at 200 rules that is the difference between trying all of them for each alert and trying a handful.
    """

    def __init__(self, rules: Sequence[Compiled]) -> None:
        self.rules = tuple(rules)
        self._needs = [tuple(_needed(rule)) for rule in self.rules]
        self._narrows = [tuple(_narrowed(rule)) for rule in self.rules]
        named = Counter(path for needs in self._needs for path in dict(needs) if path not in INDEXED)
        self._present = [(path, fields.reader(path)) for path, _ in named.most_common(_MOST_PATHS)]
        self._untold = [tuple(_untold(rule)) for rule in self.rules]
        self._passing = {path: _Passing(self._narrows, path) for path in INDEXED}
        self._needing = {path: _mask(path in dict(needs) for needs in self._needs) for path in {*INDEXED, *named}}
        self._cache: dict[tuple[Any, ...], Promising] = {}
        self.reads = {name for rule in self.rules for name in _read(rule)}
        """The namespaces some rule reads: what nobody reads is not loaded."""

    def __len__(self) -> int:
        return len(self.rules)

    def promising(self, facts: Facts) -> Promising:
        """The rules that may hold, and for each of the others what the trace says."""
        alert = facts["alert"]
        key = (
            *[alert.get(name) for _, name in INDEXED],
            *[read(facts) is None for _, read in self._present],
        )
        found = self._cache.get(key)
        if found is None:
            found = self._work_out(key)
            if len(self._cache) < _MOST_KEPT:
                self._cache[key] = found
        return found

    def tried(self, facts: Facts) -> Iterator[tuple[int, Compiled, dict[str, Any] | None]]:
        """Every promising rule in order, with what the trace says of its failing; None when it holds."""
        promising = self.promising(facts)
        for position, untold in zip(promising.positions, promising.untold, strict=True):
            yield position, self.rules[position], first_miss(untold, facts)

    def _work_out(self, key: tuple[Any, ...]) -> Promising:
        """By sets of rules as bits of a number: two hundred rules, or two thousand, are looked through in a handful of steps."""
        values = dict(zip(INDEXED, key, strict=False))
        missing = {path for (path, _), none in zip(self._present, key[len(INDEXED) :], strict=True) if none}
        missing |= {path for path, value in values.items() if value is None}
        every = (1 << len(self.rules)) - 1
        left = every
        for path, value in values.items():
            left &= self._passing[path].of(value)
        for path in missing:
            left &= ~self._needing[path]
        positions = tuple(_bits(left))
        others = tuple(islice(_bits(every & ~left), _FIRST))
        return Promising(
            positions=positions,
            untold=tuple(self._untold[position] for position in positions),
            first_others=others,
            first_misses=tuple(self._miss(position, values, missing) for position in others),
        )

    def _miss(
        self, position: int, values: Mapping[tuple[str, ...], Any], missing: Set[tuple[str, ...]]
    ) -> dict[str, Any]:
        rule = self.rules[position]
        for path, allowed, number in self._narrows[position]:
            if values[path] not in allowed:
                return rule.misses[number]
        for path, number in self._needs[position]:
            if path in missing:
                return rule.misses[number]
        raise AssertionError("a rule that nothing speaks against is no miss")


class _Passing:
    """Which rules an indexed field's value lets through."""

    def __init__(self, narrows: Sequence[Sequence[tuple[tuple[str, ...], frozenset[str], int]]], path: tuple[str, ...]):
        self._free = 0
        self._of: dict[str, int] = {}
        for position, each in enumerate(narrows):
            allowed = [values for of, values, _ in each if of == path]
            if not allowed:
                self._free |= 1 << position
                continue
            for value in frozenset.intersection(*allowed):
                self._of[value] = self._of.get(value, 0) | 1 << position

    def of(self, value: Any) -> int:
        """As bits of a number."""
        return self._free | self._of.get(value, 0)


def _mask(each: Iterable[bool]) -> int:
    return sum(1 << position for position, one in enumerate(each) if one)


def _bits(number: int) -> Iterator[int]:
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def first_miss(untold: Iterable[Untold], facts: Facts) -> dict[str, Any] | None:
    """What the trace says of the first of these conditions that does not hold; None when all do."""
    for test, said in untold:
        if not test(facts):
            return said
    return None


def _untold(rule: Compiled) -> Iterator[Untold]:
    """The conditions that an alert's type, territory and priority do not decide."""
    for condition, said in zip(rule.conditions, rule.misses, strict=True):
        if not (isinstance(condition, Condition) and condition.narrow):
            yield condition.test, said


def _narrowed(rule: Compiled) -> Iterator[tuple[tuple[str, ...], frozenset[str], int]]:
    """(an indexed field, the only values of it that can pass, the number of the condition that says so)."""
    for number, condition in enumerate(rule.conditions):
        for path, allowed in condition.narrow:
            yield path, allowed, number


def _needed(rule: Compiled) -> Iterator[tuple[tuple[str, ...], int]]:
    """(a field without which the rule cannot hold, the number of the condition that says so)."""
    for number, condition in enumerate(rule.conditions):
        if isinstance(condition, Condition) and condition.needs_value:
            yield condition.path, number


def _read(rule: Compiled) -> Iterator[str]:
    """The namespaces a rule reads, in fields and in templates."""
    written = [str(value) for action in rule.actions for value in action.params.values()]
    for condition in leaves(rule.conditions):
        yield condition.path[0]
        written.append(str(condition.value))
    for name in ("property", "signals", "contact", "metadata"):
        if any(f"${{{name}" in text for text in written):
            yield name
