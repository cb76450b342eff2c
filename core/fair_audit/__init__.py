"""Who is rung about, and how soon they are reached, area by area: the fair housing audit. It only looks."""

from core.fair_audit.audit import FEWEST_CONTACTS, Area, Audit, audit, compare, record_download
from core.fair_audit.measures import FOUR_FIFTHS
from core.fair_audit.proxies import Proxy
from core.fair_audit.reading import By
from core.fair_audit.report import FINDINGS, LIMITS, METHOD, sentence, to_csv, to_html

__all__ = [
    "FEWEST_CONTACTS",
    "FINDINGS",
    "FOUR_FIFTHS",
    "LIMITS",
    "METHOD",
    "Area",
    "Audit",
    "By",
    "Proxy",
    "audit",
    "compare",
    "record_download",
    "sentence",
    "to_csv",
    "to_html",
]
