"""The Models page's first view: each intent's deployed version, how true its numbers are, what challenges it, and its past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import charts, layout, model_charts, model_commands, queries, words
from app.ui.commands import Done
from core.learning import card, reading
from core.learning.drift import Checked
from core.learning.reading import TrainingProgress, VersionRow
from core.viewer import Viewer
from core.views.model_performance import ModelPerformance, model_performance
from core.words import Intent, Role

_STATUS = {
    "training": "Being trained",
    "validating": "Trained, not used",
    "shadow": "In shadow",
    "deployed": "In use",
    "retired": "Put away",
}
_KIND = {
    "prior": "documented belief",
    "additive": "boosted steps",
    "staircase": "steps held to the documented belief",
    "logistic": "steps held to the documented belief",
    "pairwise": "boosted steps and pairs",
    "boosting": "boosted trees",
}
_FIGURES = {
    "auc": (
        "Ranks well",
        "AUC: of a contact who did and one who did not, how often the first scores higher; 50% is chance",
    ),
    "prAuc": ("Precision over all cuts", "PR-AUC; to be compared with the share that came true"),
    "precisionAt10": ("Right in the top tenth", "Of the tenth with the highest scores, the share that came true"),
    "ece": ("Mean error of the number", "ECE over 10 bins: said minus true"),
    "logLoss": ("Log-loss", "Lower is better"),
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    versions: tuple[VersionRow, ...]
    live: tuple[ModelPerformance, ...]
    drift: tuple[Checked, ...]
    progress: TrainingProgress


def render(viewer: Viewer) -> None:
    """Everything about the versions; changes are an admin's."""
    _versions(viewer)


@st.fragment(run_every=None)
def _versions(viewer: Viewer) -> None:
    shown = _read(viewer)
    _training(viewer, shown.progress)
    learnt = (*(one.intent for one in shown.progress.nights), *(row.intent for row in shown.versions))
    intents = list(dict.fromkeys([*Intent, *sorted(learnt)]))
    chosen = st.segmented_control(
        "Alert type",
        intents,
        format_func=lambda one: words.plain(words.type_words(one)),
        default=intents[0],
        required=True,
        key="intent",
        wrap=True,
        bind="query-params",
    )
    intent = str(chosen or intents[0])
    of_intent = [row for row in shown.versions if row.intent == intent]
    deployed = next((row for row in of_intent if row.status == "deployed"), None)
    if deployed is None:
        st.info("No version of this type is in use. It is scored by its rule, or not yet.")
    else:
        _deployed(viewer, deployed, shown)
    night = next((one for one in shown.progress.nights if one.intent == intent), None)
    if night is not None:
        st.markdown(f"**Last learnt:** {layout.plain(night.sentence)}")
    for row in of_intent:
        if row.status in ("shadow", "validating"):
            _challenger(viewer, row, deployed)
    _past(viewer, of_intent)


def _read(viewer: Viewer) -> Shown:
    with queries.reading() as session:
        return Shown(
            versions=reading.versions(session, limit=400),
            live=model_performance(session, viewer),
            drift=reading.drift(session),
            progress=reading.training_progress(session, now=queries.now()),
        )


def _training(viewer: Viewer, progress: TrainingProgress) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if progress.running:
            share = progress.done / progress.total if progress.total else 0.0
            st.progress(min(share, 1.0), text=progress.message or "Learning from what came of the scores")
        elif progress.ended_at is not None:
            when = words.exact(progress.ended_at, viewer.timezone)
            st.caption(f"Last learnt {when}. It learns each night from what came of the scores.")
        else:
            st.caption("It learns each night from what came of the scores; the first night is still to come.")
        if viewer.role is Role.ADMIN:
            waiting = progress.asked_at is not None and (
                progress.began_at is None or progress.asked_at > progress.began_at
            )
            if st.button("Learn now", disabled=progress.running or waiting, key="train", width="content"):
                _tell(model_commands.train(viewer))
            if progress.running or waiting:
                st.button("Look again", key="look-again", width="content")
    if progress.error:
        st.warning(
            "The last training did not finish; the scores go on as they were. The log of the jobs process says why."
        )


def _deployed(viewer: Viewer, row: VersionRow, shown: Shown) -> None:
    with queries.reading() as session:
        detail = reading.version(session, row.id)
    st.subheader(words.plain(words.type_words(row.intent)), anchor=False)
    st.markdown(_made_of(row, detail.trained_on, viewer))
    off = [one for one in shown.drift if one.intent == row.intent and one.alarmed]
    if off:
        st.warning(f"Not verified at present: {'; '.join(_alarm(one) for one in off)}. The Drift view has the figures.")
    _live(next((one for one in shown.live if one.intent == row.intent), None))
    left, right = st.columns(2, gap="large")
    with left:
        _reliability(detail.metrics, "reliability", "chance", "The chance of the transaction: said and true", row.id)
    with right:
        _reliability(detail.metrics, "reliabilityRight", "confidence", "That the alert is right: said and true", row.id)
    _figures(detail.metrics)
    with st.container(horizontal=True):
        st.download_button(
            "Model card",
            card.markdown(detail),
            file_name=f"{row.id}.md",
            mime="text/markdown",
            key=f"card-{row.id}",
            icon=":material/description:",
        )
        if viewer.role is Role.ADMIN and row.previous_id:
            _asked(
                "Roll back",
                f"Use {row.previous_id} again instead of {row.id}?",
                key=f"rollback-{row.intent}",
                do=lambda: model_commands.act(viewer, "rollback", row.intent),
            )


def _made_of(row: VersionRow, trained_on: Mapping[str, Any], viewer: Viewer) -> str:
    since = f"In use since {words.exact(row.deployed_at, viewer.timezone)}" if row.deployed_at else "In use"
    kind = _KIND.get(row.kind, row.kind)
    text = f"{since}: **{layout.plain(row.id)}** ({kind})."
    if row.rows and row.positives is not None:
        text += f" Made of {row.rows:,} scores"
        text += f", of which {row.positives:,} came true" if row.positives else ""
        text += f"; {layout.plain(row.source)}." if row.source else "."
    elif row.source:
        text += f" Made of {layout.plain(row.source)}."
    if trained_on.get("split"):
        text += f" {layout.plain(words.sentence(str(trained_on['split'])))}."
    if row.note:
        text += f" {layout.plain(row.note)}"
    return text


def _live(live: ModelPerformance | None) -> None:
    if live is None or live.right.rate is None:
        st.markdown("No alert of this version has a known outcome yet.")
        return
    said = f", told with a mean confidence of {words.percent(live.mean_confidence)}" if live.mean_confidence else ""
    st.markdown(
        f"**{words.percent(live.right.rate)}** ({words.percent_range(live.right.low, live.right.high)}) of "
        f"{words.plural(live.right.total, 'alert')} with a known outcome were right{said}. The goal is 70%."
    )


def _reliability(metrics: Mapping[str, Any], name: str, what: str, title: str, version_id: str) -> None:
    st.markdown(f"**{title}**")
    rows = metrics.get(name)
    if not rows:
        st.caption("Not measured yet: it takes endings that the version was not made of.")
        return
    st.plotly_chart(model_charts.reliability(rows, what=what), key=f"{name}-{version_id}", config=charts.CONFIG)
    with st.expander("As a table"):
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Said": words.percent(each["predicted"]),
                        "Came true": words.percent(each["observed"]),
                        "95% range": words.percent_range(each["observedLow"], each["observedHigh"]),
                        "Scores": int(each["rows"]),
                    }
                    for each in rows
                ]
            ),
            hide_index=True,
            key=f"table-{name}-{version_id}",
        )


def _figures(metrics: Mapping[str, Any]) -> None:
    spans = metrics.get("intervals") or {}
    rows = []
    for name, (label, meaning) in _FIGURES.items():
        told = [
            _figure(name, (metrics.get(group) or {}).get(name), (spans.get(group) or {}).get(name))
            for group in ("transacts", "right")
        ]
        if told != ["–", "–"]:
            rows.append(f"| **{label}**: {meaning} | {' | '.join(told)} |")
    if rows:
        st.markdown("**On later scores it was not made of** (95% ranges in brackets)")
        st.markdown("\n".join(["| Figure | Transaction | Alert is right |", "|---|---|---|", *rows]))


def _figure(name: str, value: float | None, span: Sequence[float] | None) -> str:
    if value is None:
        return "–"
    if name == "logLoss":
        return f"{value:.4f}" + (f" ({span[0]:.4f}–{span[1]:.4f})" if span else "")
    return words.percent(value) + (f" ({words.percent_range(span[0], span[1])})" if span else "")


def _challenger(viewer: Viewer, row: VersionRow, deployed: VersionRow | None) -> None:
    with st.container(border=True):
        st.markdown(f"**Challenger: {layout.plain(row.id)}** ({_KIND.get(row.kind, row.kind)}) · {_STATUS[row.status]}")
        if row.note:
            st.markdown(layout.plain(row.note))
        if deployed is not None:
            _compared(deployed, row)
        if viewer.role is not Role.ADMIN:
            return
        with st.container(horizontal=True):
            if row.status == "validating" and st.button("Score in shadow", key=f"shadow-{row.id}"):
                _tell(model_commands.act(viewer, "shadow", row.id))
            if row.status == "shadow":
                _asked(
                    "Promote",
                    "Use it for every score from now on? A rollback brings the present one back.",
                    key=f"promote-{row.id}",
                    do=lambda: model_commands.act(
                        viewer, "promote", row.id, replaces=deployed.id if deployed else None
                    ),
                )
            _asked(
                "Put away",
                "It stops scoring in shadow. It can be put back.",
                key=f"retire-{row.id}",
                do=lambda: model_commands.act(viewer, "retire", row.id),
            )


def _compared(champion: VersionRow, challenger: VersionRow) -> None:
    with queries.reading() as session:
        found = reading.comparison(session, champion.id, challenger.id)
    rows = [
        {
            "Figure": f"{_FIGURES[figure][0]} ({'transaction' if group == 'transacts' else 'right'})",
            "In use": _figure(figure, one.champion, one.champion_interval),
            "Challenger": _figure(figure, one.challenger, one.challenger_interval),
        }
        for one in found.figures
        for group, figure in [one.name.split(".", 1)]
        if figure in _FIGURES
    ]
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, key=f"compared-{challenger.id}")
    for look in found.looks:
        value, low, high = look["difference"]
        st.markdown(
            f"After {look['days']} days in shadow: log-loss {value:+.4f} ({low:+.4f} to {high:+.4f}) against the one in "
            f"use, on {look['rows']:,} scores of which {look['positives']} came true."
        )


def _past(viewer: Viewer, rows: Sequence[VersionRow]) -> None:
    with st.expander(f"All versions ({len(rows)})"):
        frame = pd.DataFrame(
            [
                {
                    "Version": row.id,
                    "State": _STATUS.get(row.status, row.status),
                    "Made": words.exact(row.created_at, viewer.timezone),
                    "Scores": row.rows,
                    "Came true": row.positives,
                    "AUC": None if row.auc is None else f"{row.auc:.3f}",
                    "Why": row.note or "",
                }
                for row in rows
            ]
        )
        st.dataframe(frame, hide_index=True, key="versions")


def _alarm(one: Checked) -> str:
    if one.kind == "outcome":
        tier = words.group(one.subject)
        return f"{tier} alerts come true {one.value:.2f} times as often as said"
    return f"{one.subject.replace('_', ' ')} looks different from when it was made"


def _asked(label: str, question: str, *, key: str, do: Any) -> None:
    """A button that asks before it acts."""
    with st.popover(label, width="content"):
        st.markdown(layout.plain(question))
        if st.button(f"Yes, {label.lower()}", key=key):
            _tell(do())


def _tell(done: Done) -> None:
    st.toast(done.text, icon=":material/check:" if done.ok else ":material/error:")
    if done.ok:
        st.rerun(scope="fragment")
