"""What is odd about a rule that is valid: it can never match, another takes all it would, or it names what is not there.

A doubt is told to whoever saves the rule; it never keeps them from saving.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import User
from core.db.tables.learning import AlertType
from core.routing import contradictions
from core.routing.actions import OWN_TERRITORY, Action
from core.routing.conditions import Condition, leaves
from core.routing.rules import Compiled
from core.routing.state import House, read, stored_rule
from core.words import Intent

_PLACES = frozenset({("alert", "territory"), ("contact", "territory"), ("property", "territory")})
_PEOPLE = frozenset({("alert", "assignedAgentId"), ("contact", "ownerAgentId"), ("metadata", "previousAgentId")})
MOST_TAKEN = 3
_FIXED = frozenset({"equals", "in"})


@dataclass(frozen=True, kw_only=True)
class Doubt:
    at: str
    """The part of the rule: conditions, conditions.2, actions.0.params.agentId, priority."""
    text: str
    """One plain sentence."""


def of_rules(session: Session, *, only: str | None = None) -> dict[str, list[Doubt]]:
    """Rule id -> what is odd about it, for every rule that has something odd.

    Args:
        only: this rule alone, also where it is not enabled; else every enabled one.
    """
    house = read(session)
    rules = house.rules.rules
    if only is not None:
        rules = tuple(rule for rule in rules if rule.id == only) or (stored_rule(session, only),)
    return of_some(session, rules, house=house)


def of_some(session: Session, rules: Iterable[Compiled], *, house: House) -> dict[str, list[Doubt]]:
    """Rule id -> what is odd about it among the house's rules, for those of these that have something odd."""
    types = [*Intent, *session.scalars(select(AlertType.id))]
    user_ids = frozenset(session.scalars(select(User.id).where(User.active)))
    each = ((rule.id, of_rule(rule, house=house, types=types, user_ids=user_ids)) for rule in rules)
    return {rule_id: found for rule_id, found in each if found}


def of_rule(rule: Compiled, *, house: House, types: Iterable[str], user_ids: frozenset[str]) -> list[Doubt]:
    """Everything odd about one rule, as it stands among the house's enabled ones (itself left out where it is there).

    Args:
        types: ids of the alert types there are.
        user_ids: everybody who can be told.
    """
    known = {**contradictions.KNOWN, ("alert", "type"): tuple(types)}
    found = list(_never(rule, known))
    if not found:
        found += _taken(rule, house.rules.rules, known)
    found += _missing_in_conditions(rule, house)
    found += _own_uncovered(rule, house)
    for number, action in enumerate(rule.actions):
        found += _missing_in_action(action, house, user_ids, at=f"actions.{number}.params")
    return found


def _never(rule: Compiled, known: contradictions.Known) -> Iterator[Doubt]:
    alone = [
        Doubt(at=f"conditions.{number}", text=f"This can never be true: {node.says}.")
        for number, node in enumerate(rule.conditions)
        if contradictions.never([node], known=known)
    ]
    yield from alone
    if not alone and contradictions.never(rule.conditions, known=known):
        yield Doubt(at="conditions", text="These conditions can never all be true at once, so the rule never applies.")


def _taken(rule: Compiled, rules: Sequence[Compiled], known: contradictions.Known) -> Iterator[Doubt]:
    """Which rule before it takes all that this one would, and whether it does so to one after it."""
    place = next((at for at, one in enumerate(rules) if one.id == rule.id), None)
    if place is None or not rule.assigns:
        return
    for other in rules[:place]:
        if other.assigns and contradictions.covered(rule.conditions, other.conditions, known=known):
            yield Doubt(
                at="priority",
                text=f"“{other.name}” is tried first and fits whenever this one does: this one only gets what that finds nobody for.",
            )
            break
    later = (
        other
        for other in rules[place + 1 :]
        if other.assigns and contradictions.covered(other.conditions, rule.conditions, known=known)
    )
    for other in islice(later, MOST_TAKEN):
        yield Doubt(
            at="priority",
            text=f"It is tried before “{other.name}” and fits whenever that does: that one only gets what this finds nobody for.",
        )


def _missing_in_conditions(rule: Compiled, house: House) -> Iterator[Doubt]:
    directory = house.directory
    for number, node in enumerate(rule.conditions):
        for condition in leaves((node,)):
            values = _fixed(condition)
            if condition.path in _PLACES:
                yield from _unknown(values, directory.knows_territory, "territory", at=f"conditions.{number}")
            elif condition.path in _PEOPLE:
                yield from _unknown(values, directory.by_id.__contains__, "agent", at=f"conditions.{number}")


def _missing_in_action(action: Action, house: House, user_ids: frozenset[str], *, at: str) -> Iterator[Doubt]:
    directory, params = house.directory, action.params
    if action.kind == "notify":
        for name in ("userId", "userIds", "agentId", "agentIds"):
            yield from _unknown(_texts(params.get(name)), user_ids.__contains__, "user", at=f"{at}.{name}")
        return
    for name in ("agentId", "agentIds"):
        wanted = _texts(params.get(name))
        yield from _unknown(wanted, directory.by_id.__contains__, "agent", at=f"{at}.{name}")
        for one in wanted:
            agent = directory.by_id.get(one)
            if agent is not None and not agent.active:
                yield Doubt(at=f"{at}.{name}", text=f"{agent.name} has left: nobody is found this way.")
    places = _texts(params.get("territory"))
    yield from _unknown(places, directory.knows_territory, "territory", at=f"{at}.territory")
    skills = _texts(params.get("requiredSkills", params.get("skills")))
    then = "all who have the skill are asked, near or far" if skills else "everybody is asked, near or far"
    if action.kind == "assign_to_territory":
        then = "nobody is found this way"
    for place in _uncovered(places, house):
        yield Doubt(at=f"{at}.territory", text=f"{_nobody_covers(place, house)}: {then}.")
    level = params.get("minLevel", 1)
    for skill in skills:
        if not directory.able(((skill, level),)):
            least = f" at level {level} or above" if level > 1 else ""
            yield Doubt(at=f"{at}.requiredSkills", text=f"Nobody has the skill “{skill}”{least}.")
    if len(skills) > 1 and not directory.able(tuple((skill, level) for skill in skills)):
        yield Doubt(at=f"{at}.requiredSkills", text="Nobody has all these skills together.")


def _own_uncovered(rule: Compiled, house: House) -> Iterator[Doubt]:
    """Areas whose alerts the rule takes and gives to whoever covers their own area, which nobody does."""
    asked = [one.params.get("territory", OWN_TERRITORY) for one in rule.actions if one.kind == "assign_to_territory"]
    if OWN_TERRITORY not in asked:
        return
    for number, node in enumerate(rule.conditions):
        if isinstance(node, Condition) and node.path == ("alert", "territory"):
            for place in _uncovered(_fixed(node), house):
                yield Doubt(
                    at=f"conditions.{number}", text=f"{_nobody_covers(place, house)}: its alerts find nobody this way."
                )


def _uncovered(places: Iterable[str], house: House) -> list[str]:
    """Those that exist, and that nobody active covers, nor what is around them."""
    directory = house.directory

    def is_covered(place: str) -> bool:
        people = (one for around in directory.around(place) for one in directory.covering(around))
        return any(directory.agents[position].active for position in people)

    return [place for place in places if directory.knows_territory(place) and not is_covered(place)]


def _nobody_covers(place: str, house: House) -> str:
    name, is_within = house.directory.place(place), len(house.directory.around(place)) > 1
    return f"Nobody covers {name}, nor what is around it" if is_within else f"Nobody covers {name}"


def _unknown(values: Iterable[str], is_known: Callable[[str], bool], what: str, *, at: str) -> Iterator[Doubt]:
    for value in values:
        if not is_known(value):
            yield Doubt(at=at, text=f"There is no {what} “{value}”.")


def _fixed(condition: Condition) -> list[str]:
    return _texts(condition.value) if condition.operator in _FIXED else []


def _texts(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, str) and one and "${" not in one]
