"""What contacts are seen to do: visits with their clicks, in and out of the market, idle noise and false starts.

Everything is columns (numpy) from beginning to end; a row becomes an object only when somebody asks for it.
"""

from dataclasses import dataclass

import numpy as np

from core.generator.contacts import Population
from core.generator.hazards import INTENTS, MARKET, Floats, Ints, Paths

KINDS = (
    "page_view",
    "value_check",
    "comparable_view",
    "calculator",
    "profile_update",
    "document_access",
    "document_download",
    "document_share",
    "search",
    "listing_view",
    "market_report_view",
)
EMAIL_SENT, EMAIL_OPEN, EMAIL_CLICK = len(KINDS), len(KINDS) + 1, len(KINDS) + 2

FLAVOURS = ("sell", "buy", "refinance", "invest", "idle", "nosy", "dreaming", "tidying")
"""What a visit is about: the four intents, everyday use, and three kinds of burst that mean nothing."""
IDLE_FLAVOUR, NOSY, DREAMING, TIDYING = 4, 5, 6, 7

PER_VISIT = np.array(
    [  # page  value  comp   calc  prof   acc   down  share  search list  report
        [1.20, 1.60, 1.00, 0.15, 0.14, 0.80, 0.35, 0.15, 0.30, 0.40, 0.40],  # sell
        [1.20, 0.15, 0.55, 0.75, 0.20, 0.30, 0.15, 0.15, 1.60, 2.40, 0.15],  # buy
        [1.00, 0.40, 0.08, 1.40, 0.16, 1.40, 0.60, 0.20, 0.10, 0.10, 0.05],  # refinance
        [1.00, 0.30, 0.80, 0.80, 0.05, 0.50, 0.55, 0.15, 0.90, 1.60, 0.90],  # invest
        [1.60, 0.16, 0.05, 0.04, 0.03, 0.45, 0.07, 0.01, 0.18, 0.20, 0.05],  # idle
        [1.40, 1.10, 0.45, 0.05, 0.03, 0.20, 0.03, 0.02, 0.20, 0.40, 0.12],  # nosy
        [1.40, 0.20, 0.30, 0.35, 0.06, 0.10, 0.03, 0.06, 1.20, 2.00, 0.12],  # dreaming
        [1.00, 0.10, 0.02, 0.30, 0.15, 2.20, 1.00, 0.20, 0.05, 0.05, 0.02],  # tidying
    ]
)
"""Clicks of each kind (KINDS) in a visit of usual depth, by what the visit is about (FLAVOURS)."""
DEPTH_SHAPE, DEPTH_SCALE, DEPTH_MOST = 2.5, 0.4, 3.0
MOST_OF_A_KIND = 8
MARKET_VISITS_A_DAY = 0.22
EAGER_SHAPE, EAGER_MOST = 1.1, 3.0
"""Some who move leave hardly a trace: a gamma factor of mean 1 on the visits of each stay in a market."""
BURSTS_A_YEAR = 0.24
BURST_DAYS = 9.0
BURST_VISITS_A_DAY = 0.40
BURST_SHAPE = 3.0
BURST_FLAVOURS, BURST_SHARES = (NOSY, DREAMING, TIDYING), (0.4, 0.3, 0.3)


@dataclass(frozen=True, kw_only=True)
class Clicks:
    """Events as columns, in no particular order."""

    contact: Ints
    kind: Ints
    at: Floats
    """Days since the start of the history, UTC."""
    session: Ints
    """A visit's number; -1 for mail."""
    detail: Ints
    """The flavour of a visit's event; the campaign of a mail's."""
    device: Ints
    machine: Ints
    """1 where a scanner or robot did it: truth, for checking; the product must find out for itself."""


def visits(
    population: Population, paths: Paths, *, days: float, rng: np.random.Generator, habits: Floats = PER_VISIT
) -> Clicks:
    """Everything but mail."""
    contact, begin, finish, rate, flavour = _spells(population, paths, days=days, rng=rng)
    count = rng.poisson(rate * (finish - begin))
    who, about = np.repeat(contact, count), np.repeat(flavour, count)
    at = np.repeat(begin, count) + rng.random(count.sum()) * np.repeat(finish - begin, count)
    at = np.floor(at) + np.mod(population.peak_hour[who] + rng.normal(0, 2.2, len(who)) + 6.0, 24.0) / 24.0
    seen = (at >= population.joined[who]) & (at < days) & (at >= 0)
    who, about, at = who[seen], about[seen], at[seen]
    return _clicks(population, who, about, at, rng=rng, habits=habits)


def _spells(
    population: Population, paths: Paths, *, days: float, rng: np.random.Generator
) -> tuple[Ints, Floats, Floats, Floats, Ints]:
    """Spans of time with one rate of visits: everyday use, each stay in a market, and bursts that mean nothing."""
    count = len(population.people)
    market = (paths.state >= MARKET) & (paths.until > 0) & (paths.at < days)
    eager = np.minimum(rng.gamma(EAGER_SHAPE, 1 / EAGER_SHAPE, market.sum()), EAGER_MOST)
    bursts = rng.poisson(BURSTS_A_YEAR * days / 365.0, count)
    burst_contact = np.repeat(np.arange(count), bursts)
    burst_at = rng.uniform(0, days, len(burst_contact))
    burst_days = rng.exponential(BURST_DAYS, len(burst_contact)) + 1
    contact = np.concatenate([np.arange(count), paths.contact[market], burst_contact])
    begin = np.concatenate([np.zeros(count), np.maximum(paths.at[market], 0), burst_at])
    finish = np.concatenate([np.full(count, days), paths.until[market], burst_at + burst_days])
    finish = np.minimum(finish, days)
    rate = np.concatenate(
        [
            population.visits_a_day,
            MARKET_VISITS_A_DAY * eager,
            BURST_VISITS_A_DAY * rng.gamma(BURST_SHAPE, 1 / BURST_SHAPE, len(burst_contact)),
        ]
    )
    flavour = np.concatenate(
        [
            np.full(count, IDLE_FLAVOUR),
            paths.state[market] - MARKET,
            rng.choice(BURST_FLAVOURS, len(burst_contact), p=BURST_SHARES),
        ]
    )
    return contact, begin, finish, rate, flavour


def _clicks(
    population: Population, who: Ints, about: Ints, at: Floats, *, rng: np.random.Generator, habits: Floats
) -> Clicks:
    """Each visit's clicks: how many of each kind by what it is about, minutes apart."""
    depth = np.minimum(rng.gamma(DEPTH_SHAPE, DEPTH_SCALE, len(who)), DEPTH_MOST)
    counts = np.minimum(rng.poisson(habits[about] * depth[:, None]), MOST_OF_A_KIND)
    counts[counts.sum(axis=1) == 0, 0] = 1
    visit, kind = np.nonzero(counts)
    times = counts[visit, kind]
    visit, kind = np.repeat(visit, times), np.repeat(kind, times)
    order = np.lexsort((rng.random(len(visit)), visit))
    visit, kind = visit[order], kind[order]
    gaps = rng.exponential(55.0, len(visit)) + 3.0  # seconds
    total = gaps.cumsum()
    first = np.unique(visit, return_index=True)[1]
    offset = total - np.repeat(total[first], np.diff(np.r_[first, len(visit)]))
    other = rng.random(len(who)) < 0.15
    device = np.where(other, rng.integers(0, 3, len(who)), population.device[who])
    robot = rng.random(len(who)) < 0.004
    return Clicks(
        contact=who[visit],
        kind=kind,
        at=at[visit] + offset / 86_400.0,
        session=visit,
        detail=about[visit],
        device=device[visit],
        machine=robot[visit].astype(np.int64),
    )


assert len(FLAVOURS) == len(PER_VISIT)
assert FLAVOURS.index("idle") == len(INTENTS)
