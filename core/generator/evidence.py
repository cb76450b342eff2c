"""What the events of a visit and of a mail say about the hidden state, by the generator's own parameters.

For every visit the probability of just these clicks under each flavour, integrated over the visit's depth; for every mail
whether it was opened and clicked. Nothing but what the product receives is read: counts per kind, kinds of calculators,
purposes of searches, types of documents. `detail` (the flavour) serves only to rebuild what the body of an event says.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, pdtrc
from scipy.stats import gamma

from core.generator import wording
from core.generator.behaviour import DEPTH_MOST, DEPTH_SCALE, DEPTH_SHAPE, FLAVOURS, KINDS, MOST_OF_A_KIND, PER_VISIT
from core.generator.hazards import Floats, Ints

CALCULATOR, SEARCH, LISTING = KINDS.index("calculator"), KINDS.index("search"), KINDS.index("listing_view")
DOCUMENTS = tuple(KINDS.index(name) for name in ("document_access", "document_download", "document_share"))
_DEPTHS = 24
_TYPES = len(wording.ANY_CALCULATOR)
TRAITS = len(KINDS) + _TYPES + 2 + 2
"""Columns of a visit: clicks per kind, calculators per type, searches and listings for investment or not, mortgage
statements or other documents."""


def traits(kind: Ints, detail: Ints, variant: Ints) -> Ints:
    """(events, TRAITS) of 0 and 1: what the body of each visit's event tells."""
    rows = np.arange(len(kind))
    found = np.zeros((len(kind), TRAITS), dtype=np.int64)
    found[rows, kind] = 1
    is_calculator = kind == CALCULATOR
    usual = np.array([_usual(flavour) for flavour in FLAVOURS])[detail]
    shown = np.where((usual < 0) | (variant % 5 == 0), variant % 7 % 5, usual)
    found[rows[is_calculator], len(KINDS) + shown[is_calculator]] = 1
    looks = (kind == SEARCH) | (kind == LISTING)
    invests = np.where(detail == FLAVOURS.index("invest"), variant % 10 < 6, variant % 40 == 0)
    at = len(KINDS) + _TYPES
    found[rows[looks], at + np.where(invests, 0, 1)[looks]] = 1
    documents = np.isin(kind, DOCUMENTS)
    mortgage = (detail == FLAVOURS.index("refinance")) | (variant % len(wording.DOCUMENTS) == wording.MORTGAGE)
    found[rows[documents], at + 2 + np.where(mortgage, 0, 1)[documents]] = 1
    return found


def visit_log_likelihoods(counts: Ints) -> Floats:
    """(visits, 8): log P(these clicks | flavour) of visits given by the sums of their events' traits.

    A visit of which a late event is still on its way is taken as if it had none.
    """
    depth, weight = _depths()
    clicks = np.minimum(counts[:, : len(KINDS)], MOST_OF_A_KIND)
    found = np.zeros((len(counts), len(FLAVOURS)))
    alone = (clicks.sum(axis=1) == 1) & (clicks[:, 0] == 1)
    for flavour in range(len(FLAVOURS)):
        mean = PER_VISIT[flavour][:, None] * depth[None, :]
        table = _capped_poisson(mean)  # (kinds, count, depths)
        log_p = sum(table[kind, clicks[:, kind]] for kind in range(len(KINDS)))
        p = np.exp(log_p) @ weight
        p = p + alone * (np.exp(-mean.sum(axis=0)) @ weight)  # an empty visit is shown as one page
        found[:, flavour] = np.log(p)
    return np.asarray(found + counts[:, len(KINDS) :] @ _TRAIT_LOG.T)


def _usual(flavour: str) -> int:
    name = wording.CALCULATORS.get(flavour)
    return -1 if name is None else wording.ANY_CALCULATOR.index(name)


def _depths() -> tuple[Floats, Floats]:
    """The depth of a visit in slices of equal probability, and the share that is capped."""
    below = gamma.cdf(DEPTH_MOST, DEPTH_SHAPE, scale=DEPTH_SCALE)
    at = (np.arange(_DEPTHS) + 0.5) / _DEPTHS * below
    nodes = np.append(gamma.ppf(at, DEPTH_SHAPE, scale=DEPTH_SCALE), DEPTH_MOST)
    return nodes, np.append(np.full(_DEPTHS, below / _DEPTHS), 1 - below)


def _capped_poisson(mean: Floats) -> Floats:
    """(kinds, 0..MOST_OF_A_KIND, depths): log probabilities, the last one of "so many or more"."""
    count = np.arange(MOST_OF_A_KIND)[None, :, None]
    log_p = count * np.log(mean[:, None, :]) - mean[:, None, :] - gammaln(count + 1)
    most = np.log(pdtrc(MOST_OF_A_KIND - 1, mean))[:, None, :]
    return np.concatenate([log_p, most], axis=1)


def _trait_log() -> Floats:
    """(8, traits after the kinds): log P(type, purpose, document | flavour)."""
    anything = np.bincount(np.arange(7) % 5, minlength=_TYPES) / 7
    rows = []
    for flavour in FLAVOURS:
        usual = _usual(flavour)
        types = anything if usual < 0 else 0.2 * anything + 0.8 * (np.arange(_TYPES) == usual)
        invests = 0.6 if flavour == "invest" else 1 / 40
        # One in so many documents is a mortgage statement; refinancing shows nothing else (but never quite: log 0).
        mortgage = 1 - 1e-9 if flavour == "refinance" else 1 / len(wording.DOCUMENTS)
        rows.append(np.log([*types, invests, 1 - invests, mortgage, 1 - mortgage]))
    return np.array(rows)


_TRAIT_LOG = _trait_log()


@dataclass(frozen=True, kw_only=True)
class Visits:
    """Visits as columns, sorted by contact and day."""

    contact: Ints
    day: Ints
    """The day (counted from the start) on which its first event arrived."""
    log_likelihood: Floats


def visits_of(contact: Ints, session: Ints, received: Floats, of_event: Ints) -> Visits:
    """Group events (of visits only) into visits. `of_event` is `traits` of the same rows, sorted by arrival."""
    _, first, which = np.unique(session, return_index=True, return_inverse=True)
    counts = np.zeros((len(first), TRAITS), dtype=np.int64)
    np.add.at(counts, which, of_event)
    return Visits(
        contact=contact[first],
        day=np.floor(received[first]).astype(np.int64),
        log_likelihood=visit_log_likelihoods(counts) if len(first) else np.zeros((0, len(FLAVOURS))),
    )
