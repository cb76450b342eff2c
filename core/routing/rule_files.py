"""Rules and agents' profiles as files, JSON or YAML, in and out: people keep them, compare them and move them between houses.

A file is {"rules": [...], "agents": [...]}, or a list of rules alone. Taken in whole or not at all.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar

import orjson
import yaml
from pydantic.alias_generators import to_camel, to_snake
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import Agent
from core.errors import Invalid
from core.routing import capacity, profiles, rule_book, rules
from core.routing.rule_book import StoredRule
from core.viewer import Viewer

LARGEST = 1_000_000
"""Bytes."""
_ROOM = 110
_AGENT = (
    "agentId",
    "maxConcurrentAlerts",
    "maxUnits",
    "maxPerDay",
    "weight",
    "territories",
    "primaryTerritory",
    "skills",
    "specializations",
    "available",
    "autoAssign",
    "preferredAlertTypes",
    "schedule",
    "timezone",
)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a file did, or would do."""

    added: tuple[str, ...]
    """Names of rules."""
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    agents: tuple[str, ...]
    """Ids of the agents whose profile it writes."""


def parse(raw: bytes) -> Mapping[str, Any]:
    """Read a file; JSON is tried first, then YAML without aliases (so that no small file becomes a huge one).

    Raises:
        Invalid: it is too large, or neither, or holds something else.
    """
    if len(raw) > LARGEST:
        raise _refusal("file", f"at most {LARGEST:,} bytes")
    found = _read(raw)
    if isinstance(found, list):
        found = {"rules": found}
    if not isinstance(found, Mapping) or not set(found) & {"rules", "agents"}:
        raise _refusal("file", "give a list of rules, or an object with rules and agents")
    for name, value in found.items():
        if name not in ("rules", "agents", "version"):
            raise _refusal(str(name)[:60], "there is no such part; a file has rules and agents")
        if name != "version" and not isinstance(value, list):
            raise _refusal(name, "give a list")
    return found


def one(raw: bytes) -> Mapping[str, Any]:
    """Read the text of one rule, JSON or YAML; a list of one is taken too.

    Raises:
        Invalid: naming `text` where it is neither, or no rule.
    """
    try:
        found = _read(raw)
    except Invalid as error:
        raise Invalid("The text is not valid.", fields={"text": "; ".join(error.fields.values())}) from error
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, Mapping):
        raise Invalid("The text is not valid.", fields={"text": "write one rule: name, priority, conditions, actions"})
    return found


def take(session: Session, raw: bytes, *, replace: bool, viewer: Viewer, now: datetime) -> Taken:
    """Take a file in: a rule of a name that exists is changed, any other is added; profiles are written over what they name.

    Args:
        replace: rules that the file does not have are deleted.

    Raises:
        Invalid: naming the first wrong part, as in rules.3.conditions.0.field; nothing is to be committed then.
        DoorbellError: what `rule_book` and `profiles` raise.
    """
    given = parse(raw)
    texts = _texts(given.get("rules", ()))
    capacity.take_turn(session)
    before = _by_name(session)
    actor_id = viewer.user_id or None
    removed = [rule for name, rule in before.items() if name not in texts] if replace else []
    for rule in removed:
        rule_book.remove(session, rule.id, version=None, actor_id=actor_id, now=now)
    added, changed, unchanged = [], [], []
    for name, text in texts.items():
        if name not in before:
            rule_book.add(session, text, actor_id=actor_id, now=now)
            added.append(name)
        elif rule_book.text(before[name]) == text:
            unchanged.append(name)
        else:
            rule_book.replace(session, before[name].id, text, version=None, actor_id=actor_id, now=now)
            changed.append(name)
    agents = [_whose(one, at=f"agents.{number}") for number, one in enumerate(given.get("agents", ()))]
    capacity.lock(session, agents)
    return Taken(
        added=tuple(added),
        changed=tuple(changed),
        unchanged=tuple(unchanged),
        removed=tuple(rule.name for rule in removed),
        agents=tuple(
            _take_agent(session, one, at=f"agents.{number}", viewer=viewer, now=now)
            for number, one in enumerate(given.get("agents", ()))
        ),
    )


def export(session: Session, *, agents: bool) -> dict[str, Any]:
    """All rules in the order they are tried, and the profiles if asked for; `take` reads it back to the same."""
    found: dict[str, Any] = {
        "version": 1,
        "rules": [rule_book.text(rule) | {"name": name} for name, rule in _by_name(session).items()],
    }
    if agents:
        ids = session.scalars(select(Agent.id).order_by(Agent.id))
        each = [{to_camel(name): value for name, value in asdict(profiles.get(session, one)).items()} for one in ids]
        found["agents"] = [{name: profile[name] for name in _AGENT} for profile in each]
    return found


def as_yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)


def _read(raw: bytes) -> Any:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    else:
        return json.loads(raw, object_pairs_hook=_once)
    try:
        for event in yaml.parse(raw, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                raise _refusal("file", "aliases (*name) are not read; write the value out")
        return yaml.load(raw, Loader=_Loader)  # noqa: S506 (the safe one)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise _refusal("file", f"this is neither JSON nor YAML{where}") from error


def _once(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """An object whose names are told once: of two `conditions` the first would be lost without a word."""
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _refusal("file", f"“{str(name)[:60]}” is there twice in one object")
        found[name] = value
    return found


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe, and with the words of YAML 1.2: 09:30, 2026-03-02, 07030, no and on are text, as people mean them."""

    yaml_implicit_resolvers: ClassVar[dict[str | None, Any]] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        _once([(self.construct_object(name, deep=deep), None) for name, _ in node.value])
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+][0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def _texts(listed: Any) -> dict[str, dict[str, Any]]:
    """Rule name -> the rule as it is stored, in the order of the file."""
    texts: dict[str, dict[str, Any]] = {}
    for number, one in enumerate(listed):
        try:
            text = rule_book.columns(rules.validate(one))
        except Invalid as error:
            raise _inside(error, f"rules.{number}") from error
        if text["name"] in texts:
            raise _refusal(f"rules.{number}.name", "another rule of the file has this name")
        texts[text["name"]] = text
    return texts


def _by_name(session: Session) -> dict[str, StoredRule]:
    """In the order they are tried; of rules of one name the second is called "name (2)", and so on."""
    found: dict[str, StoredRule] = {}
    for rule in rule_book.list_rules(session):
        number, name = 1, rule.name
        while name in found:
            number += 1
            name = f"{rule.name[:_ROOM]} ({number})"
        found[name] = rule
    return found


def _take_agent(session: Session, raw: Any, *, at: str, viewer: Viewer, now: datetime) -> str:
    agent_id = _whose(raw, at=at)
    if unknown := sorted(set(raw) - set(_AGENT), key=str):
        raise _refusal(f"{at}.{unknown[0]}", f"there is no such field; a profile has {', '.join(_AGENT[1:])}")
    if session.get(Agent, agent_id) is None:
        raise _refusal(f"{at}.agentId", f"there is no agent “{agent_id[:64]}”")
    changes = {to_snake(name): value for name, value in raw.items() if name != "agentId"}
    try:
        profiles.put(session, agent_id, changes, viewer=viewer, now=now)
    except Invalid as error:
        raise _inside(error, at) from error
    return agent_id


def _whose(raw: Any, *, at: str) -> str:
    agent_id = raw.get("agentId") if isinstance(raw, Mapping) else None
    if not isinstance(agent_id, str):
        raise _refusal(f"{at}.agentId", "say whose profile it is")
    return agent_id


def _inside(error: Invalid, at: str) -> Invalid:
    return Invalid("The file is not valid.", fields={f"{at}.{name}": why for name, why in error.fields.items()})


def _refusal(at: str, why: str) -> Invalid:
    return Invalid("The file is not valid.", fields={at: why})
