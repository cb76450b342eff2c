"""Model cards and pictures of the shipped models, from the figures in their own files: `python -m bench.train --cards`."""

from datetime import UTC, datetime
from html import escape
from pathlib import Path

from bench.evaluate import picture
from core import scoring, signals
from core.events import RecordedEvent
from core.generator import INTENTS
from core.history import of as history_of
from core.learning.card import markdown
from core.learning.reading import VersionDetail, VersionRow
from core.scoring import Models, deployed, features
from core.scoring.model import Compiled, digest, parse
from core.words import HORIZON_DAYS, Intent, ModelStatus

DOCS = Path(__file__).resolve().parent.parent / "docs"
_NOW = datetime(2026, 1, 1, 15, tzinfo=UTC)
_FOR, _AGAINST, _INK = "#2563eb", "#b45309", "#1f2937"
_WIDTH, _ROW, _LEFT = 640, 26, 300


def write(docs: Path = DOCS) -> list[Path]:
    """docs/models/<intent>.md, docs/images/reliability-<intent>.svg and docs/images/contributions.svg."""
    (docs / "models").mkdir(parents=True, exist_ok=True)
    (docs / "images").mkdir(parents=True, exist_ok=True)
    written = []
    for intent in INTENTS:
        name = intent.lower().replace("_", "-")
        card, curve = docs / "models" / f"{intent.lower()}.md", docs / "images" / f"reliability-{name}.svg"
        shipped = deployed.shipped_model(intent)
        bins = [
            {
                "predicted": each["predicted"],
                "observed": each["observed"],
                "observed_low": each["observedLow"],
                "observed_high": each["observedHigh"],
                "rows": each["rows"],
            }
            for each in shipped["metrics"].get("reliabilityRight", ())
        ]
        text = markdown(_detail(intent))
        if bins:
            picture.reliability(f"{intent.replace('_', ' ').capitalize()}: is the alert right?", bins, curve)
            text += (
                f"\n![Confidence against the share of alerts that would have been right, with 95% intervals; points on the "
                f"dashed line are exact](../images/{curve.name})\n"
            )
            written.append(curve)
        card.write_text(text)
        written.append(card)
    example = docs / "images" / "contributions.svg"
    _contributions(example)
    return [*written, example]


def _detail(intent: Intent) -> VersionDetail:
    """What the registry will say of a shipped model once it is installed."""
    shipped = deployed.shipped_model(intent)
    parameters, papers = shipped["parameters"], shipped["trained_on"]
    model = parse(parameters, id="shipped", intent=intent, kind=shipped["kind"])
    told = shipped.get("metrics", {}).get("transacts", {})
    version = VersionRow(
        id=f"{intent.lower()}-{shipped['kind']}-{digest(parameters)[:8]}",
        intent=intent,
        status=ModelStatus.DEPLOYED,
        kind=shipped["kind"],
        created_at=_NOW,
        deployed_at=None,
        shadowed_at=None,
        retired_at=None,
        previous_id=None,
        note=None,
        source=papers.get("source"),
        rows=papers.get("rows"),
        positives=papers.get("positives"),
        auc=told.get("auc"),
        log_loss=told.get("logLoss"),
    )
    return VersionDetail(
        version=version,
        horizon_days=HORIZON_DAYS[intent],
        features=tuple(name for name in features.NAMES if name in model.features),
        metrics=shipped.get("metrics", {}),
        trained_on=papers,
        evidence=None,
        base_rate=model.base_rate,
        drift=(),
        next_look_days=None,
    )


def _contributions(path: Path) -> None:
    """Why somebody who checked the home's value ten times is an alert: a bar a feature, and the sum."""
    intent = Intent.LIKELY_TO_SELL
    parameters = deployed.shipped_model(intent)["parameters"]
    models = Models(0, Compiled([parse(parameters, id="shipped", intent=intent, kind="additive")], features.NAMES))
    happened = [
        RecordedEvent(
            number,
            f"e{number}",
            "rosa",
            "PAGE_VIEW",
            "PLATFORM_BEHAVIOR",
            name,
            at,
            at,
            None,
            "mobile",
            None,
            None,
            None,
            {},
        )
        for number, (name, at) in enumerate(
            [("value_check", _NOW.replace(day=1, hour=hour)) for hour in range(1, 11)]
            + [("comparable_view", _NOW.replace(hour=hour)) for hour in (11, 12)]
        )
    ]
    past = history_of("rosa", happened, first_seen_at=_NOW, now=_NOW)
    open_signals = [signals.as_open("rosa", each) for each in signals.detect(past, now=_NOW)]
    why = scoring.why(models, intent, features.vector(past, open_signals, now=_NOW), history=past)
    rows = [
        ("Where everybody starts", why.base),
        *((each["label"], each["contribution"]) for each in why.contributions),
    ]
    shown = [*rows[:9], ("All the others together", sum(value for _, value in rows[9:])), ("Log-odds", why.log_odds)]
    most = max(abs(value) for _, value in shown)
    middle, unit = _LEFT + (_WIDTH - _LEFT) / 2, (_WIDTH - _LEFT - 110) / 2 / most
    height = _ROW * (len(shown) + 3)
    parts = [
        f'<text x="{_WIDTH / 2}" y="18" text-anchor="middle" fill="{_INK}">Ten value checks and two looks at comparable '
        f"homes: likely to sell, confidence {why.confidence:.0%}</text>",
        f'<line x1="{middle}" y1="30" x2="{middle}" y2="{height - 2 * _ROW + 18}" stroke="{_INK}"/>',
        f'<text x="{middle}" y="{height - 16}" text-anchor="middle" fill="{_INK}">added to the log-odds</text>',
    ]
    for number, (label, value) in enumerate(shown):
        y, width = 36 + number * _ROW, abs(value) * unit
        x = middle if value > 0 else middle - width
        anchor, at = ("start", x + width + 5) if value > 0 else ("end", x - 5)
        parts += [
            f'<text x="{_LEFT - 30}" y="{y + 14}" text-anchor="end" fill="{_INK}">{escape(label)}</text>',
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="18" fill="{_FOR if value > 0 else _AGAINST}"/>',
            f'<text x="{at:.1f}" y="{y + 14}" text-anchor="{anchor}" fill="{_INK}">{value:+.2f}</text>',
        ]
    body = "\n".join(parts)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">'
        f'\n<rect width="{_WIDTH}" height="{height}" fill="white"/>\n{body}\n</svg>\n'
    )
