"""The best anybody could say who sees only behaviour: a Bayes filter with the generator's own parameters.

The forward algorithm of the hidden chain on a grid of days (Rabiner 1989): the state (idle, stirred, in a market with a
level of eagerness), times the burst that means nothing, times who the contact is (everyday visits a day, propensity to
open mails). What it conditions on had arrived by the day asked for: visits with their clicks, mails opened or not, life
events told, facts of the home. `World.truths` sees the state itself and cannot be reached by anybody.

Approximations, all small beside what is left unknown: jumps happen between days; levels are a few nodes of their
distribution; a burst ends at a constant rate; a contact who was in a market before is likelier to return (the frailty)
by one stay only; a life event is told at once; a click that is late is taken as not made until it arrives; a mail's or
visit's maker (human or machine) is known. Transactions of the past are not seen: they are no behaviour.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import roots_genlaguerre
from scipy.stats import beta, gamma, lognorm, norm

from core import errors
from core.generator import behaviour, contacts, hazards, mail
from core.generator.behaviour import EMAIL_CLICK, EMAIL_OPEN, EMAIL_SENT, FLAVOURS, IDLE_FLAVOUR
from core.generator.evidence import Visits, traits, visits_of
from core.generator.hazards import IDLE, INTENTS, MARKET, STATES, STIRRED, YEAR, Floats, Ints, Rates
from core.generator.world import BURN_IN, RUMOURS_A_YEAR, TOLD, World

LAG = 7
"""Days after which nothing of a day is still on its way: events are at most 4 days late, mails are opened within 6."""
CHUNK = 192
"""Contacts filtered together: their beliefs fit a processor's cache."""
AFTER = MARKET
"""Chain states: idle, stirred, AFTER + i (idle again after market i), then market i at each level of eagerness."""
_K = len(INTENTS)
_HOME_DAYS = 700.0
"""Days a contact has had to enter a market, roughly: without having done so, they are a little less likely to."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """A hidden number as a few nodes with their weights."""

    at: Floats
    weight: Floats


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How finely the hidden numbers are told apart."""

    eager: Level
    burst: Level
    idle: Level
    opens: Level

    @classmethod
    def of(cls, eager: int = 5, burst: int = 2, idle: int = 6, opens: int = 3) -> "Grid":
        shape, most = behaviour.EAGER_SHAPE, behaviour.EAGER_MOST
        return cls(
            eager=_sliced(np.minimum(gamma.ppf(_quantiles(), shape, scale=1 / shape), most), eager),
            burst=_sliced(gamma.ppf(_quantiles(), behaviour.BURST_SHAPE, scale=1 / behaviour.BURST_SHAPE), burst),
            idle=_everyday(idle),
            opens=_sliced(beta.ppf(_quantiles(), *contacts.OPENS_BETA), opens),
        )


@dataclass(frozen=True, kw_only=True)
class Seen:
    """P(transacts) and P(an alert is right) within the horizon, (rows, 4): one column an intent."""

    transacts: Floats
    right: Floats


def observe(world: World, who: Ints, at: Floats, *, grid: Grid | None = None) -> Seen:
    """What the filter says of these contacts (numbers) at these times (whole days since the start).

    Raises:
        Invalid: a time that is not the end of a day of the history.
    """
    asked = np.asarray(at, dtype=np.int64)
    if len(asked) and (np.any(asked != at) or asked.min() < 0):
        raise errors.Invalid("The observing oracle answers at whole days since the start")
    pairs, inverse = np.unique(np.column_stack([who, asked]), axis=0, return_inverse=True)
    found = Seen(transacts=np.zeros((len(pairs), _K)), right=np.zeros((len(pairs), _K)))
    levels = grid or Grid.of()
    who, asked = pairs[:, 0], pairs[:, 1]
    everyone = np.unique(who)
    for first in range(0, len(everyone), CHUNK):
        people = everyone[first : first + CHUNK]
        rows = np.flatnonzero(np.isin(who, people))
        chunk = _Chunk(world, people, levels)
        for answered, transacts, right in chunk.answers(np.searchsorted(people, who[rows]), asked[rows]):
            found.transacts[rows[answered]] = transacts
            found.right[rows[answered]] = right
    return Seen(transacts=found.transacts[inverse.ravel()], right=found.right[inverse.ravel()])


class _Chunk:
    """Some contacts, filtered together. Beliefs are (contacts, chain, burst, idle rate x opens), float32."""

    def __init__(self, world: World, people: Ints, grid: Grid) -> None:
        self.grid, self.people, self.world = grid, people, world
        population = world.population
        silent = population.rates.silent[people]
        # Frailty cannot be seen: what is known of a contact is the factor of what they own.
        self.entry = silent * (hazards.ENTRY_A_YEAR / hazards.SILENT_A_YEAR)
        self.rates = Rates(entry=self.entry, silent=silent)
        self.joined = population.joined[people]
        self.chain = _chain(self.entry, grid, told=True)
        self.tables = _tables(self.rates)
        self.visit_rate, self.flavour = _intensities(grid)
        chain, burst, static = _shape(grid)
        total = self.visit_rate[0][:, None, None] + self.visit_rate[1][None, :, None] + self.visit_rate[2][None, None]
        self.unseen = np.exp(-total).astype(np.float32)
        assert total.shape == (chain, burst, static)
        self.mails = _mail_table(grid)
        self._load()

    def _load(self) -> None:
        """The chunk's own events, as visits, mails and life events."""
        a = self.world.arrivals
        wanted = np.full(len(self.world.contacts), -1)
        wanted[self.people] = np.arange(len(self.people))
        rows = np.flatnonzero(wanted[a.contact] >= 0)
        rows = rows[np.sort(np.unique(a.serial[rows], return_index=True)[1])]  # each event once, when it first arrived
        visit = rows[a.session[rows] >= 0]
        self.event_contact, self.event_session = wanted[a.contact[visit]], a.session[visit]
        self.event_received = a.received[visit]
        self.event_traits = traits(a.kind[visit], a.detail[visit], a.variant[visit])
        _, first, which = np.unique(self.event_session, return_index=True, return_inverse=True)
        self.event_day = np.floor(self.event_received[first])[which].astype(np.int64)
        settled = visits_of(self.event_contact, self.event_session, self.event_received, self.event_traits)
        self.visits = _by_day(settled)
        mails = rows[(a.session[rows] < 0) & (a.machine[rows] == 0)]
        self._load_mails(wanted[a.contact[mails]], a.kind[mails], a.detail[mails], a.received[mails])
        self.life: dict[int, list[int]] = {}
        for each in self.world.life_events:
            local = wanted[self.world.number(each.contact_id)]
            if local >= 0:
                self.life.setdefault(int(np.floor(self.world.day(each.at))), []).append(int(local))

    def _load_mails(self, who: Ints, kind: Ints, campaign: Ints, received: Floats) -> None:
        """Per campaign: who was sent it, and when they opened and clicked it (NaN: never)."""
        self.sent: dict[int, tuple[Ints, Floats, Ints, Floats, Floats]] = {}
        for number in np.unique(campaign).tolist():
            of = campaign == number
            is_sent = of & (kind == EMAIL_SENT)
            people, at = who[is_sent], received[is_sent]
            opened, clicked = (np.full(len(self.people), np.nan) for _ in range(2))
            opened[who[of & (kind == EMAIL_OPEN)]] = received[of & (kind == EMAIL_OPEN)]
            clicked[who[of & (kind == EMAIL_CLICK)]] = received[of & (kind == EMAIL_CLICK)]
            if len(people):
                day = int(np.floor(at[0]))
                subject = np.full(len(people), number % len(mail.SUBJECTS))
                self.sent[day] = (people, at, subject, opened[people], clicked[people])

    def answers(self, who: Ints, asked: Ints) -> Iterator[tuple[Ints, Floats, Floats]]:
        """(rows, P(transacts), P(right)) day by day; `who` are positions in this chunk."""
        belief = self._start()
        starts = np.maximum(asked - LAG, 0)
        everybody = np.arange(len(self.people))
        for day in range(int(starts.max()) + 1):
            for until in np.unique(asked[starts == day]).tolist():
                rows = np.flatnonzero((asked == until) & (starts == day))
                here = self._until(belief[who[rows]], who[rows], day, until)
                chain = here.sum(axis=(2, 3), dtype=np.float64)
                chain /= chain.sum(axis=1, keepdims=True)
                transacts, right = (self._expected(table, who[rows], chain) for table in self.tables)
                yield rows, transacts, right
            belief = self._moved(belief, everybody, day)
            belief = self._after_visits(belief, *self.visits.get(day, _NOTHING))
            belief = self._after_mail(belief, everybody, day, until=np.inf)
            belief /= belief.sum(axis=(1, 2, 3), keepdims=True)

    def _until(self, belief: Floats, who: Ints, day: int, until: int) -> Floats:
        """The last days again, with no more than had arrived by `until`."""
        near = (self.event_day >= day) & (self.event_received <= until) & np.isin(self.event_contact, who)
        known = _by_day(
            visits_of(
                self.event_contact[near], self.event_session[near], self.event_received[near], self.event_traits[near]
            )
        )
        place = np.full(len(self.people), -1)
        place[who] = np.arange(len(who))
        for each in range(day, until):
            belief = self._moved(belief, who, each)
            people, log_likelihood = known.get(each, _NOTHING)
            belief = self._after_visits(belief, place[people], log_likelihood)
            belief = self._after_mail(belief, who, each, until=float(until))
            belief /= belief.sum(axis=(1, 2, 3), keepdims=True)
        return belief

    def _start(self) -> Floats:
        """The belief before anything was seen: the chain walked from idle, no burst yet."""
        chain, burst, static = _shape(self.grid)
        walked = np.linalg.matrix_power(_chain(self.entry, self.grid, told=False), int(BURN_IN))[:, IDLE]
        belief: Floats = np.zeros((len(self.people), chain, burst, static), dtype=np.float32)
        who = np.outer(self.grid.idle.weight, self.grid.opens.weight).ravel()
        belief[:, :, 0] = walked[:, :, None] * who
        return belief

    def _moved(self, belief: Floats, who: Ints, day: int) -> Floats:
        """A day passes: the chain and the bursts jump, life events are told, and no visit is seen (so far)."""
        n, chain, burst, static = belief.shape
        told = np.isin(who, self.life[day]) if day in self.life else None
        before = belief[told] if told is not None else None
        moved = np.matmul(self.chain[who].transpose(0, 2, 1), belief.reshape(n, chain, burst * static))
        belief = moved.reshape(belief.shape)
        if told is not None and before is not None and told.any():
            rumour = RUMOURS_A_YEAR / YEAR * belief[told]
            rumour[:, STIRRED] += TOLD * hazards.STIRRED_A_YEAR / YEAR * _idle(before)
            belief[told] = rumour
        begins = behaviour.BURSTS_A_YEAR / YEAR
        ends = 1 / (behaviour.BURST_DAYS + 1)
        shares = np.repeat(behaviour.BURST_SHARES, len(self.grid.burst.at)) * np.tile(self.grid.burst.weight, 3)
        quiet = belief[:, :, :1]
        into = quiet * (begins * shares).astype(np.float32)[:, None]
        out = belief[:, :, 1:].sum(axis=2, keepdims=True) * np.float32(ends)
        belief[:, :, 1:] *= np.float32(1 - ends)
        belief[:, :, 1:] += into
        belief[:, :, :1] = quiet * np.float32(1 - begins) + out
        here = self.joined[who] < day + 0.5
        if here.all():
            belief *= self.unseen
        elif here.any():
            belief[here] *= self.unseen
        return belief

    def _after_visits(self, belief: Floats, who: Ints, log_likelihood: Floats) -> Floats:
        """Each visit may be everyday use, the market's, or the burst's: rates add (marked Poisson processes)."""
        scaled = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True)) if len(who) else log_likelihood
        turn = np.zeros(len(who), dtype=np.int64)
        for position in range(1, len(who)):  # a contact's second visit of the day comes after the first
            turn[position] = turn[position - 1] + 1 if who[position] == who[position - 1] else 0
        for number in range(int(turn.max()) + 1 if len(who) else 0):
            some = turn == number
            like = scaled[some]
            market = self.visit_rate[0] * like[:, self.flavour[0]]
            burst = self.visit_rate[1] * like[:, self.flavour[1]]
            everyday = self.visit_rate[2] * like[:, [IDLE_FLAVOUR]]
            both = market[:, :, None, None] + burst[:, None, :, None] + everyday[:, None, None, :]
            seen = belief[who[some]] * both.astype(np.float32)
            belief[who[some]] = seen / seen.sum(axis=(1, 2, 3), keepdims=True)
        return belief

    def _after_mail(self, belief: Floats, who: Ints, day: int, *, until: float) -> Floats:
        """What each did with the mail that was sent that day, as known at `until`."""
        if day not in self.sent:
            return belief
        people, at, subject, opened, clicked = self.sent[day]
        place = np.full(len(self.people), -1)
        place[who] = np.arange(len(who))
        mine = (place[people] >= 0) & (at <= until)
        rows, outcome = place[people[mine]], (opened[mine] <= until) + 1 * (clicked[mine] <= until)
        opens, clicks = self.mails  # (chain, opens), (subjects, chain)
        by_now = 1.0 if until == np.inf else _opened_within(until - at[mine])
        p = opens[None] * np.where(outcome > 0, 1.0, by_now)[:, None, None]
        click = clicks[subject[mine]][:, :, None]
        like = np.where(
            outcome[:, None, None] == 0, 1 - p, p * np.where(outcome[:, None, None] == 2, click, 1 - click)
        ).astype(np.float32)
        shape = (len(rows), belief.shape[1], belief.shape[2], len(self.grid.idle.at), len(self.grid.opens.at))
        belief[rows] = (belief[rows].reshape(shape) * like[:, :, None, None, :]).reshape(belief[rows].shape)
        return belief

    def _expected(self, table: Floats, who: Ints, chain: Floats) -> Floats:
        """(rows, 4) from (contacts, 4, simple chain) and the belief over the chain."""
        levels = len(self.grid.eager.at)
        simple = np.concatenate(
            [chain[:, : AFTER + _K], chain[:, AFTER + _K :].reshape(len(chain), _K, levels).sum(axis=2)], axis=1
        )
        return np.asarray(np.einsum("nis,ns->ni", table[who], simple))


_NOTHING: tuple[Ints, Floats] = (np.zeros(0, dtype=np.int64), np.zeros((0, len(FLAVOURS))))


def _quantiles() -> Floats:
    return (np.arange(27_720) + 0.5) / 27_720


def _sliced(values: Floats, nodes: int) -> Level:
    """Slices of equal probability, each told by its mean."""
    return Level(at=np.array([part.mean() for part in np.array_split(values, nodes)]), weight=np.full(nodes, 1 / nodes))


def _everyday(nodes: int) -> Level:
    """Everyday visits a day: evenly spaced on the log scale, for they differ tenfold."""
    edges = np.linspace(-1.8, 2.4, nodes + 1)[1:-1]
    at = [part.mean() for part in np.split(norm.ppf(_quantiles()), np.searchsorted(norm.ppf(_quantiles()), edges))]
    weight = np.diff(np.concatenate([[0.0], norm.cdf(edges), [1.0]]))
    rate = contacts.VISITS_MEDIAN * np.exp(contacts.VISITS_SPREAD * np.array(at))
    return Level(at=np.minimum(rate, contacts.VISITS_MOST), weight=weight)


def _shape(grid: Grid) -> tuple[int, int, int]:
    chain = AFTER + _K + _K * len(grid.eager.at)
    return chain, 1 + 3 * len(grid.burst.at), len(grid.idle.at) * len(grid.opens.at)


def _intensities(grid: Grid) -> tuple[tuple[Floats, Floats, Floats], tuple[Ints, Ints]]:
    """Visits a day of every level of chain, burst and person, and the flavour of the first two."""
    chain = np.zeros(_shape(grid)[0])
    chain[AFTER + _K :] = np.tile(behaviour.MARKET_VISITS_A_DAY * grid.eager.at, _K)
    about = np.zeros(len(chain), dtype=np.int64)
    about[AFTER + _K :] = np.repeat(np.arange(_K), len(grid.eager.at))
    burst = np.concatenate([[0.0], np.tile(behaviour.BURST_VISITS_A_DAY * grid.burst.at, 3)])
    burst_about = np.concatenate([[0], np.repeat(behaviour.BURST_FLAVOURS, len(grid.burst.at))])
    return (chain, burst, np.repeat(grid.idle.at, len(grid.opens.at))), (about, burst_about)


def _chain(entry: Floats, grid: Grid, *, told: bool) -> Floats:
    """(contacts, chain, chain), P(next day's state), float32. With `told`, less the life events that would be told."""
    size, levels = _shape(grid)[0], len(grid.eager.at)
    exposed = entry * _HOME_DAYS
    shape = contacts.FRAILTY_SHAPE
    once, again = shape / (shape + exposed), (shape + 1) / (shape + exposed)
    q = np.zeros((len(entry), size, size))
    stirs = hazards.STIRRED_A_YEAR / YEAR
    idles = [IDLE, *range(AFTER, AFTER + _K)]
    for i in range(_K):
        into = slice(AFTER + _K + i * levels, AFTER + _K + (i + 1) * levels)
        rate = entry[:, i][:, None] * grid.eager.weight
        for state in idles:
            factor = again[:, i] if state == AFTER + i else once[:, i]
            q[:, state, into] = rate * factor[:, None]
        q[:, STIRRED, into] = rate * once[:, i][:, None] * hazards.STIRRED_FACTOR[i]
        q[:, into, AFTER + i] = 1 / hazards.DAYS_IN_MARKET[i]
    q[:, STIRRED, IDLE] = 1 / hazards.STIRRED_DAYS
    q[:, idles, STIRRED] = stirs
    diagonal = np.arange(size)
    q[:, diagonal, diagonal] = -q.sum(axis=2)
    if told:
        q[:, idles, STIRRED] = stirs * (1 - TOLD)
    return np.asarray(hazards.one_day(q), dtype=np.float32 if told else np.float64)


def _tables(rates: Rates) -> tuple[Floats, Floats]:
    """P(transacts) and P(right) of every contact and intent, (contacts, 4, simple chain), over the frailty left unseen."""
    shape = contacts.FRAILTY_SHAPE
    exposed = rates.entry * _HOME_DAYS
    found = []
    for extra in (0, 1):
        nodes, weights = roots_genlaguerre(3, shape + extra - 1)
        total = [np.zeros((rates.count, _K, STATES)) for _ in range(2)]
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            frail = Rates(entry=rates.entry * node / (shape + exposed), silent=rates.silent)
            for sum_, part in zip(total, hazards.truths(frail), strict=True):
                sum_ += weight * part
        found.append(total)
    return _spread(found[0][0], found[1][0]), _spread(found[0][1], found[1][1])


def _spread(never: Floats, once: Floats) -> Floats:
    """The tables of who never was in a market and who was once, over the states of the simple chain."""
    table = np.zeros((len(never), _K, AFTER + 2 * _K))
    table[:, :, IDLE], table[:, :, STIRRED] = never[:, :, IDLE], never[:, :, STIRRED]
    for state in range(_K):
        table[:, :, AFTER + state] = never[:, :, IDLE]
        table[:, :, AFTER + _K + state] = never[:, :, MARKET + state]
        table[:, state, AFTER + state] = once[:, state, IDLE]
        table[:, state, AFTER + _K + state] = once[:, state, MARKET + state]
    return table


def _mail_table(grid: Grid) -> tuple[Floats, Floats]:
    """P(opened) as (chain, opens) and P(clicked | opened) as (subjects, chain)."""
    levels = len(grid.eager.at)
    state = np.array([IDLE, STIRRED, *[IDLE] * _K, *np.repeat(np.arange(MARKET, MARKET + _K), levels)])
    opens = np.minimum(mail.OPEN_BOOST[state][:, None] * grid.opens.at[None, :], mail.OPENS_MOST)
    return opens, mail.CLICK_GIVEN_OPEN[:, state]


def _opened_within(days: Floats) -> Floats:
    """The share of opens that have come so many days after the mail was sent."""
    share = lognorm.cdf(np.maximum(days, 0.0), mail.OPEN_SPREAD, scale=mail.OPEN_MEDIAN)
    return np.asarray(np.where(days >= mail.OPEN_MOST, 1.0, share))


def _by_day(visits: Visits) -> dict[int, tuple[Ints, Floats]]:
    if not len(visits.contact):
        return {}
    order = np.lexsort((visits.contact, visits.day))
    days, first = np.unique(visits.day[order], return_index=True)
    parts = np.split(order, first[1:])
    return {
        int(day): (visits.contact[part], visits.log_likelihood[part]) for day, part in zip(days, parts, strict=True)
    }


def _idle(belief: Floats) -> Floats:
    return np.asarray(belief[:, IDLE] + belief[:, AFTER : AFTER + _K].sum(axis=1))
