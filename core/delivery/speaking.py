"""A reader's language: words from the catalogues in locale/, times, shares and money as that language writes them.

English is the text in the code; another language is a file locale/<language>.po, read at the first use. What is not
translated stays English.
"""

from datetime import date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent / "locale"
_LOCALES = {"en": "en_US", "es": "es_US"}
"""The readers are in the United States: dollars and decimal points are written as there."""


def mark(text: str) -> str:
    """This text is in the catalogues, and is translated where it is said."""
    return text


class Voice:
    """Says things in one language and one zone. Values are put in after translating, and are never texts themselves."""

    def __init__(self, language: str = "en", timezone: str = "UTC") -> None:
        self.language = language if language in _LOCALES else "en"
        self._locale = _LOCALES[self.language]
        self._zone = _zone(timezone)
        self._texts = _catalogue(self.language)

    def __call__(self, text: str, /, **values: object) -> str:
        said = self._texts.gettext(text)
        return said.format(**values) if values else said

    def many(self, one: str, more: str, number: int, /, **values: object) -> str:
        return self._texts.ngettext(one, more, number).format(number=self.number(number), **values)

    def number(self, value: float, *, digits: int = 0) -> str:
        return str(numbers.format_decimal(value, "#,##0" + ("." + "0" * digits if digits else ""), self._locale))

    def percent(self, share: float) -> str:
        """Whole percents; of the smallest only that it is under one."""
        if share < 0.005:
            return self(mark("under {share}"), share=numbers.format_percent(0.01, locale=self._locale))
        return str(numbers.format_percent(share, locale=self._locale))

    def dollars(self, value: float) -> str:
        """Whole thousands, or whole dollars below ten thousand."""
        rounded = round(value, -3) if abs(value) >= 10_000 else round(value)
        return str(numbers.format_currency(rounded, "USD", "¤#,##0", locale=self._locale, currency_digits=False))

    def day(self, day: date) -> str:
        return _plain(dates.format_date(day, "EEE d MMM y", locale=self._locale))

    def when(self, at: datetime) -> str:
        """Day and time in the reader's zone, with its name."""
        return _plain(dates.format_datetime(at, "EEE d MMM, h:mm a zzz", tzinfo=self._zone, locale=self._locale))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _plain(text: str) -> str:
    """Without narrow and unbreakable spaces, which old mail programs show as boxes."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == "en":
        return NullTranslations()
    compiled = BytesIO()
    with (FOLDER / f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
