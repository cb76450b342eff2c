"""What the loop decides each night for one intent: wait, train, put a challenger into shadow, promote, recalibrate, or nothing.

A challenger that beats the deployed version beyond doubt on the newest closed window goes into shadow: it scores beside the
deployed one and decides nothing. It is promoted when scores that were made after its whole data window, and whose windows
have closed since, confirm it. There are three looks, after 30, 60 and 120 days in shadow, each at 98.3%: looking every
night at 95% would sooner or later see whatever one hopes for (Bonferroni). Before all that, the deployed version's intercepts are put right where observed over expected is off beyond
its interval, so that a challenger has to be better at telling contacts apart. Nothing here writes, or draws without a seed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import experiments
from core.db.tables import ModelVersion
from core.errors import Conflict
from core.learning import applying, comparing, curves, facts, fit, labels, memory, moving, split
from core.learning.examples import DAY, Examples, Floats, Ints, milliseconds
from core.learning.fit import Trained
from core.learning.labels import Labels
from core.learning.registry import LOOKS
from core.learning.split import Mask
from core.learning.targets import Target
from core.scoring.metrics import Interval
from core.words import ModelStatus

LOOK_LEVEL = 1 - 0.05 / len(LOOKS)
LONGEST_SHADOW = 365
FEWEST = 20
"""Contacts of whom it came true in the window that compares or recalibrates."""
RECENT = 90 * DAY
"""The newest closed window for recalibration: scores of so long before the last one whose ending is known."""
RATIO_LEVEL = 0.99
"""Of observed over expected: it is looked at every night, so 95% would cry wolf."""
GROWTH = 1.1
"""Trained again when so many times the evidence of the last attempt is there, or after AGAIN."""
AGAIN = timedelta(days=30)

Action = Literal["nothing", "shadow", "promote", "retire", "recalibrate"]


@dataclass(frozen=True, kw_only=True)
class Version:
    """A stored version, as far as the loop needs it."""

    id: str
    parameters: Mapping[str, Any]
    until: int
    """Scores up to this instant (ms) went into it."""
    recalibrated_until: int = 0
    """Scores up to this instant (ms) moved its intercepts. Such scores still compare it with a challenger: what it gained
    from them speaks for it, so that a challenger is promoted too late rather than too early."""
    shadowed_at: datetime | None
    looks: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Material:
    """All that one intent's decision is made of."""

    target: Target
    examples: Examples
    labels: Labels
    champion: Version | None
    challenger: Version | None
    """What is in shadow."""
    last: Mapping[str, Any]
    """What was remembered of the last attempt (core.learning.memory)."""
    delay: timedelta
    trial: str | None = None
    """The running experiment that serves the challenger to some contacts: until it is stopped, people decide."""

    @property
    def positives(self) -> int:
        return comparing.positives(self.labels.transacts, self.examples.contact)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    action: Action
    sentence: str
    version_id: str | None = None
    """Whom it concerns: a version in shadow, to be promoted or retired."""
    replaces: str | None = None
    """The version that was deployed when this was decided."""
    look: Mapping[str, Any] | None = None
    shifts: Mapping[str, float] = field(default_factory=dict)
    """For recalibrating: by how much each curve's intercept moves."""
    until: str | None = None
    """For recalibrating: the last score it was fitted on."""


def study(session: Session, target: Target, examples: Examples, *, delay: timedelta, now: datetime) -> Material:
    """Label the examples for this target, and read what stands in the registry."""
    known = facts.known(session, target, examples, now=now)
    challenger = _version(session, target.intent, ModelStatus.SHADOW)
    return Material(
        target=target,
        examples=examples,
        labels=labels.label(
            examples, known, horizon=target.horizon, delay=delay, by_outcome=target.answer == "outcome", now=now
        ),
        champion=_version(session, target.intent, ModelStatus.DEPLOYED),
        challenger=challenger,
        trial=experiments.trial_of(session, challenger.id) if challenger else None,
        last=memory.of_intent(session, target.intent),
        delay=delay,
    )


def judge_shadow(material: Material, *, seed: int, now: datetime) -> Verdict:
    """Whether the challenger in shadow is confirmed, refuted, or still to be waited for."""
    challenger, champion = material.challenger, material.champion
    assert challenger is not None
    assert challenger.shadowed_at is not None
    if material.trial is not None:
        return Verdict(
            action="nothing",
            sentence=f"{challenger.id} is on trial in the experiment “{material.trial}”: it stays until that is stopped.",
        )
    days, done = (now - challenger.shadowed_at).days, len(challenger.looks)
    if done >= len(LOOKS) or days > LONGEST_SHADOW:
        return Verdict(
            action="retire",
            version_id=challenger.id,
            sentence=f"{challenger.id} was not confirmed in {days} days of shadow and was put away.",
        )
    rows = _later(material, challenger, champion)
    found = comparing.positives(material.labels.transacts[rows], material.examples.contact[rows])
    if days < LOOKS[done] or found < FEWEST:
        return Verdict(
            action="nothing",
            sentence=(
                f"{challenger.id} has been in shadow for {days} days; the next look comes after {LOOKS[done]} days, with "
                f"{FEWEST} contacts of whom it came true since its training ({found} so far)."
            ),
        )
    difference = _difference(material, rows, challenger.parameters, seed=seed, level=LOOK_LEVEL)
    look = {"days": days, "rows": int(rows.sum()), "positives": found, "difference": _rounded(difference)}
    said = f"{_said(difference, LOOK_LEVEL, champion)} on {int(rows.sum())} later scores ({found} came true)"
    common: dict[str, Any] = {
        "version_id": challenger.id,
        "replaces": champion.id if champion else None,
        "look": look,
    }
    if difference.high < 0:
        return Verdict(action="promote", sentence=f"Confirmed in shadow: {said}.", **common)
    if difference.low > 0 or done + 1 == len(LOOKS):
        return Verdict(action="retire", sentence=f"Not confirmed in shadow: {said}; put away.", **common)
    return Verdict(action="nothing", sentence=f"Look {done + 1} of {len(LOOKS)} decides nothing: {said}.", **common)


def why_not_train(material: Material, *, asked: bool, now: datetime) -> str | None:
    """A sentence where training would be idle; None where it is worth it."""
    y, at = material.labels.transacts, material.examples.at
    if not len(at):
        return "No contact has been scored yet."
    try:
        chosen = split.forward(at, ~np.isnan(y), horizon=material.target.horizon, delay=material.delay)
        fit.check_enough(y, material.examples.contact, chosen)
    except Conflict as little:
        return f"Too little to learn from: {little.detail}"
    last = material.last
    if asked or "trainedAt" not in last or now >= datetime.fromisoformat(last["trainedAt"]) + AGAIN:
        return None
    if material.positives >= GROWTH * last["trainedPositives"]:
        return None
    return (
        f"Trained on {last['trainedAt'][:10]} with {last['trainedPositives']} contacts of whom it came true; "
        f"{material.positives} now: too little news to train again."
    )


def judge_challenger(material: Material, trained: Trained, *, seed: int) -> Verdict:
    """Whether a new challenger beats the deployed version on the newest closed window, on which neither was trained."""
    champion = material.champion
    rows = trained.split.measure & _since(material, champion)
    found = comparing.positives(material.labels.transacts[rows], material.examples.contact[rows])
    if found < FEWEST:
        return Verdict(
            action="retire",
            sentence=(
                f"Only {found} contacts came true on scores that the deployed version was not made of; it takes {FEWEST} "
                "to compare the two."
            ),
        )
    difference = _difference(material, rows, trained.parameters, seed=seed, level=0.95)
    said = f"{_said(difference, 0.95, champion)} on the newest {int(rows.sum())} scores whose ending is known"
    if difference.high < 0:
        return Verdict(action="shadow", sentence=f"A better challenger ({trained.kind}): {said}. It scores in shadow.")
    return Verdict(action="retire", sentence=f"The challenger ({trained.kind}) is no better beyond doubt: {said}.")


def judge_calibration(material: Material) -> Verdict:
    """Whether the deployed version expects too many or too few beyond doubt, and moving its intercepts would have helped."""
    champion = material.champion
    if champion is None:
        return Verdict(action="nothing", sentence="Nothing is deployed.")
    y = material.labels.transacts
    rows = ~np.isnan(y) & (material.examples.at > max(champion.until, champion.recalibrated_until))
    if rows.any():
        rows &= material.examples.at >= material.examples.at[rows].max() - RECENT
    if rows.sum() < 10 * FEWEST:
        return Verdict(
            action="nothing", sentence=f"{int(rows.sum())} endings are known since it was made: too few to check it."
        )
    numbers = applying.numbers(
        champion.parameters,
        material.examples.matrix[rows],
        intent=material.target.intent,
        names=material.examples.names,
    )
    contact, right = material.examples.contact[rows], material.labels.confirmed[rows]
    worked = ~np.isnan(right)
    shifts, told = {}, []
    for name, truth, log_odds, who in (
        ("probability", y[rows], numbers.log_odds, contact),
        ("confidence", right[worked], numbers.log_odds[worked], contact[worked]),
    ):
        if len(truth) < 2 * FEWEST:
            continue
        by, said = _moved(champion.parameters[name], log_odds, truth, who)
        told.append(f"{name}: {said}")
        if by:
            shifts[name] = by
    return Verdict(
        action="recalibrate" if shifts else "nothing",
        sentence="; ".join(told) + ".",
        replaces=champion.id,
        shifts=shifts,
        until=split.iso(material.examples.at[rows].max()),
    )


def _moved(curve: Mapping[str, Any], log_odds: Floats, y: Floats, contact: Ints) -> tuple[float, str]:
    """By how much the intercept should move (0: not at all), and why."""
    expected = moving.at(curve, log_odds)
    found = comparing.ratio(y, expected, contact, level=RATIO_LEVEL)
    said = (
        f"{y.sum():.0f} observed, {expected.sum():.0f} expected (ratio {found.value:.2f}, 99% interval {found.low:.2f} to "
        f"{found.high:.2f})"
    )
    if max(comparing.positives(y, contact), found.events) < FEWEST:
        return 0.0, f"{said}: too few to correct anything"
    if found.low <= 1 <= found.high:
        return 0.0, f"{said}: nothing to correct"
    share, cut = min(1.0, found.events / float(expected.sum())), round(0.6 * len(y))
    trial = moving.shifted(curve, curves.shift(curve, log_odds[:cut], y[:cut], share=share))
    after, before = (curves.losses(y[cut:], moving.at(each, log_odds[cut:])).mean() for each in (trial, curve))
    if after >= before:
        return 0.0, f"{said}: moved by the older scores it would not have helped on the newer ones"
    by = curves.shift(curve, log_odds, y, share=share)
    return by, f"{said}: the intercept moves by {by:+.2f}"


def _difference(material: Material, rows: Mask, parameters: Mapping[str, Any], *, seed: int, level: float) -> Interval:
    """Log-loss of these parameters minus that of the deployed version (or of the base rate where there is none)."""
    matrix, y, contact = (
        material.examples.matrix[rows],
        material.labels.transacts[rows],
        material.examples.contact[rows],
    )
    mine = applying.numbers(
        parameters, matrix, intent=material.target.intent, names=material.examples.names
    ).probability
    champion = material.champion
    theirs = (
        applying.numbers(
            champion.parameters, matrix, intent=material.target.intent, names=material.examples.names
        ).probability
        if champion
        else np.full(len(y), float(parameters["base_rate"]))
    )
    return comparing.mean_difference(curves.losses(y, mine), curves.losses(y, theirs), contact, seed=seed, level=level)


def _later(material: Material, challenger: Version, champion: Version | None) -> Mask:
    """Scores made after all that either version was made of, and whose ending is known."""
    known: Mask = ~np.isnan(material.labels.transacts)
    return known & (material.examples.at > challenger.until) & _since(material, champion)


def _since(material: Material, version: Version | None) -> Mask:
    after: Mask = material.examples.at > (version.until if version else 0)
    return after


def _version(session: Session, intent: str, status: ModelStatus) -> Version | None:
    row = session.scalar(
        select(ModelVersion).where(ModelVersion.intent == intent, ModelVersion.status == status).limit(1)
    )
    if row is None:
        return None
    made_of = row.trained_on
    return Version(
        id=row.id,
        parameters=row.parameters,
        until=_instant(made_of.get("until")),
        recalibrated_until=_instant(made_of.get("recalibratedUntil")),
        shadowed_at=row.shadowed_at,
        looks=tuple(row.metrics.get("looks", ())),
    )


def _instant(stored: str | None) -> int:
    return milliseconds(datetime.fromisoformat(stored)) if stored else 0


def _said(difference: Interval, level: float, champion: Version | None) -> str:
    return (
        f"log-loss {difference.value:+.4f} against {'the deployed version' if champion else 'saying the same of everybody'} "
        f"({level:.1%} interval {difference.low:+.4f} to {difference.high:+.4f})"
    )


def _rounded(found: Interval) -> list[float]:
    return [round(each, 6) for each in found]
