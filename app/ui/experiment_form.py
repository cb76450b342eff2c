"""The form of a new experiment, with what it would take worked out while it is typed."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.ui import experiment_desk, experiment_detail, words
from app.ui import experiment_words as speak
from app.ui.experiment_desk import Reach
from core.experiments.definition import METRICS_OF, MOST_WITHHELD, WITHHELD, Kind, Method, Metric
from core.routing.strategies import STRATEGIES
from core.viewer import Viewer

_FIELD = {
    "name": "Name",
    "alertTypes": "Alert types",
    "variants": "Variants",
    "variants.1.config": "What is tried",
    "plan.effect": "Difference",
    "plan.baseline": "Today",
    "plan.sd": "How much it varies",
    "metric": "Judged by",
}


def show(viewer: Viewer, reach: Reach) -> None:
    """The form; keeps a draft and opens it."""
    name = st.text_input("Name", key="new-name", max_chars=120, placeholder="Do alerts cause sales?")
    kind = st.selectbox("What is tried", list(Kind)[::-1], format_func=lambda one: speak.KIND[one], key="new-kind")
    if kind is Kind.MODEL and not reach.models:
        st.info("There is no model in shadow to try. Train one on the Models page and put it into shadow first.")
        return
    variants, types, more = _tried(kind, reach)
    left, right = st.columns(2)
    metric = left.selectbox(
        "Judged by", METRICS_OF[kind], format_func=lambda one: speak.METRIC[one], key=f"new-metric-{kind}"
    )
    effect = _effect(right, metric)
    method = st.radio(
        "Results are read",
        list(Method),
        format_func=lambda one: speak.METHOD[one],
        key="new-method",
        horizontal=True,
        help="Reading whenever one likes finds differences that are not there. Either way the errors stay as planned.",
    )
    plan: dict[str, Any] = {"effect": effect, "method": method, **more}
    if method is Method.GROUP_SEQUENTIAL:
        plan["looks"] = int(st.number_input("Planned looks", 2, 10, 4, key="new-looks"))
    hypothesis = st.text_area("What do you expect, and why? (optional)", key="new-hypothesis", max_chars=2000)
    with st.expander("More"):
        plan |= _more(metric)
    body = {
        "name": name,
        "hypothesis": hypothesis,
        "kind": kind,
        "alert_types": types,
        "variants": variants,
        "metric": metric,
        "plan": plan,
    }
    _preview(viewer, body, metric, variants)


def _preview(viewer: Viewer, body: dict[str, Any], metric: Metric, variants: list[dict[str, Any]]) -> None:
    found, wrong = experiment_desk.plan(body | {"name": body["name"] or "Unnamed"})
    with st.container(border=True):
        st.markdown("**What it would take**")
        if found is None:
            for field, why in wrong.items():
                st.warning(f"{_FIELD.get(field, words.sentence(field.split('.')[-1]))}: {words.plain(why)}")
        else:
            experiment_detail.plan(metric, found, {one["key"]: one["name"] for one in variants})
    ready = found is not None and bool(body["name"].strip())
    if st.button("Keep as a draft", key="new-keep", type="primary", disabled=not ready):
        done = experiment_desk.create(viewer, body)
        if done.ok:
            st.session_state["open-experiment"] = done.alert_id
            st.toast("Kept as a draft. Nothing starts before you start it.")
            st.rerun(scope="app")
        st.error(done.text)
    if not ready and found is not None:
        st.caption("It needs a name.")


def _tried(kind: Kind, reach: Reach) -> tuple[list[dict[str, Any]], list[str], dict[str, Any]]:
    """Variants, alert types, and what else the plan holds."""
    config: Mapping[str, Any]
    more: dict[str, Any] = {}
    if kind is Kind.MODEL:
        version = st.selectbox("The other model", sorted(reach.models), key="new-model")
        types, config, other = [reach.models[version]], {"model": version}, "Other model"
        st.caption(f"It scores {words.plain(words.type_words(types[0]))}.")
    else:
        types = st.multiselect(
            "Alert types (none: every type)", reach.alert_types, format_func=words.type_words, key="new-types"
        )
        if kind is Kind.THRESHOLD:
            percent = st.slider("The other threshold (% confidence)", 20, 90, 60, key="new-threshold")
            config, other = {"threshold": percent / 100}, f"From {percent}%"
            if not types:
                st.caption("Types with a threshold of their own are left as they are, here and when it is adopted.")
        elif kind is Kind.ROUTING:
            strategy = st.selectbox("The other way", list(STRATEGIES), format_func=speak.strategy, key="new-strategy")
            config, other = {"strategy": strategy}, speak.strategy(strategy)
        else:
            config, other = {"withhold": True}, "Withheld"
    if kind is Kind.HOLDOUT:
        most = round(MOST_WITHHELD * 100)
        share = st.slider("Contacts that get no alerts (%)", 5, most, 10, key="new-withheld") / 100
        more["exempt_critical"] = st.checkbox(
            "Never withhold a critical alert",
            key="new-exempt",
            help="Safer, but then nothing is learned about what critical alerts cause.",
        )
        first, keys = "Alerted", ("alerted", WITHHELD)
    else:
        share = st.slider("Contacts in the new way (%)", 10, 90, 50, step=5, key="new-share") / 100
        first, keys = "As today", ("control", "b")
    variants = [
        {"key": keys[0], "name": first, "share": round(1 - share, 4)},
        {"key": keys[1], "name": other, "share": round(share, 4), "config": dict(config)},
    ]
    return variants, types, more


def _effect(place: Any, metric: Metric) -> float:
    """The smallest difference worth finding, in the units of the plan."""
    if metric.is_share:
        return float(
            place.number_input(
                "Smallest difference worth finding (points)", 0.5, 90.0, 10.0, 0.5, format="%.1f", key="new-points"
            )
            / 100
        )
    if metric is Metric.RESPONSE_SECONDS:
        return float(
            place.number_input("Smallest difference worth finding (minutes)", 1.0, 9999.0, 30.0, key="new-minutes") * 60
        )
    return float(
        place.number_input("Smallest difference worth finding ($ a contact)", 1.0, 1e6, 200.0, key="new-dollars")
    )


def _more(metric: Metric) -> dict[str, Any]:
    found: dict[str, Any] = {}
    left, right = st.columns(2)
    if metric.is_share:
        today = left.number_input(
            "Where it stands today (%; empty: your own)", 0.5, 99.0, value=None, key=f"new-baseline-{metric}"
        )
        if today is not None:
            found["baseline"] = today / 100
    found["power"] = right.slider("Found if it is there (%)", 50, 95, 80, step=5, key="new-power") / 100
    found["alpha"] = left.slider("Wrongly seen at most (%)", 1, 10, 5, key="new-alpha") / 100
    found["weeks"] = int(right.number_input("Weeks for new contacts to enter, at most", 1, 156, 52, key="new-weeks"))
    return found
