"""Templates to text: sandboxed, escaped in HTML, in the reader's language."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from core.delivery import phrases
from core.delivery.speaking import Voice

FOLDER = Path(__file__).parent / "templates"
SHADES = {"CRITICAL": "#b42318", "HIGH": "#b54708", "MEDIUM": "#175cd3", "LOW": "#475467"}
"""The colour of a priority; white on it is at least 5:1."""


def render(template: str, *, language: str, **values: Any) -> str:
    say = Voice(language)
    return (
        environment()
        .get_template(template)
        .render(
            say=say,
            many=say.many,
            language=say.language,
            priority_word=lambda name: phrases.priority(name, language=say.language),
            **values,
        )
    )


def safe(text: str) -> Markup:
    """Text of our own files that goes into HTML as it is."""
    return Markup(text)  # noqa: S704  never anything that came from outside


@cache
def environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(FOLDER),
        autoescape=lambda name: name is None or name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["shades"] = SHADES
    return made
