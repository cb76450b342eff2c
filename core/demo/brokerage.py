"""The made-up brokerage: territories, four teams, twenty-four agents, their managers, sign-ins and rules."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from core import passwords, versions
from core.db.tables import Agent, Holiday, Rule, Setting, Team, Territory, TimeOff, User
from core.generator.names import DISTRICTS, METRO, TERRITORIES, Area, areas
from core.routing import rules
from core.words import Role

ADMIN, MANAGER, AGENT = "admin@doorbell.test", "manager@doorbell.test", "agent@doorbell.test"

_OFFICE = {day: [["08:30", "12:30"], ["13:15", "17:30"]] for day in ("mon", "tue", "wed", "thu", "fri")}
_LATE = {day: [["11:00", "19:30"]] for day in ("tue", "wed", "thu", "fri")} | {"sat": [["09:00", "16:00"]]}
_WEEKEND = {day: [["09:00", "18:00"]] for day in ("thu", "fri", "sat", "sun", "mon")}
_ALWAYS: dict[str, Any] = {}
"""One desk a team answers at any hour, so that the demo rings whenever it is started."""
_SHIFTS = (_ALWAYS, _OFFICE, _OFFICE, _LATE, _OFFICE, _WEEKEND)

_AGENT_NAMES = (
    "Robin Calder,Imke Farrow,Teodor Lunde,Sunniva Marsh,Caspar Oyelle,Wilma Trent,"
    "Ottilie Brand,Dario Fenn,Maren Holt,Joss Ibarrow,Perla Quist,Anselm Rook,"
    "Yvaine Sorrel,Bram Tolliver,Livia Umber,Kasimir Vane,Nora Wexley,Piet Yarrow,"
    "Zofia Ambler,Rune Castell,Flora Dunmore,Ezra Elkin,Hedda Frost,Milan Garrick"
)
_MANAGER_NAMES = "Ines Albarrow,Hugo Stennis,Clara Wintle,Oskar Penhale"
_SKILLS = (
    {"seller": 5, "buyer": 3},
    {"seller": 4, "buyer": 4},
    {"buyer": 5, "seller": 2},
    {"refinance": 5, "seller": 2},
    {"investment": 5, "buyer": 3, "seller": 3},
    {"seller": 3, "buyer": 3, "refinance": 3, "investment": 2},
)

RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "Managers hear of critical alerts",
        "description": "Told beside the agent; this never decides who gets the alert.",
        "priority": 100,
        "conditions": [{"field": "alert.priority", "operator": "equals", "value": "CRITICAL"}],
        "actions": [{"type": "notify", "params": {"roles": ["manager"]}}],
    },
    {
        "name": "Own clients stay with their agent",
        "description": "A homeowner who has an agent of ours hears from that agent.",
        "priority": 90,
        "conditions": [{"field": "contact.ownerAgentId", "operator": "exists", "value": True}],
        "actions": [{"type": "assign_to_agent", "params": {"agentId": "${contact.ownerAgentId}"}}],
    },
    {
        "name": "Refinancing to the loan desk",
        "priority": 60,
        "conditions": [{"field": "alert.type", "operator": "equals", "value": "REFINANCE_OPPORTUNITY"}],
        "actions": [{"type": "assign_by_skill", "params": {"requiredSkills": ["refinance"], "minLevel": 3}}],
    },
    {
        "name": "Investors to the investment desk",
        "priority": 60,
        "conditions": [{"field": "alert.type", "operator": "equals", "value": "INVESTMENT_INTEREST"}],
        "actions": [{"type": "assign_by_skill", "params": {"requiredSkills": ["investment"], "minLevel": 3}}],
    },
    {
        "name": "Valuable homes to senior listing agents",
        "description": "Sellers of homes above 750,000 dollars, to a listing specialist near by.",
        "priority": 50,
        "conditions": [
            {"field": "alert.type", "operator": "equals", "value": "LIKELY_TO_SELL"},
            {"field": "alert.propertyValue", "operator": "greater_than", "value": 750000},
        ],
        "actions": [
            {
                "type": "assign_by_skill",
                "params": {"requiredSkills": ["seller"], "minLevel": 4, "territory": "${alert.territory}"},
            }
        ],
    },
)


def is_seeded(session: Session) -> bool:
    return bool(session.scalar(select(func.count()).select_from(User).where(User.email == ADMIN)))


def agent_ids() -> list[str]:
    """The demo's agents; the first is who signs in as agent@doorbell.test."""
    return [f"agent-{number:02d}" for number in range(1, 25)]


def seed(session: Session, *, password: str, now: datetime) -> None:
    """Write the whole house. Only the three demo accounts can sign in; the others have no password."""
    opened = now - timedelta(days=500)
    hashed = passwords.hash_password(password) if password else None  # given when the web process first greets
    districts = {area.id: area.name for area in areas() if area.id in DISTRICTS}
    session.execute(
        insert(Territory),
        [{"id": area.id, "name": area.name, "parent_id": area.parent, "zips": _zips(area)} for area in areas()],
    )
    session.execute(insert(User), list(_users(hashed, opened)))
    session.execute(
        insert(Team),
        [
            {
                "id": f"team-{district}",
                "name": districts[district],
                "manager_id": f"manager-{number}",
                "default_strategy": "territory",
                "created_at": opened,
            }
            for number, district in enumerate(DISTRICTS, start=1)
        ],
    )
    session.execute(insert(Agent), [_agent(number, now) for number in range(24)])
    session.execute(insert(TimeOff), list(_time_off(now)))
    session.execute(insert(Holiday), list(_holidays(now)))
    session.execute(insert(Rule), [_rule(number, raw, opened) for number, raw in enumerate(RULES, start=1)])
    # The alerts of the made-up history were nobody's work: the year's budget counts from now on.
    live = {"budgetSince": now.astimezone(UTC).isoformat()}
    session.execute(insert(Setting).values(key="thresholds", value=live, updated_at=now))
    versions.bump(session, "routing")


def _users(hashed: str | None, created_at: datetime) -> list[dict[str, Any]]:
    def user(id_: str, email: str, name: str, role: Role, timezone: str = "America/Chicago") -> dict[str, Any]:
        can_sign_in = email in (ADMIN, MANAGER, AGENT)
        return {
            "id": id_,
            "email": email,
            "name": name,
            "role": role,
            "password_hash": hashed if can_sign_in else None,
            "timezone": timezone,
            "active": True,
            "created_at": created_at,
        }

    users = [user("admin-1", ADMIN, "Ada Fairweather", Role.ADMIN)]
    for number, name in enumerate(_MANAGER_NAMES.split(","), start=1):
        email = MANAGER if number == 1 else f"manager{number}@doorbell.test"
        users.append(user(f"manager-{number}", email, name, Role.MANAGER))
    for number, name in enumerate(_AGENT_NAMES.split(","), start=1):
        email = AGENT if number == 1 else f"{name.lower().replace(' ', '.')}@doorbell.test"
        zone = {9: "America/New_York", 21: "America/Denver"}.get(number, "America/Chicago")
        users.append(user(f"agent-{number:02d}", email, name, Role.AGENT, zone))
    return users


def _agent(number: int, now: datetime) -> dict[str, Any]:
    """Six a team, two a territory; each also covers the next territory, the last of a team the whole district."""
    team, place = divmod(number, 6)
    members = TERRITORIES[team * 3 : team * 3 + 3]
    home, next_door = members[place % 3], members[(place + 1) % 3]
    covers = [home.id, next_door.id] if place < 5 else [area.id for area in members]
    skills = _SKILLS[(place + team) % len(_SKILLS)]
    best = max(skills, key=lambda skill: skills[skill])
    return {
        "id": f"agent-{number + 1:02d}",
        "team_id": f"team-{DISTRICTS[team]}",
        "available": True,
        "auto_assign": True,
        "max_concurrent_alerts": 12 if place else 15,
        "open_alerts": 0,
        "primary_territory": home.id,
        "territories": covers,
        "skills": skills,
        "specializations": [best],
        "preferred_alert_types": [],
        "schedule": _SHIFTS[place],
        "round_robin_at": 0.0,
        "updated_at": now,
    }


def _zips(area: Area) -> list[str]:
    """A neighborhood's own as a range, a district's tens, and the metropolis by their first three digits."""
    if area.zips:
        return [f"{area.zips[0]}-{area.zips[-1]}"]
    inside = sorted(zip_ for one in TERRITORIES if area.id in (one.parent, METRO) for zip_ in one.zips)
    if area.parent is None:
        return sorted({f"{zip_[:3]}*" for zip_ in inside})
    return [f"{inside[0][:4]}0-{inside[-1][:4]}9"]


def _midnight(now: datetime, days: int) -> datetime:
    """The start of a local day, so many days from today."""
    zone = ZoneInfo("America/Chicago")
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=days), time(), zone).astimezone(UTC)


def _time_off(now: datetime) -> list[dict[str, Any]]:
    def off(number: int, agent: int, first: int, last: int, cover: int | None, reason: str) -> dict[str, Any]:
        return {
            "id": f"demo-off-{number}",
            "agent_id": f"agent-{agent:02d}",
            "starts_at": _midnight(now, first),
            "ends_at": _midnight(now, last),
            "cover_agent_id": f"agent-{cover:02d}" if cover else None,
            "reason": reason,
        }

    return [
        off(1, 8, -2, 5, 10, "Holiday"),
        off(2, 15, -190, -176, 16, "Holiday"),
        off(3, 20, 12, 26, None, "Holiday"),
        off(4, 1, 19, 24, 2, "Family visit"),
        off(5, 4, -40, -33, 6, "Holiday"),
    ]


def _holidays(now: datetime) -> list[dict[str, Any]]:
    today = now.astimezone(ZoneInfo("America/Chicago")).date()
    return [
        {"id": "demo-holiday-1", "name": "Founders' day", "day": today + timedelta(days=30), "team_id": None},
        {"id": "demo-holiday-2", "name": "Harbor fair", "day": today + timedelta(days=9), "team_id": "team-harbor"},
    ]


def _rule(number: int, raw: dict[str, Any], now: datetime) -> dict[str, Any]:
    rule = rules.validate(raw)
    return {
        "id": f"demo-rule-{number}",
        "name": rule.name,
        "description": rule.description,
        "priority": rule.priority,
        "enabled": rule.enabled,
        "conditions": [dict(condition) for condition in rule.conditions],
        "actions": [dict(action) for action in rule.actions],
        "version": 1,
        "updated_at": now,
    }
