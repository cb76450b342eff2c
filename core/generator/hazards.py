"""The truth behind the behaviour: a continuous-time Markov chain per contact, so that every probability is known exactly.

States: idle, stirred (a life event makes everything more likely for a while), and in the market for one of the four
intents (competing risks: one at a time). A contact leaves the market by the transaction or by losing interest; a small
share transacts without ever being seen in the market. `truths` solves the chain with the matrix exponential.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from core.words import HORIZON_DAYS, Intent

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

INTENTS: tuple[Intent, ...] = tuple(Intent)
IDLE, STIRRED, MARKET = 0, 1, 2
"""State numbers; MARKET + i is "in the market for INTENTS[i]"."""
STATES = MARKET + len(INTENTS)

YEAR = 365.0
ENTRY_A_YEAR = np.array([0.034, 0.018, 0.023, 0.009])
"""How often an average contact enters the market, per intent; about one contact in ten a year together."""
SILENT_A_YEAR = np.array([0.033, 0.026, 0.038, 0.013])
"""Transactions nobody could have seen coming here."""
DAYS_IN_MARKET = np.array([75.0, 70.0, 40.0, 85.0])
CLOSING_SHARE = np.array([0.45, 0.45, 0.45, 0.42])
"""Of those in the market, how many transact in the end: even an oracle rarely passes 0.4 within the horizon."""
STIRRED_A_YEAR = 0.05
STIRRED_DAYS = 100.0
STIRRED_FACTOR = np.array([6.0, 6.0, 2.0, 1.2])
CANDOUR = 0.95
"""Of those in the market, how many tell an agent who asks."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Per contact and intent, a day: (n, 4) arrays."""

    entry: Floats
    silent: Floats

    @property
    def count(self) -> int:
        return len(self.entry)

    def closing(self) -> Floats:
        return np.asarray(CLOSING_SHARE / DAYS_IN_MARKET)

    def leaving(self) -> Floats:
        return np.asarray((1 - CLOSING_SHARE) / DAYS_IN_MARKET)


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Every contact's way through the states, as jumps sorted by contact and time (days)."""

    contact: Ints
    at: Floats
    state: Ints
    until: Floats
    closed: Ints
    """The intent (0-3) whose transaction ended this stay or happened silently in it; -1 for none."""


def simulate(rates: Rates, *, start: float, end: float, rng: np.random.Generator) -> Paths:
    """Walk all contacts from idle at `start` to `end` (days); a silent transaction ends a stay and begins the same state."""
    n = rates.count
    time, state = np.full(n, start), np.zeros(n, dtype=np.int64)
    parts: list[tuple[Ints, Floats, Ints, Floats, Ints]] = []
    alive = np.arange(n)
    while len(alive):
        now_state = state[alive]
        outcomes = _outcome_rates(rates, alive, now_state)
        total = outcomes.sum(axis=1)
        leave = time[alive] + rng.exponential(1.0, len(alive)) / total
        choice = (outcomes.cumsum(axis=1) < (rng.random(len(alive)) * total)[:, None]).sum(axis=1)
        choice = np.minimum(choice, outcomes.shape[1] - 1)
        inside = leave < end
        next_state, closed = _after(now_state, choice)
        parts.append((alive, time[alive].copy(), now_state, np.minimum(leave, end), np.where(inside, closed, -1)))
        time[alive], state[alive] = leave, next_state
        alive = alive[inside]
    contact, at, states, until, closed_all = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((at, contact))
    return Paths(
        contact=contact[order], at=at[order], state=states[order], until=until[order], closed=closed_all[order]
    )


def truths(rates: Rates) -> tuple[Floats, Floats]:
    """The two truths for every contact, intent and state now, as (n, 4, 6) arrays.

    First: P(transaction of that intent within its horizon). Second: P(an alert is right), meaning that within the
    horizon the contact transacts or, being in the market and candid, confirms the intent to an agent who asks.
    Candour is a lasting trait per contact and intent, so the second is c·P(in the market within the horizon or
    transacts) + (1 - c)·P(transacts), exactly.
    """
    n, k = rates.count, len(INTENTS)
    closing, leaving = rates.closing(), rates.leaving()
    transacts, right = np.zeros((n, k, STATES)), np.zeros((n, k, STATES))
    base = np.zeros((n, STATES + 1, STATES + 1))
    base[:, IDLE, STIRRED] = STIRRED_A_YEAR / YEAR
    base[:, STIRRED, IDLE] = 1 / STIRRED_DAYS
    base[:, IDLE, MARKET : MARKET + k] = rates.entry
    base[:, STIRRED, MARKET : MARKET + k] = rates.entry * STIRRED_FACTOR
    base[:, np.arange(MARKET, MARKET + k), IDLE] = closing + leaving
    goal = STATES
    for i, intent in enumerate(INTENTS):
        generator = base.copy()
        generator[:, IDLE, goal] = generator[:, STIRRED, goal] = rates.silent[:, i]
        generator[:, MARKET + i, goal] = closing[i]
        generator[:, MARKET + i, IDLE] = leaving[i]
        transacts[:, i, :] = _reaches(generator, HORIZON_DAYS[intent])
        hits = generator.copy()
        hits[:, IDLE, goal] += hits[:, IDLE, MARKET + i]
        hits[:, STIRRED, goal] += hits[:, STIRRED, MARKET + i]
        hits[:, IDLE, MARKET + i] = hits[:, STIRRED, MARKET + i] = 0
        reached = _reaches(hits, HORIZON_DAYS[intent])
        reached[:, MARKET + i] = 1.0
        right[:, i, :] = CANDOUR * reached + (1 - CANDOUR) * transacts[:, i, :]
    return transacts, right


def _reaches(generator: Floats, days: int) -> Floats:
    """P(absorbed in the last state within `days`) from each of the others."""
    filled = generator.copy()
    diagonal = np.arange(filled.shape[1])
    filled[:, -1, :] = 0
    filled[:, diagonal, diagonal] = 0
    filled[:, diagonal, diagonal] = -filled.sum(axis=2)
    # Squaring by hand: a matrix for one day to a power is far faster than expm over thousands of contacts, and exact.
    return np.asarray(np.linalg.matrix_power(one_day(filled), days)[:, :STATES, -1])


def one_day(generator: Floats) -> Floats:
    """exp(Q) for one day; the daily rates are small, so eight terms of the series reach machine precision."""
    if generator.shape[0] == 1:
        return np.asarray(expm(generator))
    result = np.broadcast_to(np.eye(generator.shape[1]), generator.shape).copy()
    term = result.copy()
    for order in range(1, 9):
        term = term @ generator / order
        result += term
    return result


def _outcome_rates(rates: Rates, contacts: Ints, states: Ints) -> Floats:
    """Rates of: enter each market (4), stir or calm (1), silent transaction (4), transact from market (1), lose interest (1)."""
    out = np.zeros((len(contacts), 11))
    out[:, :4] = rates.entry[contacts]
    stirred, market = states == STIRRED, states >= MARKET
    out[stirred, :4] *= STIRRED_FACTOR
    out[:, 4] = np.where(stirred, 1 / STIRRED_DAYS, STIRRED_A_YEAR / YEAR)
    out[:, 5:9] = rates.silent[contacts]
    out[market, :9] = 0
    intent = states[market] - MARKET
    out[market, 9] = rates.closing()[intent]
    out[market, 10] = rates.leaving()[intent]
    return out


def _after(states: Ints, choice: Ints) -> tuple[Ints, Ints]:
    entering, stirring, silent, closing = choice < 4, choice == 4, (choice >= 5) & (choice < 9), choice == 9
    following = np.zeros_like(states)
    following[entering] = MARKET + choice[entering]
    following[stirring] = np.where(states[stirring] == STIRRED, IDLE, STIRRED)
    following[silent] = states[silent]
    closed = np.full_like(states, -1)
    closed[silent] = choice[silent] - 5
    closed[closing] = states[closing] - MARKET
    return following, closed
