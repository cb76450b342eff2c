"""A hash decides: evenly, independently between experiments, the same in every process."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from core.experiments.assigning import assign, position
from core.experiments.definition import Variant

VARIANTS = (
    Variant(key="now", name="Now", share=0.5),
    Variant(key="b", name="B", share=0.3),
    Variant(key="c", name="C", share=0.2),
)
CONTACTS = [f"contact-{number}" for number in range(20_000)]


def test_places_are_uniform_and_independent_between_salts() -> None:
    first, second = (np.array([position(salt, one) for one in CONTACTS]) for salt in ("salt-1", "salt-2"))
    assert stats.kstest(first, "uniform").pvalue > 0.001
    table, *_ = np.histogram2d(first, second, bins=8)
    assert stats.chi2_contingency(table).pvalue > 0.001
    assert 0 <= first.min() < first.max() < 1


def test_variants_get_their_shares() -> None:
    got = [assign(VARIANTS, "salt", one).key for one in CONTACTS]
    counts = [got.count(variant.key) for variant in VARIANTS]
    expected = [variant.share * len(CONTACTS) for variant in VARIANTS]
    assert stats.chisquare(counts, expected).pvalue > 0.001


def test_a_place_is_the_same_in_every_process_and_release() -> None:
    assert position("salt", "rosa") == pytest.approx(0.9819600929210571, abs=1e-15)
    code = "from core.experiments.assigning import position; print(repr(position('salt', 'Zoë')))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(told) == position("salt", "Zoë")
