"""What a draft of a rule would do, before it does anything: the alerts of the last 30 days it would have caught, and where the
open ones would go now.

Looking back is pure: cases as they stood on opening, tried against the rules as they would be. Nobody's load of then is known,
so a rule before the draft counts as taking an alert whenever it fits.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import Alert, Contact
from core.routing import cases, doubts, reading, rule_words, rules
from core.routing.conditions import Group, Node
from core.routing.doubts import Doubt
from core.routing.rule_words import Names
from core.routing.rules import Compiled, NewRule, RuleSet, compile_rule
from core.routing.state import House, State
from core.routing.strategy import Case
from core.viewer import Viewer, alert_scope

DAYS = 30
MOST_PAST = 5_000
MOST_OPEN = 1_000
MOST_SHOWN = 20
MOST_EXAMPLES = 10
DRAFT = "draft"
"""The id a rule goes by until it has one of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the draft makes of alerts that are gone."""

    looked_at: int
    caught: tuple[str, ...]
    """Alert ids, as they came."""
    counts: tuple[tuple[str, str, int], ...]
    """(alert type, priority, how many), of those caught."""
    before: tuple[tuple[str, int], ...]
    """(name of a rule that is tried before and fits too, how many it takes), the greediest first."""
    missed: tuple[tuple[str, str], ...]
    """(alert id, why not), those that came nearest first."""

    @property
    def taken_before(self) -> int:
        return sum(number for _, number in self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One alert of the past, and why the draft would have caught it or not."""

    alert_id: str
    contact: str
    alert_type: str
    priority: str
    opened_at: datetime
    caught: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """Where one open alert would go if it were handed out again now."""

    alert_id: str
    contact: str
    alert_type: str
    priority: str
    agent: str | None
    """A name; None: into the pool."""
    owner: str | None
    """The name of who has it now."""
    by_draft: bool
    """Whether the draft decides it, not a rule before it or the strategy after it."""
    why: str
    """One plain sentence, as the agent would read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    days: int
    past: Past
    capped: bool
    """Only the newest alerts were looked at."""
    open_looked_at: int
    open_caught: int
    goes_to: tuple[tuple[str | None, int], ...]
    """(agent's name, or None for the pool; how many of the open alerts it fits), most first."""
    open: tuple[Going, ...]
    """The first of them."""
    examples: tuple[Example, ...]
    doubts: tuple[Doubt, ...]
    """What is odd about it, as it would stand among the others."""


def preview(
    session: Session,
    raw: object,
    *,
    rule_id: str | None,
    state: State,
    names: Names,
    viewer: Viewer,
    now: datetime,
) -> Preview:
    """Try a draft on what this viewer may see; writes nothing.

    Args:
        rule_id: the stored rule it stands for; None: it is a new one.

    Raises:
        Invalid: the draft does not read.
    """
    state.refresh(session)
    draft = rules.validate(raw)
    house = with_draft(state.house, draft, rule_id=rule_id)
    rule_id = rule_id or DRAFT
    made = next(rule for rule in house.rules.rules if rule.id == rule_id)
    since = now - timedelta(days=DAYS)
    lately = cases.as_opened(session, alert_scope(viewer), since=since, most=MOST_PAST, house=house, now=now)
    past = look_back(lately, house.rules, draft, rule_id=rule_id, names=names)
    going, looked_at = _going(session, house, rule_id=rule_id, state=state, viewer=viewer, now=now)
    who = _contacts(session, [*past.caught[:MOST_EXAMPLES], *(alert_id for alert_id, _ in past.missed)])
    return Preview(
        days=DAYS,
        past=past,
        capped=len(lately) == MOST_PAST,
        open_looked_at=looked_at,
        open_caught=len(going),
        goes_to=tuple(Counter(one.agent for one in going).most_common()),
        open=tuple(going[:MOST_SHOWN]),
        examples=_examples(lately, past, draft, who, names),
        doubts=tuple(doubts.of_some(session, [made], house=house).get(rule_id, ())),
    )


def with_draft(house: House, draft: NewRule, *, rule_id: str | None) -> House:
    """The house as it would be with this rule switched on, in its place: in the stead of the stored one, else after its equals."""
    made = compile_rule(
        rule_id or DRAFT,
        name=draft.name,
        version=0,
        conditions=draft.conditions,
        actions=draft.actions,
        priority=draft.priority,
    )
    others = [rule for rule in house.rules.rules if rule.id != rule_id]
    ahead = [
        rule
        for rule in others
        if rule.priority > draft.priority
        or (rule.priority == draft.priority and (rule_id is None or rule.id < rule_id))
    ]
    return replace(house, rules=RuleSet([*ahead, made, *others[len(ahead) :]]))


def look_back(known: Sequence[Case], tried: RuleSet, draft: NewRule, *, rule_id: str, names: Names) -> Past:
    """What the rule of this id catches of these cases, and what one before it takes of that. Pure."""
    made = next(rule for rule in tried.rules if rule.id == rule_id)
    caught: list[Case] = []
    before: Counter[str] = Counter()
    missed: list[tuple[int, str, str]] = []
    for case in known:
        fits, taken_by = _tried(case, tried, rule_id)
        if fits:
            caught.append(case)
            if taken_by is not None:
                before[taken_by.name] += 1
        elif failing := [number for number, node in enumerate(made.conditions) if not node.test(case.facts)]:
            first = failing[0]
            why = _why_not(draft.conditions[first], made.conditions[first], case, names)
            missed = sorted([*missed, (len(failing), case.alert_id, why)], key=lambda one: one[0])[:MOST_EXAMPLES]
    counts = Counter((case.alert_type, case.priority) for case in caught)
    return Past(
        looked_at=len(known),
        caught=tuple(case.alert_id for case in caught),
        counts=tuple((kind, priority, number) for (kind, priority), number in counts.most_common()),
        before=tuple(before.most_common()),
        missed=tuple((alert_id, why) for _, alert_id, why in missed),
    )


def _tried(case: Case, tried: RuleSet, rule_id: str) -> tuple[bool, Compiled | None]:
    """Whether the rule fits, and the first one before it that fits too and gives the alert to somebody."""
    before: Compiled | None = None
    for _, rule, miss in tried.tried(case.facts):
        if rule.id == rule_id:
            return miss is None, before
        if miss is None and before is None and rule.assigns:
            before = rule
    return False, None


def _why_not(raw: Mapping[str, Any], node: Node, case: Case, names: Names) -> str:
    """The innermost condition that does not hold, where all of a group must."""
    while isinstance(node, Group) and node.kind == "all":
        place = next(number for number, member in enumerate(node.members) if not member.test(case.facts))
        raw, node = raw["all"][place], node.members[place]
    return rule_words.why_not(raw, case.facts, names)


def _going(
    session: Session, house: House, *, rule_id: str, state: State, viewer: Viewer, now: datetime
) -> tuple[list[Going], int]:
    """Where the open alerts that the rule fits would go, and how many open ones were looked at."""
    open_ids = session.scalars(
        select(Alert.id)
        .where(Alert.closed_at.is_(None), alert_scope(viewer))
        .order_by(Alert.opened_at.desc(), Alert.id)
        .limit(MOST_OPEN)
    ).all()
    known = cases.load(session, open_ids, house=house, now=now)
    fitting = [known[each] for each in open_ids if each in known and _tried(known[each], house.rules, rule_id)[0]]
    found = reading.dry_run(session, fitting, house=house, state=state, now=now)
    who = _contacts(session, list(found))
    by_id = house.directory.by_id
    return [
        Going(
            alert_id=case.alert_id,
            contact=who.get(case.alert_id, case.contact_id),
            alert_type=case.alert_type,
            priority=case.priority,
            agent=_name(house, found[case.alert_id].routed.agent_id),
            owner=by_id[case.owner_id].name if case.owner_id in by_id else None,
            by_draft=found[case.alert_id].routed.rule_id == rule_id,
            why=found[case.alert_id].routed.reason,
        )
        for case in fitting
    ], len(known)


def _examples(
    lately: Sequence[Case], past: Past, draft: NewRule, who: dict[str, str], names: Names
) -> tuple[Example, ...]:
    """Half of either kind, more of one where the other has few."""
    half = MOST_EXAMPLES // 2
    hits = past.caught[: max(half, MOST_EXAMPLES - len(past.missed))]
    why = dict(past.missed[: MOST_EXAMPLES - len(hits)])
    shown = {case.alert_id: case for case in lately if case.alert_id in why or case.alert_id in hits}
    return tuple(
        Example(
            alert_id=each,
            contact=who.get(each, shown[each].contact_id),
            alert_type=shown[each].alert_type,
            priority=shown[each].priority,
            opened_at=shown[each].opened_at,
            caught=each not in why,
            why=why.get(each) or rule_words.why(draft.conditions, shown[each].facts, names),
        )
        for each in (*hits, *why)
    )


def _contacts(session: Session, alert_ids: Sequence[str]) -> dict[str, str]:
    """Alert id -> the contact's name, where one is known."""
    rows = session.execute(
        select(Alert.id, Contact.name).join(Contact, Contact.id == Alert.contact_id).where(Alert.id.in_(alert_ids))
    )
    return {alert_id: name for alert_id, name in rows if name}


def _name(house: House, agent_id: str | None) -> str | None:
    return house.directory.by_id[agent_id].name if agent_id is not None else None
