"""Mail campaigns: who is sent what, who opens and clicks it, and the gateways that open and click everything."""

import numpy as np

from core.generator.behaviour import EMAIL_CLICK, EMAIL_OPEN, EMAIL_SENT, Clicks
from core.generator.contacts import Population
from core.generator.hazards import MARKET, Floats, Ints, Paths
from core.generator.states import states_at

SUBJECTS = ("newsletter", "market_report", "refinance_rates")
DAYS_BETWEEN = 10
LINKS = 3
OPEN_MEDIAN, OPEN_SPREAD, OPEN_MOST = 0.15, 1.2, 6.0
"""Days until a mail is opened: log-normal, at most so many."""
OPENS_MOST = 0.9
_SECOND = 1 / 86_400.0

OPEN_BOOST = np.array([1.0, 1.2, 2.4, 1.7, 1.9, 1.9])
"""By state: idle, stirred, and in the market for each intent."""
CLICK_GIVEN_OPEN = np.array(
    [  # idle stirred sell  buy   refi  invest
        [0.05, 0.06, 0.10, 0.12, 0.06, 0.10],  # newsletter
        [0.06, 0.07, 0.45, 0.15, 0.06, 0.50],  # market report
        [0.03, 0.04, 0.04, 0.08, 0.75, 0.06],  # refinance rates
    ]
)


def mails(population: Population, paths: Paths, *, days: float, rng: np.random.Generator) -> Clicks:
    """All mail events; `detail` is the campaign's number, which gives subject and day (`campaign_of`)."""
    parts = [_campaign(population, paths, number, rng=rng) for number in range(int(days) // DAYS_BETWEEN + 1)]
    contact, kind, at, detail, machine = (np.concatenate(column) for column in zip(*parts, strict=True))
    inside = at < days
    contact, kind, at, detail, machine = (column[inside] for column in (contact, kind, at, detail, machine))
    return Clicks(
        contact=contact,
        kind=kind,
        at=at,
        session=np.full(len(contact), -1),
        detail=detail,
        device=population.device[contact],
        machine=machine,
    )


def subject_of(campaign: int) -> str:
    return SUBJECTS[campaign % len(SUBJECTS)]


def _campaign(
    population: Population, paths: Paths, number: int, *, rng: np.random.Generator
) -> tuple[Ints, Ints, Floats, Ints, Ints]:
    count = len(population.people)
    day = number * DAYS_BETWEEN + 15.0 / 24
    chosen = np.flatnonzero((rng.random(count) < population.subscribed) & (population.joined <= day))
    sent_at = day + rng.random(len(chosen)) * 30 / 1440
    state = states_at(paths, chosen, sent_at)
    opened = rng.random(len(chosen)) < np.minimum(population.opens[chosen] * OPEN_BOOST[state], OPENS_MOST)
    open_at = (
        sent_at + np.minimum(rng.lognormal(np.log(OPEN_MEDIAN), OPEN_SPREAD, len(chosen)), OPEN_MOST) + 20 * _SECOND
    )
    clicked = opened & (rng.random(len(chosen)) < CLICK_GIVEN_OPEN[number % len(SUBJECTS), state])
    click_at = open_at + rng.uniform(8, 120, len(chosen)) * _SECOND
    scanned = population.scanned[chosen] == 1
    gate = chosen[scanned]
    scan_at = sent_at[scanned] + rng.uniform(0.6, 2.6, len(gate)) * _SECOND
    follow = np.repeat(gate, LINKS)
    follow_at = np.repeat(scan_at, LINKS) + np.tile(np.arange(LINKS), len(gate)) * 0.7 * _SECOND + 0.4 * _SECOND
    contact = np.concatenate([chosen, chosen[opened], chosen[clicked], gate, follow])
    kind = np.repeat(
        [EMAIL_SENT, EMAIL_OPEN, EMAIL_CLICK, EMAIL_OPEN, EMAIL_CLICK],
        [len(chosen), opened.sum(), clicked.sum(), len(gate), len(follow)],
    )
    at = np.concatenate([sent_at, open_at[opened], click_at[clicked], scan_at, follow_at])
    machine = np.zeros(len(contact), dtype=np.int64)
    machine[len(contact) - len(gate) - len(follow) :] = 1
    return contact, kind, at, np.full(len(contact), number), machine


assert len(OPEN_BOOST) == MARKET + 4
