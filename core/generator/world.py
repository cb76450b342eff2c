"""The generated world: contacts, their behaviour as it reaches the product, what really happened, and both truths."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from core.generator import behaviour, hazards, mail, wording
from core.generator.contacts import DEVICES, Person, Population, populate
from core.generator.hazards import CANDOUR, INTENTS, MARKET, STIRRED, Floats, Ints, Paths
from core.generator.states import states_at
from core.words import HORIZON_DAYS, TRANSACTION_OF, Intent

BURN_IN = 400.0
"""Days walked before the history starts, so that it starts in the middle of life."""
TOLD = 0.6
"""The share of life events that become known from outside."""
RUMOURS_A_YEAR = 0.01
_BEYOND = 200.0
"""Days walked after it ends, so that the last alerts have an ending too."""
_DAY = 86_400.0
_LATE, _TWICE, _AHEAD, _BEHIND = 0.02, 0.004, 0.0015, 0.0015


class Sent(NamedTuple):
    """One event as a client posts it, and when it arrives. `body` is the wire form."""

    received_at: datetime
    body: dict[str, Any]


class Happened(NamedTuple):
    """A transaction."""

    contact_id: str
    intent: Intent
    kind: str
    at: datetime
    value: float


class LifeEvent(NamedTuple):
    """What another system may post: a job change, a change of address, a building permit."""

    contact_id: str
    kind: str
    at: datetime


class Truth(NamedTuple):
    """What an oracle who sees the latent state says, and what came of it."""

    probability: float
    confidence: float
    transacts: bool
    right: bool


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """Events as columns, sorted by arrival; times in days since the start."""

    contact: Ints
    kind: Ints
    occurred: Floats
    received: Floats
    session: Ints
    detail: Ints
    device: Ints
    machine: Ints
    variant: Ints
    serial: Ints

    def __len__(self) -> int:
        return len(self.contact)


@dataclass(frozen=True, kw_only=True)
class World:
    seed: int
    start: datetime
    end: datetime
    population: Population
    paths: Paths
    arrivals: Arrivals
    candid: Ints
    """(contacts, 4): 1 where this contact tells an agent who asks."""
    life_events: tuple[LifeEvent, ...]

    @property
    def contacts(self) -> tuple[Person, ...]:
        return self.population.people

    def day(self, at: datetime) -> float:
        return (at - self.start).total_seconds() / _DAY

    def time(self, day: float) -> datetime:
        return self.start + timedelta(seconds=float(day) * _DAY)

    def events_between(self, since: datetime, until: datetime, *, rows: Ints | None = None) -> list[Sent]:
        """What arrives in [since, until), oldest first; `rows` (from `rows_of`) narrows it to some contacts."""
        chosen = np.arange(len(self.arrivals)) if rows is None else rows
        received = self.arrivals.received[chosen]
        first, last = np.searchsorted(received, [self.day(since), self.day(until)])
        return [self._sent(row) for row in chosen[first:last].tolist()]

    def rows_of(self, contacts: Sequence[int]) -> Ints:
        """The rows of these contacts' arrivals, in order."""
        wanted = np.zeros(len(self.contacts), dtype=bool)
        wanted[list(contacts)] = True
        return np.flatnonzero(wanted[self.arrivals.contact])

    @cached_property
    def transactions(self) -> tuple[Happened, ...]:
        """All that closed between start and end, oldest first."""
        rows = np.flatnonzero(
            (self.paths.closed >= 0) & (self.paths.until >= 0) & (self.paths.until < self.day(self.end))
        )
        rows = rows[np.argsort(self.paths.until[rows])]
        return tuple(self._happened(row) for row in rows.tolist())

    def truth(self, contact_id: str, intent: Intent, at: datetime) -> Truth:
        """Both truths of one contact and intent at a time, and how it ended."""
        who, when = np.array([self.number(contact_id)]), np.array([self.day(at)])
        probability, confidence = self.truths(who, intent, when)
        transacts, right = self.labels(who, intent, when)
        return Truth(float(probability[0]), float(confidence[0]), bool(transacts[0]), bool(right[0]))

    def truths(self, contacts: Ints, intent: Intent, at: Floats) -> tuple[Floats, Floats]:
        """The two truths for arrays of contact numbers and times (days)."""
        state, which = states_at(self.paths, contacts, at), INTENTS.index(intent)
        transacts, right = self._tables
        return transacts[contacts, which, state], right[contacts, which, state]

    def labels(self, contacts: Ints, intent: Intent, at: Floats) -> tuple[Ints, Ints]:
        """What came true within the horizon: 1 where it transacted; 1 where an alert would have been right."""
        which, until = INTENTS.index(intent), at + HORIZON_DAYS[intent]
        transacts = self._any(self._closings[which], contacts, at, until)
        stays = np.flatnonzero(self.paths.state == MARKET + which)
        visits = self._any(self._keyed(stays, self.paths.at[stays]), contacts, at, until)
        inside = states_at(self.paths, contacts, at) == MARKET + which
        confirms = (inside | (visits > 0)) & (self.candid[contacts, which] == 1)
        return transacts, np.maximum(transacts, confirms.astype(np.int64))

    def in_market(self, contact_id: str, intent: Intent, at: datetime) -> bool:
        state = states_at(self.paths, np.array([self.number(contact_id)]), np.array([self.day(at)]))
        return bool(state[0] == MARKET + INTENTS.index(intent))

    def next_closing(self, contact_id: str, intent: Intent, at: datetime) -> Happened | None:
        """The first transaction of that intent after `at`, also beyond the end of the history."""
        rows = self._rows_of_contact(self.number(contact_id))
        wanted = INTENTS.index(intent)
        for row in rows:
            if self.paths.closed[row] == wanted and self.paths.until[row] > self.day(at):
                return self._happened(row)
        return None

    def number(self, contact_id: str) -> int:
        return self._numbers[contact_id]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {person.id: number for number, person in enumerate(self.contacts)}

    @cached_property
    def _tables(self) -> tuple[Floats, Floats]:
        return hazards.truths(self.population.rates)

    @cached_property
    def _closings(self) -> list[Floats]:
        found = []
        for which in range(len(INTENTS)):
            rows = np.flatnonzero(self.paths.closed == which)
            found.append(self._keyed(rows, self.paths.until[rows]))
        return found

    def _keyed(self, rows: Ints, at: Floats) -> Floats:
        return np.sort(self.paths.contact[rows] * 1e6 + at)

    def _any(self, keys: Floats, contacts: Ints, since: Floats, until: Floats) -> Ints:
        low = np.searchsorted(keys, contacts * 1e6 + since, side="right")
        high = np.searchsorted(keys, contacts * 1e6 + until, side="right")
        return (high > low).astype(np.int64)

    def _rows_of_contact(self, number: int) -> range:
        first, last = np.searchsorted(self.paths.contact, [number, number + 1])
        return range(int(first), int(last))

    def _happened(self, row: int) -> Happened:
        intent = INTENTS[int(self.paths.closed[row])]
        person = self.contacts[int(self.paths.contact[row])]
        base = person.homes[0].estimated_value if person.homes else 380_000.0
        value = base * {Intent.REFINANCE_OPPORTUNITY: 0.6, Intent.INVESTMENT_INTEREST: 0.7}.get(intent, 1.0)
        wobble = 0.94 + (row * 7919 % 1000) / 1000 * 0.12
        return Happened(
            person.id, intent, TRANSACTION_OF[intent], self.time(self.paths.until[row]), round(value * wobble, -3)
        )

    def _sent(self, row: int) -> Sent:
        a = self.arrivals
        visit = int(a.session[row])
        return Sent(
            self.time(a.received[row]),
            {
                "eventId": f"g{self.seed}-{a.serial[row]}",
                "userId": self.contacts[a.contact[row]].id,
                "occurredAt": self.time(a.occurred[row]),
                **wording.body(
                    kind=int(a.kind[row]),
                    detail=int(a.detail[row]),
                    device=DEVICES[a.device[row]],
                    machine=bool(a.machine[row]),
                    variant=int(a.variant[row]),
                    visit=f"g{self.seed}-s{visit}" if visit >= 0 else None,
                ),
            },
        )


def generate(seed: int, contacts: int, days: int, end: datetime, *, habits: Floats = behaviour.PER_VISIT) -> World:
    """Make a world whose history of `days` days stops at `end` (aware). The same arguments give the same world.

    `habits` is what visits are made of, (flavours, kinds): another brokerage's people may click otherwise.
    """
    rng = np.random.default_rng(seed)
    # Days begin at UTC midnight, so that people keep their hours; the last one stops at `end`.
    start = (end - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    span = (end - start).total_seconds() / _DAY
    population = populate(contacts, days=days, end=end.date(), rng=rng)
    paths = hazards.simulate(population.rates, start=-BURN_IN, end=span + _BEYOND, rng=rng)
    clicks = behaviour.visits(population, paths, days=span, rng=rng, habits=habits)
    mails = mail.mails(population, paths, days=span, rng=rng)
    return World(
        seed=seed,
        start=start,
        end=end,
        population=population,
        paths=paths,
        arrivals=_arrive((clicks, mails), days=span, rng=rng),
        candid=(rng.random((contacts, len(INTENTS))) < CANDOUR).astype(np.int64),
        life_events=_life_events(population, paths, start=start, days=span, rng=rng),
    )


def _arrive(parts: Sequence[behaviour.Clicks], *, days: float, rng: np.random.Generator) -> Arrivals:
    """Most arrive at once; some late, some twice, some with a wrong clock."""
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("contact", "kind", "at", "session", "detail", "device", "machine")
    }
    occurred = columns.pop("at")
    count = len(occurred)
    received = occurred + rng.uniform(0.05, 1.5, count) / _DAY
    is_late = (rng.random(count) < _LATE) & (columns["session"] >= 0)
    received = received + is_late * np.minimum(rng.lognormal(np.log(0.4), 1.0, count), 4.0)
    wrong = rng.random(count)
    occurred = occurred + (wrong < _AHEAD) * rng.uniform(0.05, 3.0, count)
    occurred = occurred - ((wrong >= _AHEAD) & (wrong < _AHEAD + _BEHIND)) * rng.uniform(0.05, 20.0, count)
    again = np.flatnonzero(rng.random(count) < _TWICE)
    rows = np.concatenate([np.arange(count), again])
    received = np.concatenate([received, received[again] + rng.exponential(0.02, len(again))])
    variant = rng.integers(0, 1 << 20, count)
    order = np.argsort(received, kind="stable")
    order = order[received[order] < days]
    rows, received = rows[order], received[order]
    return Arrivals(
        occurred=occurred[rows],
        received=received,
        variant=variant[rows],
        serial=rows,
        **{name: column[rows] for name, column in columns.items()},
    )


def _life_events(
    population: Population, paths: Paths, *, start: datetime, days: float, rng: np.random.Generator
) -> tuple[LifeEvent, ...]:
    """Six in ten life events become known from outside; a few rumours stir nobody."""
    known = (paths.state == STIRRED) & (paths.at >= 0) & (paths.at < days) & (rng.random(len(paths.at)) < TOLD)
    rumours = rng.poisson(RUMOURS_A_YEAR * days / 365.0, len(population.people))
    contact = np.concatenate([paths.contact[known], np.repeat(np.arange(len(rumours)), rumours)])
    at = np.concatenate([paths.at[known] + rng.uniform(0, 5, known.sum()), rng.uniform(0, days, rumours.sum())])
    kind = rng.choice(["job_change", "address_change", "building_permit"], len(at), p=(0.6, 0.2, 0.2))
    order = np.argsort(at)
    return tuple(
        LifeEvent(population.people[int(contact[i])].id, str(kind[i]), start + timedelta(days=float(at[i])))
        for i in order
        if at[i] < days
    )
