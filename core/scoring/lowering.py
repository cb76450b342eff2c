"""What would lower a score: one behaviour back to usual, or one fact run out, everything that follows recomputed.

Only what changes by behaviour or with time; never what somebody owns or owes. The change is made in the history, so all
features made of it (counts, rates, signals, their sums) move together, and the model is asked again: the numbers are
the model's own and no approximation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from core import history as histories
from core import signals
from core.history import Day, History
from core.scoring import features, generic
from core.scoring.model import Compiled, Model, Scored
from core.signals import OpenSignal

MOST = 3
WORTH_SAYING = 0.01
"""A smaller fall of confidence is not worth a line."""


@dataclass(frozen=True, kw_only=True)
class Lowering:
    """One change, and what the score would be."""

    text: str
    """Plain words: "no value check in 30 days"."""
    now: float
    """How often it was done; for a fact, its strength."""
    then: float
    confidence: float
    probability: float


class _Behaviour(NamedTuple):
    one: str
    many: str
    kinds: tuple[str, ...]
    """The kind that is counted, then narrower ones made of the same events."""
    days: int = features.MONTH
    a_month: float = 0.0
    """What the average contact does in that many days."""


_BEHAVIOURS = (
    _Behaviour("check of the home's value", "checks of the home's value", ("value_check",), a_month=0.8),
    _Behaviour("look at a comparable home", "looks at comparable homes", ("comparable",), a_month=0.6),
    _Behaviour(
        "use of a calculator",
        "uses of a calculator",
        ("calculator", "buying_calculator", "refinance_calculator"),
        a_month=0.4,
    ),
    _Behaviour("document opened", "documents opened", ("document_access",), a_month=1.5),
    _Behaviour("document downloaded", "documents downloaded", ("document_download",), a_month=0.3),
    _Behaviour("document shared", "documents shared", ("document_share",), a_month=0.1),
    _Behaviour("click in our mails", "clicks in our mails", ("email_click", "refinance_click"), features.QUARTER, 0.5),
    _Behaviour("market report read", "market reports read", ("market_report",), features.QUARTER, 1.2),
    _Behaviour("update of the profile", "updates of the profile", ("profile_update",), a_month=0.15),
    _Behaviour("look at a home on the market", "looks at homes on the market", ("property_view",)),
    _Behaviour("search for homes", "searches for homes", ("search",)),
    _Behaviour("look into investments", "looks into investments", ("investment_research",)),
)
_FACTS = {
    ("LIFE_EVENT", "address_change"): "the address change",
    ("LIFE_EVENT", "job_change"): "the job change",
    ("LIFE_EVENT", "building_permit"): "the building permit",
    ("CREDIT_INQUIRY", ""): "the credit inquiry",
    ("TAX_CHANGE", ""): "the tax change",
    ("INSURANCE_CLAIM", ""): "the insurance claim",
}
_NAME = "name:"


class _Change(NamedTuple):
    text: str
    now: float
    then: float
    history: History
    posted: Sequence[OpenSignal]


def what_lowers(
    model: Model, history: History, posted: Sequence[OpenSignal], *, names: Sequence[str] = features.NAMES
) -> tuple[Lowering, ...]:
    """The changes that lower this contact's confidence most, each alone, at most three, the greatest fall first.

    Args:
        posted: the open signals that other systems posted; those found in events are found again.
        names: of the places of a vector: the feature set, and generic features after it.
    """
    compiled = Compiled([model], names)
    here = scored(compiled, history, posted)
    found = []
    for change in _changes(model, history, posted):
        there = scored(compiled, change.history, change.posted)
        if here.confidence - there.confidence >= WORTH_SAYING:
            found.append(
                Lowering(
                    text=change.text,
                    now=change.now,
                    then=change.then,
                    confidence=there.confidence,
                    probability=there.probability,
                )
            )
    return tuple(sorted(found, key=lambda each: each.confidence)[:MOST])


def scored(compiled: Compiled, history: History, posted: Sequence[OpenSignal]) -> Scored:
    """What the only model of `compiled` says of a history, its signals found anew."""
    now = history.now
    found = [signals.as_open(history.contact_id, each) for each in signals.detect(history, now=now)]
    vector = features.vector(history, [*found, *posted], now=now)
    extra = compiled.names[len(features.NAMES) :]
    (one,) = compiled.one((*vector, *generic.values(history, extra, now=now)) if extra else vector)
    return one


def _changes(model: Model, history: History, posted: Sequence[OpenSignal]) -> Iterator[_Change]:
    today = histories.today(history.now)
    for behaviour in (*_BEHAVIOURS, *_of_own_names(model)):
        count = history.human(behaviour.kinds[0], today, days=behaviour.days)
        if not count:
            continue
        own = _own_usual(history, behaviour, today)
        usual = round(behaviour.a_month) if own is None else own
        if count <= usual:
            continue
        days = dict(history.days)
        for kind in behaviour.kinds:
            if kind in days:
                days[kind] = _at_most(days[kind], usual, since=today - behaviour.days)
        yield _Change(_said(behaviour, usual, own=own is not None), count, usual, replace(history, days=days), posted)
    for (kind, subtype), label in _FACTS.items():
        strengths = [fact.strength for fact in history.facts if (fact.type, fact.subtype) == (kind, subtype)]
        if strengths:
            yield _Change(
                f"{label} no longer counts, after 90 days",
                max(strengths),
                0.0,
                replace(history, facts=[f for f in history.facts if (f.type, f.subtype) != (kind, subtype)]),
                [signal for signal in posted if (signal.type, signal.subtype) != (kind, subtype)],
            )


def _of_own_names(model: Model) -> Iterator[_Behaviour]:
    asked = [generic.parse(name) for name in sorted(model.features - features.INDEX.keys())]
    for kind in sorted({each.kind for each in asked if each.kind.startswith(_NAME)}):
        name = kind.removeprefix(_NAME).replace("_", " ")
        yield _Behaviour(f"“{name}”", f"times “{name}”", (kind,))


def _own_usual(history: History, behaviour: _Behaviour, today: int) -> int | None:
    """This contact's own, where it has been known for twice the window; else nobody can say."""
    before = history.known_days(today) - behaviour.days
    if before < behaviour.days:
        return None
    return round(history.human(behaviour.kinds[0], today, days=before, skip=behaviour.days) * behaviour.days / before)


def _at_most(rows: Sequence[Day], most: int, *, since: int) -> list[Day]:
    """The same days with at most so many human events after `since`; the newest stay."""
    kept: list[Day] = []
    room = most
    for row in reversed(rows):
        if row.ordinal > since:
            human = min(row.human, room)
            room -= human
            row = row._replace(human=human)
        kept.append(row)
    return kept[::-1]


def _said(behaviour: _Behaviour, usual: int, *, own: bool) -> str:
    if usual == 0:
        return f"no {behaviour.one} in {behaviour.days} days"
    what = behaviour.one if usual == 1 else behaviour.many
    return f"{usual} {what} in {behaviour.days} days, {'as usual' if own else 'like the average contact'}"
