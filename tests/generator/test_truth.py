"""The generator's truth is the truth: what it says will happen is what happens."""

from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest
from scipy.linalg import expm

from core.generator import World, generate
from core.generator.hazards import INTENTS, MARKET, one_day, truths
from core.words import HORIZON_DAYS, Intent

END = datetime(2026, 3, 2, 15, tzinfo=UTC)


@cache
def world() -> World:
    """Many contacts, few days: states and transactions are walked far beyond the history anyway."""
    return generate(11, 30_000, 12, END)


@pytest.mark.parametrize("intent", INTENTS)
def test_both_truths_agree_with_what_comes_of_it(intent: Intent) -> None:
    everybody = np.arange(len(world().contacts))
    at = np.full(len(everybody), 6.0)
    said_transacts, said_right = world().truths(everybody, intent, at)
    transacts, right = world().labels(everybody, intent, at)
    for said, happened in ((said_transacts, transacts), (said_right, right)):
        error = np.sqrt((said * (1 - said)).sum()) / len(said)
        assert abs(said.mean() - happened.mean()) < 4 * error


@pytest.mark.parametrize("intent", INTENTS)
def test_truth_holds_among_those_in_the_market(intent: Intent) -> None:
    paths, which = world().paths, INTENTS.index(intent)
    here = np.unique(paths.contact[(paths.state == MARKET + which) & (paths.at <= 6.0) & (paths.until > 6.0)])
    at = np.full(len(here), 6.0)
    said, _ = world().truths(here, intent, at)
    transacts, _ = world().labels(here, intent, at)
    assert len(here) > 50
    assert abs(said.mean() - transacts.mean()) < 4 * np.sqrt((said * (1 - said)).sum()) / len(said)
    assert said.max() < 0.5  # even who knows everything seldom passes 0.4


def test_two_to_three_in_a_hundred_sell_within_180_days() -> None:
    everybody = np.arange(len(world().contacts))
    said, _ = world().truths(everybody, Intent.LIKELY_TO_SELL, np.full(len(everybody), 6.0))
    assert HORIZON_DAYS[Intent.LIKELY_TO_SELL] == 180
    assert 0.02 < said.mean() < 0.03


def test_about_one_contact_in_ten_a_year_is_in_the_market() -> None:
    paths = world().paths
    during = (paths.state >= MARKET) & (paths.until > -365) & (paths.at < 0)
    assert 0.08 < len(np.unique(paths.contact[during])) / len(world().contacts) < 0.15


def test_a_day_of_the_chain_is_its_matrix_exponential() -> None:
    rates = world().population.rates
    transacts, _ = truths(type(rates)(entry=rates.entry[:3], silent=rates.silent[:3]))
    assert np.allclose(transacts, world()._tables[0][:3])
    generator = np.array([[[-0.03, 0.02, 0.01], [0.05, -0.06, 0.01], [0.0, 0.0, 0.0]]] * 2)
    assert np.allclose(one_day(generator)[0], expm(generator[0]), atol=1e-14)


def test_truth_of_one_contact_matches_the_arrays() -> None:
    person = world().contacts[7]
    at = world().time(6.0)
    truth = world().truth(person.id, Intent.LIKELY_TO_BUY, at)
    probability, confidence = world().truths(np.array([7]), Intent.LIKELY_TO_BUY, np.array([6.0]))
    assert truth.probability == probability[0]
    assert truth.confidence == confidence[0]
    assert truth.confidence >= truth.probability * 0.9
