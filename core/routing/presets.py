"""Rules to start from: what brokerages commonly want, ready to be changed. Adding one is adding it to the list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Preset:
    id: str
    rule: Mapping[str, Any]
    """As people write it; `name` and `description` say what it is for."""


def _when(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def _skill(*skills: str, level: int = 1, territory: str | None = None) -> dict[str, Any]:
    params: dict[str, Any] = {"requiredSkills": list(skills), "minLevel": level}
    return {"type": "assign_by_skill", "params": params | ({"territory": territory} if territory else {})}


def _agent(template: str) -> dict[str, Any]:
    return {"type": "assign_to_agent", "params": {"agentId": template}}


_AREA = {"type": "assign_to_territory", "params": {}}
_TELL_MANAGER = {"type": "notify", "params": {"roles": ["manager"]}}
_TELL_ADMIN = {"type": "notify", "params": {"roles": ["admin"]}}
_SELLS = _when("alert.type", "equals", "LIKELY_TO_SELL")
_BUYS = _when("alert.type", "equals", "LIKELY_TO_BUY")


def _preset(
    preset_id: str, name: str, description: str, priority: int, conditions: list[Any], *actions: Mapping[str, Any]
) -> Preset:
    return Preset(
        id=preset_id,
        rule={
            "name": name,
            "priority": priority,
            "enabled": True,
            "description": description,
            "conditions": conditions,
            "actions": list(actions),
        },
    )


PRESETS: tuple[Preset, ...] = (
    _preset(
        "repeat_client",
        "Repeat clients to the agent they know",
        "Whoever answered this contact last gets them again, or that agent's cover.",
        900,
        [_when("metadata.previousAgentId", "exists", True)],
        _agent("${metadata.previousAgentId}"),
    ),
    _preset(
        "referral",
        "Referrals to the agent who brought them",
        "Contacts imported with the attribute referredBy (an agent's id).",
        890,
        [_when("contact.attributes.referredBy", "exists", True)],
        _agent("${contact.attributes.referredBy}"),
    ),
    _preset(
        "luxury",
        "Luxury homes to the luxury desk",
        "Homes over a million dollars, to people with the skill luxury at level 3 or above; the manager is told.",
        800,
        [_when("property.estimatedValue", "greater_than", 1_000_000)],
        _skill("luxury", level=3),
        _TELL_MANAGER,
    ),
    _preset(
        "relocation",
        "Relocations to the relocation specialist",
        "A life event (new job, new address) was reported for somebody about to sell or buy.",
        780,
        [_when("signals", "contains", "LIFE_EVENT"), {"any": [_SELLS, _BUYS]}],
        _skill("relocation"),
    ),
    _preset(
        "under_water",
        "Owners who owe more than the home is worth",
        "They need somebody who knows short sales.",
        770,
        [_SELLS, _when("property.equity", "less_than", 0)],
        _skill("short_sale"),
    ),
    _preset(
        "damage",
        "After damage or a permit, to the renovation specialist",
        "An insurance claim was reported: repair, or sell as it is.",
        760,
        [_when("signals", "contains", "INSURANCE_CLAIM")],
        _skill("renovation"),
    ),
    _preset(
        "many_homes",
        "Owners of several homes to the investment desk",
        "Three homes or more, whatever the alert is about; also every investment alert.",
        750,
        [{"any": [_when("property.count", "greater_than", 2), _when("alert.type", "equals", "INVESTMENT_INTEREST")]}],
        _skill("investment"),
    ),
    _preset(
        "refinance",
        "Refinancing to the mortgage desk",
        "Refinance alerts to people with the skill mortgage.",
        740,
        [_when("alert.type", "equals", "REFINANCE_OPPORTUNITY")],
        _skill("mortgage"),
    ),
    _preset(
        "first_home",
        "Buyers without a home to the first-home team",
        "Likely to buy, and no home of their own is known.",
        730,
        [_BUYS, _when("property.count", "equals", 0)],
        _skill("first_home"),
    ),
    _preset(
        "long_owned",
        "Long-time owners about to sell to experienced listers",
        "Owned for fifteen years or more: much equity, and a first sale after a long time.",
        720,
        [_SELLS, _when("property.yearsOwned", "greater_than", 15)],
        _skill("listing", level=3),
    ),
    _preset(
        "surest",
        "The surest alerts to the best closers",
        "Confidence above 85%, to people with the skill closing at level 4 or above.",
        600,
        [_when("alert.confidence", "greater_than", 0.85)],
        _skill("closing", level=4),
    ),
    _preset(
        "evenings",
        "Evenings and weekends to the duty desk",
        "From six in the evening to eight in the morning, and on weekends, urgent alerts go to people with the skill duty.",
        500,
        [
            _when("alert.priority", "in", ["CRITICAL", "HIGH"]),
            {
                "any": [
                    _when("time.isWeekend", "equals", True),
                    {"not": _when("time.clock", "between", ["08:00", "18:00"])},
                ]
            },
        ],
        _skill("duty"),
    ),
    _preset(
        "critical_told",
        "Tell the manager of every critical alert",
        "Only tells; the other rules go on deciding who gets it.",
        450,
        [_when("alert.priority", "equals", "CRITICAL")],
        _TELL_MANAGER,
    ),
    _preset(
        "neighbourhood",
        "Sellers to whoever covers the neighbourhood",
        "People who cover the alert's own area, then the city, then the region, whatever the team's usual way is.",
        300,
        [_SELLS, _when("alert.territory", "exists", True)],
        _AREA,
    ),
    _preset(
        "out_of_area",
        "Contacts outside our areas to the referral desk",
        "No territory is known: somebody with the skill referral_out passes them on, and an admin is told.",
        100,
        [_when("alert.territory", "exists", False)],
        _skill("referral_out"),
        _TELL_ADMIN,
    ),
)
