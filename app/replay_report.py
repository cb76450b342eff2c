"""What the line made of a replay: events, contacts, signals, alerts by type and priority, assignments by agent."""

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from app.wire_client import Client
from core.db import Database
from core.db.tables import Alert, Assignment, Contact, Event, Signal, User

_MOST_AGENTS = 15


@dataclass(frozen=True, kw_only=True)
class Report:
    totals: dict[str, int]
    alerts: dict[tuple[str, str], int]
    """(type, priority) to how many."""
    agents: dict[str, int]
    """Assignments by agent."""
    signals: dict[str, int] = field(default_factory=dict)


def by_database(url: str) -> Report:
    """Counted in the database itself."""
    database = Database(url)
    with database.read() as session:
        totals = {
            name: session.scalar(select(func.count()).select_from(model)) or 0
            for name, model in (
                ("events", Event),
                ("contacts", Contact),
                ("signals", Signal),
                ("alerts", Alert),
                ("assignments", Assignment),
            )
        }
        totals["machine events"] = session.scalar(select(func.count()).where(Event.is_machine)) or 0
        alerts = session.execute(
            select(Alert.alert_type, Alert.priority, func.count()).group_by(Alert.alert_type, Alert.priority)
        )
        agents = session.execute(
            select(User.name, func.count()).join(Assignment, Assignment.agent_id == User.id).group_by(User.name)
        )
        signals = session.execute(select(Signal.type, func.count()).group_by(Signal.type))
        report = Report(
            totals=totals,
            alerts={(kind, priority): count for kind, priority, count in alerts},
            agents={row[0]: row[1] for row in agents},
            signals={row[0]: row[1] for row in signals},
        )
    database.dispose()
    return report


def by_api(client: Client) -> Report:
    """Counted over the alerts the caller may see."""
    alerts: Counter[tuple[str, str]] = Counter()
    agents: Counter[str] = Counter()
    contacts: set[str] = set()
    cursor = ""
    while True:
        page = client.call("GET", f"/api/v1/alerts?limit=200{f'&cursor={cursor}' if cursor else ''}")
        for alert in page["items"]:
            alerts[alert["alertType"], alert["priority"]] += 1
            agents[alert.get("assignedAgentId") or "nobody"] += 1
            contacts.add(alert["userId"])
        cursor = page.get("nextCursor") or ""
        if not cursor:
            break
    return Report(
        totals={"alerts": alerts.total(), "contacts with an alert": len(contacts)},
        alerts=dict(alerts),
        agents=dict(agents),
    )


def show(report: Report, console: Console) -> None:
    totals = Table("what", "how many")
    for name, count in report.totals.items():
        totals.add_row(name, f"{count:,}")
    console.print(totals)
    if report.signals:
        signals = Table("signal", "how many")
        for name, count in sorted(report.signals.items(), key=lambda item: -item[1]):
            signals.add_row(name, f"{count:,}")
        console.print(signals)
    alerts = Table("alert type", "priority", "how many")
    for (kind, priority), count in sorted(report.alerts.items()):
        alerts.add_row(kind, priority, f"{count:,}")
    console.print(alerts)
    agents = Table("agent", "assignments")
    ranked = sorted(report.agents.items(), key=lambda item: (-item[1], item[0]))
    for name, count in ranked[:_MOST_AGENTS]:
        agents.add_row(name, f"{count:,}")
    if len(ranked) > _MOST_AGENTS:
        rest = ranked[_MOST_AGENTS:]
        agents.add_row(f"{len(rest)} more, {rest[-1][1]} to {rest[0][1]} each", f"{sum(count for _, count in rest):,}")
    console.print(agents)
