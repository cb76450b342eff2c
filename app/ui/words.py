"""What the screens say: types, states, money, shares and times as a person reads them."""

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.ui import queries
from core.views import card
from core.words import TRANSACTION_OF, DeclineReason, DismissReason, Intent, Outcome, PoolReason, Priority, Role, Status

PRIORITY = {
    Priority.CRITICAL: "Critical",
    Priority.HIGH: "High",
    Priority.MEDIUM: "Medium",
    Priority.LOW: "Low",
}
STATUS = {
    Status.NEW: "New",
    Status.ACKNOWLEDGED: "Acknowledged",
    Status.IN_PROGRESS: "In progress",
    Status.CONTACTED: "Contacted",
    Status.CONVERTED: "Converted",
    Status.DISMISSED: "Dismissed",
    Status.EXPIRED: "Expired",
}
ROLE = {Role.AGENT: "Agent", Role.MANAGER: "Manager", Role.ADMIN: "Admin"}
DISMISS = {
    DismissReason.NO_INTEREST: "No interest",
    DismissReason.DUPLICATE: "Duplicate of another alert",
    DismissReason.UNREACHABLE: "Could not be reached",
    DismissReason.WRONG_PERSON: "Wrong person",
    DismissReason.OTHER: "Something else",
}
DECLINE = {
    DeclineReason.TOO_BUSY: "I have too much to do now",
    DeclineReason.NOT_MY_AREA: "Not my area",
    DeclineReason.NOT_MY_KIND: "Not my kind of client or deal",
    DeclineReason.CONFLICT_OF_INTEREST: "I know them too well: somebody else should",
    DeclineReason.GOING_AWAY: "I am about to be away",
    DeclineReason.OTHER: "Something else (say what below)",
}
TRANSACTIONS = {
    "sale": "Sale",
    "purchase": "Purchase",
    "refinance": "Refinance",
    "investment": "Investment",
}
STEP = {"new": "Opened", "acknowledged": "Acknowledged", "contacted": "Contacted", "converted": "Converted"}
_OUTCOME = {
    Outcome.TRUE_POSITIVE: "The alert was right",
    Outcome.FALSE_POSITIVE: "The alert was wrong",
    Outcome.PENDING: "Not known yet",
    Outcome.EXPIRED: "Not known: it ran out",
}
_CHANCE = {
    Intent.LIKELY_TO_SELL: "Sells in 180 days",
    Intent.LIKELY_TO_BUY: "Buys in 180 days",
    Intent.REFINANCE_OPPORTUNITY: "Refinances in 90 days",
    Intent.INVESTMENT_INTEREST: "Invests in 180 days",
}
_POOL = {
    PoolReason.NOT_ROUTED_YET: "being handed out now",
    PoolReason.NOBODY_ON_DUTY: "nobody is on duty",
    PoolReason.NOBODY_ELSE: "nobody else can take it",
    PoolReason.NO_AGENTS: "there are no agents yet",
    PoolReason.LEFT_TO_CLAIM: "it is meant to be taken from the pool",
    PoolReason.OWNER_AWAY: "its owner is away",
    PoolReason.OWNER_LEFT: "its owner has left",
    PoolReason.REOPENED: "it was reopened",
    PoolReason.OVER_CAPACITY: "its owner was full",
    PoolReason.DECLINED: "whoever had it declined, and nobody else is free",
    PoolReason.CLAIM_EXPIRED: "whoever claimed it did not act in time",
    PoolReason.PUT_BACK: "a manager put it there to be claimed",
    PoolReason.BOOKS_DISAGREED: "its records were put right",
}
_EXCLUDED = {
    "inactive": "no longer active",
    "unavailable": "switched to unavailable",
    "no_auto_assign": "take no automatic alerts",
    "no_capacity": "have a capacity of 0",
    "time_off": "are on time off",
    "holiday": "have an office holiday",
    "off_duty": "are outside their working hours",
    "paused": "are paused because nobody could reach them",
    "at_capacity": "are at capacity",
    "day_full": "had all they take in a day",
    "left_out": "had it before or were left out",
    "out_of_reach": "do not cover this territory or skill",
}

_ONE = {"are ": "is ", "take ": "takes ", "have ": "has ", "do not ": "does not "}
"""Verbs of several to those of one."""


def type_words(alert_type: str) -> str:
    """What people call a type: of the four in their words, a team's own by the name it was given."""
    own = None if alert_type in set(Intent) else queries.own_types().get(alert_type)
    return own[0] if own else card.type_words(alert_type)


def plain(text: str) -> str:
    """A person's own words, safe inside Markdown: nothing in them is formatting, a link or an image."""
    special = "\\`*_{}[]()#+-.!|<>~$:&"
    return "".join(f"\\{letter}" if letter in special else letter for letter in " ".join(text.split()))


def transaction_of(alert_type: str) -> str:
    """The kind of deal this type of alert leads to."""
    return TRANSACTION_OF.get(Intent(alert_type), "sale") if alert_type in set(Intent) else "sale"


def chance(alert_type: str) -> str:
    """What the probability is the probability of."""
    if alert_type in set(Intent):
        return _CHANCE[Intent(alert_type)]
    own = queries.own_types().get(alert_type)
    return f"Happens in {plural(own[1], 'day')}" if own else "Happens in time"


def pool_reason(reason: str | None) -> str:
    """Why nobody owns it, in words."""
    if not reason:
        return "waits for an owner"
    return _POOL[PoolReason(reason)] if reason in set(PoolReason) else "waits for an owner"


def excluded(code: str, number: int) -> str:
    """How many agents were not asked, and why: `5 agents are on time off`, `1 agent is on time off`."""
    why = _EXCLUDED.get(code, code.replace("_", " "))
    if number == 1:
        verb = next((many for many in _ONE if why.startswith(many)), "")
        why = _ONE.get(verb, "") + why.removeprefix(verb)
    return f"{plural(number, 'agent')} {why}"


def territory(territory_id: str | None) -> str:
    """A territory's id as a place's name: oak-park is Oak Park."""
    return (territory_id or "").replace("_", " ").replace("-", " ").title()


def dismiss_reason(code: str | None) -> str:
    return DISMISS[DismissReason(code)].lower() if code in set(DismissReason) else sentence(code).lower()


def status(code: str) -> str:
    return STATUS[Status(code)]


def day(day: date) -> str:
    """2 Mar 2026."""
    return f"{day.day} {day:%b %Y}"


def outcome(code: str, *, converted: bool) -> str:
    if converted:
        return "Converted"
    return _OUTCOME.get(Outcome(code), sentence(code)) if code in set(Outcome) else sentence(code)


def group(code: str) -> str:
    """A priority, or all of them."""
    return "All" if code == "all" else PRIORITY.get(Priority(code), code) if code in set(Priority) else code


def odds(contribution: float) -> str:
    """A log-odds contribution as a factor: odds × 2.4, or odds ÷ 1.3."""
    factor = math.exp(min(abs(contribution), 20))
    return f"odds {'×' if contribution >= 0 else '÷'} {factor:,.1f}"


def chance_of(log_odds: float) -> str:
    """The chance that log-odds mean: 35%, and never 0% or 100%."""
    share = 1 / (1 + math.exp(-min(max(log_odds, -700), 700)))
    return "under 0.1%" if share < 0.001 else "over 99%" if share > 0.99 else percent(share)


def sentence(code: str | None) -> str:
    """A stored word such as `owner_off_duty`, as text."""
    return (code or "").replace("_", " ").strip().capitalize()


def percent(share: float | None) -> str:
    """0.784 -> 78%; small shares keep a decimal so that 0.4% is not 0%."""
    if share is None:
        return "–"
    return f"{share * 100:.1f}%" if 0 < share < 0.0995 else f"{share * 100:.0f}%"


def percent_range(low: float, high: float) -> str:
    if high < 0.0995:
        return f"{low * 100:.1f}–{high * 100:.1f}%"
    return f"{low * 100:.0f}–{high * 100:.0f}%"


def lift(times: float) -> str:
    """How often more than the team's usual rate: "8× the usual"."""
    return f"{times:.0f}× the usual" if times >= 9.95 else f"{times:.1f}× the usual".replace(".0×", "×")


def money(value: float | None) -> str:
    """US dollars: $450,000, or $1.25M from a million on."""
    if value is None:
        return "–"
    sign = "−" if value < 0 else ""
    if abs(value) >= 1_000_000:
        return f"{sign}${abs(value) / 1_000_000:.2f}M"
    return f"{sign}${abs(value):,.0f}"


def number(value: float | None) -> str:
    """A feature's value: 10, 3.5 or 1,200."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.2f}".rstrip("0")
    return str(value)


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 alert`, `3 alerts`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; empty of nothing."""
    return "".join(parts) if len(parts) < 2 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def exact(at: datetime | None, timezone: str) -> str:
    """Mon 2 Mar 2026, 09:00 CST, in the viewer's zone."""
    if at is None:
        return "–"
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"


def short(at: datetime | None, timezone: str, *, now: datetime) -> str:
    """The day is left out when it is today."""
    if at is None:
        return "–"
    zone = ZoneInfo(timezone)
    local = at.astimezone(zone)
    if local.date() == now.astimezone(zone).date():
        return f"{local:%H:%M}"
    return f"{local:%a} {local.day} {local:%b, %H:%M}"


def span(seconds: float) -> str:
    """40 s, 12 min, 3 h 20 min, 4 days."""
    seconds = max(seconds, 0)
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 36:
        return f"{hours} h {rest} min" if rest and hours < 10 else f"{hours} h"
    return f"{round(seconds / 86400)} days"


def ago(at: datetime | None, *, now: datetime) -> str:
    """`12 min ago`, `just now`."""
    if at is None:
        return "never"
    passed = (now - at).total_seconds()
    return "just now" if passed < 45 else f"{span(passed)} ago"


def snooze_until(choice: str, timezone: str, *, now: datetime) -> datetime:
    """When an alert snoozed for `hour`, `tomorrow` or `week` comes back: mornings are 9:00 in the viewer's zone."""
    if choice == "hour":
        return now + timedelta(hours=1)
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    days = 1 if choice == "tomorrow" else 7 - today.weekday()
    morning = datetime.combine(today + timedelta(days=days), datetime.min.time(), zone).replace(hour=9)
    return morning.astimezone(now.tzinfo)
