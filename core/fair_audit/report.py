"""The audit to download: a table for spreadsheets, and a self-contained page with method, tables and limits."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from core import fairness, spreadsheets
from core.fair_audit.audit import FEWEST_ALERTS, FEWEST_CONTACTS, WORTH_NAMING, Area, Audit
from core.fair_audit.measures import Mean, Ratio
from core.fair_audit.proxies import WARNING
from core.scoring import features
from core.views.intervals import Share

FINDINGS = {
    "fewer_alerts": "fewer alerts",
    "more_alerts": "more alerts",
    "lower_scores": "lower scores",
    "higher_scores": "higher scores",
    "slower": "waits longer",
    "faster": "reached sooner",
    "contacted_less": "contacted less often",
    "contacted_more": "contacted more often",
}
BY = {"territory": "territory", "zip3": "first three digits of the ZIP code", "city": "city"}
METHOD = (
    "Every area is compared with all other areas together. A contact counts who did something themselves in the period. "
    "The alerted share is contacts with at least one alert of all active contacts, with Wilson's 95% interval; its ratio to the other "
    "areas has Katz's interval. The yardstick is the four-fifths rule: a ratio below 0.8 is worth a look (29 CFR 1607.4 D).",
    "Waiting time is from the opening of an alert to the first time somebody acknowledged or contacted; where nobody did, the time so far "
    "counts. Its place is among alerts of the same priority, so that an area with more urgent alerts does not look faster: 0 is the "
    f"fastest, 1 the slowest, 0.5 like everybody. A difference of {WORTH_NAMING:g} or more is worth naming.",
    "With many comparisons some look striking by chance. A difference is named only when it is large enough to matter and survives "
    "Benjamini and Hochberg's control: of the differences named, at most one in twenty is expected to be chance. Alerted and contacted "
    "shares: Fisher's exact test; scores and places: Welch's t-test.",
    f"Areas with fewer than {FEWEST_CONTACTS} active contacts are shown together or not at all, and nothing is said of how fewer than "
    f"{FEWEST_ALERTS} alerts were worked: such numbers would tell of persons.",
)
LIMITS = (
    "It compares areas, not people: who belongs to a protected class is not known here and never asked. Equal areas do not prove equal treatment "
    "inside them, and a difference between areas does not prove discrimination: people's behaviour differs, too.",
    "Only contacts who did something are counted. Who is never invited, mailed or shown a page leaves no trace and is missing from both sides.",
    "Few alerts mean wide intervals: that no difference is named then means that none could be seen, not that there is none.",
    "It says nothing about what agents say or offer once they call, nor about prices and terms.",
    "It is no legal advice, and no test of compliance.",
)


def to_csv(audit: Audit) -> str:
    """One row an area; shares and ratios as numbers, times in seconds."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(
        [
            "area",
            "name",
            "contacts",
            "alerts",
            "alerts_per_100",
            "alerted",
            "alerted_low",
            "alerted_high",
            "ratio",
            "ratio_low",
            "ratio_high",
            "ratio_to_highest",
            "confidence",
            "confidence_low",
            "confidence_high",
            "probability",
            "median_wait_seconds",
            "place",
            "place_low",
            "place_high",
            "touched",
            "contacted",
            "contacted_low",
            "contacted_high",
            "contacted_ratio",
            "findings",
            "since",
            "until",
        ]
    )
    for area in audit.areas:
        values = (
            *(area.area, area.name, area.contacts, area.alerts, area.per_hundred),
            *(area.alerted.rate, area.alerted.low, area.alerted.high, *_three(area.impact), area.of_highest),
            *(*_three(area.confidence), area.probability and area.probability.value),
            *(area.wait and area.wait.value, *_three(area.place)),
            *(area.touched and area.touched.rate, *_share(area.contacted)),
            area.contacted_impact and area.contacted_impact.value,
            "; ".join(FINDINGS[one] for one in area.findings),
            audit.since.isoformat(),
            audit.until.isoformat(),
        )
        rows.writerow([spreadsheets.cell(value) for value in values])
    return out.getvalue()


def _three(one: Ratio | Mean | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if one is None else (one.value, one.low, one.high)


def _share(one: Share | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if one is None else (one.rate, one.low, one.high)


def sentence(audit: Audit) -> str:
    """What was found, in plain words."""
    named = [area for area in audit.areas if area.area]
    if len(named) < 2:
        return (
            "There are not enough areas to compare: at least two areas with "
            f"{FEWEST_CONTACTS} active contacts each are needed in the period."
        )
    if not audit.alerts:
        return "No alert was opened in this period, so there is nothing to compare yet. Choose a longer one."
    if audit.adverse:
        said = [_named(area) for area in audit.adverse]
        return (
            f"{len(said)} of {len(named)} areas differ from the others by more than chance, to their disadvantage: {'; '.join(said)}. "
            "Look at why before anything else is changed."
        )
    others = [area for area in audit.areas if area.findings]
    verb = "differs" if len(others) == 1 else "differ"
    more = f" {len(others)} {verb} in another way: {'; '.join(map(_named, others))}." if others else ""
    return (
        f"No area of {len(named)} gets fewer than four fifths of the others' alerts, is contacted less or waits longer, beyond what chance "
        f"explains.{more}"
    )


def _named(area: Area) -> str:
    return f"{area.name} ({', '.join(FINDINGS[one] for one in area.findings)})"


def to_html(audit: Audit, *, timezone: str, prepared_for: str) -> str:
    """A page that needs nothing else: no script, no style or picture from elsewhere."""
    facts = [
        ("Period", f"{_at(audit.since, timezone)} to {_at(audit.until, timezone)}"),
        ("Made", f"{_at(audit.at, timezone)}, for {prepared_for}"),
        (
            "Whose alerts",
            "the whole brokerage"
            if audit.whose == "all"
            else "contacts where the reader's teams work; waits and contacts of their own alerts",
        ),
        ("Areas by", BY[audit.by]),
        ("Counted", f"{audit.contacts:,} active contacts, {audit.alerts:,} alerts, {audit.comparisons} comparisons"),
        ("Not shown", f"{audit.hidden} contacts of areas too small to show; {audit.merged} small areas shown together"),
        ("Models", ", ".join(audit.models) or "none deployed"),
    ]
    return "".join(
        (
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
            "<title>Fair housing audit</title>",
            "<style>body{font:15px/1.5 system-ui;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#14211e;background:#fff}"
            "table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}"
            "th,td{border:1px solid #b9c6c2;padding:.3rem .6rem;text-align:left;vertical-align:top}"
            "th{background:#eef4f2}.say{font-size:1.15rem;font-weight:600}</style>",
            "<body><main><h1>Fair housing audit</h1>",
            f"<p class=say>{escape(sentence(audit))}</p>",
            _table(("", ""), facts),
            "<h2>Areas</h2>",
            _table(_HEAD, (_row(area) for area in audit.areas)),
            "<p>In brackets: 95% intervals. Ratio: the area's alerted share over that of all other areas; four fifths is 0.8.</p>",
            "<h2>Method</h2>",
            *(f"<p>{escape(text)}</p>" for text in METHOD),
            "<h2>Do features stand in for the area?</h2>",
            f"<p>How much of the uncertainty about the area each feature removes; {WARNING:.0%} or more is a warning.</p>",
            _table(
                ("Feature", "Tells of the area", "Warning"),
                (
                    (one.label, f"{one.tells:.1%}", "possible proxy" if one.is_warning else "–")
                    for one in audit.proxies[:12]
                ),
            ),
            "<h2>What scores are made of</h2>",
            f"<p>{escape(', '.join(feature.label for feature in features.FEATURES))}.</p>",
            "<h2>What is refused</h2>",
            "<p>The US Fair Housing Act (42 U.S.C. 3604, 3605) and the Equal Credit Opportunity Act (15 U.S.C. 1691) forbid to treat people "
            "differently for what they are. Whatever names one of these, or stands for it, is refused as a feature, a signal or part of a "
            "model, and so is free text, where anything could be written:</p><ul>",
            *(f"<li><b>{escape(named)}</b>: {escape(why)}</li>" for named, why in fairness.REFUSED.items()),
            "<li><b>free text</b>: it may speak of any of these</li>",
            "</ul><h2>What this cannot tell</h2><ul>",
            *(f"<li>{escape(text)}</li>" for text in LIMITS),
            "</ul></main></body></html>",
        )
    )


_HEAD = (
    *("Area", "Active contacts", "Alerts", "Alerted share", "Ratio to others", "To the highest", "Mean confidence"),
    *("Median wait", "Place of waits", "Contacted", "Named"),
)


def _row(area: Area) -> tuple[str, ...]:
    return (
        area.name,
        f"{area.contacts:,}",
        f"{area.alerts:,} ({area.per_hundred:.1f} per 100)",
        _percent(area.alerted),
        _ratio(area.impact),
        "–" if area.of_highest is None else f"{area.of_highest:.2f}",
        "–"
        if area.confidence is None
        else f"{area.confidence.value:.3f} ({area.confidence.low:.3f}–{area.confidence.high:.3f})",
        "–"
        if area.wait is None
        else f"{area.wait.value / 60:,.0f} min ({area.wait.low / 60:,.0f}–{area.wait.high / 60:,.0f})",
        "–" if area.place is None else f"{area.place.value:.2f} ({area.place.low:.2f}–{area.place.high:.2f})",
        _percent(area.contacted),
        ", ".join(FINDINGS[one] for one in area.findings) or "–",
    )


def _percent(one: Share | None) -> str:
    return "–" if one is None or one.rate is None else f"{one.rate:.1%} ({one.low:.1%}–{one.high:.1%})"


def _ratio(one: Ratio | None) -> str:
    return "–" if one is None else f"{one.value:.2f} ({one.low:.2f}–{one.high:.2f})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "<tr>" + "".join(f"<th scope=col>{escape(cell)}</th>" for cell in head) + "</tr>" if any(head) else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{top}{body}</table>"


def _at(at: datetime, timezone: str) -> str:
    return f"{at.astimezone(ZoneInfo(timezone)):%d %b %Y %H:%M %Z}"
