"""The observing oracle is a right one: it agrees with counting every path, is calibrated, and nothing said is unseen."""

from datetime import UTC, datetime
from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma, poisson

from core import errors
from core.generator import INTENTS, World, evidence, generate, oracle, wording
from core.generator.behaviour import EMAIL_OPEN, FLAVOURS, KINDS, PER_VISIT
from core.generator.hazards import Floats, Ints
from core.generator.oracle import Grid
from core.scoring import metrics

END = datetime(2026, 3, 2, 15, tzinfo=UTC)
TINY = Grid.of(eager=1, burst=1, idle=1, opens=1)


@cache
def world() -> World:
    return generate(31, 900, 120, END)


def _brute_force(chunk: oracle._Chunk, who: int, days: int) -> Floats:
    """P(simple chain state) of one contact by adding up every path through (chain x burst), each by its own numbers."""
    chain, burst, _ = oracle._shape(TINY)
    begins, ends = 0.24 / 365, 1 / 10.0
    jumps = np.zeros((burst, burst))
    jumps[0] = [1 - begins, *(begins * share for share in (0.4, 0.3, 0.3))]
    jumps[1:, 0] = ends
    jumps[np.arange(1, burst), np.arange(1, burst)] = 1 - ends
    cells = [(c, b) for c in range(chain) for b in range(burst)]
    move = np.array([[chunk.chain[who, c, d] * jumps[b, e] for d, e in cells] for c, b in cells])
    seen = np.ones((days, len(cells)))
    for day in range(days):
        people, log_likelihood = chunk.visits.get(day, oracle._NOTHING)
        like = np.exp(log_likelihood[people == who])
        for at, (c, b) in enumerate(cells):
            rates = np.zeros(len(FLAVOURS))
            rates[4] = TINY.idle.at[0]
            if c >= 6:
                rates[c - 6] += 0.22 * TINY.eager.at[0]
            if b:
                rates[4 + b] += 0.40 * TINY.burst.at[0]
            seen[day, at] = np.exp(-rates.sum()) * np.prod(like @ rates)
    start = chunk._start()[who, :, :, 0].ravel()
    total = np.zeros(chain)
    alive = [at for at, share in enumerate(start) if share > 0]
    for path in product(alive, *[range(len(cells))] * days):
        p = start[path[0]]
        for day in range(days):
            p *= move[path[day], path[day + 1]] * seen[day, path[day + 1]]
            if p == 0:
                break
        total[cells[path[-1]][0]] += p
    return np.asarray(total / total.sum())


def test_it_agrees_with_adding_up_every_path_of_a_tiny_chain() -> None:
    a = world().arrivals
    days = 2
    busy = np.unique(a.contact[(a.session >= 0) & (a.received < days)])[:2]
    chunk = oracle._Chunk(world(), busy, TINY)
    chunk.sent, chunk.life = {}, {}  # mails and life events are checked by their own numbers below
    belief = chunk._start()
    for day in range(days):
        belief = chunk._after_visits(
            chunk._moved(belief, np.arange(len(busy)), day), *chunk.visits.get(day, oracle._NOTHING)
        )
    said = belief.sum(axis=(2, 3))
    said /= said.sum(axis=1, keepdims=True)
    for who in range(len(busy)):
        assert np.allclose(said[who], _brute_force(chunk, who, days), atol=2e-6)


def test_a_visit_is_as_likely_as_its_clicks_over_every_depth() -> None:
    clicks = {"value_check": 3, "comparable_view": 1, "page_view": 2}
    counts = np.zeros((1, evidence.TRAITS), dtype=np.int64)
    for name, times in clicks.items():
        counts[0, KINDS.index(name)] = times
    said = np.exp(evidence.visit_log_likelihoods(counts)[0])

    for flavour in (0, 4, 5):

        def at(depth: float, flavour: int = flavour) -> float:
            means = PER_VISIT[flavour] * depth
            return float(np.prod([poisson.pmf(clicks.get(name, 0), means[k]) for k, name in enumerate(KINDS)]))

        below = quad(lambda depth: at(depth) * gamma.pdf(depth, 2.5, scale=0.4), 0, 3)[0]
        assert said[flavour] == pytest.approx(below + at(3.0) * gamma.sf(3.0, 2.5, scale=0.4), rel=0.01)


def test_traits_are_what_the_bodies_of_the_events_say() -> None:
    a = world().arrivals
    rows = np.flatnonzero(a.session >= 0)[:4000]
    found = evidence.traits(a.kind[rows], a.detail[rows], a.variant[rows])
    for row, traits in zip(rows.tolist(), found, strict=True):
        properties = wording.body(
            kind=int(a.kind[row]),
            detail=int(a.detail[row]),
            device="mobile",
            machine=False,
            variant=int(a.variant[row]),
            visit="v",
        )["properties"]
        assert traits[int(a.kind[row])] == 1
        told = traits[len(KINDS) :]
        if "calculatorType" in properties:
            assert wording.ANY_CALCULATOR[int(np.argmax(told[:5]))] == properties["calculatorType"]
        if "purpose" in properties:
            assert bool(told[5]) == (properties["purpose"] == "rental_investment")
        if "documentType" in properties:
            assert bool(told[7]) == (properties["documentType"] == "mortgage_statement")


def _asked(days: tuple[int, ...]) -> tuple[Ints, Floats]:
    everybody = np.arange(len(world().contacts))
    return np.tile(everybody, len(days)), np.repeat(np.array(days, dtype=np.float64), len(everybody))


def test_it_is_calibrated_and_between_nothing_and_seeing_the_state() -> None:
    who, at = _asked((70, 115))
    seen = oracle.observe(world(), who, at)
    for i, intent in enumerate(INTENTS):
        for said, latent, y in zip(
            (seen.transacts[:, i], seen.right[:, i]),
            world().truths(who, intent, at),
            world().labels(who, intent, at),
            strict=True,
        ):
            error = np.sqrt((said * (1 - said)).sum() * 2)  # each contact is asked twice
            assert abs(said.sum() - y.sum()) < 4 * error
            assert abs(said.mean() - latent.mean()) < 0.006
        latent = world().truths(who, intent, at)[1]
        y = world().labels(who, intent, at)[1]
        nothing = metrics.log_loss(y, np.full(len(y), y.mean()))
        assert metrics.log_loss(y, latent) < metrics.log_loss(y, seen.right[:, i]) < nothing


def test_nothing_that_arrives_later_changes_what_it_says() -> None:
    who = np.arange(60)
    at = np.full(len(who), 60.0)
    before = oracle.observe(world(), who, at)
    a = world().arrivals
    known = a.received <= 60.0
    cut = type(a)(**{name: getattr(a, name)[known] for name in a.__dataclass_fields__})
    values = {name: getattr(world(), name) for name in world().__dataclass_fields__}
    life = tuple(each for each in world().life_events if world().day(each.at) < 60)
    past = oracle.observe(World(**{**values, "arrivals": cut, "life_events": life}), who, at)
    assert np.allclose(before.right, past.right, atol=1e-6)
    assert np.allclose(before.transacts, past.transacts, atol=1e-6)


def test_an_opened_mail_of_their_subject_speaks_for_those_in_the_market() -> None:
    a = world().arrivals
    assert np.any(a.kind == EMAIL_OPEN)
    opens, clicks = oracle._mail_table(TINY)
    assert clicks[2, 6 + 2] == 0.75  # refinance rates, in the market for refinancing
    assert opens[6, 0] == pytest.approx(min(2.4 * TINY.opens.at[0], 0.9))


def test_a_time_within_a_day_is_refused() -> None:
    with pytest.raises(errors.Invalid):
        oracle.observe(world(), np.array([0]), np.array([3.5]))
