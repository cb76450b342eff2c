"""The house as plain values and back, so that a decision can be worked out again long after the house has changed."""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from core.load import Units
from core.routing.directory import Agent, Directory, Result, Team
from core.routing.rules import RuleSet, compile_rule
from core.routing.state import House


def dump(house: House) -> tuple[str, bytes]:
    """(SHA-256 of the content, the content). Equal houses give equal content, whatever their version number."""
    directory = house.directory
    plain = {
        "agents": [{name: getattr(agent, name) for name in _AGENT} for agent in directory.agents],
        "teams": [{name: getattr(team, name) for name in _TEAM} for team in directory.teams.values()],
        "parents": directory.parents,
        "names": directory.names,
        "rules": [
            {"id": rule.id, "name": rule.name, "version": rule.version, "priority": rule.priority, **rule.written}
            for rule in house.rules.rules
        ],
        "default_strategy": house.default_strategy,
        "fallbacks": house.fallbacks,
        "units": {"priorities": house.units.priorities, "types": house.units.types},
        "zone": house.zone.key,
        "admin_ids": house.admin_ids,
    }
    text = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS, default=_plain)
    return hashlib.sha256(text).hexdigest(), zlib.compress(text)


def load(content: bytes, *, version: int) -> House:
    """The house of such content."""
    plain = orjson.loads(zlib.decompress(content))
    return House(
        version=version,
        directory=Directory(
            [Agent(**_read(agent)) for agent in plain["agents"]],
            teams=[Team(**_read(team)) for team in plain["teams"]],
            parents=plain["parents"],
            names=plain["names"],
        ),
        rules=RuleSet(
            [
                compile_rule(
                    rule["id"],
                    name=rule["name"],
                    version=rule["version"],
                    priority=rule["priority"],
                    conditions=rule["conditions"],
                    actions=rule["actions"],
                )
                for rule in plain["rules"]
            ]
        ),
        default_strategy=plain["default_strategy"],
        fallbacks=tuple(plain["fallbacks"]),
        units=Units(**plain["units"]),
        zone=ZoneInfo(plain["zone"]),
        admin_ids=tuple(plain["admin_ids"]),
    )


_AGENT = tuple(one.name for one in fields(Agent))
_TEAM = tuple(one.name for one in fields(Team))


def _plain(value: Any) -> Any:
    """What JSON has no kind for: sets in order, as two equal houses have them."""
    if isinstance(value, ZoneInfo):
        return value.key
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):  # with names
        return list(value)
    raise TypeError(f"a house holds no {type(value).__name__}")


def _off(spans: list[Any]) -> tuple[tuple[datetime, datetime, str | None], ...]:
    return tuple((datetime.fromisoformat(start), datetime.fromisoformat(end), cover) for start, end, cover in spans)


def _week(days: list[Any]) -> tuple[tuple[tuple[int, int], ...], ...]:
    return tuple(tuple((start, end) for start, end in spans) for spans in days)


_READ: dict[str, Callable[[Any], Any]] = {
    "territories": tuple,
    "fallbacks": tuple,
    "specializations": frozenset,
    "preferred": frozenset,
    "week": _week,
    "zone": ZoneInfo,
    "time_off": _off,
    "holidays": lambda days: frozenset(map(date.fromisoformat, days)),
    "results": lambda found: {kind: Result(*one) for kind, one in found.items()},
}
"""How values that JSON has no kind for are read back, by field."""


def _read(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _READ[name](value) if name in _READ else value for name, value in plain.items()}
