"""Making a policy live in one transaction, and taking that back exactly, unless somebody changed something of it since.

It writes the tables that routing, the rules page and the experiments read: rules, the routing setting, teams and agents.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic.alias_generators import to_snake
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import Policy, Team, User
from core.errors import Conflict
from core.routing import house_settings, policies, policy_content, profiles, rule_book, teams
from core.routing.capacity import lock, take_turn
from core.routing.policies import DRAFT, LIVE, RETIRED, StoredPolicy
from core.viewer import Viewer

_HOUSE = ("default_strategy", "fallbacks", "units")


def switch(session: Session, policy_id: str, *, version: int | None, viewer: Viewer, now: datetime) -> StoredPolicy:
    """Hand out by this policy from the next alert on; alerts that somebody has stay where they are.

    Raises:
        NotFound: there is no such policy.
        Invalid: it no longer fits the house (an agent or team is gone), naming each wrong field.
        Conflict: it is live already, or not at this version any more.
    """
    policies.needs_admin(viewer)
    take_turn(session)
    found = policies.get(session, policy_id)
    if found.status == LIVE:
        raise Conflict("It is live already.")
    content = policy_content.check(session, found.content)
    before = _snapshot(session, content)
    live = next((one for one in policies.list_policies(session) if one.status == LIVE), None)
    if live is not None:
        policies.move(session, live, version=None, now=now, status=RETIRED)
    _write(session, content, viewer=viewer, now=now)
    undo = {"before": before, "after": _snapshot(session, content), "replaced": live.id if live else None}
    policies.move(session, found, version=version, now=now, status=LIVE, switched_at=now, undo=undo)
    return policies.done(session, "policy.switch", policy_id, before=found, viewer=viewer, now=now)


def undo(session: Session, policy_id: str, *, version: int | None, viewer: Viewer, now: datetime) -> StoredPolicy:
    """Put back what was before the switch; the policy is a draft again.

    Raises:
        NotFound: there is no such policy.
        Conflict: it is not live, or somebody changed something since, which is named.
    """
    policies.needs_admin(viewer)
    take_turn(session)
    found = policies.get(session, policy_id)
    kept = session.scalar(select(Policy.undo).where(Policy.id == policy_id))
    if found.status != LIVE or kept is None:
        raise Conflict("It is not live: there is nothing to take back.")
    changed = list(_changed(session, kept["after"], _snapshot(session, found.content)))
    if changed:
        raise Conflict(
            f"Somebody changed something since: {'; '.join(changed)}. Change that back first, or change by hand."
        )
    _restore(session, kept["before"], viewer=viewer, now=now)
    policies.move(session, found, version=version, now=now, status=DRAFT, undo=None)
    replaced = kept["replaced"]
    if replaced and (one := next((one for one in policies.list_policies(session) if one.id == replaced), None)):
        policies.move(session, one, version=None, now=now, status=LIVE)
    return policies.done(session, "policy.undo", policy_id, before=found, viewer=viewer, now=now)


def _snapshot(session: Session, content: Mapping[str, Any]) -> dict[str, Any]:
    """All that the policy may write, as it is now."""
    settings = house_settings.get(session)
    stored = {one["teamId"]: one for one in policy_content.live(session)["teams"]}
    agents = {}
    for one in content["agents"]:
        profile = profiles.get(session, one["agentId"])
        agents[one["agentId"]] = {to_snake(name): getattr(profile, to_snake(name)) for name in one if name != "agentId"}
    return {
        "rules": {
            rule.id: {"version": rule.version, "text": rule_book.text(rule)} for rule in rule_book.list_rules(session)
        },
        "house": {name: getattr(settings, name) for name in _HOUSE},
        "teams": {one["teamId"]: stored[one["teamId"]] for one in content["teams"] if one["teamId"] in stored},
        "agents": agents,
    }


def _write(session: Session, content: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> None:
    actor_id = viewer.user_id or None
    present = {rule.id: rule for rule in rule_book.list_rules(session)}
    kept = {rule.get("id") for rule in content["rules"]}
    for rule_id in present.keys() - kept:
        rule_book.remove(session, rule_id, version=None, actor_id=actor_id, now=now)
    for rule in content["rules"]:
        text = {name: value for name, value in rule.items() if name != "id"}
        stored = present.get(rule.get("id", ""))
        if stored is None:
            rule_book.add(session, text, actor_id=actor_id, now=now)
        elif rule_book.text(stored) != text:
            rule_book.replace(session, stored.id, text, version=None, actor_id=actor_id, now=now)
    house = {
        "default_strategy": content["defaultStrategy"],
        "fallbacks": content["fallbacks"],
        "units": content["units"],
    }
    _put_rest(
        session,
        house,
        {one["teamId"]: one for one in content["teams"]},
        {
            one["agentId"]: {to_snake(name): value for name, value in one.items() if name != "agentId"}
            for one in content["agents"]
        },
        viewer=viewer,
        now=now,
    )


def _restore(session: Session, before: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> None:
    actor_id = viewer.user_id or None
    present = {rule.id: rule for rule in rule_book.list_rules(session)}
    for rule_id in present.keys() - before["rules"].keys():
        rule_book.remove(session, rule_id, version=None, actor_id=actor_id, now=now)
    for rule_id, was in before["rules"].items():
        if rule_id not in present:
            rule_book.put_back(session, rule_id, was["text"], version=was["version"] + 2, actor_id=actor_id, now=now)
        elif rule_book.text(present[rule_id]) != was["text"]:
            rule_book.replace(session, rule_id, was["text"], version=None, actor_id=actor_id, now=now)
    _put_rest(session, before["house"], before["teams"], before["agents"], viewer=viewer, now=now)


def _put_rest(
    session: Session,
    house: Mapping[str, Any],
    of_teams: Mapping[str, Mapping[str, Any]],
    agents: Mapping[str, Mapping[str, Any]],
    *,
    viewer: Viewer,
    now: datetime,
) -> None:
    """What differs is written; what does not leaves no trace in the audit."""
    settings = house_settings.get(session)
    if any(getattr(settings, name) != value for name, value in house.items()):
        house_settings.put(session, dict(house), viewer=viewer, now=now)
    for team_id, one in of_teams.items():
        wanted = {"default_strategy": one["defaultStrategy"], "fallbacks": one["fallbacks"]}
        team = teams.get(session, team_id)
        if any(getattr(team, name) != value for name, value in wanted.items()):
            teams.change(session, team_id, wanted, actor_id=viewer.user_id or None, now=now)
    lock(session, agents)
    for agent_id, changes in agents.items():
        profile = profiles.get(session, agent_id)
        if any(getattr(profile, name) != value for name, value in changes.items()):
            profiles.put(session, agent_id, changes, viewer=viewer, now=now)


def _changed(session: Session, after: Mapping[str, Any], present: Mapping[str, Any]) -> Iterator[str]:
    """What is not as the switch left it, in words."""
    for rule_id in after["rules"].keys() | present["rules"].keys():
        was, is_now = after["rules"].get(rule_id), present["rules"].get(rule_id)
        if was is None and is_now is not None:
            yield f"the rule “{is_now['text']['name']}” is new"
        elif was is not None and is_now is None:
            yield f"the rule “{was['text']['name']}” is deleted"
        elif was and is_now and was["text"] != is_now["text"]:
            yield f"the rule “{was['text']['name']}” is another"
    if after["house"] != present["house"]:
        yield "the house's strategies or weights"
    names = dict(session.execute(select(Team.id, Team.name)).all())
    for team_id, was in after["teams"].items():
        if was != present["teams"].get(team_id):
            yield f"the strategies of team {names.get(team_id, team_id)}"
    people = dict(session.execute(select(User.id, User.name)).all())
    for agent_id, fields in after["agents"].items():
        if fields != present["agents"].get(agent_id):
            yield f"the profile of {people.get(agent_id, agent_id)}"
