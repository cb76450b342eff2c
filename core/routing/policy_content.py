"""What is in a policy: rules, the house's and the teams' strategies, what alerts weigh, and changes of agents; read, checked, told.

As people write it: {rules: [...], defaultStrategy, fallbacks, units, teams: [{teamId, defaultStrategy, fallbacks}], agents:
[{agentId, ...what changes of the profile}]}. Rules are all there would be; a team or an agent not named stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic.alias_generators import to_camel, to_snake
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import load
from core.db.tables import Agent as AgentRow
from core.db.tables import Team as TeamRow
from core.db.tables import User
from core.errors import Invalid
from core.routing import chains, house_settings, presets, profiles, rule_book, rules
from core.routing.directory import Agent, Directory
from core.routing.rules import RuleSet, compile_rule
from core.routing.schedule import parse
from core.routing.state import House
from core.routing.strategies import LEAVE, STRATEGIES

PARTS = ("rules", "defaultStrategy", "fallbacks", "units", "teams", "agents")
OF_AGENT = tuple(name for name in profiles.FIELDS if name != "team_id")
"""What a policy may change of an agent, as `profiles` names it."""
_TITLES = {one.id: one.title for one in STRATEGIES.values()} | {LEAVE: "Left in the pool for whoever takes it"}
_SAID = {
    "available": "available",
    "max_concurrent_alerts": "capacity",
    "max_units": "capacity in units",
    "max_per_day": "alerts a day",
    "weight": "share of turns",
    "territories": "territories",
    "primary_territory": "home territory",
    "skills": "skills",
    "specializations": "specializations",
    "auto_assign": "gets alerts by itself",
    "preferred_alert_types": "preferred alerts",
    "schedule": "working hours",
}


def live(session: Session) -> dict[str, Any]:
    """The policy of the house as it stands."""
    settings = house_settings.get(session)
    teams = session.execute(select(TeamRow.id, TeamRow.default_strategy, TeamRow.fallbacks).order_by(TeamRow.id))
    return {
        "rules": [{"id": rule.id, **rule_book.text(rule)} for rule in rule_book.list_rules(session)],
        "defaultStrategy": settings.default_strategy,
        "fallbacks": settings.fallbacks,
        "units": settings.units,
        "teams": [
            {"teamId": team.id, "defaultStrategy": team.default_strategy, "fallbacks": list(team.fallbacks or ())}
            for team in teams
        ],
        "agents": [],
    }


def from_preset(session: Session, preset_id: str) -> dict[str, Any]:
    """The policy of the house with one preset rule more.

    Raises:
        Invalid: there is no such preset.
    """
    found = next((one for one in presets.PRESETS if one.id == preset_id), None)
    if found is None:
        known = ", ".join(one.id for one in presets.PRESETS)
        raise Invalid("There is no such preset.", fields={"startFrom": f"live, or one of {known}"})
    content = live(session)
    return content | {"rules": [*content["rules"], dict(found.rule)]}


def check(session: Session, raw: object) -> dict[str, Any]:
    """A policy as it is kept; parts that are left out are as the house has them.

    Raises:
        Invalid: naming each wrong field, as in rules.3.conditions, teams.0.fallbacks or agents.1.weight.
    """
    if not isinstance(raw, Mapping):
        raise Invalid("The policy is not valid.", fields={"content": "give an object"})
    wrong = {
        str(name)[:60]: f"there is no such part; a policy has {', '.join(PARTS)}" for name in raw if name not in PARTS
    }
    given = live(session) | {name: value for name, value in raw.items() if name in PARTS and value is not None}
    house = _chain_wrong(given) | load.wrong(given["units"])
    wrong |= {to_camel(name) if "." not in name else name: why for name, why in house.items()}
    checked_rules = list(_rules(given["rules"], wrong))
    teams = list(_teams(session, given["teams"], wrong))
    agents = list(_agents(session, given["agents"], wrong))
    if wrong:
        raise Invalid("The policy is not valid.", fields=wrong)
    units = {part: dict(given["units"].get(part) or {}) for part in ("priorities", "types")}
    return {
        "rules": checked_rules,
        "defaultStrategy": given["defaultStrategy"],
        "fallbacks": list(given["fallbacks"]),
        "units": units,
        "teams": teams,
        "agents": agents,
    }


def as_house(house: House, content: Mapping[str, Any]) -> House:
    """The house as it would be under this policy. Pure."""
    changed = {one["agentId"]: one for one in content["agents"]}
    directory = house.directory
    agents = [_agent(one, changed[one.id]) if one.id in changed else one for one in directory.agents]
    teams = dict(directory.teams)
    for one in content["teams"]:
        if one["teamId"] in teams:
            teams[one["teamId"]] = replace(
                teams[one["teamId"]],
                default_strategy=one["defaultStrategy"],
                fallbacks=tuple(one["fallbacks"]),
            )
    ordered = sorted(
        enumerate(content["rules"]), key=lambda one: (-one[1]["priority"], one[1].get("id") or "~", one[0])
    )
    return replace(
        house,
        directory=Directory(agents, teams=teams.values(), parents=directory.parents, names=directory.names),
        rules=RuleSet(
            [
                compile_rule(
                    rule.get("id") or f"draft-{number}",
                    name=rule["name"],
                    version=0,
                    priority=rule["priority"],
                    conditions=rule["conditions"],
                    actions=rule["actions"],
                )
                for number, rule in ordered
                if rule["enabled"]
            ]
        ),
        default_strategy=content["defaultStrategy"],
        fallbacks=tuple(content["fallbacks"]),
        units=load.read(content["units"]),
    )


def differences(session: Session, content: Mapping[str, Any]) -> list[str]:
    """What switching to it would change, in words; empty where nothing."""
    present = live(session)
    found = list(_rule_changes(present["rules"], content["rules"]))
    for name in ("defaultStrategy", "fallbacks"):
        if present[name] != content[name]:
            found.append(f"The whole house: {_chain(content)}; until now {_chain(present)}")
            break
    if present["units"] != content["units"]:
        found.append("What alerts weigh is changed")
    names = dict(session.execute(select(TeamRow.id, TeamRow.name)).all())
    before = {one["teamId"]: one for one in present["teams"]}
    found += [
        f"Team {names[one['teamId']]}: {_chain(one)}; until now {_chain(before[one['teamId']])}"
        for one in content["teams"]
        if one["teamId"] in before and one != before[one["teamId"]]
    ]
    return [*found, *_agent_changes(session, content["agents"])]


def _rules(given: object, wrong: dict[str, str]) -> Iterator[dict[str, Any]]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > rule_book.MOST_RULES:
        wrong["rules"] = f"a list of at most {rule_book.MOST_RULES}"
        return
    seen: set[str] = set()
    for number, one in enumerate(given):
        rule_id = one.get("id") if isinstance(one, Mapping) else None
        if rule_id is not None and (not isinstance(rule_id, str) or not 1 <= len(rule_id) <= 64 or rule_id in seen):
            wrong[f"rules.{number}.id"] = "an id of a stored rule, and each only once; leave it out for a new one"
            continue
        try:
            text = rule_book.columns(
                rules.validate(
                    {name: value for name, value in one.items() if name != "id"} if isinstance(one, Mapping) else one
                )
            )
        except Invalid as error:
            wrong.update({f"rules.{number}.{name}": why for name, why in error.fields.items()})
            continue
        if rule_id is not None:
            seen.add(rule_id)
            text = {"id": rule_id, **text}
        yield text


def _teams(session: Session, given: object, wrong: dict[str, str]) -> Iterator[dict[str, Any]]:
    known = set(session.scalars(select(TeamRow.id)))
    for at, one in _listed("teams", "teamId", given, known, wrong):
        unknown = [name for name in one if name not in ("teamId", "defaultStrategy", "fallbacks")]
        faults = _chain_wrong(one)
        wrong.update({f"{at}.{to_camel(name)}": why for name, why in faults.items()})
        wrong.update({f"{at}.{name}": "there is no such field" for name in unknown})
        if not faults and not unknown:
            yield {
                "teamId": one["teamId"],
                "defaultStrategy": one["defaultStrategy"],
                "fallbacks": list(one.get("fallbacks", [])),
            }


def _agents(session: Session, given: object, wrong: dict[str, str]) -> Iterator[dict[str, Any]]:
    known = set(session.scalars(select(AgentRow.id)))
    for at, one in _listed("agents", "agentId", given, known, wrong):
        changes = {to_snake(name): value for name, value in one.items() if name != "agentId"}
        unknown = [name for name in changes if name not in OF_AGENT]
        wrong.update({f"{at}.{to_camel(name)}": "this is not changed by a policy" for name in unknown})
        try:
            values = profiles.checked(session, {name: value for name, value in changes.items() if name in OF_AGENT})
        except Invalid as error:
            wrong.update({f"{at}.{_camel(name)}": why for name, why in error.fields.items()})
            continue
        if values:
            yield {"agentId": one["agentId"], **{to_camel(name): value for name, value in values.items()}}


def _chain_wrong(one: Mapping[str, Any]) -> dict[str, str]:
    default = one.get("defaultStrategy")
    return chains.wrong(default if isinstance(default, str) else "", one.get("fallbacks", []))


def _listed(
    part: str, key: str, given: object, known: set[str], wrong: dict[str, str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The items that name somebody who exists, each once."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        wrong[part] = "give a list"
        return
    seen: set[str] = set()
    for number, one in enumerate(given):
        named = one.get(key) if isinstance(one, Mapping) else None
        if not isinstance(named, str) or named not in known:
            wrong[f"{part}.{number}.{key}"] = (
                "there is nobody of this id" if part == "agents" else "there is no such team"
            )
        elif named in seen:
            wrong[f"{part}.{number}.{key}"] = "named twice"
        else:
            seen.add(named)
            assert isinstance(one, Mapping)
            yield f"{part}.{number}", one


def _camel(field: str) -> str:
    """The field's name as people write it, with what comes after a dot left alone."""
    name, dot, rest = field.partition(".")
    return to_camel(name) + dot + rest


_READ: dict[str, tuple[str, Any]] = {
    "maxConcurrentAlerts": ("capacity", int),
    "maxUnits": ("max_units", lambda value: value),
    "maxPerDay": ("max_per_day", lambda value: value),
    "weight": ("weight", float),
    "territories": ("territories", tuple),
    "primaryTerritory": ("primary_territory", lambda value: value),
    "skills": ("skills", dict),
    "specializations": ("specializations", frozenset),
    "available": ("available", bool),
    "autoAssign": ("auto_assign", bool),
    "preferredAlertTypes": ("preferred", frozenset),
    "schedule": ("week", parse),
}
"""As written -> as `Agent` has it."""


def _agent(agent: Agent, changes: Mapping[str, Any]) -> Agent:
    return replace(agent, **{_READ[name][0]: _READ[name][1](value) for name, value in changes.items() if name in _READ})


def _rule_changes(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    known = {rule["id"]: rule for rule in before}
    kept = {rule.get("id") for rule in after}
    for rule in after:
        old = known.get(rule.get("id", ""))
        if old is None:
            yield f"New rule “{rule['name']}”"
        elif {**rule} != {**old}:
            switched = {**old, "enabled": rule["enabled"]} == {**rule}
            how = ("switched on" if rule["enabled"] else "switched off") if switched else "changed"
            yield f"Rule “{old['name']}” is {how}"
    for rule_id, rule in known.items():
        if rule_id not in kept:
            yield f"Rule “{rule['name']}” is deleted"


def _agent_changes(session: Session, agents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = dict(session.execute(select(User.id, User.name)).all())
    for one in agents:
        if session.get(AgentRow, one["agentId"]) is None:
            continue
        profile = profiles.get(session, one["agentId"])
        told = []
        for field in _SAID:  # a stored object does not keep the order it was written in
            if to_camel(field) not in one or getattr(profile, field) == one[to_camel(field)]:
                continue
            value = one[to_camel(field)]
            if field == "available":
                told.append("back" if value else "away")
            elif isinstance(value, int | float | str) and not isinstance(value, bool):
                told.append(f"{_SAID[field]} {value:g}" if not isinstance(value, str) else f"{_SAID[field]} {value}")
            else:
                told.append(f"other {_SAID[field]}")
        if told:
            yield f"{names[one['agentId']]}: {', '.join(told)}"


def _chain(one: Mapping[str, Any]) -> str:
    return " → ".join(_TITLES.get(name, name) for name in (one["defaultStrategy"], *one["fallbacks"]))
