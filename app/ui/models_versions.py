"""The Models page's first view: each intent's deployed version, how true its numbers are, what challenges it, and its past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import charts, layout, model_charts, model_commands, models_drift, queries, words
from app.ui.commands import Done
from core.learning import card, reading
from core.learning.drift import Checked
from core.learning.reading import TrainingProgress, VersionRow
from core.viewer import Viewer
from core.views import progress as job_progress
from core.views.model_performance import ModelPerformance, model_performance
from core.words import Intent, Role

_STATUS = {
    "training": "Being trained",
    "validating": "Trained, not used",
    "shadow": "In shadow",
    "deployed": "In use",
    "retired": "Put away",
}
_SHADOW = "It scores everybody too, unseen; the one in use goes on deciding."
_KIND = {
    "prior": "what Doorbell comes with",
    "additive": "a sum of one part for each fact",
    "staircase": "a sum of one part for each fact, held close to what Doorbell comes with",
    "logistic": "a sum of one part for each fact, held close to what Doorbell comes with",
    "pairwise": "a sum of one part for each fact and each pair of facts",
    "boosting": "many small decision trees",
}
_LOOK_AGAIN = 2.0
"""Seconds between two looks at a training that runs."""
_PATIENCE = timedelta(minutes=3)
"""After this long nobody is at it: the jobs process is gone."""
_FIGURES = {
    "rate": ("Came true", "Of all these scores, the share that came true"),
    "precisionAt10": ("Right in the top tenth", "Of the tenth with the highest scores, the share that came true"),
    "auc": (
        "Ranks well",
        "Of a contact who did and one who did not, how often the first scores higher; 50% is chance (AUC)",
    ),
    "prAuc": ("Right at any cut", "Share that came true, averaged over all cuts; chance is what came true (PR-AUC)"),
    "ece": ("Mean error of the number", "Said minus true, in percentage points (ECE, 10 bins)"),
    "logLoss": ("Penalty for wrong numbers", "Lower is better (log-loss)"),
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    versions: tuple[VersionRow, ...]
    live: tuple[ModelPerformance, ...]
    drift: tuple[Checked, ...]
    progress: TrainingProgress


def render(viewer: Viewer) -> None:
    """Everything about the versions; changes are an admin's."""
    with queries.reading() as session:
        served = job_progress.job(session, job_progress.MODELS_SERVED)
        busy = is_busy(reading.training_progress(session, now=queries.now()))
    if served is not None and served.error:
        st.error(
            f"{layout.plain(served.error)}. The last good one goes on scoring. Take an earlier version up below, or let "
            "the night learn a new one.",
            icon=":material/healing:",
        )
    st.fragment(_training, run_every=_LOOK_AGAIN if busy else None)(viewer, was_busy=busy)
    _versions(viewer)


@st.fragment
def _versions(viewer: Viewer) -> None:
    shown = _read(viewer)
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
        st.info(
            "No version of this type is in use: it is scored by its rule. A version appears here once enough of its "
            "alerts have a known outcome."
        )
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


def _waiting(progress: TrainingProgress) -> bool:
    """Somebody asked for it lately, and it has not ended since: between asking and running there are some seconds."""
    asked, ended = progress.asked_at, progress.ended_at
    return asked is not None and (ended is None or ended < asked) and queries.now() - asked < _PATIENCE


def is_busy(progress: TrainingProgress) -> bool:
    """Whether there is something to see of the learning."""
    return progress.running or _waiting(progress)


def _training(viewer: Viewer, *, was_busy: bool) -> None:
    """How far the learning is. It looks again by itself while there is something to see, then shows what came of it."""
    with queries.reading() as session:
        progress = reading.training_progress(session, now=queries.now())
    if is_busy(progress) != was_busy:
        st.rerun(scope="app")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if progress.running:
            share = progress.done / progress.total if progress.total else 0.0
            st.progress(min(share, 1.0), text=progress.message or "Learning from what came of the scores")
        elif _waiting(progress):
            st.progress(0.0, text="Learning starts within a minute. You can leave this page.")
        elif progress.ended_at is not None:
            when = words.exact(progress.ended_at, viewer.timezone)
            st.caption(f"Last learnt {when}. It learns each night from what came of the scores.")
        else:
            st.caption("It learns each night from what came of the scores; the first night is still to come.")
        if viewer.role is Role.ADMIN and st.button("Learn now", disabled=was_busy, key="train", width="content"):
            _tell(model_commands.train(viewer))
    if progress.error:
        st.warning(
            "The last learning did not finish; the scores go on as they were. Press “Learn now” to try again; if that "
            "does not finish either, the server's log says why."
        )


def _deployed(viewer: Viewer, row: VersionRow, shown: Shown) -> None:
    with queries.reading() as session:
        detail = reading.version(session, row.id)
    st.subheader(words.plain(words.type_words(row.intent)), anchor=False)
    st.caption(f"Version {layout.plain(row.id)}: {_KIND.get(row.kind, row.kind)}.")
    st.markdown(_made_of(row, viewer))
    _alarms([one for one in shown.drift if one.intent == row.intent and one.alarmed])
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
                "Go back …",
                f"Use {row.previous_id} again instead of {row.id}? You can take {row.id} up again below.",
                key=f"rollback-{row.intent}",
                do=lambda: model_commands.act(viewer, "rollback", row.intent),
            )


def _made_of(row: VersionRow, viewer: Viewer) -> str:
    text = f"In use since {words.exact(row.deployed_at, viewer.timezone)}. "
    number = f"{row.rows:,} scores" + (f", of which {row.positives:,} came true" if row.positives else "")
    if row.source and row.source.startswith("this team"):
        text += f"It learnt from {number}, all your own." if row.rows else "It learnt from your own scores."
    elif row.rows:
        text += f"Doorbell came with it: it learnt from {number}, of made-up contacts; none of them are yours."
    else:
        text += "Doorbell came with it: it rests on what is known of homeowners, and on none of your contacts."
    return f"{text} {layout.plain(row.note)}" if row.note else text


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
        st.caption("Not measured yet: it takes scores with a known ending that the version did not learn from.")
        return
    st.markdown(verdict(rows))
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


def verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the chart shows, in words: where the number said lies outside the range of what came true."""
    high = [words.percent(row["predicted"]) for row in rows if row["predicted"] > row["observedHigh"]]
    low = [words.percent(row["predicted"]) for row in rows if row["predicted"] < row["observedLow"]]
    if not high and not low:
        return "It keeps its word: every number said lies in the range of what came true."
    parts = [f"too high at {words.listed(high)}: fewer came true"] if high else []
    parts += [f"too low at {words.listed(low)}: more came true"] if low else []
    return f"It says {'; '.join(parts)}. Elsewhere it keeps its word."


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
        with st.expander("All figures"):
            st.markdown("On later scores that it did not learn from; 95% ranges in brackets.")
            st.markdown("\n".join(["| Figure | Transaction | Alert is right |", "|---|---|---|", *rows]))


def _figure(name: str, value: float | None, span: Sequence[float] | None) -> str:
    if value is None:
        return "–"
    if name == "logLoss":
        return f"{value:.4f}" + (f" ({span[0]:.4f}–{span[1]:.4f})" if span else "")
    return words.percent(value) + (f" ({words.percent_range(span[0], span[1])})" if span else "")


def _challenger(viewer: Viewer, row: VersionRow, deployed: VersionRow | None) -> None:
    with st.container(border=True):
        st.markdown(f"**Challenger: {layout.plain(row.id)}** · {_STATUS[row.status]}")
        st.caption(f"It is {_KIND.get(row.kind, row.kind)}.")
        if row.note:
            st.markdown(layout.plain(row.note))
        if deployed is not None:
            _compared(deployed, row)
        if viewer.role is not Role.ADMIN:
            return
        with st.container(horizontal=True):
            if row.status == "validating" and st.button("Try it in shadow", key=f"shadow-{row.id}", help=_SHADOW):
                _tell(model_commands.act(viewer, "shadow", row.id))
            if row.status == "shadow":
                _asked(
                    "Promote …",
                    "Use it for every score from now on? You can go back to the present one.",
                    key=f"promote-{row.id}",
                    do=lambda: model_commands.act(
                        viewer, "promote", row.id, replaces=deployed.id if deployed else None
                    ),
                )
            _asked(
                "Put away …",
                "Stop trying it? You can take it up again below.",
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
        st.caption("Each on the newest scores it did not learn from: compare the two only roughly.")
        st.dataframe(pd.DataFrame(rows), hide_index=True, key=f"compared-{challenger.id}")
    for look in found.looks:
        st.markdown(looked(look))
    if not found.looks and challenger.status == "shadow":
        st.markdown("Not compared yet on the same scores: that takes some weeks in shadow.")


def looked(look: Mapping[str, Any]) -> str:
    """One comparison on the same scores, in words first."""
    value, low, high = look["difference"]
    said = "It does better than the one in use" if high < 0 else "It does worse than the one in use"
    if low <= 0 <= high:
        said = "No difference from the one in use that chance would not explain"
    return (
        f"**{said}**, after {look['days']} days in shadow, on {words.plural(look['rows'], 'score')} of which "
        f"{look['positives']:,} came true (log-loss {value:+.4f}, 95% range {low:+.4f} to {high:+.4f}; below 0 is better)."
    )


def _past(viewer: Viewer, rows: Sequence[VersionRow]) -> None:
    with st.expander(f"All versions ({len(rows)})"):
        frame = pd.DataFrame(
            [
                {
                    "Version": row.id,
                    "State": _STATUS.get(row.status, row.status),
                    "Made": words.exact(row.created_at, viewer.timezone),
                    "Learnt from": "" if row.rows is None else words.plural(row.rows, "score"),
                    "Came true": "" if row.positives is None else f"{row.positives:,}",
                    "Ranks well (50% is chance)": "" if row.auc is None else words.percent(row.auc),
                    "Why": row.note or "",
                }
                for row in rows
            ]
        )
        st.dataframe(frame, hide_index=True, key="versions")
        away = [row.id for row in rows if row.status == "retired"]
        if viewer.role is Role.ADMIN and away:
            with st.container(horizontal=True, vertical_alignment="bottom"):
                which = st.selectbox("Take up again", away, key="take-up", width=420)
                if st.button("Try it in shadow", key="take-up-now", help=_SHADOW):
                    _tell(model_commands.act(viewer, "shadow", str(which)))


def _alarms(found: Sequence[Checked]) -> None:
    """What is in doubt, and apart from it what merely looks different: that alone makes no number wrong."""
    off = [
        f"{words.group(one.subject)} alerts come true {one.value:.2f} times as often as said"
        if one.kind == "outcome"
        else "the scores themselves look different from when it was made"
        for one in found
        if one.kind != "feature"
    ]
    if off:
        text = "; ".join(dict.fromkeys(off))
        st.warning(f"In doubt for now: {text}. Their cards say so until it has passed; the Drift view has the figures.")
    facts = dict.fromkeys(models_drift.label(one.subject).lower() for one in found if one.kind == "feature")
    if facts:
        st.caption(
            f"Contacts look different from those it learnt from in {words.listed(list(facts)[:4])}"
            f"{' and more' if len(facts) > 4 else ''}. That alone makes no number wrong; the Drift view has the figures."
        )


def _asked(label: str, question: str, *, key: str, do: Any) -> None:
    """A button that asks before it acts."""
    with st.popover(label, width="content"):
        st.markdown(layout.plain(question))
        if st.button(f"Yes, {label.lower().removesuffix(' …')}", key=key):
            _tell(do())


def _tell(done: Done) -> None:
    st.toast(done.text, icon=":material/check:" if done.ok else ":material/error:")
    if done.ok:
        st.rerun(scope="app")
