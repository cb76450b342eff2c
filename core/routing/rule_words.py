"""Rules as people say them: conditions, actions and whole rules in one sentence, and what changed between two versions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as held
from typing import Any

from core.routing import fields
from core.routing.field_kinds import Field, field
from core.routing.operators import WORDS as OPERATOR_WORDS

_TEMPLATE = re.compile(r"\$\{([^{}]+)\}")
_OF_TIMES = {"greater_than": "is after", "less_than": "is before"}
_DAYS = {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday"}  # fmt: skip
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")  # fmt: skip
_MOST_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Names:
    """How people call what rules name by id."""

    types: Mapping[str, str] = held(default_factory=dict)
    territories: Mapping[str, str] = held(default_factory=dict)
    users: Mapping[str, str] = held(default_factory=dict)
    signals: Mapping[str, str] = held(default_factory=dict)


def sentence(rule: Mapping[str, Any], names: Names) -> str:
    """When … → who; one readable line of a rule as people write it."""
    conditions = rule.get("conditions") or []
    when = "Always" if not conditions else f"When {all_of(conditions, names)}"
    return f"{when} → {deeds(rule.get('actions') or [], names)}"


def all_of(conditions: Mapping[str, Any] | Sequence[Any], names: Names) -> str:
    """Conditions of which all must hold, as one clause."""
    listed = [conditions] if isinstance(conditions, Mapping) else conditions
    alone = len(listed) == 1
    return " and ".join(condition(one, names, nested=not alone) for one in listed) or "nothing is asked"


def condition(raw: Any, names: Names, *, nested: bool = False) -> str:
    """One condition or group, as a clause."""
    if not isinstance(raw, Mapping):
        return "something that does not read"
    if "not" in raw:
        return f"not ({condition(raw['not'], names)})"
    for kind, word in (("all", " and "), ("any", " or ")):
        if kind in raw and isinstance(raw[kind], list | tuple):
            told = word.join(condition(one, names, nested=True) for one in raw[kind])
            return f"({told})" if nested and len(raw[kind]) > 1 else told
    return _leaf(raw, names)


def _leaf(raw: Mapping[str, Any], names: Names) -> str:
    of, there = field(str(raw.get("field", ""))), raw.get("value")
    if of.kind == "yes_no" and isinstance(there, bool) and raw.get("operator") in ("equals", "not_equals"):
        return f"it is {'' if there is (raw['operator'] == 'equals') else 'not '}the {_lower(of.label)}"
    return f"{_lower(of.label)} {asked(raw, names)}"


def asked(raw: Mapping[str, Any], names: Names) -> str:
    """What a condition asks of its field: "is above $900,000"."""
    of, operator = field(str(raw.get("field", ""))), str(raw.get("operator", ""))
    there = raw.get("value", True if operator == "exists" else None)
    if operator == "exists":
        return "is known" if there else "is not known"
    if there is None and operator in ("equals", "not_equals"):
        return "is empty" if operator == "equals" else "is not empty"
    if operator == "between" and isinstance(there, list) and len(there) == 2:
        return f"is between {value(there[0], of, names)} and {value(there[1], of, names)}"
    words = OPERATOR_WORDS.get(operator, operator.replace("_", " ") or "…")
    if of.kind in ("clock", "date"):
        words = _OF_TIMES.get(operator, words)
    if of.listed and operator == "contains":
        words = "include"
    return f"{words} {value(there, of, names)}"


def value(there: Any, of: Field, names: Names) -> str:
    """A value as people say it for this field."""
    if there is None:
        return "nothing"
    if isinstance(there, list | tuple):
        told = [value(one, of, names) for one in there[:_MOST_LISTED]]
        more = len(there) - len(told)
        last = f"{more} more" if more > 0 else told.pop() if told else "nothing"
        return f"{', '.join(told)} or {last}" if told else last
    if isinstance(there, str) and "${" in there:
        return template(there)
    if isinstance(there, bool):
        return "yes" if there else "no"
    if isinstance(there, int | float):
        return _number(there, of)
    named = {"type": names.types, "territory": names.territories, "agent": names.users, "signal": names.signals}
    if of.kind in named:
        return named[of.kind].get(there) or _spelled(there)
    if of.kind == "weekday":
        return _DAYS.get(there, str(there))
    if of.kind in ("priority", "status"):
        return _spelled(there)
    return f"“{there}”" if of.kind == "text" else str(there)


def template(text: str) -> str:
    """${metadata.previousAgentId} as the agent who has or had the contact."""

    def told(match: re.Match[str]) -> str:
        try:
            return f"the {_lower(field('.'.join(fields.canonical(match[1]))).label)}"
        except ValueError:
            return match[0]

    return _TEMPLATE.sub(told, text)


def deeds(actions: Sequence[Any], names: Names) -> str:
    """What becomes of an alert a rule fits: who gets it, then who is told."""
    known = [one for one in actions if isinstance(one, Mapping)]
    given = [deed(one, names) for one in known if one.get("type") != "notify"]
    told = [deed(one, names) for one in known if one.get("type") == "notify"]
    return "; ".join([*([", else ".join(given)] if given else []), *told]) or "nothing is done"


def deed(action: Mapping[str, Any], names: Names) -> str:
    """One action, as who gets the alert or who is told."""
    params = action.get("params") or {}
    kind = action.get("type")
    if kind == "assign_to_agent":
        return _people(params.get("agentId", params.get("agentIds")), names) or "nobody yet"
    if kind == "assign_to_territory":
        given = params.get("territory", "${alert.territory}")
        where = "the alert's territory" if given == "${alert.territory}" else _place(given, names)
        return f"whoever covers {where}"
    if kind == "assign_by_skill":
        return _skilled(params, names)
    if kind == "escalate":
        return "a colleague of the owner, and the manager is told"
    if kind == "notify":
        roles = {"manager": "the manager", "admin": "every admin"}
        people = [roles.get(str(one), str(one)) for one in params.get("roles", [params.get("role")]) if one]
        people += [
            _people(params[name], names) for name in ("userId", "userIds", "agentId", "agentIds") if params.get(name)
        ]
        return f"tell {' and '.join(people) or 'nobody yet'}"
    return str(kind or "nothing").replace("_", " ")


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, names: Names) -> list[str]:
    """What became of a rule between two of its texts, one sentence each; empty where nothing did."""
    if before is None or after is None:
        return []
    found = []
    if before["name"] != after["name"]:
        found.append(f"The name was “{before['name']}”, now “{after['name']}”.")
    if before["enabled"] != after["enabled"]:
        found.append("Switched on." if after["enabled"] else "Switched off.")
    if before["priority"] != after["priority"]:
        way = "up" if after["priority"] > before["priority"] else "down"
        found.append(f"Moved {way} in the order (priority {before['priority']:,} to {after['priority']:,}).")
    if before["description"] != after["description"]:
        found.append("Another description.")
    found += _parts("condition", _listed(before["conditions"]), _listed(after["conditions"]), names)
    found += _parts("action", _listed(before["actions"]), _listed(after["actions"]), names)
    return found


def why_not(raw: Mapping[str, Any], facts: fields.Facts, names: Names) -> str:
    """Why a condition does not hold for an alert: what was found, and what is asked."""
    if "field" not in raw:
        told = condition(raw, names)
        return f"this does hold: {told[5:-1]}" if "not" in raw else f"none of these holds: {told}"
    there = _found(raw, facts, names)
    whose = "they" if field(str(raw["field"])).listed else "it"
    return f"{there}; the rule asks that {whose} {asked(raw, names)}"


def why(conditions: Sequence[Any], facts: fields.Facts, names: Names) -> str:
    """What an alert shows of the fields a rule looks at."""
    found = list(dict.fromkeys(_found(leaf, facts, names) for leaf in _leaves(conditions)))
    more = len(found) - _MOST_LISTED
    return ", ".join([*found[:_MOST_LISTED], *([f"{more} more"] if more > 0 else [])]) or "the rule asks for nothing"


def _found(leaf: Mapping[str, Any], facts: fields.Facts, names: Names) -> str:
    of = field(str(leaf["field"]))
    there = fields.reader(fields.canonical(str(leaf["field"])))(facts)
    told = "not known" if there in (None, "", []) else value(there, of, names)
    return f"{_lower(of.label)} {'are' if of.listed else 'is'} {told}"


def _leaves(raw: Any) -> Iterator[Mapping[str, Any]]:
    for one in _listed(raw):
        if "field" in one:
            yield one
        else:
            yield from _leaves(one.get("all") or one.get("any") or one.get("not"))


def _parts(what: str, before: list[Any], after: list[Any], names: Names) -> list[str]:
    def told(one: Any) -> str:
        return condition(one, names) if what == "condition" else deed(one, names)

    gone = [one for one in before if one not in after]
    come = [one for one in after if one not in before]
    if len(gone) == len(come) == 1:
        return [f"{what.capitalize()} “{told(gone[0])}” became “{told(come[0])}”."]
    found = [f"{what.capitalize()} taken out: {told(one)}." for one in gone]
    found += [f"{what.capitalize()} added: {told(one)}." for one in come]
    if not found and before != after:
        found.append(f"The {what}s are in another order.")
    return found


def _listed(raw: Any) -> list[Any]:
    return [raw] if isinstance(raw, Mapping) else list(raw or [])


def _people(given: Any, names: Names) -> str:
    listed = given if isinstance(given, list) else [given]
    who = [
        template(one) if "${" in one else names.users.get(one, one) for one in listed if isinstance(one, str) and one
    ]
    return " or ".join(who)


def _place(given: Any, names: Names) -> str:
    text = str(given)
    return template(text) if "${" in text else names.territories.get(text) or _spelled(text)


def _skilled(params: Mapping[str, Any], names: Names) -> str:
    given = params.get("requiredSkills", params.get("skills", []))
    skills = [template(str(one)) for one in (given if isinstance(given, list) else [given]) if one]
    level, where = params.get("minLevel", 1), params.get("territory")
    near = f", from {_place(where, names)} first" if where else ""
    if not skills:
        return f"whoever is next by the usual way{near}"
    least = f" at level {level} or more" if isinstance(level, int) and level > 1 else ""
    return f"somebody with the skill {' and '.join(skills)}{least}{near}"


def _number(there: float, of: Field) -> str:
    if of.kind == "money":
        return f"{'−' if there < 0 else ''}${abs(there):,.0f}"
    if of.kind == "share":
        return f"{there * 100:.4g}%"
    if of.kind == "month" and isinstance(there, int) and 1 <= there <= 12:
        return _MONTHS[there - 1]
    written = f"{there:,.0f}" if float(there).is_integer() else f"{there:,.1f}"
    return f"{written} {'year' if there == 1 else 'years'}" if of.kind == "years" else written


def _spelled(code: str) -> str:
    return code.replace("_", " ").replace("-", " ").capitalize()


def _lower(label: str) -> str:
    return label if label[:2].isupper() else label[:1].lower() + label[1:]
