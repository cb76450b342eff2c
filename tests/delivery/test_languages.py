"""Messages in the reader's language: every text has its translation, with the same places for values."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from core import delivery
from core.delivery import phrases, speaking
from core.delivery.preferences import LANGUAGES
from core.delivery.registry import CHANNELS
from core.delivery.speaking import Voice
from core.routing import pausing
from core.scoring import features

HERE = Path(delivery.__file__).parent
FOLDERS = (HERE, HERE.parent / "escalation", HERE.parent / "preflight", HERE.parent.parent / "jobs")
KEYWORDS = {"say": None, "mark": None, "saying": None, "many": (1, 2), "several": (1, 2)}
OTHERS = [language for language in LANGUAGES if language != "en"]
AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def texts() -> Iterator[str | tuple[str, ...]]:
    """Everything that messages and their pages say, as the code has it."""
    for path in sorted(path for folder in FOLDERS for path in folder.rglob("*.py")):
        with path.open("rb") as file:
            yield from (found[1] for found in extract("python", file, keywords=KEYWORDS))  # type: ignore[misc]
    for path in sorted(HERE.rglob("*.j2")):
        with path.open("rb") as file:
            for _line, name, said, _comments in babel_extract(file, list(KEYWORDS), [], {}):
                yield tuple(part for part in said if part)[:2] if name == "many" else _first(said)
    yield from (feature.label for feature in features.FEATURES)
    yield from (channel.label for channel in CHANNELS.values())
    yield from (pausing.NOT_ARRIVED, pausing.UNANSWERED, pausing.IN_VAIN, pausing.LAST_ONE, pausing.LAST_ONES)


def _first(said: object) -> str:
    return said if isinstance(said, str) else str(said[0])  # type: ignore[index]


def catalogue(language: str) -> Catalog:
    with (speaking.FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    known = catalogue(language)
    wanted = {text if isinstance(text, str) else text[0] for text in texts()}
    assert len(wanted) > 100
    missing = [text for text in sorted(wanted) if not _translation(known, text)]
    assert not missing


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over_or_in_doubt(language: str) -> None:
    wanted = {text if isinstance(text, str) else text[0] for text in texts()}
    for entry in catalogue(language):
        if entry.id:
            assert (entry.id if isinstance(entry.id, str) else entry.id[0]) in wanted
            assert not entry.fuzzy


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_same_places_for_values(language: str) -> None:
    for entry in catalogue(language):
        if entry.id:
            ids = [entry.id] if isinstance(entry.id, str) else list(entry.id)
            strings = [entry.string] if isinstance(entry.string, str) else list(entry.string)
            for string in strings:
                assert places(string) == places(ids[-1]), ids[0]
                assert not re.search(r"%[(sd]", string)


def _translation(known: Catalog, text: str) -> bool:
    entry: Message | None = known.get(text)
    return entry is not None and all([entry.string] if isinstance(entry.string, str) else entry.string)


def test_times_and_money_are_written_as_the_reader_does() -> None:
    english, spanish = Voice("en", "America/Chicago"), Voice("es", "America/Chicago")
    assert english.when(AT) == "Mon 2 Mar, 9:00 AM CST"
    assert spanish.when(AT) == "lun 2 mar, 9:00 a.m. CST"
    assert (english.dollars(449_600), spanish.dollars(449_600)) == ("$450,000", "$450,000")
    assert (english.percent(0.784), english.percent(0.001), spanish.percent(0.001)) == (
        "78%",
        "under 1%",
        "menos del 1%",
    )
    assert Voice("en", "Mars/Olympus").when(AT) == "Mon 2 Mar, 3:00 PM UTC"
    assert Voice("tlh").language == "en"


def test_a_headline_is_said_in_the_readers_language() -> None:
    assert (
        phrases.headline("alert_assigned", "LIKELY_TO_SELL", "Ana Lopez", language="es")
        == "Ahora es suya: Ana Lopez probablemente venda"
    )
    assert phrases.headline("alert_new", "OPEN_HOUSE", "Ana", type_name="Open house", language="es") == (
        "Ana – Open house"
    )


def test_a_value_is_never_taken_for_a_text_with_places() -> None:
    assert phrases.headline("alert_assigned", "LIKELY_TO_BUY", "{0.__class__} {contact}") == (
        "Now yours: {0.__class__} {contact} is likely to buy"
    )


def test_factors_keep_their_sentence_in_english_and_their_number_in_another_language() -> None:
    top = [
        {"feature": "value_checks_30d", "label": "Value checks", "value": 10.0, "text": "checked the value 10 times"},
        {"feature": "loan_to_value", "label": "Loan to value", "value": 0.42, "text": "owes 42% of the home's value"},
        {"feature": "estimated_equity", "label": "Estimated equity", "value": 312400.0, "text": "has about $312,000"},
        {"feature": "recent_job_change", "label": "Job change", "value": 0.9, "text": "changed jobs lately"},
        {"label": "A rule of ours", "text": "Came to the open house twice"},
    ]
    assert phrases.factors(top)[:2] == ("checked the value 10 times", "owes 42% of the home's value")
    assert phrases.factors(top, language="es") == (
        "Consultas del valor: 10",
        "Préstamo sobre valor: 42%",
        "Patrimonio estimado: $312,000",
        "Cambio de empleo",
    )
    assert phrases.factors(top[4:], language="es") == ("Came to the open house twice",)
