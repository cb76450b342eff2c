"""Reliability curves as small SVG pictures: what was promised against what happened, with intervals."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

SIZE, MARGIN = 320, 44
_INK, _GREY, _BLUE = "#1f2937", "#9ca3af", "#2563eb"


def reliability(title: str, bins: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw `bins` (predicted, observed, observed_low, observed_high, rows) to `path`."""
    most = max(0.1, *(each["observed_high"] for each in bins), *(each["predicted"] for each in bins))
    top = next(each for each in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if each >= min(most, 1.0))

    def x(value: float) -> float:
        return round(MARGIN + value / top * (SIZE - 2 * MARGIN), 1)

    def y(value: float) -> float:
        return round(SIZE - MARGIN - min(value, top) / top * (SIZE - 2 * MARGIN), 1)

    parts = [_line(x(0), y(0), x(top), y(top), _GREY, dashed=True), _line(x(0), y(0), x(top), y(0), _INK)]
    parts.append(_line(x(0), y(0), x(0), y(top), _INK))
    for tick in (0.0, top / 2, top):
        parts += [_text(x(tick), SIZE - MARGIN + 16, f"{tick:.0%}"), _text(x(0) - 18, y(tick) + 4, f"{tick:.0%}")]
    for each in bins:
        at = x(each["predicted"])
        parts.append(_line(at, y(each["observed_low"]), at, y(each["observed_high"]), _BLUE))
        parts.append(f'<circle cx="{at}" cy="{y(each["observed"])}" r="3.5" fill="{_BLUE}"/>')
    parts += [_text(SIZE / 2, 18, title), _text(SIZE / 2, SIZE - 8, "predicted probability")]
    parts.append(f'<g transform="rotate(-90 10 {SIZE / 2})">{_text(10, SIZE / 2, "observed share")}</g>')
    body = "\n".join(parts)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" font-family="sans-serif" font-size="11">'
        f'\n<rect width="{SIZE}" height="{SIZE}" fill="white"/>\n{body}\n</svg>\n'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"{dash}/>'


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" fill="{_INK}">{escape(words)}</text>'
