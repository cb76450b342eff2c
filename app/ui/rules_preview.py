"""What a draft of a rule would do, as the page shows it: counts with a chart, where open alerts would go, and examples with why."""

from collections import Counter
from collections.abc import Iterable

import streamlit as st

from app.ui import charts, words
from app.ui.layout import plain
from core.routing.rule_preview import Example, Going, Preview
from core.words import Priority


def show(found: Preview) -> None:
    """All of it, in a box."""
    with st.container(border=True):
        st.markdown("**What it would do**")
        for doubt in found.doubts:
            st.warning(plain(doubt.text), icon=":material/help:")
        _past(found)
        _open(found)
        _examples(found)


def _past(found: Preview) -> None:
    past, number = found.past, len(found.past.caught)
    if not past.looked_at:
        st.markdown(f"No alert opened in the last {found.days} days, so there is nothing to try it on yet.")
        return
    newest = "the newest " if found.capped else ""
    st.markdown(
        f"Of {newest}{words.plural(past.looked_at, 'alert')} of the last {found.days} days it fits **{number:,}**"
        f" ({words.percent(number / past.looked_at)})." + _taken(found)
    )
    if not number:
        return
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with left:
        st.plotly_chart(charts.caught(past.counts), config=charts.CONFIG, key="rule-preview-chart")
    with right:
        st.markdown("\n".join(f"- {line}" for line in by_type(past.counts)))


def _taken(found: Preview) -> str:
    past = found.past
    if not past.before:
        return ""
    each = ", ".join(f"“{plain(name)}” {number:,}" for name, number in past.before[:3])
    whose = "A rule before it fits" if len(past.before) == 1 else "Rules before it fit"
    return f" {whose} **{past.taken_before:,}** of these too and may take them: {each}."


def by_type(counts: Iterable[tuple[str, str, int]]) -> list[str]:
    """What the chart shows, as lines of text: "Likely to sell: 8 (2 critical, 6 high)"."""
    totals: Counter[str] = Counter()
    each: dict[str, dict[str, int]] = {}
    for kind, priority, number in counts:
        totals[kind] += number
        each.setdefault(kind, {})[priority] = number
    return [
        f"{plain(words.type_words(kind))}: **{total:,}** ("
        + ", ".join(f"{each[kind][one]:,} {words.PRIORITY[one].lower()}" for one in Priority if one in each[kind])
        + ")"
        for kind, total in totals.most_common()
    ]


def _open(found: Preview) -> None:
    if not found.open_looked_at:
        st.markdown("No alert is open now.")
        return
    if not found.open_caught:
        st.markdown(f"Of {words.plural(found.open_looked_at, 'open alert')} it fits none.")
        return
    who = ", ".join(f"**{plain(agent or 'the pool')}** {number:,}" for agent, number in found.goes_to[:8])
    more = len(found.goes_to) - 8
    others = f" and {words.plural(more, 'other')}" if more > 0 else ""
    st.markdown(
        f"Of {words.plural(found.open_looked_at, 'open alert')} it fits **{found.open_caught:,}**. Handed out again now they "
        f"would go to {who}{others}. Saving moves none of them: a rule is for alerts that are handed out from then on."
    )
    with st.expander(f"To whom, and why ({len(found.open):,} of {found.open_caught:,})"):
        st.markdown("\n".join(f"- {_going(one)}" for one in found.open))


def _going(one: Going) -> str:
    now = f", now with {plain(one.owner)}" if one.owner and one.owner != one.agent else ""
    stays = " (as now)" if one.owner and one.owner == one.agent else ""
    by = "" if one.by_draft else " – not by this rule"
    kind = plain(words.type_words(one.alert_type))
    return (
        f"{plain(one.contact)} ({kind}, {words.group(one.priority).lower()}) → **{plain(one.agent or 'the pool')}**{stays}{now}{by}. "
        f"They would read: {plain(one.why)}"
    )


def _examples(found: Preview) -> None:
    caught = [one for one in found.examples if one.caught]
    missed = [one for one in found.examples if not one.caught]
    if not found.examples:
        return
    with st.expander(f"{words.plural(len(found.examples), 'example')}: why this one, why not that one"):
        for title, each in (("It fits", caught), ("It does not fit; those that came nearest first", missed)):
            if each:
                st.markdown(f"**{title}**\n\n" + "\n".join(f"- {_example(one)}" for one in each))


def _example(one: Example) -> str:
    kind = plain(words.type_words(one.alert_type))
    return f"{plain(one.contact)} ({kind}, {words.group(one.priority).lower()}): {plain(one.why)}"
